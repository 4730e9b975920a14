//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand};

pub use crate::commands::tx::args::TxArgs;
use defchain_chain::genesis::AppState;
use defchain_geo::Country;
use defchain_token::TokenParams;

use crate::{config::LogFormat, keys::PasswordArgs, process::child::ChildArgs};

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong command line; 3 configuration or genesis refused; 4 nobody answers at the address; \
5 data folder or key refused (foreign, damaged, in use); 6 CometBFT's connection lost; 7 the next block needs another \
release; 8 halted, because going on could be wrong; 9 the disk is full.";

/// DeflationChain's node.
#[derive(Debug, Parser)]
#[command(name = "defchain-app", version = crate::version::VERSION, about, after_help = EXIT_CODES)]
pub struct Cli {
    /// The node's folder
    #[arg(long, global = true, env = "DEFCHAIN_HOME", value_name = "DIR", default_value_os_t = default_home())]
    pub home: PathBuf,
    /// Print results and errors as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

fn default_home() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".defchain")
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "made once")]
pub enum Command {
    /// Make a node's folder: configuration, keys and a genesis draft
    Init(InitArgs),
    /// Draft, put together and check a genesis file
    #[command(subcommand)]
    Genesis(GenesisCommand),
    /// Run the node: the application, and CometBFT if asked
    Start(StartArgs),
    /// Take the database back to an earlier block
    Rollback(RollbackArgs),
    /// Write a block's state as the genesis of a new chain, or line by line
    Export(ExportArgs),
    /// Snapshots of state, from which other nodes join
    #[command(subcommand)]
    Snapshot(crate::commands::snapshot::SnapshotCommand),
    /// Get the header that a joining node begins to trust, from two or more nodes
    Trust(crate::commands::trust::TrustArgs),
    /// Run a development chain in one process, without CometBFT
    Dev(DevArgs),
    /// A validator's keys and proofs of possession
    #[command(subcommand)]
    Validator(crate::commands::validator::ValidatorCommand),
    /// A verifier's signature that a validator stands in a country (D30)
    #[command(subcommand)]
    Attest(crate::commands::attest::AttestCommand),
    /// Accounts: make, import, export, list; the BLS key of a validator
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Ask a running node
    Query(QueryArgs),
    /// Sign and send transactions
    Tx(TxArgs),
    /// Show, change and check configuration
    Config(ConfigArgs),
    /// Version, commit and protocol
    Version,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Become a program that ends with its supervisor
    #[command(hide = true)]
    RunChild(ChildArgs),
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name of the node, for people
    #[arg(default_value = "node")]
    pub moniker: String,
    /// CometBFT's chain id, such as deflation-local-1
    #[arg(long, required_unless_present = "genesis")]
    pub chain_id: Option<String>,
    /// Take this genesis (or draft) instead of starting a new draft
    #[arg(long, value_name = "FILE", conflicts_with = "chain_id")]
    pub genesis: Option<PathBuf>,
    /// How money behaves on the network: `real`, `short` (days of 15 s), or `plain` (neither decay nor commission)
    #[arg(long, value_enum, default_value = "real", conflicts_with = "genesis")]
    pub economy: EconomySpeed,
}

/// `genesis`
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Declare this home's consensus key as a validator: writes a signed file to send to the others
    AddValidator(AddValidatorArgs),
    /// Put declarations into the draft: everybody who does gets the same file
    Collect {
        /// Declarations, or folders of them
        #[arg(required = true)]
        declarations: Vec<PathBuf>,
    },
    /// Give an account money in the draft
    AddAccount {
        /// Whose
        address: Address,
        /// DEF, such as 100000 or 0.5; or wei, such as 5wei
        amount: String,
    },
    /// Report every mistake in a genesis file
    Validate {
        /// The file (default: this home's)
        file: Option<PathBuf>,
    },
    /// Print the hashes by which people compare genesis files
    Hash {
        /// The file (default: this home's)
        file: Option<PathBuf>,
    },
}

