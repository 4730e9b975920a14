#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod actions;
mod door;
mod encodings;
mod tallies;
mod votes;
mod world;

use defchain_base::{Address, Amount, native::Host};

/// One position of one year; the only thing these tests ask of staking beside what governance asks.
fn world_stake<H: Host + ?Sized>(host: &mut H, owner: Address, amount: Amount) {
    defchain_staking::stake(host, owner, amount, 1).unwrap();
}
