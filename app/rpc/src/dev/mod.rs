//! What a development chain serves beside everything else: signing, mining, time travel, state by hand, impersonation,
//! snapshots. The names are those of anvil (`anvil_`), Hardhat (`hardhat_`) and Ganache (`evm_`), so that their tools
//! work unchanged; docs/src/dev.md lists them.
//!
//! ```text
//!   sign    eth_sendTransaction and its like      state   balances, nonces, code, storage, fees, dumps
//!   mining  blocks and when they are made         chain   snapshots, impersonation, pool, information
//!   time    the clock of blocks
//! ```
//!
//! Every command goes to [`defchain_chain::driver::DevNode`]. A network's node has none, and none of these methods.

mod chain;
mod mining;
mod sign;
mod state;
mod time;

use std::sync::Arc;

use alloy_primitives::U256;
use defchain_chain::driver::{DevNode, DriverError};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{api::Api, error::RpcError, methods::Method};

/// All methods of a development chain.
pub(crate) const METHODS: &[&[Method]] =
    &[sign::METHODS, mining::METHODS, time::METHODS, state::METHODS, chain::METHODS];

/// The development chain.
fn node(api: &Api) -> Result<&Arc<DevNode>, RpcError> {
    let missing = || RpcError::Refused("this is no development chain: start one with `defchain-app dev`".to_owned());
    api.ctx.dev.as_ref().ok_or_else(missing)
}

/// After something was sent: where blocks are made with transactions, the caller finds it in one when it is answered.
pub(crate) fn settle(api: &Api) {
    if let Some(dev) = &api.ctx.dev
        && let Err(error) = dev.watch(|dev| dev.settle())
    {
        tracing::error!(%error, "no block is made of what was sent");
    }
}

impl From<DriverError> for RpcError {
    fn from(error: DriverError) -> Self {
        use DriverError as E;
        match error {
            E::Pool(error) => error.into(),
            E::Edit(_) | E::Past { .. } | E::TooMuch { .. } | E::Dump(_) | E::Token(_) | E::State(_) => {
                Self::InvalidParams(error.to_string())
            }
            E::NotDev | E::Store(_) => Self::Refused(error.to_string()),
            E::Read(_) | E::Genesis(_) | E::Refused(_) | E::Time { .. } => Self::Internal(error.to_string()),
        }
    }
}

/// A figure as tools write it: a number, a quantity in hex, or decimal digits in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figure(U256);

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(d)?;
        let wrong = || D::Error::custom(format!("{value} is no whole number from 0 to 2^256 - 1, nor one in hex"));
        let text = match &value {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text.clone(),
            _ => return Err(wrong()),
        };
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => U256::from_str_radix(digits, 16),
            None => U256::from_str_radix(&text, 10),
        };
        parsed.ok().filter(|_| text != "0x" && !text.is_empty()).map(Self).ok_or_else(wrong)
    }
}

impl Figure {
    /// As 64 bits.
    fn small(self, place: usize, name: &'static str) -> Result<u64, RpcError> {
        u64::try_from(self.0).map_err(|_| RpcError::argument(place, name, format!("{} is above 2^64 - 1", self.0)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_documentation_names_every_method_and_no_other() {
        let page = include_str!("../../../../docs/src/dev.md");
        let rows = page.split("## Methods").nth(1).unwrap().lines().filter(|line| line.starts_with("| `"));
        let first_column = rows.filter_map(|line| line.split('|').nth(1));
        let named: Vec<&str> =
            first_column.flat_map(|cell| cell.split('`').filter(|word| word.contains('_'))).collect();
        let served: Vec<&str> = METHODS.iter().copied().flatten().map(|method| method.name).collect();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(sorted(named), sorted(served));
    }

    #[test]
    fn figures_are_read_as_tools_write_them_and_nothing_else_is() {
        let read = |text: &str| serde_json::from_str::<Figure>(text).map(|figure| figure.0);
        for text in ["255", "\"0xff\"", "\"255\"", "\"0x00ff\""] {
            assert_eq!(read(text).unwrap(), U256::from(255), "{text}");
        }
        assert_eq!(read(&format!("\"{:#x}\"", U256::MAX)).unwrap(), U256::MAX);
        for text in
            ["-1", "1.5", "\"0x\"", "\"\"", "\"0xzz\"", "null", "[1]", "true", &format!("\"0x1{}\"", "0".repeat(64))]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
