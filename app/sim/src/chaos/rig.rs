//! A network of real processes with load and watchers on it, and what a scenario does with it.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use defchain_localnet::{Network, PortPlan, Spec, create, disk::SmallDisk, last_lines, netns::Namespaces};

use super::{
    load::{Load, receipt_height},
    report::{BACK, Outcome},
    watch::{self, Watch, block},
};

/// What the validators stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// Ports of the loopback.
    Plain,
    /// A network namespace per validator.
    Namespaces,
    /// One validator has a small disk of its own.
    SmallDisk,
    /// A CometBFT whose clock can be set wrong.
    Skew,
}

/// The validator with the small disk.
pub const SMALL: usize = 1;
/// Its size.
const SMALL_MIB: u64 = 192;
/// How often something awaited is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Until a new network makes blocks.
const READY: Duration = Duration::from_secs(90);
/// Until everything is level again after a fault.
const LEVEL: Duration = Duration::from_secs(90);
/// Without a block for longer than this, the network does not go on: several rounds in a row may have drawn a dead
/// proposer.
const LONGEST_GAP: Duration = Duration::from_secs(15);
/// Blocks under way when more than a third is lost may still be decided.
const GRACE: Duration = Duration::from_secs(3);
/// Transactions looked up on each node after each fault.
const RECEIPTS: usize = 20;

/// What must hold for the network while a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// More than two thirds live: blocks come.
    GoOn,
    /// Too few live: no block comes until the fault is over.
    Stand,
    /// Blocks come when the fault is over; meanwhile it depends.
    Return,
}

/// Programs, folder and figures of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `defchain-app`.
    pub app: PathBuf,
    /// The modified CometBFT.
    pub cometbft: PathBuf,
    /// The same with a clock that can be set wrong.
    pub skewed: PathBuf,
    /// Where networks are made.
    pub dir: PathBuf,
    /// Transfers a second.
    pub rate: u64,
    /// The seed of all dice.
    pub seed: u64,
    /// How many faults, where a scenario has a choice.
    pub rounds: Option<usize>,
    /// Set when somebody wants this to end.
    pub interrupt: Arc<AtomicBool>,
}

/// A fault under way.
#[derive(Debug)]
pub struct Case {
    /// When it began.
    pub started: Instant,
    /// When it was over; the end of the case when nobody says.
    pub over: Option<Instant>,
    /// How long the node took to return.
    pub back: Option<Duration>,
    /// What was seen.
    pub notes: Vec<String>,
    /// What should not be.
    pub problems: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Rig {
    /// The processes.
    pub network: Network,
    /// What the nodes show.
    pub watch: Arc<Watch>,
    /// Cables, on [`Ground::Namespaces`].
    pub namespaces: Option<Namespaces>,
    /// The small disk, on [`Ground::SmallDisk`].
    pub disk: Option<SmallDisk>,
    /// What has happened.
    pub outcomes: Vec<Outcome>,
    /// When the network was started.
    pub born: Instant,
    load: Option<Load>,
    watchers: Vec<JoinHandle<()>>,
    interrupt: Arc<AtomicBool>,
    paused: Vec<i32>,
    checked: u64,
}

impl Rig {
    /// Makes a network of four validators and puts load on it.
    ///
    /// # Errors
    /// When it makes no blocks.
    pub fn start(plan: &Plan, ground: Ground) -> Result<Self> {
        let dir = plan.dir.join(format!("{ground:?}").to_lowercase());
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let comet = if ground == Ground::Skew { &plan.skewed } else { &plan.cometbft };
        let mut spec = Spec::localnet(&dir, &plan.app, comet, Spec::default_powers(4));
        spec.ports = PortPlan::Free;
        let namespaces = (ground == Ground::Namespaces).then(|| Namespaces::create(4)).transpose()?;
        spec.places = namespaces.as_ref().map(Namespaces::places).unwrap_or_default();
        let small = dir.join(format!("node{SMALL}"));
        let disk = (ground == Ground::SmallDisk).then(|| SmallDisk::mount(&small, SMALL_MIB)).transpose()?;
        let born = Instant::now();
        let network = Network::start(&dir, &plan.app, create(&spec)?)?;
        network.wait_height(3, READY)?;
        let watch = Watch::new(network.nodes.len());
        let watchers = watch::start(&watch, &network.nodes);
        let load = Load::start(&network.nodes, &watch, plan.rate);
        let rig = Self {
            network,
            watch,
            namespaces,
            disk,
            outcomes: Vec::new(),
            born,
            load: Some(load),
            watchers,
            interrupt: plan.interrupt.clone(),
            paused: Vec::new(),
            checked: 0,
        };
        rig.wait(READY, "transfers are in blocks", |rig| rig.watch.ledger().transactions() >= 20)?;
        Ok(rig)
    }

