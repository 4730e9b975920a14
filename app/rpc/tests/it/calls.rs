//! `eth_call`, `eth_estimateGas`, code, storage, logs.

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Log;
use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::support::{Node, TOPIC, address, poke, probe, quantity};

fn word(n: u64) -> Value {
    json!(B256::from(U256::from(n)))
}

#[tokio::test]
async fn a_contract_is_read_called_and_poked() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    let code = node.call("eth_getCode", json!([contract, "latest"])).await;
    assert_eq!(code, json!(probe().slice(9..)));
    assert_eq!(node.call("eth_getCode", json!([contract, "0x0"])).await, "0x");
    assert_eq!(node.call("eth_call", json!([{"to": contract}, "latest"])).await, word(42));
    // A call changes nothing.
    assert_eq!(node.call("eth_getStorageAt", json!([contract, "0x0", "latest"])).await, word(0));
    node.send(&poke(1, 1, contract)).await;
    node.block();
    assert_eq!(node.call("eth_getStorageAt", json!([contract, "0x0"])).await, word(42));
    assert_eq!(node.call("eth_getStorageAt", json!([contract, "0x0", "0x1"])).await, word(0));
}

#[tokio::test]
async fn a_revert_has_code_3_reason_and_data() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    for method in ["eth_call", "eth_estimateGas"] {
        let answer = node.answer(method, json!([{"to": contract, "input": "0x01"}])).await;
        let error = &answer["error"];
        assert_eq!(error["code"], 3, "{answer}");
        assert_eq!(error["message"], "execution reverted: no money");
        assert!(error["data"].as_str().unwrap().starts_with("0x08c379a0"), "{answer}");
    }
}

#[tokio::test]
async fn an_estimate_is_enough_and_not_much_more() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    let transfer = json!([{"from": address(1), "to": address(2), "value": "0x1"}]);
    assert_eq!(node.call("eth_estimateGas", transfer).await, "0x5208");
    let estimate = quantity(&node.call("eth_estimateGas", json!([{"from": address(1), "to": contract}])).await);
    let hash = node.send(&poke(1, 1, contract)).await;
    node.block();
    let used = quantity(&node.call("eth_getTransactionReceipt", json!([hash])).await["gasUsed"]);
    assert!(used <= estimate && estimate <= used * 11 / 10, "used {used}, estimate {estimate}");
    let poor =
        json!([{"from": Address::repeat_byte(0x77), "to": address(2), "value": "0x1", "gasPrice": "0x77359400"}]);
    let (code, text) = node.error("eth_estimateGas", poor).await;
    assert_eq!(code, -32000);
    assert!(text.contains("insufficient funds"), "{text}");
}

#[tokio::test]
async fn an_estimate_is_for_a_later_block_and_second_than_the_newest() {
    let node = Node::start().await;
    node.block();
    let newest = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    let contract = Address::repeat_byte(0x77);
    // Writes the slot of the second, or of the block.
    for (code, field) in [("0x6001425500", "timestamp"), ("0x6001435500", "number")] {
        let slot = B256::from(U256::from(quantity(&newest[field])));
        let mut written = json!({});
        written[slot.to_string()] = word(1);
        let mut accounts = json!({});
        accounts[contract.to_string()] = json!({"code": code, "stateDiff": written});
        let estimate = async |block: Value| {
            let call = json!([{"from": address(1), "to": contract}, block, accounts]);
            quantity(&node.call("eth_estimateGas", call).await)
        };
        assert!(estimate(json!("latest")).await < 30_000, "{field}: the slot is written already");
        assert!(estimate(Value::Null).await > 40_000, "{field}: the next one takes a new slot");
    }
}

