//! The application that CometBFT drives: where modules, EVM, store and pool meet.
//!
//! ```text
//!  CometBFT ──ABCI──▶ abci/<call>.rs ──▶ executor ──▶ lifecycle (begin · transactions · end) ──▶ delta
//!                         │                  ▲                                                  │
//!                         │             optimistic: results kept by their inputs                ▼
//!                         └──────────────▶ Commit ──▶ store (one atomic synced batch) ──▶ shared head ──▶ RPC, pool
//! ```
//!
//! One file per ABCI call under `abci/`; [`lifecycle`] is the only list of begin- and end-of-block steps. A block's
//! transactions run once on a node: PrepareProposal (on the proposer) or ProcessProposal (elsewhere) executes them on
//! a fork of state and keeps the result with everything it depended on; FinalizeBlock takes it when the decided block
//! has the same inputs, and executes otherwise (replay, block sync, a block of another round). A [`Runner`] runs what is
//! only asked for on copies, through the same steps: the pending block, traces, simulations.
//!
//! Which rules a block is executed under stands in state: [`rules`] is the one table of versions, [`upgrade`] changes the version
//! at an agreed height and migrates state. A program that lacks the next version ends before it ([`Chain::ended`]).
//!
//! Invariants
//! - The same inputs on the same state give the same delta, receipts and app hash, whatever path led there.
//! - ProcessProposal depends on the block and on state only, never on this node's pool or clock (D38).
//! - Nothing is visible to RPC before its batch is durable.
//! - What a development chain's driver declares (`declared`, [`driver::DevNode`]) goes through the same calls, and cannot
//!   reach a network: only [`Chain::open_dev`] takes it, and such a chain ends when CometBFT says hello.
//! - FinalizeBlock is total (D8b): what cannot be paid for is skipped, without receipt or index entry.

mod abci;
mod block;
mod budget;
mod chain;
mod declared;
pub mod driver;
mod executive;
mod executor;
#[doc(hidden)]
pub mod fuzzing;
pub mod genesis;
mod keys;
pub mod lifecycle;
mod metrics;
mod modules;
mod notices;
mod optimistic;
pub mod params;
pub mod payload;
mod pool_view;
pub mod proposer;
mod reader;
pub mod records;
pub mod rules;
mod runner;
mod shared;
mod snapshots;
mod steps;
pub mod upgrade;

pub use block::{BlockError, BlockInputs};
pub use chain::{Chain, ChainConfig, ChainError};
pub use declared::DevClock;
pub use executive::all_params;
pub use executor::ethereum_receipt;
pub use keys::{ChainHead, ChainHeadKey, ValidatorRecord, set_at, validators};
pub use modules::{broken_invariants, registry};
pub use notices::Rejected;
pub use reader::{Block, ReadError, Reader, StateAt};
pub use runner::{PendingBlock, Replay, ReplayError, Runner, SimBlock, SimBlockSpec, SimCall, SimulateError};
pub use snapshots::{ChainIdentity, SnapshotConfig};
pub use steps::{BlockExtra, Consensus, EventsRoot, EventsRootKey, Fault, Flag, Vote, events_root};
