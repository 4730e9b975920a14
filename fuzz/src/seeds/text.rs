//! JSON and TOML: files of a genesis and of a node's home, requests and answers.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, hex, keccak256};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use defchain_base::{Amount, ConsensusAddress, Height};
use defchain_chain::{
    driver::dev_validator,
    driver::{AccountDump, StateDump},
    genesis::{AppState, GenesisAccount},
    upgrade::UpgradePlan,
};
use defchain_geo::Country;
use defchain_node::keys::StoredBls;
use defchain_node::{
    comet::keys::CometKey,
    config,
    fuzzing::encode_state,
    genesis::{
        declaration::{Choices, Declaration},
        document::{Document, Validator},
    },
};
use defchain_validators::pop::BlsSecret;
use serde_json::json;

use super::chain::{CONTRACT, key};
use super::wire::transfer;

/// The network of every sample.
pub const CHAIN: &str = "deflation-local-1";
/// The consensus key of the sample's validator and its secret: the first test of RFC 8032.
pub const KEY: [u8; 32] = hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
const SECRET: [u8; 32] = hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");

/// Target, name, text.
type Text = (&'static str, String, String);

fn made(target: &'static str, name: &str, text: impl Into<String>) -> Text {
    (target, name.to_owned(), text.into())
}

fn account(n: u8, storage: bool) -> GenesisAccount {
    let slots = [(B256::ZERO, B256::repeat_byte(1)), (B256::repeat_byte(2), B256::repeat_byte(3))];
    GenesisAccount {
        address: Address::repeat_byte(0x80 + n),
        balance: Amount::from_def(u64::from(n)),
        nonce: u64::from(n),
        code: if storage { vec![0x5f, 0x5f, 0xf3].into() } else { Default::default() },
        storage: if storage { slots.into_iter().collect() } else { Default::default() },
    }
}

fn sample() -> AppState {
    let validator = dev_validator(0, KEY, Address::repeat_byte(0x0f));
    let mut state = AppState { accounts: vec![account(1, false)], ..AppState::default() };
    state.pod.validators = vec![validator];
    state
}

/// The genesis state of the sample.
#[must_use]
pub fn app_state() -> String {
    serde_json::to_string(&sample()).expect("JSON")
}

fn full_app_state() -> String {
    let plan = UpgradePlan { height: Height(100), app_version: 2, name: "second".to_owned() };
    let state = AppState {
        accounts: vec![account(1, false), account(2, true)],
        pools: [("treasury".to_owned(), Amount::from_def(5))].into(),
        ..sample()
    };
    let mut value = serde_json::to_value(state).expect("JSON");
    // Refused unless this program has the rules: then it is a sample of what is refused, and mutated all the same.
    if defchain_chain::rules::NEWEST_VERSION >= plan.app_version {
        value["upgrade"] = serde_json::to_value(plan).expect("JSON");
    }
    value.to_string()
}

fn document() -> String {
    let mut document = Document::draft(CHAIN, "2026-01-31T12:00:00Z", sample());
    document.validators.push(Validator::new(&KEY, 1_000, "sample"));
    document.render().expect("JSON")
}

fn declaration() -> String {
    let private = [SECRET, KEY].concat();
    let file = json!({
        "address": ConsensusAddress::of_ed25519(&KEY),
        "pub_key": { "type": "tendermint/PubKeyEd25519", "value": BASE64.encode(KEY) },
        "priv_key": { "type": "tendermint/PrivKeyEd25519", "value": BASE64.encode(private) },
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("priv_validator_key.json");
    std::fs::write(&path, file.to_string()).expect("a temporary file");
    let key = CometKey::read(&path).expect("a key");
    let secret = BlsSecret::from_seed(&[5; 32]).expect("a secret");
    let bls = StoredBls { public: secret.public(), secret };
    let choices = Choices {
        operator: Address::repeat_byte(0x0f),
        moniker: "sample".to_owned(),
        country: Country::parse("KE").expect("a jurisdiction"),
        stake: Amount::from_def(10_000),
        years: 4,
        commission_bps: 500,
    };
    Declaration::new(&key, &bls, (CHAIN, 35_679), choices).to_json().expect("JSON")
}

fn lines(accounts: &[GenesisAccount]) -> String {
    accounts.iter().map(|account| serde_json::to_string(account).expect("JSON") + "\n").collect()
}

fn dump() -> String {
    let account = AccountDump { nonce: 1, storage: account(2, true).storage, ..AccountDump::default() };
    let dump = StateDump { accounts: [(Address::repeat_byte(1), account)].into(), ..StateDump::default() };
    serde_json::to_string(&dump).expect("JSON")
}

/// A keystore whose password costs next to nothing: mutations of it are opened.
fn cheap_keystore() -> String {
    keystore(&json!({ "dklen": 32, "n": 2, "p": 1, "r": 1, "salt": "22".repeat(32) }), "scrypt")
}

fn keystore(params: &serde_json::Value, kdf: &str) -> String {
    json!({
        "version": 3,
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "address": hex::encode([7; 20]),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "00".repeat(16) },
            "ciphertext": "11".repeat(32),
            "kdf": kdf,
            "kdfparams": params,
            "mac": "33".repeat(32),
        },
    })
    .to_string()
}

fn call(method: &str, params: serde_json::Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

fn requests() -> Vec<(&'static str, serde_json::Value)> {
    let (from, to) = (key(1).address(), CONTRACT);
    let raw = hex::encode_prefixed(transfer(&key(1), 2));
    let hash = keccak256(transfer(&key(1), 0));
    let tx = json!({ "from": from, "to": to, "value": "0x1", "gas": "0xc350", "data": "0x" });
    let overrides = json!({ to.to_string(): { "balance": "0x1", "code": "0x60425f5260205ff3", "state": {} } });
    let filter = json!({ "fromBlock": "0x0", "toBlock": "latest", "address": [to], "topics": [null, [hash]] });
    let simulated =
        json!({ "blockStateCalls": [{ "blockOverrides": { "number": "0x9" }, "calls": [tx] }], "validation": false });
    vec![
        ("eth_chainId", json!([])),
        ("eth_blockNumber", json!([])),
        ("eth_getBalance", json!([from, "latest"])),
        ("eth_getTransactionCount", json!([from, "pending"])),
        ("eth_getCode", json!([to, { "blockNumber": "0x1" }])),
        ("eth_getStorageAt", json!([to, "0x0", "latest"])),
        ("eth_getBlockByNumber", json!(["0x1", true])),
        ("eth_getBlockReceipts", json!(["0x2"])),
        ("eth_getTransactionByHash", json!([hash])),
        ("eth_getTransactionReceipt", json!([hash])),
        ("eth_call", json!([tx, "latest", overrides, { "number": "0x10" }])),
        ("eth_estimateGas", json!([tx, "latest"])),
        ("eth_createAccessList", json!([tx, "latest"])),
        ("eth_simulateV1", json!([simulated, "latest"])),
        ("eth_sendRawTransaction", json!([raw])),
        ("eth_sendRawTransactionSync", json!([raw, 1])),
        ("eth_feeHistory", json!(["0x2", "latest", [1.0, 50, 99.5]])),
        ("eth_getLogs", json!([filter])),
        ("eth_newFilter", json!([filter])),
        ("eth_getFilterChanges", json!(["0x1"])),
        ("def_getProof", json!(["latest", from, "0x0"])),
        ("debug_traceCall", json!([tx, "latest", { "tracer": "callTracer", "tracerConfig": { "withLog": true } }])),
        ("debug_traceTransaction", json!([hash, { "tracer": "prestateTracer" }])),
        ("debug_traceBlockByNumber", json!(["0x1", { "enableMemory": true }])),
        ("txpool_contentFrom", json!([from])),
        ("web3_sha3", json!(["0x00"])),
        ("web3_clientVersion", json!([])),
    ]
}

fn dev_requests() -> Vec<(&'static str, serde_json::Value)> {
    let (from, to) = (key(1).address(), CONTRACT);
    vec![
        ("evm_mine", json!([])),
        ("hardhat_mine", json!(["0x2", "0x1"])),
        ("evm_increaseTime", json!([60])),
        ("evm_setNextBlockTimestamp", json!(["0x7fffffffffffffff"])),
        ("evm_snapshot", json!([])),
        ("evm_revert", json!(["0x1"])),
        ("anvil_setBalance", json!([from, "0xde0b6b3a7640000"])),
        ("hardhat_setCode", json!([to, "0x5f5ff3"])),
        ("hardhat_setStorageAt", json!([to, "0x0", format!("0x{}", "00".repeat(32))])),
        ("hardhat_setNonce", json!([from, "0x9"])),
        ("hardhat_impersonateAccount", json!([to])),
        ("evm_setIntervalMining", json!([0])),
        ("anvil_loadState", json!([hex::encode_prefixed(dump())])),
        ("eth_sendTransaction", json!([{ "from": to, "to": from, "value": "0x1" }])),
        (
            "eth_signTypedData_v4",
            json!([from, { "types": {}, "domain": {}, "primaryType": "EIP712Domain", "message": {} }]),
        ),
    ]
}

/// What must be taken.
pub(super) fn good() -> Vec<Text> {
    let lines_of = lines(&[account(2, true), account(3, false), account(4, false)]);
    let receipt = json!({ "jsonrpc": "2.0", "id": 0, "result": { "transactionHash": B256::ZERO } });
    let mut all = vec![
        made("app-state", "sample", app_state()),
        made("app-state", "storage-and-pools", full_app_state()),
        made("genesis-file", "one-validator", document()),
        made("accounts-file", "three", lines_of),
        made("declaration", "sample", declaration()),
        made("state-dump", "one-account", dump()),
        made("config", "defaults", config::render(&config::AppConfig::default())),
        made("config", "empty", ""),
        made("keystore", "cheap", cheap_keystore()),
        made(
            "keystore",
            "scrypt",
            keystore(&json!({ "dklen": 32, "n": 8192, "p": 1, "r": 8, "salt": "22" }), "scrypt"),
        ),
        made(
            "keystore",
            "pbkdf2",
            keystore(&json!({ "dklen": 32, "c": 262_144, "prf": "hmac-sha256", "salt": "22" }), "pbkdf2"),
        ),
        made("sdk-answer", "number", r#"{"jsonrpc":"2.0","id":0,"result":"0x10"}"#),
        made("sdk-answer", "null", r#"{"jsonrpc":"2.0","id":0,"result":null}"#),
        made("sdk-answer", "object", receipt.to_string()),
    ];
    let calls: Vec<Text> = requests()
        .into_iter()
        .filter(|(method, _)| !DEPENDS.contains(method))
        .map(|(method, params)| made("rpc", method, call(method, params)))
        .collect();
    let batch: Vec<&str> = calls.iter().take(20).map(|(.., text)| text.as_str()).collect();
    all.push(made("rpc", "batch", format!("[{}]", batch.join(","))));
    all.push(made("rpc", "notification", r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#));
    let all_heights = json!([{ "fromBlock": "0x0", "toBlock": "0xffffffffffffffff" }]);
    all.push(made("rpc", "range-of-all-heights", call("eth_getLogs", all_heights)));
    all.extend(calls);
    for (method, params) in dev_requests() {
        if ["evm_mine", "evm_snapshot", "hardhat_mine", "anvil_setBalance"].contains(&method) {
            all.push(made("rpc-dev", method, call(method, params)));
        }
    }
    all
}

/// Calls whose fate depends on what was called before them, or on the height.
const DEPENDS: [&str; 4] =
    ["eth_sendRawTransaction", "eth_sendRawTransactionSync", "eth_getFilterChanges", "def_getProof"];

/// What must be refused.
pub(super) fn refused() -> Vec<Text> {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let app = app_state();
    let twice = app.replacen('{', r#"{"params":{},"#, 1);
    let slot = format!("\"{}\":\"{}\"", B256::ZERO, B256::repeat_byte(1));
    let slots = format!("{{\"address\":\"{}\",\"storage\":{{{slot},{slot}}}}}\n", Address::repeat_byte(9));
    let two = [account(3, false), account(2, false)];
    let big = json!({ "dklen": 32, "n": 1_u64 << 31, "p": 1, "r": 8, "salt": "22" });
    let short = json!({ "dklen": 16, "n": 2, "p": 1, "r": 1, "salt": "22" });
    let short_iv = cheap_keystore().replace(&"00".repeat(16), "0011");
    let huge_batch = format!("[{}]", vec![r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#; 21].join(","));
    let tracer = json!([{ "to": CONTRACT }, "latest", { "tracer": "function(){}", "timeout": "99999999999999999h" }]);
    let mut all = vec![
        made("app-state", "deep", deep(10_000)),
        made("app-state", "params-twice", twice),
        made("app-state", "unknown-field", app.replacen('{', r#"{"param":{},"#, 1)),
        made(
            "app-state",
            "balance-of-2-to-128",
            app.replace("\"balance\":\"", "\"balance\":\"340282366920938463463374607431768211456"),
        ),
        made("app-state", "not-utf8-escape", "{\"\\ud800\": 1}"),
        made("genesis-file", "deep", format!("{{\"app_state\":{}}}", deep(10_000))),
        made("genesis-file", "empty", "{}"),
        made("genesis-file", "power-as-number", document().replace("\"power\": \"1000\"", "\"power\": 1000")),
        made("accounts-file", "descending", lines(&two)),
        made("accounts-file", "slot-twice", slots),
        made("accounts-file", "deep", deep(10_000)),
        made("accounts-file", "blank-line", "\n"),
        made("declaration", "other-years", declaration().replace("\"years\": 4", "\"years\": 5")),
        made("declaration", "deep", deep(10_000)),
        made("state-dump", "deep", format!("{{\"accounts\":{}}}", deep(10_000))),
        made("state-dump", "packed", "\u{1f}\u{8b}"),
        made("config", "unknown-key", "[rpc]\nmax_bach = 1\n"),
        made("config", "key-twice", "[rpc]\nmax_batch = 1\nmax_batch = 2\n"),
        made("config", "deep", format!("a = {}", deep(5_000))),
        made("config", "wrong-type", "[rpc]\naddr = 5\n"),
        made("keystore", "key-of-16-bytes", keystore(&short, "scrypt")),
        made("keystore", "nonce-of-2-bytes", short_iv),
        made("keystore", "2-tib-of-memory", keystore(&big, "scrypt")),
        made("keystore", "no-address", cheap_keystore().replace("\"address\"", "\"adress\"")),
        made("sdk-answer", "error", r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#),
        made("sdk-answer", "page", "<html>502</html>"),
        made("sdk-answer", "deep", format!("{{\"id\":0,\"result\":{}}}", deep(10_000))),
        made("rpc", "empty", ""),
        made("rpc", "deep", call("eth_call", json!([1])).replace('1', &deep(10_000))),
        made("rpc", "huge-batch", huge_batch),
        made("rpc", "empty-batch", "[]"),
        made("rpc", "object-id", r#"{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}"#),
        made("rpc", "version-1", r#"{"id":1,"method":"eth_chainId"}"#),
        made("rpc", "params-by-name", r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{"to":1}}"#),
        made("rpc", "tracer-in-javascript", call("debug_traceCall", tracer)),
        made("rpc", "eth_getProof", call("eth_getProof", json!([CONTRACT, ["0x0"], "latest"]))),
        made("rpc", "unknown-filter", call("eth_getFilterChanges", json!(["0x1"]))),
        made("rpc-dev", "mine-for-ever", call("hardhat_mine", json!(["0xffffffffffffffff", "0x1"]))),
    ];
    all.extend([
        made("dev-state", "json", "{\"accounts\": {}}"),
        made("dev-state", "no-magic", "DEFCHAIN DEV STATE 2\n"),
    ]);
    all
}

/// Starting points of mutation whose fate depends on what came before them.
pub(super) fn found() -> Vec<Text> {
    let sends = requests().into_iter().filter(|(method, _)| DEPENDS.contains(method));
    let dev = dev_requests();
    sends
        .map(|(method, params)| made("rpc", method, call(method, params)))
        .chain(dev.into_iter().map(|(method, params)| made("rpc-dev", method, call(method, params))))
        .collect()
}

/// The file of a development chain.
pub(super) fn dev_state() -> Vec<u8> {
    let files = [(PathBuf::from("app/NAME"), vec![]), (PathBuf::from("app/db/1.sst"), vec![1, 2, 3])];
    encode_state(&files).expect("a file")
}
