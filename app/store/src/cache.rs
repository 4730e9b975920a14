//! What is kept in memory of state: newest values, and inner nodes of the trees.

use bytes::Bytes;
use core::{borrow::Borrow, hash::Hash};
use defchain_base::Substore;
use lru::LruCache;
use parking_lot::Mutex;

use crate::{metrics::CacheStats, tree::NodeKey};

/// Locks of the value cache.
const VALUE_SHARDS: usize = 64;
/// Locks of the node cache; a tree's threads each work below one nibble.
const NODE_SHARDS: usize = 16;
/// What an entry costs beside its bytes: list links, table slot, allocations.
const ENTRY_OVERHEAD: usize = 120;

/// A least-recently-used map bounded by bytes.
struct Bounded<K: Hash + Eq, V> {
    map: LruCache<K, (V, usize)>,
    used: usize,
    limit: usize,
    hits: u64,
    misses: u64,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    fn new(limit: usize) -> Self {
        Self { map: LruCache::unbounded(), used: 0, limit, hits: 0, misses: 0 }
    }

    fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        // Counted under the lock that is held anyway: no atomic that threads would pass around.
        match self.map.get(key) {
            Some((value, _)) => {
                self.hits = self.hits.saturating_add(1);
                Some(value)
            }
            None => {
                self.misses = self.misses.saturating_add(1);
                None
            }
        }
    }

    fn put(&mut self, key: K, value: V, bytes: usize) {
        let cost = bytes.saturating_add(ENTRY_OVERHEAD);
        if let Some((_, before)) = self.map.put(key, (value, cost)) {
            self.used = self.used.saturating_sub(before);
        }
        self.used = self.used.saturating_add(cost);
        while self.used > self.limit {
            match self.map.pop_lru() {
                Some((_, (_, cost))) => self.used = self.used.saturating_sub(cost),
                None => break,
            }
        }
    }

    fn add_to(&self, stats: CacheStats) -> CacheStats {
        CacheStats {
            hits: stats.hits.saturating_add(self.hits),
            misses: stats.misses.saturating_add(self.misses),
            bytes: stats.bytes.saturating_add(self.used),
        }
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((_, cost)) = self.map.pop(key) {
            self.used = self.used.saturating_sub(cost);
        }
    }

    fn clear(&mut self) {
        self.map.clear();
        self.used = 0;
    }
}

/// Newest values by flat key, with the absence of a value.
///
/// A shard serves one generation of the state, the newest. A snapshot of another generation is answered by the disk, so
/// it never sees a value newer than itself, nor leaves an older one behind.
pub(crate) struct ValueCache {
    shards: Vec<Mutex<ValueShard>>,
}

struct ValueShard {
    generation: u64,
    values: Bounded<Box<[u8]>, Option<Bytes>>,
}

impl ValueCache {
    pub(crate) fn new(bytes: usize) -> Self {
        let shard = || {
            Mutex::new(ValueShard { generation: 0, values: Bounded::new(bytes.checked_div(VALUE_SHARDS).unwrap_or(0)) })
        };
        Self { shards: core::iter::repeat_with(shard).take(VALUE_SHARDS).collect() }
    }

    /// `None` when the cache does not know; `Some(None)` when it knows that there is no value.
    pub(crate) fn get(&self, generation: u64, flat_key: &[u8]) -> Option<Option<Bytes>> {
        let mut shard = self.shards.get(shard_of(flat_key))?.lock();
        if shard.generation != generation {
            return None;
        }
        shard.values.get(flat_key).cloned()
    }

    /// Remembers what a snapshot of this generation read.
    pub(crate) fn learn(&self, generation: u64, flat_key: Vec<u8>, value: Option<Bytes>) {
        let Some(shard) = self.shards.get(shard_of(&flat_key)) else { return };
        let mut shard = shard.lock();
        if shard.generation == generation {
            let bytes = flat_key.len().saturating_add(value.as_ref().map_or(0, Bytes::len));
            shard.values.put(flat_key.into_boxed_slice(), value, bytes);
        }
    }

    /// Moves to a generation that differs by these changes.
    pub(crate) fn advance(&self, generation: u64, changes: Vec<(Vec<u8>, Option<Bytes>)>) {
        let mut by_shard: Vec<Vec<(Vec<u8>, Option<Bytes>)>> = Vec::new();
        by_shard.resize_with(VALUE_SHARDS, Vec::new);
        for (key, value) in changes {
            if let Some(list) = by_shard.get_mut(shard_of(&key)) {
                list.push((key, value));
            }
        }
        for (shard, changes) in self.shards.iter().zip(by_shard) {
            // Generation and values under one lock: nobody sees the one without the other.
            let mut shard = shard.lock();
            shard.generation = generation;
            for (key, value) in changes {
                let bytes = key.len().saturating_add(value.as_ref().map_or(0, Bytes::len));
                shard.values.put(key.into_boxed_slice(), value, bytes);
            }
        }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        self.shards.iter().fold(CacheStats::default(), |sum, shard| shard.lock().values.add_to(sum))
    }

