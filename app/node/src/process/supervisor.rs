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
//! - What will not get better by itself (refused configuration, genesis or data) is not tried again.

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
};

use super::{identity::Identity, lock::Lock, log::Sink};
use crate::{
    comet::keys::CometKey,
    config::CometConfig,
    home::{Home, replace, runtime_dir},
    output::{EXIT_DATA, EXIT_REFUSED, coded},
};

/// A pair that ran so long was healthy: the next failure is a new one.
const HEALTHY: Duration = Duration::from_secs(60);
/// How often the application's socket is tried while it opens its database.
const PROBE: Duration = Duration::from_millis(20);

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
            let started = Instant::now();
            running.starts += 1;
            let ended = self.pair(stop.as_mut(), &mut running).await?;
            running = Running { app: None, cometbft: None, ..running };
            self.record(&running)?;
            let what = match ended {
                Ended::Asked => return Ok(()),
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
            Some(code @ (EXIT_REFUSED | EXIT_DATA)) => Err(coded(
                code,
                format!("{who} refuses to start, and trying again changes nothing; its last lines:\n{}", log.tail()),
            )),
            _ => Ok(()),
        }
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
        let mut app = self.start_app()?;
        running.app = identity(&app);
        self.record(running)?;
        let ready = tokio::select! {
            () = stop.as_mut() => None,
            status = app.wait() => return Ok(Ended::App(status?)),
            () = self.socket_answers() => Some(()),
        };
        if ready.is_none() {
            self.end(&mut app, "the application").await?;
            return Ok(Ended::Asked);
        }
        let mut comet = match self.start_comet() {
            Ok(comet) => comet,
            Err(error) => {
                self.end(&mut app, "the application").await?;
                return Err(error);
            }
        };
        running.cometbft = identity(&comet);
        self.record(running)?;
        tracing::info!(app = app.id(), cometbft = comet.id(), "both halves run");
        let ended = tokio::select! {
            () = stop.as_mut() => Ended::Asked,
            status = app.wait() => Ended::App(status?),
            status = comet.wait() => Ended::Comet(status?),
        };
        if matches!(ended, Ended::Asked) {
            // So that the application takes the end of its connections for what it is.
            send(&app, Signal::SIGUSR1);
        }
        self.end(&mut comet, "CometBFT").await?;
        self.end(&mut app, "the application").await?;
        Ok(ended)
    }

    /// Asks a half to end, kills it if it does not, and waits until the system says that it is dead.
    async fn end(&self, child: &mut Child, who: &str) -> Result<()> {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        send(child, Signal::SIGTERM);
        let patience = Duration::from_millis(self.config.stop_timeout_ms);
        if tokio::time::timeout(patience, child.wait()).await.is_err() {
            tracing::warn!("{who} did not end within {} ms and is killed", self.config.stop_timeout_ms);
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

    fn start_comet(&self) -> Result<Child> {
        let key = CometKey::read(&self.home.validator_key())?;
        let mut command = own_program();
        command.arg("run-child").arg("--parent").arg(std::process::id().to_string());
        for lock in [
            self.home.data_dir().join("cometbft.lock"),
            runtime_dir()?.join(format!("consensus-key-{}.lock", key.address())),
        ] {
            command.arg("--lock").arg(lock);
        }
        command.arg("--").arg(&self.config.path).arg("start").arg("--home").arg(self.home.path());
        command.arg("--proxy_app").arg(self.abci.to_string());
        self.start(command, &self.comet_log, "CometBFT")
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

fn identity(child: &Child) -> Option<Identity> {
    Identity::of(i32::try_from(child.id()?).ok()?)
}

fn send(child: &Child, what: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended meanwhile; the wait that follows says so.
        let _ = kill(Pid::from_raw(pid), what);
    }
}
