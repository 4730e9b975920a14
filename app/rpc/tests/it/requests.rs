//! Requests as they should not be: each is answered with what is wrong, and the server goes on.

use defchain_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::support::Node;

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_no_json_is_a_parse_error_with_null_id() {
    let node = Node::start().await;
    for body in ["", "{", "nonsense", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"} trailing", "[1,"] {
        let answer = node.post(body).await;
        assert_eq!(code(&answer), -32700, "{body}: {answer}");
        assert!(answer["id"].is_null());
    }
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_its_id() {
    let node = Node::start().await;
    for (body, id) in [
        (r#"{"id":7,"method":"eth_chainId"}"#, json!(7)),
        (r#"{"jsonrpc":"1.0","id":"a","method":"eth_chainId"}"#, json!("a")),
        (r#"{"jsonrpc":"2.0","id":7}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"eth_chainId"}"#, Value::Null),
        ("3", Value::Null),
        ("[]", Value::Null),
    ] {
        let answer = node.post(body).await;
        assert_eq!((code(&answer), &answer["id"]), (-32600, &id), "{body}: {answer}");
    }
}

#[tokio::test]
async fn an_unknown_method_is_named_and_a_long_name_is_cut() {
    let node = Node::start().await;
    let (code, text) = node.error("eth_nothing", json!([])).await;
    assert_eq!((code, text.as_str()), (-32601, "the method eth_nothing does not exist/is not available"));
    let (code, text) = node.error(&"x".repeat(10_000), json!([])).await;
    assert_eq!(code, -32601);
    assert!(text.len() < 200, "{text}");
    // Signing is for dev nodes alone.
    assert_eq!(node.error("eth_sendTransaction", json!([{}])).await.0, -32601);
}

#[tokio::test]
async fn wrong_parameters_say_which_and_why() {
    let node = Node::start().await;
    for (method, params, expected) in [
        ("eth_getBalance", json!([]), "missing value for required argument 0 (address)"),
        ("eth_getBalance", json!(["0x12"]), "invalid argument 0: address: "),
        (
            "eth_getBalance",
            json!(["0x0000000000000000000000000000000000000001", "newest"]),
            "invalid argument 1: block: ",
        ),
        ("eth_chainId", json!([1]), "too many arguments, want at most 0, have 1"),
        ("eth_chainId", json!({"a": 1}), "non-array args"),
        (
            "eth_getStorageAt",
            json!(["0x0000000000000000000000000000000000000001", "0x"]),
            "0 hex digits, must be 1 to 64",
        ),
        ("eth_sendRawTransaction", json!(["0xabc"]), "invalid argument 0: transaction: "),
        ("eth_sendRawTransaction", json!(["abcd"]), "hex string without 0x prefix"),
        ("eth_call", json!([{"to": 5}]), "invalid argument 0: transaction: "),
        ("eth_feeHistory", json!(["0x1", "latest", [50.0, 10.0]]), "must ascend"),
        ("eth_getLogs", json!([{"topics": [1]}]), "invalid argument 0: filter: "),
    ] {
        let (code, text) = node.error(method, params.clone()).await;
        assert_eq!(code, -32602, "{method} {params}: {text}");
        assert!(text.contains(expected), "{method} {params}: {text}");
    }
}

#[tokio::test]
async fn nesting_beyond_the_parser_is_an_error_not_a_crash() {
    let node = Node::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let answer =
        node.post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{{"topics":{deep}}}]}}"#)).await;
    assert_eq!(code(&answer), -32005, "{answer}");
    assert!(message(&answer).contains("200003 levels, limit 64"), "{answer}");
    let answer = node.post(deep).await;
    assert_eq!(code(&answer), -32005, "{answer}");
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
}

#[tokio::test]
async fn a_batch_is_answered_in_order_without_its_notifications() {
    let node = Node::start().await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_nothing"},
        5,
        {"jsonrpc": "2.0", "id": null, "method": "net_version"},
        {"jsonrpc": "2.0", "id": 9, "method": "eth_getBlockByNumber", "params": ["0x0", false]},
        {"jsonrpc": "2.0", "id": 10, "method": "eth_subscribe", "params": ["newHeads"]},
    ]);
    let answer = node.post(batch.to_string()).await;
    let ids: Vec<_> = answer.as_array().unwrap().iter().map(|a| a["id"].clone()).collect();
    assert_eq!(ids, [json!("a"), json!(2), Value::Null, Value::Null, json!(9), json!(10)]);
    assert_eq!(answer[0]["result"], "0x8b5f");
    assert_eq!(code(&answer[1]), -32601);
    assert_eq!(code(&answer[2]), -32600);
    assert_eq!(answer[3]["result"], "35679");
    assert_eq!(answer[4]["result"]["number"], "0x0");
    assert!(message(&answer[5]).contains("WebSocket"));
}

#[tokio::test]
async fn only_notifications_get_no_content() {
    let node = Node::start().await;
    for body in [r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#, r#"[{"jsonrpc":"2.0","method":"eth_chainId"}]"#] {
        let response = node.http.post(&node.url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 204, "{body}");
        assert!(response.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_batch_above_the_limit_is_refused_with_both_figures() {
    let node = Node::with(RpcConfig { max_batch: 3, ..RpcConfig::default() }).await;
    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"});
    let answer = node.post(json!(vec![&one; 3]).to_string()).await;
    assert_eq!(answer.as_array().unwrap().len(), 3);
    let answer = node.post(json!(vec![&one; 20_000]).to_string()).await;
    assert_eq!(code(&answer), -32005);
    assert!(message(&answer).contains("20000 calls, limit 3"), "{answer}");
}

#[tokio::test]
async fn an_answer_above_the_limit_is_cut_call_by_call() {
    let node = Node::with(RpcConfig { max_response_bytes: 1 << 20, ..RpcConfig::default() }).await;
    let block = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x0", false]});
    let answer = node.post(json!(vec![block; 1_000]).to_string()).await;
    let answers = answer.as_array().unwrap();
    assert_eq!(answers.len(), 1_000);
    assert_eq!(answers[0]["result"]["number"], "0x0");
    assert_eq!(code(&answers[999]), -32003);
    assert!(message(&answers[999]).contains("above 1048576 bytes"));
    let first_refused = answers.iter().position(|a| a.get("error").is_some()).unwrap();
    assert!(answers[first_refused..].iter().all(|a| a.get("error").is_some()));
}
