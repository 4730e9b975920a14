//! RocksDB: opening, settings, reads.

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DBCompressionType,
    DBPinnableSlice, DBRawIteratorWithThreadMode, DBRecoveryMode, DBWithThreadMode, LruCacheOptions, Options,
    ReadOptions, SingleThreaded, SnapshotWithThreadMode, WriteBatch, WriteOptions,
};

use super::Ends;
use crate::{columns::Column, error::StoreError, options::StoreOptions};

pub(super) type Rocks = DBWithThreadMode<SingleThreaded>;

const MIB: usize = 1 << 20;

/// Files kept open, enough for a few hundred gigabytes at 64 MiB each without nearing the usual limit of 1024.
const OPEN_FILES: i32 = 512;
/// Memory of unflushed writes, all families together.
const WRITE_BUFFERS: usize = 96 * MIB;

/// The open database.
pub(crate) struct RocksDb {
    rocks: Rocks,
    path: PathBuf,
    sync: bool,
}

impl RocksDb {
    pub(super) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let mut lru = LruCacheOptions::default();
        lru.set_capacity(options.block_cache_bytes());
        // RocksDB would make shards of 512 KiB, in which nothing larger stays.
        lru.set_num_shard_bits(4);
        let cache = Cache::new_lru_cache_opts(&lru);
        let families: Vec<_> =
            Column::ALL.into_iter().map(|c| ColumnFamilyDescriptor::new(c.name(), family(c, &cache))).collect();
        let rocks = Rocks::open_cf_descriptors(&database(), path, families).map_err(|e| {
            let why = e.to_string();
            if why.contains("lock file") || why.contains("LOCK") {
                StoreError::Locked { path: path.to_owned(), why }
            } else {
                from_rocks("opening", &e)
            }
        })?;
        Ok(Self { rocks, path: path.to_owned(), sync: options.sync })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a commit waits for the disk.
    pub(super) const fn syncs(&self) -> bool {
        self.sync
    }

    pub(super) fn family(&self, column: Column) -> Result<&ColumnFamily, StoreError> {
        self.rocks
            .cf_handle(column.name())
            .ok_or_else(|| StoreError::corrupt(format!("column family {}", column.name()), "it is missing"))
    }

    pub(super) fn write(&self, batch: WriteBatch, sync: bool) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.rocks.write_opt(batch, &options).map_err(|e| from_rocks("writing a batch", &e))
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        for column in Column::ALL {
            self.rocks.flush_cf(self.family(column)?).map_err(|e| from_rocks("flushing", &e))?;
        }
        Ok(())
    }

    pub(super) fn property(&self, column: Column, name: &str) -> Result<u64, StoreError> {
        let found = self.rocks.property_int_value_cf(self.family(column)?, name);
        Ok(found.map_err(|e| from_rocks("reading statistics", &e))?.unwrap_or(0))
    }

    pub(super) fn snapshot(&self) -> SnapshotWithThreadMode<'_, Rocks> {
        SnapshotWithThreadMode::new(&self.rocks)
    }

    pub(super) fn get<'a>(
        &self,
        snapshot: &'a SnapshotWithThreadMode<'_, Rocks>,
        column: Column,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'a>>, StoreError> {
        let family = self.family(column)?;
        snapshot.get_pinned_cf_opt(family, key, ReadOptions::default()).map_err(|e| from_rocks(column.name(), &e))
    }

    pub(super) fn cursor<'a>(
        &'a self,
        snapshot: &'a SnapshotWithThreadMode<'_, Rocks>,
        column: Column,
        to: &[u8],
    ) -> Result<DBRawIteratorWithThreadMode<'a, Rocks>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        Ok(snapshot.raw_iterator_cf_opt(self.family(column)?, options))
    }

    pub(super) fn ends(
        &self,
        snapshot: &SnapshotWithThreadMode<'_, Rocks>,
        column: Column,
    ) -> Result<Option<Ends>, StoreError> {
        let mut raw = snapshot.raw_iterator_cf(self.family(column)?);
        raw.seek_to_first();
        let first = raw.key().map(<[u8]>::to_vec);
        raw.seek_to_last();
        let last = raw.key().map(<[u8]>::to_vec);
        raw.status().map_err(|e| from_rocks(column.name(), &e))?;
        Ok(first.zip(last))
    }
}

pub(super) fn from_rocks(what: &'static str, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::corrupt(what, error),
        _ => StoreError::Database { what, why: error.to_string() },
    }
}

fn database() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // A torn end of the log is what a crash leaves; anything after damage in its middle is not taken.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_open_files(OPEN_FILES);
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_max_total_wal_size(u64::try_from(2 * WRITE_BUFFERS).unwrap_or(u64::MAX));
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 * MIB);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn family(column: Column, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);
    match column {
        // Point lookups, most of them for keys that are there or recently were.
        Column::Flat | Column::Nodes | Column::Hashes => {
            table.set_bloom_filter(10.0, false);
            table.set_block_size(4 << 10);
            // In pieces, so that a lookup needs 4 KiB of a filter in the cache and not the megabytes of a whole file's.
            table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
            table.set_partition_filters(true);
            table.set_metadata_block_size(4 << 10);
            table.set_pin_top_level_index_and_filter(true);
        }
        _ => table.set_block_size(16 << 10),
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_compression_type(DBCompressionType::Lz4);
    // Hashes gain nothing from ZSTD, and the newest values are read too often to unpack it each time.
    if !matches!(column, Column::Flat | Column::Nodes | Column::Hashes) {
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
    }
    options.set_write_buffer_size(match column {
        Column::Nodes => 64 * MIB,
        Column::Flat | Column::History | Column::Blocks => 32 * MIB,
        _ => 8 * MIB,
    });
    options
}
