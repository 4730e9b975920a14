//! What an operator may set, with defaults, and what is wrong with a setting.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use alloy_signer_local::PrivateKeySigner;
use defchain_base::tx::MAX_TX_BYTES;
use serde::{Deserialize, Serialize};

/// Which figure `eth_getBalance` shows (D20).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BalanceMode {
    /// What was received (YP 9.3.1).
    #[default]
    Nominal,
    /// What can be spent at the block's time.
    Effective,
}

/// Settings of the RPC server: section `[rpc]` of the node's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcConfig {
    /// Where to listen: HTTP, WebSocket and metrics on one port.
    pub addr: SocketAddr,
    /// Web origins whose pages may call (`https://app.example`), or `*` for all. Programs that send no Origin header,
    /// and pages from the host that is called, always may.
    pub cors_origins: Vec<String>,
    /// Names accepted in the Host header, or `*`. IP addresses always are. Keeps a web page from reaching a local node
    /// through a name of its own that it points here (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Most bytes of a request.
    pub max_body_bytes: usize,
    /// Most bytes of an answer; a batch counts as one.
    pub max_response_bytes: usize,
    /// Most bytes of requests and answers held for all callers together.
    pub max_held_bytes: usize,
    /// Most calls of a batch.
    pub max_batch: usize,
    /// Deepest nesting of lists and objects in a request.
    pub max_depth: usize,
    /// Most connections at a time; the next one is answered 503.
    pub max_connections: usize,
    /// Most connections of one IP address (of one /64 of IPv6). A proxy in front of the node is one address.
    pub max_connections_per_ip: usize,
    /// Most subscriptions of a WebSocket connection.
    pub max_subscriptions_per_connection: usize,
    /// Most subscriptions of all connections.
    pub max_subscriptions: usize,
    /// Most filters (`eth_newFilter` and its like) at a time.
    pub max_filters: usize,
    /// Seconds after which a filter that nobody polls is forgotten.
    pub filter_timeout_s: u64,
    /// Most blocks that one log query spans.
    pub max_log_range: u64,
    /// Most logs that one query returns.
    pub max_log_results: usize,
    /// Most gas of an `eth_call` or a step of `eth_estimateGas`.
    pub call_gas_cap: u64,
    /// Most milliseconds of an `eth_call` or `eth_estimateGas`.
    pub call_timeout_ms: u64,
    /// Most milliseconds of a `debug_trace*` call; its own `timeout` may only be shorter.
    pub trace_timeout_ms: u64,
    /// Most milliseconds of a request; what is left of a batch is then refused.
    pub request_timeout_ms: u64,
    /// Milliseconds within which the headers of a request that has begun must be there.
    pub header_timeout_ms: u64,
    /// Milliseconds within which the body of a request must be there.
    pub body_timeout_ms: u64,
    /// Milliseconds within which a client must take an answer's next 64 KiB, or a WebSocket message.
    pub write_timeout_ms: u64,
    /// Milliseconds without a byte from the client after which a connection is closed.
    pub idle_timeout_ms: u64,
    /// Most milliseconds that `eth_sendRawTransactionSync` waits.
    pub max_sync_wait_ms: u64,
    /// Threads that run calls and log queries at a time, and as many for the signatures of batches; 0 is one per core.
    pub heavy_threads: usize,
    /// By how much these threads stand back behind the chain's: 0 not at all, 19 most (`nice` of Linux).
    pub nice: u8,
    /// What `eth_getBalance` shows: "nominal" or "effective" (D20).
    pub balance: BalanceMode,
    /// Tip that is suggested when blocks have room, wei per gas.
    pub suggested_tip_wei: u64,
    /// Keys that sign for callers. Only a dev node has any.
    #[serde(skip)]
    pub dev_keys: Vec<PrivateKeySigner>,
}

/// Any transaction, in hex and quoted inside a request, fits a body.
const MIN_BODY_BYTES: usize = 512 * 1024;
const _: () = assert!(MIN_BODY_BYTES > 2 * MAX_TX_BYTES + 1024);
/// What the deepest method needs: a batch of `eth_simulateV1` with access lists is 10 levels deep.
const LEAST_DEPTH: usize = 16;
/// Below what serde_json's reader gives up at (128), so that our message with the figures comes first.
const MOST_DEPTH: usize = 120;

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            cors_origins: Vec::new(),
            allowed_hosts: vec!["localhost".to_owned()],
            max_body_bytes: 5 * 1024 * 1024,
            max_response_bytes: 32 * 1024 * 1024,
            max_held_bytes: 256 * 1024 * 1024,
            max_batch: 1_000,
            max_depth: 64,
            max_connections: 512,
            max_connections_per_ip: 256,
            max_subscriptions_per_connection: 128,
            max_subscriptions: 10_000,
            max_filters: 1_000,
            filter_timeout_s: 300,
            max_log_range: 10_000,
            max_log_results: 10_000,
            call_gas_cap: 50_000_000,
            call_timeout_ms: 5_000,
            trace_timeout_ms: 20_000,
            request_timeout_ms: 30_000,
            header_timeout_ms: 15_000,
            body_timeout_ms: 20_000,
            write_timeout_ms: 10_000,
            idle_timeout_ms: 120_000,
            max_sync_wait_ms: 20_000,
            heavy_threads: 0,
            nice: 5,
            balance: BalanceMode::Nominal,
            // A tenth of the least base fee: enough to order transactions, too little to matter.
            suggested_tip_wei: 100_000_000,
            dev_keys: Vec::new(),
        }
    }
}

