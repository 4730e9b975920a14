//! Results of blocks that are proposed but not decided.
//!
//! PrepareProposal and ProcessProposal leave an executed block here; its trees are updated on another thread while
//! CometBFT votes. FinalizeBlock takes the result when every input agrees; else it executes. Nothing is written to
//! disk from here, and everything is dropped at Commit.

use crossbeam_channel::{Receiver, bounded};
use defchain_store::{Store, StoreError};
use parking_lot::Mutex;

use crate::{
    block::BlockInputs,
    executor::{Executed, Sealed},
};

/// Proposals of one height that are kept: rounds beyond this take the cold path.
const MAX_KEPT: usize = 4;

/// A block whose trees are being updated.
pub(crate) struct Pending {
    inputs: BlockInputs,
    sealed: Receiver<Result<Sealed, StoreError>>,
}

/// The results kept for the present height.
#[derive(Default)]
pub(crate) struct Optimistic {
    kept: Mutex<Vec<Pending>>,
}

impl Optimistic {
    /// Keeps an executed block and starts to update its trees.
    pub(crate) fn keep(&self, inputs: BlockInputs, executed: Executed, store: &Store) {
        let (done, sealed) = bounded(1);
        let store = store.clone();
        rayon::spawn(move || {
            // Nobody waits any more when another round was decided.
            drop(done.send(executed.seal(&store)));
        });
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Pending { inputs, sealed });
    }

    /// Whether this very block was executed already.
    pub(crate) fn has(&self, inputs: &BlockInputs) -> bool {
        self.kept.lock().iter().any(|pending| pending.inputs == *inputs)
    }

    /// The result of this very block, waiting for its trees.
    pub(crate) fn take(&self, inputs: &BlockInputs) -> Option<Result<Sealed, StoreError>> {
        let pending = {
            let mut kept = self.kept.lock();
            let at = kept.iter().position(|pending| pending.inputs == *inputs)?;
            kept.remove(at)
        };
        // A sealing thread that died leaves the cold path.
        pending.sealed.recv().ok()
    }

    /// Forgets everything: a height was decided.
    pub(crate) fn clear(&self) {
        self.kept.lock().clear();
    }
}
