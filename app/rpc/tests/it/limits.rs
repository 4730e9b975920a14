//! Each limit of a connection or of all: what is above it is refused with both figures, what is below it is served.

use std::time::Duration;

use alloy_primitives::Address;
use defchain_rpc::RpcConfig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{support::Node, websocket::Ws};

const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

/// A request with that body, as it goes over the wire.
fn wire(body: &str) -> String {
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

async fn connect(node: &Node) -> TcpStream {
    TcpStream::connect(node.server.local_addr()).await.unwrap()
}

/// Whatever comes until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn answered(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4_096];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

/// A figure of `/metrics`.
async fn figure(node: &Node, name: &str) -> i64 {
    let text = node.http.get(format!("{}/metrics", node.url)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    // What was never counted is not there yet.
    line.map_or(0, |figure| figure.parse().unwrap())
}

/// Waits for a figure; the tests' own time limit is the end of patience.
async fn becomes(node: &Node, name: &str, wanted: impl Fn(i64) -> bool) {
    while !wanted(figure(node, name).await) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nesting_above_the_limit_is_refused_with_both_figures() {
    let node = Node::with(RpcConfig { max_depth: 16, ..RpcConfig::default() }).await;
    let nested = |n: usize| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{open}{close}}}"#)
    };
    let answer = node.post(nested(16)).await;
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    let text = answer["error"]["message"].as_str().unwrap();
    assert_eq!(text, "nested too deeply: 17 levels, limit 16 (rpc.max_depth)");
    // Within the limit it is only one argument too many.
    assert_eq!(node.post(nested(15)).await["error"]["code"], -32602);
}

#[tokio::test]
async fn connections_of_one_address_are_limited_and_others_still_come_in() {
    let node = Node::with(RpcConfig { max_connections_per_ip: 2, ..RpcConfig::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&node).await;
        stream.write_all(wire(CHAIN_ID).as_bytes()).await.unwrap();
        assert!(answered(&mut stream).await.contains("200 OK"));
        held.push(stream);
    }
    let mut third = connect(&node).await;
    third.write_all(wire(CHAIN_ID).as_bytes()).await.unwrap();
    let refusal = rest(&mut third).await;
    assert!(refusal.starts_with("HTTP/1.1 503"), "{refusal}");
    assert!(refusal.contains("2 connections of one address") && refusal.contains("127.0.0.1 has 2"), "{refusal}");
    assert!(refusal.contains("rpc.max_connections_per_ip"), "{refusal}");
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(node.server.local_addr()).await.unwrap();
    other.write_all(wire(CHAIN_ID).as_bytes()).await.unwrap();
    assert!(answered(&mut other).await.contains("0x8b5f"));
}

