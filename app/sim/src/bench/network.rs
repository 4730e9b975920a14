//! A network of real processes in a temporary folder, with as many funded accounts as wanted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use defchain_base::Amount;
use defchain_chain::genesis::{AccountsFile, GenesisAccount, write_accounts_file};
use defchain_localnet::{Node, PortPlan, Spec, add_follower, create};
use defchain_sdk::Client;
use defchain_token::TokenParams;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::{Accounts, Work};

/// CometBFT's chain id; EVM chain id 35679 belongs to it (D5).
const COMET_CHAIN_ID: &str = "deflation-local-1";
/// What senders and receivers hold at genesis. 21,000,000 DEF is the most there can be (D4).
const SENDER_DEF: u128 = 100;
const RECEIVER_DEF: u128 = 1;
/// Most senders and accounts for which that money is enough.
pub const MAX_SENDERS: u64 = 100_000;
/// As [`MAX_SENDERS`].
pub const MAX_ACCOUNTS: u64 = 10_000_000;
/// Blocks that must be there before a network counts as running.
const READY_HEIGHT: u64 = 2;

/// How money behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Money {
    /// It decays, and transfers pay commission: the chain's own parameters
    #[default]
    Real,
    /// Neither
    Plain,
}

impl Money {
    /// Its parameters.
    #[must_use]
    pub fn params(self) -> TokenParams {
        match self {
            Self::Real => TokenParams::economy(),
            Self::Plain => TokenParams::plain(),
        }
    }

    /// As `defchain-app init --economy` names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Plain => "plain",
        }
    }
}

/// What to start.
#[derive(Debug, Clone)]
pub struct NetworkPlan {
    /// The program `defchain-app`.
    pub app: PathBuf,
    /// Our build of CometBFT.
    pub cometbft: PathBuf,
    /// How many validators.
    pub validators: usize,
    /// Where the temporary folder is made; the system's place for such when absent.
    pub under: Option<PathBuf>,
    /// How long to wait for the first blocks.
    pub ready_timeout: Duration,
    /// Settings of every node's app.toml beside ports: name and value.
    pub app_settings: Vec<(String, String)>,
    /// Settings of every node's config.toml.
    pub comet_settings: Vec<(String, String)>,
    /// What genesis must be ready for.
    pub work: Work,
    /// How money behaves.
    pub money: Money,
}

/// Running validators. Dropping it ends them and removes the folder.
#[derive(Debug)]
pub struct Network {
    running: Option<defchain_localnet::Network>,
    /// The validators.
    pub nodes: Vec<Node>,
    spec: Spec,
    folder: TempDir,
}

impl Network {
    /// Makes homes and genesis, starts every validator and waits for the first blocks.
    ///
    /// # Errors
    /// When a command fails, a process ends, or no blocks come in time; logs are shown.
    pub async fn start(plan: &NetworkPlan, accounts: &Accounts) -> Result<Self> {
        let folder = temporary(plan.under.as_deref())?;
        let draft = draft(plan, folder.path(), accounts)?;
        // The folder goes with the task: who gives up waiting must not remove it while a network is made in it.
        let dir = folder.path().join("network");
        let mut app_config = vec![("log.level".to_owned(), "warn".to_owned())];
        app_config.extend(plan.app_settings.iter().cloned());
        let powers = Spec::default_powers(plan.validators);
        let spec = Spec {
            ports: PortPlan::Free,
            draft: Some(draft),
            accounts: Vec::new(),
            app_config,
            comet_config: plan.comet_settings.clone(),
            ..Spec::localnet(&dir, &plan.app, &plan.cometbft, powers)
        };
        let (app, timeout, made_of) = (plan.app.clone(), plan.ready_timeout, spec.clone());
        let started = tokio::task::spawn_blocking(move || {
            let nodes = create(&spec)?;
            let network = defchain_localnet::Network::start(&dir, &app, nodes)?;
            network.wait_height(READY_HEIGHT, timeout)?;
            Ok::<_, anyhow::Error>((network, folder))
        });
        let (running, folder) = started.await??;
        Ok(Self { nodes: running.nodes.clone(), running: Some(running), spec: made_of, folder })
    }

    /// Makes the home of one more node, which is no validator.
    ///
    /// # Errors
    /// When a command fails.
    pub fn follower(&self) -> Result<Node> {
        add_follower(&self.spec, &self.nodes)
    }

    /// Starts one more node; its number.
    ///
    /// # Errors
    /// When the process does not start.
    pub fn join(&mut self, node: Node) -> Result<usize> {
        self.nodes.push(node.clone());
        self.running.as_mut().context("the network was stopped")?.join(node)
    }

