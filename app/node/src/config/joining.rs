//! `[snapshots]` and `[state_sync]`: what this node offers to joining ones, and how it joins itself.

use std::path::PathBuf;

use defchain_chain::SnapshotConfig;
use serde::{Deserialize, Serialize};

/// Chunks may have so many KiB at most: half of what a chunk may ever have.
const MAX_CHUNK_KIB: u64 = (defchain_store::sync::MAX_CHUNK_BYTES as u64 / 2) >> 10;
/// A trust period may have so many hours at most: a year.
const MAX_TRUST_HOURS: u64 = 8_760;

/// `[snapshots]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSection {
    /// A snapshot every so many blocks; 0 for none.
    pub interval: u64,
    /// How many are kept.
    pub keep: usize,
    /// KiB of a chunk.
    pub chunk_kib: u64,
}

impl Default for SnapshotSection {
    fn default() -> Self {
        Self { interval: 5_000, keep: 2, chunk_kib: 4_096 }
    }
}

impl SnapshotSection {
    /// As the chain takes it.
    #[must_use]
    pub fn chain(&self, folder: PathBuf) -> SnapshotConfig {
        SnapshotConfig { folder, interval: self.interval, keep: self.keep, chunk_bytes: self.chunk_bytes() }
    }

    /// Bytes of a chunk.
    #[must_use]
    pub fn chunk_bytes(&self) -> usize {
        usize::try_from(self.chunk_kib << 10).unwrap_or(usize::MAX)
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bound = |name: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                problems.push(format!("snapshots.{name} is {value}, must be {least} to {most}"));
            }
        };
        bound("keep", self.keep as u64, 1, 100);
        bound("chunk_kib", self.chunk_kib, 1, MAX_CHUNK_KIB);
        problems
    }
}

/// `[state_sync]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSyncSection {
    /// Whether a node without blocks joins from a snapshot.
    pub enable: bool,
    /// CometBFT's RPC of two nodes or more.
    pub rpc_servers: Vec<String>,
    /// A height whose header is trusted.
    pub trust_height: u64,
    /// The hash of that header.
    pub trust_hash: String,
    /// How long it may be trusted, in hours.
    pub trust_period_h: u64,
}

impl Default for StateSyncSection {
    fn default() -> Self {
        Self { enable: false, rpc_servers: Vec::new(), trust_height: 0, trust_hash: String::new(), trust_period_h: 168 }
    }
}

impl StateSyncSection {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=MAX_TRUST_HOURS).contains(&self.trust_period_h) {
            let found = self.trust_period_h;
            problems.push(format!("state_sync.trust_period_h is {found}, must be 1 to {MAX_TRUST_HOURS} hours"));
        }
        for server in &self.rpc_servers {
            if let Err(why) = server_address(server) {
                problems.push(format!("state_sync.rpc_servers: {server:?} {why}"));
            }
        }
        if !self.enable {
            return problems;
        }
        let advice = "`defchain-app trust --from URL --from URL --write` fills in all of them";
        let servers = self.rpc_servers.len();
        let mut different = self.rpc_servers.clone();
        different.sort_unstable();
        different.dedup();
        if servers < 2 || different.len() < servers {
            problems.push(format!(
                "state_sync.rpc_servers has {} different nodes, must have 2 or more: one could lie alone; {advice}",
                different.len()
            ));
        }
        if self.trust_height == 0 {
            problems.push(format!("state_sync.trust_height is 0, must be a height of the chain; {advice}"));
        }
        let hex = self.trust_hash.len() == 64 && self.trust_hash.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex {
            problems.push(format!(
                "state_sync.trust_hash has {} characters, must be the 64 hex digits of a header's hash; {advice}",
                self.trust_hash.len()
            ));
        }
        problems
    }
}

/// `http://host:port` or `host:port`, as CometBFT takes it.
fn server_address(server: &str) -> Result<(), &'static str> {
    let rest = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://")).unwrap_or(server);
    let port = rest.trim_end_matches('/').rsplit_once(':').map(|(host, port)| (!host.is_empty(), port.parse::<u16>()));
    match port {
        _ if server.contains(',') => Err("has a comma: give each server a string of its own"),
        Some((true, Ok(port))) if port > 0 => Ok(()),
        _ => Err("is no address: write http://HOST:PORT of a node's CometBFT RPC (port 26657 as a rule)"),
    }
}
