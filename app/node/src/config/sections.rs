use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use defchain_base::Height;
use defchain_chain::upgrade::UpgradePlan;
use defchain_mempool::PoolConfig;
use defchain_rpc::RpcConfig;
use serde::{Deserialize, Serialize};

use super::joining::{SnapshotSection, StateSyncSection};

/// All settings of a node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppConfig {
    /// The socket that CometBFT dials.
    pub abci: AbciConfig,
    /// CometBFT, when this process supervises it.
    pub cometbft: CometConfig,
    /// Making blocks.
    pub chain: ChainSection,
    /// A change of rules that the operators agreed on.
    pub upgrade: UpgradeSection,
    /// Ethereum's JSON-RPC.
    pub rpc: RpcConfig,
    /// The transaction pool.
    pub mempool: MempoolConfig,
    /// The database.
    pub store: StoreSection,
    /// Snapshots for joining nodes.
    pub snapshots: SnapshotSection,
    /// Joining from a snapshot.
    pub state_sync: StateSyncSection,
    /// Prometheus.
    pub metrics: MetricsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[abci]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AbciConfig {
    /// `unix:///absolute/path` or `tcp://host:port`; empty for a socket in the data folder.
    pub address: String,
}

/// `[cometbft]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CometConfig {
    /// The program that `start` runs and supervises; empty for none.
    pub path: PathBuf,
    /// Least pause before a restart; doubled with each failure.
    pub restart_min_ms: u64,
    /// Greatest pause before a restart.
    pub restart_max_ms: u64,
    /// How long it may take to stop before it is killed.
    pub stop_timeout_ms: u64,
}

impl Default for CometConfig {
    fn default() -> Self {
        Self { path: PathBuf::new(), restart_min_ms: 500, restart_max_ms: 30_000, stop_timeout_ms: 15_000 }
    }
}

/// `[chain]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainSection {
    /// How long a proposal may be filled.
    pub build_time_ms: u64,
    /// How long a block may keep its validators busy in all.
    pub work_time_ms: u64,
}

impl Default for ChainSection {
    fn default() -> Self {
        Self { build_time_ms: 400, work_time_ms: 800 }
    }
}

/// `[upgrade]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeSection {
    /// The first block under the new rules; 0 for no entry.
    pub height: u64,
    /// Their version.
    pub app_version: u64,
    /// The release that carries them.
    pub name: String,
}

impl UpgradeSection {
    /// The plan, if there is one.
    #[must_use]
    pub fn plan(&self) -> Option<UpgradePlan> {
        let plan = UpgradePlan { height: Height(self.height), app_version: self.app_version, name: self.name.clone() };
        (*self != Self::default()).then_some(plan)
    }
}

/// `[mempool]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "each is PoolConfig's field of that name; config/template.rs says what it does")]
pub struct MempoolConfig {
    pub max_transactions: usize,
    pub max_bytes: usize,
    pub max_queued: usize,
    pub max_per_sender: usize,
    pub replacement_percent: u8,
    pub pending_lifetime_s: u64,
    pub queued_lifetime_s: u64,
    pub forward_delay_ms: u64,
    pub reoffer_interval_ms: u64,
    pub gossip_queue_bytes: usize,
    pub gossip_workers: usize,
    pub remembered_senders: usize,
    pub event_capacity: usize,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        let pool = PoolConfig::default();
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Self {
            max_transactions: pool.max_transactions,
            max_bytes: pool.max_bytes,
            max_queued: pool.max_queued,
            max_per_sender: pool.max_per_sender,
            replacement_percent: pool.replacement_percent,
            pending_lifetime_s: pool.pending_lifetime.as_secs(),
            queued_lifetime_s: pool.queued_lifetime.as_secs(),
            forward_delay_ms: millis(pool.forward_delay),
            reoffer_interval_ms: millis(pool.reoffer_interval),
            gossip_queue_bytes: pool.gossip_queue_bytes,
            // 0 is one per core: the file made on one machine serves on another.
            gossip_workers: 0,
            remembered_senders: pool.remembered_senders,
            event_capacity: pool.event_capacity,
        }
    }
}