    /// Waits until `done` says so; returns how long it took.
    ///
    /// # Errors
    /// When it takes longer than `patience`, or somebody wants this to end.
    pub fn wait(&self, patience: Duration, what: &str, mut done: impl FnMut(&Self) -> bool) -> Result<Duration> {
        let started = Instant::now();
        while !done(self) {
            self.go_on()?;
            if started.elapsed() > patience {
                bail!("{what}: not within {} s", patience.as_secs());
            }
            sleep(LOOK);
        }
        Ok(started.elapsed())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// When somebody wants this to end.
    pub fn rest(&self, time: Duration) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < time {
            self.go_on()?;
            sleep(LOOK.min(time));
        }
        Ok(())
    }

    fn go_on(&self) -> Result<()> {
        ensure!(!self.interrupt.load(Ordering::SeqCst), "interrupted");
        Ok(())
    }

    /// How many validators there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.network.nodes.len()
    }

    /// Both halves of a validator.
    ///
    /// # Errors
    /// When one does not run.
    pub fn halves(&self, i: usize) -> Result<(i32, i32)> {
        let (app, comet) = self.network.halves(i);
        Ok((
            app.with_context(|| format!("node{i}'s application does not run"))?,
            comet.with_context(|| format!("node{i}'s CometBFT does not run"))?,
        ))
    }

    /// Stops a process where it is, until [`Self::resume`].
    ///
    /// # Errors
    /// When it is gone.
    pub fn pause(&mut self, pid: i32) -> Result<()> {
        self.paused.push(pid);
        self.network.pause(pid, true)
    }

    /// Lets all paused processes go on.
    pub fn resume(&mut self) {
        for pid in self.paused.drain(..) {
            // One that was killed meanwhile needs nothing.
            let _ = self.network.pause(pid, false);
        }
    }

    /// Kills a supervisor, which takes its halves along, and waits until all are gone.
    ///
    /// # Errors
    /// When one lives on.
    pub fn kill_node(&self, i: usize) -> Result<()> {
        let (app, comet) = self.network.halves(i);
        let supervisor = self.network.supervisor(i).with_context(|| format!("node{i} does not run"))?;
        self.network.kill_9(supervisor)?;
        let all = [Some(supervisor), app, comet];
        self.wait(Duration::from_secs(15), "a killed node's processes are gone", |_| {
            all.iter().flatten().all(|pid| !is_alive(*pid))
        })?;
        Ok(())
    }

    /// Waits until a validator runs again, with none of the processes `gone`, and has the newest block of the others;
    /// notes how long that took since `since`. It is a problem when it takes longer than it may.
    ///
    /// # Errors
    /// When it does not return at all.
    pub fn returned(&self, case: &mut Case, i: usize, gone: &[i32], since: Instant) -> Result<()> {
        // A block that was not there yet: its RPC alone speaks sooner.
        let floor = self.watch.newest_but(i).max(self.watch.view(i).height) + 1;
        self.wait(LEVEL, &format!("node{i} returns"), |rig| {
            rig.network.supervisor(i).is_none() || rig.is_back(i, gone, since, floor)
        })
        .with_context(|| last_lines(&self.network.nodes[i]))?;
        ensure!(self.network.supervisor(i).is_some(), "node{i} ended: {}", self.last_words(i));
        let took = since.elapsed();
        case.back = case.back.max(Some(took));
        case.over = Some(Instant::now());
        if took > BACK {
            case.problems.push(format!("node{i} took {:.1} s to return", took.as_secs_f64()));
        }
        Ok(())
    }

