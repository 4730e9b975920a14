//! A node that joins from a snapshot: from the start of its process until it stands where the network stood then.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use defchain_localnet::Node;
use defchain_sdk::Client;
use serde::Serialize;

use super::{
    disk,
    network::{Network, NetworkPlan, app_data},
    procfs::{Usage, Used},
};
use crate::load::Accounts;

/// A snapshot every so many blocks, and so many kept: none may go while the node takes it.
const INTERVAL: u64 = 40;
const KEPT: u64 = 50;
const LOOK: Duration = Duration::from_millis(50);
/// How long a snapshot, and the joining, may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// CometBFT listens for snapshots for so long before it takes one: the least that it allows. Its default is 15 s.
const DISCOVERY: &str = "5s";

/// What to do.
#[derive(Debug, Clone)]
pub struct JoinPlan {
    /// The network.
    pub network: NetworkPlan,
    /// Accounts in state.
    pub accounts: u64,
    /// Leave the folder with data and logs.
    pub keep: bool,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct JoinFigures {
    /// From the start of the node's processes until it stands at the height that the network had then.
    pub join_s: f64,
    /// Bytes of the snapshot's files.
    pub snapshot_bytes: u64,
    /// Its chunks.
    pub chunks: u64,
    /// Bytes of the joined node's database.
    pub database_bytes: u64,
    /// Processor time and memory of the joining node's two processes.
    pub used: Used,
}

/// Starts a network with so many accounts, waits for a snapshot, and lets a node join.
///
/// # Errors
/// When a process fails, or it takes too long.
pub async fn run(plan: &JoinPlan) -> Result<JoinFigures> {
    let accounts = Accounts::derive(1, plan.accounts)?;
    let mut settings = plan.network.clone();
    let setting = |name: &str, value: String| (name.to_owned(), value);
    settings.app_settings.push(setting("snapshots.interval", INTERVAL.to_string()));
    settings.app_settings.push(setting("snapshots.keep", KEPT.to_string()));
    settings.comet_settings.push(setting("statesync.discovery_time", DISCOVERY.to_owned()));
    let mut network = Network::start(&settings, &accounts).await?;
    let folder = network.first()?.home.join("data/snapshots");
    let begun = Instant::now();
    let height = loop {
        if let Some(height) = fs::read_dir(&folder).into_iter().flatten().flatten().find_map(|e| whole(&e)) {
            break height;
        }
        ensure!(begun.elapsed() < PATIENCE, "no snapshot in {} s:\n{}", PATIENCE.as_secs(), network.logs());
        tokio::time::sleep(LOOK).await;
    };
    // The light client needs the two headers above it.
    while network.client()?.block_number().await? < height + 2 {
        tokio::time::sleep(LOOK).await;
    }
    let snapshot = folder.join(height.to_string());
    let chunks = fs::read_dir(&snapshot)?.count().saturating_sub(1);
    let snapshot_bytes = disk::usage(&snapshot, None)?;
    let node = network.follower()?;
    trust(&settings, network.first()?, &node)?;
    let goal = network.client()?.block_number().await?;
    let started = Instant::now();
    let at = network.join(node.clone())?;
    let client = Client::new(&node.rpc_url())?;
    // It answers long before it has joined: only its height tells.
    while client.block_number().await.unwrap_or(0) < goal {
        ensure!(started.elapsed() < PATIENCE, "not joined in {} s:\n{}", PATIENCE.as_secs(), network.logs());
        tokio::time::sleep(LOOK).await;
    }
    let join = started.elapsed();
    let used = Usage::of(&network.processes_of(at)).since(&Usage::of(&[]), join);
    network.halt()?;
    let database_bytes = disk::usage(&app_data(&node), None)?;
    if plan.keep {
        eprintln!("kept {}", network.keep().display());
    }
    Ok(JoinFigures { join_s: join.as_secs_f64(), snapshot_bytes, chunks: chunks as u64, database_bytes, used })
}

/// The height of a whole snapshot: its folder has the plain number as its name.
fn whole(entry: &fs::DirEntry) -> Option<u64> {
    entry.file_name().to_str()?.parse().ok()
}

/// Gives the joining node its trusted header. A network of one has no second witness: it is asked under two names.
fn trust(plan: &NetworkPlan, first: &Node, node: &Node) -> Result<()> {
    let mut command = Command::new(&plan.app);
    let other = first.comet_url().replace("127.0.0.1", "localhost");
    command.arg("--home").arg(&node.home).args(["trust", "--write", "--from", &first.comet_url(), "--from", &other]);
    let output = command.output().with_context(|| format!("cannot run {}", plan.app.display()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
