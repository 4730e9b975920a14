//! Validators: who may sign blocks for a country, with which keys, with which power, and what they earn (D27 to D36).
//!
//! ```text
//!            register ─────────────▶ Active (holds the seat) ◀──┐ oldest valid candidate, at the boundary
//!               │ seat taken                │  ▲                │
//!               └────────▶ Queued ◀─────────┼──┼──unjail────────┤
//!                                           ▼  │ with a seat    │
//!    slashing ── jail, tombstone ──▶ Jailed / Inactive ── 30 days: the seat is free
//!    staking ─── own stake, weights         │
//!    geo ─────── attestations               ▼ exit
//!                                        Exited (own positions unbind)
//!
//!  end of block:  removals queued by jail ─┐
//!  last block of an epoch: turn ───────────┴─▶ ValidatorSet from height + 2 ──▶ updates for CometBFT
//! ```
//!
//! - [`pop`]: proofs of possession of both keys; [`power`]: weights to powers that sum to 10^18 (D27).
//! - `msg`: what operators and delegators ask for. `epoch`: the boundary. `removals`: in between (D28).
//! - `performance`: proposed, signed, missed, written only for who comes, goes, or returns (D34's downtime reads it).
//! - `income`: the proposer's gas share goes to its book by weight, the operator's commission waits here (D36).
//! - [`lifecycle`]: the steps of every block, called by the application.
//!
//! Invariants ([`invariants`])
//! - INV-VAL-01: each seat's holder stands in that country and is active, inactive or jailed; whoever is active holds a seat.
//! - INV-VAL-02: each set in state has members with powers that sum to 10^18, each operator and key once.
//! - INV-VAL-03: the sets of the present height to two above it are in state (D28).
//! - INV-VAL-04: every registered key leads to its operator.
//! - INV-VAL-05: the queue holds exactly the queued.
//! - INV-VAL-06: the validators' pool holds at least what is owed: commissions here, income in staking.
//! - INV-VAL-07: no more than a third of an epoch's weight is removed before its boundary (D28).
//! - INV-VAL-08: the next block lies in the epoch, parameters in their bounds.
//! - INV-VAL-09: whoever is absent is a member of a set, and nobody missed more heights than there were.

mod abi;
mod entry;
mod epoch;
mod error;
pub mod genesis;
mod income;
pub mod invariants;
mod jail;
pub mod keys;
pub mod lifecycle;
mod msg;
mod params;
mod performance;
pub mod pop;
pub mod power;
pub mod query;
pub mod records;
mod removals;
pub mod state;
mod views;

pub use abi::IValidators;
pub use entry::{ENTRY, FUNCTIONS, INTERFACE};
pub use error::ValidatorsError;
pub use income::reward_block;
pub use jail::{jail, remove_now, slashed, tombstone};
pub use msg::{
    Registration, attest, bind, claim_all_rewards, claim_commission, claim_rewards, delegate, exit, register,
    rotate_key, set_commission, unbind, unjail,
};
pub use params::ValidatorParams;
pub use performance::Vote;
pub use power::TOTAL_POWER;
pub use query::{active, down, is_active, key_term, operator_of, record, set_at};
pub use records::{Down, Epoch, JailKind, KeyTerm, Member, PowerUpdate, Status, ValidatorRecord, ValidatorSet};
