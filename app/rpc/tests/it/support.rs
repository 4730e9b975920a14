//! A chain, a server, and a client that is no part of either.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use defchain_base::{Amount, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis},
    genesis::{AppState, GenesisAccount},
    records::Header,
};
use defchain_rpc::{RpcConfig, RpcContext, RpcHandle, RpcServer, SyncInfo};
use defchain_store::{Store, StoreOptions};
use defchain_token::TokenParams;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const GENESIS_TIME: u64 = 1_767_225_600_000;
pub const GWEI: u128 = 1_000_000_000;
pub const OPERATOR: Address = Address::repeat_byte(0x0f);

/// A running node without CometBFT.
pub struct Node {
    pub driver: DevDriver,
    pub server: RpcHandle,
    pub url: String,
    pub http: reqwest::Client,
    pub catching_up: Arc<AtomicU64>,
    clock: Arc<AtomicU64>,
    _dir: TempDir,
}

/// The n-th account that genesis funds.
pub fn key(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).unwrap()
}

pub fn address(n: u8) -> Address {
    key(n).address()
}

/// Accounts 1 to 9 with 1,000 DEF each, and every parameter as the rulings have it.
pub fn funded() -> AppState {
    let account = |n: u8| GenesisAccount {
        address: address(n),
        balance: Amount::from_def(1_000),
        nonce: 0,
        code: Bytes::new(),
        storage: Default::default(),
    };
    AppState { accounts: (1..10).map(account).collect(), ..AppState::default() }
}

impl Node {
    pub async fn start() -> Self {
        Self::with(RpcConfig::default()).await
    }

    /// A node whose accounts 1 to 9 hold 1,000 DEF each, which does not age.
    pub async fn with(config: RpcConfig) -> Self {
        Self::of(config, AppState { token: TokenParams::plain(), ..funded() }).await
    }

    /// A node of a genesis of its own.
    pub async fn of(config: RpcConfig, state: AppState) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes: 16 << 20, sync: false, ..StoreOptions::default() };
        let store = Store::open(dir.path().join("data"), options).unwrap();
        let chain = Chain::open(store, ChainConfig::default()).unwrap();
        let genesis = DevGenesis::single("deflation-local-1", Timestamp(GENESIS_TIME), OPERATOR, state);
        let driver = DevDriver::start(chain, &genesis).unwrap();
        let clock = Arc::new(AtomicU64::new(GENESIS_TIME));
        let catching_up = Arc::new(AtomicU64::new(0));
        let (now, behind) = (clock.clone(), catching_up.clone());
        let context = RpcContext {
            now: Arc::new(move || Timestamp(now.load(Ordering::SeqCst))),
            sync: Arc::new(move || match behind.load(Ordering::SeqCst) {
                0 => SyncInfo::default(),
                highest => SyncInfo { catching_up: true, starting: 0, highest: Some(highest) },
            }),
            metrics: Arc::new(|| "defchain_test 1\n# EOF\n".to_owned()),
            ..RpcContext::of_chain(driver.chain(), "defchain/test")
        };
        let config = RpcConfig { addr: ([127, 0, 0, 1], 0).into(), ..config };
        let server = RpcServer::start(config, context).await.unwrap();
        let url = format!("http://{}", server.local_addr());
        let http = reqwest::Client::new();
        Self { driver, server, url, http, catching_up, clock, _dir: dir }
    }

    /// Makes the next block, a second after the last.
    pub fn block(&self) -> Arc<Header> {
        self.block_after(1_000)
    }

    /// Makes the next block, so many milliseconds after the last.
    pub fn block_after(&self, millis: u64) -> Arc<Header> {
        let time = self.clock.fetch_add(millis, Ordering::SeqCst) + millis;
        self.driver.block(Timestamp(time)).unwrap()
    }

    /// The whole response to a body.
    pub async fn post(&self, body: impl Into<String>) -> Value {
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body.into());
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    /// The result of a call.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The error of a call: code and message.
    pub async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.answer(method, params).await;
        let error = answer.get("error").unwrap_or_else(|| panic!("{method} did not fail: {answer}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }

    pub async fn answer(&self, method: &str, params: Value) -> Value {
        self.post(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await
    }

    /// Sends a transaction and returns its hash.
    pub async fn send(&self, raw: &str) -> String {
        self.call("eth_sendRawTransaction", json!([raw])).await.as_str().unwrap().to_owned()
    }

    /// Deploys [`probe`] from account 1 in a block of its own.
    pub async fn deploy_probe(&self, nonce: u64) -> Address {
        let raw = sign(1, TxEip1559 { nonce, gas_limit: 500_000, to: TxKind::Create, input: probe(), ..base() });
        let hash = self.send(&raw).await;
        self.block();
        let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }
}

/// The fields that most transactions share.
pub fn base() -> TxEip1559 {
    TxEip1559 {
        chain_id: 35_679,
        gas_limit: 21_000,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        ..TxEip1559::default()
    }
}

/// Signs with the n-th account; hex of the bytes to send.
pub fn sign(n: u8, tx: TxEip1559) -> String {
    let signature = key(n).sign_hash_sync(&tx.signature_hash()).unwrap();
    hex::encode_prefixed(TxEnvelope::from(tx.into_signed(signature)).encoded_2718())
}

pub fn transfer(n: u8, nonce: u64, to: Address, wei: u64) -> String {
    sign(n, TxEip1559 { nonce, to: TxKind::Call(to), value: U256::from(wei), ..base() })
}

pub fn poke(n: u8, nonce: u64, probe: Address) -> String {
    sign(n, TxEip1559 { nonce, to: TxKind::Call(probe), gas_limit: 100_000, ..base() })
}

/// The topic that [`probe`] logs.
pub const TOPIC: B256 = B256::with_last_byte(7);

/// A contract: without input it stores 42 in slot 0, logs it under [`TOPIC`] and returns it; with input it reverts
/// with "no money".
pub fn probe() -> Bytes {
    let mut code = hex::decode("60858060095f395ff3").unwrap();
    code.extend(hex::decode("36601657602a5f55602a5f52600760205fa160205ff35b606460215f3960645ffd").unwrap());
    let reason = alloy_sol_types::Revert::from("no money");
    code.extend(alloy_sol_types::SolError::abi_encode(&reason));
    code.into()
}

/// A number as RPC writes it.
pub fn quantity(value: &Value) -> u128 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no quantity"));
    u128::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}
