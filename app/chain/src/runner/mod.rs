//! Runs what is only asked for, on copies that are thrown away: the block that would come next, committed blocks once
//! more, blocks that are pretended.
//!
//! ```text
//!   pending   BlockRun on the newest head, filled from the pool as PrepareProposal fills it
//!   replay    the block's own begin steps and transactions on the state before it, one of them traced
//!   simulate  pretended blocks: begin steps, calls, end steps, each on the one before
//! ```
//!
//! The steps are those of [`crate::lifecycle`], the transactions run in the EVM of blocks: there is no second way to
//! execute. Nothing here waits for consensus or makes it wait: heads and snapshots are shared, never locked.

mod pending;
mod replay;
mod simulate;

use std::sync::Arc;

pub use pending::{PendingBlock, PendingCell};
pub use replay::{Replay, ReplayError};
pub use simulate::{SimBlock, SimBlockSpec, SimCall, SimulateError};

use crate::{Chain, Reader, chain::Inner};

/// Runs things on copies. Cheap to clone.
#[derive(Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

impl Runner {
    /// Of a chain.
    #[must_use]
    pub fn new(chain: &Chain) -> Self {
        Self { inner: chain.inner.clone() }
    }

    fn reader(&self) -> Reader {
        Reader { store: self.inner.store.clone(), shared: self.inner.shared.clone() }
    }
}
