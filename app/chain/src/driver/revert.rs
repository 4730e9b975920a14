//! Snapshots, and taking blocks back to one: the store is cut back to its height, so that what follows goes the way it
//! went the first time. Whoever listens is told which logs are gone.

use std::sync::Arc;

use defchain_base::{B256, Bytes, Height, Timestamp, tx::RecoveredTx};

use super::{DevNode, DriverError, node::State};
use crate::{
    declared::{DevClock, ForNext, difference, system_now},
    reader::Block,
};

/// Most snapshots that are held: each keeps what waited in the pool.
const MAX_SNAPSHOTS: usize = 10_000;
/// Most transactions that a snapshot keeps.
const MAX_KEPT: usize = 10_000;
/// Most blocks whose logs are said to be gone; of a longer revert the newest ones are.
const MAX_TOLD: usize = 1_024;

/// A snapshot.
pub(super) struct Taken {
    pub id: u64,
    pub height: Height,
    pub hash: B256,
    clock: DevClock,
    coinbase: Option<defchain_base::Address>,
    next: ForNext,
    at: Timestamp,
    pool: Vec<Arc<RecoveredTx>>,
}

impl DevNode {
    /// Remembers the chain as it is; returns the id to go back to it.
    ///
    /// # Errors
    /// When too many are held, or the chain cannot be read.
    pub fn snapshot(&self) -> Result<u64, DriverError> {
        let mut state = self.state.lock();
        if state.snapshots.len() >= MAX_SNAPSHOTS {
            let (asked, most) = (state.snapshots.len() as u64, MAX_SNAPSHOTS as u64);
            return Err(DriverError::TooMuch { what: "the number of snapshots (revert to an old one)", asked, most });
        }
        let head = self.head()?;
        let next = self.current(&mut state, &head).clone();
        let content = self.chain().pool().content(MAX_KEPT).senders;
        let pool = content.into_iter().flat_map(|sender| sender.pending.into_iter().chain(sender.queued)).collect();
        let id = state.next_snapshot;
        state.next_snapshot = id.saturating_add(1);
        let taken = Taken {
            id,
            height: head.header.height,
            hash: head.header.hash,
            clock: state.clock,
            coinbase: state.coinbase,
            next,
            at: system_now(),
            pool,
        };
        state.snapshots.push(taken);
        Ok(id)
    }

    /// Goes back to a snapshot: blocks, state, clock, and what waited in the pool then. It and later ones are used up.
    /// Returns the blocks taken back whose logs are gone, newest first; none when there is no such snapshot.
    ///
    /// # Errors
    /// When the store no longer holds that height.
    pub fn revert(&self, id: u64) -> Result<Option<Vec<Arc<Block>>>, DriverError> {
        let mut state = self.state.lock();
        let Some(place) = state.snapshots.iter().position(|taken| taken.id == id) else { return Ok(None) };
        let mut used = state.snapshots.split_off(place);
        used.truncate(1);
        let Some(taken) = used.pop() else { return Ok(None) };
        // The clock shows again what it showed then.
        let passed = difference(system_now(), taken.at);
        let clock = DevClock { offset_ms: taken.clock.offset_ms.saturating_sub(passed), ..taken.clock };
        let removed = self.cut_back(&mut state, taken.height, |state| {
            state.clock = clock;
            state.coinbase = taken.coinbase;
            state.next = taken.next;
        })?;
        self.refill(&taken.pool);
        Ok(Some(removed))
    }

    /// Takes back so many blocks; the pool is emptied.
    ///
    /// # Errors
    /// When there are not so many, or the store no longer holds them.
    pub fn rollback(&self, blocks: u64) -> Result<Vec<Arc<Block>>, DriverError> {
        let mut state = self.state.lock();
        let newest = self.head()?.header.height;
        let Some(target) = newest.0.checked_sub(blocks) else {
            return Err(DriverError::TooMuch {
                what: "the number of blocks to take back",
                asked: blocks,
                most: newest.0,
            });
        };
        let removed = self.cut_back(&mut state, Height(target), |_| {})?;
        let left = state.snapshots.iter().take_while(|taken| taken.height.0 <= target).count();
        state.snapshots.truncate(left);
        Ok(removed)
    }

    /// Goes back to genesis and forgets everything else that was set, but not what makes blocks.
    ///
    /// # Errors
    /// When the store no longer holds genesis.
    pub fn reset(&self) -> Result<Vec<Arc<Block>>, DriverError> {
        let mut state = self.state.lock();
        let removed = self.cut_back(&mut state, Height(0), |state| {
            state.clock = DevClock::default();
            state.coinbase = None;
            state.snapshots.clear();
            state.impersonated.clear();
            state.auto_impersonate = false;
            state.resets = state.resets.saturating_add(1);
        })?;
        Ok(removed)
    }

    /// Cuts the store back and shows readers, pool and subscribers what is left.
    fn cut_back(
        &self,
        state: &mut State,
        height: Height,
        then: impl FnOnce(&mut State),
    ) -> Result<Vec<Arc<Block>>, DriverError> {
        let removed = self.with_logs_above(height)?;
        let inner = &self.chain().inner;
        inner.store.rollback_to(height)?;
        inner.pool.clear();
        inner.publish_cut();
        state.next = ForNext::default();
        then(state);
        // Parameters that were set by hand at that height and are in no block yet.
        self.show_params(state)?;
        self.declare(state);
        for block in &removed {
            inner.shared.announce(block.clone());
        }
        Ok(removed)
    }

    fn show_params(&self, state: &State) -> Result<(), DriverError> {
        use defchain_base::StateReadExt;
        let head = self.head()?;
        let edits = state.next.edits.as_ref().filter(|_| state.next.on == head.header.hash);
        let Some(params) = edits.map(|edited| edited.read(&crate::params::PARAMS_KEY)).transpose()?.flatten() else {
            return Ok(());
        };
        let (header, snapshot, next) = (head.header.clone(), head.snapshot.clone(), head.next.clone());
        self.chain().inner.shared.set_head(crate::shared::Head { header, snapshot, params, active: head.active, next });
        Ok(())
    }

    /// The blocks above a height that have logs, newest first, marked as removed.
    fn with_logs_above(&self, height: Height) -> Result<Vec<Arc<Block>>, DriverError> {
        let reader = self.chain().reader();
        let newest = reader.latest()?.height;
        let mut blocks = Vec::new();
        for above in (height.next().0..=newest.0).rev().map(Height) {
            if blocks.len() >= MAX_TOLD {
                tracing::warn!(from = %newest, to = %height, told = MAX_TOLD, "too many blocks with logs taken back to tell of all");
                break;
            }
            let has_logs = reader.header(above)?.is_some_and(|header| !header.logs_bloom.is_zero());
            if let Some(block) = if has_logs { reader.block(above)? } else { None } {
                blocks.push(Arc::new(Block { removed: true, ..block }));
            }
        }
        Ok(blocks)
    }

    /// Puts back what waited.
    fn refill(&self, txs: &[Arc<RecoveredTx>]) {
        let pool = self.chain().pool();
        for tx in txs {
            let raw: Bytes = tx.tx.raw().clone();
            let put = if tx.tx.is_unsigned() { pool.add_unsigned(raw) } else { pool.add_local(raw) };
            if let Err(why) = put {
                tracing::debug!(hash = %tx.tx.hash(), %why, "did not come back with its snapshot");
            }
        }
    }
}
