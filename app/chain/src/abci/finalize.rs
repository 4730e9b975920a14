use std::sync::Arc;

use defchain_abci::types::{ExecTxResult, RequestFinalizeBlock, ResponseFinalizeBlock};
use defchain_base::B256;
use defchain_evm::ExecError;

use super::{Decided, height, proposer, timestamp};
use crate::{
    block::{BlockError, BlockInputs},
    chain::{Inner, halt},
    executor::{BlockRun, Executed, Sealed},
    payload::decode_items,
};

impl Inner {
    /// Executes the decided block, or takes the result of its proposal; Commit writes it.
    pub(super) fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        let inputs = BlockInputs {
            height: height(request.height),
            time: timestamp(request.time),
            proposer: proposer(&request.proposer_address),
            items: request.txs,
            last_commit: request.decided_last_commit.unwrap_or_default(),
            misbehavior: request.misbehavior,
            next_validators_hash: request.next_validators_hash,
        };
        let Ok(block_hash) = B256::try_from(request.hash.as_ref()) else {
            halt("FinalizeBlock", &format!("block hash of {} bytes", request.hash.len()));
        };
        let mut sealed = match self.decide(&inputs) {
            Ok(sealed) => sealed,
            Err(error) => halt("FinalizeBlock", &error),
        };
        sealed.header.hash = block_hash;
        sealed.header.size = inputs.items.iter().map(|item| item.len() as u64).fold(0, u64::saturating_add);
        let app_hash = sealed.header.state_root;
        // One empty result per item: CometBFT stores the response of every block synchronously.
        let tx_results = vec![ExecTxResult::default(); inputs.items.len()];
        *self.decided.lock() = Some(Decided { sealed });
        ResponseFinalizeBlock { tx_results, app_hash: app_hash.to_vec().into(), ..Default::default() }
    }

    fn decide(&self, inputs: &BlockInputs) -> Result<Sealed, BlockError> {
        if let Some(sealed) = self.optimistic.take(inputs) {
            return Ok(sealed?);
        }
        tracing::debug!(height = %inputs.height, "cold path: executing the decided block");
        Ok(self.execute_decided(inputs)?.seal(&self.store)?)
    }

    /// Total (D8b): whatever does not decode or cannot be paid for is skipped.
    fn execute_decided(&self, inputs: &BlockInputs) -> Result<Executed, BlockError> {
        let head = self.head_below(inputs)?;
        let mut run = BlockRun::begin(&head, &self.registry, inputs.time, inputs.proposer)?;
        let raw = decode_items(&inputs.items, &head.params).unwrap_or_else(|error| {
            tracing::error!(height = %inputs.height, %error, "the decided block has no readable payload");
            Vec::new()
        });
        for tx in self.pool.recover_all(&raw) {
            let Ok(tx) = tx else { continue };
            match run.apply(Arc::clone(&tx)) {
                Ok(_gas) => {}
                Err(ExecError::Invalid(why)) => tracing::warn!(hash = %tx.tx.hash(), %why, "skipped"),
                Err(ExecError::State(error)) => return Err(error.into()),
            }
        }
        Ok(run.finish()?)
    }
}
