//! Measures networks of real processes. `cargo xtask bench` builds the programs and calls this.
#![allow(clippy::arithmetic_side_effects, reason = "figures of a benchmark: no money and no consensus")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use defchain_sim::{
    bench::{
        boundaries, decay, exec, idle, join, load,
        machine::{Machine, Run},
        network::{MAX_ACCOUNTS, MAX_SENDERS, Money, NetworkPlan},
        reference,
        report::{Figures, Named, Report},
        rpc, worst,
    },
    load::{Pace, Work},
};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// As in the node: `exec` runs the application in this process.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Slices of 200 ms of the yardstick before a measurement, and as many after it.
const SLICES: usize = 5;
/// Signed ahead for each second, unless --sign or --rate says otherwise: above what this chain can carry on 2 cores.
const SIGNED_PER_SECOND: u64 = 14_000;

/// Measures DeflationChain: real processes, figures from blocks.
///
/// Without a command: everything that the book's page "Performance" shows.
#[derive(Debug, Parser)]
#[command(name = "defchain-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// 1 and 4 validators under load, 4 idle, the application alone (the default)
    All,
    /// Transfers per second of a network
    Load,
    /// Blocks per second and disk growth of an idle network
    Idle,
    /// A node that joins from a snapshot
    Statesync,
    /// The application alone, in this process
    Exec,
    /// The same transfers with money that decays and with plain money, in this process
    Decay,
    /// A month's boundary, an epoch's change and a slash in a large economy, in this process
    Boundaries,
    /// A development node's start, calls, and logs over many blocks
    Rpc,
    /// Full blocks of the dearest operations, in this process
    Worst,
    /// The yardstick alone: secp256k1 recoveries per second
    Reference,
}

