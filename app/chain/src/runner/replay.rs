//! A committed block once more: what `debug_trace*` looks at.

use std::sync::Arc;

use defchain_base::{Height, Overlay, StateError, StateReadExt, tx::RecoveredTx};
use defchain_evm::{BlockEnv, ExecError, Executor, GethTrace, Interrupt, TraceError, TracePlace, Tracer, TxOutcome};

use super::Runner;
use crate::{
    lifecycle,
    params::PARAMS_KEY,
    reader::{Block, ReadError, StateAt},
};

/// Why a block cannot be executed again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// State or records of it are not held.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The EVM or the tracer.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Genesis is written, not executed.
    #[error("block 0 is the genesis: nothing is executed in it")]
    Genesis,
    /// It did something else than the first time: a damaged database or a bug, never a trace to trust.
    #[error(
        "transaction {index} of block {height} used {again} gas when executed again, its receipt says {receipt}: \
         the records of this node do not fit together"
    )]
    Differs {
        /// Which block.
        height: Height,
        /// Which transaction of it.
        index: usize,
        /// Gas used now.
        again: u64,
        /// Gas used according to the receipt.
        receipt: u64,
    },
}

impl From<StateError> for ReplayError {
    fn from(e: StateError) -> Self {
        Self::Trace(e.into())
    }
}

impl From<ExecError> for ReplayError {
    fn from(e: ExecError) -> Self {
        Self::Trace(e.into())
    }
}

/// A block that is executed again, transaction by transaction.
pub struct Replay {
    executor: Executor<StateAt>,
    block: Arc<Block>,
    next: usize,
    gas_left: u64,
}

impl Runner {
    /// Begins a committed block again, on the state before it. `interrupt` ends it when it takes too long.
    ///
    /// # Errors
    /// When that state is not held.
    pub fn replay(&self, block: Arc<Block>, interrupt: Option<Interrupt>) -> Result<Replay, ReplayError> {
        let header = &block.header;
        if header.height == Height(0) {
            return Err(ReplayError::Genesis);
        }
        let state = self.reader().state_before(header.height)?;
        let params = state.read(&PARAMS_KEY)?.unwrap_or_default();
        let env = BlockEnv { chain_id: params.evm_chain_id, ..self.reader().env_of(header) };
        let mut overlay = Overlay::new(state);
        let consensus = self.reader().extra(header.height)?.consensus;
        lifecycle::begin(&mut overlay, &env, &header.parent_hash, &self.inner.config.upgrades, &consensus)?;
        overlay.commit();
        let mut executor = Executor::new(overlay, env, &self.inner.registry)?;
        if self.inner.shared.declared().dev {
            executor.allow_unsigned();
        }
        executor.set_interrupt(interrupt);
        Ok(Replay { executor, block, next: 0, gas_left: env.gas_limit })
    }
}

impl Replay {
    /// Executes what comes before the transaction at `index`.
    ///
    /// # Errors
    /// When state cannot be read, or a transaction does something else than the first time.
    pub fn skip_to(&mut self, index: usize) -> Result<(), ReplayError> {
        while self.next < index {
            let block = Arc::clone(&self.block);
            let Some(tx) = block.txs.get(self.next) else { return Ok(()) };
            let outcome = self.executor.execute(tx, self.gas_left)?;
            self.follow(&outcome)?;
        }
        Ok(())
    }

    /// Executes the next transaction and records it; `None` after the last.
    ///
    /// # Errors
    /// As [`Self::skip_to`]; and when the recording grows too large.
    pub fn trace_next(&mut self, tracer: &Tracer) -> Result<Option<GethTrace>, ReplayError> {
        let block = Arc::clone(&self.block);
        let Some(tx): Option<&RecoveredTx> = block.txs.get(self.next) else { return Ok(None) };
        let place =
            TracePlace { block_hash: Some(block.header.hash), index: Some(self.next), tx_hash: Some(tx.tx.hash()) };
        let (outcome, trace) = self.executor.trace(tx, self.gas_left, tracer, place)?;
        self.follow(&outcome)?;
        Ok(Some(trace))
    }

    fn follow(&mut self, outcome: &TxOutcome) -> Result<(), ReplayError> {
        let receipt = self.block.receipts.get(self.next).map_or(0, |receipt| receipt.gas_used);
        if outcome.gas_used != receipt {
            return Err(ReplayError::Differs {
                height: self.block.header.height,
                index: self.next,
                again: outcome.gas_used,
                receipt,
            });
        }
        self.gas_left = self.gas_left.saturating_sub(outcome.gas_used);
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// The state after what was executed, and the block.
    #[must_use]
    pub fn into_state(self) -> (StateAt, BlockEnv) {
        let env = *self.executor.env();
        (StateAt::Edited(Arc::new(self.executor.into_overlay())), env)
    }
}
