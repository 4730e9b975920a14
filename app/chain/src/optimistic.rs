//! Results of blocks that are proposed but not decided.
//!
//! PrepareProposal and ProcessProposal leave an executed block here. When its hash is known, from ProcessProposal on,
//! its trees are updated on another thread while CometBFT votes. FinalizeBlock takes the result when every input
//! agrees; else it executes. Nothing is written to disk from here, and everything is dropped at Commit.

use std::{sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, bounded};
use defchain_base::B256;
use defchain_store::{Store, StoreError};
use parking_lot::Mutex;

use crate::{
    block::BlockInputs,
    budget::{Budget, Stage},
    executor::{Executed, Sealed},
};

/// Proposals of one height that are kept: rounds beyond this take the cold path.
const MAX_KEPT: usize = 4;

/// A proposed block.
pub(crate) struct Pending {
    inputs: BlockInputs,
    work: Work,
}

enum Work {
    /// Its hash is not known yet.
    Executed(Box<Executed>),
    /// Its trees are being updated for this hash.
    Sealing(B256, Receiver<Result<Sealed, StoreError>>),
}

/// The results kept for the present height.
#[derive(Default)]
pub(crate) struct Optimistic {
    kept: Mutex<Vec<Pending>>,
}

impl Optimistic {
    /// Keeps an executed block.
    pub(crate) fn keep(&self, inputs: BlockInputs, executed: Executed) {
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Pending { inputs, work: Work::Executed(Box::new(executed)) });
    }

    /// Whether this very block was executed already; if so, and its hash is new, its trees are updated from now on.
    pub(crate) fn seal(&self, inputs: &BlockInputs, hash: B256, store: &Store, budget: &Arc<Budget>) -> bool {
        let mut kept = self.kept.lock();
        let Some(at) = kept.iter().position(|pending| pending.inputs == *inputs) else { return false };
        let Pending { inputs, work } = kept.remove(at);
        let work = match work {
            Work::Executed(executed) => {
                let (done, sealed) = bounded(1);
                let (store, budget) = (store.clone(), Arc::clone(budget));
                rayon::spawn(move || {
                    // Nobody waits any more when another round was decided.
                    let (gas, started) = (executed.header.gas_used, Instant::now());
                    let result = executed.seal(&store, hash);
                    budget.learn(Stage::Seal, gas, started.elapsed());
                    drop(done.send(result));
                });
                Work::Sealing(hash, sealed)
            }
            sealing @ Work::Sealing(..) => sealing,
        };
        kept.insert(at, Pending { inputs, work });
        true
    }

    /// The result of this very block, waiting for its trees.
    pub(crate) fn take(&self, inputs: &BlockInputs, hash: B256, store: &Store) -> Option<Result<Sealed, StoreError>> {
        let pending = {
            let mut kept = self.kept.lock();
            let at = kept.iter().position(|pending| pending.inputs == *inputs)?;
            kept.remove(at)
        };
        match pending.work {
            Work::Executed(executed) => Some(executed.seal(store, hash)),
            // A sealing thread that died leaves the cold path.
            Work::Sealing(of, sealed) if of == hash => sealed.recv().ok(),
            // The same inputs under another hash: no chain decides so, and the cold path is right for it.
            Work::Sealing(..) => None,
        }
    }

    /// Forgets everything: a height was decided.
    pub(crate) fn clear(&self) {
        self.kept.lock().clear();
    }
}
