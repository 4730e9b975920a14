//! WebSocket: requests in order, subscriptions, limits.

use std::collections::BTreeMap;

use defchain_rpc::RpcConfig;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::support::{Node, TOPIC, address, poke, transfer};

pub struct Ws(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Ws {
    pub async fn open(node: &Node, path: &str) -> Self {
        let url = format!("ws://{}{path}", node.server.local_addr());
        Self(connect_async(url).await.unwrap().0)
    }

    pub async fn send(&mut self, body: Value) {
        self.0.send(Message::text(body.to_string())).await.unwrap();
    }

    /// The next text, or why the connection was closed.
    pub async fn next(&mut self) -> Result<Value, String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.reason.to_string()).unwrap_or_default()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("end".to_owned()),
            }
        }
    }

    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await;
        self.next().await.unwrap()
    }

    pub async fn subscribe(&mut self, params: Value) -> String {
        self.call("eth_subscribe", params).await["result"].as_str().unwrap().to_owned()
    }

    /// The next notice: subscription and result.
    async fn notice(&mut self) -> (String, Value) {
        let notice = self.next().await.unwrap();
        assert_eq!(notice["method"], "eth_subscription", "{notice}");
        (notice["params"]["subscription"].as_str().unwrap().to_owned(), notice["params"]["result"].clone())
    }
}

#[tokio::test]
async fn replies_keep_the_order_of_requests_on_both_paths() {
    let node = Node::start().await;
    for path in ["", "/ws"] {
        let mut ws = Ws::open(&node, path).await;
        for id in 0..100 {
            let method = if id % 2 == 0 { "eth_chainId" } else { "eth_feeHistory" };
            let params = if id % 2 == 0 { json!([]) } else { json!(["0x1", "latest"]) };
            ws.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        }
        for id in 0..100 {
            assert_eq!(ws.next().await.unwrap()["id"], id);
        }
    }
}

#[tokio::test]
async fn a_bad_message_is_answered_and_the_connection_goes_on() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    ws.0.send(Message::text("nonsense")).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["error"]["code"], -32700);
    ws.0.send(Message::binary(r#"{"jsonrpc":"2.0","id":5,"method":"eth_chainId"}"#)).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["result"], "0x8b5f");
}

#[tokio::test]
async fn new_heads_come_with_every_block_until_unsubscribed() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    let id = ws.subscribe(json!(["newHeads"])).await;
    for _ in 0..3 {
        let header = node.block();
        let (subscription, head) = ws.notice().await;
        assert_eq!(subscription, id);
        assert_eq!(head["hash"], json!(header.hash));
        let by_number = node.call("eth_getBlockByNumber", json!([head["number"], false])).await;
        for (field, value) in head.as_object().unwrap() {
            assert_eq!(&by_number[field], value, "{field}");
        }
    }
    assert_eq!(ws.call("eth_unsubscribe", json!([id])).await["result"], true);
    node.block();
    // The next thing that is said is the answer: no head came between.
    let answer = ws.call("eth_unsubscribe", json!([id])).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
}

#[tokio::test]
async fn a_transaction_is_announced_pending_then_its_head_then_its_logs() {
    let node = Node::start().await;
    let contract = node.deploy_probe(0).await;
    let mut ws = Ws::open(&node, "").await;
    let mut names = BTreeMap::new();
    for (name, params) in [
        ("heads", json!(["newHeads"])),
        ("logs", json!(["logs", {"address": contract, "topics": [TOPIC]}])),
        ("other logs", json!(["logs", {"address": address(5)}])),
        ("hashes", json!(["newPendingTransactions"])),
        ("full", json!(["newPendingTransactions", true])),
    ] {
        names.insert(ws.subscribe(params).await, name);
    }
    let hash = node.send(&poke(1, 1, contract)).await;
    let header = node.block();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (subscription, result) = ws.notice().await;
        seen.push((names[&subscription], result));
    }
    let (mut pending, mined): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|(name, _)| matches!(*name, "hashes" | "full"));
    pending.sort_by_key(|(name, _)| *name);
    assert_eq!((pending[0].0, &pending[0].1["hash"]), ("full", &json!(hash)));
    assert_eq!((pending[1].0, &pending[1].1), ("hashes", &json!(hash)));
    assert_eq!((mined[0].0, &mined[0].1["hash"]), ("heads", &json!(header.hash)));
    assert_eq!((mined[1].0, &mined[1].1["transactionHash"]), ("logs", &json!(hash)));
}

