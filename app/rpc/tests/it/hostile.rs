//! Callers who mean harm: the server answers each with what is wrong, and goes on serving the others.

use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind};
use defchain_rpc::RpcConfig;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    support::{Node, base, sign},
    websocket::Ws,
};

#[tokio::test]
async fn giant_calldata_is_refused_by_size_or_paid_for_in_gas() {
    let node = Node::start().await;
    node.block();
    let input = Bytes::from(vec![0xff; 200_000]);
    let raw = sign(1, TxEip1559 { to: TxKind::Call(Address::ZERO), input, gas_limit: 16_000_000, ..base() });
    let answer = node.answer("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(answer["error"]["data"]["rule"], 103, "{answer}");
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("131072"), "the limit is named: {text}");
    // A call may be larger, but its bytes cost gas as they would in a transaction.
    let input = format!("0x{}", "ff".repeat(2 << 20));
    let (code, text) = node.error("eth_call", json!([{"to": Address::ZERO, "input": input}])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("gas"), "{text}");
    let whole = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["{}"]}}"#, "f".repeat(6 << 20));
    let response = node.http.post(&node.url).header("content-type", "application/json").body(whole).send().await;
    // The server may end the connection before all is sent.
    if let Ok(response) = response {
        assert_eq!(response.status(), 413);
    }
}

#[tokio::test]
async fn gas_bombs_keep_neither_cheap_calls_nor_blocks_waiting() {
    let node = Node::with(RpcConfig {
        call_gas_cap: 10_000_000_000,
        call_timeout_ms: 1_000,
        heavy_threads: 1,
        ..RpcConfig::default()
    })
    .await;
    node.block();
    let stranger = Address::repeat_byte(0x77);
    let mut accounts = json!({});
    accounts[stranger.to_string()] = json!({"code": "0x5b5f56"});
    let bomb =
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": stranger}, "latest", accounts]});
    let sends = (0..20).map(|_| {
        let request = node.http.post(&node.url).header("content-type", "application/json");
        tokio::spawn(request.body(bomb.to_string()).send())
    });
    let bombs: Vec<_> = sends.collect();
    for n in 2..12_u64 {
        node.block();
        assert_eq!(node.call("eth_blockNumber", json!([])).await, format!("{n:#x}"));
        node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    }
    assert!(bombs.iter().any(|bomb| !bomb.is_finished()), "the bombs were over before anything was measured");
    for bomb in bombs {
        bomb.abort();
    }
}

#[tokio::test]
async fn idle_sockets_of_one_address_leave_room_for_those_who_are_connected() {
    let node = Node::with(RpcConfig { max_connections_per_ip: 100, ..RpcConfig::default() }).await;
    let mut ws = Ws::open(&node, "").await;
    let addr = node.server.local_addr();
    let idle = join_all((0..300).map(|_| TcpStream::connect(addr))).await;
    let mut told = 0;
    for stream in idle {
        let mut stream = stream.unwrap();
        let mut said = Vec::new();
        // Those that were let in are silent.
        let wait = tokio::time::timeout(Duration::from_millis(20), stream.read_to_end(&mut said)).await;
        told += usize::from(wait.is_ok() && String::from_utf8_lossy(&said).contains("(rpc.max_connections_per_ip)"));
    }
    // Beyond what is told at a time, connections end without a word.
    assert!((1..=201).contains(&told), "{told} were told");
    assert_eq!(ws.call("eth_chainId", json!([])).await["result"], "0x8b5f");
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_one_after_the_other() {
    let node = Node::start().await;
    let mut ws = Ws::open(&node, "").await;
    let block =
        |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "eth_getBlockByNumber", "params": ["0x0", true]});
    for id in 0..300 {
        ws.send(json!(vec![block(id); 10])).await;
    }
    for id in 0..300 {
        let answer = ws.next().await.unwrap();
        assert_eq!(answer[9]["id"], id);
    }
}

#[tokio::test]
async fn hostile_filters_and_ranges_are_refused_with_figures() {
    let node = Node::start().await;
    node.block();
    let addresses: Vec<Address> = (0..1_001_u64).map(|n| Address::left_padding_from(&n.to_be_bytes())).collect();
    let refused: [(&str, Value, &str); 4] = [
        ("eth_getLogs", json!([{"address": addresses}]), "too many address: 1001, limit 1000"),
        ("eth_newFilter", json!([{"address": addresses}]), "too many address: 1001, limit 1000"),
        ("eth_feeHistory", json!(["0xffffffffff", "latest", vec![50.0; 1_000]]), "1000"),
        ("eth_simulateV1", json!([{"blockStateCalls": vec![json!({}); 300]}]), "256"),
    ];
    for (method, params, expected) in refused {
        let (_, text) = node.error(method, params).await;
        assert!(text.contains(expected), "{method}: {text}");
    }
}
