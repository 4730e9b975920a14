//! New blocks and pending transactions, from the chain and the pool to every connection.
//!
//! One task listens; each connection reads a bounded ring. Who reads too slowly finds that it lags and is told so; the
//! chain never waits. A transaction is announced as pending before the block that holds it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use alloy_primitives::B256;
use defchain_base::{Height, tx::RecoveredTx};
use defchain_chain::Block;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::{
    api::{Api, Cost, Deadline},
    error::json,
    types::HeaderView,
};

/// Blocks that a connection may lag behind. They are held in memory only while someone lags.
const HEAD_RING: usize = 64;
/// Announcements of pending transactions that a connection may lag behind.
const PENDING_RING: usize = 1_024;
/// Transactions of one announcement.
const PENDING_BATCH: usize = 512;
/// Hashes that pending-transaction filters may lag behind: some ten seconds at full speed, 2 MiB.
const PENDING_HELD: usize = 65_536;
/// Missed blocks that are read again from the store; beyond them subscribers see a gap.
const MAX_CATCH_UP: u64 = 1_024;
/// How often is looked whether the node is catching up.
const SYNC_CHECK: Duration = Duration::from_secs(1);

/// A committed block with its header as subscribers get it.
pub(crate) struct HeadEvent {
    pub block: Arc<Block>,
    pub header: Box<RawValue>,
}

/// Transactions that became executable, in order.
pub(crate) type PendingEvent = Arc<[Arc<RecoveredTx>]>;

/// The source of events.
pub(crate) struct Hub {
    heads: broadcast::Sender<Arc<HeadEvent>>,
    pending: broadcast::Sender<PendingEvent>,
    syncing: watch::Sender<bool>,
    held: Mutex<PendingHeld>,
}

/// The newest pending hashes with their running numbers.
#[derive(Default)]
struct PendingHeld {
    hashes: VecDeque<B256>,
    /// Number of the first one held.
    first: u64,
}

impl Hub {
    pub fn new() -> Self {
        Self {
            heads: broadcast::channel(HEAD_RING).0,
            pending: broadcast::channel(PENDING_RING).0,
            syncing: watch::channel(false).0,
            held: Mutex::default(),
        }
    }

    pub fn heads(&self) -> broadcast::Receiver<Arc<HeadEvent>> {
        self.heads.subscribe()
    }

    pub fn pending(&self) -> broadcast::Receiver<PendingEvent> {
        self.pending.subscribe()
    }

    pub fn syncing(&self) -> watch::Receiver<bool> {
        self.syncing.subscribe()
    }

    /// The number that the next pending hash will have.
    pub fn pending_end(&self) -> u64 {
        let held = self.held.lock();
        held.first.saturating_add(len(&held.hashes))
    }

    /// Pending hashes from number `from`, the number after them, and how many before them are lost.
    pub fn pending_since(&self, from: u64) -> (Vec<B256>, u64, u64) {
        let held = self.held.lock();
        let end = held.first.saturating_add(len(&held.hashes));
        let lost = held.first.saturating_sub(from);
        let skip = usize::try_from(from.saturating_sub(held.first)).unwrap_or(usize::MAX);
        (held.hashes.iter().skip(skip).copied().collect(), end, lost)
    }

    fn publish_pending(&self, txs: Vec<Arc<RecoveredTx>>) {
        self.hold(txs.iter().map(|tx| tx.tx.hash()));
        // Nobody listening is no error.
        drop(self.pending.send(txs.into()));
    }

    /// Keeps hashes for the filters that poll.
    fn hold(&self, hashes: impl Iterator<Item = B256>) {
        let mut held = self.held.lock();
        held.hashes.extend(hashes);
        while held.hashes.len() > PENDING_HELD {
            held.hashes.pop_front();
            held.first = held.first.saturating_add(1);
        }
    }

    fn publish_head(&self, block: Arc<Block>) {
        if self.heads.receiver_count() == 0 {
            return;
        }
        match json(&HeaderView::from(block.header.as_ref())) {
            Ok(header) => drop(self.heads.send(Arc::new(HeadEvent { block, header }))),
            Err(error) => tracing::error!(%error, "the header of a new block is not announced"),
        }
    }
}

