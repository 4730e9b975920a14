//! Puts load on a network of real processes and measures it; and runs networks that are only simulated.
//!
//! [`simulator`] is the second: replicas of the application in one process, the same from the same seed, under a
//! stand-in for CometBFT. Its program is `defchain-sim`. The rest is about real processes:
//!
//! ```text
//!   Accounts ──genesis file──▶ Network (defchain-app + cometbft, N nodes in a temporary folder)
//!      │                          ▲                    │
//!   sign ahead ──▶ Lanes ──send───┘ JSON-RPC batches   └── Watcher: blocks, receipts ──▶ figures ──▶ Report
//! ```
//!
//! [`load`] is the generator: what it sends is signed and encoded before the measured time begins, because it shares the
//! machine with what it measures. [`bench`] starts networks, measures and reports; its program is `defchain-bench`.
//! [`chaos`] puts faults on networks and judges what came of them; its program is `defchain-chaos`.
//!
//! Invariants
//! - A figure comes from blocks: a transfer counts when a block has it, not when the node took it.
//! - Processes are ended by their own ids, and the temporary folder goes with them.
//! - Each report says on which machine, commit and command line it was measured, beside the machine's own speed of
//!   secp256k1 in the same run.

#![forbid(unsafe_code)]
#![allow(clippy::arithmetic_side_effects, reason = "figures of a benchmark: no money and no consensus")]

pub mod bench;
pub mod chaos;
pub mod load;
pub mod simulator;
