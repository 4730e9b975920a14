//! Checks the model: `cargo xtask model`.

use std::{fs, path::PathBuf, thread};

use anyhow::{Context, Result};
use clap::Parser;
use defchain_pod_model::{Mistake, Size, check, check_all, curve};

/// Checks every world of the readable model exhaustively
#[derive(Parser)]
#[command(name = "cargo xtask model")]
struct Args {
    /// The small worlds that every test run checks, instead of the larger ones
    #[arg(long)]
    short: bool,
    /// Plant a mistake and show how it is found; `list` prints them
    #[arg(long, value_name = "NAME")]
    mistake: Option<String>,
    /// Write the picture of the decay curve that the book shows
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Threads; all cores when absent
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(file) = args.picture {
        return fs::write(&file, curve::svg()).with_context(|| format!("cannot write {}", file.display()));
    }
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let size = if args.short { Size::Short } else { Size::Long };
    let Some(name) = args.mistake else { return check::report(size, threads) };
    if name == "list" {
        for mistake in Mistake::ALL {
            println!("{:<24} {mistake}", format!("{mistake:?}"));
        }
        return Ok(());
    }
    let mistake = Mistake::ALL.iter().find(|m| format!("{m:?}").eq_ignore_ascii_case(&name));
    let mistake = mistake.with_context(|| format!("no mistake {name:?}; --mistake list prints them"))?;
    check_all(Size::Short, Some(*mistake), 1);
    Ok(())
}
