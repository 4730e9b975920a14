use core::time::Duration;
use std::collections::BTreeSet;

use alloy_primitives::B256;
use defchain_sdk::{Call, Client};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{LoadError, Progress};

/// How often the node is asked for its height: the resolution of arrival times. A hundred small requests a second.
const POLL: Duration = Duration::from_millis(10);
/// Most receipts asked for with each block.
const RECEIPTS: usize = 64;

/// A block as seen from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Its height.
    pub height: u64,
    /// When RPC first showed it.
    pub at: Instant,
    /// How many transactions it has.
    pub transactions: u64,
}

/// How long one transfer took from being sent to its receipt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// When its batch was sent.
    pub sent: Instant,
    /// Until the receipt was read.
    pub took: Duration,
}

/// What is read of a receipt.
#[derive(Debug, Deserialize)]
struct Status {
    status: String,
}

/// Follows a node's blocks.
#[derive(Debug)]
pub struct Watcher<'a> {
    client: &'a Client,
    progress: &'a Progress,
    /// Blocks since the watcher began, in order.
    pub arrivals: Vec<Arrival>,
    /// Sampled transfers.
    pub latencies: Vec<Latency>,
    /// Sampled transactions that failed in their block: their figures would be worth nothing.
    pub failed: u64,
    height: u64,
}

impl<'a> Watcher<'a> {
    /// Begins behind the newest block.
    ///
    /// # Errors
    /// When the node cannot be asked.
    pub async fn new(client: &'a Client, progress: &'a Progress) -> Result<Self, LoadError> {
        let height = client.block_number().await?;
        Ok(Self { client, progress, arrivals: Vec::new(), latencies: Vec::new(), failed: 0, height })
    }

    /// Follows blocks until `until`, and then to the next block's arrival, at most for `grace`.
    ///
    /// # Errors
    /// When the node cannot be asked.
    pub async fn follow(&mut self, until: Instant, grace: Duration) -> Result<(), LoadError> {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let height = self.client.block_number().await?;
            let now = Instant::now();
            if height > self.height {
                self.arrived(height, now).await?;
                if now >= until {
                    return Ok(());
                }
            } else if now >= until + grace {
                return Ok(());
            }
        }
    }

    async fn arrived(&mut self, height: u64, at: Instant) -> Result<(), LoadError> {
        let heights: Vec<u64> = (self.height + 1..=height).collect();
        let counts = self.client.transaction_counts(&heights).await?;
        for (&height, &transactions) in heights.iter().zip(&counts) {
            self.progress.included(transactions);
            self.arrivals.push(Arrival { height, at, transactions });
        }
        self.height = height;
        self.look_for_receipts().await
    }

    async fn look_for_receipts(&mut self) -> Result<(), LoadError> {
        let samples = self.progress.samples(RECEIPTS);
        let call = |(hash, _): &(B256, Instant)| Call { method: "eth_getTransactionReceipt", params: json!([hash]) };
        let calls: Vec<Call> = samples.iter().map(call).collect();
        let receipts = self.client.batch::<Option<Status>>(&calls).await?;
        let now = Instant::now();
        let mut found = BTreeSet::new();
        for (receipt, (hash, sent)) in receipts.into_iter().zip(&samples) {
            if let Some(Status { status }) = receipt? {
                self.failed += u64::from(status != "0x1");
                found.insert(*hash);
                self.latencies.push(Latency { sent: *sent, took: now.duration_since(*sent) });
            }
        }
        self.progress.found(&found);
        Ok(())
    }
}
