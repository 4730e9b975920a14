//! The server through its door, on a real chain in process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod blocks;
mod calls;
mod dev;
mod filters;
mod ports;
mod proofs;
mod requests;
mod support;
mod sync;
mod txs;
mod websocket;
