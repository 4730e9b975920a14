use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
};

use defchain_base::{
    Address, B256,
    tx::{SignedTx, TxError},
};
use lru::LruCache;
use parking_lot::Mutex;

/// With two recoveries under way, one look-up in 128 waits for one of them.
const SHARDS: usize = 256;

/// Who signed what, by hash of the whole signed transaction, so that no signature is recovered twice.
///
/// A shard's lock is held during the recovery: two threads with the same transaction recover it once.
pub(crate) struct SenderCache {
    shards: Vec<Mutex<LruCache<B256, Address>>>,
    recoveries: AtomicU64,
    hits: AtomicU64,
}

impl SenderCache {
    pub fn new(capacity: usize) -> Self {
        let each = NonZeroUsize::new(capacity.div_ceil(SHARDS)).unwrap_or(NonZeroUsize::MIN);
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(LruCache::new(each))).collect(),
            recoveries: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    /// The signer, from memory or recovered.
    pub fn recover(&self, tx: &SignedTx) -> Result<Address, TxError> {
        let hash = tx.hash();
        // The last byte: proof-of-work-like hashes begin, but do not end, alike.
        let shard = hash.0.last().map_or(0, |byte| usize::from(*byte));
        let Some(shard) = self.shards.get(shard) else { return tx.recover() };
        let mut shard = shard.lock();
        if let Some(sender) = shard.get(&hash) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(*sender);
        }
        self.recoveries.fetch_add(1, Ordering::Relaxed);
        let sender = tx.recover()?;
        shard.put(hash, sender);
        Ok(sender)
    }

    pub fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Relaxed)
    }

    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}
