//! Runs a node's two halves, the application and CometBFT, as children of one small process.
//!
//! ```text
//!   start app ─▶ its socket answers ─▶ start CometBFT ─▶ wait for the first to end
//!       ▲                                                     │
//!       └── pause (doubles) ◀── both proven dead ◀── stop the other half
//! ```
//!
//! - The halves start and end together: CometBFT has no way to go on with another application process, and an
//!   application must not serve two CometBFTs. So whichever dies takes the other with it, CometBFT first.
//! - "Proven dead" is the system's word (`waitpid`), never a guess by time. Beyond this process, CometBFT holds two
//!   locks as long as it lives: on the data folder, and on its consensus key on this machine. A second CometBFT with the
//!   same key waits for them or is refused, whoever starts it and whatever happened to its supervisor.
//! - When this process dies, even by `kill -9`, the system ends both halves.
//! - What will not get better by itself is not tried again: refused configuration, genesis or data, an upgrade that
//!   needs another program, an execution or a consensus that stopped for good. The supervisor ends with the half's code.
//! - A full disk is waited out: both halves are down, and start when there is room.
//! - CometBFT gets the consensus key only behind [`Guard::check`].

use std::{
    ffi::OsString,
    fs,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use defchain_abci::Address;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpStream, UnixStream},
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    clock, disk,
    guard::Guard,
    identity::Identity,
    lock::Lock,
    log::Sink,
    notify::{State, notify},
};
use crate::{
    comet::{self, keys::CometKey},
    config::CometConfig,
    home::{Home, replace, runtime_dir},
    output::{EXIT_DATA, EXIT_HALTED, EXIT_REFUSED, EXIT_UPGRADE, coded},
};

/// A pair that ran so long was healthy: the next failure is a new one. Much longer, and a node that is killed now and
/// then stays away for longer each time; it must be back within ten seconds.
const HEALTHY: Duration = Duration::from_secs(10);
/// How often the application's socket is tried while it opens its database.
const PROBE: Duration = Duration::from_millis(20);
/// How often is looked at what the consensus key has signed.
const FOLLOW: Duration = Duration::from_secs(5);
/// How long a half may take to end by itself after consensus stopped: when the application ended first, that is why.
const ALARM_GRACE: Duration = Duration::from_secs(2);
/// How long CometBFT may take to end when its application is gone, or its consensus stopped.
const ORPHAN: Duration = Duration::from_secs(2);
/// How often a full disk is looked at ...
const ROOM_LOOK: Duration = Duration::from_secs(2);
/// ... and talked about.
const ROOM_REMINDER: Duration = Duration::from_secs(300);

/// What a supervisor needs.
#[derive(Debug)]
pub struct Supervisor {
    /// The node.
    pub home: Home,
    /// CometBFT's program and how to restart.
    pub config: CometConfig,
    /// The socket between the halves.
    pub abci: Address,
    /// Arguments for the application's own process.
    pub app_args: Vec<OsString>,
    /// Where the lines of the application go.
    pub app_log: Sink,
    /// Where those of CometBFT go.
    pub comet_log: Sink,
}

/// Who runs: `data/supervisor.json`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The supervisor.
    pub supervisor: Option<Identity>,
    /// The application.
    pub app: Option<Identity>,
    /// CometBFT.
    pub cometbft: Option<Identity>,
    /// How often the halves were started.
    pub starts: u64,
}

/// Why a pair ended.
enum Ended {
    /// Somebody asked for it.
    Asked,
    /// A half died by itself.
    App(ExitStatus),
    Comet(ExitStatus),
    /// CometBFT's consensus stopped for good while both halves live: its words.
    Stopped(String),
}

impl Supervisor {
    /// Runs until SIGTERM or SIGINT, or until trying again is of no use.
    ///
    /// # Errors
    /// When another supervisor runs, a program cannot be started, or a half refuses its data.
    pub fn run(mut self) -> Result<()> {
        fs::create_dir_all(self.home.data_dir()).context("cannot make the data folder")?;
        let _lock = Lock::take(&self.home.data_dir().join("supervisor.lock"), "this home", Duration::ZERO)?;
        // The children end with the thread that starts them, so that must be the one that lasts: this one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.supervise())
    }

