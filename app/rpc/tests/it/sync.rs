//! `eth_sendRawTransactionSync`.

use defchain_rpc::RpcConfig;
use serde_json::json;

use crate::support::{Node, address, transfer};

#[tokio::test]
async fn the_answer_is_the_receipt_once_the_block_is_there() {
    let node = Node::start().await;
    let raw = transfer(1, 0, address(2), 5);
    let (method, params) = ("eth_sendRawTransactionSync", json!([raw]));
    let answer = {
        let waiting = node.call(method, params);
        tokio::pin!(waiting);
        // Blocks are made until one holds it.
        loop {
            tokio::select! {
                answer = &mut waiting => break answer,
                () = tokio::task::yield_now() => {
                    if node.driver.chain().pool().status().pending > 0 {
                        node.block();
                    }
                }
            }
        }
    };
    assert_eq!(answer["status"], "0x1");
    assert_eq!(node.call("eth_getTransactionReceipt", json!([answer["transactionHash"]])).await, answer);
}

#[tokio::test]
async fn time_that_runs_out_is_code_4_with_the_hash() {
    let node = Node::with(RpcConfig { max_sync_wait_ms: 50, ..RpcConfig::default() }).await;
    let raw = transfer(1, 0, address(2), 5);
    let answer = node.answer("eth_sendRawTransactionSync", json!([raw, 60_000])).await;
    assert_eq!(answer["error"]["code"], 4, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("after 50 ms"), "{answer}");
    let waiting = node.call("eth_getTransactionByHash", json!([answer["error"]["data"]])).await;
    assert!(waiting["blockHash"].is_null() && waiting["hash"].is_string());
    let (code, text) = node.error("eth_sendRawTransactionSync", json!([raw])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("already known"), "{text}");
}
