//! A node behind the real CometBFT: supervision, kills, locks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Home, Running, cometbft, free_ports, height, operator, wait_for};
use defchain_node::process::{identity::Identity, supervisor};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    home: Home,
    url: String,
    metrics: u16,
    comet_metrics: u16,
}

impl Node {
    fn new() -> Self {
        let home = Home::initialised();
        let declaration = home.folder.path().join("d.json");
        let declaration = declaration.to_str().unwrap();
        home.run(&["genesis", "add-account", &operator(7), "100000"]).ok();
        home.run(&["genesis", "add-validator", "--operator", &operator(1), "--country", "DE", "--out", declaration])
            .ok();
        home.run(&["genesis", "collect", declaration]).ok();
        let (rpc, metrics, comet_metrics) = set_ports(&home);
        Self { home, url: format!("http://127.0.0.1:{rpc}"), metrics, comet_metrics }
    }

    fn start_command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(&["start", "--cometbft", cometbft().to_str().unwrap()]);
        command.args(args);
        let log = fs::File::options().create(true).append(true).open(self.home.folder.path().join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    fn start(&self) -> Running {
        Running::start(&mut self.start_command(&[]))
    }

    fn running(&self) -> supervisor::Running {
        let text = self.home.read("data/supervisor.json");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until the chain is `more` blocks further than it is now.
    #[track_caller]
    fn grows(&self, more: u64) -> u64 {
        let begin = wait_for("the first height", PATIENCE, || height(&self.url));
        wait_for("more blocks", PATIENCE, || height(&self.url).filter(|h| *h >= begin + more))
    }

    /// Waits for the start with that number, and until both halves run.
    fn both(&self, starts: u64) -> (Identity, Identity) {
        wait_for("both halves", PATIENCE, || {
            let running = self.running();
            (running.starts == starts).then_some(running.app.zip(running.cometbft)).flatten()
        })
    }
}

fn set_ports(home: &Home) -> (u16, u16, u16) {
    let [rpc, metrics, comet_rpc, p2p, comet_metrics] = free_ports();
    let local = |port: u16| format!("127.0.0.1:{port}");
    home.run(&["config", "set", "rpc.addr", &local(rpc), "metrics.addr", &local(metrics)]).ok();
    let tcp = |port: u16| format!("tcp://127.0.0.1:{port}");
    let prometheus = ["instrumentation.prometheus_listen_addr", &local(comet_metrics)];
    let line = ["config", "--comet", "set", "rpc.laddr", &tcp(comet_rpc), "p2p.laddr", &tcp(p2p)];
    home.run(&[&line[..], &prometheus].concat()).ok();
    (rpc, metrics, comet_metrics)
}

fn kill(process: Identity, signal: Signal) {
    assert!(process.is_alive());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid), signal).unwrap();
}

#[track_caller]
fn gone(processes: &[Identity]) {
    wait_for("the end of both halves", PATIENCE, || processes.iter().all(|p| !p.is_alive()).then_some(()));
}

#[test]
fn a_killed_half_takes_the_other_with_it_and_both_return() {
    let node = Node::new();
    let mut supervisor = node.start();
    let before = node.grows(2);
    let (app, comet) = node.both(1);
    kill(app, Signal::SIGKILL);
    let (app2, comet2) = node.both(2);
    gone(&[app, comet]);
    assert!(node.grows(1) > before);
    kill(comet2, Signal::SIGKILL);
    let (app3, comet3) = node.both(3);
    gone(&[app2, comet2]);
    node.grows(1);
    supervisor.send(Signal::SIGTERM);
    assert_eq!(supervisor.end(PATIENCE), Some(0));
    gone(&[app3, comet3]);
}

#[test]
fn nothing_outlives_a_killed_supervisor_and_the_next_one_goes_on() {
    let node = Node::new();
    let mut first = node.start();
    let before = node.grows(2);
    let (app, comet) = node.both(1);
    first.send(Signal::SIGKILL);
    // At once, while the old halves may still be dying.
    first.end(PATIENCE);
    let mut second = node.start();
    gone(&[app, comet]);
    assert!(node.grows(1) >= before);
    second.send(Signal::SIGINT);
    assert_eq!(second.end(PATIENCE), Some(0));
}

