//! Faults on a network of real processes: see `defchain_sim::chaos`.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use defchain_localnet::netns::Namespaces;
use defchain_sim::chaos::{self, SCENARIOS, Scenario, report, rig::Plan};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Faults on a network of four validators, and what came of them")]
struct Args {
    /// Only these scenarios (repeat it); `--list` names them
    #[arg(long)]
    scenario: Vec<String>,
    /// Name the scenarios
    #[arg(long)]
    list: bool,
    /// Seed of all chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many faults, where a scenario has a choice
    #[arg(long)]
    rounds: Option<usize>,
    /// Transfers a second
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// Write the table as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// `defchain-app`
    #[arg(long, env = "DEFCHAIN_APP")]
    app: PathBuf,
    /// The modified CometBFT
    #[arg(long, env = "DEFCHAIN_COMETBFT")]
    cometbft: PathBuf,
    /// The same built with `--tags pod,pod_skew`: needed for the scenario `clock`
    #[arg(long, env = "DEFCHAIN_COMETBFT_SKEW")]
    cometbft_skew: Option<PathBuf>,
    /// Where networks are made; their logs stay there when something failed
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<bool> {
    if args.list {
        for scenario in SCENARIOS {
            println!("{:<12} {}", scenario.name, scenario.about);
        }
        return Ok(true);
    }
    let scenarios = chosen(&args)?;
    let dir = args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("defchain-chaos"));
    let interrupt = Arc::new(AtomicBool::new(false));
    interrupted_by_signal(interrupt.clone())?;
    let _lock = chaos::take(&dir, &std::env::temp_dir().join("defchain-chaos.lock"))?;
    // Behind the lock, so they are nobody's.
    Namespaces::clean();
    let plan = Plan {
        app: args.app,
        cometbft: args.cometbft,
        skewed: args.cometbft_skew.unwrap_or_default(),
        dir: dir.clone(),
        rate: args.rate,
        seed: args.seed,
        rounds: args.rounds,
        interrupt,
    };
    println!("seed {}, {} transfers a second", plan.seed, plan.rate);
    let mut outcomes = Vec::new();
    let done = chaos::run(&plan, &scenarios, &mut outcomes);
    println!("\n{}", report::summary(&outcomes));
    if let Some(path) = &args.json {
        let table = serde_json::json!({"seed": plan.seed, "rate": plan.rate, "faults": outcomes});
        std::fs::write(path, serde_json::to_vec_pretty(&table)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let survived = outcomes.iter().filter(|outcome| outcome.survived()).count();
    println!("{survived} of {} survived", outcomes.len());
    done?;
    if survived == outcomes.len() {
        chaos::clean(&dir)?;
    } else {
        println!("the logs are in {}", dir.display());
    }
    Ok(survived == outcomes.len())
}

fn chosen(args: &Args) -> Result<Vec<Scenario>> {
    let all = || SCENARIOS.into_iter();
    for name in &args.scenario {
        if !all().any(|scenario| scenario.name == name) {
            let names: Vec<&str> = all().map(|scenario| scenario.name).collect();
            bail!("no scenario {name:?}: there are {}", names.join(", "));
        }
    }
    let wanted = |scenario: &Scenario| args.scenario.is_empty() || args.scenario.iter().any(|n| n == scenario.name);
    let scenarios: Vec<Scenario> = all().filter(wanted).collect();
    if args.cometbft_skew.is_none() && scenarios.iter().any(|scenario| scenario.name == "clock") {
        bail!("the scenario clock needs --cometbft-skew, a CometBFT built with --tags pod,pod_skew");
    }
    Ok(scenarios)
}

/// SIGINT and SIGTERM end the run in order: processes, namespaces and mounts go with it.
fn interrupted_by_signal(flag: Arc<AtomicBool>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            flag.store(true, Ordering::SeqCst);
        });
    });
    Ok(())
}
