use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

use defchain_base::{Address, payload::encoded_len, tx::RecoveredTx};

use crate::{
    Pool,
    entry::{Entry, Rank},
    pool::{LOCK_CHUNK, Shared},
    room::MIN_TX_BYTES,
    state::State,
};

/// After so many senders whose next transaction does not fit, the block counts as full.
const MAX_MISFITS: usize = 256;
/// The least gas of any transaction.
const MIN_GAS: u64 = 21_000;
/// Heads looked at under one lock: those below the base fee yield nothing.
const SCAN_CHUNK: usize = 8 * LOCK_CHUNK;
/// Most senders noted for another judgement between two commits.
const MAX_SUSPECTS: usize = 16_384;

/// What a block has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestLimits {
    /// Bytes of the payload as encoded, its header and lengths included.
    pub max_bytes: usize,
    /// Sum of gas limits; see [`BestTransactions::refund_gas`].
    pub max_gas: u64,
    /// Base fee of the block: orders transactions by what they pay above it, and leaves out who does not reach it.
    pub base_fee: u64,
}

/// Executable transactions, best first across senders, by nonce for each sender, within the limits of a block.
///
/// Senders' balances are not read here: whoever executes judges each transaction at the block's time, and tells
/// [`Self::mark_invalid`] when one does not hold. Yields nothing more once another block is committed. The pool stays
/// open for others meanwhile.
pub struct BestTransactions {
    shared: Arc<Shared>,
    seq: u64,
    limits: BestLimits,
    /// Next transactions of the senders under way.
    candidates: BinaryHeap<Candidate>,
    /// The last lane head that was looked at.
    cursor: Option<Rank>,
    exhausted: bool,
    started: HashSet<Address>,
    skipped: HashSet<Address>,
    /// In order, fetched under one lock.
    fetched: VecDeque<Arc<Entry>>,
    count: usize,
    bytes: usize,
    gas: u64,
    misfits: usize,
    last: Option<Arc<Entry>>,
}

struct Candidate {
    rank: Rank,
    entry: Arc<Entry>,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}
impl Eq for Candidate {}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Candidate {
    /// The greatest is the best: the least rank.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank)
    }
}

impl Pool {
    /// What to put into the next block.
    #[must_use]
    pub fn best(&self, limits: BestLimits) -> BestTransactions {
        BestTransactions {
            shared: Arc::clone(self.shared()),
            seq: self.shared().tip().seq,
            limits,
            candidates: BinaryHeap::new(),
            cursor: None,
            exhausted: false,
            started: HashSet::new(),
            skipped: HashSet::new(),
            fetched: VecDeque::new(),
            count: 0,
            bytes: 0,
            gas: 0,
            misfits: 0,
            last: None,
        }
    }
}

impl BestTransactions {
    /// Says that a transaction of this sender did not hold: no more of them follow, the room of the last one, if theirs,
    /// is free again, and the next commit judges their transactions anew.
    pub fn mark_invalid(&mut self, sender: Address) {
        self.skipped.insert(sender);
        if let Some(last) = self.last.take_if(|last| last.sender() == sender) {
            self.count = self.count.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(last.bytes());
            self.gas = self.gas.saturating_sub(last.gas_limit);
        }
        let mut state = self.shared.state.lock();
        if state.suspects.len() < MAX_SUSPECTS {
            state.suspects.insert(sender);
        }
    }

    /// Gives back gas that an executed transaction did not use of its limit.
    pub const fn refund_gas(&mut self, unused: u64) {
        self.gas = self.gas.saturating_sub(unused);
    }

    fn is_full(&self) -> bool {
        let least = encoded_len(self.count.saturating_add(1), self.bytes.saturating_add(MIN_TX_BYTES));
        self.misfits > MAX_MISFITS
            || self.gas.saturating_add(MIN_GAS) > self.limits.max_gas
            || least > self.limits.max_bytes
    }

    fn fits(&self, entry: &Entry) -> bool {
        let bytes = encoded_len(self.count.saturating_add(1), self.bytes.saturating_add(entry.bytes()));
        bytes <= self.limits.max_bytes && self.gas.saturating_add(entry.gas_limit) <= self.limits.max_gas
    }

    /// Fetches the next transactions in order under one lock.
    fn fetch(&mut self) {
        let shared = Arc::clone(&self.shared);
        let state = shared.state.lock();
        if state.seq != self.seq {
            self.exhausted = true;
            self.candidates.clear();
            return;
        }
        let from = self.cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let mut heads = state.heads().range((from, Bound::Unbounded)).peekable();
        let mut scanned = 0_usize;
        while self.fetched.len() < LOCK_CHUNK && scanned < SCAN_CHUNK {
            // A head's rank is the best place it can have at any base fee, so a candidate before the next head's rank is
            // before all heads to come.
            let next_head = heads.peek().map(|(rank, _)| **rank);
            let best = self.candidates.peek().map(|candidate| candidate.rank);
            match (best, next_head) {
                (Some(_), None) => self.take_best(&state),
                (Some(best), Some(head)) if best < head => self.take_best(&state),
                (_, Some(head)) => {
                    self.cursor = Some(head);
                    scanned = scanned.saturating_add(1);
                    if let Some((_, entry)) = heads.next()
                        && self.started.insert(entry.sender())
                    {
                        self.push(entry);
                    }
                }
                (None, None) => {
                    self.exhausted = true;
                    return;
                }
            }
        }
    }

    /// Moves the best candidate over and puts its sender's next one in its place.
    fn take_best(&mut self, state: &State) {
        let Some(Candidate { entry, .. }) = self.candidates.pop() else { return };
        let sender = entry.sender();
        if self.skipped.contains(&sender) {
            return;
        }
        let next = entry.nonce().saturating_add(1);
        if let Some(entry) = state.lane(&sender).filter(|lane| lane.is_ready(next)).and_then(|lane| lane.get(next)) {
            self.push(entry);
        }
        self.fetched.push_back(entry);
    }

    /// A candidate, if it reaches the base fee.
    fn push(&mut self, entry: &Arc<Entry>) {
        if let Some(tip) = entry.price(self.limits.base_fee) {
            self.candidates.push(Candidate { rank: entry.rank_as(tip), entry: Arc::clone(entry) });
        }
    }
}

impl Iterator for BestTransactions {
    type Item = Arc<RecoveredTx>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_full() {
            let Some(entry) = self.fetched.pop_front() else {
                if self.exhausted && self.candidates.is_empty() {
                    return None;
                }
                self.fetch();
                continue;
            };
            if self.skipped.contains(&entry.sender()) {
                continue;
            }
            if !self.fits(&entry) {
                self.misfits = self.misfits.saturating_add(1);
                self.skipped.insert(entry.sender());
                continue;
            }
            self.count = self.count.saturating_add(1);
            self.bytes = self.bytes.saturating_add(entry.bytes());
            self.gas = self.gas.saturating_add(entry.gas_limit);
            let tx = Arc::clone(&entry.tx);
            self.last = Some(entry);
            return Some(tx);
        }
        None
    }
}
