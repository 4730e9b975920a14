//! Traces: blocks are executed again on the state before them, up to what is asked for.

use std::{sync::Arc, time::Duration};

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use alloy_rpc_types_eth::TransactionRequest;
use alloy_rpc_types_trace::geth::GethDebugTracingCallOptions;
use defchain_base::StateError;
use defchain_chain::{Block, Replay, ReplayError, records::Header};
use defchain_evm::{ExecError, TraceError, TraceOptions, Tracer};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    api::{Api, Deadline},
    error::{RpcError, RpcResult, json},
    eth::{
        block::whole,
        call::{block_overrides, call_request, options, state_overrides},
        tx::find,
    },
    params::Params,
    tags::{header_by_hash, header_by_id, header_of, not_found, view_at},
};

/// A recording may take as many times the bytes of the largest answer: in memory a step is larger than in JSON, but most
/// options leave most of it out.
const MEMORY_FACTOR: usize = 2;

/// What to trace with, and until when.
struct Asked {
    tracer: Tracer,
    deadline: Deadline,
}

impl Asked {
    fn new(api: &Api, options: TraceOptions) -> Result<Self, RpcError> {
        let limit = api.config.trace_timeout();
        let own = options.timeout.as_deref().map(duration).transpose();
        let own = own.map_err(|why| RpcError::InvalidParams(format!("timeout: {why}")))?;
        let deadline = match own {
            Some(own) if own < limit => Deadline::named(own, "the call's timeout"),
            _ => Deadline::named(limit, "rpc.trace_timeout_ms"),
        };
        let max_bytes = api.config.max_response_bytes.saturating_mul(MEMORY_FACTOR);
        let tracer = Tracer::new(options, max_bytes).map_err(|error| trace_error(error, deadline))?;
        Ok(Self { tracer, deadline })
    }

    fn replay(&self, api: &Api, block: Arc<Block>) -> Result<Replay, RpcError> {
        api.ctx.runner.replay(block, Some(self.deadline.interrupt())).map_err(|error| self.refused(error))
    }

    fn refused(&self, error: ReplayError) -> RpcError {
        match error {
            ReplayError::Read(error) => error.into(),
            ReplayError::Trace(error) => trace_error(error, self.deadline),
            ReplayError::Genesis => RpcError::Refused(error.to_string()),
            ReplayError::Differs { .. } => RpcError::Internal(error.to_string()),
        }
    }
}

pub(super) fn transaction(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("transaction hash")?;
    let options: Option<TraceOptions> = params.optional("options")?;
    params.end()?;
    let asked = Asked::new(api, options.unwrap_or_default())?;
    let Some((header, index)) = find(api, &hash)? else {
        let waits = if api.ctx.pool.contains(&hash) { ": it waits in the pool, use debug_traceCall" } else { "" };
        return Err(RpcError::Refused(format!("transaction not found{waits}")));
    };
    let mut replay = asked.replay(api, whole(api, &header)?)?;
    replay.skip_to(index).map_err(|error| asked.refused(error))?;
    json(&replay.trace_next(&asked.tracer).map_err(|error| asked.refused(error))?)
}

/// The trace of one transaction of a block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TxTrace {
    tx_hash: B256,
    result: Box<RawValue>,
}

pub(super) fn block_by_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    let options: Option<TraceOptions> = params.optional("options")?;
    params.end()?;
    if tag == BlockNumberOrTag::Pending {
        return Err(RpcError::Refused(
            "the pending block was not executed: trace calls on it by debug_traceCall".into(),
        ));
    }
    let header = header_of(api, tag)?;
    block(api, BlockId::Number(tag), header, options)
}

pub(super) fn block_by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("block hash")?;
    let options: Option<TraceOptions> = params.optional("options")?;
    params.end()?;
    let header = header_by_hash(api, &hash)?;
    block(api, BlockId::from(hash), header, options)
}

