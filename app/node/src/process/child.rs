//! A program that dies with its supervisor and holds locks for as long as it lives.
//!
//! Hidden command `run-child`: it asks the system to kill this process when the supervisor dies, takes the locks, and
//! then becomes the program. No unsafe code runs between fork and exec, and no other process ever holds the locks.

use std::{ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use nix::{
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Pid, getppid},
};

use super::lock::Lock;

/// A predecessor whose supervisor was killed is being killed by the system at this very moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `run-child`.
#[derive(Debug, Clone, clap::Args)]
pub struct ChildArgs {
    /// The supervisor's process number
    #[arg(long)]
    pub parent: i32,
    /// Lock files to hold
    #[arg(long = "lock")]
    pub locks: Vec<PathBuf>,
    /// The program with its arguments
    #[arg(last = true, required = true)]
    pub program: Vec<OsString>,
}

/// Ends this process by `signal` when the process `parent`, which must be its parent, ends.
///
/// # Errors
/// When the parent is gone already.
pub fn die_with_parent(parent: i32, signal: Signal) -> Result<()> {
    set_pdeathsig(signal).context("cannot ask to end with the supervisor")?;
    // It may have died before we asked.
    if getppid() != Pid::from_raw(parent) {
        bail!("the supervisor {parent} is gone");
    }
    Ok(())
}

/// Becomes the program.
///
/// # Errors
/// When a lock is busy, or the program cannot be run.
pub fn run(args: &ChildArgs) -> Result<()> {
    die_with_parent(args.parent, Signal::SIGKILL)?;
    for path in &args.locks {
        Lock::take(path, "the consensus key of this node", PATIENCE)?.keep_over_exec()?;
    }
    let Some((program, rest)) = args.program.split_first() else { bail!("no program") };
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
