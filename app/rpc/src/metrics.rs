//! What the server counts about itself, in Prometheus text.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::error::RpcError;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabel {
    method: &'static str,
    code: i32,
}

/// Counters of the server. Labels are names of our own methods only, so that callers cannot make up new series.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<MethodLabel, Counter>,
    errors: Family<ErrorLabel, Counter>,
    seconds: Family<MethodLabel, Histogram>,
    pub connections: Gauge,
    pub websockets: Gauge,
    pub turned_away: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("defchain_rpc");
        let calls = Family::default();
        let errors = Family::default();
        // 20 µs to 20 s.
        let seconds = Family::new_with_constructor(
            (|| Histogram::new(exponential_buckets(0.00002, 4.0, 11))) as fn() -> Histogram,
        );
        let (connections, websockets, turned_away) = (Gauge::default(), Gauge::default(), Counter::default());
        registry.register("calls", "Calls answered, by method", calls.clone());
        registry.register("errors", "Calls that failed, by method and code", errors.clone());
        registry.register("call_seconds", "Time to run a call, without waiting for a thread", seconds.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("websockets", "Open WebSocket connections", websockets.clone());
        registry.register("turned_away", "Connections refused because there were too many", turned_away.clone());
        Self { registry, calls, errors, seconds, connections, websockets, turned_away }
    }
}

impl Metrics {
    /// A call ran.
    pub fn called(&self, method: &'static str, took: Duration) {
        self.called_many(method, 1, took);
    }

    /// Calls ran together; their time is shared evenly.
    pub fn called_many(&self, method: &'static str, count: usize, took: Duration) {
        let label = MethodLabel { method };
        let calls = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        self.calls.get_or_create(&label).inc_by(u64::from(calls));
        self.seconds.get_or_create(&label).observe((took / calls).as_secs_f64());
    }

    /// A call failed.
    pub fn failed(&self, method: &'static str, error: &RpcError) {
        self.errors.get_or_create(&ErrorLabel { method, code: error.code() }).inc();
        if let RpcError::Internal(_) = error {
            tracing::error!(method, %error, "a call failed for a fault of this node");
        }
    }

    /// The node's text, if any, and ours.
    pub fn render(&self, node: &str) -> String {
        // Both end with "# EOF", which may stand only once.
        let mut text = node.trim_end().trim_end_matches("# EOF").to_owned();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics of the RPC server cannot be rendered");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_once_and_holds_both_parts() {
        let metrics = Metrics::default();
        metrics.called("eth_call", Duration::from_millis(2));
        metrics.failed("eth_call", &RpcError::Refused("no".to_owned()));
        let text = metrics.render("defchain_height 5\n# EOF\n");
        assert!(text.starts_with("defchain_height 5\n"), "{text}");
        assert!(text.contains("defchain_rpc_calls_total{method=\"eth_call\"} 1\n"), "{text}");
        assert!(text.contains("defchain_rpc_errors_total{method=\"eth_call\",code=\"-32000\"} 1\n"), "{text}");
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }
}
