//! Simulated networks: `defchain-sim --seeds 1000 --blocks 100`, and the one line that replays what it finds.

#![allow(clippy::arithmetic_side_effects, reason = "counts and durations of a developer's tool")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use defchain_sim::simulator::{
    Fault, Outcome, Script, Settings,
    campaign::{Campaign, campaign, distil, plant_all},
    mutants::{self, MUTANTS},
    replay,
};

/// The allocator of the node, so that figures are comparable.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(
    name = "defchain-sim",
    about = "Networks of the real application in one process, the same from the same seed"
)]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed; by default 1
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Blocks of each run
    #[arg(long, default_value_t = 100)]
    blocks: u64,
    /// Replicas, each a validator
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    replicas: u8,
    /// Transactions sent per block, on average
    #[arg(long, default_value_t = 10)]
    txs: u64,
    /// Runs at a time; by default one per core
    #[arg(long)]
    threads: Option<usize>,
    /// Nobody dies, nobody is cut off, no proposal fails
    #[arg(long)]
    calm: bool,
    /// Run each seed twice and compare every call
    #[arg(long)]
    twice: bool,
    /// Plant this fault in one replica of each run
    #[arg(long)]
    fault: Option<String>,
    /// Plant every fault, each in as many seeds as it takes to show, and say what caught it
    #[arg(long, conflicts_with_all = ["fault", "twice"])]
    faults: bool,
    /// Play this script instead of what the seed would invent (a failing run prints one)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "twice", "faults"])]
    script: Option<PathBuf>,
    /// Where the script of a failure is written
    #[arg(long, value_name = "FILE", default_value = "target/failure.script")]
    write_script: PathBuf,
    /// Break each rule in a copy of the sources and say whether a run notices; takes a build and some minutes
    #[arg(long, conflicts_with_all = ["fault", "faults", "script", "twice"])]
    mutants: bool,
    /// Do not look for the least script of a failure
    #[arg(long)]
    no_shrink: bool,
    /// Print every call of the run; for one seed
    #[arg(long)]
    events: bool,
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<bool> {
    let fault = match &args.fault {
        None => None,
        Some(name) => match Fault::by_name(name) {
            Some(fault) => Some(fault),
            None => {
                let known: Vec<String> = Fault::ALL.iter().map(ToString::to_string).collect();
                bail!("no fault is called {name:?}; there are {}", known.join(", "));
            }
        },
    };
    let settings = Settings {
        seed: args.seed,
        blocks: args.blocks,
        replicas: usize::from(args.replicas),
        txs: args.txs,
        calm: args.calm,
        fault,
    };
    println!("commit {}", commit());
    if let Some(file) = &args.script {
        return play(file, &settings);
    }
    if args.mutants {
        return hunt_mutants(args);
    }
    if args.faults { Ok(plant(args, &settings)) } else { Ok(run_all(args, settings)) }
}

fn run_all(args: &Args, settings: Settings) -> bool {
    let last = args.seed.wrapping_add(args.seeds.saturating_sub(1));
    println!("seeds {} to {last}, {} blocks, {} replicas", args.seed, args.blocks, args.replicas);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Campaign {
        first: args.seed,
        seeds: args.seeds,
        threads: args.threads.unwrap_or(cores),
        settings,
        twice: args.twice,
    };
    let (started, every) = (Instant::now(), (args.seeds / 20).max(1));
    let report = campaign(&plan, |done, outcome| {
        if args.events {
            outcome.audit.events().iter().for_each(|event| println!("{event}"));
        }
        if done % every == 0 {
            let digest = outcome.audit.digest();
            let took = started.elapsed().as_secs_f64();
            println!(
                "{done} of {} seeds, {took:.1} s; seed {} ends at {digest:016x}",
                args.seeds, outcome.settings.seed
            );
        }
    });
    let (counts, took) = (&report.counts, report.took.as_secs_f64());
    println!(
        "{} blocks in {} rounds, {} executed ({} by sync, {} by replay), {} proposals refused, {} crashes\n\
         {} transactions sent, {} taken, {} in blocks: {} failed, {} created contracts, {} wrote logs, {} delegated\n\
         {took:.1} s: {:.0} blocks a second, {:.0} executions of blocks a second",
        counts.blocks,
        counts.rounds,
        counts.executed,
        counts.synced,
        counts.replayed,
        counts.refused,
        counts.crashes,
        counts.sent,
        counts.taken,
        counts.included,
        counts.failed,
        counts.created,
        counts.logged,
        counts.delegated,
        counts.blocks as f64 / took,
        counts.executed as f64 / took,
    );
    if let Some((seed, difference)) = &report.differing {
        println!("\nTwo runs of seed {seed} differ: {difference}");
    }
    if let Some(failed) = &report.failed {
        explain(failed);
        if !args.no_shrink {
            shorten(args, failed);
        }
    }
    let good = report.failed.is_none() && report.differing.is_none();
    println!("{} of {} seeds without a difference", report.good, args.seeds);
    good
}

