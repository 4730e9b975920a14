//! `eth_call` and `eth_estimateGas`: the block's EVM on a copy that is thrown away.

use std::collections::BTreeMap;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64, U256, map::B256HashMap};
use alloy_rpc_types_eth::{
    BlockOverrides as WireBlock, TransactionRequest,
    state::{AccountOverride as WireAccount, StateOverride as WireState},
};
use defchain_base::StateError;
use defchain_evm::{
    AccountOverride, BlockOverrides, CallRequest, EstimateError, ExecError, SimOptions, SimResult, StateOverrides,
};

use crate::{
    api::{Api, Cost, Deadline},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(crate) const METHODS: &[Method] =
    &[Method::new("eth_call", Cost::Heavy, call), Method::new("eth_estimateGas", Cost::Heavy, estimate_gas)];

/// A call as asked for: what, where, and what to pretend.
pub(crate) struct Asked {
    pub request: CallRequest,
    pub view: View,
    pub options: SimOptions,
}

/// Reads a call that is made on the newest block unless it names one.
pub(crate) fn read(api: &Api, params: Params<'_>) -> Result<Asked, RpcError> {
    read_or(api, params, BlockId::latest())
}

fn read_or(api: &Api, mut params: Params<'_>, default: BlockId) -> Result<Asked, RpcError> {
    let request: TransactionRequest = params.required("transaction")?;
    let id: Option<BlockId> = params.optional("block")?;
    let state: Option<WireState> = params.optional("state overrides")?;
    let block: Option<WireBlock> = params.optional("block overrides")?;
    params.end()?;
    let request = call_request(request).map_err(|why| RpcError::argument(0, "transaction", why))?;
    let state =
        state_overrides(state.unwrap_or_default()).map_err(|why| RpcError::argument(2, "state overrides", why))?;
    let block =
        block_overrides(block.unwrap_or_default()).map_err(|why| RpcError::argument(3, "block overrides", why))?;
    let view = view_at(api, Some(id.unwrap_or(default)))?;
    let mut options = options(api, state, block);
    if id.is_none() && default == BlockId::pending() {
        options.block.time.get_or_insert(later_second(api, &view)?);
    }
    Ok(Asked { request, view, options })
}

/// The second that an estimate is for: later than the newest block's, as the transaction's own will mostly be. Who
/// writes by the second (OpenZeppelin's checkpoints of votes) changes a slot within a second and takes a new one after
/// it, which costs five times as much and has to be paid for.
fn later_second(api: &Api, view: &View) -> Result<u64, RpcError> {
    let newest = api.ctx.reader.latest()?.time.0 / 1_000;
    Ok((view.env.time.0 / 1_000).max(newest.saturating_add(1)))
}

/// Options of a call that ends in time.
pub(crate) fn options(api: &Api, state: StateOverrides, block: BlockOverrides) -> SimOptions {
    SimOptions {
        state,
        block,
        gas_cap: api.config.call_gas_cap,
        interrupt: Some(call_deadline(api).interrupt()),
        ..SimOptions::default()
    }
}

fn call_deadline(api: &Api) -> Deadline {
    Deadline::named(api.config.call_timeout(), "rpc.call_timeout_ms")
}

fn call(api: &Api, params: Params<'_>) -> RpcResult {
    let Asked { request, view, options } = read(api, params)?;
    let outcome = defchain_evm::simulate(view.state, view.env, &api.registry, &request, &options)
        .map_err(|error| exec_error(api, error))?;
    match outcome.result {
        SimResult::Success => json(&outcome.output),
        SimResult::Revert => Err(RpcError::Revert(outcome.output)),
        SimResult::Halt { reason, .. } => Err(RpcError::Refused(reason)),
    }
}

fn estimate_gas(api: &Api, params: Params<'_>) -> RpcResult {
    // For the next block, where the transaction will be: not for the newest, whose own slots are cheap to write again.
    let asked = read_or(api, params, BlockId::pending())?;
    json(&U64::from(estimate(api, asked)?))
}

/// The gas that a request needs as the next transaction.
pub(crate) fn estimate_next(api: &Api, request: CallRequest) -> Result<u64, RpcError> {
    let id = BlockId::Number(BlockNumberOrTag::Pending);
    let view = view_at(api, Some(id))?;
    let mut options = options(api, StateOverrides::new(), BlockOverrides::default());
    options.block.time = Some(later_second(api, &view)?);
    estimate(api, Asked { request, view, options })
}

fn estimate(api: &Api, asked: Asked) -> Result<u64, RpcError> {
    let Asked { request, view, options } = asked;
    defchain_evm::estimate_gas(view.state, view.env, &api.registry, &request, &options).map_err(|error| match error {
        EstimateError::Exec(error) => exec_error(api, error),
        EstimateError::Revert(output) => RpcError::Revert(output),
        EstimateError::Halt(_) | EstimateError::Allowance(_) => RpcError::Refused(error.to_string()),
    })
}

/// What is said when a call does not run, or runs too long.
pub(crate) fn exec_error(api: &Api, error: ExecError) -> RpcError {
    match error {
        ExecError::Invalid(invalid) => RpcError::InvalidTx { rule: invalid.code(), message: invalid.to_string() },
        ExecError::State(StateError::Interrupted) => call_deadline(api).missed(),
        ExecError::State(error) => error.into(),
    }
}

/// The request in the EVM's form.
pub(crate) fn call_request(request: TransactionRequest) -> Result<CallRequest, String> {
    if request.max_fee_per_blob_gas.is_some() || request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return Err("blob transactions (type 3) are not supported: this chain carries no blobs".to_owned());
    }
    if request.gas_price.is_some() && (request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some())
    {
        return Err("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".to_owned());
    }
    let both = "both \"data\" and \"input\" are set and not equal: use \"input\"";
    let data = request.input.try_into_unique_input().map_err(|_| both.to_owned())?;
    Ok(CallRequest {
        from: request.from,
        to: request.to.and_then(|to| to.to().copied()),
        gas: request.gas,
        gas_price: request.gas_price,
        max_fee_per_gas: request.max_fee_per_gas,
        max_priority_fee_per_gas: request.max_priority_fee_per_gas,
        value: request.value.unwrap_or_default(),
        data: data.unwrap_or_default(),
        access_list: request.access_list,
        authorization_list: request.authorization_list.unwrap_or_default(),
        nonce: request.nonce,
        chain_id: request.chain_id,
    })
}

