use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// The accounts of the phrase `test test test test test test test test test test test junk`, m/44'/60'/0'/0/0 to 19.
/// The first ten hold money on every development network, the next ten operate its validators.
pub const DEV_ACCOUNTS: [&str; 20] = [
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
    "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
    "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
    "0xBcd4042DE499D14e55001CcbB24a551F3b954096",
    "0x71bE63f3384f5fb98995898A86B02Fb2426c5788",
    "0xFABB0ac9d68B0B445fB7357272Ff202C5651694a",
    "0x1CBd3b2770909D4e10f157cABC84C7264073C9Ec",
    "0xdF3e18d64BC6A983f673Ab319CCaE4f1a57C7097",
    "0xcd3B766CCDd6AE721141F452C550Ca635964ce71",
    "0x2546BcD3c84621e976D8185a91A922aE77ECEc30",
    "0xbDA5747bFD65F08deb54cb465eB87D40e51B197E",
    "0xdD2FD4581271e230360230F9337D5c0430Bf44C0",
    "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199",
];

/// Funded accounts of a development network.
const FUNDED: usize = 10;
/// DEF of each.
const FUNDS: u64 = 100_000;
/// Most validators on one machine.
const MAX_VALIDATORS: usize = 20;

/// The operator of validator `i`.
#[must_use]
pub fn operator(i: usize) -> String {
    match DEV_ACCOUNTS.get(FUNDED + i) {
        Some(address) => (*address).to_owned(),
        // Beyond the phrase's twenty: addresses that nobody holds the key of.
        None => format!("0x{:040x}", 0xdef_0000_0000_u64 + i as u64),
    }
}

/// Where each validator listens.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum PortPlan {
    /// Validator i: RPC 8545 + 10i, CometBFT RPC 26657 + 10i, its p2p 26656 + 10i, metrics 9090 + 10i, CometBFT's
    /// metrics 9091 + 10i.
    Standard,
    /// Whatever is free now: for tests.
    Free,
}

/// A network to be made.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its folder.
    pub dir: PathBuf,
    /// `defchain-app`.
    pub app: PathBuf,
    /// The modified CometBFT; one for all, or one per validator.
    pub cometbft: Vec<PathBuf>,
    /// Weights of voting power, one per validator; they need not sum to anything.
    pub powers: Vec<u64>,
    /// Ports.
    pub ports: PortPlan,
    /// CometBFT's chain id.
    pub chain_id: String,
    /// Accounts with their DEF.
    pub accounts: Vec<(String, String)>,
    /// How money behaves: `real`, `short`, `plain` (see `defchain-app init --economy`). A draft decides by itself.
    pub economy: String,
    /// A genesis draft to begin with, for networks with many accounts (its accounts file lies beside it).
    pub draft: Option<PathBuf>,
    /// Settings of app.toml, for every validator: key, value.
    pub app_config: Vec<(String, String)>,
    /// Settings of config.toml, for every validator: key, value.
    pub comet_config: Vec<(String, String)>,
    /// Write every validator's ABCI requests to `abci.rec` in its home.
    pub record: bool,
    /// Where each validator lives on the network; empty: all on the loopback.
    pub places: Vec<Place>,
}

/// Where a validator lives on the network.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Place {
    /// Where it answers: RPC, CometBFT's RPC, metrics.
    pub host: String,
    /// Where its peers find it.
    pub p2p_host: String,
    /// The network namespace its processes run in; none: that of the caller.
    pub netns: Option<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self { host: LOOPBACK.to_owned(), p2p_host: LOOPBACK.to_owned(), netns: None }
    }
}

/// Where everything listens when nobody says otherwise.
const LOOPBACK: &str = "127.0.0.1";

impl Spec {
    /// The localnet of the README: funded development accounts, chain `deflation-local-1`.
    #[must_use]
    pub fn localnet(dir: &Path, app: &Path, cometbft: &Path, powers: Vec<u64>) -> Self {
        Self {
            dir: dir.to_owned(),
            app: app.to_owned(),
            cometbft: vec![cometbft.to_owned()],
            powers,
            ports: PortPlan::Standard,
            chain_id: "deflation-local-1".to_owned(),
            accounts: DEV_ACCOUNTS.iter().take(FUNDED).map(|a| ((*a).to_owned(), FUNDS.to_string())).collect(),
            economy: "real".to_owned(),
            draft: None,
            app_config: Vec::new(),
            comet_config: Vec::new(),
            record: false,
            places: Vec::new(),
        }
    }

