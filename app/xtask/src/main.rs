//! `cargo xtask`: run the chain, test it, measure it. Installs what is missing where it can.
#![allow(clippy::arithmetic_side_effects, reason = "counts and durations of a developer's tool")]

mod build;
mod containers;
mod docs;
mod localnet;
mod suites;
mod tools;
mod ui;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Run the chain, test it, measure it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a localnet: validators with the modified CometBFT, funded accounts
    Up(localnet::UpArgs),
    /// Run a development chain in one process (`cargo xtask dev --block-time 1000`)
    Dev {
        /// Handed to `defchain-app dev`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Stop the localnet that `up --detach` left running
    Down,
    /// Every test that a change must pass
    Test,
    /// Upstream's consensus tests and our splices in the modified CometBFT, and runs of four real nodes
    TestComet,
    /// cast, ethers, viem, a Hardhat and a Foundry project against dev and a localnet
    TestClients,
    /// The long end-to-end tests: thousands of blocks, kills, recordings
    TestLong,
    /// Faults on four real validators: kills, pauses, lost writes, a full disk, partitions, wrong clocks
    Chaos {
        /// Handed to the program, such as --scenario kill --seed 7 --rounds 5 --json FILE, or --list
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Simulated networks: many seeds, each the same every time (`cargo xtask sim --seeds 1000 --blocks 100`)
    Sim {
        /// Handed to the simulator: --seeds, --seed, --blocks, --replicas, --faults …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The readable model: every state of worlds larger than those of `test` (`--mistake list` for planted mistakes)
    Model {
        /// Handed to the model: --short, --mistake NAME, --threads N
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Four validators in containers: build the image, start, check, take down
    Containers(containers::ContainersArgs),
    /// Measure: a table, and JSON with --json FILE
    Bench {
        /// Handed to the bench, such as --seconds 30
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Up(args) => localnet::up(&args),
        Command::Dev { args } => localnet::dev(&args),
        Command::Down => localnet::down(),
        Command::Test => suites::test(),
        Command::TestComet => suites::comet(),
        Command::TestClients => suites::clients(),
        Command::TestLong => suites::long(),
        Command::Chaos { args } => suites::chaos(&args),
        Command::Sim { args } => suites::sim(&args),
        Command::Model { args } => suites::model(&args),
        Command::Containers(args) => containers::containers(&args),
        Command::Bench { args } => suites::bench(&args),
    }
}
