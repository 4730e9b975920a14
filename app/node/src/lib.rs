//! The binary `defchain-app`: command line, configuration, wiring, supervision, dev mode.
//!
//! ```text
//!  start ─┬─ with --cometbft: process::supervisor ─▶ start (its own process)  +  cometbft
//!         └─ else: run ── store ── chain ──┬── abci::Server  (CometBFT's four connections)
//!                                          ├── rpc::RpcServer (wallets)
//!                                          └── metrics
//!  dev   ─── store ── chain ── chain::driver (blocks without CometBFT) ── rpc
//!  init, genesis, keys, config, query, tx, rollback, export, version, completions: one file each under commands/
//! ```
//!
//! Invariants
//! - A consensus key never signs in two processes: CometBFT holds locks as long as it lives ([`process::supervisor`]).
//! - Nothing that exists is overwritten: keys, homes, genesis files.
//! - Every refusal says what was wrong, with the figures, and what to do; its exit code says whether trying again helps
//!   ([`output`]).
#![allow(clippy::arithmetic_side_effects, reason = "no consensus code: counters, sizes and times of one process")]

pub mod cli;
pub mod comet;
mod commands;
pub mod config;
mod dev;
mod duration;
#[doc(hidden)]
pub mod fuzzing {
    //! The fuzzer's doors.
    pub use crate::dev::{decode_state, encode_state};
}
pub mod genesis;
pub mod home;
pub mod keys;
mod logging;
mod metrics;
mod node;
pub mod output;
pub mod process;
pub mod version;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command of this process' command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output { json: cli.json };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(output::exit_code(&error))
        }
    }
}
