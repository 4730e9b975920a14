use std::{collections::BTreeMap, sync::Arc};

use defchain_base::U256;

use crate::entry::Entry;

/// One sender's transactions, by nonce.
///
/// `next..ready_end` are all present: they are pending. What follows `ready_end` waits for a gap to be filled.
pub(crate) struct Lane {
    next: u64,
    ready_end: u64,
    txs: BTreeMap<u64, Arc<Entry>>,
    /// Sum of what they can cost. Admission keeps it within the sender's balance, so it fits 256 bits.
    cost: U256,
}

impl Lane {
    pub const fn new(next: u64) -> Self {
        Self { next, ready_end: next, txs: BTreeMap::new(), cost: U256::ZERO }
    }

    /// The account's nonce.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The nonce after the pending ones: the account's pending nonce.
    pub const fn ready_end(&self) -> u64 {
        self.ready_end
    }

    pub const fn cost(&self) -> U256 {
        self.cost
    }

    pub fn len(&self) -> usize {
        self.txs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.txs.is_empty()
    }

    pub fn get(&self, nonce: u64) -> Option<&Arc<Entry>> {
        self.txs.get(&nonce)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Entry>)> {
        self.txs.iter().map(|(nonce, entry)| (*nonce, entry))
    }

    pub const fn is_ready(&self, nonce: u64) -> bool {
        self.next <= nonce && nonce < self.ready_end
    }

    pub const fn ready_len(&self) -> usize {
        // Not more than the transactions that are there.
        self.ready_end.saturating_sub(self.next) as usize
    }

    /// The transaction that can run now.
    pub fn head(&self) -> Option<&Arc<Entry>> {
        if self.is_ready(self.next) { self.txs.get(&self.next) } else { None }
    }

    /// The last one: the only one whose removal leaves no gap.
    pub fn tail(&self) -> Option<&Arc<Entry>> {
        self.txs.last_key_value().map(|(_, entry)| entry)
    }

    /// Puts it in, and gives back what had its nonce.
    pub fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        self.cost = self.cost.saturating_add(entry.cost);
        let replaced = self.txs.insert(entry.nonce(), entry);
        if let Some(old) = &replaced {
            self.cost = self.cost.saturating_sub(old.cost);
        }
        self.extend();
        replaced
    }

    pub fn remove(&mut self, nonce: u64) -> Option<Arc<Entry>> {
        let entry = self.txs.remove(&nonce)?;
        self.cost = self.cost.saturating_sub(entry.cost);
        if self.is_ready(nonce) {
            self.ready_end = nonce;
        }
        Some(entry)
    }

    /// Follows the account's nonce and gives back what has become void. The nonce falls only when the chain is taken
    /// back.
    pub fn set_next(&mut self, next: u64) -> Vec<Arc<Entry>> {
        let mut void = Vec::new();
        while let Some(first) = self.txs.first_entry().filter(|first| *first.key() < next) {
            let entry = first.remove();
            self.cost = self.cost.saturating_sub(entry.cost);
            void.push(entry);
        }
        if !(self.next..=self.ready_end).contains(&next) {
            self.ready_end = next;
        }
        self.next = next;
        self.extend();
        void
    }

    fn extend(&mut self) {
        while self.txs.contains_key(&self.ready_end) {
            // u64::MAX is no valid nonce (EIP-2681), so the end is never reached.
            self.ready_end = self.ready_end.saturating_add(1);
        }
    }
}
