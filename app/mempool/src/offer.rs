//! What is offered to peers, and when: our own at once, others' once after a delay, and what still waits again.
//!
//! CometBFT broadcasts what `ReapTxs` returns once, to the peers connected at that moment, and drops what a peer has seen
//! before by the hash of the whole item. So the pool keeps offering what waits, and never the same bytes twice.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{Arc, atomic::Ordering},
};

use defchain_base::{
    B256, Bytes,
    payload::{MAX_BUNDLE_BYTES, encode_bundle, encoded_len},
};
use lru::LruCache;

use crate::{
    Origin, Pool,
    clock::as_nanos,
    entry::Entry,
    metrics::add,
    pool::{LOCK_CHUNK, Shared},
    state::State,
};

/// Most transactions looked at in one call; with a call every 50 ms, 160,000 a second.
const REAP_TRANSACTIONS: usize = 8_192;
/// Most bytes of one answer.
const REAP_BYTES: usize = 8 * 1024 * 1024;
/// The interval between offers doubles this often.
const MAX_DOUBLINGS: u8 = 3;
/// How many bundles are remembered, so that none is repeated.
const REMEMBERED_BUNDLES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);
/// How many arrangements of the same transactions there may be. Only a bundle of very few, offered for over half an hour,
/// comes to the end of them; then it is repeated.
const MAX_ARRANGEMENTS: usize = 64;

const _: () = assert!(REAP_BYTES >= 2 * MAX_BUNDLE_BYTES);

/// Hashes of transactions to offer; each executable transaction stands in one place.
#[derive(Default)]
pub(crate) struct Offers {
    now: VecDeque<B256>,
    later: BinaryHeap<Reverse<(u64, B256)>>,
}

impl Offers {
    fn next(&mut self, now: u64) -> Option<B256> {
        if let Some(hash) = self.now.pop_front() {
            return Some(hash);
        }
        self.later.peek().filter(|Reverse((due, _))| *due <= now)?;
        self.later.pop().map(|Reverse((_, hash))| hash)
    }
}

impl State {
    /// Notes what has become executable.
    pub fn offer(&mut self, entry: &Entry, now: u64) {
        match entry.origin {
            Origin::Local => self.offers.now.push_back(entry.hash()),
            Origin::Gossip => {
                let due = now.saturating_add(as_nanos(self.config.forward_delay));
                self.offers.later.push(Reverse((due, entry.hash())));
            }
        }
    }

    /// The next transaction to offer. Passes over at most `steps` that are gone or cannot run, counting them down.
    fn next_offer(&mut self, now: u64, base_fee: u64, steps: &mut usize) -> Option<Arc<Entry>> {
        while *steps > 0 {
            let hash = self.offers.next(now)?;
            *steps = steps.saturating_sub(1);
            let Some(entry) = self.get(&hash).map(Arc::clone) else { continue };
            if self.is_ready(&entry) && entry.price(base_fee).is_some() {
                return Some(entry);
            }
            self.offer_again(&entry, now);
        }
        None
    }

    fn offer_again(&mut self, entry: &Entry, now: u64) {
        let doublings = entry.offers.load(Ordering::Relaxed).min(MAX_DOUBLINGS);
        let wait = as_nanos(self.config.reoffer_interval).saturating_mul(1 << doublings);
        self.offers.later.push(Reverse((now.saturating_add(wait), entry.hash())));
        entry.offers.store(doublings.saturating_add(1), Ordering::Relaxed);
    }
}

/// Groups transactions into bundles that were not offered before.
pub(crate) struct Bundler {
    offered: LruCache<u64, ()>,
    hasher: RandomState,
}

impl Default for Bundler {
    fn default() -> Self {
        Self { offered: LruCache::new(REMEMBERED_BUNDLES), hasher: RandomState::new() }
    }
}

