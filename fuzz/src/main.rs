//! Runs targets by hand.
#![allow(clippy::arithmetic_side_effects, reason = "a tool of tests")]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use defchain_fuzz::{Target, bounded, corpus, memory::Counting, seeds, target, targets};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Mutated input for every decoder.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Names of all targets.
    List,
    /// Writes what the encoders make today into the corpora.
    Seeds,
    /// Judges files and says what became of them.
    Judge {
        /// Which target.
        target: String,
        /// The inputs.
        files: Vec<PathBuf>,
    },
    /// Runs for so long, with seeds one after the other, and ends at the first finding.
    Run {
        /// Which targets; all when none is named.
        targets: Vec<String>,
        /// Seconds for each.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::List => targets().iter().for_each(|target| println!("{}", target.name)),
        Command::Seeds => write_seeds()?,
        Command::Judge { target, files } => judge(&named(&target)?, &files)?,
        Command::Run { targets: names, seconds, seed } => {
            let chosen =
                if names.is_empty() { targets() } else { names.iter().map(|n| named(n)).collect::<Result<_>>()? };
            for target in chosen {
                run(&target, Duration::from_secs(seconds), seed)?;
            }
        }
    }
    Ok(())
}

fn named(name: &str) -> Result<Target> {
    target(name).with_context(|| format!("there is no target {name:?}; `defchain-fuzz list` names them"))
}

fn write_seeds() -> Result<()> {
    for seed in seeds::seeds() {
        let folder = corpus::folder().join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&seed.name), &seed.bytes)?;
    }
    Ok(())
}

fn judge(target: &Target, files: &[PathBuf]) -> Result<()> {
    for file in files {
        let input = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        match bounded::judge(target, &input) {
            Ok(Ok(())) => println!("{}: taken", file.display()),
            Ok(Err(why)) => println!("{}: refused: {why}", file.display()),
            Err(failure) => bail!("{}: {}", file.display(), failure.why),
        }
    }
    Ok(())
}

fn run(target: &Target, time: Duration, first: u64) -> Result<()> {
    let corpus = corpus::read(target.name)?;
    let (start, mut seed, mut inputs) = (Instant::now(), first, 0_u64);
    while start.elapsed() < time {
        match bounded::run(target, &corpus, seed, 2_000) {
            Ok(counts) => inputs += u64::from(counts.taken) + u64::from(counts.refused),
            Err(failure) => bail!("{}", failure.report(&bounded::findings())),
        }
        seed += 1;
    }
    println!("{}: {inputs} inputs, nothing found", target.name);
    Ok(())
}
