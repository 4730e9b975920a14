//! `eth_estimateGas`: the least gas limit with which a call succeeds.

use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
use alloy_primitives::Bytes;
use defchain_base::{StateError, StateRead, system};

use crate::{
    BlockEnv, ExecError, Registry,
    simulate::{CallRequest, SimOptions, SimOutcome, SimResult, Simulator},
    state::EvmRead,
    validity::InvalidTx,
};

/// Gas of a transaction that does nothing.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value gives its callee beside what is passed on.
const CALL_STIPEND: u64 = 2_300;
/// The search ends when its bounds are this close, in thousandths of the upper one.
const TOLERANCE_PERMILLE: u64 = 15;

/// Why no gas limit can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// No transaction could do that, or state cannot be read.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// It reverts however much gas it has. The data is what the callee returned.
    #[error("execution reverted")]
    Revert(Bytes),
    /// It fails however much gas it has.
    #[error("execution fails: {0}")]
    Halt(String),
    /// It needs more than is allowed or can be paid.
    #[error("gas required exceeds allowance ({0})")]
    Allowance(u64),
}

impl From<StateError> for EstimateError {
    fn from(e: StateError) -> Self {
        Self::Exec(e.into())
    }
}

/// Finds the least gas limit with which the call succeeds, within 1.5 %. Bounded by the cap of a transaction, the
/// block, `options.gas_cap` and, when the request names a price, the sender's funds.
///
/// # Errors
/// [`EstimateError`].
pub fn estimate_gas<S: StateRead>(
    state: S,
    env: BlockEnv,
    registry: &Registry,
    request: &CallRequest,
    options: &SimOptions,
) -> Result<u64, EstimateError> {
    let plain = is_plain_transfer(&state, request, options)?;
    let mut simulator = Simulator::new(state, env, registry, request, options)?;
    let limit = options.block.gas_limit.unwrap_or(env.gas_limit).min(MAX_TX_GAS_LIMIT_OSAKA).min(options.gas_cap);
    let asked = request.gas.filter(|gas| *gas >= TRANSFER_GAS).unwrap_or(limit);
    let mut high = asked.min(limit).min(simulator.affordable_gas()?);

    if plain && high >= TRANSFER_GAS && run(&mut simulator, TRANSFER_GAS)?.is_some_and(|o| o.is_success()) {
        return Ok(TRANSFER_GAS);
    }
    let Some(first) = run(&mut simulator, high)? else { return Err(EstimateError::Allowance(high)) };
    match first.result {
        SimResult::Success => {}
        SimResult::Revert => return Err(EstimateError::Revert(first.output)),
        SimResult::Halt { out_of_gas: true, .. } => return Err(EstimateError::Allowance(high)),
        SimResult::Halt { reason, .. } => return Err(EstimateError::Halt(reason)),
    }
    // Less than what was used can never be enough.
    let mut low = first.gas_used.saturating_sub(1);
    // A call passes on at most 63/64 of its gas: what was used, so much larger, nearly always is enough.
    let needed = first.gas_used.saturating_add(first.refund).saturating_add(CALL_STIPEND);
    let guess = needed.saturating_mul(64) / 63;
    if guess < high {
        if enough(&mut simulator, guess)? { high = guess } else { low = guess }
    }
    while low.saturating_add(1) < high {
        if high.saturating_sub(low).saturating_mul(1_000) < high.saturating_mul(TOLERANCE_PERMILLE) {
            break;
        }
        // Most calls need little more than they use: the search leans to the low side.
        let middle = low.midpoint(high).min(low.saturating_mul(2).max(1));
        if enough(&mut simulator, middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Money for an account that runs nothing: no code, no EIP-7702 delegation, no system address, nothing else asked.
fn is_plain_transfer<S: StateRead>(state: &S, request: &CallRequest, options: &SimOptions) -> Result<bool, StateError> {
    let Some(to) = request.to else { return Ok(false) };
    let asks_more = !request.data.is_empty() || request.access_list.is_some() || !request.authorization_list.is_empty();
    if asks_more || system::is_reserved(&to) || options.state.get(&to).is_some_and(|o| o.code.is_some()) {
        return Ok(false);
    }
    Ok(state.code(&to)?.is_empty())
}

fn enough<S: StateRead>(simulator: &mut Simulator<'_, S>, gas: u64) -> Result<bool, ExecError> {
    Ok(run(simulator, gas)?.is_some_and(|outcome| outcome.is_success()))
}

/// `None` when the gas does not even cover what is due before the first instruction.
fn run<S: StateRead>(simulator: &mut Simulator<'_, S>, gas: u64) -> Result<Option<SimOutcome>, ExecError> {
    match simulator.run(gas) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(ExecError::Invalid(InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorGas { .. })) => Ok(None),
        Err(e) => Err(e),
    }
}
