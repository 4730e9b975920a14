use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, atomic::Ordering},
};

use defchain_base::{Address, B256, U256};
use defchain_evm::validity::{self, Sender};

use crate::{
    PoolConfig, PoolError,
    entry::{Entry, Rank},
    expire::Deadlines,
    fees::FeeIndex,
    lane::Lane,
    offer::Offers,
};

/// What is behind the pool's lock. Every change of a lane goes through [`State::change_lane`], which keeps the indexes.
pub(crate) struct State {
    pub config: PoolConfig,
    /// Number of the commit that lanes follow; see [`crate::view::Tip`].
    pub seq: u64,
    /// Rises with every change of a lane.
    pub changes: u64,
    /// Of the next block, as of that commit.
    pub base_fee: u64,
    lanes: HashMap<Address, Lane>,
    by_hash: HashMap<B256, Arc<Entry>>,
    /// The executable transaction of each lane, best first.
    heads: BTreeMap<Rank, Arc<Entry>>,
    /// The last transaction of each lane: what may be evicted.
    pub tails: FeeIndex,
    /// Those of `tails` that wait for a gap.
    pub queued_tails: FeeIndex,
    pending: usize,
    queued: usize,
    bytes: usize,
    /// Became executable and was not announced yet.
    fresh: Vec<Arc<Entry>>,
    pub offers: Offers,
    pub deadlines: Deadlines,
    /// Senders whose transactions a proposal refused: judged again at the next commit. Ordered, so that what is offered to
    /// peers does not depend on a hasher's seed.
    pub suspects: BTreeSet<Address>,
    pub tally: Tally,
}

/// What happened under the lock, for the metrics.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub admitted: u64,
    pub replaced: u64,
    pub evicted: u64,
    pub expired: u64,
    /// Their nonce was used by a block.
    pub used: u64,
    /// No longer payable, or their sender became a contract.
    pub unpayable: u64,
}

/// What the indexes know of a lane.
struct Shape {
    next: u64,
    ready_end: u64,
    ready: usize,
    len: usize,
    head: Option<Arc<Entry>>,
    tail: Option<Arc<Entry>>,
    tail_is_queued: bool,
}

impl Shape {
    fn of(lane: &Lane) -> Self {
        let tail = lane.tail().cloned();
        Self {
            next: lane.next(),
            ready_end: lane.ready_end(),
            ready: lane.ready_len(),
            len: lane.len(),
            head: lane.head().cloned(),
            tail_is_queued: tail.as_ref().is_some_and(|tail| !lane.is_ready(tail.nonce())),
            tail,
        }
    }

    fn queued_tail(&self) -> Option<&Arc<Entry>> {
        self.tail.as_ref().filter(|_| self.tail_is_queued)
    }
}

