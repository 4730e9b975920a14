//! The port itself: sizes, hosts, origins, connections, health.

use defchain_rpc::{RpcConfig, RpcContext, RpcServer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::Node;

const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_both_figures() {
    let node = Node::with(RpcConfig { max_body_bytes: 600_000, ..RpcConfig::default() }).await;
    let response = node.http.post(&node.url).body(" ".repeat(600_001)).send().await.unwrap();
    assert_eq!(response.status(), 413);
    let text = response.text().await.unwrap();
    assert!(text.contains("600001 bytes, limit 600000"), "{text}");
    let padded = format!("{CHAIN_ID}{}", " ".repeat(600_000 - CHAIN_ID.len()));
    assert_eq!(node.post(padded).await["result"], "0x8b5f");
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_even_for_health() {
    let node = Node::start().await;
    for path in ["", "/health", "/metrics", "/ws"] {
        let request = node.http.post(format!("{}{path}", node.url)).header("host", "evil.example").body(CHAIN_ID);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
        assert!(response.text().await.unwrap().contains("evil.example"));
    }
    let request = node.http.post(&node.url).header("host", "localhost:8545").body(CHAIN_ID);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_json_is_taken_for_json() {
    let node = Node::start().await;
    let request = node.http.post(&node.url).header("content-type", "text/plain").body(CHAIN_ID);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 415);
    assert!(response.text().await.unwrap().contains("text/plain"));
}

#[tokio::test]
async fn a_listed_origin_may_call_and_another_is_not_told_that_it_may() {
    let node = Node::with(RpcConfig { cors_origins: vec!["https://app.example".into()], ..RpcConfig::default() }).await;
    for (origin, allowed) in [("https://app.example", true), ("https://evil.example", false)] {
        let request = node
            .http
            .request(reqwest::Method::OPTIONS, &node.url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let response = request.send().await.unwrap();
        let answer = response.headers().get("access-control-allow-origin");
        assert_eq!(answer.is_some_and(|value| value == origin), allowed, "{origin}");
    }
}

#[tokio::test]
async fn other_verbs_get_a_hint() {
    let node = Node::start().await;
    let hint = node.http.get(&node.url).send().await.unwrap();
    assert_eq!(hint.status(), 200);
    assert!(hint.text().await.unwrap().contains("POST"));
    assert_eq!(node.http.delete(&node.url).send().await.unwrap().status(), 405);
    assert_eq!(node.http.get(format!("{}/nowhere", node.url)).send().await.unwrap().status(), 404);
}

/// Sends a request on a connection that stays open and reads the head of the answer.
async fn raw(stream: &mut TcpStream) -> String {
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{CHAIN_ID}",
        CHAIN_ID.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_one_that_ends_makes_room() {
    let node = Node::with(RpcConfig { max_connections: 2, ..RpcConfig::default() }).await;
    let addr = node.server.local_addr();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        assert!(raw(&mut stream).await.contains("200 OK"));
        held.push(stream);
    }
    let mut third = TcpStream::connect(addr).await.unwrap();
    let answer = raw(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("serves 2 connections"), "{answer}");
    drop(held);
    // The server notices the end by itself; until then it refuses.
    loop {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        if raw(&mut stream).await.contains("200 OK") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let node = Node::with(RpcConfig { idle_timeout_ms: 1_000, ..RpcConfig::default() }).await;
    let mut stream = TcpStream::connect(node.server.local_addr()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    // Ends by itself: with nothing, or with a refusal.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

async fn get(node: &Node, path: &str) -> (u16, Value) {
    let response = node.http.get(format!("{}{path}", node.url)).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn readiness_waits_for_a_block_and_for_catching_up() {
    let node = Node::start().await;
    let (status, body) = get(&node, "/ready").await;
    assert_eq!((status, &body["reason"]), (503, &json!("no block yet")));
    assert_eq!(get(&node, "/health").await.0, 200);
    let header = node.block();
    let (status, body) = get(&node, "/ready").await;
    assert_eq!((status, &body["height"], &body["hash"]), (200, &json!(1), &json!(header.hash)));
    node.catching_up.store(99, std::sync::atomic::Ordering::SeqCst);
    let (status, body) = get(&node, "/ready").await;
    assert_eq!((status, &body["reason"]), (503, &json!("catching up: block 1 of 99")));
    assert_eq!(get(&node, "/health").await.0, 200);
    let syncing = node.call("eth_syncing", json!([])).await;
    assert_eq!(syncing, json!({"startingBlock": "0x0", "currentBlock": "0x1", "highestBlock": "0x63"}));
}

#[tokio::test]
async fn metrics_hold_the_nodes_and_the_servers_own() {
    let node = Node::start().await;
    node.call("eth_chainId", json!([])).await;
    let response = node.http.get(format!("{}/metrics", node.url)).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with("defchain_test 1\n"), "{text}");
    assert!(text.contains("defchain_rpc_requests_total{method=\"eth_chainId\",outcome=\"ok\"} 1"), "{text}");
    assert!(text.contains("defchain_rpc_open_connections 1"), "{text}");
}

#[tokio::test]
async fn a_taken_port_and_a_wrong_setting_are_refused_at_the_start() {
    let node = Node::start().await;
    let context = || RpcContext::of_chain(node.driver.chain(), "second");
    let config = RpcConfig { addr: node.server.local_addr(), ..RpcConfig::default() };
    let error = RpcServer::start(config, context()).await.unwrap_err().to_string();
    assert!(error.contains(&node.server.local_addr().to_string()) && error.contains("another node"), "{error}");
    let config = RpcConfig { max_batch: 0, ..RpcConfig::default() };
    let error = RpcServer::start(config, context()).await.unwrap_err().to_string();
    assert!(error.contains("rpc.max_batch is 0"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_shut_down_frees_its_port() {
    let node = Node::start().await;
    let addr = node.server.local_addr();
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x8b5f");
    node.server.shutdown().await;
    tokio::net::TcpListener::bind(addr).await.unwrap();
}