    /// Whether a validator runs, speaks, and is level with the others.
    #[must_use]
    pub fn is_back(&self, i: usize, gone: &[i32], since: Instant, floor: u64) -> bool {
        let view = self.watch.view(i);
        if view.at.is_none_or(|at| at <= since) || view.height < floor || view.height + 2 < self.watch.newest_but(i) {
            return false;
        }
        let (app, comet) = self.network.halves(i);
        [app, comet].iter().all(|half| half.is_some_and(|pid| !gone.contains(&pid)))
    }

    /// Does a fault, and judges what came of it.
    ///
    /// # Errors
    /// When somebody wants this to end, or the network cannot be brought back for the next fault.
    pub fn case(
        &mut self,
        scenario: &str,
        what: impl Into<String>,
        must: Must,
        fault: impl FnOnce(&mut Self, &mut Case) -> Result<()>,
    ) -> Result<()> {
        let mut case =
            Case { started: Instant::now(), over: None, back: None, notes: Vec::new(), problems: Vec::new() };
        if let Err(error) = fault(self, &mut case) {
            case.problems.push(format!("{error:#}"));
        }
        self.go_on()?;
        let over = case.over.unwrap_or_else(Instant::now);
        let pace = self.watch.ledger().pace(case.started, over);
        self.judge_pace(&mut case, must, over);
        let level = self.bring_back(&mut case);
        case.problems.extend(self.check());
        let outcome = Outcome {
            scenario: scenario.to_owned(),
            what: what.into(),
            lasted_ms: ms(over.saturating_duration_since(case.started)),
            blocks: pace.blocks,
            longest_gap_ms: ms(pace.longest),
            back_ms: case.back.map(ms),
            notes: case.notes,
            problems: case.problems,
        };
        println!("{}", outcome.line());
        self.outcomes.push(outcome);
        level
    }

    fn judge_pace(&self, case: &mut Case, must: Must, over: Instant) {
        let ledger = self.watch.ledger();
        match must {
            Must::GoOn => {
                let pace = ledger.pace(case.started, over);
                if pace.longest > LONGEST_GAP {
                    let gap = pace.longest.as_secs_f64();
                    case.problems.push(format!("more than two thirds lived, and no block came for {gap:.1} s"));
                }
            }
            Must::Stand => {
                let blocks = ledger.pace(case.started + GRACE, over).blocks;
                if over < case.started + GRACE {
                    case.problems.push("the fault was too short to show anything".to_owned());
                }
                if blocks > 0 {
                    case.problems.push(format!("{blocks} blocks came though a third or more was gone"));
                }
            }
            Must::Return => {}
        }
    }

    /// Whatever a fault left: everything goes on, and every node gets the newest block.
    fn bring_back(&mut self, case: &mut Case) -> Result<()> {
        self.resume();
        for i in 0..self.size() {
            if self.network.supervisor(i).is_none() {
                case.problems.push(format!("node{i} was down at the end; its last words: {}", self.last_words(i)));
                self.network.start_node(i)?;
            }
        }
        let goal = self.watch.ledger().newest() + 2;
        let level = self.wait(LEVEL, &format!("block {goal} on all nodes"), |rig| {
            (0..rig.size()).all(|i| rig.watch.view(i).height >= goal)
        });
        if level.is_err() && !self.interrupt.load(Ordering::SeqCst) {
            let logs: Vec<String> = self.network.nodes.iter().map(last_lines).collect();
            eprintln!("{}", logs.join("\n"));
        }
        level.map(|_| ())
    }

