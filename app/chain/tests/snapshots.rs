//! Joining from a snapshot, through the ABCI calls that CometBFT makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod common;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::TxKind;
use bytes::Bytes;
use common::{Key, Node, call, genesis};
use defchain_abci::{
    Application,
    types::{
        RequestApplySnapshotChunk, RequestInfo, RequestLoadSnapshotChunk, RequestOfferSnapshot,
        ResponseApplySnapshotChunk, response_apply_snapshot_chunk::Result as Applied,
        response_offer_snapshot::Result as Offered,
    },
};
use defchain_base::{Address, B256, Encode, Height};
use defchain_chain::{
    Chain, ChainConfig, ChainIdentity, SnapshotConfig, driver::DevDriver, payload::encode_items, records::Header,
};
use defchain_store::{
    Store, StoreOptions,
    sync::{Manifest, SaveOptions, SnapshotFolder},
};
use sha2::{Digest, Sha256};
use tendermint_proto::v0_38::abci::Snapshot;

const KEYS: u32 = 12;
const CHUNK: usize = 600;
/// Stores BLOCKHASH(NUMBER - 1) in slot 0 and BLOCKHASH(NUMBER - 5) in slot 1.
const ANCESTORS: &str = "6011600c60003960116000f36001430340600055600543034060015500";

fn config(folder: &Path, interval: u64) -> ChainConfig {
    let snapshots = SnapshotConfig { folder: folder.join("snapshots"), interval, keep: 2, chunk_bytes: CHUNK };
    ChainConfig { snapshots: Some(snapshots), ..ChainConfig::default() }
}

fn open(folder: &Path, config: ChainConfig) -> Chain {
    let options = StoreOptions { sync: false, ..StoreOptions::default() };
    Chain::open(Store::open(folder.join("store"), options).unwrap(), config).unwrap()
}

/// A chain with a contract that looks at its ancestors, called in every block.
fn origin(blocks: u64, interval: u64) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path(), config(folder.path(), interval));
    let node = Node { driver: DevDriver::start(chain, &genesis(KEYS)).unwrap(), folder };
    go_on(&node, blocks);
    node
}

fn contract() -> Address {
    Key::new(0).address().create(0)
}

fn go_on(node: &Node, blocks: u64) {
    for _ in 0..blocks {
        let nonce = node.chain().reader().latest().unwrap().height.0;
        let deploy = call(nonce, TxKind::Create, 0, hex::decode(ANCESTORS).unwrap().into(), 200_000);
        let look = call(nonce, TxKind::Call(contract()), 0, Bytes::new().into(), 100_000);
        let pay = Key::new(1).transfer(nonce, Address::repeat_byte(u8::try_from(nonce % 200).unwrap()), 7);
        node.submit([Key::new(0).send(if nonce == 0 { deploy } else { look }), pay]);
        node.block();
    }
}

/// The origin's snapshot of its newest height.
fn save(node: &Node) -> (SnapshotFolder, Manifest) {
    let folder = SnapshotFolder::new(node.folder.path().join("snapshots"));
    let options = SaveOptions { chunk_bytes: CHUNK, ..SaveOptions::default() };
    let manifest = node.chain().store().snapshot().save(&folder, options).unwrap();
    (folder, manifest)
}

fn offer_of(manifest: &Manifest) -> Snapshot {
    Snapshot {
        height: manifest.height.0,
        format: 1,
        chunks: manifest.chunk_count(),
        hash: manifest.hash().to_vec().into(),
        metadata: manifest.to_bytes().into(),
    }
}

fn offer(chain: &Chain, snapshot: Snapshot, app_hash: B256) -> Offered {
    let request = RequestOfferSnapshot { snapshot: Some(snapshot), app_hash: app_hash.to_vec().into() };
    Offered::try_from(chain.offer_snapshot(request).result).unwrap()
}

fn apply(chain: &Chain, index: u32, chunk: Bytes, sender: &str) -> ResponseApplySnapshotChunk {
    chain.apply_snapshot_chunk(RequestApplySnapshotChunk { index, chunk, sender: sender.to_owned() })
}

fn load(chain: &Chain, height: u64, chunk: u32) -> Bytes {
    chain.load_snapshot_chunk(RequestLoadSnapshotChunk { height, format: 1, chunk }).chunk
}

fn accepted(response: &ResponseApplySnapshotChunk) -> bool {
    response.result == Applied::Accept as i32
}

/// Takes the newest snapshot that `from` lists.
fn join(from: &Chain, chain: &Chain) -> Arc<Header> {
    let snapshot = from.list_snapshots().snapshots[0].clone();
    let trusted = from.reader().header(Height(snapshot.height)).unwrap().unwrap();
    assert_eq!(offer(chain, snapshot.clone(), trusted.state_root), Offered::Accept);
    for index in 0..snapshot.chunks {
        assert!(accepted(&apply(chain, index, load(from, snapshot.height, index), "peer")));
    }
    trusted
}

