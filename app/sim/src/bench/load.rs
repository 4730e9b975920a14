//! Transfers per second of a network under load.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant as StdInstant},
};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    comet,
    network::{Network, NetworkPlan, app_data},
    procfs::{Usage, Used},
    stats::{Spread, steps},
};
use crate::load::{Accounts, Arrival, Pace, Progress, Sent, TransferPlan, Watcher, send, sign_ahead};

/// EVM chain id of a local network (D5).
pub const CHAIN_ID: u64 = 35_679;
const GWEI: u128 = 1_000_000_000;
/// How long the last block of the window is waited for.
const GRACE: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The network.
    pub network: NetworkPlan,
    /// Accounts that send.
    pub senders: u64,
    /// Accounts in state.
    pub accounts: u64,
    /// Transfers of one HTTP request.
    pub batch: u64,
    /// Connections to the first validator.
    pub lanes: u64,
    /// How fast.
    pub pace: Pace,
    /// Load before the measured time.
    pub warmup: Duration,
    /// The measured time.
    pub seconds: Duration,
    /// How many transfers are signed ahead.
    pub sign: u64,
    /// Leave the folder with data and logs.
    pub keep: bool,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct LoadFigures {
    /// Transfers in the window's blocks per second of the window.
    pub transfers_per_s: f64,
    /// The window: from one block's arrival to another's, seconds.
    pub window_s: f64,
    /// Blocks in it.
    pub blocks: usize,
    /// Transfers in them.
    pub transfers: u64,
    /// Between headers, consensus time.
    pub header_interval: Spread,
    /// Between arrivals at RPC.
    pub arrival_interval: Spread,
    /// Transfers per block: least, median and most.
    pub block_size: [u64; 3],
    /// From sending a transfer to reading its receipt.
    pub latency: Option<Spread>,
    /// Transfers sent per second of the measured time, whether taken or not.
    pub offered_per_s: f64,
    /// What was sent, from the beginning of the warm-up.
    pub sent: Sent,
    /// Processor time and memory in the window.
    pub used: Used,
    /// Transactions that waited in the pool when the window ended.
    pub pool_at_end: u64,
    /// Disk at the end, bytes by what it is, over all validators.
    pub disk: BTreeMap<&'static str, u64>,
    /// Seconds until the network made blocks: genesis included.
    pub start_s: f64,
    /// Signatures made per second, on all cores.
    pub signed_per_s: f64,
}

/// Starts the network, loads and measures it, and stops it.
///
/// # Errors
/// When the network fails, or the transfers signed ahead do not last.
pub async fn run(plan: &LoadPlan) -> Result<LoadFigures> {
    let accounts = Accounts::derive(plan.senders, plan.accounts)?;
    let transfers = TransferPlan {
        work: plan.network.work,
        chain_id: CHAIN_ID,
        count: plan.sign,
        batch: plan.batch,
        lanes: plan.lanes,
        max_fee_per_gas: 1_000 * GWEI,
        max_priority_fee_per_gas: GWEI / 10,
        value: plan.network.work.value(),
    };
    let started = StdInstant::now();
    let lanes = sign_ahead(&accounts, &transfers)?;
    let signed_per_s = plan.sign as f64 / started.elapsed().as_secs_f64();
    let started = StdInstant::now();
    let mut network = Network::start(&plan.network, &accounts).await?;
    let start_s = started.elapsed().as_secs_f64();

    let client = network.client()?;
    let progress = Progress::default();
    let mut watcher = Watcher::new(&client, &progress).await?;
    // A connection for each lane: what is measured is the node, not one socket.
    let clients = (0..plan.lanes).map(|_| network.client()).collect::<Result<Vec<_>, _>>()?;
    let sending = clients.iter().zip(&lanes).map(|(c, lane)| send(c, lane, plan.lanes, plan.pace, &progress));
    let watching = async {
        let begun = Instant::now() + plan.warmup;
        watcher.follow(begun, GRACE).await?;
        let before = (Usage::of(&processes(&network)), progress.sent().offered, Instant::now());
        let ending = Instant::now() + plan.seconds;
        watcher.follow(ending, GRACE).await?;
        let used = Usage::of(&processes(&network)).since(&before.0, plan.seconds);
        let offered = (progress.sent().offered - before.1) as f64 / before.2.elapsed().as_secs_f64();
        let pool_at_end = client.txpool_status().await?.pending;
        progress.stop();
        Ok::<_, anyhow::Error>((begun, ending, used, pool_at_end, offered))
    };
    let lanes = async { try_join_all(sending).await.map_err(anyhow::Error::from) };
    let (ended, (begun, ending, used, pool_at_end, offered_per_s)) =
        tokio::try_join!(lanes, watching).map_err(|error| {
            let logs = network.logs();
            error.context(format!("the load run failed; validator 0's logs:\n{logs}"))
        })?;
    ensure!(!ended.iter().any(|empty| *empty), "the {} transfers signed ahead did not last: raise --sign", plan.sign);
    let failed = watcher.failed;
    ensure!(failed == 0, "{failed} of {} sampled transactions failed in their block", watcher.latencies.len());
    let window = Window::of(&watcher.arrivals, begun, ending)?;
    let headers = comet::block_times(&network.first()?.comet_url(), window.first, window.last).await?;
    let latencies = watcher.latencies.iter().filter(|l| (begun..ending).contains(&l.sent)).map(|l| l.took);
    let figures = LoadFigures {
        transfers_per_s: window.transfers as f64 / window.duration.as_secs_f64(),
        window_s: window.duration.as_secs_f64(),
        blocks: window.sizes.len(),
        transfers: window.transfers,
        header_interval: Spread::of(steps(&headers, |a, b| b.saturating_sub(a))).context("no block interval")?,
        arrival_interval: Spread::of(window.intervals.clone()).context("no block interval")?,
        block_size: window.size_spread(),
        latency: Spread::of(latencies),
        offered_per_s,
        sent: progress.sent(),
        used,
        pool_at_end,
        disk: disk(&network)?,
        start_s,
        signed_per_s,
    };
    network.halt()?;
    if plan.keep {
        eprintln!("kept {}", network.keep().display());
    }
    Ok(figures)
}

