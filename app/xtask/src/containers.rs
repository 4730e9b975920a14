//! `cargo xtask containers`: the image is built from this machine's programs, four containers start, and a check goes
//! through what their users rely on. A project name and ports of its own keep it away from anybody's running network.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use defchain_localnet::{Rpc, free_ports};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

use crate::{
    build::{self, Programs},
    tools::{cache, have, root, target},
    ui::{output, run, step},
};

const PROJECT: &str = "defchain-check";
const IMAGE: &str = "defchain:check";
const BASE: &str = "debian:bookworm-slim";
const VALIDATORS: usize = 4;
/// How long the network may take to be healthy.
const READY: Duration = Duration::from_secs(120);

/// One wei from the tenth development account, nonce 0, chain 35679: signed once, valid on every fresh network.
const TRANSFER: &str = "0x02f86e828b5f80843b9aca00865af3107a40008252089400000000000000000000000000000000000c0de50180c080a0bef4fa756cfccded855941b455eab24dd0a5e293efad45de4dd1e5fa56dc6065a01ec0837336b6af6d469c2328ba07413b84e8bd37b141b4c7ef20dbb3dfde9403";
const RECIPIENT: &str = "0x00000000000000000000000000000000000c0de5";

/// `cargo xtask containers`
#[derive(Debug, Args)]
pub struct ContainersArgs {
    /// Build from source inside the images, as somebody without Rust and Go would (needs the images of both)
    #[arg(long)]
    from_source: bool,
    /// Take the programs as they were built last
    #[arg(long, conflicts_with = "from_source")]
    no_build: bool,
    /// Leave the network running at the end; `docker-compose -p defchain-check down -v` ends it
    #[arg(long)]
    keep: bool,
}

/// A Docker Engine of our own, ended with this value.
struct Engine {
    process: Option<Child>,
    folder: PathBuf,
    socket: Option<String>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(process) = &mut self.process else { return };
        let pid = i32::try_from(process.id()).unwrap_or(0);
        // It ends its containers and containerd by itself.
        if kill(Pid::from_raw(pid), Signal::SIGTERM).is_ok() {
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Engine {
    /// The engine that answers, or one started by hand where nobody runs services.
    fn find(reaches_out: bool) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("defchain-docker-{}", std::process::id()));
        let mut engine = Self { process: None, folder, socket: None };
        if engine.answers() {
            return Ok(engine);
        }
        let advice = "start Docker (Debian: apt-get install docker.io docker-compose)";
        ensure!(nix::unistd::Uid::effective().is_root() && have("dockerd"), "no Docker Engine answers: {advice}");
        fs::create_dir_all(&engine.folder)?;
        let path = |name: &str| engine.folder.join(name);
        engine.socket = Some(format!("unix://{}", path("docker.sock").display()));
        let log = fs::File::create(path("log"))?;
        let mut command = Command::new("dockerd");
        command.arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("exec"));
        command.arg("--pidfile").arg(path("pid")).arg("-H").arg(engine.socket.as_deref().unwrap_or_default());
        if !reaches_out {
            // The containers talk to each other only: this machine's routing and firewall stay as they are.
            command.args(["--bridge", "none", "--ip-forward=false", "--ip-masq=false"]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        engine.process = Some(command.spawn().context("cannot start dockerd")?);
        wait("the Docker Engine that was started here", Duration::from_secs(30), || Ok(engine.answers()))?;
        Ok(engine)
    }

    fn docker(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(root());
        if let Some(socket) = &self.socket {
            command.env("DOCKER_HOST", socket);
        }
        command
    }

    fn answers(&self) -> bool {
        let mut command = self.docker("docker");
        command.arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }
}

/// The network as compose knows it.
struct Network<'a> {
    engine: &'a Engine,
    stage: &'static str,
    ports: Vec<u16>,
}

