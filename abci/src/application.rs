//! The application that the server serves, and how a request finds its method.

use tendermint_abci::Application;

use crate::types::{RequestInsertTx, RequestReapTxs, ResponseInsertTx, ResponseReapTxs, request, response};

/// An ABCI 2.0 application behind CometBFT v0.40: the stock trait and the two calls of the `app` mempool.
///
/// It is cloned for each connection, and the four clones are called at the same time.
pub trait AbciApplication: Application {
    /// One gossiped item. Called in the peer's receive thread and in order with `CheckTx` and `Flush`, so it
    /// only queues. Code 0: taken; 32,000 and above: offer it again; any other: never again.
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx;

    /// Items to gossip, within the request's bounds.
    fn reap_txs(&self, request: RequestReapTxs) -> ResponseReapTxs;
}

/// Calls the method that the request names. The answer is always of the same call.
pub fn dispatch<A: AbciApplication>(application: &A, request: request::Value) -> response::Value {
    use request::Value as Ask;
    use response::Value as Answer;
    match request {
        Ask::Echo(r) => Answer::Echo(application.echo(r)),
        Ask::Flush(_) => Answer::Flush(application.flush()),
        Ask::Info(r) => Answer::Info(application.info(r)),
        Ask::InitChain(r) => Answer::InitChain(application.init_chain(r)),
        Ask::Query(r) => Answer::Query(application.query(r)),
        Ask::CheckTx(r) => Answer::CheckTx(application.check_tx(r)),
        Ask::Commit(_) => Answer::Commit(application.commit()),
        Ask::ListSnapshots(_) => Answer::ListSnapshots(application.list_snapshots()),
        Ask::OfferSnapshot(r) => Answer::OfferSnapshot(application.offer_snapshot(r)),
        Ask::LoadSnapshotChunk(r) => Answer::LoadSnapshotChunk(application.load_snapshot_chunk(r)),
        Ask::ApplySnapshotChunk(r) => Answer::ApplySnapshotChunk(application.apply_snapshot_chunk(r)),
        Ask::PrepareProposal(r) => Answer::PrepareProposal(application.prepare_proposal(r)),
        Ask::ProcessProposal(r) => Answer::ProcessProposal(application.process_proposal(r)),
        Ask::ExtendVote(r) => Answer::ExtendVote(application.extend_vote(r)),
        Ask::VerifyVoteExtension(r) => Answer::VerifyVoteExtension(application.verify_vote_extension(r)),
        Ask::FinalizeBlock(r) => Answer::FinalizeBlock(application.finalize_block(r)),
        Ask::InsertTx(r) => Answer::InsertTx(application.insert_tx(r)),
        Ask::ReapTxs(r) => Answer::ReapTxs(application.reap_txs(r)),
    }
}
