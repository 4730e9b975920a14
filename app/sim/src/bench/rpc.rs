//! How quickly a node answers: the development chain's start, calls, and logs over many blocks.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes, hex};
use anyhow::{Context, Result, ensure};
use defchain_localnet::free_ports;
use defchain_sdk::{Call, Client};
use serde::Serialize;
use serde_json::{Value, json};

use super::stats::{Spread, millis};
use crate::load::token_code;

/// Blocks of one batch of requests.
const BATCH: u64 = 50;
/// One block in so many carries a log of the address that is asked for; the others carry one of somebody else.
const RARE: u64 = 100;
/// Measured calls of each kind.
const CALLS: usize = 2_000;
/// Measured requests for logs.
const LOGS: usize = 50;
/// How long the node may take to start.
const START: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Debug, Clone)]
pub struct RpcPlan {
    /// The program `defchain-app`.
    pub app: PathBuf,
    /// Blocks that are searched for logs.
    pub blocks: u64,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct RpcFigures {
    /// From starting the process to its first answer.
    pub start_ms: f64,
    /// `eth_blockNumber`: what a request costs by itself.
    pub block_number: Spread,
    /// `eth_getBalance`.
    pub balance: Spread,
    /// `eth_call` of an ERC-20's `balanceOf`.
    pub call: Spread,
    /// `eth_getLogs` of one address over all blocks.
    pub logs: Spread,
    /// Blocks searched.
    pub log_blocks: u64,
    /// Logs found each time.
    pub logs_found: usize,
    /// Transactions mined a second, one block each, in batches of 50 requests.
    pub mined_per_s: f64,
}

struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a development chain, fills it and measures.
///
/// # Errors
/// When the node does not start or answers wrongly.
pub async fn run(plan: &RpcPlan) -> Result<RpcFigures> {
    let port = *free_ports(1)?.first().context("no port")?;
    let started = Instant::now();
    let mut command = Command::new(&plan.app);
    command
        .args(["dev", "--quiet", "--plain-money", "--port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let _dev = Dev(command.spawn().with_context(|| format!("cannot run {}", plan.app.display()))?);
    let client = Client::new(&format!("http://127.0.0.1:{port}"))?;
    let start_ms = loop {
        if client.block_number().await.is_ok() {
            break millis(started.elapsed());
        }
        ensure!(started.elapsed() < START, "the development node does not answer after {START:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let accounts: Vec<Address> = client.request("eth_accounts", &json!([])).await?;
    let owner = *accounts.first().context("no account")?;
    let token = deploy(&client, owner, &token_code()).await?;
    // LOG0 of nothing, then STOP.
    let emitter = hex!("5f5fa000");
    let (rare, common) = (deploy(&client, owner, &emitter).await?, deploy(&client, owner, &emitter).await?);
    let first = client.block_number().await? + 1;
    let mining = Instant::now();
    for batch in 0..plan.blocks.div_ceil(BATCH) {
        let calls: Vec<Call> = (batch * BATCH..(batch + 1) * BATCH)
            .map(|n| {
                let to = if n % RARE == 0 { rare } else { common };
                Call { method: "eth_sendTransaction", params: json!([{ "from": owner, "to": to, "gas": "0xc350" }]) }
            })
            .collect();
        for sent in client.batch::<Value>(&calls).await? {
            sent.context("a transaction was refused")?;
        }
    }
    let newest = client.block_number().await?;
    let mined = newest + 1 - first;
    let mined_per_s = mined as f64 / mining.elapsed().as_secs_f64();
    ensure!(mined >= plan.blocks, "{mined} blocks were made for {} transactions", plan.blocks);

    let balance_of = [hex!("70a08231").as_slice(), owner.into_word().as_slice()].concat();
    let call = json!([{ "to": token, "data": Bytes::from(balance_of) }, "latest"]);
    let block_number = sample(&client, "eth_blockNumber", &json!([]), CALLS).await?;
    let balance = sample(&client, "eth_getBalance", &json!([owner, "latest"]), CALLS).await?;
    let called = sample(&client, "eth_call", &call, CALLS).await?;
    let range =
        json!([{ "address": rare, "fromBlock": quantity(first), "toBlock": quantity(first + plan.blocks - 1) }]);
    let found: Vec<Value> = client.request("eth_getLogs", &range).await?;
    ensure!(found.len() as u64 == plan.blocks.div_ceil(RARE), "{} logs found of one in {RARE} blocks", found.len());
    let logs = sample(&client, "eth_getLogs", &range, LOGS).await?;
    Ok(RpcFigures {
        start_ms,
        block_number,
        balance,
        call: called,
        logs,
        log_blocks: plan.blocks,
        logs_found: found.len(),
        mined_per_s,
    })
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

/// One request after the other.
async fn sample(client: &Client, method: &str, params: &Value, times: usize) -> Result<Spread> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        let _: Value = client.request(method, params).await?;
        took.push(started.elapsed());
    }
    Spread::of(took).context("nothing was measured")
}

/// Puts this code on the chain.
async fn deploy(client: &Client, from: Address, code: &[u8]) -> Result<Address> {
    // CODECOPY(0, 12, size); RETURN(0, size)
    let size = u16::try_from(code.len())?.to_be_bytes();
    let head = [0x61, size[0], size[1], 0x80, 0x60, 12, 0x5f, 0x39, 0x5f, 0xf3, 0, 0];
    let init = Bytes::from([head.as_slice(), code].concat());
    let hash =
        client.request("eth_sendTransaction", &json!([{ "from": from, "data": init, "gas": "0x4c4b40" }])).await?;
    let receipt = client.wait_receipt(hash, Duration::from_secs(10)).await?;
    ensure!(receipt.status(), "the deployment failed");
    let at = receipt.contract_address.context("no contract was made")?;
    let found: Bytes = client.request("eth_getCode", &json!([at, "latest"])).await?;
    ensure!(*found == *code, "the contract at {at} has other code");
    Ok(at)
}