/// Executes the blocks of `from` above the newest, as block sync does.
fn follow(from: &Chain, to: &DevDriver) {
    let mut height = to.chain().reader().latest().unwrap().height.next();
    while let Some(block) = from.reader().block(height).unwrap() {
        let raw: Vec<_> = block.txs.iter().map(|tx| tx.tx.raw()).collect();
        let items: Vec<Bytes> = encode_items(raw.into_iter()).map(|item| item.0).to_vec();
        let header = &block.header;
        let found = to.decide(height, header.time, &header.proposer, items, header.hash);
        assert_eq!(found, header.state_root, "block {height}");
        assert_eq!(to.chain().reader().latest().unwrap(), *header);
        height = height.next();
    }
}

#[test]
fn a_node_joins_from_a_snapshot_and_executes_as_the_others_do() {
    let node = origin(9, 0);
    save(&node);
    go_on(&node, 300);
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path(), config(folder.path(), 0));
    let header = join(node.chain(), &chain);
    let info = chain.info(RequestInfo::default());
    assert_eq!((info.last_block_height, info.last_block_app_hash), (9, header.state_root.to_vec().into()));
    let reader = chain.reader();
    assert_eq!(reader.latest().unwrap(), header);
    assert_eq!(reader.height_of(&header.hash).unwrap(), Some(Height(9)));
    // BLOCKHASH reaches back over the snapshot's height: the state has the ancestors, the header the newest.
    let driver = DevDriver::start(chain.clone(), &genesis(KEYS)).unwrap();
    follow(node.chain(), &driver);
    assert_eq!(reader.latest().unwrap().height, Height(309));
    // What lies before the snapshot is not there, and the answer says what is.
    let error = reader.state(Height(8)).err().unwrap().to_string();
    assert!(error.contains("heights 9 to 309"), "{error}");
    assert!(reader.header(Height(8)).unwrap().is_none());
    // A restart finds the joined node where it stood.
    chain.shutdown();
    drop((driver, reader, chain));
    let again = open(folder.path(), ChainConfig::default());
    assert_eq!(again.reader().latest().unwrap().height, Height(309));
}

#[test]
fn snapshots_are_taken_every_so_many_blocks_and_the_newest_are_kept() {
    let node = origin(0, 4);
    let deadline = Instant::now() + Duration::from_secs(60);
    for height in [4, 8, 12] {
        go_on(&node, 4);
        // A snapshot that is due while the one before is in work is skipped: each is waited for.
        while node.chain().list_snapshots().snapshots.first().is_none_or(|newest| newest.height != height) {
            assert!(Instant::now() < deadline, "no snapshot of height {height}");
            std::thread::yield_now();
        }
    }
    let folder = SnapshotFolder::new(node.folder.path().join("snapshots"));
    while folder.heights().unwrap() != [8, 12].map(Height) {
        assert!(Instant::now() < deadline, "{:?}", folder.heights());
        std::thread::yield_now();
    }
    let trusted = node.chain().reader().header(Height(12)).unwrap().unwrap().state_root;
    assert!(folder.verify(Height(12), Some(&trusted)).unwrap().is_complete());
    assert!(load(node.chain(), 5, 0).is_empty() && load(node.chain(), 12, 9_999).is_empty());
    node.stop();
}

#[test]
fn a_snapshot_that_does_not_belong_to_the_trusted_hash_or_chain_is_refused_with_its_senders() {
    let node = origin(3, 0);
    let (_, manifest) = save(&node);
    let trusted = manifest.app_hash();
    let folder = tempfile::tempdir().unwrap();
    let own = ChainIdentity { chain_id: manifest.chain_id.clone(), genesis_hash: manifest.genesis_hash };
    let chain = open(folder.path(), ChainConfig { identity: Some(own.clone()), ..config(folder.path(), 0) });
    let good = offer_of(&manifest);
    let told = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = good.clone();
        change(&mut snapshot);
        offer(&chain, snapshot, trusted)
    };
    assert_eq!(told(&|s| s.format = 2), Offered::RejectFormat);
    assert_eq!(told(&|s| s.height += 1), Offered::RejectSender);
    assert_eq!(told(&|s| s.chunks -= 1), Offered::RejectSender);
    assert_eq!(told(&|s| s.hash = vec![1; 32].into()), Offered::RejectSender);
    assert_eq!(told(&|s| s.metadata = vec![1; 99].into()), Offered::RejectSender);
    assert_eq!(told(&|s| s.metadata = vec![1; 4 << 20].into()), Offered::RejectSender);
    assert_eq!(offer(&chain, good.clone(), B256::repeat_byte(1)), Offered::RejectSender);
    let lie = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        offer(&chain, offer_of(&manifest), trusted)
    };
    assert_eq!(lie(&|m| m.roots.swap(0, 3)), Offered::RejectSender);
    assert_eq!(lie(&|m| m.chain_id.push('x')), Offered::RejectSender);
    assert_eq!(lie(&|m| m.genesis_hash = B256::ZERO), Offered::RejectSender);
    assert_eq!(lie(&|m| m.block_hash = B256::ZERO), Offered::RejectSender);
    assert_eq!(lie(&|m| m.header.truncate(40)), Offered::RejectSender);
    assert_eq!(lie(&|m| m.chunks.clear()), Offered::RejectSender);
    assert_eq!(offer(&chain, good.clone(), trusted), Offered::Accept);
    // Who has blocks takes none.
    assert_eq!(offer(node.chain(), good, trusted), Offered::Abort);
    assert_eq!(node.chain().reader().latest().unwrap().height, Height(3));
}

