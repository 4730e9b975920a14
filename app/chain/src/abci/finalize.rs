use std::sync::Arc;

use defchain_abci::types::{ExecTxResult, RequestFinalizeBlock, ResponseFinalizeBlock};
use defchain_base::B256;
use defchain_evm::ExecError;

use super::{Decided, app_version, height, proposer, timestamp, validator_update};
use crate::{
    block::{BlockError, BlockInputs},
    chain::{Inner, halt},
    executor::{Executed, Sealed},
    metrics::For,
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
        let sealed = match self.decide(&inputs, block_hash) {
            Ok(sealed) => sealed,
            Err(error) => halt("FinalizeBlock", &error),
        };
        let app_hash = sealed.header.state_root;
        let consensus_param_updates = sealed.upgraded.map(app_version);
        let validator_updates = sealed.updates.iter().map(validator_update).collect();
        // One empty result per item: CometBFT stores the response of every block synchronously.
        let tx_results = vec![ExecTxResult::default(); inputs.items.len()];
        *self.decided.lock() = Some(Decided { sealed });
        ResponseFinalizeBlock {
            tx_results,
            app_hash: app_hash.to_vec().into(),
            consensus_param_updates,
            validator_updates,
            ..Default::default()
        }
    }

    fn decide(&self, inputs: &BlockInputs, hash: B256) -> Result<Sealed, BlockError> {
        let proposed = self.optimistic.take(inputs, hash, &self.store);
        self.metrics.decided(proposed.is_some());
        if let Some(sealed) = proposed {
            return Ok(sealed?);
        }
        tracing::debug!(height = %inputs.height, "cold path: executing the decided block");
        let executed = self.metrics.executing(For::Finalize, || self.execute_decided(inputs))?;
        Ok(executed.with_size_of(&inputs.items).seal(&self.store, hash)?)
    }

    /// Total (D8b): whatever does not decode or cannot be paid for is skipped.
    fn execute_decided(&self, inputs: &BlockInputs) -> Result<Executed, BlockError> {
        let head = self.head_below(inputs)?;
        let mut run = self.begin_decided(&head, inputs)?;
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
