//! `dev`: the same chain in one process, without CometBFT.
//!
//! ```text
//!   RPC threads ──commands──▶ DevNode ◀──transactions, clock── blocks thread
//!                               └─▶ the chain, by the ABCI calls that CometBFT would make
//! ```
//!
//! State goes into a folder that is thrown away, unless `--data` names one, or `--state` a file to keep it in.

mod announce;
mod blocks;
mod state_file;

pub use state_file::{decode as decode_state, encode as encode_state};

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, keccak256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, anyhow, bail};
use defchain_base::{Amount, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis, DevNode, Mining},
    genesis::{AppState, GenesisAccount},
    params::ChainParams,
};
use defchain_rpc::{RpcConfig, RpcContext, RpcServer, system_now};
use defchain_store::{Store, StoreOptions};
use tokio::signal::unix::{SignalKind, signal};

use self::blocks::{Blocks, CHECK};
use crate::{
    cli::{DevArgs, EconomySpeed},
    commands::parse_amount,
    config::LogConfig,
    keys::derive,
    logging,
    metrics::NodeMetrics,
    node::store_error,
    output::{EXIT_FAILURE, EXIT_REFUSED, Output, coded},
    version,
};

/// Memory for the database's caches.
const CACHE_BYTES: usize = 64 << 20;
/// One block may age money by up to a day, the greatest the rules allow: who travels in time wants to see it age.
const MAX_DRIFT_MS: u64 = 86_400_000;

/// Runs a development chain until it is told to stop.
pub(crate) fn run(args: &DevArgs, output: Output) -> Result<()> {
    let level = if args.quiet { "error" } else { "warn" };
    logging::start(&LogConfig { level: level.to_owned(), ..LogConfig::default() });
    let balance = parse_amount(&args.balance).map_err(|why| anyhow!("--balance {:?}: {why}", args.balance))?;
    let keys = (0..args.accounts).map(|i| derive(&args.mnemonic, i)).collect::<Result<Vec<_>>>()?;
    let genesis = genesis(args, &keys, balance);
    check(&genesis)?;
    let thrown_away = args.data.is_none().then(tempfile::tempdir).transpose().context("no temporary folder")?;
    let folder = match (&args.data, &thrown_away) {
        (Some(given), _) => given.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => bail!("no folder for the chain"),
    };
    if let Some(file) = state_to_load(args)? {
        state_file::restore(file, &folder)?;
    }
    live(args, &folder, &genesis, &keys, balance, output)?;
    if let Some(file) = args.state.as_deref().or(args.dump_state.as_deref()) {
        state_file::save(&folder, file)?;
    }
    Ok(())
}

/// The file to begin with: `--load-state` must be there, `--state` need not yet.
fn state_to_load(args: &DevArgs) -> Result<Option<&Path>> {
    if let Some(file) = args.load_state.as_deref() {
        if !file.is_file() {
            bail!("--load-state {}: there is no such file", file.display());
        }
        return Ok(Some(file));
    }
    Ok(args.state.as_deref().filter(|file| file.exists()))
}

/// From the first block to the last; when this returns nothing holds the folder any more.
fn live(
    args: &DevArgs,
    folder: &Path,
    genesis: &DevGenesis,
    keys: &[PrivateKeySigner],
    balance: Amount,
    output: Output,
) -> Result<()> {
    let chain = open(folder.to_owned())?;
    let driver = DevDriver::start(chain.clone(), genesis).map_err(|error| coded(EXIT_REFUSED, error))?;
    let mining = match args.block_time {
        Some(millis) => Mining::Interval(Duration::from_millis(millis)),
        None if args.no_mining => Mining::Manual,
        None => Mining::Auto,
    };
    let node = DevNode::new(driver, mining).map_err(|error| coded(EXIT_REFUSED, error))?;
    node.auto_impersonate(args.auto_impersonate);
    let blocks = Blocks::start(node.clone())?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let result = runtime.block_on(serve(args, &node, keys, balance, output, &blocks));
    let stopped = blocks.stop();
    let halted = if node.halted() { Err(anyhow!("the chain halted: see the log above")) } else { Ok(()) };
    let flushed = halted.and_then(|()| node.flush().context("what was set by hand is in no block"));
    chain.shutdown();
    chain.store().flush().map_err(store_error)?;
    result.and(stopped).and(flushed)
}

