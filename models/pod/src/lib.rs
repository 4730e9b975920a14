//! The rules of Proof-of-Deflation, written to be read, and checked exhaustively in small worlds.
//!
//! Nothing here is used by the node and nothing here calls it. Who knows the rulings (`D12`, `D27`, …) and no code of
//! ours can read [`rules`] in a quarter of an hour and say whether they are what was ruled. The [`worlds`] then let
//! everything happen that can happen, in every order, among a few accounts, positions or validators, and a checker
//! (stateright) looks at every state for what must never be.
//!
//! ```text
//!   rules   burn  commission  stake  power  draw  slash     one ruling each, plain arithmetic
//!     │
//!   worlds  money        portions, settling, commissions, age that follows value     D11–D18
//!           stakes       positions, withdrawals, unlock, dividends, slashes          D22–D26, D34, D35
//!           validators   seats, weights, epochs, the sets of CometBFT, jail          D27–D34
//!     │
//!   mistake the same worlds with one rule wrong: each must be found                  (tests/model.rs)
//! ```
//!
//! The draw of proposers (D33) is a function without a history; [`rules::draw`] is checked over every small set and
//! every target, and against the vectors that hold Go and Rust equal.
//!
//! Time is coarse and amounts are small in the worlds, because a state that differs only in size shows nothing new:
//! each world says what it leaves out. `cargo xtask test` checks the short form in seconds, `cargo xtask model` a
//! larger one.
//!
//! Invariants of this crate
//! - It depends on no crate of ours: an oracle that called the code would agree with it about everything.
//! - Every property can fail: for each there is a planted [`Mistake`] that breaks it, and a test that it does.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a model: an overflow or a wrong index must stop it, and overflow checks are on"
)]

pub mod check;
pub mod curve;
pub mod mistake;
pub mod rules;
pub mod worlds;

pub use check::{Outcome, Size, check_all, check_world};
pub use mistake::Mistake;
