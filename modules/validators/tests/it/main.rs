//! The module through its door, block by block, with CometBFT's rules about validator updates beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod delegation;
mod door;
mod epochs;
mod genesis;
mod random;
mod registration;
mod seats;
mod vectors;
mod world;
