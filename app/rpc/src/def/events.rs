//! Logs of the chain's own addresses with their meaning, and what a block did outside its transactions (D21).

use std::{collections::HashMap, sync::LazyLock};

use alloy_dyn_abi::{DynSolValue, EventExt};
use alloy_eips::BlockId;
use alloy_json_abi::{Event, JsonAbi};
use alloy_primitives::{Address, B256, Log, U64, hex};
use defchain_base::system;
use defchain_chain::{Block, records::Header};
use defchain_rpc_types::{BlockEvents, NativeEvent};
use serde_json::{Map, Value};

use crate::{
    api::{Api, Cost},
    def::seconds,
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{header_by_id, not_found},
};

pub(super) const METHODS: &[Method] = &[Method::new("def_getBlockEvents", Cost::Read, block_events)];

/// Interfaces whose events are understood, with where they are emitted.
const INTERFACES: [(Address, &str); 5] = [
    (system::STAKING, include_str!("../../../../interfaces/abi/IStaking.json")),
    (system::VALIDATORS, include_str!("../../../../interfaces/abi/IValidators.json")),
    (system::VALIDATORS, include_str!("../../../../interfaces/abi/ISlashing.json")),
    (system::TOKEN, include_str!("../../../../interfaces/abi/IToken.json")),
    (system::GOVERNANCE, include_str!("../../../../interfaces/abi/IGovernance.json")),
];

/// Events by address and first topic.
static EVENTS: LazyLock<HashMap<(Address, B256), Event>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for (address, source) in INTERFACES {
        match serde_json::from_str::<JsonAbi>(source) {
            Ok(abi) => all.extend(abi.events().map(|event| ((address, event.selector()), event.clone()))),
            // A test reads them all.
            Err(error) => {
                tracing::error!(%address, %error, "an interface does not parse: its events stay without names")
            }
        }
    }
    all
});

/// The event of a log, if the chain's interfaces have it.
pub(crate) fn event_of(log: &Log) -> Option<&'static Event> {
    EVENTS.get(&(log.address, *log.topics().first()?))
}

/// A log with its meaning. `tx` is the transaction that it belongs to.
pub(crate) fn shown(header: &Header, log: &Log, tx: Option<B256>, removed: bool) -> NativeEvent {
    let event = event_of(log);
    NativeEvent {
        height: U64::from(header.height.0),
        address: log.address,
        topics: log.topics().to_vec(),
        data: log.data.data.clone(),
        event: event.map(|event| event.name.clone()),
        args: event.and_then(|event| arguments(event, log)),
        transaction_hash: tx,
        removed,
    }
}

/// All logs of a block that its own addresses emitted: of transactions, then of its own steps.
pub(crate) fn native_logs(block: &Block) -> impl Iterator<Item = (&Log, Option<B256>)> {
    let of_txs = block.receipts.iter().flat_map(|receipt| receipt.logs.iter().map(|log| (log, Some(receipt.tx_hash))));
    of_txs.filter(|(log, _)| system::is_reserved(&log.address)).chain(block.events.iter().map(|log| (log, None)))
}

fn arguments(event: &Event, log: &Log) -> Option<Value> {
    let decoded = event.decode_log(&log.data).ok()?;
    let (mut indexed, mut body) = (decoded.indexed.into_iter(), decoded.body.into_iter());
    let mut args = Map::new();
    for input in &event.inputs {
        let value = if input.indexed { indexed.next() } else { body.next() };
        args.insert(input.name.clone(), plain(value?));
    }
    Some(Value::Object(args))
}

/// Integers in decimal, because they may be above 2^53; bytes in hex.
fn plain(value: DynSolValue) -> Value {
    match value {
        DynSolValue::Bool(b) => Value::Bool(b),
        DynSolValue::Int(n, _) => Value::String(n.to_string()),
        DynSolValue::Uint(n, _) => Value::String(n.to_string()),
        DynSolValue::FixedBytes(word, size) => {
            Value::String(hex::encode_prefixed(word.get(..size).unwrap_or(&word[..])))
        }
        DynSolValue::Address(address) => Value::String(address.to_string()),
        DynSolValue::Bytes(bytes) => Value::String(hex::encode_prefixed(bytes)),
        DynSolValue::String(text) => Value::String(text),
        DynSolValue::Array(list) | DynSolValue::FixedArray(list) | DynSolValue::Tuple(list) => {
            Value::Array(list.into_iter().map(plain).collect())
        }
        other => Value::String(format!("{other:?}")),
    }
}

/// The events of a block's own steps.
pub(crate) fn of_block(header: &Header, events: &[Log], removed: bool) -> BlockEvents {
    BlockEvents {
        height: U64::from(header.height.0),
        hash: header.hash,
        timestamp: seconds(header.time),
        events: events.iter().map(|log| shown(header, log, None, removed)).collect(),
    }
}

fn block_events(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let id = id.unwrap_or_default();
    if id == BlockId::pending() {
        return Err(RpcError::argument(0, "block", "the pending block's own steps have not run"));
    }
    let Some(header) = header_by_id(api, id)? else { return Err(not_found(api, id)?) };
    let events = api.ctx.reader.block_events(header.height)?.unwrap_or_default();
    json(&of_block(&header, &events, false))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::{LogData, U256};

    use super::*;

    #[test]
    fn every_published_interface_is_understood() {
        for (address, source) in INTERFACES {
            let abi: JsonAbi = serde_json::from_str(source).unwrap();
            assert!(abi.events().count() > 2, "{address}");
        }
        assert!(EVENTS.len() > 40, "{}", EVENTS.len());
    }

    #[test]
    fn a_log_is_shown_with_its_name_and_arguments() {
        let account = Address::repeat_byte(7);
        let (selector, _) = EVENTS.iter().find(|(_, e)| e.name == "Settled").unwrap();
        let data = [U256::from(5).to_be_bytes::<32>(), U256::from(6).to_be_bytes()].concat();
        let log = Log {
            address: system::TOKEN,
            data: LogData::new_unchecked(vec![selector.1, account.into_word()], data.into()),
        };
        let shown = shown(&Header::default(), &log, None, false);
        assert_eq!(shown.event.as_deref(), Some("Settled"));
        assert_eq!(
            shown.args,
            Some(serde_json::json!({"account": account.to_string(), "burned": "5", "toDividendPool": "6"}))
        );
        // Another contract may use the same topic: nothing is read into it.
        let foreign = Log { address: account, ..log };
        assert_eq!(super::shown(&Header::default(), &foreign, None, false).event, None);
    }
}
