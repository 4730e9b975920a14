//! `def_subscribe`: burns, dividends, stakes, validator changes and block events as they happen (YP 9.3.3).

use std::sync::Arc;

use alloy_primitives::{Address, Log, U64};
use defchain_base::system;
use defchain_rpc_types::BurnedBlock;
use serde::Deserialize;

use crate::{
    def::{events, seconds, wei},
    error::{RpcError, RpcResult, json},
    hub::HeadEvent,
    params::Params,
    session::{Session, Subscription},
};

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Blocks that burned something.
    Burns,
    /// Begins of months, claims, compounding.
    Dividends,
    /// Positions: opened, extended, withdrawn, bound, …
    Stakes,
    /// Validators: registered, jailed, powers, epochs, faults, …
    Validators,
    /// What blocks did outside their transactions.
    BlockEvents,
}

const NAMES: [(&str, Topic); 5] = [
    ("burns", Topic::Burns),
    ("dividends", Topic::Dividends),
    ("stakes", Topic::Stakes),
    ("validators", Topic::Validators),
    ("blockEvents", Topic::BlockEvents),
];

/// Events of the staking address that tell of dividends; the others tell of stakes.
const OF_DIVIDENDS: [&str; 4] = ["MonthBegan", "DividendsClaimed", "Compounded", "AutoCompoundSet"];
/// Events of the validators' address that tell of stakes, and those that come with every block.
const OF_STAKES: [&str; 1] = ["Delegated"];
const OF_EVERY_BLOCK: [&str; 1] = ["IncomeShared"];

/// A subscription to one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub topic: Topic,
    /// Only events that name this address in a topic.
    pub address: Option<Address>,
}

/// The second parameter.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    address: Option<Address>,
}

/// Adds a subscription to the connection.
pub(crate) fn subscribe(session: &Session, params: &[u8]) -> RpcResult {
    let mut params = Params::parse(params)?;
    let kind: String = params.required("subscription")?;
    let filter: Filter = params.optional("filter")?.unwrap_or_default();
    params.end()?;
    let Some((_, topic)) = NAMES.into_iter().find(|(name, _)| *name == kind) else {
        let names = NAMES.map(|(name, _)| name).join(", ");
        return Err(RpcError::InvalidParams(format!("no {kind:?} subscription in def namespace; there are {names}")));
    };
    let whole = matches!(topic, Topic::Burns | Topic::BlockEvents);
    if whole && filter.address.is_some() {
        return Err(RpcError::InvalidParams(format!("{kind} tells of whole blocks: it takes no address")));
    }
    json(&session.subscribe(Subscription::Native(Wanted { topic, address: filter.address }))?)
}

impl Wanted {
    fn wants(&self, log: &Log) -> bool {
        let Some(event) = events::event_of(log) else { return false };
        let name = event.name.as_str();
        let topic = match log.address {
            system::STAKING if OF_DIVIDENDS.contains(&name) => Topic::Dividends,
            system::STAKING => Topic::Stakes,
            system::VALIDATORS if OF_STAKES.contains(&name) => Topic::Stakes,
            system::VALIDATORS if OF_EVERY_BLOCK.contains(&name) => return false,
            system::VALIDATORS => Topic::Validators,
            _ => return false,
        };
        let named = |address: Address| log.topics().iter().skip(1).any(|word| *word == address.into_word());
        topic == self.topic && self.address.is_none_or(named)
    }

    /// What a block means to this subscription: results in JSON, in the block's order.
    pub(crate) fn results(self, head: Arc<HeadEvent>) -> Vec<String> {
        let (block, header) = (&head.block, &head.block.header);
        let text = |result: RpcResult| result.ok().map(|text| text.get().to_owned());
        match self.topic {
            // Taken back with its head: nothing burned by it any more.
            Topic::Burns if block.removed || header.burned.is_zero() => Vec::new(),
            Topic::Burns => {
                let (height, timestamp) = (U64::from(header.height.0), seconds(header.time));
                text(json(&BurnedBlock { height, timestamp, burned: wei(header.burned) })).into_iter().collect()
            }
            Topic::BlockEvents if block.events.is_empty() => Vec::new(),
            Topic::BlockEvents => {
                text(json(&events::of_block(header, &block.events, block.removed))).into_iter().collect()
            }
            Topic::Dividends | Topic::Stakes | Topic::Validators => events::native_logs(block)
                .filter(|(log, _)| self.wants(log))
                .filter_map(|(log, tx)| text(json(&events::shown(header, log, tx, block.removed))))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_that_are_sorted_out_exist() {
        let staking: alloy_json_abi::JsonAbi =
            serde_json::from_str(include_str!("../../../../interfaces/abi/IStaking.json")).unwrap();
        let validators: alloy_json_abi::JsonAbi =
            serde_json::from_str(include_str!("../../../../interfaces/abi/IValidators.json")).unwrap();
        for name in OF_DIVIDENDS {
            assert!(staking.event(name).is_some(), "{name}");
        }
        for name in OF_STAKES.into_iter().chain(OF_EVERY_BLOCK) {
            assert!(validators.event(name).is_some(), "{name}");
        }
    }
}