#[derive(Debug, Clone, Args)]
struct Options {
    /// The program defchain-app
    #[arg(long, global = true, value_name = "PATH")]
    app: Option<PathBuf>,
    /// CometBFT as `build-cometbft` makes it
    #[arg(long, global = true, value_name = "PATH")]
    cometbft: Option<PathBuf>,
    /// Write the report as JSON into this file too
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make temporary folders here (they go when the run ends)
    #[arg(long, global = true, value_name = "DIR")]
    under: Option<PathBuf>,
    /// Leave the folders of networks with data and logs
    #[arg(long, global = true)]
    keep: bool,
    /// A setting of every node's app.toml, such as chain.build_time_ms=200
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    app_settings: Vec<String>,
    /// A setting of every node's config.toml, such as consensus.timeout_commit=100ms
    #[arg(long = "set-comet", global = true, value_name = "NAME=VALUE")]
    comet_settings: Vec<String>,
    /// load, idle: validators
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=20))]
    validators: u64,
    /// load, idle: seconds of the measured time
    #[arg(long, global = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(3..=3_600))]
    seconds: u64,
    /// load, idle: seconds until the first blocks must be there
    #[arg(long, global = true, default_value_t = 300)]
    ready_timeout: u64,
    /// load: seconds of load before the measured time
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
    warmup: u64,
    /// load, exec: what the transactions do
    #[arg(long, global = true, value_enum, default_value_t)]
    work: Work,
    /// load, exec: how money behaves
    #[arg(long, global = true, value_enum, default_value_t)]
    money: Money,
    /// load, exec: accounts that send
    #[arg(long, global = true, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=MAX_SENDERS))]
    senders: u64,
    /// load, exec: accounts in state at genesis, senders included; transfers go to all of them
    #[arg(long, global = true, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(2..=MAX_ACCOUNTS))]
    accounts: u64,
    /// load: transfers of one HTTP request
    #[arg(long, global = true, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    batch: u64,
    /// load: connections
    #[arg(long, global = true, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    connections: u64,
    /// load: send as fast as blocks take, with at most so many in no block yet
    #[arg(long, global = true, default_value_t = 8_000)]
    backlog: u64,
    /// load: send so many a second instead, whatever the node says
    #[arg(long, global = true)]
    rate: Option<u64>,
    /// load: transfers signed ahead (default: enough for 14,000 a second)
    #[arg(long, global = true)]
    sign: Option<u64>,
    /// exec: measured blocks
    #[arg(long, global = true, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    blocks: u64,
    /// exec, decay: transfers of a block
    #[arg(long, global = true, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..=19_000))]
    block_size: u64,
    /// decay: how often, each time with both kinds of money
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// boundaries: stakes in state
    #[arg(long, global = true, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2..=2_000_000))]
    stakes: u64,
    /// boundaries: of these, bound to validators, half of them to the one that is slashed
    #[arg(long, global = true, default_value_t = 100_000)]
    delegations: u64,
    /// rpc: blocks that are searched for logs
    #[arg(long, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    log_blocks: u64,
    /// worst: only operations whose name contains this
    #[arg(long, global = true, value_name = "TEXT")]
    only: Option<String>,
    /// exec: do not wait for the disk
    #[arg(long, global = true)]
    no_sync: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::All);
    let (machine, run) = (Machine::read(), Run::now());
    let mut terminated = signal(SignalKind::terminate())?;
    let results = tokio::select! {
        biased;
        // Dropping the measurement ends the processes it started.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted: networks are stopped, nothing is reported"),
        _ = terminated.recv() => anyhow::bail!("terminated: networks are stopped, nothing is reported"),
        results = measure(command, &cli.options) => results?,
    };
    let report = Report { machine, run, results };
    print!("{}", report.table());
    if let Some(path) = &cli.options.json {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

async fn measure(command: Command, options: &Options) -> Result<Vec<Named>> {
    let four = Options { validators: 4, ..options.clone() };
    let one = Options { validators: 1, ..options.clone() };
    Ok(match command {
        Command::All => vec![
            measure_load(&one).await?,
            measure_idle(&four).await?,
            measure_load(&four).await?,
            measure_exec(options)?,
        ],
        Command::Load => vec![measure_load(options).await?],
        Command::Idle => vec![measure_idle(options).await?],
        Command::Statesync => vec![measure_join(options).await?],
        Command::Exec => vec![measure_exec(options)?],
        Command::Decay => vec![measure_decay(options)?],
        Command::Boundaries => vec![measure_boundaries(options)?],
        Command::Rpc => vec![measure_rpc(options).await?],
        Command::Worst => vec![measure_worst(options)?],
        Command::Reference => vec![measure_reference()],
    })
}

async fn measure_load(options: &Options) -> Result<Named> {
    let Options { validators, seconds, warmup, senders, batch, connections, backlog, rate, work, .. } = *options;
    let accounts = options.accounts.max(senders);
    let sign = options.sign.unwrap_or_else(|| (seconds + warmup + 5) * rate.unwrap_or(SIGNED_PER_SECOND));
    let plan = load::LoadPlan {
        network: options.network()?,
        senders,
        accounts,
        batch,
        lanes: connections,
        pace: rate.map_or(Pace::Backlog(backlog), Pace::Rate),
        warmup: Duration::from_secs(warmup),
        seconds: Duration::from_secs(seconds),
        sign,
        keep: options.keep,
    };
    let what = name(work);
    eprintln!("{validators} validator(s) under {what} for {warmup} + {seconds} s");
    let yardstick = Yardstick::begin();
    let figures = load::run(&plan).await?;
    Ok(yardstick.end(Measured {
        name: format!("load: {what}, {validators} validator(s), {accounts} accounts"),
        settings: json!({
            "work": work, "money": options.money,
            "validators": validators, "seconds": seconds, "warmup": warmup, "senders": senders, "accounts": accounts,
            "batch": batch, "connections": connections, "backlog": rate.is_none().then_some(backlog), "rate": rate,
            "sign": sign, "set": options.app_settings, "set_comet": options.comet_settings,
        }),
        figures: Figures::Load(figures),
    }))
}

async fn measure_idle(options: &Options) -> Result<Named> {
    let Options { validators, seconds, .. } = *options;
    let plan =
        idle::IdlePlan { network: options.network()?, seconds: Duration::from_secs(seconds), keep: options.keep };
    eprintln!("{validators} validator(s) idle for {seconds} s");
    let yardstick = Yardstick::begin();
    let figures = idle::run(&plan).await?;
    Ok(yardstick.end(Measured {
        name: format!("idle: {validators} validator(s)"),
        settings: json!({
            "validators": validators, "seconds": seconds, "set": options.app_settings,
            "set_comet": options.comet_settings,
        }),
        figures: Figures::Idle(figures),
    }))
}

async fn measure_join(options: &Options) -> Result<Named> {
    let Options { validators, accounts, keep, .. } = *options;
    let plan = join::JoinPlan { network: options.network()?, accounts, keep };
    eprintln!("a node joins {validators} validator(s) with {accounts} accounts from a snapshot");
    let yardstick = Yardstick::begin();
    let figures = join::run(&plan).await?;
    Ok(yardstick.end(Measured {
        name: format!("state sync: {accounts} accounts, from {validators} validator(s)"),
        settings: json!({ "validators": validators, "accounts": accounts, "set": options.app_settings }),
        figures: Figures::Join(figures),
    }))
}

fn measure_exec(options: &Options) -> Result<Named> {
    let Options { senders, accounts, blocks, block_size, no_sync, work, money, .. } = *options;
    let accounts = accounts.max(senders);
    let under = options.under.clone();
    let plan = exec::ExecPlan { work, senders, accounts, blocks, block_size, sync: !no_sync, money, under };
    let what = name(work);
    eprintln!("the application alone: {blocks} blocks of {block_size} {what}");
    let yardstick = Yardstick::begin();
    let figures = exec::run(&plan)?;
    Ok(yardstick.end(Measured {
        name: format!("application alone: blocks of {block_size} {what}, {accounts} accounts"),
        settings: json!({
            "work": work, "money": money, "senders": senders, "accounts": accounts, "blocks": blocks, "block_size": block_size, "sync": plan.sync,
        }),
        figures: Figures::Exec(figures),
    }))
}

fn measure_decay(options: &Options) -> Result<Named> {
    let Options { block_size, rounds, no_sync, .. } = *options;
    let plan = decay::DecayPlan { accounts: block_size, rounds, sync: !no_sync, under: options.under.clone() };
    eprintln!("blocks of {block_size} transfers, with and without decay, {rounds} rounds");
    let yardstick = Yardstick::begin();
    let figures = decay::run(&plan)?;
    Ok(yardstick.end(Measured {
        name: format!("{block_size} accounts of four portions, each sends and receives once"),
        settings: json!({ "block_size": block_size, "rounds": rounds, "sync": plan.sync }),
        figures: Figures::Decay(figures),
    }))
}

fn measure_boundaries(options: &Options) -> Result<Named> {
    let Options { stakes, delegations, .. } = *options;
    let plan = boundaries::BoundaryPlan { stakes, delegations, validators: 195, under: options.under.clone() };
    eprintln!("an economy of {stakes} stakes, {delegations} of them delegated to {} validators", plan.validators);
    let yardstick = Yardstick::begin();
    let figures = boundaries::run(&plan)?;
    Ok(yardstick.end(Measured {
        name: format!("{stakes} stakes, {delegations} delegations, {} validators", plan.validators),
        settings: json!({ "stakes": stakes, "delegations": delegations, "validators": plan.validators }),
        figures: Figures::Boundaries(figures),
    }))
}

async fn measure_rpc(options: &Options) -> Result<Named> {
    let plan = rpc::RpcPlan { app: program("--app", options.app.as_deref())?, blocks: options.log_blocks };
    eprintln!("a development node: {} blocks with logs, then calls", plan.blocks);
    let yardstick = Yardstick::begin();
    let figures = rpc::run(&plan).await?;
    Ok(yardstick.end(Measured {
        name: "a node's answers, one request after the other".to_owned(),
        settings: json!({ "log_blocks": plan.blocks }),
        figures: Figures::Rpc(figures),
    }))
}

fn measure_worst(options: &Options) -> Result<Named> {
    let plan =
        worst::WorstPlan { accounts: options.accounts, only: options.only.clone(), under: options.under.clone() };
    eprintln!("full blocks of the dearest operations");
    let yardstick = Yardstick::begin();
    let blocks = worst::run(&plan)?;
    Ok(yardstick.end(Measured {
        name: format!("full blocks of 400 Mgas, {} accounts", plan.accounts),
        settings: json!({ "accounts": plan.accounts, "only": plan.only }),
        figures: Figures::Worst { blocks },
    }))
}

const fn name(work: Work) -> &'static str {
    match work {
        Work::Transfers => "transfers",
        Work::Erc20 => "ERC-20 transfers",
        Work::Swaps => "swaps",
    }
}

