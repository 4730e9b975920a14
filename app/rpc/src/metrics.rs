//! What the server counts about itself.
//!
//! Labels hold names of our own only (methods, codes, settings), so that callers cannot make up new series.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::error::RpcError;

/// Stands for every method that does not exist.
pub(crate) const UNKNOWN: &str = "unknown";
/// Stands for what is no call at all.
pub(crate) const UNREADABLE: &str = "unreadable";

/// The limits that an error may name as `(rpc.…)`. What is not here is counted as `other`.
const LIMITS: [&str; 20] = [
    "body_timeout_ms",
    "call_gas_cap",
    "call_timeout_ms",
    "filter_timeout_s",
    "idle_timeout_ms",
    "max_batch",
    "max_body_bytes",
    "max_connections",
    "max_connections_per_ip",
    "max_depth",
    "max_filters",
    "max_held_bytes",
    "max_log_range",
    "max_log_results",
    "max_response_bytes",
    "max_subscriptions",
    "max_subscriptions_per_connection",
    "max_sync_wait_ms",
    "request_timeout_ms",
    "write_timeout_ms",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabel {
    method: &'static str,
    code: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// Counters of the server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabel, Counter>,
    errors: Family<ErrorLabel, Counter>,
    seconds: Family<MethodLabel, Histogram, fn() -> Histogram>,
    limits: Family<LimitLabel, Counter>,
    pub connections: Gauge,
    pub websockets: Gauge,
    pub subscriptions: Gauge,
    pub held_bytes: Gauge,
    pub slow_readers: Counter,
    refused: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("defchain_rpc");
        let (requests, errors, limits) = (Family::default(), Family::default(), Family::default());
        // 20 µs to 20 s.
        let times = (|| Histogram::new(exponential_buckets(0.000_02, 4.0, 11))) as fn() -> Histogram;
        let seconds = Family::new_with_constructor(times);
        let (connections, websockets, subscriptions) = (Gauge::default(), Gauge::default(), Gauge::default());
        let held_bytes = Gauge::default();
        let (slow_readers, refused) = (Counter::default(), Counter::default());
        registry.register("requests", "Calls answered, by method and outcome", requests.clone());
        registry.register("errors", "Calls that failed, by method and JSON-RPC code", errors.clone());
        let help = "Time to run a call without waiting for a thread, by method, seconds";
        registry.register_with_unit("request_duration", help, Unit::Seconds, seconds.clone());
        registry.register("limits_hit", "Requests refused by a limit, by its setting", limits.clone());
        registry.register("open_connections", "Open connections, WebSockets among them", connections.clone());
        registry.register("open_websockets", "Open WebSocket connections", websockets.clone());
        registry.register("subscriptions", "Subscriptions of all WebSocket connections", subscriptions.clone());
        let help = "Requests and answers held for all callers, bytes";
        registry.register_with_unit("held", help, Unit::Bytes, held_bytes.clone());
        let help = "WebSocket connections closed because they did not take what was sent";
        registry.register("slow_readers_dropped", help, slow_readers.clone());
        let help = "Connections refused because there were rpc.max_connections, or rpc.max_connections_per_ip of one";
        registry.register("connections_refused", help, refused.clone());
        Self {
            registry,
            requests,
            errors,
            seconds,
            limits,
            connections,
            websockets,
            subscriptions,
            held_bytes,
            slow_readers,
            refused,
        }
    }
}

impl Metrics {
    /// A call ran so long.
    pub fn took(&self, method: &'static str, time: Duration) {
        self.took_together(method, 1, time);
    }

    /// Calls ran together; their time is shared evenly.
    pub fn took_together(&self, method: &'static str, count: usize, time: Duration) {
        let calls = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let each = (time / calls).as_secs_f64();
        let histogram = self.seconds.get_or_create(&MethodLabel { method });
        for _ in 0..calls {
            histogram.observe(each);
        }
    }

    /// A call is answered.
    pub fn answered(&self, method: &'static str, error: Option<&RpcError>) {
        let outcome = if error.is_some() { "error" } else { "ok" };
        self.requests.get_or_create(&RequestLabel { method, outcome }).inc();
        let Some(error) = error else { return };
        self.errors.get_or_create(&ErrorLabel { method, code: error.code() }).inc();
        match error {
            RpcError::Internal(_) => tracing::error!(method, %error, "a call failed for a fault of this node"),
            RpcError::Limit(_) | RpcError::ResponseTooLarge { .. } | RpcError::Timeout { .. } => {
                self.limit_hit(setting(&error.to_string()));
            }
            _ => {}
        }
    }

    /// A limit refused something.
    pub fn limit_hit(&self, limit: &'static str) {
        self.limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// A connection found no room.
    pub fn turned_away(&self, limit: &'static str) {
        self.refused.inc();
        self.limit_hit(limit);
    }

    /// The node's text, if any, and ours.
    pub fn render(&self, node: &str) -> String {
        // Both end with "# EOF", which may stand only once.
        let mut text = node.trim_end().trim_end_matches("# EOF").trim_end().to_owned();
        if !text.is_empty() {
            text.push('\n');
        }
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics of the RPC server cannot be rendered");
        }
        text
    }
}

/// The setting that a message of ours names.
fn setting(message: &str) -> &'static str {
    let named = message.rsplit_once("(rpc.").and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
    LIMITS.into_iter().find(|limit| Some(*limit) == named).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_once_and_holds_both_parts() {
        let metrics = Metrics::default();
        metrics.took("eth_call", Duration::from_millis(2));
        metrics.answered("eth_call", Some(&RpcError::Refused("no".to_owned())));
        metrics.answered("eth_call", None);
        let text = metrics.render("defchain_chain_height 5\n# EOF\n");
        assert!(text.starts_with("defchain_chain_height 5\n# HELP"), "{text}");
        for line in [
            "defchain_rpc_requests_total{method=\"eth_call\",outcome=\"error\"} 1\n",
            "defchain_rpc_requests_total{method=\"eth_call\",outcome=\"ok\"} 1\n",
            "defchain_rpc_errors_total{method=\"eth_call\",code=\"-32000\"} 1\n",
            "defchain_rpc_request_duration_seconds_count{method=\"eth_call\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_limit_is_counted_under_its_setting_and_never_under_the_callers_words() {
        let metrics = Metrics::default();
        metrics.answered("eth_getLogs", Some(&RpcError::Limit("5 blocks, limit 3 (rpc.max_log_range)".to_owned())));
        metrics.answered("eth_call", Some(&RpcError::Timeout { millis: 5, setting: "rpc.call_timeout_ms" }));
        metrics.answered("eth_call", Some(&RpcError::Limit("(rpc.made_up) whatever".to_owned())));
        let text = metrics.render("");
        for limit in ["max_log_range", "call_timeout_ms", "other"] {
            assert!(
                text.contains(&format!("defchain_rpc_limits_hit_total{{limit=\"{limit}\"}} 1\n")),
                "{limit}: {text}"
            );
        }
        assert!(!text.contains("made_up"), "{text}");
    }

    #[test]
    fn every_limit_is_a_setting() {
        let settings = serde_json::to_value(crate::RpcConfig::default()).unwrap_or_default();
        for limit in LIMITS {
            assert!(settings.get(limit).is_some(), "rpc.{limit} is no setting");
        }
    }
}
