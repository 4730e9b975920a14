/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Memory for caches: five eighths for tree nodes, an eighth for values, a quarter for RocksDB's blocks.
    pub cache_bytes: usize,
    /// Whether a commit waits until the disk has it. Off only for tests and throw-away chains: a power failure may then
    /// take the newest blocks (never a part of one).
    pub sync: bool,
    /// Which code updates the trees; the roots are the same.
    pub updater: Updater,
}

/// Which code updates the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Updater {
    /// One walk per block, in parallel.
    #[default]
    OneWalk,
    /// jmt's `put_value_set`, key by key: slow, for comparison.
    Reference,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20, sync: true, updater: Updater::default() }
    }
}

impl StoreOptions {
    /// For tests: little memory, no waiting for the disk.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self { cache_bytes: 8 << 20, sync: false, updater: Updater::OneWalk }
    }

    pub(crate) const fn node_cache_bytes(&self) -> usize {
        (self.cache_bytes / 8).saturating_mul(5)
    }

    pub(crate) const fn value_cache_bytes(&self) -> usize {
        self.cache_bytes / 8
    }

    pub(crate) const fn block_cache_bytes(&self) -> usize {
        self.cache_bytes / 4
    }
}
