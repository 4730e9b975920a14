//! Bundles from other nodes. `InsertTx` runs in a peer's receive thread and shares its socket with what Commit waits for:
//! it only queues. Workers do the rest.

use std::collections::VecDeque;

use defchain_base::{
    Bytes, keccak256,
    payload::{self, MAX_BUNDLE_BYTES, PayloadLimits},
    tx::MAX_TX_BYTES,
};
use parking_lot::{Condvar, Mutex};

use crate::{FirstSeen, InsertCode, Origin, Pool, metrics::add, pool::Shared};

/// Transactions that one worker judges before it looks at the queue again; a larger bundle is shared with idle workers.
const PIECE: usize = 128;

/// What one bundle may be.
const LIMITS: PayloadLimits = PayloadLimits { bytes: MAX_BUNDLE_BYTES, tx_bytes: MAX_TX_BYTES };

enum Work {
    Bundle(Bytes),
    Piece(Vec<Bytes>),
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Bundle(bytes) => bytes.len(),
            Self::Piece(txs) => txs.iter().map(|tx| tx.len()).fold(0, usize::saturating_add),
        }
    }
}

struct Job {
    work: Work,
    seen: FirstSeen,
}

/// A queue with a bound in bytes. Pieces of a bundle that was let in are not refused: they are no more than it was.
pub(crate) struct BundleQueue {
    limit: usize,
    inner: Mutex<Inner>,
    /// Something to do, or closed.
    work: Condvar,
    /// Nothing to do and nobody at work.
    idle: Condvar,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Job>,
    bytes: usize,
    busy: usize,
    closed: bool,
}

impl BundleQueue {
    pub fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default(), work: Condvar::new(), idle: Condvar::new() }
    }

    fn push(&self, bundle: Bytes, seen: FirstSeen) -> InsertCode {
        let mut inner = self.inner.lock();
        if inner.closed {
            return InsertCode::ShuttingDown;
        }
        let bytes = inner.bytes.saturating_add(bundle.len());
        if bytes > self.limit {
            return InsertCode::Full;
        }
        inner.bytes = bytes;
        inner.jobs.push_back(Job { work: Work::Bundle(bundle), seen });
        self.work.notify_one();
        InsertCode::Queued
    }

    /// Puts the rest of a bundle in front, for whoever is idle.
    fn share(&self, pieces: Vec<Vec<Bytes>>, seen: FirstSeen) {
        let mut inner = self.inner.lock();
        if inner.closed {
            return;
        }
        for piece in pieces.into_iter().rev() {
            let work = Work::Piece(piece);
            inner.bytes = inner.bytes.saturating_add(work.bytes());
            inner.jobs.push_front(Job { work, seen });
        }
        self.work.notify_all();
    }

    /// The next job; waits for one. `None` when the queue is closed.
    fn pop(&self) -> Option<Job> {
        let mut inner = self.inner.lock();
        loop {
            if inner.closed {
                return None;
            }
            if let Some(job) = inner.jobs.pop_front() {
                inner.bytes = inner.bytes.saturating_sub(job.work.bytes());
                inner.busy = inner.busy.saturating_add(1);
                return Some(job);
            }
            self.work.wait(&mut inner);
        }
    }

    fn done(&self) {
        let mut inner = self.inner.lock();
        inner.busy = inner.busy.saturating_sub(1);
        if inner.busy == 0 && inner.jobs.is_empty() {
            self.idle.notify_all();
        }
    }

    /// Drops what waits; workers end after the piece at hand.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.jobs.clear();
        inner.bytes = 0;
        self.work.notify_all();
        self.idle.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.inner.lock().closed
    }

    /// Jobs and their bytes.
    pub fn len(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.jobs.len(), inner.bytes)
    }

    fn wait_idle(&self) {
        let mut inner = self.inner.lock();
        while !inner.closed && (inner.busy > 0 || !inner.jobs.is_empty()) {
            self.idle.wait(&mut inner);
        }
    }
}

impl Pool {
    /// Queues another node's bundle and answers at once (`InsertTx`). What is in it is judged later by the workers.
    #[must_use]
    pub fn insert_bundle(&self, bundle: Bytes) -> InsertCode {
        let shared = self.shared();
        let code = if bundle.is_empty() || bundle.len() > MAX_BUNDLE_BYTES {
            InsertCode::NotABundle
        } else {
            shared.queue.push(bundle, shared.clock.now())
        };
        let counters = &shared.counters;
        match code {
            InsertCode::Queued => add(&counters.bundles_received, 1),
            InsertCode::NotABundle => add(&counters.bundles_malformed, 1),
            InsertCode::Full | InsertCode::ShuttingDown => add(&counters.bundles_refused, 1),
        }
        code
    }

    /// Waits until every bundle queued so far was judged, or the pool is shut down.
    pub fn wait_idle(&self) {
        self.shared().queue.wait_idle();
    }
}

impl Shared {
    /// A worker's life.
    pub fn work(&self) {
        while let Some(Job { work, seen }) = self.queue.pop() {
            match work {
                Work::Bundle(bundle) => self.open(&bundle, seen),
                Work::Piece(txs) => self.judge_piece(txs, seen),
            }
            self.queue.done();
        }
    }

    fn open(&self, bundle: &Bytes, seen: FirstSeen) {
        let txs = match payload::decode_bundle(bundle, LIMITS) {
            Ok(txs) => txs,
            Err(error) => {
                add(&self.counters.bundles_malformed, 1);
                tracing::debug!(bytes = bundle.len(), %error, "a peer's bundle was dropped");
                return;
            }
        };
        let hashes: Vec<_> = txs.iter().map(keccak256).collect();
        let known = self.find_all(&hashes);
        // Copied, because a slice would keep the whole bundle in memory as long as one transaction waits.
        let unknown: Vec<Bytes> = txs
            .iter()
            .zip(known)
            .filter(|(_, known)| known.is_none())
            .map(|(tx, _)| Bytes::copy_from_slice(tx))
            .collect();
        let mut pieces = unknown.chunks(PIECE).map(<[Bytes]>::to_vec);
        let Some(first) = pieces.next() else { return };
        let rest: Vec<_> = pieces.collect();
        if !rest.is_empty() {
            self.queue.share(rest, seen);
        }
        self.judge_piece(first, seen);
    }

    fn judge_piece(&self, txs: Vec<Bytes>, seen: FirstSeen) {
        let judged = txs.into_iter().map(|raw| self.judge_raw(raw, Origin::Gossip, seen)).collect();
        for error in self.admit_all(judged).into_iter().filter_map(Result::err) {
            tracing::trace!(%error, "a gossiped transaction was refused");
        }
    }
}