    /// Powers for `n` validators: 19, 24, 27, 30 % for four, else equal.
    #[must_use]
    pub fn default_powers(n: usize) -> Vec<u64> {
        if n == 4 { vec![19, 24, 27, 30] } else { vec![1; n] }
    }

    /// The validators with their places.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn nodes(&self) -> Result<Vec<Node>> {
        let n = self.powers.len();
        if n == 0 || n > MAX_VALIDATORS {
            bail!("{n} validators: between 1 and {MAX_VALIDATORS} run on one machine");
        }
        if self.cometbft.len() != 1 && self.cometbft.len() != n {
            bail!("{} CometBFT programs for {n} validators", self.cometbft.len());
        }
        if !self.places.is_empty() && self.places.len() != n {
            bail!("{} places for {n} validators", self.places.len());
        }
        let ports: Vec<[u16; 5]> = match self.ports {
            PortPlan::Standard => (0..n).map(standard_ports).collect(),
            PortPlan::Free => {
                let ports = crate::free_ports(5 * n)?;
                ports.chunks_exact(5).map(|c| [c[0], c[1], c[2], c[3], c[4]]).collect()
            }
        };
        Ok(ports
            .into_iter()
            .enumerate()
            .map(|(i, [rpc, comet_rpc, p2p, metrics, comet_metrics])| Node {
                index: i,
                home: self.dir.join(format!("node{i}")),
                cometbft: self.cometbft.get(i).or_else(|| self.cometbft.first()).cloned().unwrap_or_default(),
                rpc,
                comet_rpc,
                p2p,
                metrics,
                comet_metrics,
                record: self.record,
                place: self.places.get(i).cloned().unwrap_or_default(),
                env: Vec::new(),
            })
            .collect())
    }
}

fn standard_ports(i: usize) -> [u16; 5] {
    let step = 10 * u16::try_from(i).unwrap_or(0);
    [8545 + step, 26657 + step, 26656 + step, 9090 + step, 9091 + step]
}

/// A validator: where it lives and listens.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Node {
    /// Its number, from 0.
    pub index: usize,
    /// Its home folder.
    pub home: PathBuf,
    /// Its CometBFT.
    pub cometbft: PathBuf,
    /// Ethereum RPC and WebSocket.
    pub rpc: u16,
    /// CometBFT's RPC.
    pub comet_rpc: u16,
    /// CometBFT's p2p.
    pub p2p: u16,
    /// The application's metrics.
    pub metrics: u16,
    /// CometBFT's metrics.
    pub comet_metrics: u16,
    /// Whether its ABCI requests are recorded.
    pub record: bool,
    /// Where it lives on the network.
    #[serde(default)]
    pub place: Place,
    /// Environment of its processes, beside the caller's: taken at its next start, and not kept on disk.
    #[serde(skip)]
    pub env: Vec<(String, String)>,
}

impl Node {
    /// `http://127.0.0.1:8545`
    #[must_use]
    pub fn rpc_url(&self) -> String {
        format!("http://{}:{}", self.place.host, self.rpc)
    }

    /// `http://127.0.0.1:26657`
    #[must_use]
    pub fn comet_url(&self) -> String {
        format!("http://{}:{}", self.place.host, self.comet_rpc)
    }

    /// Its logs: app.log, cometbft.log, supervisor.log.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.home.join("logs")
    }

    /// Where its ABCI requests are recorded.
    #[must_use]
    pub fn recording(&self) -> PathBuf {
        self.home.join("abci.rec")
    }

    /// Its ports with what listens there.
    #[must_use]
    pub fn ports(&self) -> [(u16, &'static str); 5] {
        [
            (self.rpc, "RPC"),
            (self.comet_rpc, "CometBFT RPC"),
            (self.p2p, "p2p"),
            (self.metrics, "metrics"),
            (self.comet_metrics, "CometBFT metrics"),
        ]
    }
}
