//! kill -9 and pauses of real processes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{
    dice::Dice,
    rig::{Must, Plan, Rig},
};

/// How many kills "at random" are without `--rounds`.
const KILLS: usize = 20;
/// A pause that others hardly notice, and one that outlasts several rounds.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(20)];
/// How long a network with too few validators is watched.
const STANDSTILL: Duration = Duration::from_secs(8);

/// The processes of a validator.
#[derive(Debug, Clone, Copy)]
enum Process {
    App,
    Comet,
    Supervisor,
}

const NAMES: [(Process, &str); 3] =
    [(Process::App, "application"), (Process::Comet, "CometBFT"), (Process::Supervisor, "supervisor")];

fn pid(rig: &Rig, i: usize, process: Process) -> Result<i32> {
    Ok(match process {
        Process::App => rig.halves(i)?.0,
        Process::Comet => rig.halves(i)?.1,
        Process::Supervisor => rig.network.supervisor(i).with_context(|| format!("node{i} does not run"))?,
    })
}

/// kill -9 of one half of one validator, at a random moment, again and again.
pub(super) fn kill(rig: &mut Rig, dice: &mut Dice, plan: &Plan) -> Result<()> {
    for round in 0..plan.rounds.unwrap_or(KILLS) {
        let i = dice.index(rig.size());
        let (process, name) = NAMES[dice.index(2)];
        rig.rest(Duration::from_millis(500 + dice.below(2_500)))?;
        rig.case("kill", format!("{}: kill -9 node{i}'s {name}", round + 1), Must::GoOn, |rig, case| {
            let victim = pid(rig, i, process)?;
            let now = Instant::now();
            rig.network.kill_9(victim)?;
            rig.returned(case, i, &[victim], now)
        })?;
    }
    Ok(())
}

/// Both halves at once; then the supervisor, after which somebody starts the node again.
pub(super) fn kill_node(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    let i = dice.index(rig.size());
    rig.case("kill-node", format!("kill -9 both halves of node{i} at once"), Must::GoOn, |rig, case| {
        let (app, comet) = rig.halves(i)?;
        let now = Instant::now();
        rig.network.kill_9(app)?;
        rig.network.kill_9(comet)?;
        rig.returned(case, i, &[app, comet], now)
    })?;
    let i = dice.index(rig.size());
    rig.case("kill-node", format!("kill -9 node{i}'s supervisor, start it again"), Must::GoOn, |rig, case| {
        rig.kill_node(i)?;
        let now = Instant::now();
        rig.network.start_node(i)?;
        rig.returned(case, i, &[], now)
    })
}

/// All four at once: every application, then every process.
pub(super) fn kill_all(rig: &mut Rig, _dice: &mut Dice, _plan: &Plan) -> Result<()> {
    rig.case("kill-all", "kill -9 all four applications at once", Must::Return, |rig, case| {
        let victims = (0..rig.size()).map(|i| Ok(rig.halves(i)?.0)).collect::<Result<Vec<_>>>()?;
        let now = Instant::now();
        victims.iter().try_for_each(|pid| rig.network.kill_9(*pid))?;
        (0..rig.size()).try_for_each(|i| rig.returned(case, i, &victims, now))
    })?;
    rig.case("kill-all", "kill -9 every process of all four, start them again", Must::Return, |rig, case| {
        for i in 0..rig.size() {
            let supervisor = pid(rig, i, Process::Supervisor)?;
            rig.network.kill_9(supervisor)?;
        }
        // Their halves go with them; a new supervisor waits for the locks that they hold.
        rig.rest(Duration::from_millis(500))?;
        let now = Instant::now();
        (0..rig.size()).try_for_each(|i| rig.network.start_node(i))?;
        (0..rig.size()).try_for_each(|i| rig.returned(case, i, &[], now))
    })
}

/// SIGSTOP and SIGCONT of each kind of process.
pub(super) fn pause(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    for (process, name) in NAMES {
        for time in PAUSES {
            let i = dice.index(rig.size());
            let what = format!("pause node{i}'s {name} for {} s", time.as_secs());
            rig.case("pause", what, Must::GoOn, |rig, case| {
                let victim = pid(rig, i, process)?;
                rig.pause(victim)?;
                rig.rest(time)?;
                let now = Instant::now();
                rig.resume();
                rig.returned(case, i, &[], now)
            })?;
        }
    }
    Ok(())
}

/// Two of four are gone, more than a third: the network must stand still, and go on when they return.
pub(super) fn two_gone(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    let first = dice.index(rig.size());
    let second = (first + 1 + dice.index(rig.size() - 1)) % rig.size();
    let both = [first, second];
    let mut resumed = Instant::now();
    rig.case("two-gone", format!("pause all of node{first} and node{second}"), Must::Stand, |rig, case| {
        for i in both {
            let (app, comet) = rig.halves(i)?;
            rig.pause(app)?;
            rig.pause(comet)?;
        }
        case.started = Instant::now();
        rig.rest(STANDSTILL)?;
        case.over = Some(Instant::now());
        let before = rig.watch.ledger().newest();
        resumed = Instant::now();
        rig.resume();
        let back =
            rig.wait(Duration::from_secs(60), "blocks come again", |rig| rig.watch.ledger().newest() >= before + 2)?;
        case.back = Some(back);
        Ok(())
    })
}
