//! A JSON-RPC call over plain HTTP: enough to ask our own nodes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Calls a method of the node at this port of this machine.
pub fn call(port: u16, method: &str, params: &Value) -> Result<Value> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let request = format!(
        "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(port, &request)?;
    let value: Value = serde_json::from_str(&answer).context("the answer is no JSON")?;
    match value.get("error") {
        Some(error) => bail!("{method}: {error}"),
        None => Ok(value.get("result").cloned().unwrap_or_default()),
    }
}

fn exchange(port: u16, request: &str) -> Result<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) => Ok(body.to_owned()),
        None => bail!("port {port} does not speak HTTP"),
    }
}

/// A number as Ethereum's JSON writes it.
pub fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// The newest height.
pub fn height(port: u16) -> Result<u64> {
    quantity(&call(port, "eth_blockNumber", &json!([]))?).context("no number")
}

/// A block without its transactions' bodies.
pub fn block(port: u16, height: u64) -> Result<Value> {
    call(port, "eth_getBlockByNumber", &json!([format!("{height:#x}"), false]))
}

/// How many peers the node has.
pub fn peers(port: u16) -> Result<u64> {
    quantity(&call(port, "net_peerCount", &json!([]))?).context("no number")
}