/// The network's processes and this one.
fn processes(network: &Network) -> Vec<u32> {
    let mut all = network.processes();
    all.push(std::process::id());
    all
}

fn disk(network: &Network) -> Result<BTreeMap<&'static str, u64>> {
    let mut disk = BTreeMap::new();
    for node in &network.nodes {
        let app = app_data(node);
        *disk.entry("application").or_default() += super::disk::usage(&app, None)?;
        *disk.entry("cometbft").or_default() += super::disk::usage(&node.home.join("data"), Some(&app))?;
    }
    Ok(disk)
}

/// The blocks of the measured time. It begins with the arrival of a block that does not count, so that it spans whole
/// intervals and counts exactly the transfers of the blocks that ended them.
#[derive(Debug, Clone, PartialEq)]
struct Window {
    first: u64,
    last: u64,
    duration: Duration,
    transfers: u64,
    intervals: Vec<Duration>,
    sizes: Vec<u64>,
}

impl Window {
    fn of(arrivals: &[Arrival], begun: Instant, ending: Instant) -> Result<Self> {
        // The last block of the warm-up opens the window; the first at or after its end closes it.
        let opens = arrivals.iter().position(|a| a.at >= begun).context("no block came after the warm-up")?;
        let closes = arrivals.iter().position(|a| a.at >= ending).unwrap_or(arrivals.len().saturating_sub(1));
        let within = arrivals.get(opens..=closes).unwrap_or_default();
        let (Some(open), Some(close)) = (within.first(), within.last()) else {
            anyhow::bail!("no block came in the measured time");
        };
        let counted = within.get(1..).unwrap_or_default();
        ensure!(!counted.is_empty(), "only one block came in the measured time: nothing to measure");
        let mut sizes: Vec<u64> = counted.iter().map(|a| a.transactions).collect();
        sizes.sort_unstable();
        Ok(Self {
            first: open.height,
            last: close.height,
            duration: close.at.duration_since(open.at),
            transfers: sizes.iter().sum(),
            intervals: steps(within, |a, b| b.at.duration_since(a.at)),
            sizes,
        })
    }

    fn size_spread(&self) -> [u64; 3] {
        let at = |i: usize| self.sizes.get(i).copied().unwrap_or(0);
        [at(0), at(self.sizes.len() / 2), at(self.sizes.len().saturating_sub(1))]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_window_counts_the_blocks_whose_interval_lies_in_it() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let block = |(height, ms, transactions)| Arrival { height, at: at(ms), transactions };
        let arrivals: Vec<Arrival> =
            [(1, 400, 9), (2, 1_000, 50), (3, 1_500, 100), (4, 2_000, 200), (5, 3_100, 300), (6, 3_600, 7)]
                .map(block)
                .to_vec();
        let window = Window::of(&arrivals, at(900), at(3_000)).unwrap();
        assert_eq!((window.first, window.last), (2, 5), "block 2 opens it and does not count");
        assert_eq!(window.transfers, 600);
        assert_eq!(window.duration, Duration::from_millis(2_100));
        assert_eq!(window.intervals.len(), 3);
        assert_eq!(window.size_spread(), [100, 200, 300]);
    }

    #[test]
    fn a_network_that_stands_still_has_no_figure() {
        let zero = Instant::now();
        let later = zero + Duration::from_secs(9);
        assert!(Window::of(&[], zero, later).is_err());
        assert!(Window::of(&[Arrival { height: 1, at: zero, transactions: 5 }], zero, later).is_err());
    }
}
