use std::{sync::Arc, time::Instant};

use defchain_abci::types::{
    RequestProcessProposal, ResponseProcessProposal, response_process_proposal::ProposalStatus,
};
use defchain_base::B256;
use defchain_evm::ExecError;

use super::{height, proposer, timestamp};
use crate::{
    block::{BlockError, BlockInputs},
    budget::Stage,
    chain::{Inner, halt},
    executor::Executed,
    metrics::For,
    payload::decode_items,
    shared::Head,
};

impl Inner {
    /// Accepts a block whose every transaction is valid at its place (D8b), and keeps the result. Depends on the
    /// block and on state only.
    pub(super) fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        let inputs = BlockInputs {
            height: height(request.height),
            time: timestamp(request.time),
            proposer: proposer(&request.proposer_address),
            items: request.txs,
            last_commit: request.proposed_last_commit.unwrap_or_default(),
            misbehavior: request.misbehavior,
            next_validators_hash: request.next_validators_hash,
        };
        let answer = |status: ProposalStatus| ResponseProcessProposal { status: status as i32 };
        let Ok(hash) = B256::try_from(request.hash.as_ref()) else {
            halt("ProcessProposal", &format!("block hash of {} bytes", request.hash.len()));
        };
        if self.optimistic.seal(&inputs, hash, &self.store, &self.budget) {
            return answer(ProposalStatus::Accept);
        }
        let started = Instant::now();
        match self.metrics.executing(For::Process, || self.judge(&inputs)) {
            Ok(executed) => {
                self.budget.learn(Stage::Judge, executed.header.gas_used, started.elapsed());
                let executed = executed.with_size_of(&inputs.items);
                self.optimistic.keep(inputs.clone(), executed);
                self.optimistic.seal(&inputs, hash, &self.store, &self.budget);
                answer(ProposalStatus::Accept)
            }
            Err(error) if error.is_fatal() => halt("ProcessProposal", &error),
            Err(error) => {
                self.metrics.refused(&error);
                self.refused.add(inputs.height, hash, inputs.proposer);
                tracing::warn!(height = %inputs.height, proposer = %inputs.proposer, %error, "proposal refused");
                answer(ProposalStatus::Reject)
            }
        }
    }

    fn judge(&self, inputs: &BlockInputs) -> Result<Executed, BlockError> {
        let head = self.head_below(inputs)?;
        let mut run = self.begin_block(&head, inputs)?;
        if !run.proposer_is_known() {
            return Err(BlockError::UnknownProposer(inputs.proposer));
        }
        let raw = decode_items(&inputs.items, &head.params)?;
        for (index, recovered) in self.pool.recover_all(&raw).into_iter().enumerate() {
            let refuse = |hash: B256, why| BlockError::InvalidTx { index, hash, why };
            let tx = recovered.map_err(|why| refuse(B256::ZERO, why.into()))?;
            match run.apply(Arc::clone(&tx)) {
                Ok(_gas) => {}
                Err(ExecError::Invalid(why)) => return Err(refuse(tx.tx.hash(), why)),
                Err(ExecError::State(error)) => return Err(error.into()),
            }
        }
        Ok(run.finish()?)
    }

    /// The newest commit, which the block must follow.
    pub(super) fn head_below(&self, inputs: &BlockInputs) -> Result<Arc<Head>, BlockError> {
        let head = self.shared.head().ok_or(BlockError::NotStarted)?;
        if head.header.height.next() == inputs.height {
            Ok(head)
        } else {
            Err(BlockError::Height { found: inputs.height, latest: head.header.height })
        }
    }
}