impl Bundler {
    fn bundle(&mut self, mut txs: Vec<Bytes>) -> Bytes {
        let turns = txs.len();
        for attempt in 1..=MAX_ARRANGEMENTS {
            let bytes = encode_bundle(txs.iter());
            if self.offered.put(self.hasher.hash_one(&bytes), ()).is_none() {
                return bytes.into();
            }
            // Turn the order; when all turns are used up, say one transaction twice.
            match txs.first().filter(|_| attempt >= turns).cloned() {
                Some(first) if encoded_len(1, bytes.len().saturating_add(first.len())) <= MAX_BUNDLE_BYTES => {
                    txs.push(first);
                }
                _ => txs.rotate_left(1.min(turns)),
            }
        }
        encode_bundle(txs.iter()).into()
    }
}

impl Pool {
    /// Bundles to broadcast (`ReapTxs`), of at most so many bytes and gas in all; 0 is no limit, as CometBFT means it.
    /// The work of one call is bounded; what is left comes with the next.
    #[must_use]
    pub fn reap_bundles(&self, max_bytes: u64, max_gas: u64) -> Vec<Bytes> {
        let shared = self.shared();
        let bytes = usize::try_from(max_bytes).ok().filter(|max| (1..REAP_BYTES).contains(max)).unwrap_or(REAP_BYTES);
        let gas = if max_gas == 0 { u64::MAX } else { max_gas };
        // Held throughout: two calls at once would only mix their groups.
        let mut bundler = shared.bundler.lock();
        let groups = shared.collect_offers(bytes, gas);
        add(&shared.counters.offered, groups.iter().map(Vec::len).sum());
        add(&shared.counters.bundles_sent, groups.len());
        groups.into_iter().map(|group| bundler.bundle(group)).collect()
    }
}

impl Shared {
    fn collect_offers(&self, max_bytes: usize, max_gas: u64) -> Vec<Vec<Bytes>> {
        let (now, base_fee) = (self.clock.now_nanos(), self.tip().context.base_fee);
        let mut groups = Groups { max_bytes, max_gas, ..Groups::default() };
        let mut steps = REAP_TRANSACTIONS;
        while steps > 0 {
            let mut chunk = steps.min(LOCK_CHUNK);
            steps = steps.saturating_sub(chunk);
            let mut state = self.state.lock();
            while let Some(entry) = state.next_offer(now, base_fee, &mut chunk) {
                // What alone is more than was asked for must not block the queue.
                if !groups.push(&entry) && !groups.is_empty() {
                    state.offers.now.push_front(entry.hash());
                    return groups.finish();
                }
                state.offer_again(&entry, now);
            }
            if chunk > 0 {
                break;
            }
        }
        groups.finish()
    }
}

#[derive(Default)]
struct Groups {
    max_bytes: usize,
    max_gas: u64,
    done: Vec<Vec<Bytes>>,
    done_bytes: usize,
    group: Vec<Bytes>,
    group_bytes: usize,
    gas: u64,
}

impl Groups {
    /// Takes a transaction if the limits allow.
    fn push(&mut self, entry: &Entry) -> bool {
        let raw = entry.tx.tx.raw();
        let gas = self.gas.saturating_add(entry.gas_limit);
        let mut grown = encoded_len(self.group.len().saturating_add(1), self.group_bytes.saturating_add(raw.len()));
        if grown > MAX_BUNDLE_BYTES {
            self.close();
            grown = encoded_len(1, raw.len());
        }
        if gas > self.max_gas || self.done_bytes.saturating_add(grown) > self.max_bytes {
            return false;
        }
        self.gas = gas;
        self.group_bytes = self.group_bytes.saturating_add(raw.len());
        self.group.push(raw.clone());
        true
    }

    const fn is_empty(&self) -> bool {
        self.group.is_empty() && self.done.is_empty()
    }

    fn close(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let len = encoded_len(self.group.len(), self.group_bytes);
        self.done_bytes = self.done_bytes.saturating_add(len);
        self.done.push(core::mem::take(&mut self.group));
        self.group_bytes = 0;
    }

    fn finish(mut self) -> Vec<Vec<Bytes>> {
        self.close();
        self.done
    }
}
