//! The development chain: what its driver declares reaches blocks by the path of every block, money stays exact, and
//! what is taken back is gone.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::{sync::Arc, time::Duration};

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{TxKind, hex};
use common::{GENESIS_TIME, GWEI, Key, Node, call, genesis, operator};
use defchain_abci::{Application, types::RequestInfo};
use defchain_base::{
    Address, Amount, B256, Bytes, Height, StateRead, Substore, U256, read_exact_value, system::Pool,
    tx::unsigned_signature,
};
use defchain_chain::{
    Chain, ChainConfig, StateAt,
    driver::{DevDriver, DevNode, DriverError, Edit, Mining, StateDump},
};
use defchain_evm::state::EvmRead;
use defchain_store::{Store, StoreOptions};
use defchain_token::{AccountRecord, state::TokenRead};
use tempfile::TempDir;

/// Logs its caller's call: LOG1 with topic 42.
const LOGGER: &[u8] = &hex!("602a60006000a100");
/// Stores its caller in slot 0.
const CALLER: &[u8] = &hex!("3360005500");

fn open(folder: &TempDir, mining: Mining) -> Arc<DevNode> {
    let options = StoreOptions { sync: false, ..StoreOptions::default() };
    let store = Store::open(folder.path().join("store"), options).unwrap();
    let chain = Chain::open_dev(store, ChainConfig::default()).unwrap();
    DevNode::new(DevDriver::start(chain, &genesis(3)).unwrap(), mining).unwrap()
}

fn dev(mining: Mining) -> (Arc<DevNode>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&folder, mining), folder)
}

fn state(node: &DevNode) -> StateAt {
    node.chain().reader().latest_state().unwrap().1
}

fn height(node: &DevNode) -> u64 {
    node.chain().reader().latest().unwrap().height.0
}

/// D4: the supply is what the accounts and pools hold together.
#[track_caller]
fn money_is_exact(node: &DevNode) {
    let state = state(node);
    let params = state.token_params().unwrap();
    let accounts = state.range_raw(Substore::Evm, b"a", b"b", usize::MAX).unwrap();
    let held = accounts
        .iter()
        .map(|(_, value)| read_exact_value::<AccountRecord>(value).unwrap().nominal_balance(&params).unwrap().wei());
    let pools = Pool::ALL.iter().map(|pool| state.pool(*pool).unwrap().wei());
    assert_eq!(held.chain(pools).sum::<u128>(), state.total_supply().unwrap().wei());
}

fn add(node: &DevNode, raw: Bytes) -> B256 {
    node.chain().pool().add_local(raw).unwrap()
}

fn unsigned(from: Address, nonce: u64, to: Address) -> Bytes {
    let tx = call(nonce, TxKind::Call(to), 0, Bytes::new(), 100_000);
    TxEnvelope::from(tx.into_signed(unsigned_signature(from))).encoded_2718().into()
}

#[test]
fn what_is_set_by_hand_is_seen_at_once_and_is_in_the_chain_with_the_next_block() {
    let (node, folder) = dev(Mining::Manual);
    let (rich, coded) = (Address::repeat_byte(0x77), Address::repeat_byte(0x78));
    let before = node.chain().reader().latest().unwrap();
    node.edit(&[
        Edit::Balance(rich, U256::from(5_000_000_000_000_000_000_000_000_u128)),
        Edit::Nonce(rich, 9),
        Edit::Code(coded, Bytes::from_static(LOGGER)),
        Edit::Storage(coded, U256::from(3), U256::from(4)),
    ])
    .unwrap();
    let check = |state: &StateAt| {
        assert_eq!(state.nominal_balance(&rich).unwrap(), Amount::from_def(5_000_000));
        assert_eq!(state.account(&rich).unwrap().unwrap().nonce, 9);
        assert_eq!(state.code(&coded).unwrap().as_ref(), LOGGER);
        assert_eq!(state.storage(coded, U256::from(3)).unwrap(), U256::from(4));
    };
    check(&state(&node));
    money_is_exact(&node);
    assert_eq!(node.chain().reader().latest().unwrap(), before, "no block is made for it");
    node.mine(1, Duration::ZERO).unwrap();
    check(&state(&node));
    money_is_exact(&node);
    // The block began with the edits: whoever executes it again finds them.
    check(&node.chain().reader().state_before(Height(1)).unwrap());
    assert!(node.chain().reader().state(Height(0)).unwrap().account(&rich).unwrap().is_none());
    let root = node.chain().reader().latest().unwrap().state_root;
    node.chain().shutdown();
    drop(node);
    let again = open(&folder, Mining::Manual);
    assert_eq!(again.chain().reader().latest().unwrap().state_root, root);
    check(&state(&again));
}

