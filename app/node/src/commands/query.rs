use std::time::Duration;

use alloy_primitives::{B256, U256, utils::format_ether};
use anyhow::{Context, Result, anyhow, bail};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use defchain_base::{ConsensusAddress, Height, Power};
use defchain_chain::proposer;
use serde_json::{Value, json};

use crate::{
    cli::{Query, QueryArgs},
    output::{EXIT_UNREACHABLE, Output, coded},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// CometBFT's largest page of validators.
const PAGE: usize = 100;

pub(super) fn run(args: &QueryArgs, output: Output) -> Result<()> {
    let client = Client::new(args)?;
    match &args.query {
        Query::Block { block } => show(output, client.block(block)?),
        Query::Tx { hash } => show(output, client.transaction(hash)?),
        Query::Account { address } => {
            let wei = quantity(&client.eth("eth_getBalance", json!([address, "latest"]))?)?;
            let nonce = quantity(&client.eth("eth_getTransactionCount", json!([address, "latest"]))?)?;
            let code = client.eth("eth_getCode", json!([address, "latest"]))?;
            let bytes = code.as_str().map_or(0, |text| text.len().saturating_sub(2) / 2);
            output.print(
                format!(
                    "{address}\n  balance  {} DEF\n  nonce    {nonce}\n  code     {bytes} bytes",
                    format_ether(wei)
                ),
                || json!({ "address": address, "wei": wei.to_string(), "nonce": nonce.to_string(), "code": code }),
            );
            Ok(())
        }
        Query::Economy(query) => super::economy::run(&args.rpc, query, output),
        Query::Upgrade => show(output, client.abci("/upgrade")?),
        Query::Proposer { height, round } => draw(&client, *height, *round, output),
        Query::Status => status(&client, output),
    }
}

/// A value as people read it: JSON either way, for its shape is the field's own.
#[allow(clippy::unnecessary_wraps, reason = "ends a match arm")]
fn show(output: Output, value: Value) -> Result<()> {
    let human = serde_json::to_string_pretty(&value).unwrap_or_default();
    output.print(human, || value);
    Ok(())
}

fn quantity(value: &Value) -> Result<U256> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|_| anyhow!("the node answered {value} where a number was expected"))
}

struct Client {
    http: reqwest::blocking::Client,
    rpc: String,
    comet: String,
}

impl Client {
    fn new(args: &QueryArgs) -> Result<Self> {
        for url in [&args.rpc, &args.comet_rpc] {
            if !url.starts_with("http://") {
                bail!("{url}: give an address that begins with http:// (TLS ends at a proxy in front of the node)");
            }
        }
        let http = reqwest::blocking::Client::builder().timeout(TIMEOUT).build().context("HTTP client")?;
        Ok(Self { http, rpc: args.rpc.clone(), comet: args.comet_rpc.clone() })
    }

