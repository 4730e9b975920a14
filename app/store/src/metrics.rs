//! What an operator sees of the store. Nothing in here changes what it does.

use std::time::Duration;

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

use crate::Store;

/// What the store counts as it works.
pub(crate) struct Metrics {
    tree: Histogram,
    commit: Histogram,
    pruned: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        // 0.5 ms to 8 s.
        let times = || Histogram::new(exponential_buckets(0.000_5, 2.0, 15));
        Self { tree: times(), commit: times(), pruned: Counter::default() }
    }
}

impl Metrics {
    pub(crate) fn tree_took(&self, time: Duration) {
        self.tree.observe(time.as_secs_f64());
    }

    pub(crate) fn commit_took(&self, time: Duration) {
        self.commit.observe(time.as_secs_f64());
    }

    pub(crate) fn pruned(&self, blocks: u64) {
        self.pruned.inc_by(blocks);
    }
}

/// How a cache fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CacheStats {
    pub hits: u64,
    pub misses: u64,
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ColumnLabel {
    column: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabel {
    cache: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabel {
    cache: &'static str,
    result: &'static str,
}

fn whole(figure: impl TryInto<i64>) -> i64 {
    figure.try_into().unwrap_or(i64::MAX)
}

impl Store {
    /// Adds the store's metrics, as they stand now, to a registry that is rendered once.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("store");
        let metrics = &self.0.metrics;
        let seconds = || Unit::Seconds;
        let help = "Time to update the trees of one block, seconds";
        registry.register_with_unit("tree_duration", help, seconds(), metrics.tree.clone());
        let help = "Time to write one block to disk and sync it, seconds";
        registry.register_with_unit("commit_duration", help, seconds(), metrics.commit.clone());
        registry.register("pruned_blocks", "Blocks forgotten by pruning", metrics.pruned.clone());
        if let Ok(Some((oldest, _))) = self.heights() {
            registry.register("oldest_height", "Oldest block and state held", ConstGauge::new(oldest.0));
        }
        self.register_disk(registry);
        self.register_caches(registry);
    }

    fn register_disk(&self, registry: &mut Registry) {
        let columns = match self.disk_usage() {
            Ok(columns) => columns,
            Err(error) => {
                tracing::warn!(%error, "the store's sizes are not known to metrics");
                return;
            }
        };
        let (files, memory, records) = (Family::default(), Family::default(), Family::default());
        for column in columns {
            let label = ColumnLabel { column: column.name };
            let set = |family: &Family<ColumnLabel, Gauge>, figure: u64| {
                family.get_or_create(&label).set(whole(figure));
            };
            set(&files, column.file_bytes);
            set(&memory, column.memory_bytes);
            set(&records, column.records);
        }
        registry.register_with_unit("file", "Size of the files of a column family, bytes", Unit::Bytes, files);
        let help = "Records of a column family that are not in files yet, bytes";
        registry.register_with_unit("unflushed", help, Unit::Bytes, memory);
        registry.register("records", "Records of a column family, estimated", records);
    }

    fn register_caches(&self, registry: &mut Registry) {
        let lookups = Family::<LookupLabel, Counter>::default();
        let bytes = Family::<CacheLabel, Gauge>::default();
        for (cache, stats) in [("values", self.0.values.stats()), ("nodes", self.0.nodes.stats())] {
            lookups.get_or_create(&LookupLabel { cache, result: "hit" }).inc_by(stats.hits);
            lookups.get_or_create(&LookupLabel { cache, result: "miss" }).inc_by(stats.misses);
            bytes.get_or_create(&CacheLabel { cache }).set(whole(stats.bytes));
        }
        registry.register("cache_lookups", "Look-ups in a cache of the store, by result", lookups);
        registry.register_with_unit("cache", "Memory held by a cache of the store, bytes", Unit::Bytes, bytes);
    }
}
