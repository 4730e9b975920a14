//! The server through its public door, over both transports, and the wire against CometBFT's own encodings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod describe;
mod ending;
mod listening;
mod recording;
mod serving;
mod support;
mod vectors;
