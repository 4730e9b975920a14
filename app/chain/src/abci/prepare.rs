use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use defchain_abci::{
    envelope::InjectedEnvelope,
    types::{ExtendedCommitInfo, RequestPrepareProposal, ResponsePrepareProposal},
};
use defchain_base::{Bytes, payload::encoded_len};
use defchain_evm::ExecError;
use defchain_mempool::BestLimits;

use super::{height, plain_commit, proposer, timestamp};
use crate::{
    block::{BlockError, BlockInputs},
    budget::Stage,
    chain::{Inner, halt},
    executor::{BlockRun, Executed},
    metrics::For,
    notices,
    params::ChainParams,
    payload::encode_with,
};

/// What protobuf and CometBFT's block add around each of the two items.
const ITEM_OVERHEAD: usize = 16;

impl Inner {
    /// Builds a block from the pool: each transaction is executed before it is taken, so that a block of ours never
    /// carries one that is invalid at its place (D8b).
    pub(super) fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        let mut inputs = BlockInputs {
            height: height(request.height),
            time: timestamp(request.time),
            proposer: proposer(&request.proposer_address),
            items: Vec::new(),
            last_commit: plain_commit(request.local_last_commit.clone()),
            misbehavior: request.misbehavior,
            next_validators_hash: request.next_validators_hash,
        };
        let max_bytes = usize::try_from(request.max_tx_bytes).unwrap_or(0);
        let envelope = self.injected(request.local_last_commit.as_ref());
        let none: [&Bytes; 0] = [];
        // Known before execution: what is proved by it is punished in this block.
        inputs.items = encode_with(&envelope, none.into_iter()).map(|item| item.0).to_vec();
        let executed = match self.metrics.executing(For::Prepare, || self.build(&inputs, max_bytes)) {
            Ok(executed) => executed,
            Err(error) => halt("PrepareProposal", &error),
        };
        let raw: Vec<&Bytes> = executed.txs.iter().map(|tx| tx.tx.raw()).collect();
        inputs.items = encode_with(&envelope, raw.into_iter()).map(|item| item.0).to_vec();
        let txs = inputs.items.clone();
        self.optimistic.keep(inputs, executed.with_size_of(&txs));
        ResponsePrepareProposal { txs }
    }

    /// Item 0: the previous commit with its extensions, when it carries notices that verify.
    fn injected(&self, commit: Option<&ExtendedCommitInfo>) -> InjectedEnvelope {
        let envelope = notices::envelope(commit);
        let Some(commit) = envelope.commit().cloned() else { return envelope };
        let Some(head) = self.shared.head() else { return InjectedEnvelope::default() };
        match self.signers(&head) {
            Ok(signers) => notices::prune(commit, head.header.height, &self.chain_id(), &signers),
            Err(error) => halt("PrepareProposal", &error),
        }
    }

    fn build(&self, inputs: &BlockInputs, max_bytes: usize) -> Result<Executed, BlockError> {
        let head = self.shared.head().ok_or(BlockError::NotStarted)?;
        let mut run = self.begin_block(&head, inputs)?;
        let envelope = inputs.items.first().map_or(0, bytes::Bytes::len);
        let payload_limit = usize::try_from(head.params.max_payload_bytes).unwrap_or(usize::MAX);
        let room = max_bytes.saturating_sub(envelope).saturating_sub(ITEM_OVERHEAD * 2).min(payload_limit);
        let time = self.budget.build_time(self.config.work_time, self.config.build_time);
        let started = Instant::now();
        self.fill(&mut run, &head.params, room, time)?;
        let executed = run.finish()?;
        self.budget.learn(Stage::Build, executed.header.gas_used, started.elapsed());
        Ok(executed)
    }

    /// Fills a block from the pool, up to `room` bytes of payload, for at most `time`.
    pub(crate) fn fill(
        &self,
        run: &mut BlockRun,
        params: &ChainParams,
        room: usize,
        time: Duration,
    ) -> Result<(), BlockError> {
        let started = Instant::now();
        let mut best =
            self.pool.best(BestLimits { max_bytes: room, max_gas: params.block_gas_limit, base_fee: run.base_fee() });
        let (mut count, mut bytes) = (0usize, 0usize);
        while let Some(tx) = best.next() {
            let with = bytes.saturating_add(tx.tx.raw().len());
            if encoded_len(count.saturating_add(1), with) > room || tx.tx.gas_limit() > run.gas_left() {
                best.mark_invalid(tx.sender);
                continue;
            }
            match run.apply(Arc::clone(&tx)) {
                Ok(gas_used) => {
                    (count, bytes) = (count.saturating_add(1), with);
                    best.refund_gas(tx.tx.gas_limit().saturating_sub(gas_used));
                }
                Err(ExecError::Invalid(why)) => {
                    tracing::debug!(hash = %tx.tx.hash(), %why, "left out of the proposal");
                    best.mark_invalid(tx.sender);
                }
                Err(ExecError::State(error)) => return Err(error.into()),
            }
            if started.elapsed() > time {
                break;
            }
        }
        Ok(())
    }
}
