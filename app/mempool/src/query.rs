use std::sync::Arc;

use defchain_base::{Address, B256, tx::RecoveredTx};

use crate::{FirstSeen, Origin, Pool, ViewError, entry::Entry, lane::Lane};

/// Counts, as `txpool_status` answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Executable transactions.
    pub pending: usize,
    /// Transactions behind a nonce gap.
    pub queued: usize,
}

/// A transaction of the pool.
#[derive(Debug, Clone)]
pub struct PoolTransaction {
    /// The transaction and its signer.
    pub tx: Arc<RecoveredTx>,
    /// When this node first received it.
    pub first_seen: FirstSeen,
    /// By which door.
    pub origin: Origin,
    /// Whether it is executable.
    pub is_pending: bool,
}

/// One sender's transactions, by nonce.
#[derive(Debug, Clone)]
pub struct SenderContent {
    /// Who.
    pub sender: Address,
    /// Executable.
    pub pending: Vec<Arc<RecoveredTx>>,
    /// Behind a nonce gap.
    pub queued: Vec<Arc<RecoveredTx>>,
}

/// What the pool holds, by address of the sender.
#[derive(Debug, Clone)]
pub struct Content {
    /// Senders, in the order of their addresses.
    pub senders: Vec<SenderContent>,
    /// Whether the limit asked for left some out.
    pub truncated: bool,
}

impl SenderContent {
    fn of(sender: Address, lane: &Lane) -> Self {
        let (mut pending, mut queued) = (Vec::new(), Vec::new());
        for (nonce, entry) in lane.iter() {
            let list = if lane.is_ready(nonce) { &mut pending } else { &mut queued };
            list.push(Arc::clone(&entry.tx));
        }
        Self { sender, pending, queued }
    }
}

impl Pool {
    /// How many transactions are pending and queued.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared().state.lock();
        Status { pending: state.pending(), queued: state.queued() }
    }

    /// A number that changes whenever what the pool holds changes: who built something from the pool may keep it while
    /// this stays.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared().state.lock().changes
    }

    /// The transaction of that hash.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<PoolTransaction> {
        let state = self.shared().state.lock();
        let entry: &Arc<Entry> = state.get(hash)?;
        Some(PoolTransaction {
            tx: Arc::clone(&entry.tx),
            first_seen: entry.first_seen,
            origin: entry.origin,
            is_pending: state.is_ready(entry),
        })
    }

    /// Whether the pool holds the transaction of that hash.
    #[must_use]
    pub fn contains(&self, hash: &B256) -> bool {
        self.shared().state.lock().get(hash).is_some()
    }

    /// When this node first received a transaction that it still holds (D38).
    #[must_use]
    pub fn first_seen(&self, hash: &B256) -> Option<FirstSeen> {
        self.shared().state.lock().get(hash).map(|entry| entry.first_seen)
    }

    /// The nonce that the account's next transaction should have, its pending ones counted.
    ///
    /// # Errors
    /// When state cannot be read.
    pub fn pending_nonce(&self, address: &Address) -> Result<u64, ViewError> {
        let account = self.shared().tip().view.sender(address)?.nonce;
        // A lane may lag behind while a commit is being followed.
        let state = self.shared().state.lock();
        Ok(state.lane(address).map_or(account, |lane| lane.ready_end().max(account)))
    }

    /// All transactions, but no more than about `limit` of them: the lock is held while they are listed.
    #[must_use]
    pub fn content(&self, limit: usize) -> Content {
        let mut senders = Vec::new();
        let (mut listed, mut truncated) = (0_usize, false);
        {
            let state = self.shared().state.lock();
            for (address, lane) in state.lanes() {
                if listed >= limit {
                    truncated = true;
                    break;
                }
                listed = listed.saturating_add(lane.len());
                senders.push(SenderContent::of(*address, lane));
            }
        }
        senders.sort_unstable_by_key(|content| content.sender);
        Content { senders, truncated }
    }

    /// One sender's transactions.
    #[must_use]
    pub fn content_from(&self, sender: Address) -> SenderContent {
        let state = self.shared().state.lock();
        state.lane(&sender).map_or(SenderContent { sender, pending: Vec::new(), queued: Vec::new() }, |lane| {
            SenderContent::of(sender, lane)
        })
    }
}