#[test]
fn a_bad_chunk_is_fetched_anew_from_another_peer_and_a_restart_goes_on_where_it_was() {
    let node = origin(12, 0);
    let (_, manifest) = save(&node);
    let folder = tempfile::tempdir().unwrap();
    let chunks = manifest.chunk_count();
    assert!(chunks > 4, "{chunks}");
    for round in 0..chunks {
        let chain = open(folder.path(), config(folder.path(), 0));
        assert_eq!(chain.info(RequestInfo::default()).last_block_height, 0);
        assert_eq!(offer(&chain, offer_of(&manifest), manifest.app_hash()), Offered::Accept);
        // CometBFT starts with the first chunk after a restart; those that are there are not needed again.
        for index in 0..round {
            assert!(accepted(&apply(&chain, index, Bytes::new(), "anybody")));
        }
        let good = load(node.chain(), 12, round);
        let mut bad = good.to_vec();
        bad[good.len() / 2] ^= 1;
        for bad in [bad.into(), good.slice(1..), Bytes::new()] {
            let response = apply(&chain, round, bad, "liar");
            assert_eq!(response.result, Applied::Retry as i32);
            assert_eq!((response.refetch_chunks, response.reject_senders), (vec![round], vec!["liar".to_owned()]));
        }
        if round + 1 < chunks {
            let early = apply(&chain, round + 1, load(node.chain(), 12, round + 1), "peer");
            assert_eq!(early.result, Applied::RetrySnapshot as i32);
        }
        assert!(accepted(&apply(&chain, round, good, "peer")));
        chain.shutdown();
    }
    let chain = open(folder.path(), config(folder.path(), 0));
    let latest = chain.reader().latest().unwrap();
    assert_eq!((latest.height, latest.state_root), (Height(12), manifest.app_hash()));
    // CometBFT lost its own part before it was done: the same snapshot, or another, is taken again.
    assert_eq!(offer(&chain, offer_of(&manifest), manifest.app_hash()), Offered::Accept);
    assert_eq!(chain.info(RequestInfo::default()).last_block_height, 0);
    let unasked = apply(&open(tempfile::tempdir().unwrap().path(), ChainConfig::default()), 0, Bytes::new(), "peer");
    assert_eq!(unasked.result, Applied::Abort as i32);
}

#[test]
fn a_forged_block_record_or_chunk_drops_the_snapshot_and_a_good_one_is_taken_afterwards() {
    let node = origin(6, 0);
    let (_, manifest) = save(&node);
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path(), config(folder.path(), 0));
    // The count of transactions is in no root: only the header's digest in the state tells.
    let mut header = (*node.chain().reader().latest().unwrap()).clone();
    header.tx_count += 1;
    let forged = Manifest { header: header.to_bytes(), ..manifest.clone() };
    assert_eq!(offer(&chain, offer_of(&forged), manifest.app_hash()), Offered::Accept);
    // It shows when the chunk with the chain's head is there.
    let responses = (0..u32::try_from(manifest.chunks.len()).unwrap())
        .map(|index| apply(&chain, index, load(node.chain(), 6, index), "forger"));
    let response = responses.into_iter().find(|response| !accepted(response)).unwrap();
    assert_eq!(response.result, Applied::RejectSnapshot as i32);
    assert_eq!(response.reject_senders, ["forger"]);
    assert!(chain.store().unfinished_restore().unwrap().is_none());
    // A chunk of nonsense that its manifest lists.
    let nonsense = Bytes::from_static(b"nonsense");
    let mut forged = manifest.clone();
    forged.chunks[1] = B256::new(Sha256::digest(&nonsense).into());
    assert_eq!(offer(&chain, offer_of(&forged), manifest.app_hash()), Offered::Accept);
    assert!(accepted(&apply(&chain, 0, load(node.chain(), 6, 0), "forger")));
    assert_eq!(apply(&chain, 1, nonsense, "forger").result, Applied::RejectSnapshot as i32);
    join(node.chain(), &chain);
    assert_eq!(chain.reader().latest().unwrap(), node.chain().reader().latest().unwrap());
}

#[test]
fn a_chain_that_starts_from_genesis_drops_what_state_sync_left() {
    let node = origin(4, 0);
    let (_, manifest) = save(&node);
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path(), config(folder.path(), 0));
    assert_eq!(offer(&chain, offer_of(&manifest), manifest.app_hash()), Offered::Accept);
    assert!(accepted(&apply(&chain, 0, load(node.chain(), 4, 0), "peer")));
    let driver = DevDriver::start(chain, &genesis(KEYS)).unwrap();
    follow(node.chain(), &driver);
    assert_eq!(driver.chain().reader().latest().unwrap(), node.chain().reader().latest().unwrap());
}
