//! Chains in memory: one as a network's node has it, one as `defchain-app dev` makes it.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use defchain_base::{Amount, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis, DevNode, Mining},
    genesis::{AppState, GenesisAccount},
};
use defchain_store::{ModelDisk, Store, StoreOptions};

use super::wire;

const GENESIS_TIME: u64 = 1_767_225_600_000;

/// The n-th funded key.
#[must_use]
pub fn key(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).expect("a key")
}

/// A contract that answers 42.
pub const CONTRACT: Address = Address::repeat_byte(0xc0);

fn genesis() -> DevGenesis {
    let account = |address, code: Vec<u8>| GenesisAccount {
        address,
        balance: Amount::from_def(1_000),
        nonce: 0,
        code: code.into(),
        storage: Default::default(),
    };
    let mut accounts: Vec<_> = (1..5).map(|n| account(key(n).address(), Vec::new())).collect();
    accounts.push(account(CONTRACT, vec![0x60, 42, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3]));
    let state = AppState { accounts, token: defchain_token::TokenParams::plain(), ..AppState::default() };
    DevGenesis::single("deflation-local-1", Timestamp(GENESIS_TIME), Address::repeat_byte(0x0f), state)
}

fn store() -> Store {
    Store::open_on_model(&ModelDisk::default(), StoreOptions::for_tests()).expect("a store in memory")
}

/// Two blocks with transfers.
#[must_use]
pub fn network() -> DevDriver {
    let chain = Chain::open(store(), ChainConfig::default()).expect("a chain");
    let driver = DevDriver::start(chain, &genesis()).expect("a genesis");
    for height in 0..2_u64 {
        for n in 1..4 {
            let raw = wire::transfer(&key(n), height).into();
            driver.chain().pool().add_local(raw).expect("a transfer");
        }
        driver.block(Timestamp(GENESIS_TIME + 1_000 * (height + 1))).expect("a block");
    }
    driver
}

/// A development chain that mines when it is told to.
#[must_use]
pub fn dev() -> Arc<DevNode> {
    let chain = Chain::open_dev(store(), ChainConfig::default()).expect("a chain");
    let driver = DevDriver::start(chain, &genesis()).expect("a genesis");
    DevNode::new(driver, Mining::Manual).expect("a development chain")
}
