//! A small application whose answers depend on the requests, and a server around it on its own thread.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use defchain_abci::types::*;
use defchain_abci::{
    AbciApplication, Address, Application, Call, Client, DEFAULT_MAX_MESSAGE_BYTES, Error, FinishedCall, Observer,
    ServerBuilder, ShutdownHandle,
};

/// Longer than any test needs: a hang fails a test instead of stopping the suite.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// FinalizeBlock of this height waits until it is let go.
pub const SLOW_HEIGHT: i64 = 77;
/// A query of this path panics.
pub const PANIC_PATH: &str = "/panic";

#[derive(Clone)]
pub struct TestApp {
    entered: Sender<()>,
    release: Arc<Mutex<Receiver<()>>>,
}

/// The other side of a slow call.
pub struct Gate {
    pub entered: Receiver<()>,
    pub release: Sender<()>,
}

impl TestApp {
    pub fn new() -> (Self, Gate) {
        let (entered, has_entered) = channel();
        let (release, wait) = channel();
        let app = Self { entered, release: Arc::new(Mutex::new(wait)) };
        (app, Gate { entered: has_entered, release })
    }
}

impl Application for TestApp {
    fn info(&self, r: RequestInfo) -> ResponseInfo {
        ResponseInfo { data: "test".into(), version: r.version, app_version: r.p2p_version, ..Default::default() }
    }

    fn init_chain(&self, r: RequestInitChain) -> ResponseInitChain {
        ResponseInitChain { app_hash: r.app_state_bytes, validators: r.validators, ..Default::default() }
    }

    fn query(&self, r: RequestQuery) -> ResponseQuery {
        assert_ne!(r.path, PANIC_PATH, "told to");
        ResponseQuery { key: r.data.clone(), value: r.data, height: r.height, ..Default::default() }
    }

    fn check_tx(&self, r: RequestCheckTx) -> ResponseCheckTx {
        ResponseCheckTx { code: r.tx.len() as u32, data: r.tx, ..Default::default() }
    }

    fn commit(&self) -> ResponseCommit {
        ResponseCommit { retain_height: 41 }
    }

    fn list_snapshots(&self) -> ResponseListSnapshots {
        ResponseListSnapshots { snapshots: vec![Snapshot { height: 9, chunks: 2, ..Default::default() }] }
    }

    fn offer_snapshot(&self, r: RequestOfferSnapshot) -> ResponseOfferSnapshot {
        ResponseOfferSnapshot { result: r.app_hash.len() as i32 }
    }

    fn load_snapshot_chunk(&self, r: RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        ResponseLoadSnapshotChunk { chunk: vec![r.chunk as u8; 3].into() }
    }

    fn apply_snapshot_chunk(&self, r: RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        ResponseApplySnapshotChunk { result: 1, refetch_chunks: vec![r.index], reject_senders: vec![r.sender] }
    }

    fn prepare_proposal(&self, r: RequestPrepareProposal) -> ResponsePrepareProposal {
        ResponsePrepareProposal { txs: vec![Bytes::from(r.max_tx_bytes.to_string())] }
    }

    fn process_proposal(&self, r: RequestProcessProposal) -> ResponseProcessProposal {
        ResponseProcessProposal { status: r.txs.len() as i32 }
    }

    fn extend_vote(&self, r: RequestExtendVote) -> ResponseExtendVote {
        ResponseExtendVote { vote_extension: r.hash }
    }

    fn verify_vote_extension(&self, r: RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension {
        ResponseVerifyVoteExtension { status: r.vote_extension.len() as i32 }
    }

    fn finalize_block(&self, r: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        if r.height == SLOW_HEIGHT {
            self.entered.send(()).unwrap();
            self.release.lock().unwrap().recv().unwrap();
        }
        ResponseFinalizeBlock { app_hash: Bytes::from(r.height.to_be_bytes().to_vec()), ..Default::default() }
    }
}

impl AbciApplication for TestApp {
    fn insert_tx(&self, r: RequestInsertTx) -> ResponseInsertTx {
        ResponseInsertTx { code: 32_000 + r.tx.len() as u32 }
    }

    fn reap_txs(&self, r: RequestReapTxs) -> ResponseReapTxs {
        ResponseReapTxs { txs: vec![vec![7; r.max_bytes as usize].into(), Bytes::from(r.max_gas.to_string())] }
    }
}

pub fn finalize(height: i64) -> RequestFinalizeBlock {
    RequestFinalizeBlock { height, ..Default::default() }
}

#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Unix,
    Tcp,
}

pub const BOTH: [Transport; 2] = [Transport::Unix, Transport::Tcp];

/// A server on its own thread.
pub struct Running {
    pub address: Address,
    pub handle: ShutdownHandle,
    pub gate: Gate,
    outcome: Receiver<Result<(), Error>>,
    folder: tempfile::TempDir,
}

impl Running {
    pub fn start(transport: Transport) -> Self {
        Self::start_with(transport, ServerBuilder::new())
    }

    pub fn start_with(transport: Transport, builder: ServerBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked: Address = match transport {
            Transport::Unix => format!("unix://{}/abci.sock", folder.path().display()).parse().unwrap(),
            Transport::Tcp => "tcp://127.0.0.1:0".parse().unwrap(),
        };
        let (app, gate) = TestApp::new();
        let server = builder.bind(&asked, app).unwrap();
        let address = server.address().clone();
        let handle = server.shutdown_handle();
        let (sender, outcome) = channel();
        thread::spawn(move || sender.send(server.run()));
        Self { address, handle, gate, outcome, folder }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.address, DEFAULT_MAX_MESSAGE_BYTES).unwrap()
    }

    /// Four connections in CometBFT's order: query, snapshot, mempool, consensus. Three have spoken.
    pub fn comet(&self) -> [Client; 4] {
        let mut four = [self.client(), self.client(), self.client(), self.client()];
        speak(&mut four);
        four
    }

    /// What `run` returned.
    pub fn outcome(&self) -> Result<(), Error> {
        self.outcome.recv_timeout(PATIENCE).expect("run did not return")
    }

    /// Shuts down in order.
    pub fn stop(self) {
        self.handle.shutdown();
        self.outcome().unwrap();
        if let Address::Unix(path) = &self.address {
            assert!(!path.exists(), "the socket's file is left behind");
        }
        drop(self.folder);
    }
}

pub fn speak([query, _, mempool, consensus]: &mut [Client; 4]) {
    query.info(RequestInfo::default()).unwrap();
    mempool.check_tx(RequestCheckTx::default()).unwrap();
    consensus.finalize_block(finalize(1)).unwrap();
}

/// Counts what it sees.
#[derive(Default)]
pub struct Counter {
    pub calls: Mutex<BTreeMap<Call, u64>>,
    pub opened: Mutex<Vec<u64>>,
    pub closed: Mutex<Vec<u64>>,
    pub bytes: Mutex<(usize, usize)>,
}

impl Observer for Counter {
    fn connection_opened(&self, connection: u64) {
        self.opened.lock().unwrap().push(connection);
    }

    fn connection_closed(&self, connection: u64) {
        self.closed.lock().unwrap().push(connection);
    }

    fn call_finished(&self, finished: &FinishedCall<'_>) {
        *self.calls.lock().unwrap().entry(finished.call).or_default() += 1;
        let mut bytes = self.bytes.lock().unwrap();
        bytes.0 += finished.request.len();
        bytes.1 += finished.response.len();
    }
}
