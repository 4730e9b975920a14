//! The other end of the wire: for tests, tools and replays against a running server.

use std::net::Shutdown;

use crate::address::Address;
use crate::call::Call;
use crate::error::Error;
use crate::frame::{FrameReader, FrameWriter};
use crate::transport::Stream;
use crate::types::{
    Request, RequestApplySnapshotChunk, RequestCheckTx, RequestCommit, RequestEcho, RequestExtendVote,
    RequestFinalizeBlock, RequestFlush, RequestInfo, RequestInitChain, RequestInsertTx, RequestListSnapshots,
    RequestLoadSnapshotChunk, RequestOfferSnapshot, RequestPrepareProposal, RequestProcessProposal, RequestQuery,
    RequestReapTxs, RequestVerifyVoteExtension, ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit,
    ResponseEcho, ResponseExtendVote, ResponseFinalizeBlock, ResponseInfo, ResponseInitChain, ResponseInsertTx,
    ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal,
    ResponseProcessProposal, ResponseQuery, ResponseReapTxs, ResponseVerifyVoteExtension, request, response,
};
use crate::wire::decode_response;

/// One blocking connection to an ABCI server. Dropping it closes the connection.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    reader: FrameReader<Stream>,
    writer: FrameWriter<Stream>,
}

impl Client {
    /// Dials once.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn connect(address: &Address, max_message_bytes: usize) -> Result<Self, Error> {
        let stream = Stream::connect(address)?;
        let failed = |source| Error::Connect { address: address.to_string(), source };
        let reader = FrameReader::new(stream.try_clone().map_err(failed)?, max_message_bytes);
        let writer = FrameWriter::new(stream.try_clone().map_err(failed)?, max_message_bytes);
        Ok(Self { stream, reader, writer })
    }

    /// Puts a request into the buffer, behind those already there.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Io`].
    pub fn send(&mut self, request: request::Value) -> Result<(), Error> {
        self.writer.push(&Request::from(request)).map(|_| ())
    }

    /// Sends what is in the buffer. This is not ABCI's `Flush`, which is a request like any other.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// The next answer, in the order of the requests.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Torn`], [`Error::Io`], and what is wrong with the answer.
    pub fn receive(&mut self) -> Result<response::Value, Error> {
        match self.reader.read()? {
            Some(bytes) => decode_response(bytes),
            None => Err(Error::Closed),
        }
    }

    /// Asks and waits, with a `Flush` behind the request as CometBFT sends it.
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::receive`]; [`Error::Exception`], [`Error::WrongAnswer`].
    pub fn call(&mut self, request: request::Value) -> Result<response::Value, Error> {
        let asked = request.call();
        let sent = self.send(request).and_then(|()| {
            if asked != Call::Flush {
                self.send(request::Value::Flush(RequestFlush {}))?;
            }
            self.flush()
        });
        if let Err(error) = sent {
            // A server that gave us up may have said why before it closed.
            if let Ok(response::Value::Exception(exception)) = self.receive() {
                return Err(Error::Exception { call: asked, message: exception.error });
            }
            return Err(error);
        }
        let answer = self.expect(asked)?;
        if asked != Call::Flush {
            self.expect(Call::Flush)?;
        }
        Ok(answer)
    }

    /// Closes the connection both ways; the server notices at once.
    pub fn close(self) {
        self.stream.shutdown(Shutdown::Both);
    }

    fn expect(&mut self, asked: Call) -> Result<response::Value, Error> {
        match self.receive()? {
            response::Value::Exception(exception) => Err(Error::Exception { call: asked, message: exception.error }),
            answer if answer.call() == Some(asked) => Ok(answer),
            other => Err(Error::WrongAnswer { asked, got: other.name() }),
        }
    }
}

impl response::Value {
    /// The answered call's name, or `Exception`.
    pub fn name(&self) -> &'static str {
        self.call().map_or("Exception", Call::name)
    }
}

macro_rules! typed_calls {
    ($($method:ident: $variant:ident($request:ty) -> $response:ty;)*) => {
        impl Client {
            $(
                #[doc = concat!("Calls `", stringify!($variant), "`.")]
                ///
                /// # Errors
                /// As [`Self::call`].
                pub fn $method(&mut self, request: $request) -> Result<$response, Error> {
                    match self.call(request::Value::$variant(request))? {
                        response::Value::$variant(answer) => Ok(answer),
                        other => Err(Error::WrongAnswer { asked: Call::$variant, got: other.name() }),
                    }
                }
            )*
        }
    };
}

typed_calls! {
    echo: Echo(RequestEcho) -> ResponseEcho;
    info: Info(RequestInfo) -> ResponseInfo;
    init_chain: InitChain(RequestInitChain) -> ResponseInitChain;
    query: Query(RequestQuery) -> ResponseQuery;
    check_tx: CheckTx(RequestCheckTx) -> ResponseCheckTx;
    commit: Commit(RequestCommit) -> ResponseCommit;
    list_snapshots: ListSnapshots(RequestListSnapshots) -> ResponseListSnapshots;
    offer_snapshot: OfferSnapshot(RequestOfferSnapshot) -> ResponseOfferSnapshot;
    load_snapshot_chunk: LoadSnapshotChunk(RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk;
    apply_snapshot_chunk: ApplySnapshotChunk(RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk;
    prepare_proposal: PrepareProposal(RequestPrepareProposal) -> ResponsePrepareProposal;
    process_proposal: ProcessProposal(RequestProcessProposal) -> ResponseProcessProposal;
    extend_vote: ExtendVote(RequestExtendVote) -> ResponseExtendVote;
    verify_vote_extension: VerifyVoteExtension(RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension;
    finalize_block: FinalizeBlock(RequestFinalizeBlock) -> ResponseFinalizeBlock;
    insert_tx: InsertTx(RequestInsertTx) -> ResponseInsertTx;
    reap_txs: ReapTxs(RequestReapTxs) -> ResponseReapTxs;
}