fn measure_reference() -> Named {
    let settings = json!({ "slices": 2 * SLICES });
    Yardstick::begin().end(Measured { name: "yardstick".to_owned(), settings, figures: Figures::Reference })
}

/// The machine's speed around one measurement.
struct Yardstick(Vec<f64>);

struct Measured {
    name: String,
    settings: serde_json::Value,
    figures: Figures,
}

impl Yardstick {
    fn begin() -> Self {
        Self(reference::recoveries(SLICES))
    }

    fn end(self, measured: Measured) -> Named {
        let Self(mut recovery_slices) = self;
        recovery_slices.extend(reference::recoveries(SLICES));
        let recoveries_per_s_per_core = reference::per_second(&recovery_slices);
        let Measured { name, settings, figures } = measured;
        Named { name, settings, recoveries_per_s_per_core, recovery_slices, figures }
    }
}

impl Options {
    fn network(&self) -> Result<NetworkPlan> {
        Ok(NetworkPlan {
            app: program("--app", self.app.as_deref())?,
            cometbft: program("--cometbft", self.cometbft.as_deref())?,
            validators: usize::try_from(self.validators)?,
            under: self.under.clone(),
            ready_timeout: Duration::from_secs(self.ready_timeout),
            app_settings: settings("--set", &self.app_settings)?,
            comet_settings: settings("--set-comet", &self.comet_settings)?,
            work: self.work,
            money: self.money,
        })
    }
}

fn program(option: &str, path: Option<&Path>) -> Result<PathBuf> {
    let path = path.with_context(|| format!("{option} PATH is needed (cargo xtask bench gives it)"))?;
    let absolute = std::path::absolute(path)?;
    ensure!(
        absolute.is_file(),
        "{option} {}: no such program; build it first (cargo xtask bench does)",
        path.display()
    );
    Ok(absolute)
}

fn settings(option: &str, given: &[String]) -> Result<Vec<(String, String)>> {
    let setting = |text: &String| {
        let (name, value) = text.split_once('=').with_context(|| format!("{option} {text}: write NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    given.iter().map(setting).collect()
}