pub(crate) fn state_overrides(wire: WireState) -> Result<StateOverrides, String> {
    wire.into_iter()
        .map(|(address, account)| Ok((address, account_override(account).map_err(|why| format!("{address}: {why}"))?)))
        .collect()
}

fn account_override(wire: WireAccount) -> Result<AccountOverride, String> {
    if wire.state.is_some() && wire.state_diff.is_some() {
        return Err("has both \"state\" and \"stateDiff\": give one".to_owned());
    }
    let sorted = |slots: B256HashMap<B256>| slots.into_iter().collect::<BTreeMap<_, _>>();
    Ok(AccountOverride {
        balance: wire.balance,
        nonce: wire.nonce,
        code: wire.code,
        state: wire.state.map(sorted),
        state_diff: wire.state_diff.map(sorted),
        move_precompile_to: wire.move_precompile_to,
    })
}

pub(crate) fn block_overrides(wire: WireBlock) -> Result<BlockOverrides, String> {
    let unsupported =
        [("beaconRoot", wire.beacon_root.is_some()), ("difficulty", wire.difficulty.is_some_and(|d| !d.is_zero()))];
    if let Some((name, _)) = unsupported.iter().find(|(_, set)| *set) {
        return Err(format!("{name} cannot be overridden here"));
    }
    let small = |name: &str, value: Option<U256>| {
        value.map(|v| u64::try_from(v).map_err(|_| format!("{name} is {v}, must be below 2^64"))).transpose()
    };
    Ok(BlockOverrides {
        number: small("number", wire.number)?,
        time: wire.time,
        gas_limit: wire.gas_limit,
        coinbase: wire.coinbase,
        prev_randao: wire.random,
        base_fee: small("baseFeePerGas", wire.base_fee)?,
        blob_base_fee: small("blobBaseFee", wire.blob_base_fee)?.map(u128::from),
        hashes: wire.block_hash.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use alloy_primitives::Address;

    use super::*;

    fn request(text: &str) -> Result<CallRequest, String> {
        call_request(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn data_and_input_are_the_same_field_and_may_not_contradict() {
        assert_eq!(request(r#"{"data":"0x01"}"#).unwrap().data.as_ref(), [1]);
        assert_eq!(request(r#"{"input":"0x01","data":"0x01"}"#).unwrap().data.as_ref(), [1]);
        assert!(request(r#"{"input":"0x01","data":"0x02"}"#).unwrap_err().contains("not equal"));
    }

    #[test]
    fn fees_of_two_kinds_and_blobs_are_refused() {
        assert!(request(r#"{"gasPrice":"0x1","maxFeePerGas":"0x2"}"#).unwrap_err().contains("both gasPrice"));
        assert!(request(r#"{"maxFeePerBlobGas":"0x1"}"#).unwrap_err().contains("type 3"));
    }

    #[test]
    fn overrides_that_contradict_or_do_not_exist_are_named() {
        let address = Address::repeat_byte(1);
        let slot = B256::ZERO;
        let wire = |text: &str| serde_json::from_str::<WireState>(&format!(r#"{{"{address}":{text}}}"#)).unwrap();
        let both = wire(&format!(r#"{{"state":{{"{slot}":"{slot}"}},"stateDiff":{{"{slot}":"{slot}"}}}}"#));
        let error = state_overrides(both).unwrap_err();
        assert!(error.contains("stateDiff") && error.contains(&address.to_string()), "{error}");
        let fine = state_overrides(wire(r#"{"balance":"0x5","nonce":"0x2","code":"0x60"}"#)).unwrap();
        assert_eq!(fine[&address].balance, Some(U256::from(5)));
        let block: WireBlock = serde_json::from_str(r#"{"difficulty":"0x1"}"#).unwrap();
        assert!(block_overrides(block).unwrap_err().contains("difficulty"));
        let block: WireBlock = serde_json::from_str(r#"{"number":"0x7","time":"0x9","baseFeePerGas":"0x1"}"#).unwrap();
        let block = block_overrides(block).unwrap();
        assert_eq!((block.number, block.time, block.base_fee), (Some(7), Some(9), Some(1)));
    }
}
