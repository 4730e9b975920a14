//! What `def_*` methods answer: one definition for the server that writes it, the SDK that reads it, and the tests.
//!
//! ```text
//!   app/rpc ──Serialize──▶ JSON ──Deserialize──▶ app/sdk ─▶ CLI, tests, other programs
//! ```
//!
//! Invariants
//! - Quantities (wei, heights, seconds, milliseconds of the age clock, ids that grow) are hex with `0x`, as `eth_*` writes
//!   them. Small numbers with a bound of their own (days, years, percent, basis points, counts) are JSON numbers.
//! - Field names are camelCase. A field that does not apply is null, never left out.
//! - Money is in wei. Times are seconds since 1970, unless a name says `Age`: then milliseconds of the age clock (D3).

#![forbid(unsafe_code)]

mod money;

pub use money::{BalancePortion, BurnForecast, BurnHistory, BurnedBlock, DayOfBurning, MaxSendable, NextBurn, Supply};
