//! Every method of a development chain, over HTTP, as tools call it. Names in docs/src/dev.md that are not called here
//! fail the last test.
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

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{Running, ask, command, quantity, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const A: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const B: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// Nobody's.
const X: &str = "0x00000000000000000000000000000000deadbeef";
const ONE: &str = "0xde0b6b3a7640000";
/// Emits a log with topic 42.
const LOGGER: &str = "0x602a60006000a100";
/// Returns what an opcode pushes.
fn returns(opcode: &str) -> String {
    format!("0x{opcode}60005260206000f3")
}

struct Dev {
    process: Running,
    url: String,
}

fn dev(args: &[&str]) -> Dev {
    let mut line = command();
    line.args(["--json", "dev", "--plain-money", "--port", "0"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Running::start(&mut line);
    let url = process.first_json()["rpc"].as_str().unwrap().to_owned();
    Dev { process, url }
}

impl Dev {
    #[track_caller]
    fn call(&self, method: &str, params: Value) -> Value {
        let answer = ask(&self.url, method, params).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    #[track_caller]
    fn fails(&self, method: &str, params: Value, code: i64, why: &str) {
        let answer = ask(&self.url, method, params).unwrap();
        assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(why), "{method}: {message}");
    }

    fn height(&self) -> u64 {
        quantity(&self.call("eth_blockNumber", json!([])))
    }

    fn latest(&self) -> Value {
        self.call("eth_getBlockByNumber", json!(["latest", false]))
    }

    fn time(&self) -> u64 {
        quantity(&self.latest()["timestamp"])
    }

    fn balance(&self, of: &str) -> u128 {
        let answer = self.call("eth_getBalance", json!([of, "latest"]));
        u128::from_str_radix(&answer.as_str().unwrap()[2..], 16).unwrap()
    }

    fn send(&self, fields: Value) -> Value {
        self.call("eth_sendTransaction", json!([fields]))
    }

    fn receipt(&self, hash: &Value) -> Value {
        self.call("eth_getTransactionReceipt", json!([hash]))
    }

    fn stop(mut self) {
        self.process.send(Signal::SIGTERM);
        assert_eq!(self.process.end(PATIENCE), Some(0));
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn word(n: u64) -> String {
    format!("0x{n:064x}")
}

#[test]
fn a_sent_transaction_is_in_a_block_when_the_call_returns() {
    let dev = dev(&[]);
    for n in 1..=3 {
        let hash = dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        assert_eq!(quantity(&dev.receipt(&hash)["blockNumber"]), n);
    }
    let signed = dev.call("eth_signTransaction", json!([{ "from": A, "to": B, "value": "0x5" }]));
    let hash = dev.call("eth_sendRawTransaction", json!([signed["raw"]]));
    assert_eq!(dev.receipt(&hash)["blockNumber"], "0x4");
    assert_eq!(dev.call("eth_requestAccounts", json!([])), dev.call("eth_accounts", json!([])));
    dev.stop();
}

#[test]
fn blocks_are_made_on_demand() {
    let dev = dev(&["--no-mining"]);
    for method in ["anvil_getAutomine", "hardhat_getAutomine"] {
        assert_eq!(dev.call(method, json!([])), false, "{method}");
    }
    assert_eq!(dev.call("evm_mine", json!([])), "0x0");
    assert_eq!(dev.height(), 1);
    dev.call("evm_mine", json!([{ "blocks": 3 }]));
    assert_eq!(dev.height(), 4);
    let time = now() + 5_000;
    dev.call("evm_mine", json!([time]));
    assert_eq!(dev.time(), time);
    dev.call("evm_mine", json!([{ "timestamp": time + 10, "blocks": 2 }]));
    assert_eq!(
        (dev.height(), quantity(&dev.call("eth_getBlockByNumber", json!(["0x6", false]))["timestamp"])),
        (7, time + 10)
    );
    dev.fails("evm_mine", json!([1]), -32602, "timestamp 1 is not after the newest block's");
    for method in ["anvil_mine", "hardhat_mine"] {
        let (before, time) = (dev.height(), dev.time());
        dev.call(method, json!([]));
        dev.call(method, json!(["0x5", "0x3c"]));
        assert_eq!(dev.height(), before + 6);
        let passed = dev.time() - time;
        assert!((4 * 60..4 * 60 + 30).contains(&passed), "{method}: {passed} s");
        dev.fails(method, json!(["0x186a1"]), -32602, "100001, at most 100000");
        dev.fails(method, json!([-1]), -32602, "-1");
    }
    let hash = dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
    assert_eq!(dev.receipt(&hash), Value::Null);
    for method in ["evm_mine_detailed", "anvil_mine_detailed"] {
        let blocks = dev.call(method, json!([{ "blocks": 2 }]));
        assert_eq!(blocks.as_array().unwrap().len(), 2, "{method}");
        if method == "evm_mine_detailed" {
            assert_eq!(blocks[0]["transactions"][0]["hash"], hash);
        }
    }
    dev.stop();
}

#[test]
fn what_makes_blocks_can_be_changed() {
    let dev = dev(&[]);
    for method in ["evm_setAutomine", "anvil_setAutomine"] {
        dev.call(method, json!([false]));
        let hash = dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        assert_eq!(dev.receipt(&hash), Value::Null);
        dev.call(method, json!([true]));
        assert_eq!(dev.receipt(&hash)["status"], "0x1", "{method}: what waits is taken");
    }
    for method in ["evm_setIntervalMining", "anvil_setIntervalMining"] {
        let before = dev.height();
        dev.call(method, json!([0.05]));
        assert_eq!(dev.call("anvil_getAutomine", json!([])), false);
        assert_eq!(dev.call("anvil_getIntervalMining", json!([])), 0.05);
        wait_for("blocks by the clock", PATIENCE, || (dev.height() >= before + 3).then_some(()));
        dev.call(method, json!([0]));
        assert_eq!(dev.call("anvil_getIntervalMining", json!([])), Value::Null);
        dev.fails(method, json!([-1]), -32602, "must be 0");
    }
    dev.call("evm_setIntervalMining", json!([3600]));
    assert_eq!(dev.call("anvil_getIntervalMining", json!([])), 3600);
    dev.call("evm_setAutomine", json!([false]));
    assert_eq!(dev.call("anvil_getIntervalMining", json!([])), 3600, "the clock goes on");
    dev.stop();
}

#[test]
fn the_clock_is_moved() {
    let dev = dev(&[]);
    for (n, method) in (1_u64..).zip(["evm_increaseTime", "anvil_increaseTime"]) {
        let ahead = dev.call(method, json!([format!("{:#x}", 86_400)])).as_u64().unwrap();
        assert!(ahead.abs_diff(n * 86_400) <= 1, "{method}: {ahead}");
    }
    dev.call("evm_mine", json!([]));
    assert!(dev.time().abs_diff(now() + 2 * 86_400) < 60);
    for method in ["evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp"] {
        let time = dev.time() + 1_000;
        dev.call(method, json!([time]));
        let pending = dev.call("eth_getBlockByNumber", json!(["pending", false]));
        assert_eq!(quantity(&pending["timestamp"]), time, "{method}: the pending block is the one that will be");
        dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        assert_eq!(dev.time(), time, "{method}");
        dev.fails(method, json!([time]), -32602, &format!("timestamp {time} is not after"));
    }
    for method in ["evm_setTime", "anvil_setTime"] {
        let time = dev.time() + 5_000;
        let ahead = dev.call(method, json!([time])).as_u64().unwrap();
        assert!(ahead.abs_diff(time - now()) < 60);
        dev.call("evm_mine", json!([]));
        assert!(dev.time().abs_diff(time) < 60, "{method}");
        dev.fails(method, json!([1]), -32602, "timestamp 1 is not after");
    }
    for space in ["evm", "anvil"] {
        let name = |verb: &str| format!("{space}_{verb}BlockTimestampInterval");
        dev.call(&name("set"), json!([60]));
        let time = dev.time();
        dev.call("anvil_mine", json!([3]));
        assert_eq!(dev.time(), time + 180);
        assert_eq!(dev.call(&name("remove"), json!([])), true);
        assert_eq!(dev.call(&name("remove"), json!([])), false);
    }
    // Spelled out for the last test: evm_setBlockTimestampInterval anvil_setBlockTimestampInterval
    // evm_removeBlockTimestampInterval anvil_removeBlockTimestampInterval
    let genesis = dev.call("eth_getBlockByNumber", json!(["0x0", false]));
    assert_eq!(dev.call("anvil_getGenesisTime", json!([])), quantity(&genesis["timestamp"]));
    dev.fails("evm_increaseTime", json!(["soon"]), -32602, "no whole number");
    dev.stop();
}

#[test]
fn state_is_set_by_hand_and_contracts_see_it() {
    let dev = dev(&[]);
    let before = dev.height();
    for (n, method) in (1_u128..).zip(["anvil_setBalance", "hardhat_setBalance", "evm_setAccountBalance"]) {
        dev.call(method, json!([X, format!("{n:#x}")]));
        assert_eq!(dev.balance(X), n, "{method}");
    }
    for (n, method) in (1_u128..).zip(["anvil_addBalance", "hardhat_addBalance"]) {
        dev.call(method, json!([X, "0x10"]));
        assert_eq!(dev.balance(X), 3 + 16 * n, "{method}");
    }
    for (n, method) in (5_u64..).zip(["anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce"]) {
        dev.call(method, json!([X, format!("{n:#x}")]));
        assert_eq!(quantity(&dev.call("eth_getTransactionCount", json!([X, "latest"]))), n, "{method}");
    }
    for (byte, method) in (0x60..).zip(["anvil_setCode", "hardhat_setCode", "evm_setAccountCode"]) {
        let code = format!("0x{byte:x}00");
        dev.call(method, json!([X, code]));
        assert_eq!(dev.call("eth_getCode", json!([X, "latest"])), code, "{method}");
    }
    for (n, method) in (9..).zip(["anvil_setStorageAt", "hardhat_setStorageAt", "evm_setAccountStorageAt"]) {
        assert_eq!(dev.call(method, json!([X, "0x7", word(n)])), true);
        assert_eq!(dev.call("eth_getStorageAt", json!([X, "0x7", "latest"])), word(n), "{method}");
    }
    // A contract loads slot 7.
    dev.call("anvil_setCode", json!([X, returns("600754")]));
    assert_eq!(dev.call("eth_call", json!([{ "to": X }, "latest"])), word(11));
    assert_eq!(dev.height(), before, "no block is made for any of it");
    dev.call("evm_mine", json!([]));
    assert_eq!(dev.balance(X), 3 + 32);
    assert_eq!(dev.call("eth_getStorageAt", json!([X, "0x7", "0x1"])), word(11));
    // Nonces that were set are used.
    dev.call("anvil_setNonce", json!([A, "0x64"]));
    let hash = dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
    assert_eq!(dev.call("eth_getTransactionByHash", json!([hash]))["nonce"], "0x64");
    dev.fails("anvil_setBalance", json!([X, format!("0x{}", "f".repeat(64))]), -32602, "at most 2^128 - 1");
    dev.fails("anvil_setStorageAt", json!([X, "0x7", "0x1"]), -32602, "1 hex digits, must be 64");
    dev.fails(
        "hardhat_setCode",
        json!(["0x0000000000000000000000000000000000000107", "0x00"]),
        -32602,
        "of the protocol",
    );
    dev.fails("hardhat_setNonce", json!([X]), -32602, "argument 1 (nonce)");
    dev.stop();
}

#[test]
fn fees_gas_coinbase_and_randomness_are_set() {
    let dev = dev(&[]);
    for (n, method) in (30_000_000_u64..).zip(["evm_setBlockGasLimit", "anvil_setBlockGasLimit"]) {
        assert_eq!(dev.call(method, json!([format!("{n:#x}")])), true);
        dev.call("evm_mine", json!([]));
        assert_eq!(quantity(&dev.latest()["gasLimit"]), n, "{method}");
    }
    dev.fails("evm_setBlockGasLimit", json!(["0x1"]), -32602, "block_gas_limit is 1, must be 16777216 to");
    for (n, method) in (50_u64..).zip(["anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas"]) {
        let fee = n * 1_000_000_000;
        dev.call(method, json!([format!("{fee:#x}")]));
        let hash = dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        assert_eq!(quantity(&dev.latest()["baseFeePerGas"]), fee, "{method}");
        assert!(quantity(&dev.receipt(&hash)["effectiveGasPrice"]) > fee);
    }
    for (n, method) in (60_u64..).zip(["anvil_setMinGasPrice", "hardhat_setMinGasPrice"]) {
        let fee = n * 1_000_000_000;
        dev.call(method, json!([format!("{fee:#x}")]));
        dev.call("evm_mine", json!([]));
        assert!(quantity(&dev.latest()["baseFeePerGas"]) >= fee, "{method}");
    }
    dev.call("anvil_setCode", json!([X, returns("41")]));
    for (n, method) in (1..).zip(["anvil_setCoinbase", "hardhat_setCoinbase"]) {
        let address = format!("0x{n:040x}");
        dev.call(method, json!([address]));
        assert_eq!(dev.call("eth_call", json!([{ "to": X }, "pending"])), word(n), "{method}");
        dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        assert_eq!(dev.latest()["miner"], address);
        assert!(dev.balance(&address) > 0, "it earns the tips");
    }
    for (n, method) in (7..).zip(["anvil_setPrevRandao", "hardhat_setPrevRandao"]) {
        dev.call(method, json!([word(n)]));
        dev.call("evm_mine", json!([]));
        assert_eq!(dev.latest()["mixHash"], word(n), "{method}");
    }
    dev.stop();
}

#[test]
fn anyone_is_impersonated_contracts_too() {
    let dev = dev(&[]);
    dev.call("anvil_setBalance", json!([X, ONE]));
    dev.call("anvil_setCode", json!([X, LOGGER]));
    let from_x = json!({ "from": X, "to": B, "value": "0x1" });
    dev.fails("eth_sendTransaction", json!([from_x]), -32000, "not impersonated");
    for space in ["anvil", "hardhat"] {
        dev.call(&format!("{space}_impersonateAccount"), json!([X]));
        let hash = dev.send(from_x.clone());
        let (receipt, tx) = (dev.receipt(&hash), dev.call("eth_getTransactionByHash", json!([hash])));
        assert_eq!((&receipt["status"], &receipt["from"], &tx["from"]), (&json!("0x1"), &json!(X), &json!(X)));
        assert_eq!((&tx["r"], &tx["s"]), (&json!("0x0"), &json!(format!("0x{}", X[2..].trim_start_matches('0')))));
        dev.call(&format!("{space}_stopImpersonatingAccount"), json!([X]));
        dev.fails("eth_sendTransaction", json!([from_x]), -32000, "not impersonated");
        dev.call(&format!("{space}_autoImpersonateAccount"), json!([true]));
        assert_eq!(dev.receipt(&dev.send(from_x.clone()))["status"], "0x1");
        dev.call(&format!("{space}_autoImpersonateAccount"), json!([false]));
        dev.fails("eth_sendTransaction", json!([from_x]), -32000, "not impersonated");
    }
    // Spelled out for the last test: anvil_impersonateAccount hardhat_impersonateAccount anvil_stopImpersonatingAccount
    // hardhat_stopImpersonatingAccount anvil_autoImpersonateAccount hardhat_autoImpersonateAccount
    let hash = dev.call("eth_sendUnsignedTransaction", json!([from_x]));
    assert_eq!(dev.receipt(&hash)["from"], X);
    // The bytes alone get nobody in.
    let raw = dev.call("eth_getRawTransactionByHash", json!([hash]));
    dev.fails("eth_sendRawTransaction", json!([raw]), -32000, "invalid signature");
    let poor =
        json!([{ "from": "0x000000000000000000000000000000000000dead", "to": B, "value": "0x1", "gas": "0x5208" }]);
    dev.fails("eth_sendUnsignedTransaction", poor, -32000, "insufficient funds");
    // It is traced like any other.
    let trace = dev.call("debug_traceTransaction", json!([hash, { "tracer": "callTracer" }]));
    assert_eq!((&trace["from"], &trace["to"]), (&json!(X), &json!(B)));
    dev.stop();
}

#[test]
fn a_snapshot_is_gone_back_to_and_filters_hear_of_it() {
    let dev = dev(&[]);
    dev.call("anvil_setCode", json!([X, LOGGER]));
    dev.call("evm_mine", json!([]));
    let filter = dev.call("eth_newFilter", json!([{ "address": X }]));
    let blocks = dev.call("eth_newBlockFilter", json!([]));
    for space in ["evm", "anvil"] {
        let (height, time, balance) = (dev.height(), dev.time(), dev.balance(B));
        let id = dev.call(&format!("{space}_snapshot"), json!([]));
        dev.call("evm_increaseTime", json!([1_000_000]));
        let hash = dev.send(json!({ "from": A, "to": X, "gas": "0x186a0" }));
        dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        let log = dev.call("eth_getFilterChanges", json!([filter]))[0].clone();
        assert_eq!((&log["removed"], &log["transactionHash"]), (&json!(false), &hash));
        assert_eq!(dev.call("eth_getFilterChanges", json!([blocks])).as_array().unwrap().len(), 2);

        assert_eq!(dev.call(&format!("{space}_revert"), json!([id])), true);
        assert_eq!((dev.height(), dev.time(), dev.balance(B)), (height, time, balance));
        assert_eq!(dev.receipt(&hash), Value::Null);
        let gone = dev.call("eth_getFilterChanges", json!([filter]));
        assert_eq!(gone, json!([removed(&log)]));
        assert_eq!(dev.call("eth_getFilterChanges", json!([filter])), json!([]));
        assert_eq!(dev.call("eth_getFilterChanges", json!([blocks])), json!([]));
        assert_eq!(dev.call(&format!("{space}_revert"), json!([id])), false, "it serves once");
        assert_eq!(dev.call("eth_getTransactionCount", json!([A, "pending"])), "0x0");
        // What comes now is told as new.
        let again = dev.send(json!({ "from": A, "to": X, "gas": "0x186a0" }));
        let new = dev.call("eth_getFilterChanges", json!([filter]));
        assert_eq!((&new[0]["removed"], &new[0]["transactionHash"]), (&json!(false), &again));
        assert_eq!(dev.call("eth_getFilterChanges", json!([blocks])), json!([dev.latest()["hash"]]));
        assert!(dev.time() < time + 60, "time went back too");
        dev.call("anvil_rollback", json!([1]));
        dev.call("eth_getFilterChanges", json!([filter]));
    }
    // Spelled out for the last test: evm_snapshot anvil_snapshot evm_revert anvil_revert
    assert_eq!(dev.call("evm_revert", json!(["0x77"])), false);
    dev.stop();
}

/// A log as it is told when it is gone.
fn removed(log: &Value) -> Value {
    let mut log = log.clone();
    log["removed"] = json!(true);
    log
}

#[test]
fn the_chain_is_taken_back_by_blocks_or_to_its_beginning() {
    let dev = dev(&[]);
    let genesis = dev.latest();
    dev.call("anvil_mine", json!([5]));
    dev.call("anvil_rollback", json!([]));
    assert_eq!(dev.height(), 4);
    dev.call("anvil_rollback", json!([3]));
    assert_eq!(dev.height(), 1);
    dev.fails("anvil_rollback", json!([2]), -32602, "is 2, at most 1");
    for method in ["anvil_reset", "hardhat_reset"] {
        dev.send(json!({ "from": A, "to": B, "value": "0x1" }));
        dev.call(method, json!([]));
        assert_eq!(dev.latest(), genesis);
        let forking = json!([{ "forking": { "jsonRpcUrl": "http://127.0.0.1:1", "blockNumber": 1 } }]);
        dev.fails(method, forking, -32004, "does not fork");
    }
    dev.call("anvil_reset", json!([{ "forking": {} }]));
    dev.fails("anvil_setRpcUrl", json!(["http://127.0.0.1:1"]), -32004, "does not fork");
    dev.fails("anvil_setChainId", json!([5]), -32004, "--chain-id 5");
    dev.call("anvil_setChainId", json!([35_679]));
    dev.stop();
}

#[test]
fn the_pool_is_emptied_by_transaction_sender_or_altogether() {
    let dev = dev(&["--no-mining"]);
    let waiting = || dev.call("txpool_status", json!([]))["pending"].clone();
    let send = |from: &str| dev.send(json!({ "from": from, "to": X, "value": "0x1" }));
    for method in ["anvil_dropTransaction", "hardhat_dropTransaction"] {
        let hash = send(A);
        assert_eq!(dev.call(method, json!([hash])), true);
        assert_eq!(dev.call(method, json!([hash])), false);
        assert_eq!(waiting(), "0x0", "{method}");
    }
    for method in ["anvil_dropAllTransactions", "hardhat_dropAllTransactions"] {
        [A, A, B].iter().for_each(|from| drop(send(from)));
        assert_eq!(waiting(), "0x3");
        dev.call(method, json!([]));
        assert_eq!(waiting(), "0x0", "{method}");
    }
    [A, A, B].iter().for_each(|from| drop(send(from)));
    dev.call("anvil_removePoolTransactions", json!([A]));
    assert_eq!(waiting(), "0x1");
    dev.stop();
}

#[test]
fn a_dump_is_loaded_by_another_chain() {
    let (one, two) = (dev(&[]), dev(&[]));
    one.call("anvil_setCode", json!([X, LOGGER]));
    one.call("anvil_setStorageAt", json!([X, "0x1", word(5)]));
    one.send(json!({ "from": A, "to": B, "value": ONE }));
    for (dump, load) in [("anvil_dumpState", "anvil_loadState"), ("hardhat_dumpState", "hardhat_loadState")] {
        let state = one.call(dump, json!([]));
        assert_eq!(two.call(load, json!([state])), true);
        assert_eq!((two.balance(A), two.balance(B)), (one.balance(A), one.balance(B)));
        assert_eq!(two.call("eth_getCode", json!([X, "latest"])), LOGGER);
        assert_eq!(two.call("eth_getStorageAt", json!([X, "0x1", "latest"])), word(5));
        assert_eq!(two.call("eth_getTransactionCount", json!([A, "latest"])), "0x1");
        two.fails(load, json!(["0x1f8b08"]), -32602, "gzip");
        two.fails(load, json!(["0x7b7d"]), -32602, "accounts");
    }
    assert_eq!(two.receipt(&two.send(json!({ "from": A, "to": B, "value": "0x1" })))["status"], "0x1");
    one.stop();
    two.stop();
}

#[test]
fn the_node_says_what_it_is() {
    let dev = dev(&[]);
    let id = dev.call("evm_snapshot", json!([]));
    dev.call("evm_mine", json!([]));
    let (latest, info) = (dev.latest(), dev.call("anvil_nodeInfo", json!([])));
    assert_eq!(info["currentBlockNumber"], latest["number"]);
    assert_eq!(info["currentBlockHash"], latest["hash"]);
    assert_eq!(info["currentBlockTimestamp"], quantity(&latest["timestamp"]));
    assert_eq!((&info["environment"]["chainId"], &info["forkConfig"]["forkUrl"]), (&json!(35_679), &Value::Null));
    assert_eq!(info["environment"]["gasLimit"], latest["gasLimit"]);
    let instances = ["anvil_metadata", "hardhat_metadata"].map(|method| {
        let data = dev.call(method, json!([]));
        assert_eq!((&data["latestBlockNumber"], &data["latestBlockHash"]), (&json!(1), &latest["hash"]));
        assert_eq!(data["snapshots"][id.as_str().unwrap()][0], 0);
        assert_eq!(data["chainId"], 35_679);
        data["instanceId"].clone()
    });
    assert_eq!(instances[0], instances[1]);
    dev.call("anvil_reset", json!([]));
    assert_ne!(dev.call("anvil_metadata", json!([]))["instanceId"], instances[0]);
    for method in ["anvil_setLoggingEnabled", "hardhat_setLoggingEnabled"] {
        assert_eq!(dev.call(method, json!([true])), Value::Null);
    }
    assert_eq!(dev.call("anvil_enableTraces", json!([])), Value::Null);
    // Hardhat's helpers ask for this name before they do anything.
    assert!(dev.call("web3_clientVersion", json!([])).as_str().unwrap().starts_with("anvil"));
    dev.stop();
}

#[test]
fn accounts_sign_for_whoever_asks() {
    let dev = dev(&[]);
    let typed = json!({
        "types": { "EIP712Domain": [{ "name": "name", "type": "string" }], "Note": [{ "name": "text", "type": "string" }] },
        "primaryType": "Note", "domain": { "name": "x" }, "message": { "text": "y" },
    });
    let signatures: Vec<Value> = ["eth_signTypedData", "eth_signTypedData_v3", "eth_signTypedData_v4"]
        .map(|method| dev.call(method, json!([A, typed])))
        .to_vec();
    assert!(signatures.iter().all(|signature| *signature == signatures[0]));
    assert_eq!(dev.call("eth_sign", json!([A, "0x1234"])), dev.call("personal_sign", json!(["0x1234", A])));
    for (method, params) in [("eth_sign", json!([X, "0x"])), ("personal_sign", json!(["0x", X]))] {
        dev.fails(method, params, -32000, "unknown account");
    }
    dev.stop();
}

#[test]
fn a_state_file_brings_the_whole_chain_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let name = file.to_str().unwrap();
    let first = dev(&["--state", name]);
    let hash = first.send(json!({ "from": A, "to": B, "value": "0x1" }));
    let receipt = first.receipt(&hash);
    first.call("evm_increaseTime", json!([1_000_000]));
    first.call("evm_mine", json!([]));
    let time = first.time();
    first.call("anvil_setBalance", json!([X, "0x7"]));
    first.stop();
    let second = dev(&["--load-state", name, "--dump-state", folder.path().join("other").to_str().unwrap()]);
    assert_eq!(second.receipt(&hash), receipt);
    assert_eq!((second.height(), second.balance(X)), (3, 7), "what was set by hand is in a last block");
    second.call("evm_mine", json!([]));
    assert!(second.time() >= time && second.time() < time + 60, "time goes on from there");
    second.stop();
    let third = dev(&["--state", folder.path().join("other").to_str().unwrap()]);
    assert_eq!(third.height(), 4);
    third.stop();
    let refused = |args: &[&str], code, why: &str| {
        common::run(command().args(["dev", "--port", "0"]).args(args), "").fails(code, &[why]);
    };
    std::fs::write(&file, "{}").unwrap();
    refused(&["--state", name], 1, "anvil_loadState");
    refused(&["--load-state", "/nonexistent/state"], 1, "there is no such file");
    refused(&["--state", name, "--data", "x"], 2, "cannot be used with");
}

/// As much of WebSocket as one subscription needs: short texts, both ways.
struct Socket(TcpStream);

impl Socket {
    fn open(url: &str) -> Self {
        let host = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends a text (masked with zeros) and waits for its answer.
    fn ask(&mut self, request: &Value) -> Value {
        let text = request.to_string().into_bytes();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text);
        self.0.write_all(&frame).unwrap();
        self.next()
    }

    /// The next text that the node sends.
    fn next(&mut self) -> Value {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).unwrap();
            let mut length = u64::from(head[1]);
            if length == 126 {
                let mut more = [0; 2];
                self.0.read_exact(&mut more).unwrap();
                length = u16::from_be_bytes(more).into();
            }
            assert!(length < 65_536, "no frame of a test is longer");
            let mut body = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut body).unwrap();
            if head[0] == 0x81 {
                return serde_json::from_slice(&body).unwrap();
            }
        }
    }
}

#[test]
fn a_subscriber_hears_of_logs_that_are_gone() {
    let dev = dev(&[]);
    dev.call("anvil_setCode", json!([X, LOGGER]));
    let mut socket = Socket::open(&dev.url);
    let subscribe =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["logs", { "address": X }] });
    assert!(socket.ask(&subscribe)["result"].is_string());
    let id = dev.call("evm_snapshot", json!([]));
    dev.send(json!({ "from": A, "to": X, "gas": "0x186a0" }));
    let log = socket.next()["params"]["result"].clone();
    assert_eq!(log["removed"], false);
    dev.call("evm_revert", json!([id]));
    assert_eq!(socket.next()["params"]["result"], removed(&log));
    dev.stop();
}

#[test]
fn no_method_of_a_development_chain_is_listed_among_those_of_every_node() {
    let page = include_str!("../../../docs/src/rpc.md");
    for method in documented() {
        assert!(!page.contains(&format!("`{method}`")), "{method} is listed among those of every node");
    }
}

fn documented() -> Vec<&'static str> {
    let page = include_str!("../../../docs/src/dev.md");
    let rows = page.split("## Methods").nth(1).unwrap().lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').filter(|word| word.contains('_')))
        .collect()
}

#[test]
fn every_documented_method_is_called_here() {
    let source = include_str!("dev_methods.rs");
    let missing: Vec<_> = documented().into_iter().filter(|name| !source.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(documented().len() > 80);
}
