use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use crate::PoolError;

/// Where the pool stands and what it has done since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolMetrics {
    /// Executable transactions.
    pub pending: usize,
    /// Transactions behind a nonce gap.
    pub queued: usize,
    /// Raw bytes of both.
    pub bytes: usize,
    /// Bundles that wait to be judged.
    pub gossip_queue: usize,
    /// Their bytes.
    pub gossip_queue_bytes: usize,
    /// Taken in (replacements too).
    pub admitted: u64,
    /// Replaced by a better paid one.
    pub replaced: u64,
    /// Pushed out by better paid ones, or by the bound on what waits.
    pub evicted: u64,
    /// Too old.
    pub expired: u64,
    /// Their nonce was used by a block: included, or beaten by another.
    pub used: u64,
    /// No longer payable.
    pub unpayable: u64,
    /// Refused, by [`PoolError::code`].
    pub refused: BTreeMap<u32, u64>,
    /// Signatures recovered.
    pub recoveries: u64,
    /// Signers found in memory instead.
    pub recoveries_saved: u64,
    /// Bundles that came in and were queued.
    pub bundles_received: u64,
    /// Bundles that were refused because the queue was full.
    pub bundles_refused: u64,
    /// Bundles that were none.
    pub bundles_malformed: u64,
    /// Transactions offered to peers, each time.
    pub offered: u64,
    /// Bundles handed to CometBFT for peers.
    pub bundles_sent: u64,
    /// Senders with transactions here.
    pub lanes: usize,
    /// Most transactions that the pool holds.
    pub max_transactions: usize,
    /// Most bytes that it holds.
    pub max_bytes: usize,
}

/// Counters outside the pool's lock.
#[derive(Default)]
pub(crate) struct Counters {
    refused: Mutex<BTreeMap<u32, u64>>,
    pub bundles_received: AtomicU64,
    pub bundles_refused: AtomicU64,
    pub bundles_malformed: AtomicU64,
    pub offered: AtomicU64,
    pub bundles_sent: AtomicU64,
}

impl Counters {
    pub fn refuse(&self, error: &PoolError) {
        let mut refused = self.refused.lock();
        let count = refused.entry(error.code()).or_default();
        *count = count.saturating_add(1);
    }

    pub fn refused(&self) -> BTreeMap<u32, u64> {
        self.refused.lock().clone()
    }
}

pub(crate) fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
