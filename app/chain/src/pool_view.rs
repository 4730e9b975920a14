//! The pool's view of the chain: one commit, judged at the time the next block may have.

use std::sync::Arc;

use defchain_base::{Address, Height, Timestamp, tx::RecoveredTx};
use defchain_evm::{
    BlockEnv, ExecError,
    validity::{Demand, Limits, Sender},
};
use defchain_mempool::{PoolContext, PoolView, Unjudged, ViewError};

use crate::{
    declared::{Declared, system_now},
    params::ChainParams,
    rules::V1,
    shared::{Head, Shared},
};

/// The state after one commit; before genesis there is none, and nobody has money.
pub(crate) struct View(Option<(Arc<Head>, BlockEnv, Arc<Declared>)>);

impl View {
    pub(crate) fn new(shared: &Shared) -> Arc<Self> {
        let declared = shared.declared();
        let with_env = shared.head().map(|head| {
            // The declared clock is the system's, except on a development chain that travels in time.
            let time = declared.clock.next_block(head.header.time, system_now());
            // Where this program lacks the next rules, no block of its will follow: any serve for a guess.
            let rules = head.next().unwrap_or(&V1);
            let env = head.next_env(rules, time, head.header.beneficiary);
            let env = declared.apply(&head.header, env);
            (head, env, declared)
        });
        Arc::new(Self(with_env))
    }
}

impl PoolView for View {
    fn context(&self) -> PoolContext {
        let Some((head, env, _)) = &self.0 else {
            let params = ChainParams::default();
            return PoolContext {
                limits: Limits { chain_id: params.evm_chain_id, block_gas: params.block_gas_limit, latched: false },
                base_fee: params.initial_base_fee,
                height: Height(0),
                time: Timestamp(0),
            };
        };
        PoolContext {
            limits: Limits { latched: !head.active, ..defchain_evm::limits(env) },
            base_fee: env.base_fee,
            height: head.header.height,
            time: env.time,
        }
    }

    fn sender(&self, address: &Address) -> Result<Sender, ViewError> {
        let Some((head, env, declared)) = &self.0 else { return Ok(Sender::default()) };
        match declared.edits(&head.header.hash) {
            Some(edited) => defchain_evm::sender(edited, env, *address),
            None => defchain_evm::sender(&head.snapshot, env, *address),
        }
        .map_err(|e| ViewError(e.to_string()))
    }

    fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged> {
        let Some((head, env, declared)) = &self.0 else {
            return Ok(Demand { value: tx.tx.value(), ..Demand::default() });
        };
        let registry = crate::modules::registry();
        match declared.edits(&head.header.hash) {
            Some(edited) => defchain_evm::demand(edited, env, &registry, &tx.tx, tx.sender),
            None => defchain_evm::demand(&head.snapshot, env, &registry, &tx.tx, tx.sender),
        }
        .map_err(unjudged)
    }

    fn try_out(&self, tx: &RecoveredTx) -> Result<(), Unjudged> {
        let Some((head, env, declared)) = &self.0 else {
            return Err(ViewError("there is no state yet".to_owned()).into());
        };
        let (registry, limits) = (crate::modules::registry(), self.context().limits);
        match declared.edits(&head.header.hash) {
            Some(edited) => defchain_evm::try_out(&edited, env, &registry, &limits, tx),
            None => defchain_evm::try_out(&&head.snapshot, env, &registry, &limits, tx),
        }
        .map(|_| ())
        .map_err(unjudged)
    }
}

fn unjudged(e: ExecError) -> Unjudged {
    match e {
        ExecError::Invalid(e) => e.into(),
        ExecError::State(e) => ViewError(e.to_string()).into(),
    }
}