    async fn supervise(&mut self) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut stop = std::pin::pin!(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        });
        let mut pause = self.config.restart_min_ms;
        let mut running = Running { supervisor: Identity::own(), ..Running::default() };
        loop {
            if !self.room(stop.as_mut()).await {
                return Ok(());
            }
            let started = Instant::now();
            running.starts += 1;
            let ended = self.pair(stop.as_mut(), &mut running).await;
            // The last lines say why.
            tokio::join!(self.app_log.drained(), self.comet_log.drained());
            let ended = ended?;
            running = Running { app: None, cometbft: None, ..running };
            self.record(&running)?;
            let what = match ended {
                Ended::Asked => return Ok(()),
                Ended::Stopped(line) if disk::is_full(&line) => "CometBFT's disk is full".to_owned(),
                Ended::Stopped(line) if clock::is_behind(&line) => {
                    return Err(coded(EXIT_HALTED, clock::advice(&line)));
                }
                Ended::Stopped(line) => {
                    return Err(coded(
                        EXIT_HALTED,
                        format!(
                            "CometBFT's consensus stopped for good, and trying again would stop it at the same place: \
                             {line}\nCompare this node's app hash with other nodes' before anything else"
                        ),
                    ));
                }
                Ended::App(status) => {
                    self.hopeless(status, "the application", &self.app_log)?;
                    format!("the application ended ({status})")
                }
                Ended::Comet(status) => {
                    self.hopeless(status, "CometBFT", &self.comet_log)?;
                    format!("CometBFT ended ({status}); its last lines:\n{}", self.comet_log.tail())
                }
            };
            if started.elapsed() >= HEALTHY {
                pause = self.config.restart_min_ms;
            }
            tracing::warn!(pause_ms = pause, "{what}; both halves are dead and start anew");
            tokio::select! {
                () = stop.as_mut() => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            }
            pause = pause.saturating_mul(2).min(self.config.restart_max_ms);
        }
    }

    /// What will be the same the next time ends the supervisor too.
    fn hopeless(&self, status: ExitStatus, who: &str, log: &Sink) -> Result<()> {
        match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(EXIT_UPGRADE) => Err(coded(EXIT_UPGRADE, last_error(log))),
            Some(EXIT_HALTED) => Err(coded(EXIT_HALTED, format!("{who} halted: {}", last_error(log)))),
            Some(code @ (EXIT_REFUSED | EXIT_DATA)) => Err(coded(
                code,
                format!("{who} refuses to start, and trying again changes nothing; its last lines:\n{}", log.tail()),
            )),
            _ => Ok(()),
        }
    }

    /// Waits until the disk has room. Says whether to go on; not when asked to stop meanwhile.
    async fn room(&self, mut stop: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let data = self.home.data_dir();
        let mut said: Option<Instant> = None;
        while !disk::has_room(&data) {
            if said.is_none_or(|at| at.elapsed() >= ROOM_REMINDER) {
                let free = disk::free_bytes(&data).unwrap_or_default();
                tracing::error!(
                    free_bytes = free,
                    needed_bytes = disk::MIN_FREE_BYTES,
                    "the disk of {} is full: this node is down until there is room, and starts by itself then",
                    data.display()
                );
                notify(State::Ready, "down: the disk is full");
                said = Some(Instant::now());
            }
            tokio::select! {
                () = stop.as_mut() => return false,
                () = tokio::time::sleep(ROOM_LOOK) => {}
            }
        }
        if said.is_some() {
            tracing::info!("there is room again");
        }
        true
    }

    fn record(&self, running: &Running) -> Result<()> {
        replace(&self.home.data_dir().join("supervisor.json"), serde_json::to_string_pretty(running)?.as_bytes())
    }

    /// One life of both halves. When this returns, both are dead.
    async fn pair(
        &self,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
        running: &mut Running,
    ) -> Result<Ended> {
        self.comet_log.calm();
        let mut alarm = self.comet_log.alarm();
        let mut app = self.start_app()?;
        running.app = identity(&app);
        self.record(running)?;
        let ready = tokio::select! {
            () = stop.as_mut() => None,
            status = app.wait() => return Ok(Ended::App(status?)),
            () = self.socket_answers() => Some(()),
        };
        if ready.is_none() {
            self.end(&mut app, "the application", self.patience()).await?;
            return Ok(Ended::Asked);
        }
        let (mut comet, mut guard) = match self.start_comet() {
            Ok(both) => both,
            Err(error) => {
                self.end(&mut app, "the application", self.patience()).await?;
                return Err(error);
            }
        };
        running.cometbft = identity(&comet);
        self.record(running)?;
        tracing::info!(app = app.id(), cometbft = comet.id(), "both halves run");
        notify(State::Ready, "application and CometBFT run");
        let ended = loop {
            tokio::select! {
                () = stop.as_mut() => break Ended::Asked,
                status = app.wait() => break Ended::App(status?),
                status = comet.wait() => break after_comet(&mut app, status?).await?,
                line = alarmed(&mut alarm) => break after_alarm(&mut app, &mut comet, line).await?,
                () = tokio::time::sleep(FOLLOW) => guard.iter_mut().for_each(Guard::follow),
            }
        };
        if matches!(ended, Ended::Asked) {
            // So that the application takes the end of its connections for what it is.
            notify(State::Stopping, "asked to stop");
            send(&app, Signal::SIGUSR1);
        }
        // Only one that is asked to stop with its application alive has something to finish: without it, its shutdown
        // may wait for ever. What it must remember it has written already.
        let patience = if matches!(ended, Ended::Asked) { self.patience() } else { ORPHAN.min(self.patience()) };
        self.end(&mut comet, "CometBFT", patience).await?;
        guard.iter_mut().for_each(Guard::follow);
        self.end(&mut app, "the application", self.patience()).await?;
        Ok(ended)
    }

    /// How long a half that is asked to stop may take.
    const fn patience(&self) -> Duration {
        Duration::from_millis(self.config.stop_timeout_ms)
    }

    /// Asks a half to end, kills it if it does not, and waits until the system says that it is dead.
    async fn end(&self, child: &mut Child, who: &str, patience: Duration) -> Result<()> {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        send(child, Signal::SIGTERM);
        if tokio::time::timeout(patience, child.wait()).await.is_err() {
            tracing::warn!("{who} did not end within {} ms and is killed", patience.as_millis());
            child.start_kill().with_context(|| format!("cannot kill {who}"))?;
            child.wait().await?;
        }
        Ok(())
    }

    fn start_app(&self) -> Result<Child> {
        let mut command = own_program();
        command.args(&self.app_args).arg("--supervised-by").arg(std::process::id().to_string());
        self.start(command, &self.app_log, "the application")
    }

    /// CometBFT, and who watches its key; nobody when a remote signer holds it.
    fn start_comet(&self) -> Result<(Child, Option<Guard>)> {
        let mut locks = vec![self.home.data_dir().join("cometbft.lock")];
        let mut guard = None;
        if comet::config::remote_signer(&self.home)?.is_none() {
            let address = CometKey::read(&self.home.validator_key())?.address();
            locks.push(runtime_dir()?.join(format!("consensus-key-{address}.lock")));
            guard = Some(Guard::check(&self.home, address)?);
        }
        let mut command = own_program();
        command.arg("run-child").arg("--parent").arg(std::process::id().to_string());
        for lock in locks {
            command.arg("--lock").arg(lock);
        }
        command.arg("--").arg(&self.config.path).arg("start").arg("--home").arg(self.home.path());
        command.arg("--proxy_app").arg(self.abci.to_string());
        Ok((self.start(command, &self.comet_log, "CometBFT")?, guard))
    }

    fn start(&self, mut command: Command, log: &Sink, who: &str) -> Result<Child> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A terminal's Ctrl-C reaches this process only: it ends the halves in their order.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {who}"))?;
        if let Some(out) = child.stdout.take() {
            log.forward(out);
        }
        if let Some(err) = child.stderr.take() {
            log.forward(err);
        }
        Ok(child)
    }

    async fn socket_answers(&self) {
        loop {
            let answered = match &self.abci {
                Address::Unix(path) => UnixStream::connect(path).await.is_ok(),
                Address::Tcp(address) => TcpStream::connect(address).await.is_ok(),
            };
            if answered {
                return;
            }
            tokio::time::sleep(PROBE).await;
        }
    }
}