#[test]
fn money_set_to_less_or_nothing_is_burned() {
    let (node, _folder) = dev(Mining::Manual);
    let key = Key::new(1).address();
    let supply = state(&node).total_supply().unwrap();
    node.edit(&[Edit::Balance(key, U256::from(1))]).unwrap();
    assert_eq!(state(&node).total_supply().unwrap().wei(), supply.wei() - Amount::from_def(1_000).wei() + 1);
    node.edit(&[Edit::Balance(key, U256::ZERO)]).unwrap();
    assert!(state(&node).account(&key).unwrap().is_none(), "an empty account is none");
    node.edit(&[Edit::AddBalance(key, U256::from(7))]).unwrap();
    money_is_exact(&node);
    add(&node, Key::new(2).transfer(0, key, 5));
    node.mine(1, Duration::ZERO).unwrap();
    assert_eq!(state(&node).nominal_balance(&key).unwrap().wei(), 12);
    money_is_exact(&node);
}

#[test]
fn what_no_state_may_have_is_refused_with_figures_and_changes_nothing() {
    let (node, _folder) = dev(Mining::Manual);
    let address = Address::repeat_byte(0x77);
    let refused = |edits: &[Edit], why: &str| {
        let error = node.edit(edits).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&[Edit::Balance(address, U256::MAX)], "at most 2^128 - 1");
    refused(&[Edit::Balance(address, U256::from(u128::MAX))], "overflow");
    refused(&[Edit::Nonce(address, u64::MAX)], "at most 18446744073709551614");
    refused(&[Edit::Code(address, vec![0; 24_577].into())], "24577 bytes, at most 24576");
    refused(&[Edit::Code(address, vec![0xef, 1, 2].into())], "no EIP-7702 delegation");
    refused(&[Edit::Code(defchain_base::system::TOKEN, vec![0].into())], "an address of the protocol");
    refused(&[Edit::GasLimit(21_000)], "block_gas_limit is 21000, must be 16777216 to");
    refused(&[Edit::Nonce(address, 5), Edit::GasLimit(1)], "block_gas_limit");
    assert!(state(&node).account(&address).unwrap().is_none());
}

#[test]
fn a_network_chain_takes_no_declarations_and_a_development_chain_no_network() {
    let node = Node::start(&genesis(1));
    let driver = DevDriver::start(node.chain().clone(), &genesis(1)).unwrap();
    assert!(matches!(DevNode::new(driver, Mining::Auto), Err(DriverError::NotDev)));
    // An unsigned transaction is refused at every door of such a chain.
    let raw = unsigned(Key::new(0).address(), 0, operator());
    assert!(node.chain().pool().add_local(raw.clone()).is_err());
    let items = defchain_chain::payload::encode_items([&raw].into_iter()).map(|item| item.0);
    let head = node.chain().reader().latest().unwrap();
    let proposer = node.driver.proposer(&head).unwrap();
    let (time, hash) = (defchain_base::Timestamp(head.time.0 + 1), B256::repeat_byte(1));
    assert!(!node.driver.process(Height(1), time, &proposer, &items, hash));
    node.driver.decide(Height(1), time, &proposer, items.to_vec(), hash);
    assert_eq!(node.chain().reader().latest().unwrap().tx_count, 0, "it is skipped even when it was decided");

    let (dev, _folder) = dev(Mining::Auto);
    let hello = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dev.chain().info(RequestInfo::default())));
    assert!(hello.is_err());
}