#[tokio::test]
async fn pending_comes_before_the_head_of_its_block() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    let heads = ws.subscribe(json!(["newHeads"])).await;
    let pending = ws.subscribe(json!(["newPendingTransactions"])).await;
    for nonce in 0..20 {
        node.send(&transfer(1, nonce, address(2), 1)).await;
        node.block();
    }
    let mut order = Vec::new();
    for _ in 0..40 {
        order.push(ws.notice().await.0);
    }
    let mut waiting = 0_i32;
    for id in order {
        waiting += if id == pending { 1 } else { -1 };
        assert!(id == pending || id == heads);
        assert!(waiting >= 0, "a block was announced before its transaction");
    }
}

#[tokio::test]
async fn a_batch_may_subscribe_and_its_answer_comes_first() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    ws.send(json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_getBlockByNumber", "params": ["latest", true]},
    ]))
    .await;
    let answer = ws.next().await.unwrap();
    node.block();
    assert_eq!(ws.notice().await.0, answer[0]["result"].as_str().unwrap());
}

#[tokio::test]
async fn subscriptions_are_limited_per_connection_and_wrong_ones_named() {
    let node = Node::with(RpcConfig { max_subscriptions_per_connection: 2, ..RpcConfig::default() }).await;
    let mut ws = Ws::open(&node, "").await;
    ws.subscribe(json!(["newHeads"])).await;
    ws.subscribe(json!(["syncing"])).await;
    let answer = ws.call("eth_subscribe", json!(["logs", {}])).await;
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("has 2, limit 2"), "{answer}");
    let answer = ws.call("eth_subscribe", json!(["nonsense"])).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    // Another connection has its own count.
    Ws::open(&node, "").await.subscribe(json!(["newHeads"])).await;
}

#[tokio::test]
async fn a_message_above_the_limit_closes_the_connection() {
    let node = Node::with(RpcConfig { max_body_bytes: 600_000, ..RpcConfig::default() }).await;
    let mut ws = Ws::open(&node, "").await;
    // The server may close while we still send.
    let _ = ws.0.send(Message::text(" ".repeat(700_000))).await;
    assert!(ws.next().await.is_err());
    assert_eq!(Ws::open(&node, "").await.call("eth_chainId", json!([])).await["result"], "0x8b5f");
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_gets_no_connection() {
    let node = Node::start().await;
    let mut request = format!("ws://{}", node.server.local_addr()).into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let error = connect_async(request).await.unwrap_err().to_string();
    assert!(error.contains("403"), "{error}");
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_and_the_chain_goes_on() {
    let node = Node::with(RpcConfig { max_subscriptions_per_connection: 10_000, ..RpcConfig::default() }).await;
    let mut ws = Ws::open(&node, "").await;
    let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]});
    // Each block is many megabytes for this connection: buffers of the system do not hide that nobody reads.
    for _ in 0..10 {
        ws.send(json!(vec![&subscribe; 1_000])).await;
        assert_eq!(ws.next().await.unwrap().as_array().unwrap().len(), 1_000);
    }
    for _ in 0..80 {
        node.block();
    }
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x50");
    let mut notices = 0;
    let reason = loop {
        match ws.next().await {
            Ok(_) => notices += 1,
            Err(reason) => break reason,
        }
    };
    assert!(notices < 800_000, "everything was delivered");
    assert!(reason.contains("slow reader"), "{reason}");
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    ws.subscribe(json!(["newHeads"])).await;
    let told = tokio::spawn(async move { ws.next().await });
    node.server.shutdown().await;
    assert_eq!(told.await.unwrap().unwrap_err(), "the node is stopping");
}