impl MempoolConfig {
    /// As the pool takes it.
    #[must_use]
    pub fn pool(&self) -> PoolConfig {
        PoolConfig {
            max_transactions: self.max_transactions,
            max_bytes: self.max_bytes,
            max_queued: self.max_queued,
            max_per_sender: self.max_per_sender,
            replacement_percent: self.replacement_percent,
            pending_lifetime: Duration::from_secs(self.pending_lifetime_s),
            queued_lifetime: Duration::from_secs(self.queued_lifetime_s),
            forward_delay: Duration::from_millis(self.forward_delay_ms),
            reoffer_interval: Duration::from_millis(self.reoffer_interval_ms),
            gossip_queue_bytes: self.gossip_queue_bytes,
            gossip_workers: match self.gossip_workers {
                0 => PoolConfig::default().gossip_workers,
                given => given,
            },
            remembered_senders: self.remembered_senders,
            event_capacity: self.event_capacity,
        }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Past states that are kept for queries and proofs; 0 keeps all (archive).
    pub retain_blocks: u64,
    /// Newest blocks that CometBFT keeps; 0 keeps all.
    pub retain_comet_blocks: u64,
    /// Memory for cached blocks of the database.
    pub cache_mib: u64,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { retain_blocks: 1_000_000, retain_comet_blocks: 0, cache_mib: 128 }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Whether to serve metrics on a port of their own. The RPC port's `/metrics` is there anyway.
    pub enabled: bool,
    /// Where.
    pub addr: SocketAddr,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true, addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)) }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged: `info`, or by crate as in `info,defchain_mempool=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl AppConfig {
    /// Every setting that is out of its bounds, said in words.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.rpc.problems();
        problems.extend(self.snapshots.problems());
        problems.extend(self.state_sync.problems());
        if let Err(error) = self.mempool.pool().validate() {
            problems.push(format!("mempool: {error}"));
        }
        if !self.abci.address.is_empty()
            && let Err(error) = self.abci.address.parse::<defchain_abci::Address>()
        {
            problems.push(format!("abci.address: {error}"));
        }
        if let Some(plan) = self.upgrade.plan() {
            problems.extend(plan.problems().into_iter().map(|problem| format!("upgrade.{problem}")));
        }
        let mut bound = |name: &str, value: u64, min: u64, max: u64, unit: &str| {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name} is {value}, must be {min} to {max} {unit}"));
            }
        };
        bound("cometbft.restart_min_ms", self.cometbft.restart_min_ms, 10, 600_000, "milliseconds");
        let least = self.cometbft.restart_min_ms;
        bound("cometbft.restart_max_ms", self.cometbft.restart_max_ms, least, 3_600_000, "milliseconds");
        bound("cometbft.stop_timeout_ms", self.cometbft.stop_timeout_ms, 100, 600_000, "milliseconds");
        bound("chain.build_time_ms", self.chain.build_time_ms, 10, 10_000, "milliseconds");
        bound("chain.work_time_ms", self.chain.work_time_ms, 10, 60_000, "milliseconds");
        if self.store.retain_comet_blocks > 0 {
            bound(
                "store.retain_comet_blocks",
                self.store.retain_comet_blocks,
                1_000,
                1_000_000_000,
                "blocks, or 0 for all",
            );
        }
        bound("store.cache_mib", self.store.cache_mib, 8, 1 << 20, "MiB");
        if self.metrics.enabled && self.metrics.addr == self.rpc.addr && self.rpc.addr.port() != 0 {
            problems.push(format!("metrics.addr and rpc.addr are both {}: give them different ports", self.rpc.addr));
        }
        if let Err(error) = self.log.level.parse::<tracing_subscriber::filter::Targets>() {
            problems
                .push(format!("log.level is {:?}: {error}; write info, or info,defchain_rpc=debug", self.log.level));
        }
        problems
    }
}
