//! Networks of real processes on one machine: what `cargo xtask up`, the bench and end-to-end tests start.
//!
//! ```text
//!   Spec ──create──▶ homes on disk (keys, genesis, configuration; made by defchain-app's own commands)
//!                       │ start
//!                       ▼
//!   one supervisor per validator: defchain-app start --cometbft … ── its application ── its CometBFT
//!                       │
//!   Network: ready, heights, kill a half, stop; processes are known by number and start time
//! ```
//!
//! For faults: [`netns`] puts each validator into a network namespace of its own whose cable can be pulled, [`disk`]
//! gives one a small disk. Both need root.
//!
//! Invariants
//! - Only processes that this crate started are ever ended, and only while number and start time agree.
//! - A network that is dropped without [`Network::detach`] is stopped.
//! - An existing network's homes are used again; keys and blocks are never overwritten.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a tool for development machines: ports and counts are small and checked"
)]

mod create;
pub mod disk;
pub mod netns;
mod ports;
mod process;
mod rpc;
mod spec;

pub use create::{add_follower, create, held_powers, node_id};
pub use ports::{Holder, free_ports, holder, is_free};
pub use process::{Network, Processes, last_lines};
pub use rpc::{Rpc, RpcError, Tip};
pub use spec::{DEV_ACCOUNTS, Node, Place, PortPlan, Spec, operator};