#[tokio::test]
async fn subscriptions_of_all_connections_are_limited() {
    let node = Node::with(RpcConfig { max_subscriptions: 3, ..RpcConfig::default() }).await;
    let (mut a, mut b) = (Ws::open(&node, "").await, Ws::open(&node, "").await);
    for ws in [&mut a, &mut b] {
        ws.subscribe(json!(["newHeads"])).await;
    }
    b.subscribe(json!(["newHeads"])).await;
    let answer = a.call("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("together have 3, limit 3 (rpc.max_subscriptions)"), "{text}");
    drop(b);
    // The server notices the end by itself.
    while a.call("eth_subscribe", json!(["newHeads"])).await.get("error").is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn headers_that_trickle_in_are_not_waited_for() {
    let node = Node::with(RpcConfig { header_timeout_ms: 300, ..RpcConfig::default() }).await;
    let mut stream = connect(&node).await;
    stream.write_all(b"POST / HTTP/1.1\r\nx-slow: ").await.unwrap();
    let mut sent = 0;
    // Never silent for long: only the limit for the whole ends it.
    while stream.write_all(b"a").await.is_ok() {
        sent += 1;
        assert!(sent < 400, "the connection was never cut");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let node = Node::with(RpcConfig { header_timeout_ms: 200, idle_timeout_ms: 1_000, ..RpcConfig::default() }).await;
    assert_eq!(rest(&mut connect(&node).await).await, "");
    let mut used = connect(&node).await;
    used.write_all(wire(CHAIN_ID).as_bytes()).await.unwrap();
    let said = rest(&mut used).await;
    assert!(said.contains("0x8b5f") && !said.contains("408"), "{said}");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_refused_with_the_figure() {
    let node = Node::with(RpcConfig { body_timeout_ms: 300, ..RpcConfig::default() }).await;
    let mut stream = connect(&node).await;
    let request = wire(&format!("{CHAIN_ID}{}", " ".repeat(10_000)));
    let (begin, tail) = request.split_at(request.len() - 9_000);
    let tail = tail.to_owned();
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        for byte in tail.into_bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = vec![0; 4_096];
    let read = reader.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    trickle.abort();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("did not arrive within 300 ms (rpc.body_timeout_ms)"), "{answer}");
}

/// A body in chunks announces no size.
#[tokio::test]
async fn a_body_without_a_size_is_cut_at_the_limit() {
    let node = Node::with(RpcConfig { max_body_bytes: 600_000, ..RpcConfig::default() }).await;
    let mut stream = connect(&node).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let chunk = format!("186a0\r\n{}\r\n", " ".repeat(100_000));
    for _ in 0..7 {
        // It may be refused before all is sent.
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    let answer = answered(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("limit 600000 (rpc.max_body_bytes)"), "{answer}");
}

/// Room for one request and answer of the greatest size, and no more.
fn tight() -> RpcConfig {
    let (max_body_bytes, max_response_bytes) = (600_000, 1 << 20);
    RpcConfig {
        max_body_bytes,
        max_response_bytes,
        max_held_bytes: max_body_bytes + max_response_bytes,
        ..RpcConfig::default()
    }
}

#[tokio::test]
async fn unfinished_requests_of_many_connections_have_a_limit_together() {
    let node = Node::with(tight()).await;
    let large = wire(&format!("{CHAIN_ID}{}", " ".repeat(590_000)));
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&node).await;
        stream.write_all(&large.as_bytes()[..large.len() - 1]).await.unwrap();
        held.push(stream);
    }
    becomes(&node, "defchain_rpc_held_bytes", |held| held >= 1_180_000).await;
    let mut third = connect(&node).await;
    // It may be refused before all is sent.
    let _ = third.write_all(large.as_bytes()).await;
    let refusal = answered(&mut third).await;
    assert!(refusal.starts_with("HTTP/1.1 503"), "{refusal}");
    assert!(refusal.contains("bytes are held for callers") && refusal.contains("above 1648576"), "{refusal}");
    // Small requests go on, and what is given up makes room.
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
    drop(held);
    becomes(&node, "defchain_rpc_held_bytes", |held| held < 1_000).await;
    let mut again = connect(&node).await;
    again.write_all(large.as_bytes()).await.unwrap();
    assert!(answered(&mut again).await.contains("200 OK"));
}

/// A call whose answer is 1 MiB, 2 in hex.
fn large_answer() -> Value {
    let stranger = Address::repeat_byte(0x77);
    let mut accounts = json!({});
    // return(0, 2^20)
    accounts[stranger.to_string()] = json!({"code": "0x621000005ff3"});
    json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": stranger}, "latest", accounts]})
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up_with_its_memory() {
    let node = Node::with(RpcConfig { write_timeout_ms: 300, ..RpcConfig::default() }).await;
    node.block();
    // Read by who reads it, and more than the buffers of the system hold.
    let batch = json!(vec![large_answer(); 15]).to_string();
    let whole = node.post(batch.clone()).await;
    assert_eq!(whole[14]["result"].as_str().unwrap().len(), 2 * (1 << 20) + 2);
    let mut stream = connect(&node).await;
    stream.write_all(wire(&batch).as_bytes()).await.unwrap();
    becomes(&node, "defchain_rpc_held_bytes", |held| held > 15 << 20).await;
    becomes(&node, "defchain_rpc_held_bytes", |held| held < 1_000).await;
    // Only the connection that asks for the metrics is left.
    becomes(&node, "defchain_rpc_open_connections", |open| open <= 2).await;
    assert!(rest(&mut stream).await.len() < 30 << 20, "the answer was sent whole");
}

#[tokio::test]
async fn an_answer_for_which_there_is_no_room_is_an_error_of_its_call() {
    let node = Node::with(RpcConfig {
        max_held_bytes: (5 << 20) + (32 << 20),
        write_timeout_ms: 60_000,
        ..RpcConfig::default()
    })
    .await;
    node.block();
    let mut stream = connect(&node).await;
    stream.write_all(wire(&json!(vec![large_answer(); 15]).to_string()).as_bytes()).await.unwrap();
    becomes(&node, "defchain_rpc_held_bytes", |held| held > 15 << 20).await;
    let answer = node.post(json!(vec![large_answer(); 12]).to_string()).await;
    let answers = answer.as_array().unwrap();
    assert_eq!(answers.len(), 12);
    assert!(answers[0].get("result").is_some(), "the first fits");
    let refused = &answers[11]["error"];
    assert_eq!(refused["code"], -32005, "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("(rpc.max_held_bytes)"), "{refused}");
    drop(stream);
}

/// A call that runs until its gas or its time is used up.
fn bomb() -> Value {
    let stranger = Address::repeat_byte(0x77);
    let mut accounts = json!({});
    accounts[stranger.to_string()] = json!({"code": "0x5b5f56"});
    json!([{"to": stranger}, "latest", accounts])
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_with_the_figure() {
    let slow = RpcConfig { call_gas_cap: 10_000_000_000, call_timeout_ms: 50, ..RpcConfig::default() };
    let node = Node::with(slow).await;
    node.block();
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, text) = node.error(method, bomb()).await;
        // An estimate never asks for more than a transaction may have.
        if method == "eth_call" {
            assert_eq!((code, text.as_str()), (-32002, "request timed out after 50 ms (rpc.call_timeout_ms)"));
        } else {
            assert!(code == -32002 || code == -32000, "{code} {text}");
        }
    }
}

#[tokio::test]
async fn what_is_left_of_a_batch_is_refused_when_its_time_is_over() {
    let node = Node::with(RpcConfig {
        call_gas_cap: 10_000_000_000,
        call_timeout_ms: 60,
        request_timeout_ms: 150,
        max_sync_wait_ms: 100,
        ..RpcConfig::default()
    })
    .await;
    node.block();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": bomb()});
    let answer = node.post(json!(vec![call; 100]).to_string()).await;
    let messages: Vec<&str> =
        answer.as_array().unwrap().iter().map(|a| a["error"]["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), 100);
    assert_eq!(messages[99], "request timed out after 150 ms (rpc.request_timeout_ms)");
}

#[tokio::test]
async fn a_batch_of_dear_calls_gives_others_their_turn() {
    let node = Node::with(RpcConfig {
        heavy_threads: 1,
        call_gas_cap: 10_000_000_000,
        call_timeout_ms: 100,
        ..RpcConfig::default()
    })
    .await;
    node.block();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": bomb()});
    let request = node.http.post(&node.url).header("content-type", "application/json");
    let batch = tokio::spawn(request.body(json!(vec![call; 100]).to_string()).send());
    becomes(&node, "defchain_rpc_request_duration_seconds_count{method=\"eth_call\"}", |ran| ran > 0).await;
    // The batch has the only thread for ten seconds; this one call does not wait for its end.
    assert_eq!(node.call("eth_call", json!([{"to": Address::repeat_byte(1)}])).await, "0x");
    assert!(!batch.is_finished());
    batch.abort();
}
