//! The pending block is really the next one.

use alloy_consensus::TxEip1559;
use alloy_primitives::{B256, TxKind, U256};
use serde_json::{Value, json};

use crate::support::{Node, address, base, poke, quantity, sign, transfer};

async fn pending(node: &Node) -> Value {
    node.call("eth_getBlockByNumber", json!(["pending", false])).await
}

#[tokio::test]
async fn the_pending_block_holds_what_the_next_block_will() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    assert_eq!(pending(&node).await["transactions"], json!([]));
    // Account 2 has a gap: its second transaction waits for it.
    for raw in [transfer(1, 1, address(20), 5), poke(3, 0, probe), transfer(2, 1, address(20), 7)] {
        node.send(&raw).await;
    }
    let block = pending(&node).await;
    assert_eq!((&block["number"], &block["hash"]), (&json!("0x2"), &Value::Null));
    assert_eq!(block["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["pending"])).await, "0x2");
    let header = node.call("eth_getHeaderByNumber", json!(["pending"])).await;
    assert_eq!((&header["number"], &header["gasUsed"]), (&block["number"], &block["gasUsed"]));
    let full = node.call("eth_getBlockByNumber", json!(["pending", true])).await;
    let first = &full["transactions"][0];
    assert_eq!((&first["blockNumber"], &first["blockHash"]), (&json!("0x2"), &Value::Null));
    assert_eq!(&node.call("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x0"])).await, first);
    let header = node.block();
    let real = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(header.height.0, 2);
    for field in ["transactions", "number", "parentHash", "gasUsed", "transactionsRoot", "receiptsRoot", "logsBloom"] {
        assert_eq!(block[field], real[field], "{field}");
    }
    assert_eq!(pending(&node).await["transactions"], json!([]));
}

#[tokio::test]
async fn all_that_is_asked_at_pending_agrees() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    let raw = transfer(1, 1, address(20), 5);
    node.send(&raw).await;
    node.send(&poke(1, 2, probe)).await;
    let at = async |method: &str, params: Value| node.call(method, params).await;
    assert_eq!(at("eth_getBalance", json!([address(20), "latest"])).await, "0x0");
    assert_eq!(at("eth_getBalance", json!([address(20), "pending"])).await, "0x5");
    assert_eq!(at("eth_getTransactionCount", json!([address(1), "latest"])).await, "0x1");
    assert_eq!(at("eth_getTransactionCount", json!([address(1), "pending"])).await, "0x3");
    let slot = json!(B256::from(U256::from(42)));
    assert_eq!(at("eth_getStorageAt", json!([probe, "0x0", "latest"])).await, json!(B256::ZERO));
    assert_eq!(at("eth_getStorageAt", json!([probe, "0x0", "pending"])).await, slot);
    let overrides = json!({(probe.to_string()): {"code": "0x435f5260205ff3"}});
    assert_eq!(at("eth_call", json!([{"to": probe}, "pending", overrides])).await, json!(B256::from(U256::from(2))));
    // Account 20 can spend what it is about to get, and no more.
    let spend = |wei: &str| json!([{"from": address(20), "to": address(1), "value": wei}, "pending"]);
    assert_eq!(at("eth_estimateGas", spend("0x5")).await, "0x5208");
    assert!(node.error("eth_estimateGas", spend("0x6")).await.1.contains("insufficient funds"));
    // The gas of the sender is gone too.
    let header = node.call("eth_getBlockByNumber", json!(["pending", false])).await;
    let before = quantity(&at("eth_getBalance", json!([address(1), "latest"])).await);
    let after = quantity(&at("eth_getBalance", json!([address(1), "pending"])).await);
    assert!(before - after > 5 + quantity(&header["gasUsed"]) * quantity(&header["baseFeePerGas"]));
    node.block();
    assert_eq!(quantity(&at("eth_getBalance", json!([address(1), "latest"])).await), after);
}

#[tokio::test]
async fn a_replacement_and_a_new_block_show_at_once() {
    let node = Node::start().await;
    node.block();
    let offer = |fee: u128, wei: u64| {
        let (to, value) = (TxKind::Call(address(20)), U256::from(wei));
        sign(1, TxEip1559 { nonce: 0, to, value, max_fee_per_gas: fee, max_priority_fee_per_gas: fee / 2, ..base() })
    };
    for (fee, wei) in [(2_000_000_000, 5), (4_000_000_000, 6), (8_000_000_000, 7)] {
        let hash = node.send(&offer(fee, wei)).await;
        assert_eq!(pending(&node).await["transactions"], json!([hash]));
        assert_eq!(quantity(&node.call("eth_getBalance", json!([address(20), "pending"])).await), u128::from(wei));
    }
}
