//! A dev node signs for whoever asks.

use alloy_primitives::{Address, Bytes, Signature, eip191_hash_message};
use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::support::{GWEI, Node, address, key, quantity};

async fn dev() -> Node {
    Node::with(RpcConfig { dev_keys: vec![key(1), key(2)], ..RpcConfig::default() }).await
}

#[tokio::test]
async fn a_transaction_is_filled_in_signed_and_sent() {
    let node = dev().await;
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([address(1), address(2)]));
    let request = json!({"from": address(1), "to": address(9), "value": "0x5"});
    let first = node.call("eth_sendTransaction", json!([request])).await;
    let second = node.call("eth_sendTransaction", json!([request])).await;
    let legacy = json!({"from": address(2), "to": address(9), "gasPrice": "0x77359400", "data": "0x01"});
    let third = node.call("eth_sendTransaction", json!([legacy])).await;
    node.block();
    for (hash, nonce, kind, gas) in
        [(first, "0x0", "0x2", 21_000), (second, "0x1", "0x2", 21_000), (third, "0x0", "0x0", 21_040)]
    {
        let tx = node.call("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&tx["nonce"], &tx["type"]), (&json!(nonce), &json!(kind)));
        assert!(quantity(&tx["gas"]) >= gas, "{tx}");
        let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
    }
    let tx = node.call("eth_getTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])).await;
    assert!(quantity(&tx["gasPrice"]) >= GWEI);
}

#[tokio::test]
async fn accounts_of_others_and_requests_that_contradict_themselves_are_refused() {
    let node = dev().await;
    for (request, words) in [
        (json!({"from": address(3), "to": address(9)}), "is not in eth_accounts"),
        (json!({"to": address(9)}), "no from address"),
        (json!({"from": address(1), "to": address(9), "chainId": "0x1"}), "chainId is 1, this is chain 35679"),
        (json!({"from": address(1), "gasPrice": "0x1", "maxFeePerGas": "0x1"}), "both gasPrice"),
    ] {
        let (_, text) = node.error("eth_sendTransaction", json!([request])).await;
        assert!(text.contains(words), "{text}");
    }
    assert!(node.error("eth_sign", json!([address(3), "0x00"])).await.1.contains("is not in eth_accounts"));
}

#[tokio::test]
async fn a_signed_transaction_is_returned_and_not_sent() {
    let node = dev().await;
    let request = json!({"from": address(1), "to": address(9), "value": "0x5"});
    let signed = node.call("eth_signTransaction", json!([request])).await;
    assert_eq!(node.call("txpool_status", json!([])).await["pending"], "0x0");
    let hash = node.call("eth_sendRawTransaction", json!([signed["raw"]])).await;
    assert_eq!(signed["tx"]["hash"], hash);
}

fn signer_of(signature: &Value, hash: alloy_primitives::B256) -> Address {
    let bytes: Bytes = serde_json::from_value(signature.clone()).unwrap();
    Signature::from_raw(&bytes).unwrap().recover_address_from_prehash(&hash).unwrap()
}

#[tokio::test]
async fn messages_and_typed_data_are_signed_so_that_the_signer_is_recovered() {
    let node = dev().await;
    let message = json!("0x68656c6c6f");
    let hash = eip191_hash_message(b"hello");
    let signature = node.call("eth_sign", json!([address(1), message])).await;
    assert_eq!(signer_of(&signature, hash), address(1));
    assert_eq!(node.call("personal_sign", json!([message, address(1)])).await, signature);

    let typed = json!({
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
            "Order": [{"name": "amount", "type": "uint256"}, {"name": "to", "type": "address"}],
        },
        "primaryType": "Order",
        "domain": {"name": "test", "chainId": 35679},
        "message": {"amount": "5", "to": address(9)},
    });
    let data: alloy_dyn_abi::TypedData = serde_json::from_value(typed.clone()).unwrap();
    let hash = data.eip712_signing_hash().unwrap();
    // Wallets send an object, or a string that holds one.
    for param in [typed.clone(), json!(typed.to_string())] {
        let signature = node.call("eth_signTypedData_v4", json!([address(2), param])).await;
        assert_eq!(signer_of(&signature, hash), address(2));
    }
    let (code, text) = node.error("eth_signTypedData_v4", json!([address(2), {"types": 5}])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("typed data"), "{text}");
}
