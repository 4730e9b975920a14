//! What disks do: lose the end of a log, stop in the middle of a write, be full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    damage::{Damage, newest_log},
    dice::Dice,
    rig::{Case, Must, Plan, Rig, SMALL},
};

/// What is done to RocksDB's newest log. More than a few blocks are lost by the last ones.
const STORE_DAMAGE: [Damage; 7] = [
    Damage::Cut(1),
    Damage::Cut(700),
    Damage::Cut(60_000),
    Damage::Spoil(16, 300),
    Damage::Spoil(64, 20_000),
    Damage::Zeros(4_096),
    Damage::Gone,
];
/// What is done to the log of CometBFT's consensus.
const COMET_DAMAGE: [Damage; 6] = [
    Damage::Cut(1),
    Damage::Cut(500),
    Damage::Cut(40_000),
    Damage::Spoil(16, 300),
    Damage::Spoil(64, 20_000),
    Damage::Gone,
];
/// At which sync of a thread a process is killed.
const SYNCS: [u32; 5] = [1, 2, 3, 7, 20];
/// Until that sync comes.
const STRIKE: Duration = Duration::from_secs(40);
/// How long a disk is full.
const FULL: Duration = Duration::from_secs(20);
/// Until a node on it has noticed.
const NOTICE: Duration = Duration::from_secs(40);
/// Bytes that stay free on a full disk: a few small files, no block.
const LEFT: u64 = 64 << 10;

/// The store's and the consensus' log after a power failure.
pub(super) fn lost_writes(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    for damage in STORE_DAMAGE {
        let i = dice.index(rig.size());
        let what = format!("kill node{i}; RocksDB's log: {damage}");
        damaged(rig, dice, i, what, damage, |home| newest_log(&home.join("data/app/db")))?;
    }
    for damage in COMET_DAMAGE {
        let i = dice.index(rig.size());
        let what = format!("kill node{i}; CometBFT's consensus log: {damage}");
        damaged(rig, dice, i, what, damage, |home| Ok(home.join("data/cs.wal/wal")))?;
    }
    Ok(())
}

fn damaged(
    rig: &mut Rig,
    dice: &mut Dice,
    i: usize,
    what: String,
    damage: Damage,
    log: impl Fn(&Path) -> Result<PathBuf>,
) -> Result<()> {
    rig.rest(Duration::from_millis(500 + dice.below(1_500)))?;
    rig.case("lost-writes", what, Must::GoOn, |rig, case| {
        rig.kill_node(i)?;
        damage.inflict(&log(&rig.network.nodes[i].home)?, dice)?;
        let now = Instant::now();
        rig.network.start_node(i)?;
        let floor = rig.watch.newest_but(i) + 1;
        rig.wait(Duration::from_secs(60), &format!("node{i} returns or says why not"), |rig| {
            rig.network.supervisor(i).is_none() || rig.is_back(i, &[], now, floor)
        })?;
        if rig.network.supervisor(i).is_some() {
            return rig.returned(case, i, &[], now);
        }
        refused(rig, case, i)
    })
}

/// A node that did not start must have said what is damaged and what to do; then that is done.
fn refused(rig: &mut Rig, case: &mut Case, i: usize) -> Result<()> {
    let words = rig.last_words(i);
    let clear = words.contains("damaged") && words.contains("sync again");
    ensure!(clear, "node{i} did not start, and does not say what is damaged and what to do: {words}");
    case.notes.push(format!("node{i} refused its data, was emptied as it says, and replayed its blocks: {words}"));
    fs::remove_dir_all(rig.network.nodes[i].home.join("data/app"))?;
    let now = Instant::now();
    rig.network.start_node(i)?;
    rig.returned(case, i, &[], now)
}

/// A tracer that kills a process when it is about to sync for the Nth time.
struct Tracer(Child);

impl Tracer {
    fn attach(pid: i32, n: u32) -> Result<Self> {
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
            .arg(format!("inject=fsync,fdatasync:signal=KILL:when={n}"))
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Ok(Self(child.context("cannot run strace (Debian package strace)")?))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Ends with the process it watches, most of the time.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process dies between a write and its sync.
pub(super) fn syncs(rig: &mut Rig, dice: &mut Dice, plan: &Plan) -> Result<()> {
    for n in SYNCS.into_iter().take(plan.rounds.unwrap_or(SYNCS.len())) {
        for app in [true, false] {
            let i = dice.index(rig.size());
            let name = if app { "application" } else { "CometBFT" };
            let what = format!("kill node{i}'s {name} at sync {n} of a thread");
            rig.case("sync-kill", what, Must::GoOn, |rig, case| {
                let (first, second) = rig.halves(i)?;
                let victim = if app { first } else { second };
                let tracer = Tracer::attach(victim, n)?;
                let alive = |rig: &Rig| {
                    let (app, comet) = rig.network.halves(i);
                    [app, comet].contains(&Some(victim))
                };
                rig.wait(STRIKE, &format!("sync {n} of node{i}'s {name}"), |rig| !alive(rig))?;
                drop(tracer);
                let now = Instant::now();
                rig.returned(case, i, &[victim], now)
            })?;
        }
    }
    Ok(())
}

/// One validator's disk is full: it says so, the others go on, and it returns when there is room.
pub(super) fn full_disk(rig: &mut Rig, _dice: &mut Dice, _plan: &Plan) -> Result<()> {
    let i = SMALL;
    rig.case("full-disk", format!("node{i}'s disk is full for {} s", FULL.as_secs()), Must::GoOn, |rig, case| {
        let disk = rig.disk.as_ref().context("no small disk")?;
        let (app, comet) = rig.halves(i)?;
        disk.fill(LEFT)?;
        rig.wait(NOTICE, &format!("node{i} notices that its disk is full"), |rig| {
            let (now_app, now_comet) = rig.network.halves(i);
            now_app != Some(app) || now_comet != Some(comet) || rig.network.supervisor(i).is_none()
        })?;
        // A half that ends gives back what it had reserved: that is taken too.
        let full = Instant::now();
        while full.elapsed() < FULL {
            rig.disk.as_ref().context("no small disk")?.fill(LEFT)?;
            rig.rest(Duration::from_millis(100))?;
        }
        let (app, comet) = rig.network.halves(i);
        ensure!(app.is_none() && comet.is_none(), "node{i} runs on a full disk");
        let words = said(rig, i);
        ensure!(!words.is_empty(), "node{i} does not say that its disk is full");
        case.notes.push(words);
        rig.disk.as_ref().context("no small disk")?.relieve()?;
        let now = Instant::now();
        if rig.network.supervisor(i).is_none() {
            case.notes.push(format!("node{i} had ended and was started again"));
            rig.network.start_node(i)?;
        }
        rig.returned(case, i, &[], now)
    })
}

/// The first line of a node's logs that says that there is no room.
fn said(rig: &Rig, i: usize) -> String {
    for name in ["supervisor.log", "app.log", "cometbft.log"] {
        let text = fs::read_to_string(rig.network.nodes[i].log_dir().join(name)).unwrap_or_default();
        let full = |line: &&str| line.contains("is full") || line.to_lowercase().contains("no space left");
        if let Some(line) = text.lines().rev().find(full) {
            return format!("{name}: {}", line.chars().take(400).collect::<String>());
        }
    }
    String::new()
}
