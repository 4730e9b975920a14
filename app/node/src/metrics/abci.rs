use std::sync::atomic::{AtomicI64, Ordering};

use defchain_abci::FinishedCall;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    call: String,
}

/// 0.1 ms to 26 s.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 4.0, 10))
}

/// CometBFT's calls of the application.
#[derive(Debug)]
pub(super) struct AbciMetrics {
    calls: Family<CallLabel, Histogram, fn() -> Histogram>,
    connections: AtomicI64,
}

impl Default for AbciMetrics {
    fn default() -> Self {
        Self { calls: Family::new_with_constructor(times), connections: AtomicI64::new(0) }
    }
}

impl AbciMetrics {
    pub fn connection_opened(&self, _connection: u64) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub fn connection_closed(&self, _connection: u64) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn call_finished(&self, finished: &FinishedCall<'_>) {
        // The protocol's own names: some twenty.
        let label = CallLabel { call: finished.call.to_string() };
        self.calls.get_or_create(&label).observe(finished.duration.as_secs_f64());
    }

    pub fn register(&self, registry: &mut Registry) {
        let help = "Time of an ABCI call inside the application, by call, seconds";
        registry.register_with_unit("call_duration", help, Unit::Seconds, self.calls.clone());
        let open = ConstGauge::new(self.connections.load(Ordering::Relaxed));
        registry.register("connections", "Open connections of CometBFT; 4 is whole", open);
    }
}
