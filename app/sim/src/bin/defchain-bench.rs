//! Measures networks of real processes. `cargo xtask bench` builds the programs and calls this.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use defchain_sim::{
    bench::{
        exec, idle, load,
        machine::{Machine, Run},
        network::NetworkPlan,
        reference,
        report::{Figures, Named, Report},
    },
    load::Pace,
};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// Slices of 200 ms of the yardstick before a run, and as many after it.
const SLICES: usize = 5;
/// Signed ahead for each second, unless --sign or --rate says otherwise: above what this chain can carry on 2 cores.
const SIGNED_PER_SECOND: u64 = 14_000;

/// Measures DeflationChain: real processes, figures from blocks.
#[derive(Debug, Parser)]
#[command(name = "defchain-bench", version)]
struct Cli {
    /// Write the report as JSON into this file too
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make temporary folders here (they go when the run ends)
    #[arg(long, global = true, value_name = "DIR")]
    under: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that the book's table shows: 1 validator and 4 under load, 4 idle, the application alone
    All {
        #[command(flatten)]
        programs: Programs,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3_600))]
        seconds: u64,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// Transfers per second of a network
    Load {
        #[command(flatten)]
        programs: Programs,
        #[command(flatten)]
        network: NetworkArgs,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// Blocks per second and disk growth of an idle network
    Idle {
        #[command(flatten)]
        programs: Programs,
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// The application alone, in this process
    Exec(ExecArgs),
    /// The yardstick alone: secp256k1 recoveries per second
    Reference,
}

#[derive(Debug, Clone, Args)]
struct Programs {
    /// The program defchain-app
    #[arg(long, value_name = "PATH")]
    app: PathBuf,
    /// CometBFT as `build-cometbft` makes it
    #[arg(long, value_name = "PATH")]
    cometbft: PathBuf,
    /// A setting of every node's app.toml, such as chain.build_time_ms=200
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Leave the folders of networks with data and logs
    #[arg(long)]
    keep: bool,
    /// Seconds until the first blocks must be there
    #[arg(long, default_value_t = 300)]
    ready_timeout: u64,
}

#[derive(Debug, Clone, Args)]
struct NetworkArgs {
    /// Validators, 1 to 4, with a localnet's powers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4))]
    validators: u64,
    /// Seconds of the measured time
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    seconds: u64,
}

#[derive(Debug, Clone, Args)]
struct LoadArgs {
    /// Seconds of load before the measured time
    #[arg(long, default_value_t = 8)]
    warmup: u64,
    /// Accounts that send
    #[arg(long, default_value_t = 20_000)]
    senders: u64,
    /// Accounts in state at genesis, senders included; transfers go to all of them
    #[arg(long, default_value_t = 100_000)]
    accounts: u64,
    /// Transfers of one HTTP request
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    batch: u64,
    /// Connections
    #[arg(long, default_value_t = 2)]
    connections: u64,
    /// Send as fast as blocks take, with at most so many in no block yet
    #[arg(long, default_value_t = 5_000, conflicts_with = "rate")]
    backlog: u64,
    /// Send so many a second, whatever the node says
    #[arg(long)]
    rate: Option<u64>,
    /// Transfers signed ahead (default: enough for 14,000 a second)
    #[arg(long)]
    sign: Option<u64>,
}

#[derive(Debug, Clone, Args)]
struct ExecArgs {
    /// Accounts that send
    #[arg(long, default_value_t = 20_000)]
    senders: u64,
    /// Accounts in state at genesis
    #[arg(long, default_value_t = 100_000)]
    accounts: u64,
    /// Measured blocks
    #[arg(long, default_value_t = 20)]
    blocks: u64,
    /// Transfers of a block
    #[arg(long, default_value_t = 4_000)]
    block_size: u64,
    /// Do not wait for the disk
    #[arg(long)]
    no_sync: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let (machine, run) = (Machine::read(), Run::now());
    let mut recovery_slices = reference::recoveries(SLICES);
    let mut terminated = signal(SignalKind::terminate())?;
    let results = tokio::select! {
        biased;
        // Dropping the measurement ends the processes it started.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted: networks are stopped, nothing is reported"),
        _ = terminated.recv() => anyhow::bail!("terminated: networks are stopped, nothing is reported"),
        results = measure(&cli) => results?,
    };
    recovery_slices.extend(reference::recoveries(SLICES));
    let recoveries_per_s_per_core = reference::per_second(&recovery_slices);
    let report = Report { machine, run, recoveries_per_s_per_core, recovery_slices, results };
    print!("{}", report.table());
    if let Some(path) = &cli.json {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

async fn measure(cli: &Cli) -> Result<Vec<Named>> {
    match &cli.command {
        Command::All { programs, seconds, load } => {
            let network = |validators| NetworkArgs { validators, seconds: *seconds };
            Ok(vec![
                measure_load(cli, programs, &network(1), load).await?,
                measure_idle(cli, programs, &network(4)).await?,
                measure_load(cli, programs, &network(4), load).await?,
                measure_exec(cli, &ExecArgs { accounts: load.accounts, ..ExecArgs::default() })?,
            ])
        }
        Command::Load { programs, network, load } => Ok(vec![measure_load(cli, programs, network, load).await?]),
        Command::Idle { programs, network } => Ok(vec![measure_idle(cli, programs, network).await?]),
        Command::Exec(args) => Ok(vec![measure_exec(cli, args)?]),
        Command::Reference => Ok(Vec::new()),
    }
}

impl Default for ExecArgs {
    fn default() -> Self {
        Self { senders: 20_000, accounts: 100_000, blocks: 20, block_size: 4_000, no_sync: false }
    }
}

async fn measure_load(cli: &Cli, programs: &Programs, network: &NetworkArgs, args: &LoadArgs) -> Result<Named> {
    ensure!(args.senders <= 100_000, "--senders {}: genesis money is enough for 100000", args.senders);
    let pace = args.rate.map_or(Pace::Backlog(args.backlog), Pace::Rate);
    let duration = network.seconds + args.warmup + 5;
    let sign = args.sign.unwrap_or_else(|| duration * args.rate.unwrap_or(SIGNED_PER_SECOND));
    let plan = load::LoadPlan {
        network: programs.network(cli, network.validators)?,
        senders: args.senders,
        accounts: args.accounts.max(args.senders),
        batch: args.batch,
        lanes: args.connections,
        pace,
        warmup: Duration::from_secs(args.warmup),
        seconds: Duration::from_secs(network.seconds),
        sign,
        keep: programs.keep,
    };
    eprintln!("{} validator(s) under load for {} + {} s", network.validators, args.warmup, network.seconds);
    let figures = load::run(&plan).await?;
    Ok(Named {
        name: format!("load: {} validator(s), {} accounts", network.validators, plan.accounts),
        settings: json!({
            "validators": network.validators, "seconds": network.seconds, "warmup": args.warmup,
            "senders": plan.senders, "accounts": plan.accounts, "batch": plan.batch, "connections": plan.lanes,
            "backlog": args.rate.is_none().then_some(args.backlog), "rate": args.rate, "sign": sign,
            "set": programs.settings,
        }),
        figures: Figures::Load(figures),
    })
}

async fn measure_idle(cli: &Cli, programs: &Programs, network: &NetworkArgs) -> Result<Named> {
    let plan = idle::IdlePlan {
        network: programs.network(cli, network.validators)?,
        seconds: Duration::from_secs(network.seconds),
        keep: programs.keep,
    };
    eprintln!("{} validator(s) idle for {} s", network.validators, network.seconds);
    let figures = idle::run(&plan).await?;
    Ok(Named {
        name: format!("idle: {} validator(s)", network.validators),
        settings: json!({ "validators": network.validators, "seconds": network.seconds, "set": programs.settings }),
        figures: Figures::Idle(figures),
    })
}

fn measure_exec(cli: &Cli, args: &ExecArgs) -> Result<Named> {
    let ExecArgs { senders, accounts, blocks, block_size, no_sync } = *args;
    let plan = exec::ExecPlan { senders, accounts, blocks, block_size, sync: !no_sync, under: cli.under.clone() };
    eprintln!("the application alone: {blocks} blocks of {block_size} transfers");
    let figures = exec::run(&plan)?;
    Ok(Named {
        name: format!("application alone: blocks of {block_size} transfers, {accounts} accounts"),
        settings: json!({
            "senders": senders, "accounts": accounts, "blocks": blocks, "block_size": block_size, "sync": plan.sync,
        }),
        figures: Figures::Exec(figures),
    })
}

impl Programs {
    fn network(&self, cli: &Cli, validators: u64) -> Result<NetworkPlan> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path)
                .ok()
                .filter(|path| path.is_file())
                .with_context(|| format!("{} is no program: build it first (cargo xtask bench does)", path.display()))
        };
        let setting = |text: &String| {
            let (name, value) = text.split_once('=').with_context(|| format!("--set {text}: write NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(NetworkPlan {
            app: absolute(&self.app)?,
            cometbft: absolute(&self.cometbft)?,
            validators: usize::try_from(validators)?,
            under: cli.under.clone(),
            ready_timeout: Duration::from_secs(self.ready_timeout),
            settings: self.settings.iter().map(setting).collect::<Result<_>>()?,
        })
    }
}
