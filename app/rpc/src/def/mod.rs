//! `def_*`: what Ethereum has no method for (YP 9.3.1, D48).
//!
//! Each file reads one topic through the modules' own queries, over the state of the block that the caller names:
//! "latest" unless it names one. The shapes of the answers are in `defchain-rpc-types`.

mod dividends;
pub(crate) mod events;
mod forecast;
mod governance;
mod money;
mod proof;
mod send;
mod staking;
pub(crate) mod subscribe;
mod supply;
mod validators;

use alloy_primitives::{U64, U256};
use defchain_base::{AgeMillis, Amount, Timestamp};

use crate::{error::RpcError, methods::Method, tags::View};

/// All of them, by topic.
pub(crate) const METHODS: &[&[Method]] = &[
    money::METHODS,
    forecast::METHODS,
    supply::METHODS,
    send::METHODS,
    staking::METHODS,
    dividends::METHODS,
    validators::METHODS,
    governance::METHODS,
    events::METHODS,
    proof::METHODS,
];

/// How many items an answer has: as asked for, else the most.
fn limit_of(index: usize, asked: Option<usize>, most: usize) -> Result<usize, RpcError> {
    match asked {
        None => Ok(most),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(RpcError::argument(index, "limit", format!("{limit}, must be 1 to {most}"))),
    }
}

/// Wei as RPC shows them.
fn wei(amount: Amount) -> U256 {
    amount.to_u256()
}

/// Seconds since 1970.
fn seconds(time: Timestamp) -> U64 {
    U64::from(time.seconds())
}

/// When the age clock shows `age`, if blocks go on coming; for the past, if they never stopped. Rounded up: what
/// happens at that age has happened in the second that is named.
fn time_of_age(view: &View, age: AgeMillis) -> U64 {
    let (now, then) = (view.env.age.0, age.0);
    let millis = if then >= now {
        view.env.time.0.saturating_add(then.saturating_sub(now))
    } else {
        view.env.time.0.saturating_sub(now.saturating_sub(then))
    };
    U64::from(millis.div_ceil(1_000))
}