fn same(a: Option<&Arc<Entry>>, b: Option<&Arc<Entry>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl State {
    pub fn new(config: PoolConfig) -> Self {
        Self {
            config,
            seq: 0,
            changes: 0,
            base_fee: 0,
            lanes: HashMap::new(),
            by_hash: HashMap::new(),
            heads: BTreeMap::new(),
            tails: FeeIndex::default(),
            queued_tails: FeeIndex::default(),
            pending: 0,
            queued: 0,
            bytes: 0,
            fresh: Vec::new(),
            offers: Offers::default(),
            deadlines: Deadlines::default(),
            suspects: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub const fn pending(&self) -> usize {
        self.pending
    }

    pub const fn queued(&self) -> usize {
        self.queued
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn get(&self, hash: &B256) -> Option<&Arc<Entry>> {
        self.by_hash.get(hash)
    }

    pub fn lane(&self, address: &Address) -> Option<&Lane> {
        self.lanes.get(address)
    }

    pub fn lanes(&self) -> impl ExactSizeIterator<Item = (&Address, &Lane)> {
        self.lanes.iter()
    }

    pub const fn heads(&self) -> &BTreeMap<Rank, Arc<Entry>> {
        &self.heads
    }

    pub fn is_ready(&self, entry: &Entry) -> bool {
        self.lane(&entry.sender()).is_some_and(|lane| lane.is_ready(entry.nonce()))
    }

    /// Takes what became executable since the last call.
    pub fn take_fresh(&mut self) -> Vec<Arc<Entry>> {
        let mut fresh = core::mem::take(&mut self.fresh);
        fresh
            .retain(|entry| self.by_hash.contains_key(&entry.hash()) && !entry.announced.swap(true, Ordering::Relaxed));
        fresh
    }

    /// Changes one lane and brings the indexes after it. `next` is the account's nonce, if the lane is new.
    fn change_lane<R>(&mut self, address: Address, next: u64, change: impl FnOnce(&mut Lane) -> R) -> R {
        let lane = self.lanes.entry(address).or_insert_with(|| Lane::new(next));
        self.changes = self.changes.wrapping_add(1);
        let before = Shape::of(lane);
        let result = change(lane);
        let after = Shape::of(lane);
        if after.ready_end > before.ready_end {
            let from = before.ready_end.max(after.next);
            self.fresh.extend((from..after.ready_end).filter_map(|nonce| lane.get(nonce).cloned()));
        }
        if lane.is_empty() {
            self.lanes.remove(&address);
        }
        self.reindex(&before, &after);
        result
    }

    fn reindex(&mut self, before: &Shape, after: &Shape) {
        if !same(before.head.as_ref(), after.head.as_ref()) {
            if let Some(head) = &before.head {
                self.heads.remove(&head.rank());
            }
            if let Some(head) = &after.head {
                self.heads.insert(head.rank(), Arc::clone(head));
            }
        }
        let indexes = [
            (&mut self.tails, before.tail.as_ref(), after.tail.as_ref()),
            (&mut self.queued_tails, before.queued_tail(), after.queued_tail()),
        ];
        for (index, old, new) in indexes {
            if !same(old, new) {
                if let Some(old) = old {
                    index.remove(old);
                }
                if let Some(new) = new {
                    index.insert(new);
                }
            }
        }
        let queued = |shape: &Shape| shape.len.saturating_sub(shape.ready);
        self.pending = self.pending.saturating_add(after.ready).saturating_sub(before.ready);
        self.queued = self.queued.saturating_add(queued(after)).saturating_sub(queued(before));
    }

    /// Puts an entry into its lane; gives back what it replaced. Bounds are the caller's business.
    pub fn link(&mut self, entry: Arc<Entry>, next: u64) -> Option<Arc<Entry>> {
        self.by_hash.insert(entry.hash(), Arc::clone(&entry));
        self.bytes = self.bytes.saturating_add(entry.bytes());
        let replaced = self.change_lane(entry.sender(), next, |lane| {
            let replaced = lane.insert(Arc::clone(&entry));
            (replaced, lane.is_ready(entry.nonce()))
        });
        if let (Some(old), ready) = &replaced {
            self.forget(old);
            if *ready {
                // The lane's pending part did not grow, but this transaction is new.
                self.fresh.push(entry);
            }
        }
        replaced.0
    }

    /// Takes one transaction out; those after it wait for a gap.
    pub fn unlink(&mut self, address: Address, nonce: u64) -> Option<Arc<Entry>> {
        if !self.lanes.contains_key(&address) {
            return None;
        }
        let entry = self.change_lane(address, 0, |lane| lane.remove(nonce))?;
        self.forget(&entry);
        Some(entry)
    }

    /// Makes a lane follow its account's nonce; whether the lane is still there.
    pub fn follow(&mut self, address: Address, next: u64) -> bool {
        match self.lanes.get(&address) {
            None => return false,
            Some(lane) if lane.next() == next => return true,
            Some(_) => {}
        }
        for void in self.change_lane(address, next, |lane| lane.set_next(next)) {
            self.forget(&void);
            self.tally.used = self.tally.used.saturating_add(1);
        }
        self.lanes.contains_key(&address)
    }

    fn forget(&mut self, entry: &Entry) {
        self.by_hash.remove(&entry.hash());
        self.bytes = self.bytes.saturating_sub(entry.bytes());
    }

    /// Admits a transaction that was judged valid against `sender`, within all bounds, or changes nothing.
    pub fn admit(&mut self, entry: Arc<Entry>, sender: &Sender, now: u64) -> Result<(), PoolError> {
        if self.by_hash.contains_key(&entry.hash()) {
            return Err(PoolError::AlreadyKnown(entry.hash()));
        }
        let (address, nonce) = (entry.sender(), entry.nonce());
        self.follow(address, sender.nonce);
        let lane = self.lanes.get(&address);
        let held = lane.and_then(|lane| lane.get(nonce)).cloned();
        if let Some(held) = &held {
            self.check_replacement(&entry, held)?;
        }
        self.check_funds(&entry, held.as_deref(), sender)?;
        self.make_room(&entry, held.as_deref(), sender.nonce)?;
        self.deadlines.watch(&entry, now, &self.config);
        if self.link(entry, sender.nonce).is_some() {
            self.tally.replaced = self.tally.replaced.saturating_add(1);
        }
        self.tally.admitted = self.tally.admitted.saturating_add(1);
        Ok(())
    }

    /// Both caps must rise, or the network would carry a stream of replacements that cost nothing.
    fn check_replacement(&self, entry: &Entry, held: &Entry) -> Result<(), PoolError> {
        let percent = u128::from(self.config.replacement_percent);
        // Rounded down like other nodes do, but never the same price again.
        let raised = |old: u128| {
            let bump = (old / 100).saturating_mul(percent).saturating_add((old % 100).saturating_mul(percent) / 100);
            old.saturating_add(bump.max(1))
        };
        let (needed_fee, needed_tip) = (raised(held.fee_cap), raised(held.tip_cap));
        if entry.fee_cap >= needed_fee && entry.tip_cap >= needed_tip {
            return Ok(());
        }
        Err(PoolError::ReplacementUnderpriced {
            address: entry.sender(),
            nonce: entry.nonce(),
            held: held.hash(),
            max_fee: entry.fee_cap,
            needed_fee,
            tip: entry.tip_cap,
            needed_tip,
        })
    }

    /// All of a sender's transactions together must be payable, or one balance would fill the pool many times over.
    fn check_funds(&self, entry: &Entry, held: Option<&Entry>, sender: &Sender) -> Result<(), PoolError> {
        let lane_cost = self.lanes.get(&entry.sender()).map_or(U256::ZERO, Lane::cost);
        let pooled = lane_cost.saturating_sub(held.map_or(U256::ZERO, |held| held.cost));
        let sum = pooled.saturating_add(entry.cost);
        if sum <= sender.spendable {
            return Ok(());
        }
        Err(PoolError::Overdraft {
            address: entry.sender(),
            have: sender.spendable,
            pooled,
            cost: entry.cost,
            overshot: sum.saturating_sub(sender.spendable),
        })
    }

    /// Judges a lane again: follows the nonce and drops what can no longer be paid for alone. What has fallen below the
    /// base fee stays: the base fee may fall again.
    pub fn rejudge(&mut self, address: Address, sender: &Sender) {
        if !self.follow(address, sender.nonce) {
            return;
        }
        let Some(lane) = self.lanes.get(&address) else { return };
        let unpayable: Vec<u64> = lane
            .iter()
            // What pays for itself is tried by the caller.
            .filter(|(_, entry)| {
                let payable = || validity::check_payer(&entry.tx.tx, address, sender, &entry.demand, 0);
                !entry.self_paid && payable().is_err()
            })
            .map(|(nonce, _)| nonce)
            .collect();
        for nonce in unpayable {
            self.unlink(address, nonce);
            self.tally.unpayable = self.tally.unpayable.saturating_add(1);
        }
    }

    /// What this sender has here that pays for itself (D26a).
    pub fn self_paid(&self, address: &Address) -> Vec<Arc<Entry>> {
        let Some(lane) = self.lanes.get(address) else { return Vec::new() };
        lane.iter().filter(|(_, entry)| entry.self_paid).map(|(_, entry)| Arc::clone(entry)).collect()
    }

    /// Drops what can no longer pay for itself, unless another has taken its place.
    pub fn drop_unpayable(&mut self, entry: &Entry) {
        if self.by_hash.contains_key(&entry.hash()) && self.unlink(entry.sender(), entry.nonce()).is_some() {
            self.tally.unpayable = self.tally.unpayable.saturating_add(1);
        }
    }

    /// Empties the pool.
    pub fn clear(&mut self) {
        let changes = self.changes.wrapping_add(1);
        *self = Self { seq: self.seq, changes, base_fee: self.base_fee, tally: self.tally, ..Self::new(self.config) };
    }
}