    /// The last line of a supervisor.
    #[must_use]
    pub fn last_words(&self, i: usize) -> String {
        let log = self.network.nodes.get(i).map(|node| node.log_dir().join("supervisor.log"));
        let text = log.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let from = text.rfind("error: ").unwrap_or_else(|| text.trim_end().rfind('\n').unwrap_or(0));
        text.get(from..).unwrap_or_default().trim().chars().take(1_200).collect()
    }

    /// Every height since the last check is the same on every node, and so are some of its receipts.
    fn check(&mut self) -> Vec<String> {
        // What all nodes have by now; the next check takes the rest.
        let all = (0..self.size()).map(|i| self.watch.view(i).height).min().unwrap_or(0);
        self.compare(self.checked + 1, all);
        self.checked = self.checked.max(all);
        self.watch.ledger().take_violations()
    }

    fn compare(&self, from: u64, to: u64) {
        let mut looked_up = 0;
        for height in from..=to {
            let known = self.watch.ledger().block(height).cloned();
            for i in 0..self.size() {
                let rpc = self.network.rpc(i);
                match block(&rpc, &format!("0x{height:x}")) {
                    Ok(Some((_, shown))) => self.watch.ledger().show(i, height, shown, Instant::now()),
                    Ok(None) => self.watch.ledger().violation(format!("node{i} lost block {height}")),
                    Err(error) => {
                        self.watch.ledger().violation(format!("node{i} does not answer for block {height}: {error}"));
                    }
                }
                let tx = known.as_ref().and_then(|shown| shown.txs.first());
                let Some(tx) = tx.filter(|_| looked_up < RECEIPTS * self.size()) else { continue };
                looked_up += 1;
                match receipt_height(&rpc, tx) {
                    Ok(Some(found)) if found == height => {}
                    other => {
                        let what = format!("node{i}: the receipt of {tx} in block {height} is {other:?}");
                        self.watch.ledger().violation(what);
                    }
                }
            }
        }
    }

    /// The end of the load: every acknowledged transfer is in a block, and every block is on every node.
    ///
    /// # Errors
    /// When a process does not end.
    pub fn finish(mut self) -> Result<Vec<Outcome>> {
        let mut outcomes = core::mem::take(&mut self.outcomes);
        let started = Instant::now();
        let mut problems = Vec::new();
        let mut what = String::new();
        match self.load.take().map(|load| load.finish(LEVEL)) {
            Some(Ok(sent)) => {
                what = format!("{} transfers acknowledged, {} sent again", sent.acknowledged, sent.again);
                if (self.watch.ledger().transactions() as u64) < sent.acknowledged {
                    problems.push(format!("only {} are in blocks", self.watch.ledger().transactions()));
                }
            }
            Some(Err(error)) => problems.push(format!("{error:#}")),
            None => {}
        }
        let newest = self.watch.ledger().newest();
        if let Err(error) = self.network.wait_height(newest, LEVEL) {
            problems.push(format!("{error:#}"));
        }
        self.compare(1, newest);
        problems.extend(self.watch.ledger().take_violations());
        outcomes.push(Outcome {
            scenario: "(all of it)".to_owned(),
            what,
            lasted_ms: ms(started.elapsed()),
            blocks: usize::try_from(newest).unwrap_or(0),
            longest_gap_ms: 0,
            back_ms: None,
            notes: Vec::new(),
            problems,
        });
        if let Some(last) = outcomes.last() {
            println!("{}", last.line());
        }
        Ok(outcomes)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.resume();
        self.watch.stop();
        if let Some(load) = &self.load {
            load.abandon();
        }
        for watcher in self.watchers.drain(..) {
            let _ = watcher.join();
        }
        // The processes end with `network`, which is dropped before the disk and the cables: fields drop in order.
    }
}

fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