#[test]
fn a_contract_acts_without_a_signature_once_it_can_pay() {
    let (node, _folder) = dev(Mining::Auto);
    let (contract, target) = (Address::repeat_byte(0x70), Address::repeat_byte(0x71));
    node.edit(&[Edit::Code(contract, Bytes::from_static(LOGGER)), Edit::Code(target, Bytes::from_static(CALLER))])
        .unwrap();
    let poor = node.send_unsigned(unsigned(contract, 0, target)).unwrap_err().to_string();
    assert!(poor.contains("insufficient funds"), "{poor}");
    node.edit(&[Edit::Balance(contract, Amount::ONE_DEF.to_u256())]).unwrap();
    let hash = node.send_unsigned(unsigned(contract, 0, target)).unwrap();
    node.settle().unwrap();
    assert_eq!(state(&node).storage(target, U256::ZERO).unwrap(), U256::from_be_bytes(contract.into_word().0));
    let block = node.chain().reader().block(Height(1)).unwrap().unwrap();
    assert_eq!((block.txs[0].tx.hash(), block.txs[0].sender, block.receipts[0].success), (hash, contract, true));
    money_is_exact(&node);
    // A signed one is not let in by this door.
    let signed = node.send_unsigned(Key::new(0).transfer(0, target, 1));
    assert!(signed.is_err() && node.chain().pool().status().pending == 0);
}

#[test]
fn taking_blocks_back_takes_back_everything_and_tells_of_logs() {
    let (node, _folder) = dev(Mining::Manual);
    let logger = Address::repeat_byte(0x70);
    node.edit(&[Edit::Code(logger, Bytes::from_static(LOGGER))]).unwrap();
    node.mine(1, Duration::ZERO).unwrap();
    let key = Key::new(0);
    let waiting = add(&node, key.transfer(0, operator(), 1));
    node.edit(&[Edit::Storage(logger, U256::from(1), U256::from(1))]).unwrap();
    let before = node.chain().reader().latest().unwrap();
    let id = node.snapshot().unwrap();
    let mut news = node.chain().subscribe();

    node.edit(&[Edit::Storage(logger, U256::from(1), U256::from(2))]).unwrap();
    let log = add(&node, key.send(call(1, TxKind::Call(logger), 0, Bytes::new(), 100_000)));
    node.increase_time(1_000_000).unwrap();
    node.mine(3, Duration::ZERO).unwrap();
    assert!(node.chain().reader().tx_location(&log).unwrap().is_some());
    let later = add(&node, key.transfer(2, operator(), 1));

    let removed = node.revert(id).unwrap().unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!((removed[0].header.height, removed[0].removed), (Height(2), true));
    assert_eq!(node.chain().reader().latest().unwrap(), before);
    assert_eq!(node.chain().reader().tx_location(&log).unwrap(), None);
    assert_eq!(state(&node).storage(logger, U256::from(1)).unwrap(), U256::from(1), "set by hand before the snapshot");
    assert_eq!(state(&node).nominal_balance(&key.address()).unwrap(), Amount::from_def(1_000));
    let pool = node.chain().pool();
    assert!(pool.contains(&waiting) && !pool.contains(&log) && !pool.contains(&later));
    let heard: Vec<_> = std::iter::from_fn(|| news.try_recv().ok()).map(|b| (b.header.height.0, b.removed)).collect();
    assert_eq!(heard, [(2, false), (3, false), (4, false), (2, true)]);
    assert_eq!(node.revert(id).unwrap().map(|blocks| blocks.len()), None, "a snapshot serves once");
    // The clock is where it was.
    assert!(node.next_block_time().0.abs_diff(defchain_clock()) < 60_000);
    node.mine(1, Duration::ZERO).unwrap();
    assert!(node.chain().reader().tx_location(&waiting).unwrap().is_some());
    money_is_exact(&node);
}

/// The system's clock, milliseconds.
fn defchain_clock() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[test]
fn earlier_snapshots_outlive_a_revert_and_later_ones_do_not() {
    let (node, _folder) = dev(Mining::Manual);
    let ids: Vec<u64> = (0..3)
        .map(|_| {
            node.mine(1, Duration::ZERO).unwrap();
            node.snapshot().unwrap()
        })
        .collect();
    assert_eq!(ids, [0, 1, 2]);
    assert!(node.revert(1).unwrap().is_some());
    assert_eq!(height(&node), 2);
    assert!(node.revert(2).unwrap().is_none());
    assert!(node.revert(0).unwrap().is_some());
    assert_eq!(height(&node), 1);
    assert_eq!(node.snapshot().unwrap(), 3, "ids are never given twice");
}