fn block(api: &Api, id: BlockId, header: Option<Arc<Header>>, options: Option<TraceOptions>) -> RpcResult {
    let asked = Asked::new(api, options.unwrap_or_default())?;
    let Some(header) = header else { return Err(not_found(api, id)?) };
    let block = whole(api, &header)?;
    let mut replay = asked.replay(api, block.clone())?;
    let (mut traces, mut bytes) = (Vec::with_capacity(block.txs.len()), 0);
    for tx in &block.txs {
        let Some(trace) = replay.trace_next(&asked.tracer).map_err(|error| asked.refused(error))? else { break };
        let trace = TxTrace { tx_hash: tx.tx.hash(), result: json(&trace)? };
        bytes += trace.result.get().len();
        if bytes > api.config.max_response_bytes {
            return Err(RpcError::ResponseTooLarge { limit: api.config.max_response_bytes });
        }
        traces.push(trace);
    }
    json(&traces)
}

pub(super) fn call(api: &Api, mut params: Params<'_>) -> RpcResult {
    let request: TransactionRequest = params.required("transaction")?;
    let id: Option<BlockId> = params.optional("block")?;
    let wire: Option<GethDebugTracingCallOptions> = params.optional("options")?;
    params.end()?;
    let request = call_request(request).map_err(|why| RpcError::argument(0, "transaction", why))?;
    let GethDebugTracingCallOptions { tracing_options, state_overrides: state, block_overrides: block, tx_index } =
        wire.unwrap_or_default();
    let wrong = |why: String| RpcError::argument(2, "options", why);
    let state = state_overrides(state.unwrap_or_default()).map_err(wrong)?;
    let block = block_overrides(block.unwrap_or_default()).map_err(wrong)?;
    let asked = Asked::new(api, tracing_options)?;
    let (state_at, env) = match tx_index {
        None => {
            let view = view_at(api, id)?;
            (view.state, view.env)
        }
        Some(index) => {
            let id = id.unwrap_or_default();
            let Some(header) = header_by_id(api, id)? else { return Err(not_found(api, id)?) };
            let mut replay = asked.replay(api, whole(api, &header)?)?;
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            replay.skip_to(index).map_err(|error| asked.refused(error))?;
            replay.into_state()
        }
    };
    let mut options = options(api, state, block);
    options.interrupt = Some(asked.deadline.interrupt());
    let (_, trace) = defchain_evm::trace_call(state_at, env, &api.registry, &request, &options, &asked.tracer)
        .map_err(|error| trace_error(error, asked.deadline))?;
    json(&trace)
}

fn trace_error(error: TraceError, deadline: Deadline) -> RpcError {
    let message = error.to_string();
    match error {
        TraceError::Exec(ExecError::State(StateError::Interrupted)) => deadline.missed(),
        TraceError::Exec(ExecError::State(error)) => error.into(),
        TraceError::Exec(ExecError::Invalid(invalid)) => RpcError::InvalidTx { rule: invalid.code(), message },
        TraceError::Unknown(_) => RpcError::Unsupported(message),
        TraceError::Config(_) => RpcError::InvalidParams(message),
        TraceError::TooLarge { .. } => {
            RpcError::Limit(format!("{message}; the limit is {MEMORY_FACTOR} times rpc.max_response_bytes"))
        }
    }
}

/// A duration as Go writes it: "5s", "1m30s", "500ms".
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write 500ms, 5s or 1m30s");
    let mut rest = text;
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let one = match unit {
            "ns" => Duration::from_nanos(1),
            "us" | "µs" => Duration::from_micros(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            _ => return Err(wrong()),
        };
        let part = u32::try_from(number).ok().and_then(|n| one.checked_mul(n)).ok_or_else(wrong)?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = tail;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, millis) in [("5s", 5_000), ("1m30s", 90_000), ("500ms", 500), ("1h", 3_600_000), ("2000us", 2)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "5", "s", "5 s", "5x", "99999999999s", "-1s"] {
            assert!(duration(bad).unwrap_err().contains("is no duration"), "{bad}");
        }
    }
}