#[tokio::test]
async fn overrides_pretend_accounts_and_blocks() {
    let node = Node::start().await;
    node.block();
    let stranger = Address::repeat_byte(0x77);
    // Returns slot 0, the balance of the caller, or the block number: chosen by the code that is pretended.
    let run = async |code: &str, account: Value, block: Value| {
        let mut pretended = account;
        pretended["code"] = json!(code);
        let mut accounts = json!({});
        accounts[stranger.to_string()] = pretended;
        node.call("eth_call", json!([{"from": stranger, "to": stranger}, "latest", accounts, block])).await
    };
    let slot = "0x5f545f5260205ff3";
    let zero = B256::ZERO.to_string();
    let mut slots = json!({});
    slots[&zero] = word(9);
    assert_eq!(run(slot, json!({"state": slots}), json!({})).await, word(9));
    assert_eq!(run(slot, json!({"stateDiff": slots}), json!({})).await, word(9));
    assert_eq!(run(slot, json!({}), json!({})).await, word(0));
    assert_eq!(run("0x33315f5260205ff3", json!({"balance": "0x1234"}), json!({})).await, word(0x1234));
    assert_eq!(run("0x435f5260205ff3", json!({}), json!({"number": "0x99"})).await, word(0x99));
    assert_eq!(run("0x425f5260205ff3", json!({}), json!({"time": "0x77"})).await, word(0x77));
    // The block's own number, and the next one's for "pending".
    let number = async |tag: &str| {
        let mut accounts = json!({});
        accounts[stranger.to_string()] = json!({"code": "0x435f5260205ff3"});
        node.call("eth_call", json!([{"to": stranger}, tag, accounts])).await
    };
    assert_eq!((number("latest").await, number("pending").await, number("0x0").await), (word(1), word(2), word(0)));
    let (code, text) = node.error("eth_call", json!([{"to": stranger}, "latest", {}, {"difficulty": "0x1"}])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("difficulty"), "{text}");
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_gas() {
    let node = Node::with(RpcConfig { call_gas_cap: 3_000_000, ..RpcConfig::default() }).await;
    node.block();
    let stranger = Address::repeat_byte(0x77);
    let mut accounts = json!({});
    accounts[stranger.to_string()] = json!({"code": "0x5b5f56"});
    let (code, text) = node.error("eth_call", json!([{"to": stranger}, "latest", accounts])).await;
    assert_eq!((code, text.as_str()), (-32000, "out of gas"));
}

#[tokio::test]
async fn logs_are_found_by_address_topic_range_and_hash() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    let other = node.deploy_probe(1).await;
    node.send(&poke(1, 2, contract)).await;
    node.send(&poke(2, 0, other)).await;
    let both = node.block();
    node.block();
    node.send(&poke(1, 3, contract)).await;
    node.block();

    let logs = async |filter: Value| {
        serde_json::from_value::<Vec<Log>>(node.call("eth_getLogs", json!([filter])).await).unwrap()
    };
    let heights = |logs: &[Log]| logs.iter().map(|log| log.block_number.unwrap()).collect::<Vec<_>>();
    let all = logs(json!({"fromBlock": "earliest"})).await;
    assert_eq!(heights(&all), [3, 3, 5]);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [TOPIC]})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [null]})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [[B256::ZERO, TOPIC]]})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "address": [contract, other]})).await, all);
    let of_contract = logs(json!({"fromBlock": "0x0", "address": contract, "topics": [TOPIC]})).await;
    assert_eq!(heights(&of_contract), [3, 5]);
    assert!(logs(json!({"fromBlock": "0x0", "topics": [B256::ZERO]})).await.is_empty());
    assert!(logs(json!({"fromBlock": "0x0", "address": address(1)})).await.is_empty());
    let by_hash = logs(json!({"blockHash": both.hash})).await;
    assert_eq!(by_hash, all[..2]);
    assert_eq!(
        by_hash.iter().map(|log| (log.transaction_index, log.log_index)).collect::<Vec<_>>(),
        [(Some(0), Some(0)), (Some(1), Some(1))]
    );
    assert_eq!(logs(json!({"fromBlock": "0x4", "toBlock": "0x5"})).await, all[2..]);
    // Without a range it is the newest block; beyond it there is nothing yet.
    assert_eq!(logs(json!({})).await, all[2..]);
    assert!(logs(json!({"fromBlock": "0x6"})).await.is_empty());
    assert_eq!(logs(json!({"fromBlock": "0x5", "toBlock": "0x99"})).await, all[2..]);

    let (code, text) = node.error("eth_getLogs", json!([{"blockHash": B256::ZERO}])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("unknown block"), "{text}");
    let (code, text) = node.error("eth_getLogs", json!([{"fromBlock": "0x4", "toBlock": "0x2"}])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("fromBlock 0x4 is after toBlock 0x2"), "{text}");
}

#[tokio::test]
async fn log_queries_have_limits_with_figures() {
    let node = Node::with(RpcConfig { max_log_range: 4, max_log_results: 1, ..RpcConfig::default() }).await;
    let contract = node.deploy_probe(0).await;
    for nonce in 1..4 {
        node.send(&poke(1, nonce, contract)).await;
        node.block();
    }
    node.block();
    let (code, text) = node.error("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "latest"}])).await;
    assert_eq!(code, -32005);
    assert!(text.contains("6 blocks from 0x0 to 0x5, limit 4"), "{text}");
    let (code, text) = node.error("eth_getLogs", json!([{"fromBlock": "0x1", "toBlock": "0x4"}])).await;
    assert_eq!(code, -32005);
    assert!(text.contains("more than 1 results") && text.contains("[0x1, 0x2]"), "{text}");
    let logs = node.call("eth_getLogs", json!([{"fromBlock": "0x1", "toBlock": "0x2"}])).await;
    assert_eq!(logs.as_array().unwrap().len(), 1);
}