#[test]
fn blocks_with_the_same_content_on_different_edits_have_different_hashes() {
    let (node, _folder) = dev(Mining::Manual);
    let id = node.snapshot().unwrap();
    let make = |value: u64| {
        node.edit(&[Edit::Storage(operator(), U256::from(1), U256::from(value))]).unwrap();
        node.mine_at(GENESIS_TIME.seconds() + 50).unwrap();
        node.chain().reader().latest().unwrap().hash
    };
    let first = make(1);
    node.revert(id).unwrap().unwrap();
    let id = node.snapshot().unwrap();
    let second = make(2);
    node.revert(id).unwrap().unwrap();
    assert_ne!(first, second);
    assert_eq!(make(1), first, "and the same edits the same");
}

#[test]
fn time_goes_where_it_is_sent_but_never_back() {
    let (node, _folder) = dev(Mining::Manual);
    let newest = || node.chain().reader().latest().unwrap().time;
    let now = defchain_clock() / 1_000;
    assert_eq!(node.increase_time(3_600).unwrap(), 3_600);
    node.mine(1, Duration::ZERO).unwrap();
    assert!(newest().seconds() >= now + 3_600 && newest().seconds() < now + 3_700);
    node.set_next_time(now + 10_000).unwrap();
    node.mine(3, Duration::from_secs(7)).unwrap();
    assert_eq!(newest().0, (now + 10_014) * 1_000);
    node.mine(1, Duration::ZERO).unwrap();
    let after = newest().0 - (now + 10_014) * 1_000;
    assert!((1..60_000).contains(&after), "the clock goes on from there: {after} ms");
    for asked in [now, newest().seconds()] {
        let error = node.set_next_time(asked).unwrap_err().to_string();
        assert!(error.contains(&format!("timestamp {asked} is not after")), "{error}");
        assert!(error.contains(&format!("the least is {}", newest().seconds() + 1)), "{error}");
        assert!(node.set_time(asked).is_err() && node.mine_at(asked).is_err());
    }
    assert!(node.increase_time(u64::MAX).is_err() && node.set_next_time(u64::MAX).is_err());
    assert!(!node.set_time_step(Some(10)).unwrap());
    let before = newest();
    node.mine(2, Duration::ZERO).unwrap();
    assert_eq!(newest().0, before.0 + 20_000);
    assert!(node.set_time_step(None).unwrap() && !node.set_time_step(None).unwrap());
    let error = node.mine(100_001, Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("100001, at most 100000"), "{error}");
}

#[test]
fn the_age_clock_and_the_base_fee_see_the_time_that_passed() {
    let (node, _folder) = dev(Mining::Manual);
    node.mine(1, Duration::ZERO).unwrap();
    let one = node.chain().reader().latest().unwrap();
    node.set_next_base_fee(U256::from(50 * GWEI)).unwrap();
    node.mine(1, Duration::ZERO).unwrap();
    let two = node.chain().reader().latest().unwrap();
    assert_eq!(u128::from(two.base_fee), 50 * GWEI);
    node.increase_time(12).unwrap();
    node.mine(1, Duration::ZERO).unwrap();
    let three = node.chain().reader().latest().unwrap();
    // Empty for a whole slot: an eighth less (D8a), and aged by what passed (D3).
    assert_eq!(u128::from(three.base_fee), 50 * GWEI * 7 / 8);
    assert_eq!(three.age.0 - two.age.0, three.time.0 - two.time.0);
    node.increase_time(86_400 * 30).unwrap();
    node.mine(1, Duration::ZERO).unwrap();
    let four = node.chain().reader().latest().unwrap();
    assert_eq!(four.age.0 - three.age.0, four.time.0 - three.time.0, "time travel moves both clocks (D3)");
    assert!(one.age < two.age);
}

