//! A state as the genesis of a new chain: what comes in is what came out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;

use alloy_primitives::TxKind;
use common::{Key, Node, call, genesis};
use defchain_base::{Address, Bytes, Overlay, StateKey as _, StateRead, Substore, system::Pool};
use defchain_chain::{
    StateAt,
    driver::DevGenesis,
    genesis::{
        AppState,
        export::{Accounts, ExportError, rest},
    },
};
use defchain_token::{
    TokenParams,
    keys::{AccountKey, PoolKey},
    state::{TokenRead, TokenWrite},
};

/// Stores its first argument in slot 0 and 1 in slot 2^255.
const STORE: &str = "6018600c60003960186000f3 6004356000 55 6001 600160ff1b 55 00 00000000000000000000";

fn hex(text: &str) -> Bytes {
    let digits: String = text.split_whitespace().collect();
    Bytes::from(alloy_primitives::hex::decode(digits).unwrap())
}

/// Every account and slot, and the pools.
fn content(state: &StateAt) -> BTreeMap<Vec<u8>, Bytes> {
    let mut all = BTreeMap::new();
    for (from, to) in [(b'a', b'b'), (b's', b't')] {
        let entries = state.range_raw(Substore::Evm, &[from], &[to], usize::MAX).unwrap();
        all.extend(entries.into_iter().map(|(key, value)| (key.to_vec(), value.into())));
    }
    // Pools and supply; what validators have earned is paid out to them.
    for (key, value) in state.range_raw(Substore::Def, b"token/", b"token0", usize::MAX).unwrap() {
        all.insert(key.to_vec(), value.into());
    }
    let own =
        [AccountKey(common::operator()).to_key(), PoolKey(Pool::Validators).to_key(), PoolKey(Pool::Treasury).to_key()];
    all.retain(|key, _| !own.contains(key));
    all
}

fn exported(state: &StateAt) -> AppState {
    let rest = rest(state).unwrap();
    let mut reader = Accounts::new(state, &rest).unwrap();
    let accounts = reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap();
    let mut stranded = rest.stranded.clone();
    stranded.extend(reader.stranded().clone());
    AppState { params: rest.params, accounts, pools: rest.pools, stranded, ..AppState::default() }.with_plain_money()
}

fn busy_chain() -> Node {
    let node = Node::start(&genesis(3));
    let key = Key::new(0);
    let send = |nonce, to: TxKind, value, input| key.send(call(nonce, to, value, input, 300_000));
    let contract = key.address().create(1);
    let kept = Address::ZERO;
    node.submit([
        key.transfer(0, Address::repeat_byte(7), 12_345),
        send(1, TxKind::Create, 77, hex(STORE)),
        send(2, TxKind::Call(contract), 5, Bytes::from([[0; 4].as_slice(), &[0x42; 32]].concat())),
        key.transfer(3, kept, 99),
        // The deployer of CREATE2 stands in every genesis: money on it must not be lost.
        key.transfer(4, defchain_evm::CREATE2_DEPLOYER, 0),
    ]);
    node.block();
    node.block();
    node
}

#[test]
fn a_chain_from_an_export_has_the_same_accounts_storage_pools_and_supply() {
    let old = busy_chain();
    let reader = old.chain().reader();
    let state = reader.state(reader.latest().unwrap().height).unwrap();
    let app_state = exported(&state);
    assert_eq!(app_state.stranded.len(), 1, "{:?}", app_state.stranded);
    assert!(app_state.pools.contains_key("dividend") && app_state.pools.contains_key("treasury"));
    let contract = app_state.accounts.iter().find(|account| !account.storage.is_empty()).unwrap();
    assert_eq!((contract.storage.len(), contract.code.len()), (2, 24));
    let genesis = DevGenesis::single("deflation-local-2", common::GENESIS_TIME, common::operator(), app_state);
    let new = Node::start(&genesis);
    let reader = new.chain().reader();
    let fresh = reader.state(reader.latest().unwrap().height).unwrap();
    // Block hashes and times of the old chain are the old chain's.
    let system = [alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS, alloy_eips::eip4788::BEACON_ROOTS_ADDRESS];
    let past = |key: &[u8]| system.iter().any(|address| key.get(1..21) == Some(address.as_slice()));
    let mut before = content(&state);
    before.retain(|key, _| !past(key));
    let mut after = content(&fresh);
    after.retain(|key, _| !past(key));
    let differ: Vec<_> = before.iter().filter(|(key, value)| after.get(*key) != Some(value)).collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(before.len(), after.len());
    assert_eq!(fresh.total_supply().unwrap(), state.total_supply().unwrap());
    let sum = |state: &StateAt| {
        let balance = state.nominal_balance(&common::operator()).unwrap();
        let pools = [Pool::Validators, Pool::Treasury].map(|pool| state.pool(pool).unwrap().wei());
        balance.wei() + pools.iter().sum::<u128>()
    };
    assert_eq!(sum(&fresh), sum(&state), "income goes to its operator, what rounding left to the treasury");
    assert!(state.pool(Pool::Validators).unwrap().wei() > 0 && fresh.pool(Pool::Validators).unwrap().is_zero());
    old.stop();
    new.stop();
}

#[test]
fn an_export_ends_with_an_error_when_its_money_is_not_the_supply() {
    let node = busy_chain();
    let reader = node.chain().reader();
    let mut damaged = Overlay::new(reader.state(reader.latest().unwrap().height).unwrap());
    let pool = damaged.pool(Pool::Treasury).unwrap();
    damaged.put_pool(Pool::Treasury, pool.checked_add(defchain_base::Amount::from_wei(1)).unwrap()).unwrap();
    let rest_of = rest(&damaged).unwrap();
    let last = Accounts::new(&damaged, &rest_of).unwrap().last().unwrap().unwrap_err();
    assert!(matches!(last, ExportError::Supply { found, supply } if found.wei() == supply.wei() + 1), "{last}");
    // Money with dates of receipt has no place in a genesis.
    damaged.put_token_params(&TokenParams::economy()).unwrap();
    assert!(rest(&damaged).unwrap_err().to_string().contains("its money ages"));
    node.stop();
}
