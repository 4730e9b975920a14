//! Faults of validators and what they cost (YP 3.3.2, 4.4.3; D34, D35).
//!
//! ```text
//!  CometBFT's misbehaviour ──── two votes, light-client attack ─┐
//!  vote extensions, > 2/3 ───── a refused proposal ─────────────┤              ┌─▶ staking: share of the book
//!  the chain's own commits ──── nobody home for 24 h ───────────┼─▶ punish ────┼─▶ 50 % burned, 30 % treasury, 20 % reporter
//!  governance, 2/3 ──────────── censorship ─────────────────────┤   new?       ├─▶ validators: jail, or tombstone
//!  anybody ──────────────────── two conflicting votes ──────────┘   not too old└─▶ evidence, event
//! ```
//!
//! # Rules
//! | Fault | Share | Jail |
//! |---|---|---|
//! | double signing | 5 % | 30 days |
//! | downtime of more than 24 h, warned at 12 h | 1 % | 7 days |
//! | invalid proposal | 2 % | 14 days |
//! | proven censorship | 10 % | 90 days |
//! | equivocation (light-client attack) | 5 % | 30 days |
//!
//! All are [parameters](SlashingParams); days are days of the age clock.
//!
//! - **Repeats.** A fault within 365 days of the last one of its kind doubles that one's share and term, at most to the whole stake:
//!   5, 10, 20, 40, 80, 100 %.
//! - **One fault.** Whatever is reported at heights up to the jailing, or while the jail for it lasts, is the fault that was punished:
//!   [`Standing::covers`]. Kinds are apart, or a day's absence would hide two votes of that day; only double signing and
//!   equivocation are proven by the same signatures and count as one ([`Kind::same_fault`]).
//! - **A reused key.** Double signing compromises the key: two nodes have it. Whoever is unjailed and double signs with the same key
//!   once more is tombstoned. A key that was rotated away stays its operator's for ever.
//! - **Too old.** Evidence of a height older than unbinding takes is refused: the stake that was behind it may be gone. The
//!   age of a height is known to the hour ([`mod@clock`]).
//! - **The reporter** is who sends `submitEvidence`; CometBFT, commits, notices and governance have none, and that 20 %
//!   burns. An operator reporting itself gets nothing; from a second address it gets its 20 % back, which no rule can prevent. A
//!   report can be copied out of the pool by a higher bidder: the penalty stands, only the reward changes hands.
//! - **Money.** [`staking::slash`](defchain_staking::slash) takes the share from the book in one step, whatever the number of
//!   delegators, and leaves the wei in `Pool::Staking`; exactly those are burned and paid in the same step.
//!
//! # Invariants
//! - INV-SLASH-01: burned, treasury and reward of each evidence add up to what was slashed, in the ruling's shares.
//! - INV-SLASH-02: no evidence is dated ahead of its block, no block ahead of the chain.
//! - INV-SLASH-03: no proof is punished twice.
//! - INV-SLASH-04: what is remembered of a validator is what its evidence says.
//! - INV-SLASH-05: the parameters are within their bounds.

pub mod abi;
mod clock;
mod error;
mod events;
pub mod genesis;
pub mod invariants;
pub mod keys;
mod kind;
pub mod lifecycle;
mod msg;
pub mod params;
mod punish;
pub mod query;
mod records;
mod roster;
pub mod state;
#[cfg(test)]
mod tests;
pub mod votes;

pub use abi::{FUNCTIONS, INTERFACE};
pub use error::SlashingError;
pub use kind::Kind;
pub use lifecycle::{Fault, Rejected};
pub use msg::{check_censorship, punish_censorship, submit_evidence};
pub use params::SlashingParams;
pub use punish::{FOR_EVER, Penalty};
pub use records::{Evidence, Past, Split, Standing};
pub use state::SlashingRead;
