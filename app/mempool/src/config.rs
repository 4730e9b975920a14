use std::time::Duration;

use defchain_base::{payload::MAX_BUNDLE_BYTES, tx::MAX_TX_BYTES};

use crate::PoolError;

/// Some five seconds of the full speed that the chain aims at (20,000 transfers a second).
const DEFAULT_TRANSACTIONS: usize = 100_000;
/// Raw bytes; in memory a transaction takes about twice its bytes and one KiB more.
const DEFAULT_BYTES: usize = 128 * 1024 * 1024;
/// A fifth of the pool: what waits for a gap pays nobody, so it must not crowd out what can run.
const DEFAULT_QUEUED: usize = 20_000;
/// A busy sender's seconds of backlog; one account cannot fill the pool.
const DEFAULT_PER_SENDER: usize = 2_048;
/// 128 bundles.
const DEFAULT_GOSSIP_BYTES: usize = 32 * 1024 * 1024;
/// 52 bytes each and an index: about 30 MiB.
const DEFAULT_REMEMBERED_SENDERS: usize = 262_144;

const _: () = assert!(DEFAULT_QUEUED < DEFAULT_TRANSACTIONS, "room is left for what can run");
const _: () = assert!(DEFAULT_PER_SENDER * 16 <= DEFAULT_TRANSACTIONS, "it takes many accounts to fill the pool");
const _: () = assert!(DEFAULT_TRANSACTIONS * 1_024 <= DEFAULT_BYTES, "ordinary transactions meet the count first");
const _: () = assert!(DEFAULT_REMEMBERED_SENDERS >= 2 * DEFAULT_TRANSACTIONS, "what the pool holds is remembered");
const _: () = assert!(MAX_TX_BYTES <= DEFAULT_BYTES && 2 * MAX_BUNDLE_BYTES <= DEFAULT_GOSSIP_BYTES);

/// Bounds and times of the pool. Every one is this node's own choice, none is consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Most transactions.
    pub max_transactions: usize,
    /// Most raw bytes of transactions.
    pub max_bytes: usize,
    /// Most transactions that wait behind a nonce gap.
    pub max_queued: usize,
    /// Most transactions of one sender.
    pub max_per_sender: usize,
    /// By how much a replacement must raise both fee cap and tip, in percent.
    pub replacement_percent: u8,
    /// How long an executable transaction may wait.
    pub pending_lifetime: Duration,
    /// How long a transaction may wait behind a nonce gap.
    pub queued_lifetime: Duration,
    /// How long another node's transaction must have waited before we pass it on. In a full mesh most are in a block
    /// by then; where not every node knows every other, this is the delay of a hop.
    pub forward_delay: Duration,
    /// After how long a transaction that still waits is offered again; doubled with each offer, up to eightfold.
    pub reoffer_interval: Duration,
    /// Most bytes of gossiped bundles that wait to be judged.
    pub gossip_queue_bytes: usize,
    /// Threads that judge gossiped bundles.
    pub gossip_workers: usize,
    /// How many recovered signers are remembered.
    pub remembered_senders: usize,
    /// How far a subscriber may fall behind before it misses events.
    pub event_capacity: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_transactions: DEFAULT_TRANSACTIONS,
            max_bytes: DEFAULT_BYTES,
            max_queued: DEFAULT_QUEUED,
            max_per_sender: DEFAULT_PER_SENDER,
            replacement_percent: 10,
            pending_lifetime: Duration::from_secs(3 * 3_600),
            queued_lifetime: Duration::from_secs(30 * 60),
            forward_delay: Duration::from_millis(250),
            reoffer_interval: Duration::from_secs(5),
            gossip_queue_bytes: DEFAULT_GOSSIP_BYTES,
            gossip_workers: std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS),
            remembered_senders: DEFAULT_REMEMBERED_SENDERS,
            event_capacity: 8_192,
        }
    }
}

/// More threads than this gain nothing: admission itself is under one lock.
const MAX_WORKERS: usize = 64;
/// tokio's channel rounds its capacity up to a power of two.
const MAX_EVENTS: usize = 1 << 24;

impl PoolConfig {
    /// Refuses a configuration with which the pool could not work.
    ///
    /// # Errors
    /// [`PoolError::Config`] with the first field that is out of bounds.
    pub fn validate(&self) -> Result<(), PoolError> {
        let within = |field: &'static str, found: usize, least: usize, most: usize| {
            if (least..=most).contains(&found) { Ok(()) } else { Err(PoolError::Config { field, found, least, most }) }
        };
        within("max_transactions", self.max_transactions, 1, usize::MAX)?;
        within("max_bytes", self.max_bytes, MAX_TX_BYTES, usize::MAX)?;
        within("max_queued", self.max_queued, 0, self.max_transactions)?;
        within("max_per_sender", self.max_per_sender, 1, self.max_transactions)?;
        within("gossip_queue_bytes", self.gossip_queue_bytes, MAX_BUNDLE_BYTES, usize::MAX)?;
        within("gossip_workers", self.gossip_workers, 1, MAX_WORKERS)?;
        within("remembered_senders", self.remembered_senders, 1, usize::MAX)?;
        within("event_capacity", self.event_capacity, 1, MAX_EVENTS)
    }
}
