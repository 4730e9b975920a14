use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use defchain_base::B256;

use crate::{PoolConfig, clock::as_nanos, entry::Entry, state::State};

/// When to look at which transaction again. Entries of transactions that are gone are passed over when they come up.
#[derive(Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(u64, B256)>>);

impl Deadlines {
    /// Has the transaction looked at when it would first be too old: as one that waits for a gap. Most are gone by then.
    pub fn watch(&mut self, entry: &Entry, now: u64, config: &PoolConfig) {
        let first = config.queued_lifetime.min(config.pending_lifetime);
        self.at(now.saturating_add(as_nanos(first)), entry.hash());
    }

    fn at(&mut self, when: u64, hash: B256) {
        self.0.push(Reverse((when, hash)));
    }

    fn due(&mut self, now: u64) -> Option<B256> {
        self.0.peek().filter(|Reverse((when, _))| *when <= now)?;
        self.0.pop().map(|Reverse((_, hash))| hash)
    }
}

impl State {
    /// Drops what is too old, looking at no more than `most` transactions.
    pub fn expire(&mut self, now: u64, most: usize) {
        let lifetimes = (as_nanos(self.config.pending_lifetime), as_nanos(self.config.queued_lifetime));
        for _ in 0..most {
            let Some(hash) = self.deadlines.due(now) else { return };
            let Some(entry) = self.get(&hash).map(Arc::clone) else { continue };
            let age = now.saturating_sub(entry.seen_nanos);
            let limit = if self.is_ready(&entry) { lifetimes.0 } else { lifetimes.1 };
            if age >= limit {
                self.unlink(entry.sender(), entry.nonce());
                self.tally.expired = self.tally.expired.saturating_add(1);
            } else {
                // It may become queued again meanwhile: no later than a queued lifetime from now.
                let wait = limit.saturating_sub(age).min(lifetimes.1.max(1));
                self.deadlines.at(now.saturating_add(wait), hash);
            }
        }
    }
}
