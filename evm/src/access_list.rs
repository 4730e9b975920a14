//! `eth_createAccessList`: the accounts and slots that a call touches, and what it costs with them declared.

use alloy_eips::eip2930::AccessList;
use defchain_base::{StateError, StateRead};
use revm_inspectors::access_list::AccessListInspector;

use crate::{
    BlockEnv, CallRequest, ExecError, Registry, SimOptions, SimOutcome, inspect::Watcher, simulate::Simulator,
};

/// Runs until the list no longer changes: declaring a slot changes the gas, and gas may change the way that is taken.
/// Some programs never settle.
const MAX_ROUNDS: usize = 32;

/// An access list and how the call with it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// What the call touches beside its sender, its callee and precompiles.
    pub list: AccessList,
    /// How the call with this list ends.
    pub outcome: SimOutcome,
}

/// Finds the access list of a call.
///
/// # Errors
/// [`ExecError::Invalid`] when no transaction could do that; [`ExecError::State`] when state cannot be read.
pub fn access_list<S: StateRead + Clone>(
    state: &S,
    env: BlockEnv,
    registry: &Registry,
    request: &CallRequest,
    options: &SimOptions,
) -> Result<AccessListOutcome, ExecError> {
    let mut request = request.clone();
    let mut list = request.access_list.take().unwrap_or_default();
    for _ in 0..MAX_ROUNDS {
        request.access_list = Some(list.clone());
        let mut simulator = Simulator::new(state.clone(), env, registry, &request, options)?;
        let gas = simulator.default_gas(env.gas_limit)?;
        simulator.executor.evm.inspector = Watcher::AccessList(Box::new(AccessListInspector::new(list.clone())));
        let outcome = simulator.run(gas)?;
        let Watcher::AccessList(inspector) = core::mem::take(&mut simulator.executor.evm.inspector) else {
            return Err(StateError::Invariant("the inspector is gone".to_owned()).into());
        };
        let found = inspector.into_access_list();
        if found == list {
            return Ok(AccessListOutcome { list, outcome });
        }
        list = found;
    }
    Err(ExecError::Invalid(crate::validity::InvalidTx::Refused(format!(
        "the access list still changes after {MAX_ROUNDS} runs: what is touched depends on the list itself"
    ))))
}
