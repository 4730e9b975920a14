//! A transaction's life, and those that are refused.

use alloy_consensus::TxEip1559;
use alloy_primitives::{TxKind, U256, keccak256};
use serde_json::{Value, json};

use crate::support::{GWEI, Node, address, base, quantity, sign, transfer};

#[tokio::test]
async fn a_transaction_waits_without_a_block_and_then_has_one() {
    let node = Node::start().await;
    let raw = transfer(1, 0, address(2), 77);
    let hash = node.send(&raw).await;
    assert_eq!(hash, keccak256(alloy_primitives::hex::decode(&raw).unwrap()).to_string());

    let waiting = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert!(waiting["blockHash"].is_null() && waiting["blockNumber"].is_null());
    assert_eq!(waiting["from"], json!(address(1)));
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(node.call("eth_getRawTransactionByHash", json!([hash])).await, raw);
    assert_eq!(node.call("eth_getTransactionCount", json!([address(1), "latest"])).await, "0x0");
    assert_eq!(node.call("eth_getTransactionCount", json!([address(1), "pending"])).await, "0x1");

    let header = node.block();
    let mined = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(mined["blockHash"], json!(header.hash));
    assert_eq!((&mined["blockNumber"], &mined["transactionIndex"]), (&json!("0x1"), &json!("0x0")));
    assert_eq!(quantity(&mined["gasPrice"]), 2 * GWEI);
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    assert_eq!(receipt["to"], json!(address(2)));
    assert_eq!(node.call("eth_getRawTransactionByHash", json!([hash])).await, raw);
    assert_eq!(node.call("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])).await, raw);
    assert_eq!(node.call("eth_getTransactionCount", json!([address(1), "latest"])).await, "0x1");
    let unknown = keccak256(b"unknown");
    assert_eq!(node.call("eth_getTransactionByHash", json!([unknown])).await, Value::Null);
    assert_eq!(node.call("eth_getTransactionReceipt", json!([unknown])).await, Value::Null);
}

#[tokio::test]
async fn refusals_carry_the_words_that_tools_match_and_the_rule() {
    let node = Node::start().await;
    node.send(&transfer(1, 0, address(2), 1)).await;
    node.block();
    node.send(&transfer(1, 1, address(2), 1)).await;
    let to = TxKind::Call(address(2));
    let tx = || TxEip1559 { to, ..base() };
    let rich = U256::from(2_000) * U256::from(10).pow(U256::from(18));
    for (raw, words, rule) in [
        (transfer(1, 0, address(2), 9), "nonce too low", 201),
        (transfer(1, 1, address(2), 1), "already known", 301),
        (transfer(1, 1, address(2), 2), "replacement transaction underpriced", 302),
        (sign(2, TxEip1559 { value: rich, ..tx() }), "insufficient funds for gas * price + value", 204),
        (sign(2, TxEip1559 { gas_limit: 20_999, ..tx() }), "intrinsic gas too low", 207),
        (sign(2, TxEip1559 { chain_id: 1, ..tx() }), "transaction is for chain 1, this is chain 35679", 107),
        (
            sign(2, TxEip1559 { max_fee_per_gas: 1, max_priority_fee_per_gas: 1, ..tx() }),
            "less than block base fee",
            205,
        ),
        ("0x02".to_owned(), "undecodable transaction of 1 bytes", 101),
        ("0x0301".to_owned(), "blob transactions (type 3) are not supported", 104),
        (format!("0x02{}", "00".repeat(200_000)), "oversized transaction: 200001 bytes", 103),
    ] {
        let answer = node.answer("eth_sendRawTransaction", json!([raw])).await;
        let error = &answer["error"];
        assert_eq!((&error["code"], &error["data"]["rule"]), (&json!(-32000), &json!(rule)), "{answer}");
        assert!(error["message"].as_str().unwrap().contains(words), "{answer}");
    }
    let status = node.call("txpool_status", json!([])).await;
    assert_eq!(status, json!({"pending": "0x1", "queued": "0x0"}));
}

#[tokio::test]
async fn a_batch_of_transactions_is_answered_one_by_one() {
    let node = Node::start().await;
    let raws: Vec<String> = vec![
        transfer(1, 0, address(9), 1),
        "0xzz".to_owned(),
        transfer(2, 0, address(9), 1),
        transfer(1, 0, address(9), 1),
        transfer(1, 1, address(9), 1),
    ];
    let call = |(id, raw): (usize, &String)| json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]});
    let batch: Vec<Value> = raws.iter().enumerate().map(call).collect();
    let answer = node.post(json!(batch).to_string()).await;
    for (id, entry) in answer.as_array().unwrap().iter().enumerate() {
        assert_eq!(entry["id"], id);
        match id {
            1 => assert_eq!(entry["error"]["code"], -32602),
            3 => assert!(entry["error"]["message"].as_str().unwrap().starts_with("already known"), "{entry}"),
            _ => {
                let raw = alloy_primitives::hex::decode(&raws[id]).unwrap();
                assert_eq!(entry["result"], json!(keccak256(raw)));
            }
        }
    }
    assert_eq!(node.block().tx_count, 3);
}

#[tokio::test]
async fn the_pool_is_listed_by_sender_and_nonce() {
    let node = Node::start().await;
    node.send(&transfer(1, 0, address(9), 5)).await;
    node.send(&transfer(1, 2, address(9), 6)).await;
    let sender = address(1).to_string();
    let content = node.call("txpool_content", json!([])).await;
    assert_eq!(content["pending"][&sender]["0"]["value"], "0x5", "{content}");
    assert_eq!(content["queued"][&sender]["2"]["value"], "0x6", "{content}");
    let from = node.call("txpool_contentFrom", json!([address(1)])).await;
    assert_eq!(from["pending"]["0"], content["pending"][&sender]["0"]);
    assert_eq!(from["queued"]["2"], content["queued"][&sender]["2"]);
    let inspect = node.call("txpool_inspect", json!([])).await;
    let line = format!("{}: 5 wei + 21000 gas × 3000000000 wei", address(9));
    assert_eq!(inspect["pending"][&sender]["0"], line);
    assert_eq!(node.call("txpool_status", json!([])).await, json!({"pending": "0x1", "queued": "0x1"}));
    assert_eq!(node.call("eth_getTransactionCount", json!([address(1), "pending"])).await, "0x1");
}
