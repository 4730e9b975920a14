//! One file for each command that ends by itself.

pub(crate) mod attest;
mod config;
pub(crate) mod economy;
mod export;
mod genesis;
mod init;
mod keys;
mod query;
mod rollback;
pub(crate) mod snapshot;
pub(crate) mod trust;
pub(crate) mod tx;
pub(crate) mod validator;
pub(crate) mod warp;

use anyhow::Result;
use clap::CommandFactory;

pub(crate) use genesis::parse_amount;

use crate::{
    cli::{Cli, Command},
    dev,
    home::Home,
    node,
    output::Output,
    process::child,
    version,
};

/// Runs a command.
pub fn run(cli: Cli) -> Result<()> {
    let output = Output { json: cli.json };
    let home = Home::new(&cli.home)?;
    match cli.command {
        Command::Init(args) => init::run(&home, &args, output),
        Command::Genesis(command) => genesis::run(&home, &command, output),
        Command::Start(args) => node::start(&home, &args),
        Command::Export(args) => export::run(&home, &args, output),
        Command::Tx(args) => tx::run(&home, &args, output),
        Command::Rollback(args) => rollback::run(&home, &args, output),
        Command::Snapshot(command) => snapshot::run(&home, &command, output),
        Command::Trust(args) => trust::run(&home, &args, output),
        Command::Dev(args) => match &args.command {
            Some(command) => warp::run(command, output),
            None => dev::run(&args, output),
        },
        Command::Validator(command) => validator::run(&home, &command, output),
        Command::Attest(command) => attest::run(&home, &command, output),
        Command::Keys(command) => keys::run(&home, &command, output),
        Command::Query(args) => query::run(&args, output),
        Command::Config(args) => config::run(&home, &args, output),
        Command::Version => {
            let human = format!(
                "defchain-app {} (commit {})\nrules {}, ABCI {} for CometBFT 0.40",
                version::VERSION,
                version::COMMIT,
                defchain_chain::params::APP_VERSION,
                version::ABCI_VERSION
            );
            output.print(human, version::json);
            Ok(())
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "defchain-app", &mut std::io::stdout());
            Ok(())
        }
        Command::RunChild(args) => child::run(&args),
    }
}
