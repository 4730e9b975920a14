//! The client against a server that answers what the test says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::time::Duration;

use defchain_sdk::{B256, BlockNumberOrTag, Blocking, Bytes, Call, Client, SdkError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A server whose answers are made from each request; its status is 200 unless the answer is `(status, body)`.
async fn server(answer: impl Fn(Value) -> (u16, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Some(request) = read_body(&mut stream).await {
                let (status, body) = answer(request);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        }
    });
    url
}

async fn read_body(stream: &mut tokio::net::TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.split("content-length: ").nth(1)?.lines().next()?.trim().parse::<usize>().ok()?;
            if bytes.len() >= end + 4 + length {
                return serde_json::from_slice(&bytes[end + 4..]).ok();
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn result(request: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}

fn refusal(request: &Value) -> Value {
    let error =
        json!({"code": -32000, "message": "nonce too low: address 0x01, tx: 1 state: 2", "data": {"rule": 201}});
    json!({"jsonrpc": "2.0", "id": request["id"], "error": error})
}

#[tokio::test]
async fn a_call_sends_its_parameters_and_reads_its_result() {
    let url = server(|request| {
        let answer = match request["method"].as_str().unwrap() {
            "eth_blockNumber" => json!("0x2a"),
            "eth_getTransactionCount" => {
                assert_eq!(request["params"][1], "pending");
                json!("0x7")
            }
            "eth_getBlockByNumber" => Value::Null,
            other => panic!("{other}"),
        };
        (200, result(&request, answer).to_string())
    })
    .await;
    let client = Client::new(&url).unwrap();
    assert_eq!(client.block_number().await.unwrap(), 42);
    let nonce = client.nonce(Default::default(), BlockNumberOrTag::Pending.into()).await.unwrap();
    assert_eq!(nonce, 7);
    assert_eq!(client.block(9.into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_keeps_code_message_and_data_whatever_the_http_status() {
    for status in [200, 400, 503] {
        let url = server(move |request| (status, refusal(&request).to_string())).await;
        let error = Client::new(&url).unwrap().send_raw(&Bytes::from_static(&[2])).await.unwrap_err();
        let rpc = error.rpc().unwrap_or_else(|| panic!("{error}"));
        assert_eq!((rpc.code, rpc.rule()), (-32000, Some(201)));
        let text = error.to_string();
        assert_eq!(text, "eth_sendRawTransaction: nonce too low: address 0x01, tx: 1 state: 2 (code -32000, rule 201)");
    }
}

#[tokio::test]
async fn a_batch_keeps_the_order_of_its_calls_and_one_refusal_spoils_no_other() {
    let url = server(|request| {
        let mut answers: Vec<Value> = Vec::new();
        for (i, call) in request.as_array().unwrap().iter().enumerate() {
            answers.push(if i == 1 { refusal(call) } else { result(call, json!(B256::repeat_byte(i as u8))) });
        }
        answers.reverse();
        (200, Value::Array(answers).to_string())
    })
    .await;
    let raw = [Bytes::from_static(&[1]), Bytes::from_static(&[2]), Bytes::from_static(&[3])];
    let sent = Client::new(&url).unwrap().send_raw_batch(&raw).await.unwrap();
    assert_eq!(sent[0], Ok(B256::ZERO));
    assert!(matches!(sent[1], Err(SdkError::Rpc { .. })), "{:?}", sent[1]);
    assert_eq!(sent[2], Ok(B256::repeat_byte(2)));
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_or_answered_in_part_is_an_error() {
    let calls = vec![Call { method: "eth_blockNumber", params: json!([]) }; 2];
    let whole = server(|_| {
        (200, json!({"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"batch of 2"}}).to_string())
    });
    let error = Client::new(&whole.await).unwrap().batch::<Value>(&calls).await.unwrap_err();
    assert_eq!(error.rpc().unwrap().code, -32005);
    let part = server(|request| (200, json!([result(&request[0], json!("0x1"))]).to_string()));
    let error = Client::new(&part.await).unwrap().batch::<Value>(&calls).await.unwrap_err().to_string();
    assert!(error.contains("1 answers to 2 calls"), "{error}");
    let strange = server(|_| (200, json!([{"jsonrpc":"2.0","id":77777,"result":1}]).to_string()));
    let error = Client::new(&strange.await).unwrap().batch::<Value>(&calls).await.unwrap_err().to_string();
    assert!(error.contains("no call has the id 77777"), "{error}");
}

#[tokio::test]
async fn what_is_no_json_rpc_is_told_from_a_refusal() {
    let page = server(|_| (502, "<html>bad gateway".to_owned())).await;
    let error = Client::new(&page).unwrap().chain_id().await.unwrap_err();
    assert!(matches!(&error, SdkError::Http { status: 502, body, .. } if body.contains("bad gateway")), "{error}");
    let garbage = server(|_| (200, "{\"jsonrpc\":".to_owned())).await;
    let error = Client::new(&garbage).unwrap().chain_id().await.unwrap_err();
    assert!(matches!(&error, SdkError::Answer { .. }), "{error}");
    let wrong = server(|request| (200, result(&request, json!({"a": 1})).to_string())).await;
    let error = Client::new(&wrong).unwrap().chain_id().await.unwrap_err();
    assert!(matches!(&error, SdkError::Answer { .. }), "{error}");
}

#[tokio::test]
async fn nobody_listening_no_answer_and_a_wrong_address_have_errors_of_their_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::with_timeout(&silent, Duration::from_millis(50)).unwrap();
    let error = client.chain_id().await.unwrap_err();
    assert!(matches!(error, SdkError::Timeout { .. }), "{error}");
    drop(listener);
    let error = Client::new(&silent).unwrap().chain_id().await.unwrap_err();
    assert!(matches!(error, SdkError::Unreachable { .. }), "{error}");
    for url in ["127.0.0.1:8545", "https://127.0.0.1:8545", ""] {
        assert!(matches!(Client::new(url), Err(SdkError::Url { .. })), "{url}");
    }
}

#[tokio::test]
async fn waiting_for_a_receipt_ends_with_the_hash_and_the_time() {
    let url = server(|request| (200, result(&request, Value::Null).to_string())).await;
    let hash = B256::repeat_byte(5);
    let error = Client::new(&url).unwrap().wait_receipt(hash, Duration::from_millis(60)).await.unwrap_err();
    assert!(matches!(error, SdkError::NotMined { hash: h, .. } if h == hash), "{error}");
}

#[test]
fn the_blocking_client_makes_the_same_calls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Blocking::new(&url).unwrap().run(async |client| client.block_number().await).unwrap_err();
    assert!(matches!(error, SdkError::Unreachable { .. }), "{error}");
}
