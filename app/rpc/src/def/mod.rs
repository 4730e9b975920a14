//! `def_*`: what Ethereum has no method for (YP 9.3.1, D48).
//!
//! Each file reads one topic through the modules' own queries, over the state of the block that the caller names:
//! "latest" unless it names one. The shapes of the answers are in `defchain-rpc-types`.

mod forecast;
mod money;
mod proof;
mod supply;

use alloy_primitives::{U64, U256};
use defchain_base::{AgeMillis, Amount, Timestamp};

use crate::{methods::Method, tags::View};

/// All of them, by topic.
pub(crate) const METHODS: &[&[Method]] = &[money::METHODS, forecast::METHODS, supply::METHODS, proof::METHODS];

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
