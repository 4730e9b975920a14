//! `eth_simulateV1`, `eth_createAccessList`, and what bounds a call.

use std::time::Instant;

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::simulate::SimulatedBlock;
use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::support::{Node, address, poke, quantity};

const SEVEN: Address = Address::repeat_byte(7);

fn word(n: u64) -> Value {
    json!(B256::from(U256::from(n)))
}

async fn simulate(node: &Node, payload: Value) -> Value {
    let result = node.call("eth_simulateV1", json!([payload, "latest"])).await;
    serde_json::from_value::<Vec<SimulatedBlock>>(result.clone()).unwrap();
    result
}

#[tokio::test]
async fn calls_build_on_each_other_over_calls_and_blocks() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    let parent = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    // Returns slot 0 of the probe's address, and the hash of the block before.
    let read = json!({(probe.to_string()): {"code": "0x5f545f5260205ff3"}, (SEVEN.to_string()): {"code": "0x60014303405f5260205ff3"}});
    let payload = json!({"blockStateCalls": [
        {"calls": [{"from": address(1), "to": probe}, {"from": address(1), "to": address(30), "value": "0x5"}]},
        {"stateOverrides": read, "calls": [{"to": probe}, {"to": SEVEN},
            {"from": address(30), "to": address(31), "value": "0x5"}]},
    ]});
    let blocks = simulate(&node, payload).await;
    assert_eq!((&blocks[0]["number"], &blocks[1]["number"]), (&json!("0x2"), &json!("0x3")));
    assert_eq!(blocks[0]["parentHash"], parent["hash"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!(quantity(&blocks[0]["timestamp"]), quantity(&parent["timestamp"]) + 1);
    assert_eq!(blocks[0]["calls"][0]["returnData"], word(42));
    assert_eq!(blocks[0]["calls"][0]["status"], "0x1");
    let log = &blocks[0]["calls"][0]["logs"][0];
    assert_eq!((&log["blockHash"], &log["blockNumber"]), (&blocks[0]["hash"], &json!("0x2")));
    assert_eq!(log["transactionHash"], blocks[0]["transactions"][0]);
    assert_eq!(blocks[1]["calls"][0]["returnData"], word(42));
    assert_eq!(blocks[1]["calls"][1]["returnData"], blocks[0]["hash"]);
    assert_eq!(blocks[1]["calls"][2]["status"], "0x1", "what block 1 paid out, block 2 can spend");
    let used: u128 = (0..2).map(|n| quantity(&blocks[0]["calls"][n]["gasUsed"])).sum();
    assert_eq!(quantity(&blocks[0]["gasUsed"]), used);
    // Nothing happened.
    assert_eq!(node.call("eth_getBalance", json!([address(31), "latest"])).await, "0x0");
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x1");
}

#[tokio::test]
async fn numbers_that_are_left_out_are_filled_and_blocks_can_be_pretended() {
    let node = Node::start().await;
    node.block();
    let number_and_time = "0x435f52426020526040 5ff3".replace(' ', "");
    let payload = json!({"blockStateCalls": [
        {"blockOverrides": {"number": "0x4", "time": "0x7fffffff", "feeRecipient": SEVEN, "baseFeePerGas": "0x9"},
         "stateOverrides": {(SEVEN.to_string()): {"code": number_and_time}},
         "calls": [{"to": SEVEN}]},
    ], "returnFullTransactions": true});
    let blocks = simulate(&node, payload).await;
    assert_eq!(blocks.as_array().unwrap().len(), 3);
    let last = &blocks[2];
    assert_eq!((&last["number"], &last["timestamp"]), (&json!("0x4"), &json!("0x7fffffff")));
    assert_eq!((&last["miner"], &last["baseFeePerGas"]), (&json!(SEVEN), &json!("0x9")));
    let output = last["calls"][0]["returnData"].as_str().unwrap();
    assert_eq!(output, format!("0x{:064x}{:064x}", 4, 0x7fff_ffff));
    let tx = &last["transactions"][0];
    assert_eq!((&tx["from"], &tx["to"]), (&json!(Address::ZERO), &json!(SEVEN)));
    assert_eq!(tx["blockHash"], last["hash"]);
}

#[tokio::test]
async fn a_failing_call_has_its_error_and_the_others_go_on() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    let payload = json!({"blockStateCalls": [{
        "stateOverrides": {(SEVEN.to_string()): {"code": "0xfe"}},
        "calls": [{"to": probe, "input": "0x01"}, {"to": SEVEN, "gas": "0x10000"}, {"to": probe}],
    }]});
    let blocks = simulate(&node, payload).await;
    let calls = &blocks[0]["calls"];
    assert_eq!((&calls[0]["status"], &calls[0]["error"]["code"]), (&json!("0x0"), &json!(3)));
    assert_eq!(calls[0]["error"]["message"], "execution reverted: no money");
    assert_eq!((&calls[1]["error"]["code"], &calls[1]["gasUsed"]), (&json!(-32015), &json!("0x10000")));
    assert_eq!(calls[2]["returnData"], word(42));
}