/// `genesis add-validator`
#[derive(Debug, Args)]
pub struct AddValidatorArgs {
    /// Address that earns and acts for the validator
    #[arg(long, value_name = "ADDRESS")]
    pub operator: Address,
    /// Its jurisdiction: two letters of ISO 3166-1, one validator each
    #[arg(long, value_name = "CODE", value_parser = country)]
    pub country: Country,
    /// Its own stake at genesis, DEF; voting power is stake times years
    #[arg(long, value_name = "DEF", default_value = "10000")]
    pub stake: String,
    /// Term of the stake
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=12))]
    pub years: u8,
    /// What it keeps of its delegators' income, percent
    #[arg(long, value_name = "PERCENT", default_value = "5")]
    pub commission: String,
    /// Name for people (default: the node's)
    #[arg(long)]
    pub moniker: Option<String>,
    /// Where to write (default: declaration-<ADDRESS>.json in this home's config folder)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `start`
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Run and supervise this CometBFT
    #[arg(long, value_name = "PATH")]
    pub cometbft: Option<PathBuf>,
    /// Run the application alone, whatever app.toml says
    #[arg(long, conflicts_with = "cometbft")]
    pub no_cometbft: bool,
    /// The socket that CometBFT dials: unix:///absolute/path or tcp://host:port
    #[arg(long, value_name = "ADDRESS")]
    pub abci: Option<String>,
    /// Where RPC listens
    #[arg(long = "rpc.addr", value_name = "HOST:PORT")]
    pub rpc_addr: Option<SocketAddr>,
    /// What eth_getBalance shows: nominal or effective (D20)
    #[arg(long = "rpc.balance", value_name = "MODE", value_parser = ["nominal", "effective"])]
    pub rpc_balance: Option<String>,
    /// Where metrics are served
    #[arg(long = "metrics.addr", value_name = "HOST:PORT")]
    pub metrics_addr: Option<SocketAddr>,
    /// How log lines look
    #[arg(long = "log.format", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged, such as info,defchain_mempool=debug
    #[arg(long = "log.level", value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// With --cometbft: write both halves' logs into this folder (app.log, cometbft.log, put aside at 20 MiB)
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Write every ABCI request into this file, for replay in tests
    #[arg(long, value_name = "FILE")]
    pub record_abci: Option<PathBuf>,
    /// The process that supervises this one
    #[arg(long, hide = true, value_name = "PID")]
    pub supervised_by: Option<i32>,
}

/// `rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The height that becomes the newest (default: one below the newest)
    #[arg(long, value_name = "HEIGHT")]
    pub to: Option<u64>,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The state after this block (default: the newest)
    #[arg(long)]
    pub height: Option<u64>,
    /// genesis: a new chain's genesis.json in the folder --out; ndjson: one JSON value a line, to --out or standard output
    #[arg(long, value_enum, default_value_t = ExportFormat::Genesis)]
    pub format: ExportFormat,
    /// Folder of the genesis, or file of the lines
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// The new chain's id (default: the old one's with its last number counted up)
    #[arg(long)]
    pub chain_id: Option<String>,
    /// The new chain's genesis time (default: the block's)
    #[arg(long, value_name = "RFC3339")]
    pub genesis_time: Option<String>,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// A genesis.
    Genesis,
    /// Lines.
    Ndjson,
}

/// `dev`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevArgs {
    /// Instead of running a chain, do something with one that runs
    #[command(subcommand)]
    pub command: Option<crate::commands::warp::DevCommand>,
    /// Make a block every so many milliseconds (default: with each transaction)
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub block_time: Option<u64>,
    /// Make blocks only when called (evm_mine)
    #[arg(long, alias = "no-mine", conflicts_with = "block_time")]
    pub no_mining: bool,
    /// Keep the whole chain in this file: begin with it if it is there, write it on exit
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "load_state", "dump_state"])]
    pub state: Option<PathBuf>,
    /// Begin with the chain of this file
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub load_state: Option<PathBuf>,
    /// Write the chain into this file on exit
    #[arg(long, value_name = "FILE")]
    pub dump_state: Option<PathBuf>,
    /// Take transactions of any account without its signature
    #[arg(long)]
    pub auto_impersonate: bool,
    /// Time of genesis, seconds since 1970 (default: now)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=253_402_300_799))]
    pub timestamp: Option<u64>,
    /// How many funded accounts
    #[arg(long, short, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub accounts: u32,
    /// DEF of each
    #[arg(long, default_value = "100000", value_name = "DEF")]
    pub balance: String,
    /// BIP-39 phrase of the accounts
    #[arg(long, short, default_value = crate::keys::DEV_MNEMONIC)]
    pub mnemonic: String,
    /// Port of RPC
    #[arg(long, short, default_value_t = 8545)]
    pub port: u16,
    /// Address of RPC
    #[arg(long, default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// EVM chain id
    #[arg(long, default_value_t = 35_679)]
    pub chain_id: u64,
    /// Lowest and first base fee, wei per gas
    #[arg(long, value_name = "WEI", alias = "block-base-fee-per-gas")]
    pub base_fee: Option<u64>,
    /// Gas of a block
    #[arg(long, value_name = "GAS")]
    pub gas_limit: Option<u64>,
    /// Money that neither decays nor pays commission, for test suites of other projects that assert exact balances
    #[arg(long, conflicts_with = "economy")]
    pub plain_money: bool,
    /// How money behaves: `real`, `short` to see a whole economy in ten minutes, or `plain` (as --plain-money)
    #[arg(long, value_enum, default_value = "real")]
    pub economy: EconomySpeed,
    /// Keep the chain in this folder (default: it is thrown away)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short, alias = "silent")]
    pub quiet: bool,
}

