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
#[path = "../../../../evm/tests/common/code.rs"]
#[allow(dead_code, reason = "shared programs; not all are used here")]
mod code;
mod dev;
mod filters;
mod hostile;
mod limits;
mod modules;
mod money;
mod pending;
mod ports;
mod proofs;
mod requests;
mod simulate;
mod support;
mod sync;
mod traces;
mod txs;
mod websocket;