fn plant(args: &Args, settings: &Settings) -> bool {
    let mut all = true;
    for caught in plant_all(args.seed, args.seeds, settings) {
        match &caught.by {
            Some(outcome) => {
                let shown = outcome.planted_at.unwrap_or(0);
                let what = outcome.failure.as_ref().map(ToString::to_string).unwrap_or_default();
                println!("{}: seed {}, shown at block {shown}; {what}", caught.fault, outcome.settings.seed);
            }
            None => {
                all = false;
                println!("{}: NOT CAUGHT in {} seeds", caught.fault, args.seeds);
            }
        }
    }
    all
}

fn explain(failed: &Outcome) {
    let seed = failed.settings.seed;
    if let Some(failure) = &failed.failure {
        println!("\nSeed {seed}: {failure}");
    }
    let events = failed.audit.events();
    println!("The last calls:");
    events.iter().skip(events.len().saturating_sub(8)).for_each(|event| println!("  {event}"));
    println!("Again: cargo xtask sim --seeds 1 {}", flags(&failed.settings));
}

fn hunt_mutants(args: &Args) -> Result<bool> {
    let root = std::env::current_dir()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    println!("building a copy with {} mutants …", MUTANTS.len());
    let program = mutants::build(&root, &target.join("mutants"), &target.join("mutants-target"))?;
    let arguments = [("--seeds", args.seeds), ("--seed", args.seed), ("--blocks", args.blocks), ("--txs", args.txs)];
    let arguments: Vec<String> =
        arguments.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]).collect();
    let all = mutants::hunt(&program, &arguments, |hunted| {
        let found = hunted.found.as_deref().unwrap_or("NOT CAUGHT");
        println!("{} ({}): {}", hunted.mutant.name, hunted.mutant.ruling, found.chars().take(200).collect::<String>());
    })?;
    let caught = all.iter().filter(|hunted| hunted.found.is_some()).count();
    println!("{caught} of {} mutants caught", all.len());
    Ok(caught == all.len())
}

fn flags(settings: &Settings) -> String {
    let Settings { seed, blocks, replicas, txs, calm, fault } = settings;
    let calm = if *calm { " --calm" } else { "" };
    let fault = fault.map_or_else(String::new, |fault| format!(" --fault {fault}"));
    format!("--seed {seed} --blocks {blocks} --replicas {replicas} --txs {txs}{calm}{fault}")
}

fn shorten(args: &Args, failed: &Outcome) {
    println!("\nLooking for the least that fails …");
    let Some((settings, script)) = distil(failed) else {
        println!("Its script does not repeat it: only the seed does.");
        return;
    };
    println!("{} of {} events are needed:", script.len(), failed.script.len());
    for line in script.to_string().lines() {
        println!("  {}", line.chars().take(240).collect::<String>());
    }
    match std::fs::write(&args.write_script, script.to_string()) {
        Ok(()) => println!("Again: cargo xtask sim {} --script {}", flags(&settings), args.write_script.display()),
        Err(error) => println!("cannot write {}: {error}", args.write_script.display()),
    }
}

fn play(file: &Path, settings: &Settings) -> Result<bool> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let script: Script = text.parse().with_context(|| file.display().to_string())?;
    let outcome = replay(settings, &script);
    println!("{} events in {} blocks: {:?}", script.len(), settings.blocks, outcome.counts);
    match &outcome.failure {
        Some(failure) => println!("{failure}"),
        None => println!("nothing is wrong"),
    }
    Ok(outcome.failure.is_none())
}

/// Which commit this runs on, as far as git says.
fn commit() -> String {
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git").args(args).output().ok().filter(|out| out.status.success())?;
        Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if !changes.is_empty() => format!("{commit} with changes"),
        _ => commit,
    }
}
