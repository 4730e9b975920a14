//! What an operator sees of the chain's work. Nothing here is read by consensus: clocks and floats end in this file.

use std::{
    sync::atomic::AtomicU64,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::{
    BlockError, Chain,
    records::{Header, Receipt},
};

/// The ABCI call for which a block is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Prepare,
    Process,
    Finalize,
}

impl For {
    const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Process => "process",
            Self::Finalize => "finalize",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// 1 ms to 16 s.
fn call_times() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

/// What the chain counts as it works.
pub(crate) struct Metrics {
    execution: Family<CallLabel, Histogram, fn() -> Histogram>,
    decided: Family<OutcomeLabel, Counter>,
    refused: Family<ReasonLabel, Counter>,
    transactions: Family<OutcomeLabel, Counter>,
    gas: Counter,
    interval: Histogram,
    lag: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            execution: Family::new_with_constructor(call_times),
            decided: Family::default(),
            refused: Family::default(),
            transactions: Family::default(),
            gas: Counter::default(),
            interval: Histogram::new([0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0]),
            lag: Gauge::default(),
        };
        // So that a rate has a zero to start from.
        for outcome in ["reused", "executed"] {
            drop(metrics.decided.get_or_create(&OutcomeLabel { outcome }));
        }
        for outcome in ["success", "reverted"] {
            drop(metrics.transactions.get_or_create(&OutcomeLabel { outcome }));
        }
        for reason in ["items", "transaction", "proposer", "height", "other"] {
            drop(metrics.refused.get_or_create(&ReasonLabel { reason }));
        }
        metrics
    }
}

impl Metrics {
    /// Runs a block's execution and remembers how long it took.
    pub(crate) fn executing<T>(&self, call: For, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = run();
        let label = CallLabel { call: call.name() };
        self.execution.get_or_create(&label).observe(started.elapsed().as_secs_f64());
        result
    }

    /// A block was decided; its proposal's result was at hand, or not.
    pub(crate) fn decided(&self, reused: bool) {
        let outcome = if reused { "reused" } else { "executed" };
        self.decided.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// A proposal was refused.
    pub(crate) fn refused(&self, why: &BlockError) {
        let reason = match why {
            BlockError::Items(_) => "items",
            BlockError::InvalidTx { .. } => "transaction",
            BlockError::UnknownProposer(_) => "proposer",
            BlockError::Height { .. } => "height",
            _ => "other",
        };
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A block is durable.
    pub(crate) fn committed(&self, header: &Header, receipts: &[Receipt], parent: Option<&Header>) {
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let success = receipts.iter().filter(|receipt| receipt.success).count();
        for (outcome, of) in [("success", success), ("reverted", receipts.len().saturating_sub(success))] {
            self.transactions.get_or_create(&OutcomeLabel { outcome }).inc_by(count(of));
        }
        self.gas.inc_by(header.gas_used);
        // The first block's distance to the genesis time says nothing about the chain's pace.
        if let Some(parent) = parent.filter(|parent| parent.height.0 > 0) {
            self.interval.observe(seconds(header.time.millis_since(parent.time)));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.lag.set(now.as_secs_f64() - seconds(header.time.0));
    }
}

/// Milliseconds as seconds, exact to a microsecond for some 200,000 years.
#[allow(clippy::cast_precision_loss, reason = "a figure for a dashboard")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

impl Chain {
    /// Adds the chain's metrics, and the store's, as they stand now to a registry that is rendered once.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.store().register_metrics(registry);
        let registry = registry.sub_registry_with_prefix("chain");
        let metrics = &self.inner.metrics;
        let help = "Time to execute the transactions of one block, signatures included, by ABCI call, seconds";
        registry.register_with_unit("execution_duration", help, Unit::Seconds, metrics.execution.clone());
        let help = "Decided blocks by whether the result of their proposal was reused or they were executed anew";
        registry.register("decided_blocks", help, metrics.decided.clone());
        registry.register("proposals_refused", "Proposals of others refused, by reason", metrics.refused.clone());
        registry.register("transactions", "Transactions in blocks, by outcome", metrics.transactions.clone());
        registry.register("gas_used", "Gas used by blocks", metrics.gas.clone());
        let help = "Time between a block's header and its parent's, seconds";
        registry.register_with_unit("block_interval", help, Unit::Seconds, metrics.interval.clone());
        let help = "This machine's clock less the header time of the newest block, when it was committed, seconds";
        registry.register_with_unit("commit_lag", help, Unit::Seconds, metrics.lag.clone());
        let Ok(head) = self.reader().latest() else { return };
        registry.register("height", "Newest committed block", ConstGauge::new(head.height.0));
        let help = "Header time of the newest block, seconds since 1970";
        registry.register_with_unit("block_timestamp", help, Unit::Seconds, ConstGauge::new(seconds(head.time.0)));
        registry.register("block_transactions", "Transactions of the newest block", ConstGauge::new(head.tx_count));
        registry.register("block_gas_used", "Gas used by the newest block", ConstGauge::new(head.gas_used));
        registry.register("block_gas_limit", "Gas that a block may use", ConstGauge::new(head.gas_limit));
        let help = "Base fee of the newest block, wei per gas";
        registry.register("base_fee_wei", help, ConstGauge::new(head.base_fee));
    }
}