#[test]
fn fees_coinbase_gas_and_randomness_are_those_that_were_set() {
    let (node, _folder) = dev(Mining::Manual);
    let coinbase = Address::repeat_byte(0xcc);
    node.set_coinbase(coinbase).unwrap();
    node.set_prev_randao(B256::repeat_byte(9)).unwrap();
    node.edit(&[Edit::GasLimit(30_000_000), Edit::MinBaseFee(7_000_000_000)]).unwrap();
    assert_eq!(node.chain().reader().params().block_gas_limit, 30_000_000);
    add(&node, Key::new(0).transfer(0, operator(), 1));
    node.mine(1, Duration::ZERO).unwrap();
    let header = node.chain().reader().latest().unwrap();
    assert_eq!((header.beneficiary, header.gas_limit, header.base_fee), (coinbase, 30_000_000, 7_000_000_000));
    assert_eq!(header.prev_randao, B256::repeat_byte(9));
    assert!(!state(&node).nominal_balance(&coinbase).unwrap().is_zero(), "it earns the tips");
    money_is_exact(&node);
    node.mine(1, Duration::ZERO).unwrap();
    let next = node.chain().reader().latest().unwrap();
    assert_eq!((next.beneficiary, next.gas_limit), (coinbase, 30_000_000), "these stay");
    assert_ne!(next.prev_randao, B256::repeat_byte(9), "this was for one block");
}

#[test]
fn no_block_is_made_of_transactions_that_cannot_be_paid() {
    let (node, _folder) = dev(Mining::Manual);
    let key = Key::new(0);
    for nonce in 0..5 {
        add(&node, key.transfer(nonce, operator(), 1));
    }
    // The pool hears of it only when a block is proposed.
    let status = || node.chain().pool().status();
    assert_eq!(status().pending, 5);
    node.edit(&[Edit::Balance(key.address(), U256::from(1))]).unwrap();
    node.set_mining(Mining::Auto).unwrap();
    assert_eq!((height(&node), status().pending), (0, 0));
    add(&node, Key::new(1).transfer(0, operator(), 1));
    node.settle().unwrap();
    assert_eq!(height(&node), 1);
    node.settle().unwrap();
    assert_eq!(height(&node), 1, "nothing waits, nothing is made");
}

#[test]
fn reset_goes_back_to_genesis_and_rollback_by_blocks() {
    let (node, _folder) = dev(Mining::Manual);
    let genesis = node.chain().reader().latest().unwrap();
    node.impersonate(operator()).unwrap();
    let id = node.snapshot().unwrap();
    node.increase_time(5_000).unwrap();
    node.mine(5, Duration::ZERO).unwrap();
    node.rollback(2).unwrap();
    assert_eq!(height(&node), 3);
    let error = node.rollback(4).unwrap_err().to_string();
    assert!(error.contains("is 4, at most 3"), "{error}");
    node.reset().unwrap();
    assert_eq!(node.chain().reader().latest().unwrap(), genesis);
    assert!(!node.impersonates(&operator()));
    assert!(node.revert(id).unwrap().is_none());
    assert!(node.next_block_time().0.abs_diff(defchain_clock()) < 60_000);
}

#[test]
fn a_dump_carries_accounts_to_another_chain() {
    let (one, _folder) = dev(Mining::Manual);
    let contract = Address::repeat_byte(0x70);
    one.edit(&[
        Edit::Code(contract, Bytes::from_static(LOGGER)),
        Edit::Storage(contract, U256::from(1), U256::from(2)),
        Edit::Nonce(Key::new(0).address(), 3),
    ])
    .unwrap();
    let dump = one.dump().unwrap();
    let bytes = serde_json::to_vec(&dump).unwrap();
    let (two, _folder) = dev(Mining::Manual);
    two.load(&StateDump::parse(&bytes).unwrap()).unwrap();
    assert_eq!(two.dump().unwrap().accounts, dump.accounts);
    money_is_exact(&two);
    for (bad, why) in [(&[0x1f, 0x8b, 8][..], "gzip"), (b"{}", "accounts"), (b"", "0 bytes")] {
        let error = StateDump::parse(bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_was_set_by_hand_before_a_stop_is_in_a_last_block() {
    let (node, folder) = dev(Mining::Manual);
    node.flush().unwrap();
    assert_eq!(height(&node), 0, "nothing set, nothing made");
    node.increase_time(1_000_000).unwrap();
    node.edit(&[Edit::Nonce(operator(), 8)]).unwrap();
    node.flush().unwrap();
    assert_eq!(height(&node), 1);
    let time = node.chain().reader().latest().unwrap().time;
    node.chain().shutdown();
    drop(node);
    let again = open(&folder, Mining::Manual);
    assert_eq!(state(&again).account(&operator()).unwrap().unwrap().nonce, 8);
    let ahead = again.next_block_time().0 - time.0;
    assert!(ahead < 60_000, "time goes on from the newest block: {ahead} ms");
}