#[test]
fn a_consensus_key_never_runs_twice() {
    let node = Node::new();
    let supervisor = node.start();
    node.grows(1);
    let (_, comet) = node.both(1);
    // In the same home.
    let twice = common::run(&mut node.home.command(&["start", "--cometbft", cometbft().to_str().unwrap()]), "");
    twice.fails(5, &[&format!("this home is in use by process {}", supervisor.pid())]);
    // In a copy of the home.
    let copy = Home::new();
    copy_folder(&node.home.path.join("config"), &copy.path.join("config"));
    fs::create_dir_all(copy.file("data")).unwrap();
    fs::copy(node.home.file("data/priv_validator_state.json"), copy.file("data/priv_validator_state.json")).unwrap();
    set_ports(&copy);
    let twice = common::run(&mut copy.command(&["start", "--cometbft", cometbft().to_str().unwrap()]), "");
    twice.fails(5, &["CometBFT refuses to start", &format!("is in use by process {}", comet.pid)]);
    assert!(comet.is_alive());
    node.grows(1);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn an_application_alone_ends_when_cometbft_is_gone() {
    let node = Node::new();
    let socket = node.home.folder.path().join("abci.sock");
    let abci = format!("unix://{}", socket.display());
    let mut app = node.home.command(&["start", "--no-cometbft", "--abci", &abci, "--log.format", "json"]);
    let mut app = Running::start(app.stderr(Stdio::piped()));
    wait_for("the socket", PATIENCE, || socket.exists().then_some(()));
    let mut comet = Command::new(cometbft());
    comet.arg("start").arg("--home").arg(&node.home.path).arg("--proxy_app").arg(&abci);
    let comet = Running::start(comet.stdout(Stdio::null()).stderr(Stdio::null()));
    node.grows(2);
    let metrics = format!("http://127.0.0.1:{}/metrics", node.metrics);
    let text = reqwest::blocking::get(&metrics).unwrap().text().unwrap();
    assert!(text.contains("defchain_abci_connections 4\n"), "{text}");
    assert!(text.contains("defchain_abci_call_duration_seconds_count{call=\"FinalizeBlock\"}"), "{text}");
    let comets = reqwest::blocking::get(format!("http://127.0.0.1:{}/metrics", node.comet_metrics)).unwrap();
    let comets = comets.text().unwrap();
    // One validator has no peers, and misses no block of its own: these two come with the first peer and miss.
    let later = ["cometbft_consensus_peer_height", "cometbft_consensus_validator_missed_blocks"];
    let page = include_str!("../../../docs/src/monitoring.md");
    let listed = page.split('`').filter(|word| word.starts_with("cometbft_consensus_"));
    for name in listed.filter(|name| !later.contains(name)) {
        assert!(comets.contains(&format!("\n{name}{{")), "the page lists {name}, and CometBFT has no such metric");
    }
    drop(comet);
    assert_eq!(app.end(PATIENCE), Some(6));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut app.0.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("half a connection is none: start it again together with CometBFT"), "{said}");
    // Logs are JSON, one object a line, up to the last word.
    let logged = said.lines().filter(|line| !line.starts_with("error:"));
    for line in logged {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_changed_genesis_is_refused_by_a_node_that_has_blocks() {
    let node = Node::new();
    let mut supervisor = node.start();
    node.grows(2);
    supervisor.send(Signal::SIGTERM);
    assert_eq!(supervisor.end(PATIENCE), Some(0));
    node.home.change_genesis(|genesis| genesis["app_state"]["accounts"][0]["balance"] = "5".into());
    let refused = common::run(&mut node.home.command(&["start", "--cometbft", cometbft().to_str().unwrap()]), "");
    refused.fails(5, &["the application refuses to start", "trying again changes nothing", "another directory"]);
}

#[test]
fn what_cometbft_asks_can_be_recorded() {
    let node = Node::new();
    let file = node.home.folder.path().join("abci.rec");
    let mut supervisor = Running::start(&mut node.start_command(&["--record-abci", file.to_str().unwrap()]));
    let height = node.grows(3);
    supervisor.send(Signal::SIGTERM);
    assert_eq!(supervisor.end(PATIENCE), Some(0));
    let recorded = defchain_abci::RecordingReader::open(&file, 1 << 26).unwrap();
    assert!(recorded.count() as u64 > 2 * height, "FinalizeBlock and Commit of each block");
}
