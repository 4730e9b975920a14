//! Logs of the chain's own addresses in words.

use std::{collections::HashMap, sync::LazyLock};

use alloy_dyn_abi::{DynSolValue, EventExt};
use alloy_json_abi::Event;
use alloy_primitives::{B256, Log, hex};

use crate::contracts;

static EVENTS: LazyLock<HashMap<B256, Event>> = LazyLock::new(|| {
    let abis = contracts::abis();
    abis.iter().flat_map(|(_, abi)| abi.events().map(|event| (event.selector(), event.clone()))).collect()
});

/// Name of a log's event, and its arguments by name. `None` when no interface of a system address has it.
#[must_use]
pub fn describe(log: &Log) -> Option<(String, Vec<(String, String)>)> {
    if !log.address.as_slice().starts_with(&[0; 18]) {
        return None;
    }
    let event = EVENTS.get(log.topics().first()?)?;
    let decoded = event.decode_log(&log.data).ok()?;
    let (mut indexed, mut body) = (decoded.indexed.into_iter(), decoded.body.into_iter());
    let arg = |input: &alloy_json_abi::EventParam| {
        let value = if input.indexed { indexed.next() } else { body.next() };
        Some((input.name.clone(), text(value?)))
    };
    Some((event.name.clone(), event.inputs.iter().map(arg).collect::<Option<_>>()?))
}

fn text(value: DynSolValue) -> String {
    match value {
        DynSolValue::Bool(b) => b.to_string(),
        DynSolValue::Int(n, _) => n.to_string(),
        DynSolValue::Uint(n, _) => n.to_string(),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(word.get(..size).unwrap_or(word.as_slice())),
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes),
        DynSolValue::String(text) => text,
        DynSolValue::Array(list) | DynSolValue::FixedArray(list) | DynSolValue::Tuple(list) => {
            format!("[{}]", list.into_iter().map(text).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::{Address, U256};
    use alloy_sol_types::SolEvent;

    use super::*;
    use crate::{contracts::IStaking::Staked, native::STAKING};

    #[test]
    fn a_log_of_a_system_address_is_told_in_words_and_no_other() {
        let event = Staked {
            owner: Address::repeat_byte(1),
            id: U256::from(2),
            amount: U256::from(3),
            numYears: U256::from(4),
            validator: Address::ZERO,
        };
        let log = Log { address: STAKING, data: event.encode_log_data() };
        let (name, args) = describe(&log).unwrap();
        assert_eq!(name, "Staked");
        assert_eq!(
            args.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["owner", "id", "amount", "numYears", "validator"]
        );
        assert_eq!(args.get(3).map(|(_, value)| value.as_str()), Some("4"));
        assert_eq!(describe(&Log { address: Address::repeat_byte(1), ..log }), None);
    }
}
