//! A network in one process, the same from the same seed: replicas of the real application under a stand-in for
//! CometBFT that orders, loses, delays and kills.
//!
//! ```text
//!              seed ──▶ streams: time · traffic · gossip · rounds · crashes · checks
//!                                    │
//!   Traffic ──CheckTx, RPC──▶ pools ◀─┴─ gossip (late, reordered, lost) ─▶ pools
//!                               │ Prepare
//!   rounds: draw a proposer ────▼──▶ Process on the others ──▶ ExtendVote, Verify ──▶ decided, or another round
//!                                                                                       │
//!   who is there: Finalize, Commit ◀────────────────────────────────────────────────────┤
//!   who died or was cut off: handshake, replay, block sync ◀────────────────────────────┘
//!            │
//!            ▼ Store on a ModelDisk: what was not synced may be gone, a write may be the last
//!   compared: app hash · what the commit wrote · records · state      checked: money, nonces, index, proofs, calls' order
//! ```
//!
//! [`run`] runs a seed and gives an [`Outcome`]: the first [`Failure`] if there is one, and an [`Audit`] of every call,
//! so that two runs of a seed can be compared to the first event that differs. [`campaign`] runs many seeds on all cores.
//! [`Fault`]s can be planted in a replica, and [`mutants`] in a copy of the sources, to see that the checks see. A run's inventions are
//! a [`Script`]: [`replay`] plays it, and a failure is cut down to the events it needs ([`campaign::distil`]).
//!
//! The economy: `people` do what people do, `comet` is what CometBFT makes of validators, `economy` holds what happened against the
//! model's arithmetic.
//!
//! Invariants
//! - Nothing of the machine shows: time is the run's, threads' results are waited for, each concern draws from its own
//!   stream.
//! - The stand-in calls as CometBFT does ([`Order`] checks it), so that what fails is the application's fault.
//! - A block's first executor sets the measure; every later execution, replay and cold one is compared with it.

pub mod audit;
pub mod campaign;
pub mod check;
pub mod comet;
mod contracts;
mod economy;
mod execute;
pub mod failure;
pub mod faults;
mod genesis;
mod gossip;
pub mod mutants;
mod order;
mod people;
mod replica;
mod rounds;
mod run;
pub mod script;
mod stream;
mod traffic;

pub use audit::{Audit, Difference, Digest, Event};
pub use failure::{Failure, Phase, Wrong};
pub use faults::Fault;
pub use order::Order;
pub use run::{Counts, Outcome, Settings, replay, run};
pub use script::Script;
