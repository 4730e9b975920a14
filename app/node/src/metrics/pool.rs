use defchain_mempool::PoolMetrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

fn whole(figure: usize) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// The pool's figures.
pub(super) fn register(pool: &PoolMetrics, registry: &mut Registry) {
    let transactions = Family::<StateLabel, Gauge>::default();
    for (state, count) in [("pending", pool.pending), ("queued", pool.queued)] {
        transactions.get_or_create(&StateLabel { state }).set(whole(count));
    }
    let help = "Waiting transactions: pending ones can run, queued ones stand behind a nonce gap";
    registry.register("transactions", help, transactions);
    let help = "Most transactions that the pool holds (mempool.max_transactions)";
    registry.register("max_transactions", help, ConstGauge::new(whole(pool.max_transactions)));
    gauge(registry, "size", "Size of waiting transactions, bytes", pool.bytes);
    gauge(registry, "max_size", "Most bytes that the pool holds (mempool.max_bytes)", pool.max_bytes);
    registry.register("lanes", "Senders with waiting transactions", ConstGauge::new(whole(pool.lanes)));
    gauge(registry, "gossip_queue", "Size of bundles that were not judged yet, bytes", pool.gossip_queue_bytes);
    let fates = Family::<FateLabel, Counter>::default();
    for (fate, count) in [
        ("admitted", pool.admitted),
        ("replaced", pool.replaced),
        ("evicted", pool.evicted),
        ("expired", pool.expired),
        ("used", pool.used),
        ("unpayable", pool.unpayable),
        ("offered", pool.offered),
    ] {
        fates.get_or_create(&FateLabel { fate }).inc_by(count);
    }
    registry.register("transaction_fates", "What became of transactions", fates);
    let refused = Family::<CodeLabel, Counter>::default();
    for (code, count) in &pool.refused {
        refused.get_or_create(&CodeLabel { code: *code }).inc_by(*count);
    }
    registry.register("refused", "Transactions refused, by the code that ABCI and RPC say too", refused);
    for (name, help, count) in [
        ("signatures_recovered", "Signatures recovered", pool.recoveries),
        ("signatures_remembered", "Signers found in memory instead of recovered", pool.recoveries_saved),
        ("bundles_received", "Bundles of other nodes taken in", pool.bundles_received),
        ("bundles_sent", "Bundles handed to CometBFT for other nodes", pool.bundles_sent),
        ("bundles_refused", "Bundles of other nodes refused because the queue was full", pool.bundles_refused),
        ("bundles_malformed", "Bundles of other nodes that were none", pool.bundles_malformed),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, figure: usize) {
    registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(whole(figure)));
}