    /// Moves to a generation of which nothing is known.
    pub(crate) fn reset(&self, generation: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.generation = generation;
            shard.values.clear();
        }
    }
}

/// Spreads by the last eight bytes, where keys of one kind differ, and the length.
fn shard_of(key: &[u8]) -> usize {
    let tail = key.iter().rev().take(8).fold(key.len() as u64, |sum, byte| (sum << 8) ^ (sum >> 56) ^ u64::from(*byte));
    usize::try_from(tail.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58).unwrap_or(0)
}

/// Records of inner nodes: packed, because a large tree has mostly small ones, and read in a fraction of the time that
/// their hashes take. A node never changes under its key, except that a rollback makes keys free again: then the epoch
/// moves on, and who still reads in an older one neither finds nor leaves anything here.
pub(crate) struct NodeCache {
    shards: Vec<Mutex<NodeShard>>,
}

struct NodeShard {
    epoch: u64,
    nodes: Bounded<(Substore, NodeKey), Bytes>,
}

impl NodeCache {
    pub(crate) fn new(bytes: usize) -> Self {
        let shard =
            || Mutex::new(NodeShard { epoch: 0, nodes: Bounded::new(bytes.checked_div(NODE_SHARDS).unwrap_or(0)) });
        Self { shards: core::iter::repeat_with(shard).take(NODE_SHARDS).collect() }
    }

    fn shard(&self, key: &NodeKey) -> Option<&Mutex<NodeShard>> {
        self.shards.get(usize::from(key.path.nibbles().next().unwrap_or(0)))
    }

    pub(crate) fn get(&self, epoch: u64, substore: Substore, key: &NodeKey) -> Option<Bytes> {
        let mut shard = self.shard(key)?.lock();
        if shard.epoch == epoch { shard.nodes.get(&(substore, *key)).cloned() } else { None }
    }

    pub(crate) fn put(&self, epoch: u64, substore: Substore, key: NodeKey, record: Bytes) {
        let Some(shard) = self.shard(&key) else { return };
        let mut shard = shard.lock();
        if shard.epoch == epoch {
            let bytes = record.len();
            shard.nodes.put((substore, key), record, bytes);
        }
    }

    pub(crate) fn remove(&self, substore: Substore, key: &NodeKey) {
        if let Some(shard) = self.shard(key) {
            shard.lock().nodes.remove(&(substore, *key));
        }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        self.shards.iter().fold(CacheStats::default(), |sum, shard| shard.lock().nodes.add_to(sum))
    }

    pub(crate) fn reset(&self, epoch: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.epoch = epoch;
            shard.nodes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    fn value(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_cache_answers_only_its_own_generation() {
        let cache = ValueCache::new(1 << 20);
        cache.learn(0, b"k".to_vec(), value("old"));
        assert_eq!(cache.get(0, b"k"), Some(value("old")));
        cache.advance(1, vec![(b"k".to_vec(), value("new")), (b"gone".to_vec(), None)]);
        assert_eq!(cache.get(0, b"k"), None);
        assert_eq!(cache.get(1, b"k"), Some(value("new")));
        assert_eq!(cache.get(1, b"gone"), Some(None));
        assert_eq!((cache.stats().hits, cache.stats().misses), (3, 0), "a foreign generation is not counted");
        assert_eq!((cache.get(1, b"other"), cache.stats().misses), (None, 1));
        // An older snapshot that read from disk must not put its value back.
        cache.learn(0, b"k".to_vec(), value("old"));
        assert_eq!(cache.get(1, b"k"), Some(value("new")));
        cache.reset(2);
        assert_eq!(cache.get(2, b"k"), None);
    }

    #[test]
    fn a_cache_stays_within_its_bytes_and_keeps_what_was_used_last() {
        let mut cache: Bounded<u32, ()> = Bounded::new(10 * (ENTRY_OVERHEAD + 8));
        for key in 0..100 {
            cache.put(key, (), 8);
            assert!(cache.get(&0).is_some(), "0 is used again and again");
        }
        assert_eq!(cache.map.len(), 10);
        assert!(cache.get(&99).is_some() && cache.get(&50).is_none());
        cache.remove(&99);
        assert_eq!(cache.used, 9 * (ENTRY_OVERHEAD + 8));
        cache.clear();
        assert_eq!(cache.used, 0);
    }

    #[test]
    fn a_key_written_again_is_counted_once() {
        let mut cache: Bounded<u32, u8> = Bounded::new(1 << 20);
        cache.put(1, 1, 8);
        cache.put(1, 2, 80);
        assert_eq!((cache.used, cache.get(&1)), (80 + ENTRY_OVERHEAD, Some(&2)));
    }

    #[test]
    fn keys_that_count_up_spread_over_the_shards() {
        let mut counts = [0usize; VALUE_SHARDS];
        for n in 0..6400u64 {
            *counts.get_mut(shard_of(&n.to_be_bytes())).unwrap() += 1;
        }
        assert!(counts.iter().all(|n| (50..200).contains(n)), "{counts:?}");
    }
}
