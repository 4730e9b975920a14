//! What is only asked for: the pending block, and committed blocks once more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::{Key, Node, genesis};
use defchain_base::{Address, Height, StateError, Timestamp};
use defchain_chain::ReplayError;
use defchain_evm::{ExecError, Interrupt, TraceError, Tracer};
use defchain_token::state::TokenRead;

const FRIEND: Address = Address::repeat_byte(0x77);

fn now(node: &Node) -> Timestamp {
    Timestamp(node.chain().reader().latest().unwrap().time.0 + 500)
}

#[test]
fn the_pending_block_is_kept_until_something_changes() {
    let node = Node::start(&genesis(3));
    let runner = node.chain().runner();
    let first = runner.pending(now(&node)).unwrap();
    assert!(first.txs.is_empty() && first.header.height == Height(1));
    assert!(Arc::ptr_eq(&first, &runner.pending(now(&node)).unwrap()));
    node.submit([Key::new(0).transfer(0, FRIEND, 5)]);
    let second = runner.pending(now(&node)).unwrap();
    assert_eq!(second.txs.len(), 1);
    assert_eq!(second.state.effective_balance(&FRIEND, second.env.age).unwrap().wei(), 5);
    assert!(Arc::ptr_eq(&second, &runner.pending(now(&node)).unwrap()));
    // Time goes on: balances and fees are judged anew.
    let later = Timestamp(now(&node).0 + 1_000);
    assert!(!Arc::ptr_eq(&second, &runner.pending(later).unwrap()));
    let header = node.block();
    assert_eq!((header.receipts_root, header.transactions_root), {
        let header = &second.header;
        (header.receipts_root, header.transactions_root)
    });
    let third = runner.pending(now(&node)).unwrap();
    assert!(third.txs.is_empty() && third.parent.hash == header.hash);
    // Building it changed nothing.
    assert_eq!(node.chain().reader().latest().unwrap().height, Height(1));
}

#[test]
fn a_block_that_is_executed_again_does_what_it_did() {
    let node = Node::start(&genesis(4));
    for round in 0..3 {
        node.submit((0..4).map(|n| Key::new(n).transfer(round, FRIEND, 1_000 + u128::from(n))));
        node.block();
    }
    let (reader, runner) = (node.chain().reader(), node.chain().runner());
    let tracer = Tracer::new(serde_json::from_str(r#"{"tracer":"callTracer"}"#).unwrap(), 1 << 20).unwrap();
    for height in 1..=3 {
        let block = Arc::new(reader.block(Height(height)).unwrap().unwrap());
        assert_eq!(block.txs.len(), 4);
        let mut replay = runner.replay(block.clone(), None).unwrap();
        replay.skip_to(2).unwrap();
        assert!(replay.trace_next(&tracer).unwrap().is_some());
        replay.skip_to(usize::MAX).unwrap();
        assert!(replay.trace_next(&tracer).unwrap().is_none());
        let (state, env) = replay.into_state();
        assert_eq!(env, reader.env_of(&block.header));
        let after = reader.state(Height(height)).unwrap();
        let balance = |state: &defchain_chain::StateAt| state.effective_balance(&FRIEND, env.age).unwrap();
        assert_eq!(balance(&state), balance(&after));
    }
    let genesis = Arc::new(reader.block(Height(0)).unwrap().unwrap());
    assert!(matches!(runner.replay(genesis, None), Err(ReplayError::Genesis)));
}

#[test]
fn a_replay_whose_records_do_not_fit_is_no_trace_and_one_can_be_interrupted() {
    let node = Node::start(&genesis(60));
    node.submit((0..60).map(|n| Key::new(n).transfer(0, FRIEND, 9)));
    node.block();
    let (reader, runner) = (node.chain().reader(), node.chain().runner());
    let block = reader.block(Height(1)).unwrap().unwrap();
    let interrupted = Some(Interrupt::new(|| true));
    let mut replay = runner.replay(Arc::new(block.clone()), interrupted).unwrap();
    let error = replay.skip_to(usize::MAX).unwrap_err();
    assert!(
        matches!(error, ReplayError::Trace(TraceError::Exec(ExecError::State(StateError::Interrupted)))),
        "{error}"
    );
    let mut damaged = block;
    damaged.receipts[3].gas_used += 1;
    let mut replay = runner.replay(Arc::new(damaged), None).unwrap();
    let error = replay.skip_to(usize::MAX).unwrap_err().to_string();
    assert!(error.contains("transaction 3 of block 1 used 21000 gas") && error.contains("21001"), "{error}");
}