impl EconomySpeed {
    /// A genesis with these rules of money.
    #[must_use]
    pub fn apply(self, mut state: AppState) -> AppState {
        match self {
            Self::Real => state,
            Self::Short => state.with_short_economy(),
            Self::Plain => {
                state.token = TokenParams::plain();
                state
            }
        }
    }
}

fn country(code: &str) -> Result<Country, String> {
    Country::parse(code).map_err(|why| why.to_string())
}

/// How long days and months are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EconomySpeed {
    /// Days of 86,400 s and calendar months (D3).
    #[default]
    Real,
    /// Days of 15 s, months of 4 days, years of 12.
    Short,
    /// Neither decay nor commission.
    Plain,
}

/// `keys`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make an account; its phrase is printed once
    New {
        /// Name of the account
        name: String,
        /// Words of the phrase
        #[arg(long, default_value_t = 12)]
        words: usize,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List accounts
    List,
    /// Import a private key or a phrase, from standard input or asked for
    Import {
        /// Name of the account
        name: String,
        /// Which account of a phrase (m/44'/60'/0'/0/INDEX)
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Print the accounts of a phrase, from standard input or asked for; nothing is written
    Derive {
        /// How many
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
        /// The first index
        #[arg(long, default_value_t = 0)]
        first: u32,
        /// Print private keys too
        #[arg(long)]
        private_keys: bool,
    },
    /// Print an account's private key
    Export {
        /// Name of the account
        name: String,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show an account
    Show {
        /// Name of the account
        name: String,
    },
    /// The BLS12-381 key of a validator
    #[command(subcommand)]
    Bls(crate::commands::validator::BlsCommand),
}

/// `query`
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The node's RPC
    #[arg(long, default_value = "http://127.0.0.1:8545", global = true)]
    pub rpc: String,
    /// CometBFT's RPC, for upgrade and proposer
    #[arg(long, default_value = "http://127.0.0.1:26657", global = true)]
    pub comet_rpc: String,
    /// What
    #[command(subcommand)]
    pub query: Query,
}

/// What to ask.
#[derive(Debug, Subcommand)]
pub enum Query {
    /// A block, by number, hash or tag
    Block {
        /// Number, 0x-hash, latest, finalized, earliest
        #[arg(default_value = "latest")]
        block: String,
    },
    /// A transaction and its receipt
    Tx {
        /// Its hash
        hash: String,
    },
    /// Balance, nonce and code of an address
    Account {
        /// Whose
        address: Address,
    },
    /// What the chain's own modules know
    #[command(flatten)]
    Economy(crate::commands::economy::EconomyQuery),
    /// The version of the rules in force, and the upgrade to come
    Upgrade,
    /// Who is drawn to propose (D33)
    Proposer {
        /// Height
        height: u64,
        /// Round
        #[arg(default_value_t = 0)]
        round: u32,
    },
    /// Where the node stands
    Status,
}

/// `config`
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// CometBFT's config.toml instead of app.toml
    #[arg(long, global = true)]
    pub comet: bool,
    /// What
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show all settings that hold, the environment's too
    Show,
    /// Print one setting
    Get {
        /// Such as rpc.addr
        key: String,
    },
    /// Change settings; comments stay
    Set {
        /// KEY VALUE, any number of pairs
        #[arg(required = true, num_args = 2.., value_names = ["KEY", "VALUE"])]
        pairs: Vec<String>,
    },
    /// Report every mistake
    Validate,
}
