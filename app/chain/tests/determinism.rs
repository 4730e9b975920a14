//! Same blocks, same app hash: whatever path executed them, however many threads, after a restart.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use alloy_primitives::TxKind;
use common::{GENESIS_TIME, Key, Node, call, genesis};
use defchain_base::{Address, B256, Bytes, Height, Timestamp};
use defchain_chain::Block;

const KEYS: u32 = 20;

/// Init code of a contract that adds one to slot 0 and logs the sum under topic 7.
fn counter() -> Bytes {
    // push0 sload push1(1) add dup1 push0 sstore push0 mstore push1(7) push1(32) push0 log1 stop
    let runtime = alloy_primitives::hex!("5f54600101805f555f52600760205fa100");
    // codecopy(0, 10, 17) and return(0, 17): the runtime follows these ten bytes.
    let mut init = alloy_primitives::hex!("6011600a5f3960115ff3").to_vec();
    init.extend_from_slice(&runtime);
    init.into()
}

/// Transfers, a creation and calls: the same script for every run.
fn script(height: u64) -> Vec<Bytes> {
    let mut txs = Vec::new();
    for n in 0..KEYS {
        let key = Key::new(n);
        let to = Key::new((n + u32::try_from(height).unwrap()) % KEYS).address();
        txs.push(key.transfer(height - 1, to, u128::from(n) * 1_000 + u128::from(height)));
    }
    let deployer = Key::new(KEYS);
    txs.push(match height {
        1 => deployer.send(call(0, TxKind::Create, 0, counter(), 200_000)),
        _ => deployer.send(call(height - 1, TxKind::Call(deployer.address().create(0)), 0, Bytes::new(), 100_000)),
    });
    txs
}

fn time(height: u64) -> Timestamp {
    Timestamp(GENESIS_TIME.0 + height * 700)
}

/// Ten blocks through the pool and the whole of ABCI.
fn live_run() -> (Vec<Block>, Vec<B256>) {
    let node = Node::start(&genesis(KEYS + 1));
    let mut blocks = Vec::new();
    let mut hashes = Vec::new();
    for height in 1..=10 {
        node.submit(script(height));
        let header = node.driver.block(time(height)).unwrap();
        assert_eq!(header.tx_count, KEYS + 1, "height {height}");
        hashes.push(header.state_root);
        blocks.push(node.chain().reader().block(Height(height)).unwrap().unwrap());
    }
    (blocks, hashes)
}

/// The same blocks through FinalizeBlock and Commit alone, as replay does.
fn replay(blocks: &[Block], threads: usize) -> Vec<B256> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let node = Node::start(&genesis(KEYS + 1));
        blocks.iter().map(|block| decide(&node, block)).collect()
    })
}

fn decide(node: &Node, block: &Block) -> B256 {
    let raw: Vec<Bytes> = block.txs.iter().map(|tx| tx.tx.raw().clone()).collect();
    let items = defchain_chain::payload::encode_items(raw.iter()).map(|item| item.0).to_vec();
    let header = &block.header;
    node.driver.decide(header.height, header.time, &header.proposer, items, header.hash)
}

#[test]
fn replay_with_one_and_two_threads_gives_the_same_app_hashes() {
    let (blocks, hashes) = live_run();
    assert_eq!(replay(&blocks, 1), hashes);
    assert_eq!(replay(&blocks, 2), hashes);
    assert_eq!(
        hashes.iter().collect::<std::collections::BTreeSet<_>>().len(),
        hashes.len(),
        "each block changes state"
    );
}

/// Frozen: a change here is a change of consensus. Regenerate only with a new app version and a line in CHANGELOG.md.
#[test]
fn the_script_has_its_golden_app_hash() {
    let (blocks, hashes) = live_run();
    insta::assert_snapshot!("golden_app_hash", format!("{}\n{}", hashes[0], hashes[9]));
    let caller = Key::new(KEYS).address();
    let call = blocks[9].receipts.iter().find(|receipt| receipt.from == caller).unwrap();
    assert!(call.success);
    assert_eq!(call.logs[0].data.data.last(), Some(&9), "nine calls after the creation");
}

#[test]
fn a_restarted_node_goes_on_where_it_stood() {
    let (blocks, hashes) = live_run();
    let mut node = Node::start(&genesis(KEYS + 1));
    for (block, expected) in blocks.iter().zip(&hashes) {
        assert_eq!(decide(&node, block), *expected);
        let folder = node.stop();
        node = Node::open(folder, &genesis(KEYS + 1));
        let latest = node.chain().reader().latest().unwrap();
        assert_eq!((latest.height, latest.state_root), (block.header.height, *expected));
    }
}

#[test]
fn blocks_hashes_and_receipts_are_found_by_every_index() {
    let node = Node::start(&genesis(KEYS + 1));
    node.submit(script(1));
    let header = node.driver.block(time(1)).unwrap();
    let reader = node.chain().reader();
    assert_eq!(reader.height_of(&header.hash).unwrap(), Some(Height(1)));
    let block = reader.block(Height(1)).unwrap().unwrap();
    for (i, tx) in block.txs.iter().enumerate() {
        assert_eq!(reader.tx_location(&tx.tx.hash()).unwrap(), Some((Height(1), u32::try_from(i).unwrap())));
    }
    node.submit(script(2));
    node.driver.block(time(2)).unwrap();
    let contract = Key::new(KEYS).address().create(0);
    let term = contract.into_word();
    assert_eq!(reader.heights_with_term(&term, Height(0), Height(9), 10).unwrap(), [Height(2)]);
    let nobody = Address::repeat_byte(0xee).into_word();
    assert!(reader.heights_with_term(&nobody, Height(0), Height(9), 10).unwrap().is_empty());
}
