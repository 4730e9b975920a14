//! The ABCI calls, one file each. This file only names them.

mod check_tx;
mod commit;
mod extend_vote;
mod finalize;
mod gossip;
mod info;
mod init_chain;
mod prepare;
mod process;
mod query;
mod snapshots;
mod verify;

use defchain_abci::{
    AbciApplication, Application,
    types::{
        CommitInfo, ExtendedCommitInfo, RequestApplySnapshotChunk, RequestCheckTx, RequestExtendVote,
        RequestFinalizeBlock, RequestInfo, RequestInitChain, RequestInsertTx, RequestLoadSnapshotChunk,
        RequestOfferSnapshot, RequestPrepareProposal, RequestProcessProposal, RequestQuery, RequestReapTxs,
        RequestVerifyVoteExtension, ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit, ResponseExtendVote,
        ResponseFinalizeBlock, ResponseInfo, ResponseInitChain, ResponseInsertTx, ResponseListSnapshots,
        ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal, ResponseProcessProposal,
        ResponseQuery, ResponseReapTxs, ResponseVerifyVoteExtension, ValidatorUpdate, VoteInfo,
    },
};
use defchain_base::{ConsensusAddress, Height, Timestamp};
use tendermint_proto::{
    google::protobuf::Timestamp as ProtoTime,
    v0_38::{
        crypto::{PublicKey, public_key::Sum},
        types::{ConsensusParams, VersionParams},
    },
};

pub(crate) use commit::Decided;

use crate::{Chain, lifecycle::PowerUpdate};

impl Application for Chain {
    fn info(&self, request: RequestInfo) -> ResponseInfo {
        self.inner.info(&request)
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        self.inner.init_chain(&request)
    }

    fn query(&self, request: RequestQuery) -> ResponseQuery {
        self.inner.query(&request)
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        self.inner.check_tx(request)
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        self.inner.prepare_proposal(request)
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        self.inner.process_proposal(request)
    }

    fn extend_vote(&self, request: RequestExtendVote) -> ResponseExtendVote {
        self.inner.extend_vote(&request)
    }

    fn verify_vote_extension(&self, request: RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension {
        self.inner.verify_vote_extension(&request)
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.inner.finalize_block(request)
    }

    fn commit(&self) -> ResponseCommit {
        self.inner.commit()
    }

    fn list_snapshots(&self) -> ResponseListSnapshots {
        self.inner.list_snapshots()
    }

    fn offer_snapshot(&self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot {
        self.inner.offer_snapshot(&request)
    }

    fn load_snapshot_chunk(&self, request: RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        self.inner.load_snapshot_chunk(&request)
    }

    fn apply_snapshot_chunk(&self, request: RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        self.inner.apply_snapshot_chunk(&request)
    }
}

impl AbciApplication for Chain {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        self.inner.insert_tx(request)
    }

    fn reap_txs(&self, request: RequestReapTxs) -> ResponseReapTxs {
        self.inner.reap_txs(&request)
    }
}

/// CometBFT's heights are signed; a negative one is none.
fn height(raw: i64) -> Height {
    Height(u64::try_from(raw).unwrap_or(0))
}

/// CometBFT's view of a height.
fn raw_height(height: Height) -> i64 {
    i64::try_from(height.0).unwrap_or(i64::MAX)
}

/// Whole milliseconds of a header time; times before 1970 do not occur.
pub(crate) fn timestamp(time: Option<ProtoTime>) -> Timestamp {
    let Some(time) = time else { return Timestamp(0) };
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    let nanos = u64::try_from(time.nanos).unwrap_or(0);
    Timestamp(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
}

/// The change of consensus parameters that tells CometBFT the app version of the headers from the next block on.
fn app_version(app: u64) -> ConsensusParams {
    ConsensusParams { version: Some(VersionParams { app }), ..Default::default() }
}

/// A change of CometBFT's validator set.
fn validator_update(update: &PowerUpdate) -> ValidatorUpdate {
    ValidatorUpdate {
        pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(update.key.to_vec())) }),
        power: i64::try_from(update.power).unwrap_or(i64::MAX),
    }
}

/// A header's proposer; all zeros, which is nobody, when the field has not 20 bytes.
fn proposer(raw: &[u8]) -> ConsensusAddress {
    ConsensusAddress::try_from(raw).unwrap_or_default()
}

/// The commit that the next block will carry, as ProcessProposal and FinalizeBlock will see it.
pub(crate) fn plain_commit(extended: Option<ExtendedCommitInfo>) -> CommitInfo {
    let extended = extended.unwrap_or_default();
    let votes = extended
        .votes
        .into_iter()
        .map(|vote| VoteInfo { validator: vote.validator, block_id_flag: vote.block_id_flag })
        .collect();
    CommitInfo { round: extended.round, votes }
}
