//! Faults on a network of real processes, and a judge.
//!
//! ```text
//!   Plan ──▶ Rig: four validators, each a supervisor with its application and its CometBFT
//!             │      ▲ transfers (Load): sent again until they are in a block
//!             │      ▼ blocks (Watch): one thread per node asks for its newest block ──▶ Ledger
//!   scenario ─┴─ case: fault ──▶ everything goes on again ──▶ every block since then on every node ──▶ Outcome
//! ```
//!
//! The judge asks of each fault
//! - Blocks come while more than two thirds of the power live, and none while they do not.
//! - A node that was killed runs and has the newest block within ten seconds.
//! - A block that any node ever showed is on every node in the end: same hash, same app hash, same transactions.
//! - A transfer that any node said yes to is in a block in the end. A sender sends again what is in no block after some
//!   seconds: what a node had only in memory dies with it.
//!
//! Invariants
//! - All chance comes from the seed, for each scenario apart.
//! - Only processes, namespaces, cables and mounts of the run are touched, by number or by their own names; what an
//!   interrupted run left is removed by the next.

#![allow(clippy::indexing_slicing, reason = "validators are numbered, and numbers are below the rig's size")]

pub mod damage;
pub mod dice;
pub mod ledger;
pub mod load;
pub mod report;
pub mod rig;
pub mod watch;

mod cables;
mod clocks;
mod disks;
mod kills;

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result};
use defchain_localnet::{Processes, disk::SmallDisk};

use dice::Dice;
use report::Outcome;
use rig::{Ground, Plan, Rig};

/// One kind of fault.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What `--scenario` calls it.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it stands on.
    pub ground: Ground,
    run: fn(&mut Rig, &mut Dice, &Plan) -> Result<()>,
}

/// All scenarios, in the order in which they run.
pub const SCENARIOS: [Scenario; 10] = [
    Scenario {
        name: "kill",
        about: "kill -9 of any application and any CometBFT, 20 times at random",
        ground: Ground::Plain,
        run: kills::kill,
    },
    Scenario {
        name: "kill-node",
        about: "kill -9 of both halves at once, and of the supervisor",
        ground: Ground::Plain,
        run: kills::kill_node,
    },
    Scenario { name: "kill-all", about: "kill -9 of all four at once", ground: Ground::Plain, run: kills::kill_all },
    Scenario {
        name: "pause",
        about: "SIGSTOP of each kind of process for 2 s and for 20 s",
        ground: Ground::Plain,
        run: kills::pause,
    },
    Scenario {
        name: "two-gone",
        about: "two of four paused: no block, then all goes on",
        ground: Ground::Plain,
        run: kills::two_gone,
    },
    Scenario {
        name: "lost-writes",
        about: "the end of RocksDB's log and of CometBFT's cut, spoilt, removed",
        ground: Ground::Plain,
        run: disks::lost_writes,
    },
    Scenario {
        name: "sync-kill",
        about: "killed at the Nth fsync of a thread (strace)",
        ground: Ground::Plain,
        run: disks::syncs,
    },
    Scenario {
        name: "full-disk",
        about: "one validator's disk is full, then has room (root)",
        ground: Ground::SmallDisk,
        run: disks::full_disk,
    },
    Scenario {
        name: "partition",
        about: "one cut off, a bad cable, two against two (root)",
        ground: Ground::Namespaces,
        run: partition,
    },
    Scenario { name: "clock", about: "a clock 30 s and 90 s wrong", ground: Ground::Skew, run: clocks::skew },
];

fn partition(rig: &mut Rig, dice: &mut Dice, plan: &Plan) -> Result<()> {
    cables::one(rig, dice, plan)?;
    cables::two(rig, dice, plan)
}

/// Runs scenarios, one network for each ground.
///
/// # Errors
/// When a network cannot be made or brought back, or somebody wants this to end. What was found until then is in
/// `outcomes`.
pub fn run(plan: &Plan, scenarios: &[Scenario], outcomes: &mut Vec<Outcome>) -> Result<()> {
    let mut grounds: Vec<Ground> = scenarios.iter().map(|scenario| scenario.ground).collect();
    grounds.sort_unstable();
    grounds.dedup();
    println!("{}", report::heading());
    for ground in grounds {
        let mut rig = Rig::start(plan, ground).with_context(|| format!("a network on {ground:?}"))?;
        for scenario in scenarios.iter().filter(|scenario| scenario.ground == ground) {
            let done = (scenario.run)(&mut rig, &mut Dice::new(plan.seed, scenario.name), plan);
            outcomes.append(&mut rig.outcomes);
            done.with_context(|| format!("scenario {}", scenario.name))?;
        }
        outcomes.extend(rig.finish()?);
    }
    Ok(())
}

/// Takes the folder of all runs for this one, after removing what an interrupted run left: processes that its notes
/// name, mounts below it. Namespaces, whose names are the machine's, are the caller's to remove.
///
/// # Errors
/// When another run has it, or something cannot be removed.
pub fn take(dir: &Path, lock_file: &Path) -> Result<File> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // The same for every folder: the names of namespaces are the machine's.
    let path = lock_file;
    let lock = File::create(path).with_context(|| format!("cannot open {}", path.display()))?;
    lock.try_lock().with_context(|| format!("another run of chaos holds {}: wait for its end", path.display()))?;
    clean(dir)?;
    Ok(lock)
}

/// Removes all networks in the folder.
///
/// # Errors
/// When something cannot be removed.
pub fn clean(dir: &Path) -> Result<()> {
    let folders: Vec<_> = fs::read_dir(dir)?.flatten().map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    for folder in &folders {
        // What does not end in order is killed.
        let _ = Processes::read(folder).stop(folder);
    }
    SmallDisk::clean(dir);
    for folder in folders {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
    }

    #[test]
    fn a_second_run_at_the_same_time_is_refused_and_leftovers_are_removed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let old = folder.path().join("plain");
        fs::create_dir(&old)?;
        fs::write(old.join("network.json"), b"[]")?;
        let file = folder.path().join("lock");
        let lock = take(folder.path(), &file)?;
        assert!(!old.exists());
        assert!(take(folder.path(), &file).is_err());
        drop(lock);
        take(folder.path(), &file).map(|_| ())
    }
}