    /// Application and CometBFT of a node.
    #[must_use]
    pub fn processes_of(&self, node: usize) -> Vec<u32> {
        let (app, comet) = self.running.as_ref().map_or((None, None), |network| network.halves(node));
        [app, comet].into_iter().flatten().filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// A client of the first validator's JSON-RPC.
    ///
    /// # Errors
    /// When there is none.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.first()?.rpc_url())?)
    }

    /// The first validator.
    ///
    /// # Errors
    /// When there is none.
    pub fn first(&self) -> Result<&Node> {
        self.nodes.first().context("a network has a validator")
    }

    /// Applications and CometBFTs.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let halves = |i| self.running.as_ref().map_or((None, None), |network| network.halves(i));
        let pids = (0..self.nodes.len()).map(halves).flat_map(|(app, comet)| [app, comet]);
        pids.flatten().filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// The last lines of the first validator's logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let folder = self.nodes.first().map(Node::log_dir).unwrap_or_default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let content = fs::read(entry.path()).unwrap_or_default();
            let content = String::from_utf8_lossy(&content).into_owned();
            let lines: Vec<&str> = content.lines().collect();
            let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
            text += &format!("--- {}\n{last}\n", entry.file_name().to_string_lossy());
        }
        text
    }

    /// Ends all processes; the folder stays until this is dropped.
    ///
    /// # Errors
    /// When one did not stop by itself and was killed.
    pub fn halt(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), defchain_localnet::Network::stop)
    }

    /// Leaves the folder when this is dropped, and says where it is.
    pub fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }
}

/// The application's database of a validator.
#[must_use]
pub fn app_data(node: &Node) -> PathBuf {
    node.home.join("data/app")
}

/// A temporary folder.
///
/// # Errors
/// When it cannot be made.
pub fn temporary(under: Option<&Path>) -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("defchain-bench-");
    let made = under.map_or_else(|| builder.tempdir(), |under| builder.tempdir_in(under));
    made.context("cannot make a temporary folder")
}

/// A genesis draft with the accounts' file beside it.
fn draft(plan: &NetworkPlan, folder: &Path, accounts: &Accounts) -> Result<PathBuf> {
    let NetworkPlan { app, work, money, .. } = plan;
    let home = folder.join("draft");
    let mut command = Command::new(app);
    command.arg("--home").arg(&home).args(["init", "draft", "--chain-id", COMET_CHAIN_ID]);
    command.args(["--economy", money.name()]);
    let output = command.output().with_context(|| format!("cannot run {}", app.display()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let config = home.join("config");
    let file = accounts_file(&config, accounts, work.contracts(accounts)?)?;
    let path = config.join("genesis.json");
    let mut genesis: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let state = genesis.get_mut("app_state").and_then(Value::as_object_mut).context("genesis has no app_state")?;
    state.insert("accounts_file".to_owned(), json!(file));
    fs::write(&path, serde_json::to_vec_pretty(&genesis)?)?;
    Ok(path)
}

/// Writes the accounts with their money, and contracts, as a genesis' accounts file into `folder`.
///
/// # Errors
/// When the file cannot be written.
pub fn accounts_file(folder: &Path, accounts: &Accounts, contracts: Vec<GenesisAccount>) -> Result<AccountsFile> {
    let senders = accounts.senders();
    let account = |(address, index): (Address, u64)| {
        let def = if index < senders { SENDER_DEF } else { RECEIVER_DEF };
        let balance = Amount::from_wei(def * 1_000_000_000_000_000_000);
        GenesisAccount { address, balance, nonce: 0, code: Default::default(), storage: Default::default() }
    };
    let mut all: Vec<GenesisAccount> = accounts.ascending().into_iter().map(account).collect();
    all.extend(contracts);
    all.sort_unstable_by_key(|account| account.address);
    write_accounts_file(folder, all).context("cannot write the accounts file")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_most_accounts_there_may_be_stay_below_the_greatest_supply() {
        let def = u128::from(MAX_SENDERS) * SENDER_DEF + u128::from(MAX_ACCOUNTS) * RECEIVER_DEF;
        assert!(Amount::from_def(u64::try_from(def).unwrap()) < defchain_chain::genesis::MAX_SUPPLY);
    }

    #[test]
    fn the_accounts_file_holds_every_account_once() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::derive(2, 30).unwrap();
        let file = accounts_file(dir.path(), &accounts, Vec::new()).unwrap();
        assert_eq!(file.count, 30);
        let text = fs::read_to_string(dir.path().join(file.name())).unwrap();
        let rich = text.lines().filter(|line| line.contains("\"100000000000000000000\"")).count();
        assert_eq!((text.lines().count(), rich), (30, 2));
    }
}