    fn call(&self, url: &str, option: &str, method: &str, params: Value) -> Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let unreachable = |error: reqwest::Error| {
            coded(
                EXIT_UNREACHABLE,
                format!("no answer from {url}: {error}; is the node running? {option} names another"),
            )
        };
        let response = self.http.post(url).json(&request).send().map_err(unreachable)?;
        let status = response.status();
        let body = response.text().map_err(unreachable)?;
        let answer: Value = serde_json::from_str(&body)
            .map_err(|_| anyhow!("{url} answered {status} and no JSON: is it a node's RPC?"))?;
        if let Some(error) = answer.get("error") {
            let message = error.get("message").and_then(Value::as_str).unwrap_or("no message");
            let data = error.get("data").and_then(Value::as_str).map(|data| format!(" ({data})")).unwrap_or_default();
            bail!("{method}: {message}{data}");
        }
        Ok(answer.get("result").cloned().unwrap_or_default())
    }

    fn eth(&self, method: &str, params: Value) -> Result<Value> {
        self.call(&self.rpc, "--rpc", method, params)
    }

    fn comet(&self, method: &str, params: Value) -> Result<Value> {
        self.call(&self.comet, "--comet-rpc", method, params)
    }

    fn abci(&self, path: &str) -> Result<Value> {
        let answer = self.comet("abci_query", json!({ "path": path }))?;
        let response = answer.get("response").cloned().unwrap_or_default();
        if response.get("code").and_then(Value::as_u64).unwrap_or(0) != 0 {
            bail!("{path}: {}", response.get("log").and_then(Value::as_str).unwrap_or("refused"));
        }
        let value = response.get("value").and_then(Value::as_str).unwrap_or_default();
        let bytes = BASE64.decode(value).with_context(|| format!("{path}: the answer is not base64"))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{path}: the answer is not JSON"))
    }

    fn block(&self, block: &str) -> Result<Value> {
        let found = match block.parse::<u64>() {
            Ok(number) => self.eth("eth_getBlockByNumber", json!([format!("{number:#x}"), false]))?,
            Err(_) if block.parse::<B256>().is_ok() => self.eth("eth_getBlockByHash", json!([block, false]))?,
            Err(_) => self.eth("eth_getBlockByNumber", json!([block, false]))?,
        };
        if found.is_null() { bail!("the node has no block {block}") } else { Ok(found) }
    }

    fn transaction(&self, hash: &str) -> Result<Value> {
        let transaction = self.eth("eth_getTransactionByHash", json!([hash]))?;
        if transaction.is_null() {
            bail!("the node knows no transaction {hash}: it was never sent, was dropped, or its block was pruned");
        }
        let receipt = self.eth("eth_getTransactionReceipt", json!([hash]))?;
        Ok(json!({ "transaction": transaction, "receipt": receipt }))
    }

    /// CometBFT's set at a height.
    fn set(&self, height: u64) -> Result<Vec<(ConsensusAddress, Power)>> {
        let mut set = Vec::new();
        for page in 1.. {
            let params =
                json!({ "height": height.to_string(), "page": page.to_string(), "per_page": PAGE.to_string() });
            let answer = self.comet("validators", params)?;
            let list = answer.get("validators").and_then(Value::as_array).cloned().unwrap_or_default();
            for one in &list {
                let address = one.get("address").cloned().unwrap_or_default();
                let power = one.get("voting_power").and_then(Value::as_str).and_then(|text| text.parse().ok());
                let address = serde_json::from_value(address).context("CometBFT's validators")?;
                set.push((address, Power(power.context("CometBFT's validators have no power")?)));
            }
            let total = answer.get("total").and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0);
            if list.is_empty() || set.len() >= total {
                break;
            }
        }
        Ok(set)
    }

    /// Hash and proposer of CometBFT's block.
    fn comet_block(&self, height: u64) -> Result<(B256, ConsensusAddress)> {
        let answer = self.comet("block", json!({ "height": height.to_string() }))?;
        let hash = answer.pointer("/block_id/hash").and_then(Value::as_str).unwrap_or_default();
        let proposer = answer.pointer("/block/header/proposer_address").cloned().unwrap_or_default();
        let hash = hash.parse().with_context(|| format!("CometBFT's block {height} has no hash"))?;
        Ok((hash, serde_json::from_value(proposer).with_context(|| format!("CometBFT's block {height}"))?))
    }
}

fn draw(client: &Client, height: u64, round: u32, output: Output) -> Result<()> {
    if height == 0 {
        bail!("block 0 is the genesis: nobody proposes it; give a height of 1 or more");
    }
    let set = client.set(height)?;
    let previous = if height == 1 {
        let chain_id = client.comet("status", json!({}))?;
        let chain_id = chain_id.pointer("/node_info/network").and_then(Value::as_str).unwrap_or_default().to_owned();
        proposer::genesis_hash(&chain_id)
    } else {
        client.comet_block(height - 1)?.0
    };
    let Some(drawn) = proposer::draw(&set, Height(height), u64::from(round), &previous) else {
        bail!("there are no validators at height {height}");
    };
    // The block may not exist yet.
    let decided = client.comet_block(height).ok().map(|(_, proposer)| proposer);
    let mut human = format!("height {height}, round {round}: {drawn}");
    if let Some(decided) = decided {
        human += &format!("\nthe decided block's proposer: {decided}");
    }
    output.print(human, || json!({ "height": height, "round": round, "drawn": drawn, "decided": decided }));
    Ok(())
}

fn status(client: &Client, output: Output) -> Result<()> {
    let height = quantity(&client.eth("eth_blockNumber", json!([]))?)?;
    let chain_id = quantity(&client.eth("eth_chainId", json!([]))?)?;
    let syncing = client.eth("eth_syncing", json!([]))?;
    let peers = quantity(&client.eth("net_peerCount", json!([]))?)?;
    let version = client.eth("web3_clientVersion", json!([]))?;
    let behind = if syncing == json!(false) { "in step" } else { "catching up" };
    output.print(
        format!(
            "height {height}, {behind}, {peers} peers, EVM chain id {chain_id}\n{}",
            version.as_str().unwrap_or_default()
        ),
        || {
            json!({
                "height": height.to::<u64>(),
                "chain_id": chain_id.to::<u64>(),
                "syncing": syncing,
                "peers": peers.to::<u64>(),
                "version": version,
            })
        },
    );
    Ok(())
}