#[tokio::test]
async fn transfers_are_shown_as_logs_when_asked_for() {
    let node = Node::start().await;
    node.block();
    let calls = json!([{"from": address(1), "to": address(30), "value": "0x5"}]);
    let plain = simulate(&node, json!({"blockStateCalls": [{"calls": calls}]})).await;
    assert_eq!(plain[0]["calls"][0]["logs"], json!([]));
    let traced = simulate(&node, json!({"blockStateCalls": [{"calls": calls}], "traceTransfers": true})).await;
    let log = &traced[0]["calls"][0]["logs"][0];
    assert_eq!(log["address"], "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    assert_eq!((&log["topics"][1], &log["data"]), (&json!(address(1).into_word()), &word(5)));
}

#[tokio::test]
async fn what_cannot_be_has_the_specification_s_code() {
    let node = Node::with(RpcConfig { call_gas_cap: 10_000_000, ..RpcConfig::default() }).await;
    node.block();
    let poor = json!({"from": SEVEN, "to": address(1), "value": "0x1"});
    let one = |call: Value| json!({"blockStateCalls": [{"calls": [call]}]});
    let strict = |call: Value| json!({"blockStateCalls": [{"calls": [call]}], "validation": true});
    let blocks = |first: Value, second: Value| json!({"blockStateCalls": [{"blockOverrides": first}, {"blockOverrides": second}]});
    let priced = |nonce: &str| json!({"from": address(1), "to": address(2), "nonce": nonce, "maxFeePerGas": "0x77359400", "gas": "0x5208"});
    for (payload, code, words) in [
        (one(poor), -38014, "insufficient funds"),
        (strict(priced("0x5")), -38011, "nonce too high"),
        (strict(json!({"from": address(1), "to": address(2)})), -38012, "less than block base fee"),
        (one(json!({"to": address(2), "gas": "0x100"})), -38013, "intrinsic gas too low"),
        (one(json!({"to": address(2), "gas": "0xffffffff"})), -38015, "exceeds block gas limit"),
        (blocks(json!({"number": "0x5"}), json!({"number": "0x5"})), -38020, "5 <= 5"),
        (blocks(json!({"time": "0x7fffffff"}), json!({"time": "0x5"})), -38021, "5 <= 2147483647"),
        (blocks(json!({"number": "0x5"}), json!({"number": "0xfff"})), -38026, "limit 256"),
        (json!({"blockStateCalls": []}), -32602, "nothing to simulate"),
    ] {
        let (found, text) = node.error("eth_simulateV1", json!([payload, "latest"])).await;
        assert_eq!(found, code, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let fine = node.call("eth_simulateV1", json!([strict(priced("0x0"))])).await;
    assert_eq!(fine[0]["calls"][0]["status"], "0x1", "{fine}");
    assert_ne!(fine[0]["baseFeePerGas"], "0x0");
}

#[tokio::test]
async fn an_access_list_is_found_and_says_when_the_call_fails() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    // Reads slot 3 of itself and calls the probe.
    let caller = format!("0x6003545f5f5f5f5f73{}5af100", hex(probe));
    let found = node
        .call("eth_createAccessList", json!([{"to": SEVEN}, "latest", {(SEVEN.to_string()): {"code": caller}}]))
        .await;
    let mut expected =
        vec![json!({"address": SEVEN, "storageKeys": [word(3)]}), json!({"address": probe, "storageKeys": [word(0)]})];
    expected.sort_by_key(|item| item["address"].as_str().unwrap().to_owned());
    assert_eq!(found["accessList"], json!(expected));
    assert!(found.get("error").is_none() && quantity(&found["gasUsed"]) > 21_000);
    let failing = node.call("eth_createAccessList", json!([{"to": probe, "input": "0x01"}])).await;
    assert_eq!(failing["error"], "execution reverted: no money");
}

fn hex(address: Address) -> String {
    alloy_primitives::hex::encode(address)
}

#[tokio::test]
async fn a_call_that_only_computes_ends_when_its_time_is_up() {
    let config = RpcConfig { call_timeout_ms: 100, call_gas_cap: 10_000_000_000, ..RpcConfig::default() };
    let node = Node::with(config).await;
    node.block();
    let endless = json!({(SEVEN.to_string()): {"code": "0x5b5f56"}});
    let request = json!({"to": SEVEN, "gas": "0x2540be400"});
    let simulated = json!({"blockStateCalls": [{"stateOverrides": endless, "blockOverrides": {"gasLimit": "0xfffffffffff"},
        "calls": [request]}]});
    for (method, params) in [
        ("eth_call", json!([request, "latest", endless])),
        ("eth_createAccessList", json!([request, "latest", endless])),
        ("eth_simulateV1", json!([simulated])),
    ] {
        let started = Instant::now();
        let (code, text) = node.error(method, params).await;
        assert_eq!((code, text.as_str()), (-32002, "request timed out after 100 ms (rpc.call_timeout_ms)"), "{method}");
        assert!(started.elapsed().as_millis() < 5_000, "{method}");
    }
}

#[tokio::test]
async fn hashes_and_blob_fees_can_be_pretended_and_precompiles_moved() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    node.send(&poke(1, 1, probe)).await;
    node.block();
    let run = async |code: &str, block: Value| {
        node.call("eth_call", json!([{"to": SEVEN}, "latest", {(SEVEN.to_string()): {"code": code}}, block])).await
    };
    assert_eq!(run("0x6001405f5260205ff3", json!({"blockHash": {"1": word(0x99)}})).await, word(0x99));
    assert_eq!(run("0x4a5f5260205ff3", json!({"blobBaseFee": "0x77"})).await, word(0x77));
    let identity = Address::with_last_byte(4);
    let moved = json!({(identity.to_string()): {"movePrecompileToAddress": SEVEN}});
    assert_eq!(node.call("eth_call", json!([{"to": SEVEN, "input": "0xabcd"}, "latest", moved])).await, "0xabcd");
}
