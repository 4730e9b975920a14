//! The pool's view of the chain: one commit, judged at the time the next block may have.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use defchain_base::{Address, Height, Timestamp};
use defchain_evm::{
    BlockEnv,
    validity::{Limits, Sender},
};
use defchain_mempool::{PoolContext, PoolView, ViewError};

use crate::{executor::next_env, params::ChainParams, shared::Head};

/// The state after one commit; before genesis there is none, and nobody has money.
pub(crate) struct View(Option<(Arc<Head>, BlockEnv)>);

impl View {
    pub(crate) fn new(head: Option<Arc<Head>>) -> Arc<Self> {
        let with_env = head.map(|head| {
            let time = now().max(head.header.time);
            let env = next_env(&head.params, &head.header, time, head.header.beneficiary);
            (head, env)
        });
        Arc::new(Self(with_env))
    }
}

/// This node's clock. Never part of consensus: only the pool's guess of the next block's time.
fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

impl PoolView for View {
    fn context(&self) -> PoolContext {
        let Some((head, env)) = &self.0 else {
            let params = ChainParams::default();
            return PoolContext {
                limits: Limits { chain_id: params.evm_chain_id, block_gas: params.block_gas_limit },
                base_fee: params.initial_base_fee,
                height: Height(0),
                time: Timestamp(0),
            };
        };
        PoolContext { limits: env.limits(), base_fee: env.base_fee, height: head.header.height, time: env.time }
    }

    fn sender(&self, address: &Address) -> Result<Sender, ViewError> {
        let Some((head, env)) = &self.0 else { return Ok(Sender::default()) };
        defchain_evm::sender(&head.snapshot, env, *address).map_err(|e| ViewError(e.to_string()))
    }
}
