//! A network of real processes in a temporary folder: `defchain-app start`, each with its CometBFT.
//!
//! It is made with the program's own commands, as strangers make a network: init, genesis add-validator, collect.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use anyhow::{Context, Result, bail, ensure};
use defchain_base::Amount;
use defchain_chain::genesis::{AccountsFile, GenesisAccount, write_accounts_file};
use defchain_sdk::{Client, SdkError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::procfs;
use crate::load::Accounts;

/// The powers of a localnet's validators, percent of the total.
const WEIGHTS: [u64; 4] = [19, 24, 27, 30];
/// CometBFT's chain id.
const CHAIN_ID: &str = "deflation-local-1";
/// What senders and receivers hold at genesis. 21,000,000 DEF is the most there can be (D4).
const SENDER_DEF: u128 = 100;
const RECEIVER_DEF: u128 = 1;
/// Blocks that must be there before a network counts as running.
const READY_HEIGHT: u64 = 2;
/// How long a node may take to stop; its supervisor kills CometBFT after 15 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// What to start.
#[derive(Debug, Clone)]
pub struct NetworkPlan {
    /// The program `defchain-app`.
    pub app: PathBuf,
    /// Our build of CometBFT.
    pub cometbft: PathBuf,
    /// How many validators, 1 to 4.
    pub validators: usize,
    /// Where the temporary folder is made; the system's place for such when absent.
    pub under: Option<PathBuf>,
    /// How long to wait for the first blocks.
    pub ready_timeout: Duration,
    /// Settings of every node's app.toml beside ports: name and value.
    pub settings: Vec<(String, String)>,
}

/// A validator.
#[derive(Debug)]
pub struct Node {
    /// Its home folder.
    pub home: PathBuf,
    /// Ethereum JSON-RPC.
    pub rpc: String,
    /// CometBFT's RPC.
    pub comet_rpc: String,
    process: Option<Child>,
}

/// Running validators. Dropping it ends them and removes the folder.
#[derive(Debug)]
pub struct Network {
    /// The validators.
    pub nodes: Vec<Node>,
    folder: TempDir,
}

struct Ports {
    rpc: u16,
    metrics: u16,
    comet: u16,
    p2p: u16,
}

impl Network {
    /// Makes homes and genesis, starts every validator and waits for the first blocks.
    ///
    /// # Errors
    /// When a command fails, a process ends, or no blocks come in time; logs are shown.
    pub async fn start(plan: &NetworkPlan, accounts: &Accounts) -> Result<Self> {
        ensure!((1..=WEIGHTS.len()).contains(&plan.validators), "--validators {} must be 1 to 4", plan.validators);
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("defchain-bench-");
        let folder = match &plan.under {
            Some(under) => builder.tempdir_in(under),
            None => builder.tempdir(),
        }
        .context("cannot make a temporary folder")?;
        let ports = free_ports(plan.validators)?;
        let node_ids = make_homes(plan, folder.path(), accounts)?;
        let mut network = Self { nodes: Vec::new(), folder };
        for (i, port) in ports.iter().enumerate() {
            let home = network.home(i);
            configure(plan, &home, i, &ports, &node_ids)?;
            let process = spawn(plan, &home, &network.folder.path().join(format!("logs{i}")))?;
            network.nodes.push(Node {
                home,
                rpc: format!("http://127.0.0.1:{}", port.rpc),
                comet_rpc: format!("http://127.0.0.1:{}", port.comet),
                process: Some(process),
            });
        }
        network.wait_ready(plan.ready_timeout).await?;
        Ok(network)
    }

    fn home(&self, number: usize) -> PathBuf {
        home(self.folder.path(), number)
    }

    async fn wait_ready(&mut self, timeout: Duration) -> Result<()> {
        let started = Instant::now();
        for number in 0..self.nodes.len() {
            let Some(node) = self.nodes.get_mut(number) else { break };
            let client = Client::with_timeout(&node.rpc, Duration::from_secs(5))?;
            loop {
                let why = match client.block_number().await {
                    Ok(height) if height >= READY_HEIGHT => break,
                    Ok(height) => format!("it is at block {height}"),
                    Err(error) => error.to_string(),
                };
                if let Some(status) = node.process.as_mut().and_then(|p| p.try_wait().ok().flatten()) {
                    bail!("validator {number} ended with {status}:\n{}", self.logs(number));
                }
                if started.elapsed() > timeout {
                    let seconds = timeout.as_secs();
                    bail!("validator {number} is not ready after {seconds} s ({why}):\n{}", self.logs(number));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// The last lines of a validator's logs.
    #[must_use]
    pub fn logs(&self, number: usize) -> String {
        let folder = self.folder.path().join(format!("logs{number}"));
        let mut text = String::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let content = fs::read(entry.path()).unwrap_or_default();
            let content = String::from_utf8_lossy(&content).into_owned();
            let lines: Vec<&str> = content.lines().collect();
            let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
            text += &format!("--- {}\n{last}\n", entry.file_name().to_string_lossy());
        }
        text
    }

    /// Every process of the network.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(|node| node.process.as_ref()).flat_map(|p| procfs::family(p.id())).collect()
    }

    /// Ends everything and returns the folder's data to the system.
    ///
    /// # Errors
    /// When a validator did not stop by itself (it is killed then), or stopped with an error.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// As [`Network::stop`], but leaves the folder and says where it is.
    ///
    /// # Errors
    /// As [`Network::stop`].
    pub fn stop_and_keep(mut self) -> Result<PathBuf> {
        let ended = self.end();
        self.folder.disable_cleanup(true);
        ended.map(|()| self.folder.path().to_owned())
    }

    fn end(&mut self) -> Result<()> {
        let running: Vec<(usize, Child, Vec<u32>)> = (self.nodes.iter_mut().enumerate())
            .filter_map(|(number, node)| {
                let process = node.process.take()?;
                let family = procfs::family(process.id());
                Some((number, process, family))
            })
            .collect();
        for (_, process, _) in &running {
            signal(process.id(), Signal::SIGTERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut problems = Vec::new();
        for (number, mut process, family) in running {
            let status = loop {
                match process.try_wait() {
                    Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                    found => break found.ok().flatten(),
                }
            };
            match status {
                Some(status) if status.success() => {}
                Some(status) => {
                    problems.push(format!("validator {number} ended with {status}:\n{}", self.logs(number)))
                }
                None => {
                    // The supervisor first, so that it starts nothing again.
                    family.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
                    let _status = process.wait();
                    problems.push(format!("validator {number} did not stop within {} s", STOP_TIMEOUT.as_secs()));
                }
            }
        }
        ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error}");
        }
    }
}

impl Node {
    /// A client of its JSON-RPC.
    ///
    /// # Errors
    /// Never in practice: the address is ours.
    pub fn client(&self) -> Result<Client, SdkError> {
        Client::new(&self.rpc)
    }

    /// Our database.
    #[must_use]
    pub fn app_data(&self) -> PathBuf {
        self.home.join("data/app")
    }

    /// CometBFT's data, ours below it.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended in between.
        let _ended = kill(Pid::from_raw(pid), signal);
    }
}

fn home(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("node{number}"))
}

/// Ports that nobody uses now, all different.
fn free_ports(nodes: usize) -> Result<Vec<Ports>> {
    let held: Vec<TcpListener> =
        (0..nodes * 4).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().context("no free port")?;
    let mut ports = held.iter().map(|listener| listener.local_addr().map(|addr| addr.port()));
    let mut next = || ports.next().context("no free port")?.context("no free port");
    (0..nodes).map(|_| Ok(Ports { rpc: next()?, metrics: next()?, comet: next()?, p2p: next()? })).collect()
}

/// Runs a command of `defchain-app` and returns what it prints as JSON.
fn command(plan: &NetworkPlan, home: &Path, args: &[&str]) -> Result<Value> {
    let shown = || format!("{} --home {} {}", plan.app.display(), home.display(), args.join(" "));
    let output = Command::new(&plan.app)
        .arg("--home")
        .arg(home)
        .arg("--json")
        .args(args)
        .output()
        .with_context(|| format!("cannot run {}", shown()))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{} ended with {}:\n{out}{err}", shown(), output.status);
    serde_json::from_str(&out).with_context(|| format!("{} printed no JSON: {out}", shown()))
}

/// Homes with keys and one genesis; returns CometBFT's node ids.
fn make_homes(plan: &NetworkPlan, folder: &Path, accounts: &Accounts) -> Result<Vec<String>> {
    let first = home(folder, 0);
    let mut ids = Vec::new();
    let declarations = folder.join("declarations");
    fs::create_dir(&declarations)?;
    for (number, weight) in (0..plan.validators).zip(WEIGHTS) {
        let (home, moniker) = (home(folder, number), format!("bench{number}"));
        let made = if number == 0 {
            command(plan, &home, &["init", &moniker, "--chain-id", CHAIN_ID])?
        } else {
            // The draft, with the accounts file beside it.
            let draft = first.join("config/genesis.json");
            command(plan, &home, &["init", &moniker, "--genesis", &draft.to_string_lossy()])?
        };
        if number == 0 {
            put_accounts(&home, accounts)?;
        }
        let id = made.get("node_id").and_then(Value::as_str).context("init named no node_id")?;
        ids.push(id.to_owned());
        let operator = Address::with_last_byte(u8::try_from(number)?).create(1).to_string();
        let out = declarations.join(format!("declaration-{number}.json")).to_string_lossy().into_owned();
        let weight = weight.to_string();
        let args = ["genesis", "add-validator", "--operator", &operator, "--weight", &weight, "--out", &out];
        command(plan, &home, &args)?;
    }
    for number in 0..plan.validators {
        command(plan, &home(folder, number), &["genesis", "collect", &declarations.to_string_lossy()])?;
    }
    Ok(ids)
}

fn put_accounts(home: &Path, accounts: &Accounts) -> Result<()> {
    let config = home.join("config");
    let file = accounts_file(&config, accounts)?;
    let path = config.join("genesis.json");
    let mut genesis: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let state = genesis.get_mut("app_state").and_then(Value::as_object_mut).context("genesis has no app_state")?;
    state.insert("accounts_file".to_owned(), json!(file));
    fs::write(&path, serde_json::to_vec_pretty(&genesis)?)?;
    Ok(())
}

/// Writes the accounts with their money as a genesis' accounts file into `folder`.
///
/// # Errors
/// When the file cannot be written.
pub fn accounts_file(folder: &Path, accounts: &Accounts) -> Result<AccountsFile> {
    let senders = accounts.senders();
    let account = |(address, index): (Address, u64)| {
        let def = if index < senders { SENDER_DEF } else { RECEIVER_DEF };
        let balance = Amount::from_wei(def * 1_000_000_000_000_000_000);
        GenesisAccount { address, balance, nonce: 0, code: Default::default(), storage: Default::default() }
    };
    write_accounts_file(folder, accounts.ascending().into_iter().map(account)).context("cannot write the accounts file")
}

fn configure(plan: &NetworkPlan, home: &Path, number: usize, ports: &[Ports], ids: &[String]) -> Result<()> {
    let own = ports.get(number).context("a port for each node")?;
    let rpc = format!("127.0.0.1:{}", own.rpc);
    let metrics = format!("127.0.0.1:{}", own.metrics);
    let mut settings = vec!["config", "set", "rpc.addr", &rpc, "metrics.addr", &metrics, "log.level", "warn"];
    settings.extend(plan.settings.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    command(plan, home, &settings)?;
    let others = (ports.iter().zip(ids)).filter(|(port, _)| port.p2p != own.p2p);
    let peers: Vec<String> = others.map(|(port, id)| format!("{id}@127.0.0.1:{}", port.p2p)).collect();
    let (peers, comet, p2p) =
        (peers.join(","), format!("tcp://127.0.0.1:{}", own.comet), format!("tcp://127.0.0.1:{}", own.p2p));
    let settings = [
        ("rpc.laddr", comet.as_str()),
        ("p2p.laddr", &p2p),
        ("p2p.persistent_peers", &peers),
        ("p2p.addr_book_strict", "false"),
        ("p2p.allow_duplicate_ip", "true"),
        // Nine settings' worth of metrics of its own are of no use here, and its port may be taken.
        ("instrumentation.prometheus", "false"),
    ];
    let mut args = vec!["config", "--comet", "set"];
    args.extend(settings.iter().flat_map(|(name, value)| [*name, *value]));
    command(plan, home, &args)?;
    Ok(())
}

fn spawn(plan: &NetworkPlan, home: &Path, logs: &Path) -> Result<Child> {
    Command::new(&plan.app)
        .arg("--home")
        .arg(home)
        .args(["start", "--cometbft"])
        .arg(&plan.cometbft)
        .arg("--log-dir")
        .arg(logs)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", plan.app.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_node_gets_ports_of_its_own() {
        let ports = free_ports(4).unwrap();
        let all: BTreeSet<u16> = ports.iter().flat_map(|p| [p.rpc, p.metrics, p.comet, p.p2p]).collect();
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn a_million_accounts_stay_below_the_greatest_supply() {
        let def = 20_000 * SENDER_DEF + 1_000_000 * RECEIVER_DEF;
        assert!(Amount::from_def(u64::try_from(def).unwrap()) < defchain_chain::genesis::MAX_SUPPLY);
    }

    #[test]
    fn the_accounts_file_holds_every_account_once() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::derive(2, 30).unwrap();
        let file = accounts_file(dir.path(), &accounts).unwrap();
        assert_eq!(file.count, 30);
        let text = fs::read_to_string(dir.path().join(file.name())).unwrap();
        let rich = text.lines().filter(|line| line.contains("\"100000000000000000000\"")).count();
        assert_eq!((text.lines().count(), rich), (30, 2));
    }
}
