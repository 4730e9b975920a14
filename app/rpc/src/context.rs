//! What the server needs of the node around it.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use defchain_base::Timestamp;
use defchain_chain::{Block, Chain, Reader, Runner, driver::DevNode};
use defchain_mempool::Pool;
use tokio::sync::broadcast;

/// How far the node is behind the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncInfo {
    /// Whether it is fetching old blocks.
    pub catching_up: bool,
    /// Height at which it began, if known.
    pub starting: u64,
    /// Newest height known of the network, if known.
    pub highest: Option<u64>,
}

/// The node as the server sees it: committed blocks, the pool, and a few questions only the node can answer.
#[derive(Clone)]
pub struct RpcContext {
    /// Committed blocks and state.
    pub reader: Reader,
    /// Runs what is only asked for: the pending block, traces, simulations.
    pub runner: Runner,
    /// Waiting transactions.
    pub pool: Pool,
    /// A receiver of every block committed from now on.
    pub blocks: Arc<dyn Fn() -> broadcast::Receiver<Arc<Block>> + Send + Sync>,
    /// What `web3_clientVersion` says.
    pub client_version: String,
    /// Whether the node is catching up.
    pub sync: Arc<dyn Fn() -> SyncInfo + Send + Sync>,
    /// How many peers it has.
    pub peers: Arc<dyn Fn() -> u32 + Send + Sync>,
    /// The node's own metrics in Prometheus text; those of the server are appended.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The development chain that callers command. None on a network.
    pub dev: Option<Arc<DevNode>>,
    /// The clock by which the next block's time is guessed. A dev node that travels in time hands in its own.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl RpcContext {
    /// The context of a chain that runs alone: never behind, no peers, no other metrics, the system's clock.
    #[must_use]
    pub fn of_chain(chain: &Chain, client_version: impl Into<String>) -> Self {
        let subscriber = chain.clone();
        Self {
            reader: chain.reader(),
            runner: chain.runner(),
            pool: chain.pool().clone(),
            blocks: Arc::new(move || subscriber.subscribe()),
            client_version: client_version.into(),
            sync: Arc::new(SyncInfo::default),
            peers: Arc::new(|| 0),
            metrics: Arc::new(String::new),
            dev: None,
            now: Arc::new(system_now),
        }
    }
}

impl RpcContext {
    /// The context of a development chain.
    #[must_use]
    pub fn of_dev(node: Arc<DevNode>, client_version: impl Into<String>) -> Self {
        let clock = node.clone();
        let now = Arc::new(move || clock.next_block_time());
        Self { now, dev: Some(node.clone()), ..Self::of_chain(node.chain(), client_version) }
    }
}

/// The system's clock.
#[must_use]
pub fn system_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