impl RpcConfig {
    /// Every setting that is out of its bounds, said in words.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bound = |name: &str, value: u64, min: u64, max: u64, unit: &str| {
            if !(min..=max).contains(&value) {
                problems.push(format!("rpc.{name} is {value}, must be {min} to {max} {unit}"));
            }
        };
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        bound("max_body_bytes", size(self.max_body_bytes), size(MIN_BODY_BYTES), 256 << 20, "bytes");
        bound("max_response_bytes", size(self.max_response_bytes), 1 << 20, 1 << 30, "bytes");
        // One request and its answer always fit.
        let least = self.max_body_bytes.saturating_add(self.max_response_bytes);
        bound("max_held_bytes", size(self.max_held_bytes), size(least), 1 << 40, "bytes");
        bound("max_batch", size(self.max_batch), 1, 100_000, "calls");
        bound("max_depth", size(self.max_depth), size(LEAST_DEPTH), size(MOST_DEPTH), "levels");
        bound("max_connections", size(self.max_connections), 1, 65_536, "connections");
        bound("max_connections_per_ip", size(self.max_connections_per_ip), 1, 65_536, "connections");
        bound("max_subscriptions_per_connection", size(self.max_subscriptions_per_connection), 0, 10_000, "");
        bound("max_subscriptions", size(self.max_subscriptions), 0, 1_000_000, "");
        bound("max_filters", size(self.max_filters), 0, 100_000, "filters");
        bound("filter_timeout_s", self.filter_timeout_s, 1, 86_400, "seconds");
        bound("max_log_range", self.max_log_range, 1, 1_000_000, "blocks");
        bound("max_log_results", size(self.max_log_results), 1, 1_000_000, "logs");
        bound("call_gas_cap", self.call_gas_cap, 21_000, 10_000_000_000, "gas");
        bound("call_timeout_ms", self.call_timeout_ms, 1, 600_000, "milliseconds");
        bound("trace_timeout_ms", self.trace_timeout_ms, 1, 3_600_000, "milliseconds");
        bound("request_timeout_ms", self.request_timeout_ms, 100, 3_600_000, "milliseconds");
        bound("header_timeout_ms", self.header_timeout_ms, 100, 600_000, "milliseconds");
        bound("body_timeout_ms", self.body_timeout_ms, 100, 600_000, "milliseconds");
        bound("write_timeout_ms", self.write_timeout_ms, 100, 600_000, "milliseconds");
        bound("idle_timeout_ms", self.idle_timeout_ms, 1_000, 86_400_000, "milliseconds");
        bound("max_sync_wait_ms", self.max_sync_wait_ms, 1, self.request_timeout_ms, "milliseconds");
        bound("heavy_threads", size(self.heavy_threads), 0, 256, "threads");
        bound("nice", self.nice.into(), 0, 19, "");
        for origin in &self.cors_origins {
            if origin != "*" && !origin.contains("://") {
                problems.push(format!("rpc.cors_origins: {origin:?} is no origin; write scheme://host or *"));
            }
        }
        problems
    }

    /// Time limit of a call.
    #[must_use]
    pub const fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    /// Time limit of a trace.
    #[must_use]
    pub const fn trace_timeout(&self) -> Duration {
        Duration::from_millis(self.trace_timeout_ms)
    }

    /// Time limit of a request.
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long a silent connection is kept.
    #[must_use]
    pub const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// How long a client may leave what is sent to it.
    #[must_use]
    pub const fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// How many calls run at a time.
    #[must_use]
    pub fn heavy_lanes(&self) -> usize {
        match self.heavy_threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            n => n,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(RpcConfig::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn every_setting_out_of_bounds_is_named_with_its_figures() {
        let config = RpcConfig {
            max_batch: 0,
            max_body_bytes: 10,
            cors_origins: vec!["app.example".to_owned()],
            ..RpcConfig::default()
        };
        let problems = config.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(problems[0], "rpc.max_body_bytes is 10, must be 524288 to 268435456 bytes");
        assert_eq!(problems[1], "rpc.max_batch is 0, must be 1 to 100000 calls");
        assert!(problems[2].contains("app.example"));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error = serde_json::from_str::<RpcConfig>(r#"{"max_bach": 3}"#).unwrap_err().to_string();
        assert!(error.contains("max_bach"), "{error}");
        let effective: RpcConfig = serde_json::from_str(r#"{"balance": "effective"}"#).unwrap();
        assert_eq!(effective.balance, BalanceMode::Effective);
    }

    #[test]
    fn the_documentation_names_every_setting_and_no_other() {
        let page = include_str!("../../../docs/src/rpc.md");
        let section = page.split("## Settings").nth(1).unwrap();
        let mut named: Vec<&str> =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let settings = serde_json::to_value(RpcConfig::default()).unwrap();
        let mut all: Vec<&str> = settings.as_object().unwrap().keys().map(String::as_str).collect();
        all.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, all);
    }
}
