//! `eth_simulateV1`: blocks that are pretended, with the shapes and codes of the execution APIs' specification.

use alloy_eips::BlockId;
use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::simulate::SimulatePayload;
use defchain_base::StateError;
use defchain_chain::{SimBlock, SimBlockSpec, SimCall, SimulateError, records::Header};
use defchain_evm::{SimResult, SimRules, validity::InvalidTx};
use serde::Serialize;

use crate::{
    api::{Api, Cost, Deadline},
    error::{RpcError, RpcResult, json},
    eth::call::{block_overrides, call_request, state_overrides},
    methods::Method,
    params::Params,
    tags::view_at,
    types::{BlockView, HeaderView, LogView, Place, header::TxList, log::LogPlace, tx},
};

pub(crate) const METHODS: &[Method] = &[Method::new("eth_simulateV1", Cost::Heavy, simulate)];

/// Most calls of a request: each costs memory, however little gas it uses.
const MAX_CALLS: usize = 10_000;
/// The specification's codes.
mod code {
    pub const NONCE_LOW: i32 = -38_010;
    pub const NONCE_HIGH: i32 = -38_011;
    pub const BASE_FEE: i32 = -38_012;
    pub const INTRINSIC_GAS: i32 = -38_013;
    pub const FUNDS: i32 = -38_014;
    pub const BLOCK_GAS: i32 = -38_015;
    pub const NUMBER: i32 = -38_020;
    pub const TIME: i32 = -38_021;
    pub const SENDER: i32 = -38_024;
    pub const INIT_CODE: i32 = -38_025;
    pub const TOO_MANY: i32 = -38_026;
    pub const REVERTED: i32 = 3;
    pub const HALTED: i32 = -32_015;
}

/// A call's end.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallView {
    return_data: Bytes,
    logs: Vec<LogView>,
    gas_used: U64,
    /// Before refunds: what a gas limit must cover.
    max_used_gas: U64,
    status: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallError>,
}

#[derive(Serialize)]
struct CallError {
    code: i32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes>,
}

/// A pretended block: an ordinary block, and its calls.
#[derive(Serialize)]
struct SimBlockView {
    #[serde(flatten)]
    block: BlockView,
    calls: Vec<CallView>,
}

fn simulate(api: &Api, mut params: Params<'_>) -> RpcResult {
    let payload: SimulatePayload = params.required("payload")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let calls = payload.block_state_calls.iter().map(|block| block.calls.len()).sum::<usize>();
    if calls > MAX_CALLS {
        return Err(RpcError::Simulate { code: code::TOO_MANY, message: format!("{calls} calls, limit {MAX_CALLS}") });
    }
    if payload.block_state_calls.is_empty() {
        return Err(RpcError::argument(0, "payload", "blockStateCalls is empty: there is nothing to simulate"));
    }
    let (full, transfer_logs, validation) =
        (payload.return_full_transactions, payload.trace_transfers, payload.validation);
    let specs = specs(payload).map_err(|why| RpcError::argument(0, "payload", why))?;
    let deadline = Deadline::named(api.config.call_timeout(), "rpc.call_timeout_ms");
    let rules = SimRules { validation, transfer_logs, interrupt: Some(deadline.interrupt()) };
    let view = view_at(api, id)?;
    let blocks = api
        .ctx
        .runner
        .simulate(&view.header, view.state, specs, rules, api.config.call_gas_cap)
        .map_err(|error| refused(error, deadline))?;
    json(&blocks.iter().map(|block| block_view(block, full)).collect::<Vec<_>>())
}