impl Network<'_> {
    /// `docker compose` where the plugin is, else docker-compose.
    fn compose(&self, args: &[&str]) -> Command {
        let mut plugin = self.engine.docker("docker");
        plugin.args(["compose", "version"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut command = if plugin.status().is_ok_and(|status| status.success()) {
            let mut command = self.engine.docker("docker");
            command.arg("compose");
            command
        } else {
            self.engine.docker("docker-compose")
        };
        command.args(["-f", "localnet/docker-compose.yml", "-p", PROJECT]).args(args);
        command.env("DEFCHAIN_IMAGE", IMAGE).env("DEFCHAIN_TARGET", self.stage);
        for (i, port) in self.ports.iter().enumerate() {
            command.env(format!("DEFCHAIN_RPC{i}"), port.to_string());
        }
        command
    }

    fn rpc(&self, i: usize) -> Rpc {
        let port = self.ports.get(i).copied().unwrap_or_default();
        Rpc::with_patience(format!("http://127.0.0.1:{port}"), Duration::from_secs(5))
    }

    /// Asked of the engine by compose's labels: compose itself takes seconds for an answer.
    fn container(&self, i: usize) -> Result<String> {
        let project = format!("label=com.docker.compose.project={PROJECT}");
        let service = format!("label=com.docker.compose.service=validator{i}");
        let mut ps = self.engine.docker("docker");
        let id = output(ps.args(["ps", "-aq", "--filter", &project, "--filter", &service]))?;
        ensure!(!id.is_empty(), "validator{i} has no container");
        Ok(id)
    }

    fn inspect(&self, i: usize, field: &str) -> Result<String> {
        let format = format!("{{{{{field}}}}}");
        output(self.engine.docker("docker").args(["inspect", "-f", &format, &self.container(i)?]))
    }

    fn all_healthy(&self) -> Result<bool> {
        for i in 0..VALIDATORS {
            if self.inspect(i, ".State.Health.Status")? != "healthy" {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn height(&self, i: usize) -> Result<u64> {
        let answer =
            self.rpc(i).call("eth_blockNumber", json!([])).map_err(|e| anyhow::anyhow!("validator{i}: {e}"))?;
        let text = answer.as_str().unwrap_or_default().to_owned();
        u64::from_str_radix(text.trim_start_matches("0x"), 16).with_context(|| format!("validator{i} says {text:?}"))
    }

    /// A transfer through one validator is in the same block on another.
    fn transfer(&self) -> Result<()> {
        let hash = self.rpc(2).call("eth_sendRawTransaction", json!([TRANSFER])).map_err(|e| anyhow::anyhow!("{e}"))?;
        let ask = |i: usize| self.rpc(i).call("eth_getTransactionReceipt", json!([hash])).unwrap_or_default();
        wait("the transfer's receipt", Duration::from_secs(20), || Ok(!ask(0).is_null() && !ask(3).is_null()))?;
        ensure!(ask(0) == ask(3), "two validators have different receipts of {hash}");
        let balance = self.rpc(1).call("eth_getBalance", json!([RECIPIENT, "latest"])).unwrap_or_default();
        ensure!(balance == "0x1", "the recipient has {balance} instead of 0x1");
        Ok(())
    }

    /// The first process of a container dies; the engine starts it again, and it reaches the others.
    fn killed_validator_returns(&self) -> Result<()> {
        let pid: i32 = self.inspect(1, ".State.Pid")?.parse().context("no process number")?;
        if kill(Pid::from_raw(pid), Signal::SIGKILL).is_err() {
            eprintln!("  skipped: only root may kill a container's process, and only where it runs on this machine");
            return Ok(());
        }
        let others = self.height(0)?;
        wait("a restart of validator1", Duration::from_secs(30), || Ok(self.inspect(1, ".RestartCount")? != "0"))?;
        wait("validator1 to reach the others", READY, || {
            Ok(self.inspect(1, ".State.Health.Status")? == "healthy" && self.height(1).is_ok_and(|own| own > others))
        })?;
        ensure!(self.height(0)? > others, "the others stood still");
        Ok(())
    }

    /// What the compose file promises of each container.
    fn hardened(&self) -> Result<()> {
        for i in 0..VALIDATORS {
            ensure!(self.inspect(i, ".Config.User")? == "10001:10001", "validator{i} runs as another user");
            ensure!(self.inspect(i, ".HostConfig.ReadonlyRootfs")? == "true", "validator{i} may write its programs");
            ensure!(self.inspect(i, ".HostConfig.CapDrop")? == "[ALL]", "validator{i} has capabilities");
        }
        Ok(())
    }
}

pub fn containers(args: &ContainersArgs) -> Result<()> {
    let engine = step("find a Docker Engine, or start one", || Engine::find(args.from_source))?;
    ensure!(!(args.keep && engine.process.is_some()), "--keep needs an engine that goes on after this command");
    let stage = if args.from_source { "runtime" } else { "prebuilt" };
    let network = Network { engine: &engine, stage, ports: free_ports(VALIDATORS)? };
    if !args.from_source {
        package(args.no_build)?;
    }
    step(&format!("base image {BASE}"), || base(&engine))?;
    step("build the image", || run(&mut network.compose(&["build", "init"])))?;
    // What an interrupted run left.
    run(&mut network.compose(&["down", "-v", "--remove-orphans"]))?;
    let checked = check(&network);
    if checked.is_err() {
        let _ = run(&mut network.compose(&["logs", "--tail", "30"]));
    }
    if !args.keep {
        step("take it down with its volumes", || run(&mut network.compose(&["down", "-v"])))?;
    }
    checked?;
    println!("\nThe containers work: four validators, a transfer, a kill and a return.");
    Ok(())
}

fn check(network: &Network<'_>) -> Result<()> {
    step("start the containers", || run(&mut network.compose(&["up", "-d"])))?;
    step("wait until all four are healthy", || wait("health", READY, || network.all_healthy()))?;
    step("user, file system and capabilities are as promised", || network.hardened())?;
    step("a transfer through validator2 is seen by the others", || network.transfer())?;
    step("kill -9 of validator1, and its return", || network.killed_validator_returns())
}

/// Puts this machine's programs where the Dockerfile's `prebuilt` stage takes them.
fn package(no_build: bool) -> Result<()> {
    let built = || Programs { app: target().join("debug/defchain-app"), cometbft: cache().join("bin/cometbft-pod") };
    let programs = if no_build { built() } else { build::programs()? };
    let bin = root().join("localnet/docker/bin");
    fs::create_dir_all(&bin)?;
    for (program, name) in [(programs.app, "defchain-app"), (programs.cometbft, "cometbft-pod")] {
        let place = bin.join(name);
        fs::copy(&program, &place).with_context(|| format!("cannot copy {}", program.display()))?;
        // Line tables are no use in a container; a program without them is a third smaller. CometBFT has none.
        let _ = Command::new("strip").arg("--strip-debug").arg(&place).status();
    }
    Ok(())
}

/// Pulled where there is a registry of images, else made of Debian's packages.
fn base(engine: &Engine) -> Result<()> {
    let quiet = |args: &[&str]| {
        let mut command = engine.docker("docker");
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    if quiet(&["image", "inspect", BASE]) || quiet(&["pull", BASE]) {
        return Ok(());
    }
    eprintln!("  it cannot be pulled: making it of Debian's packages");
    run(engine.docker("localnet/docker/make-base").arg(BASE))
}

/// Asks again and again until it is so.
fn wait(what: &str, patience: Duration, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    let mut why = None;
    while started.elapsed() < patience {
        match so() {
            Ok(true) => return Ok(()),
            Ok(false) => why = None,
            Err(error) => why = Some(error),
        }
        sleep(Duration::from_millis(250));
    }
    match why {
        Some(error) => Err(error.context(format!("no {what} within {} s", patience.as_secs()))),
        None => bail!("no {what} within {} s", patience.as_secs()),
    }
}