/// This very program, also when its file was replaced by a newer one meanwhile: both halves of a node and their
/// supervisor are of one version.
fn own_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("defchain-app");
    command
}

/// Waits for an alarm.
async fn alarmed(alarm: &mut watch::Receiver<Option<String>>) -> String {
    let line = match alarm.wait_for(Option::is_some).await {
        Ok(line) => line.clone(),
        // The sender lives as long as the supervisor.
        Err(_) => return std::future::pending().await,
    };
    line.unwrap_or_default()
}

/// Consensus stops too when the application dies or halts: then that is what happened.
async fn after_alarm(app: &mut Child, comet: &mut Child, line: String) -> Result<Ended> {
    Ok(tokio::select! {
        status = app.wait() => Ended::App(status?),
        status = comet.wait() => Ended::Comet(status?),
        () = tokio::time::sleep(ALARM_GRACE) => Ended::Stopped(line),
    })
}

/// CometBFT ends when the application closes its connections: then the application's code says why.
async fn after_comet(app: &mut Child, comet: ExitStatus) -> Result<Ended> {
    let Ok(status) = tokio::time::timeout(ALARM_GRACE, app.wait()).await else { return Ok(Ended::Comet(comet)) };
    let status = status?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let of_its_own = matches!(code, Some(EXIT_REFUSED | EXIT_DATA | EXIT_UPGRADE | EXIT_HALTED));
    Ok(if of_its_own { Ended::App(status) } else { Ended::Comet(comet) })
}

/// The error with which a half ended, without the log around it.
fn last_error(log: &Sink) -> String {
    let tail = log.tail();
    let error = tail.lines().rev().find_map(|line| line.strip_prefix("error: "));
    error.map_or_else(|| tail.clone(), str::to_owned)
}

fn identity(child: &Child) -> Option<Identity> {
    Identity::of(i32::try_from(child.id()?).ok()?)
}

fn send(child: &Child, what: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended meanwhile; the wait that follows says so.
        let _ = kill(Pid::from_raw(pid), what);
    }
}
