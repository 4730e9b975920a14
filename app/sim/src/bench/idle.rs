//! An idle network: how fast it makes empty blocks, and what each adds to disk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{
    comet, disk,
    network::{Network, NetworkPlan},
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
    /// Bytes that a block adds to one validator's application, as allocated: logs that are later compacted included.
    pub app_bytes_per_block: f64,
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
    let network = Network::start(&plan.network, &accounts).await?;
    let node = network.nodes.first().context("a network has a validator")?;
    let client = node.client()?;
    // The first blocks build caches and files; they are not what an idle day is like.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let processes = network.processes();
    let before = (client.block_number().await?, sizes(&network)?, Usage::of(&processes));
    tokio::time::sleep(plan.seconds).await;
    let after = (client.block_number().await?, sizes(&network)?, Usage::of(&processes));
    let (first, last) = (before.0, after.0);
    let blocks = last.saturating_sub(first);
    ensure!(blocks >= 2, "{blocks} blocks came in {} s:\n{}", plan.seconds.as_secs(), network.logs(0));
    let headers = comet::block_times(&node.comet_rpc, first, last).await?;
    let span = headers.last().zip(headers.first()).map_or(Duration::ZERO, |(l, f)| l.saturating_sub(*f));
    let all_blocks = blocks as f64 * network.nodes.len() as f64;
    let per_block = |before: u64, after: u64| (after as f64 - before as f64) / all_blocks;
    let figures = IdleFigures {
        blocks_per_s: blocks as f64 / span.as_secs_f64(),
        blocks,
        header_interval: Spread::of(steps(&headers, |a, b| b.saturating_sub(a))).context("no block interval")?,
        app_bytes_per_block: per_block(before.1[0], after.1[0]),
        comet_bytes_per_block: per_block(before.1[1], after.1[1]),
        used: after.2.since(&before.2, plan.seconds),
    };
    if plan.keep {
        eprintln!("kept {}", network.stop_and_keep()?.display());
    } else {
        network.stop()?;
    }
    Ok(figures)
}

/// Application and CometBFT, over all validators.
fn sizes(network: &Network) -> Result<[u64; 2]> {
    let mut sum = [0, 0];
    for node in &network.nodes {
        let app = disk::usage(&node.app_data(), None)?;
        let comet = disk::usage(&node.data(), Some(&node.app_data()))?;
        sum = [sum[0] + app, sum[1] + comet];
    }
    Ok(sum)
}
