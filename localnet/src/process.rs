use std::{
    fs::{self, OpenOptions},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    rpc::{Rpc, Tip},
    spec::Node,
};

/// How long a supervisor may take to end both its halves.
const STOP: Duration = Duration::from_secs(40);
/// How often something awaited is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A process by number and start time: numbers are used again, the pair is not.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
struct Identity {
    pid: i32,
    start: u64,
}

impl Identity {
    fn of(pid: i32) -> Option<Self> {
        let (start, state, _) = stat(pid)?;
        (!matches!(state, 'Z' | 'X')).then_some(Self { pid, start })
    }

    fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    fn signal(self, signal: Signal) {
        if self.is_alive() {
            // Gone in between is as good.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Start time, state and parent of a process.
fn stat(pid: i32) -> Option<(u64, char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some((fields.get(19)?.parse().ok()?, fields.first()?.chars().next()?, fields.get(1)?.parse().ok()?))
}

/// The processes of a network, as they are noted beside its homes.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Processes {
    supervisors: Vec<Option<Identity>>,
}

impl Processes {
    fn file(dir: &Path) -> PathBuf {
        dir.join("processes.json")
    }

    /// What was noted; nothing when there is no note.
    #[must_use]
    pub fn read(dir: &Path) -> Self {
        fs::read(Self::file(dir)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, dir: &Path) -> Result<()> {
        Ok(fs::write(Self::file(dir), serde_json::to_vec(self)?)?)
    }

    /// How many still run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.supervisors.iter().flatten().filter(|p| p.is_alive()).count()
    }

    /// Ends all, and returns how many ran. The note is removed.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(&self, dir: &Path) -> Result<usize> {
        let running: Vec<Identity> = self.supervisors.iter().flatten().copied().filter(|p| p.is_alive()).collect();
        running.iter().for_each(|p| p.signal(Signal::SIGTERM));
        let deadline = Instant::now() + STOP;
        while running.iter().any(|p| p.is_alive()) && Instant::now() < deadline {
            reap(&running);
            sleep(LOOK);
        }
        let stubborn: Vec<i32> = running.iter().filter(|p| p.is_alive()).map(|p| p.pid).collect();
        // The halves end with their supervisor, however it ends.
        running.iter().for_each(|p| p.signal(Signal::SIGKILL));
        reap(&running);
        let _ = fs::remove_file(Self::file(dir));
        if stubborn.is_empty() {
            return Ok(running.len());
        }
        bail!("supervisors {stubborn:?} did not end within {} s and were killed", STOP.as_secs());
    }
}

/// Collects those that are ended children of this process, so that they do not stay as zombies. The caller's other
/// children are its own to wait for.
fn reap(processes: &[Identity]) {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    for process in processes {
        // No child of ours, or still running: nothing to collect.
        let _ = waitpid(Pid::from_raw(process.pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// A running network.
#[derive(Debug)]
pub struct Network {
    /// Its validators.
    pub nodes: Vec<Node>,
    dir: PathBuf,
    app: PathBuf,
    processes: Processes,
    detached: bool,
}

impl Network {
    /// Starts every validator. They go on when this process ends, if [`Self::detach`] is called.
    ///
    /// # Errors
    /// When a port is taken (says by whom), or a process does not start.
    pub fn start(dir: &Path, app: &Path, nodes: Vec<Node>) -> Result<Self> {
        let mut taken = Vec::new();
        for node in nodes.iter().filter(|node| node.place.netns.is_none()) {
            for (port, what) in node.ports() {
                if !crate::is_free(port) {
                    let by = crate::holder(port).map_or_else(
                        || "a process that this user may not see".to_owned(),
                        |holder| format!("process {} ({})", holder.pid, holder.command),
                    );
                    taken.push(format!("  {port} ({what} of node{}) by {by}", node.index));
                }
            }
        }
        if !taken.is_empty() {
            bail!(
                "ports are taken:\n{}\nEnd what holds them, or `cargo xtask down` if it is a localnet.",
                taken.join("\n")
            );
        }
        let supervisors = vec![None; nodes.len()];
        let mut network = Self {
            nodes,
            dir: dir.to_owned(),
            app: app.to_owned(),
            processes: Processes { supervisors },
            detached: false,
        };
        for i in 0..network.nodes.len() {
            network.start_node(i)?;
        }
        Ok(network)
    }

    /// Starts one validator's supervisor.
    ///
    /// # Errors
    /// When the process does not start.
    pub fn start_node(&mut self, i: usize) -> Result<()> {
        let node = &self.nodes[i];
        fs::create_dir_all(node.log_dir())?;
        let log = node.log_dir().join("supervisor.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = match &node.place.netns {
            // `ip` becomes the program, so the number stays that of the supervisor.
            Some(netns) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns]).arg(&self.app);
                command
            }
            None => Command::new(&self.app),
        };
        command.envs(node.env.iter().map(|(name, value)| (name, value)));
        command.arg("--home").arg(&node.home).arg("start").arg("--cometbft").arg(&node.cometbft);
        command.arg("--log-dir").arg(node.log_dir());
        if node.record {
            command.arg("--record-abci").arg(node.recording());
        }
        // A process group of its own: Ctrl-C in the terminal reaches us, and we end it in order.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.app.display()))?;
        let pid = i32::try_from(child.id()).unwrap_or(0);
        reap(self.processes.supervisors[i].as_slice());
        self.processes.supervisors[i] = Identity::of(pid);
        self.processes.write(&self.dir)
    }

    /// Takes one more node in and starts it.
    ///
    /// # Errors
    /// When the process does not start.
    pub fn join(&mut self, node: Node) -> Result<usize> {
        self.nodes.push(node);
        self.processes.supervisors.push(None);
        let at = self.nodes.len() - 1;
        self.start_node(at)?;
        Ok(at)
    }

    /// Lets the processes live on when this is dropped.
    pub const fn detach(&mut self) {
        self.detached = true;
    }

    /// A client for a validator's RPC.
    #[must_use]
    pub fn rpc(&self, i: usize) -> Rpc {
        Rpc::new(self.nodes[i].rpc_url())
    }

    /// Newest block of each validator that answers.
    #[must_use]
    pub fn tips(&self) -> Vec<Option<Tip>> {
        (0..self.nodes.len()).map(|i| self.rpc(i).tip().ok()).collect()
    }

    /// Waits until `done` says so, looking ten times a second.
    ///
    /// # Errors
    /// When it takes longer than `patience`, or a supervisor ended: with its last lines.
    pub fn wait(&self, patience: Duration, what: &str, mut done: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !done(self) {
            for (node, process) in self.nodes.iter().zip(&self.processes.supervisors) {
                if process.is_some_and(|p| !p.is_alive()) {
                    bail!("node{} ended:\n{}", node.index, last_lines(node));
                }
            }
            if Instant::now() > deadline {
                let logs: Vec<String> = self.nodes.iter().map(last_lines).collect();
                bail!("{what}: not within {} s\n{}", patience.as_secs(), logs.join("\n"));
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until every validator has block `height`, and returns it as each has it.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_height(&self, height: u64, patience: Duration) -> Result<Vec<Tip>> {
        self.wait(patience, &format!("block {height} on every validator"), |network| {
            network.tips().iter().all(|tip| tip.as_ref().is_some_and(|t| t.height >= height))
        })?;
        let which = format!("0x{height:x}");
        (0..self.nodes.len())
            .map(|i| self.rpc(i).block(&which)?.with_context(|| format!("node{i} lost block {height}")))
            .collect()
    }

    /// Process numbers of a validator's application and CometBFT, as far as they run now.
    #[must_use]
    pub fn halves(&self, i: usize) -> (Option<i32>, Option<i32>) {
        let Some(supervisor) = self.processes.supervisors[i] else { return (None, None) };
        let (mut app, mut comet) = (None, None);
        for (pid, command) in children(supervisor.pid) {
            if command.contains("--no-cometbft") {
                app = Some(pid);
            } else if command.contains("--proxy_app") {
                comet = Some(pid);
            }
        }
        (app, comet)
    }

    /// `kill -9` for one of [`Self::halves`].
    ///
    /// # Errors
    /// When it is not there.
    pub fn kill_9(&self, pid: i32) -> Result<()> {
        kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill -9 {pid}"))
    }

    /// The supervisor of a validator, as long as it runs.
    #[must_use]
    pub fn supervisor(&self, i: usize) -> Option<i32> {
        self.processes.supervisors[i].filter(|p| p.is_alive()).map(|p| p.pid)
    }

    /// Stops a process where it is (SIGSTOP), or lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When it is not there.
    pub fn pause(&self, pid: i32, paused: bool) -> Result<()> {
        let signal = if paused { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(pid), signal).with_context(|| format!("{signal} to {pid}"))
    }

    /// CometBFT's answer to a GET, for instance `/status`.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn comet(&self, i: usize, path: &str) -> Result<Value> {
        Ok(Rpc::new(self.nodes[i].comet_url()).get(path)?)
    }

    /// Ends one validator in order.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_node(&mut self, i: usize) -> Result<()> {
        let one = Processes { supervisors: vec![self.processes.supervisors[i].take()] };
        let note = self.processes.clone();
        one.stop(&self.dir)?;
        note.write(&self.dir)
    }

    /// Ends all validators in order.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(mut self) -> Result<()> {
        self.detached = true;
        self.processes.stop(&self.dir).map(|_| ())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.detached {
            // Nobody to tell: the processes' own logs say what happened.
            let _ = self.processes.stop(&self.dir);
        }
    }
}

/// All descendants' numbers and command lines. CometBFT may be started through another program, so all levels count.
fn children(of: i32) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    let mut parents = vec![of];
    let all: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter_map(|pid: i32| stat(pid).map(|(_, _, parent)| (pid, parent)))
        .collect();
    while let Some(parent) = parents.pop() {
        for (pid, _) in all.iter().filter(|(_, p)| *p == parent) {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = command.split(|b| *b == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
            found.push((*pid, command));
            parents.push(*pid);
        }
    }
    found
}

/// The end of a node's logs.
#[must_use]
pub fn last_lines(node: &Node) -> String {
    let mut out = String::new();
    for name in ["supervisor.log", "app.log", "cometbft.log"] {
        let Ok(text) = fs::read_to_string(node.log_dir().join(name)) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        out += &format!("--- node{} {name}\n", node.index);
        for line in lines.iter().skip(lines.len().saturating_sub(12)) {
            out += &format!("{line}\n");
        }
    }
    out
}