/// CometBFT's chain id for an EVM chain id (D5).
fn chain_name(evm_chain_id: u64) -> &'static str {
    match evm_chain_id {
        3_567 => "deflation-1",
        35_671 => "deflation-test-1",
        _ => "deflation-dev-1",
    }
}

fn genesis(args: &DevArgs, keys: &[PrivateKeySigner], balance: Amount) -> DevGenesis {
    let defaults = ChainParams::default();
    let base_fee = args.base_fee.unwrap_or(defaults.initial_base_fee);
    let params = ChainParams {
        evm_chain_id: args.chain_id,
        block_gas_limit: args.gas_limit.unwrap_or(defaults.block_gas_limit),
        min_base_fee: base_fee.min(defaults.min_base_fee),
        initial_base_fee: base_fee,
        max_block_drift_ms: MAX_DRIFT_MS,
        ..defaults
    };
    let accounts = keys
        .iter()
        .map(|key| GenesisAccount {
            address: key.address(),
            balance,
            nonce: 0,
            code: Default::default(),
            storage: Default::default(),
        })
        .collect();
    // Tips go to nobody's account, so that the balances of the funded ones are easy to follow.
    let operator = Address::from_word(keccak256("defchain/dev-operator"));
    DevGenesis::single(
        chain_name(args.chain_id),
        args.timestamp.map_or_else(system_now, |seconds| Timestamp(seconds.saturating_mul(1_000))),
        operator,
        economy(args, AppState { params, accounts, ..AppState::default() }),
    )
}

/// The rules of money that were asked for.
fn economy(args: &DevArgs, state: AppState) -> AppState {
    if args.plain_money { EconomySpeed::Plain.apply(state) } else { args.economy.apply(state) }
}

fn open(folder: PathBuf) -> Result<Chain> {
    let options = StoreOptions { cache_bytes: CACHE_BYTES, sync: false, ..StoreOptions::default() };
    let store = Store::open(folder.join("app"), options).map_err(store_error)?;
    Chain::open_dev(store, ChainConfig::default()).map_err(|error| coded(EXIT_FAILURE, error))
}

/// The chain itself would only halt on a wrong genesis.
fn check(genesis: &DevGenesis) -> Result<()> {
    use defchain_chain::genesis::{GenesisInput, KeyPower, validate};
    let validators: Vec<KeyPower> = genesis
        .validators
        .iter()
        .map(|(key, power)| KeyPower {
            kind: "ed25519".to_owned(),
            key: key.to_vec(),
            power: i64::try_from(*power).unwrap_or(i64::MAX),
        })
        .collect();
    let app_state = serde_json::to_vec(&genesis.app_state)?;
    let input = GenesisInput {
        chain_id: &genesis.chain_id,
        initial_height: 1,
        max_block_bytes: -1,
        time: genesis.time.seconds(),
        app_version: 0,
        validators: &validators,
        app_state: &app_state,
    };
    validate(&input).map(|_| ()).map_err(|errors| coded(EXIT_REFUSED, errors))
}

async fn serve(
    args: &DevArgs,
    node: &Arc<DevNode>,
    keys: &[PrivateKeySigner],
    balance: Amount,
    output: Output,
    blocks: &Blocks,
) -> Result<()> {
    let config = RpcConfig {
        addr: SocketAddr::new(args.host, args.port),
        // A development chain is called from pages on any port, and through any name.
        cors_origins: vec!["*".to_owned()],
        allowed_hosts: vec!["*".to_owned()],
        dev_keys: keys.to_vec(),
        ..RpcConfig::default()
    };
    let chain = node.chain();
    // Hardhat's helpers (version 1) serve only what says it is anvil, Hardhat or zkSync.
    let mut context = RpcContext::of_dev(node.clone(), format!("anvil-compatible/v0 {}", version::client_version()));
    let (figures, of_chain) = (NodeMetrics::default(), chain.clone());
    context.metrics = Arc::new(move || figures.render(&of_chain));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let rpc = RpcServer::start(config, context).await.map_err(|error| coded(EXIT_FAILURE, error))?;
    let addr = rpc.local_addr();
    if !args.quiet {
        announce::announce(args, chain, keys, balance, addr, output);
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = tokio::time::sleep(CHECK) => if blocks.ended() || node.halted() { break },
        }
    }
    rpc.shutdown().await;
    Ok(())
}
