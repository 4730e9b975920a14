//! A chain in a temporary folder, funded keys, signed transactions.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Signature, TxKind};
use defchain_base::{Address, Amount, B256, Bytes, Timestamp, U256, keccak256};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis},
    genesis::{AppState, GenesisAccount},
    records::Header,
};
use defchain_store::{Store, StoreOptions};
use secp256k1::{Message, SECP256K1, SecretKey};
use tempfile::TempDir;

pub const CHAIN_ID: u64 = 35_679;
pub const GENESIS_TIME: Timestamp = Timestamp(1_700_000_000_000);
pub const GWEI: u128 = 1_000_000_000;

/// A funded key.
pub struct Key(SecretKey);

impl Key {
    pub fn new(n: u32) -> Self {
        let seed = keccak256(n.to_be_bytes());
        Self(SecretKey::from_byte_array(seed.0).unwrap())
    }

    pub fn address(&self) -> Address {
        Address::from_word(keccak256(&self.0.public_key(SECP256K1).serialize_uncompressed()[1..]))
    }

    pub fn sign(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(message, &self.0).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }

    pub fn send<T>(&self, tx: T) -> Bytes
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign(tx.signature_hash());
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }

    pub fn transfer(&self, nonce: u64, to: Address, value: u128) -> Bytes {
        self.send(call(nonce, TxKind::Call(to), value, Bytes::new(), 21_000))
    }
}

pub fn call(nonce: u64, to: TxKind, value: u128, input: Bytes, gas_limit: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to,
        value: U256::from(value),
        input,
        access_list: Default::default(),
    }
}

pub fn operator() -> Address {
    Address::repeat_byte(0x0b)
}

pub fn genesis(keys: u32) -> DevGenesis {
    let accounts = (0..keys)
        .map(|n| GenesisAccount {
            address: Key::new(n).address(),
            balance: Amount::from_def(1_000),
            nonce: 0,
            code: Bytes::new(),
            storage: Default::default(),
        })
        .collect();
    let app_state = AppState { accounts, token: defchain_token::TokenParams::plain(), ..AppState::default() };
    DevGenesis::single("deflation-local-1", GENESIS_TIME, operator(), app_state)
}

/// A chain with its folder.
pub struct Node {
    pub driver: DevDriver,
    pub folder: TempDir,
}

impl Node {
    pub fn start(genesis: &DevGenesis) -> Self {
        Self::open(tempfile::tempdir().unwrap(), genesis)
    }

    pub fn open(folder: TempDir, genesis: &DevGenesis) -> Self {
        let options = StoreOptions { sync: false, ..StoreOptions::default() };
        let store = Store::open(folder.path().join("store"), options).unwrap();
        let chain = Chain::open(store, ChainConfig::default()).unwrap();
        Self { driver: DevDriver::start(chain, genesis).unwrap(), folder }
    }

    pub fn chain(&self) -> &Chain {
        self.driver.chain()
    }

    pub fn submit(&self, txs: impl IntoIterator<Item = Bytes>) {
        for result in self.chain().pool().add_many(txs.into_iter().collect()) {
            result.unwrap();
        }
    }

    /// The next block, a second after the newest.
    pub fn block(&self) -> Arc<Header> {
        let time = Timestamp(self.chain().reader().latest().unwrap().time.0 + 1_000);
        self.driver.block(time).unwrap()
    }

    /// Ends the process's part, keeping the folder.
    pub fn stop(self) -> TempDir {
        self.chain().shutdown();
        self.folder
    }
}
