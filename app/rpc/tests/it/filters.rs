//! Filters that are polled.

use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::support::{Node, TOPIC, address, poke, transfer};

async fn changes(node: &Node, id: &Value) -> Vec<Value> {
    node.call("eth_getFilterChanges", json!([id])).await.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_block_filter_gives_each_new_hash_once() {
    let node = Node::start().await;
    node.block();
    let id = node.call("eth_newBlockFilter", json!([])).await;
    assert!(changes(&node, &id).await.is_empty());
    let (a, b) = (node.block(), node.block());
    assert_eq!(changes(&node, &id).await, [json!(a.hash), json!(b.hash)]);
    assert!(changes(&node, &id).await.is_empty());
    assert_eq!(node.call("eth_uninstallFilter", json!([id])).await, true);
    assert_eq!(node.call("eth_uninstallFilter", json!([id])).await, false);
    let (code, text) = node.error("eth_getFilterChanges", json!([id])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("filter not found"), "{text}");
}

#[tokio::test]
async fn a_log_filter_gives_new_logs_and_on_demand_all_of_its_range() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    node.send(&poke(1, 1, contract)).await;
    node.block();
    let id = node.call("eth_newFilter", json!([{"fromBlock": "0x0", "topics": [TOPIC]}])).await;
    assert!(changes(&node, &id).await.is_empty());
    node.send(&poke(1, 2, contract)).await;
    node.block();
    let new = changes(&node, &id).await;
    assert_eq!(new.len(), 1);
    assert_eq!(new[0]["blockNumber"], "0x3");
    assert!(changes(&node, &id).await.is_empty());
    let all = node.call("eth_getFilterLogs", json!([id])).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    assert_eq!(node.error("eth_getFilterLogs", json!([blocks])).await.0, -32602);
}

#[tokio::test]
async fn a_log_filter_that_has_much_to_say_says_it_in_parts() {
    let node = Node::with(RpcConfig { max_log_range: 2, max_log_results: 1, ..RpcConfig::default() }).await;
    let contract = node.deploy_probe(0).await;
    let id = node.call("eth_newFilter", json!([{"address": contract}])).await;
    for nonce in 1..5 {
        node.send(&poke(1, nonce, contract)).await;
        node.block();
    }
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.extend(changes(&node, &id).await.iter().map(|log| log["blockNumber"].clone()));
    }
    assert_eq!(seen, ["0x2", "0x3", "0x4", "0x5"]);
}

#[tokio::test]
async fn a_pending_filter_gives_hashes_as_they_become_executable() {
    let node = Node::start().await;
    let id = node.call("eth_newPendingTransactionFilter", json!([])).await;
    let hash = node.send(&transfer(1, 0, address(2), 1)).await;
    // The hub carries it over; a poll may come before.
    let seen = loop {
        let seen = changes(&node, &id).await;
        if !seen.is_empty() {
            break seen;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(seen, [json!(hash)]);
}

#[tokio::test]
async fn filters_are_limited() {
    let node = Node::with(RpcConfig { max_filters: 1, ..RpcConfig::default() }).await;
    node.call("eth_newBlockFilter", json!([])).await;
    let (code, text) = node.error("eth_newFilter", json!([{}])).await;
    assert_eq!(code, -32005);
    assert!(text.contains("1 are installed, limit 1"), "{text}");
}