fn len(hashes: &VecDeque<B256>) -> u64 {
    u64::try_from(hashes.len()).unwrap_or(u64::MAX)
}

/// Carries events until told to stop, or until chain and pool are gone.
pub(crate) async fn run(api: Arc<Api>, mut stop: watch::Receiver<bool>) {
    let mut blocks = (api.ctx.blocks)();
    let mut pending = api.ctx.pool.subscribe();
    let mut newest = api.ctx.reader.latest().map(|h| h.height).unwrap_or_default();
    let mut ticks = tokio::time::interval(SYNC_CHECK);
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            tx = pending.recv() => match tx {
                Ok(tx) => api.hub.publish_pending(drain(tx, &mut pending)),
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "pending transactions came too fast to announce"),
                Err(RecvError::Closed) => return,
            },
            block = blocks.recv() => match block {
                Ok(block) if block.removed => {
                    newest = newest.min(block.header.height.prev());
                    api.hub.publish_head(block);
                }
                Ok(block) => {
                    if let Ok(tx) = pending.try_recv() {
                        api.hub.publish_pending(drain(tx, &mut pending));
                    }
                    fill_gap(&api, newest, block.header.height).await;
                    newest = block.header.height;
                    api.recent.put(block.clone());
                    api.hub.publish_head(block);
                }
                // What was missed is read from the store when the next block comes.
                Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "blocks came faster than they were announced"),
                Err(RecvError::Closed) => return,
            },
            _ = ticks.tick() => {
                let catching_up = (api.ctx.sync)().catching_up;
                api.hub.syncing.send_if_modified(|before| std::mem::replace(before, catching_up) != catching_up);
                api.filters.expire();
            }
        }
    }
}

/// `first` and what waits behind it, up to a batch.
fn drain(first: Arc<RecoveredTx>, pending: &mut broadcast::Receiver<Arc<RecoveredTx>>) -> Vec<Arc<RecoveredTx>> {
    let mut txs = vec![first];
    while txs.len() < PENDING_BATCH {
        match pending.try_recv() {
            Ok(tx) => txs.push(tx),
            Err(_) => break,
        }
    }
    txs
}

/// Announces the blocks strictly between `newest` and `height`.
async fn fill_gap(api: &Arc<Api>, newest: Height, height: Height) {
    // A node that joined from a snapshot has no blocks before it: nobody missed those.
    let oldest = api.ctx.reader.oldest().ok().flatten().unwrap_or_default();
    let first = newest.next().max(oldest).0.max(height.0.saturating_sub(MAX_CATCH_UP));
    for missed in first..height.0 {
        let deadline = Deadline::after(api.config.request_timeout());
        match api.run(Cost::Read, deadline, move |api| api.ctx.reader.block(Height(missed))).await {
            Ok(Ok(Some(block))) => api.hub.publish_head(Arc::new(block)),
            Ok(Ok(None)) => tracing::warn!(height = missed, "a missed block is not announced: no longer held"),
            Ok(Err(error)) => tracing::error!(height = missed, %error, "a missed block is not announced"),
            Err(error) => tracing::error!(height = missed, %error, "a missed block is not announced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_lags_learns_how_much_it_lost() {
        let hub = Hub::new();
        let hash = |n: u64| B256::from(alloy_primitives::U256::from(n));
        let start = hub.pending_end();
        hub.hold((0..3).map(hash));
        assert_eq!(hub.pending_since(start), (vec![hash(0), hash(1), hash(2)], 3, 0));
        assert_eq!(hub.pending_since(2), (vec![hash(2)], 3, 0));
        assert_eq!(hub.pending_since(3), (vec![], 3, 0));
        hub.hold((3..3 + 65_536).map(hash));
        let (held, end, lost) = hub.pending_since(1);
        assert_eq!((held.len(), held.first().copied(), end, lost), (65_536, Some(hash(3)), 65_539, 2));
    }
}