fn specs(payload: SimulatePayload) -> Result<Vec<SimBlockSpec>, String> {
    let spec = |(place, wire): (usize, alloy_rpc_types_eth::simulate::SimBlock)| {
        let at = |why: String| format!("block {place}: {why}");
        let calls = wire.calls.into_iter().enumerate();
        let calls = calls.map(|(index, call)| call_request(call).map_err(|why| at(format!("call {index}: {why}"))));
        Ok(SimBlockSpec {
            block: block_overrides(wire.block_overrides.unwrap_or_default()).map_err(at)?,
            state: state_overrides(wire.state_overrides.unwrap_or_default()).map_err(at)?,
            calls: calls.collect::<Result<_, String>>()?,
        })
    };
    payload.block_state_calls.into_iter().enumerate().map(spec).collect()
}

fn block_view(block: &SimBlock, full: bool) -> SimBlockView {
    let transactions = if full {
        let view = |(index, call): (usize, &SimCall)| {
            let place = Place::In { header: &block.header, index, gas_price: call.price };
            tx::TxView::Ethereum(Box::new(tx::ethereum(&call.tx, call.from, place)))
        };
        TxList::Full(block.calls.iter().enumerate().map(view).collect())
    } else {
        TxList::Hashes(block.calls.iter().map(|call| *call.tx.tx_hash()).collect())
    };
    let mut first_log = 0;
    let calls = block.calls.iter().enumerate().map(|(index, call)| {
        let view = call_view(&block.header, block, index, first_log, call);
        first_log += view.logs.len();
        view
    });
    SimBlockView {
        calls: calls.collect(),
        block: BlockView {
            header: HeaderView::from(&block.header),
            size: U64::from(block.header.size),
            uncles: [],
            withdrawals: [],
            transactions,
        },
    }
}

fn call_view(header: &Header, block: &SimBlock, index: usize, first_log: usize, call: &SimCall) -> CallView {
    let outcome = &call.outcome;
    let error = match &outcome.result {
        SimResult::Success => None,
        SimResult::Revert => Some(CallError {
            code: code::REVERTED,
            message: RpcError::Revert(outcome.output.clone()).to_string(),
            data: Some(outcome.output.clone()),
        }),
        SimResult::Halt { reason, .. } => Some(CallError { code: code::HALTED, message: reason.clone(), data: None }),
    };
    let logs = block.receipts.get(index).map(|receipt| {
        let log = |(offset, log)| {
            LogView::new(header, receipt, log, LogPlace { tx_index: index, log_index: first_log + offset })
        };
        receipt.logs.iter().enumerate().map(log).collect()
    });
    CallView {
        return_data: outcome.output.clone(),
        logs: logs.unwrap_or_default(),
        gas_used: U64::from(outcome.gas_used),
        max_used_gas: U64::from(outcome.gas_used.saturating_add(outcome.refund)),
        status: U64::from(u8::from(outcome.result == SimResult::Success)),
        error,
    }
}

fn refused(error: SimulateError, deadline: Deadline) -> RpcError {
    let message = error.to_string();
    let code = match error {
        SimulateError::State(StateError::Interrupted) => return deadline.missed(),
        SimulateError::State(error) => return error.into(),
        SimulateError::Read(error) => return error.into(),
        SimulateError::Overrides { .. } => return RpcError::argument(0, "payload", message),
        SimulateError::Number { .. } => code::NUMBER,
        SimulateError::Time { .. } => code::TIME,
        SimulateError::Blocks { .. } => code::TOO_MANY,
        SimulateError::Call { why, .. } => match why {
            InvalidTx::NonceTooLow { .. } => code::NONCE_LOW,
            InvalidTx::NonceTooHigh { .. } => code::NONCE_HIGH,
            InvalidTx::FeeTooLow { .. } => code::BASE_FEE,
            InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorGas { .. } => code::INTRINSIC_GAS,
            InvalidTx::InsufficientFunds { .. } => code::FUNDS,
            InvalidTx::BlockGas { .. } => code::BLOCK_GAS,
            InvalidTx::SenderIsContract(_) => code::SENDER,
            InvalidTx::InitCode { .. } => code::INIT_CODE,
            other => return RpcError::InvalidTx { rule: other.code(), message },
        },
    };
    RpcError::Simulate { code, message }
}
