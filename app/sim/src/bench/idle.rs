//! An idle network: how fast it makes empty blocks, and what each adds to disk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use defchain_localnet::Node;
use defchain_store::{Store, StoreOptions};
use serde::Serialize;

use super::{
    comet, disk,
    network::{Network, NetworkPlan, app_data},
    procfs::{Usage, Used},
    stats::{Spread, steps},
};
use crate::load::Accounts;

/// What to do.
#[derive(Debug, Clone)]
pub struct IdlePlan {
    /// The network.
    pub network: NetworkPlan,
    /// The measured time.
    pub seconds: Duration,
    /// Leave the folder with data and logs.
    pub keep: bool,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct IdleFigures {
    /// Blocks per second.
    pub blocks_per_s: f64,
    /// Blocks in the window.
    pub blocks: u64,
    /// Between headers.
    pub header_interval: Spread,
    /// Bytes that the application writes to its log for a block. They move to files, compressed and merged, and go.
    pub app_written_per_block: f64,
    /// Bytes of the application's files per block, from genesis on.
    pub app_kept_per_block: f64,
    /// Bytes that a block adds to one validator's CometBFT.
    pub comet_bytes_per_block: f64,
    /// Processor time and memory in the window.
    pub used: Used,
}

/// Lets the network idle and measures it.
///
/// # Errors
/// When the network fails.
pub async fn run(plan: &IdlePlan) -> Result<IdleFigures> {
    let accounts = Accounts::derive(1, 10)?;
    let mut network = Network::start(&plan.network, &accounts).await?;
    let client = network.client()?;
    // The first blocks build caches and files; they are not what an idle day is like.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let processes = network.processes();
    let before = (client.block_number().await?, sizes(&network)?, Usage::of(&processes));
    tokio::time::sleep(plan.seconds).await;
    let after = (client.block_number().await?, sizes(&network)?, Usage::of(&processes));
    let (first, last) = (before.0, after.0);
    let blocks = last.saturating_sub(first);
    ensure!(blocks >= 2, "{blocks} blocks came in {} s:\n{}", plan.seconds.as_secs(), network.logs());
    let headers = comet::block_times(&network.first()?.comet_url(), first, last).await?;
    let span = headers.last().zip(headers.first()).map_or(Duration::ZERO, |(l, f)| l.saturating_sub(*f));
    let per_block =
        |before: u64, after: u64| (after as f64 - before as f64) / (blocks as f64 * network.nodes.len() as f64);
    let mut figures = IdleFigures {
        blocks_per_s: blocks as f64 / span.as_secs_f64(),
        blocks,
        header_interval: Spread::of(steps(&headers, |a, b| b.saturating_sub(a))).context("no block interval")?,
        app_written_per_block: per_block(before.1[0], after.1[0]),
        comet_bytes_per_block: per_block(before.1[1], after.1[1]),
        app_kept_per_block: 0.0,
        used: after.2.since(&before.2, plan.seconds),
    };
    network.halt()?;
    figures.app_kept_per_block = kept(network.first()?)?;
    if plan.keep {
        eprintln!("kept {}", network.keep().display());
    }
    Ok(figures)
}

/// What the database holds in files per block, once its log is in files: the state of this network is small.
fn kept(node: &Node) -> Result<f64> {
    let store = Store::open(app_data(node), StoreOptions::default())?;
    store.flush()?;
    let height = store.latest().context("the database is empty")?.height.0;
    let bytes: u64 = store.disk_usage()?.iter().map(|column| column.file_bytes).sum();
    Ok(bytes as f64 / height as f64)
}

/// Application and CometBFT, over all validators.
fn sizes(network: &Network) -> Result<[u64; 2]> {
    let mut sum = [0, 0];
    for node in &network.nodes {
        let path = app_data(node);
        let app = disk::usage(&path, None)?;
        let comet = disk::usage(&node.home.join("data"), Some(&path))?;
        sum = [sum[0] + app, sum[1] + comet];
    }
    Ok(sum)
}
