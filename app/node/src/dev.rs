//! `dev`: the same chain in one process, without CometBFT.
//!
//! A thread makes blocks through the chain's in-process driver, by the same ABCI calls as CometBFT would: with each
//! transaction that becomes executable, or by the clock. State goes into a folder that is thrown away.

use std::{
    fmt::Write,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{Address, keccak256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, anyhow, bail};
use defchain_base::{Amount, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis},
    genesis::{AppState, GenesisAccount},
    params::ChainParams,
};
use defchain_rpc::{RpcConfig, RpcContext, RpcServer, system_now};
use defchain_store::{Store, StoreOptions};
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::broadcast::error::{RecvError, TryRecvError},
};

use crate::{
    cli::DevArgs,
    commands::parse_amount,
    config::LogConfig,
    keys::{derive, path},
    logging,
    metrics::NodeMetrics,
    node::store_error,
    output::{EXIT_FAILURE, EXIT_REFUSED, Output, coded},
    version,
};

/// Memory for the database's caches.
const CACHE_BYTES: usize = 64 << 20;
/// How long a stop may wait for the block in work.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the block thread looks whether it shall stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Runs a development chain until it is told to stop.
pub(crate) fn run(args: &DevArgs, output: Output) -> Result<()> {
    let level = if args.quiet { "error" } else { "warn" };
    logging::start(&LogConfig { level: level.to_owned(), ..LogConfig::default() });
    let balance = parse_amount(&args.balance).map_err(|why| anyhow!("--balance {:?}: {why}", args.balance))?;
    let keys = (0..args.accounts).map(|i| derive(&args.mnemonic, i)).collect::<Result<Vec<_>>>()?;
    let genesis = genesis(args, &keys, balance);
    let thrown_away = args.data.is_none().then(tempfile::tempdir).transpose().context("no temporary folder")?;
    let folder = match (&args.data, &thrown_away) {
        (Some(given), _) => given.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => bail!("no folder for the chain"),
    };
    let chain = open(folder)?;
    let blocks = Blocks::start(chain.clone(), &genesis, args.block_time.map(Duration::from_millis))?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let result = runtime.block_on(serve(args, &chain, &keys, balance, output, &blocks));
    let stopped = blocks.stop();
    chain.shutdown();
    result.and(stopped)
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
        system_now(),
        operator,
        AppState { params, accounts, ..AppState::default() },
    )
}

fn open(folder: PathBuf) -> Result<Chain> {
    let options = StoreOptions { cache_bytes: CACHE_BYTES, sync: false, ..StoreOptions::default() };
    let store = Store::open(folder.join("app"), options).map_err(store_error)?;
    Chain::open(store, ChainConfig::default()).map_err(|error| coded(EXIT_FAILURE, error))
}

/// The thread that makes blocks.
struct Blocks {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Blocks {
    fn start(chain: Chain, genesis: &DevGenesis, interval: Option<Duration>) -> Result<Self> {
        check(genesis)?;
        let driver = DevDriver::start(chain, genesis).map_err(|error| coded(EXIT_REFUSED, error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("blocks".to_owned()).spawn(move || match interval {
            Some(interval) => timed(&driver, interval, &stopped),
            None => instant(&driver, &stopped),
        })?;
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        while !self.thread.is_finished() {
            if Instant::now() > deadline {
                bail!("a block is still in work after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.thread.join().map_err(|_| anyhow!("the chain halted: see the log above"))?
    }
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
        validators: &validators,
        app_state: &app_state,
    };
    validate(&input).map(|_| ()).map_err(|errors| coded(EXIT_REFUSED, errors))
}

/// The clock, but never before the newest block's time.
fn next_time(driver: &DevDriver) -> Result<Timestamp> {
    Ok(system_now().max(driver.chain().reader().latest()?.time))
}

fn timed(driver: &DevDriver, interval: Duration, stop: &AtomicBool) -> Result<()> {
    let mut due = Instant::now() + interval;
    while !stop.load(Ordering::SeqCst) {
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left.min(STOP_CHECK));
            continue;
        }
        driver.block(next_time(driver)?)?;
        // A block that took longer than the interval is not made up for.
        due = (due + interval).max(Instant::now());
    }
    Ok(())
}

fn instant(driver: &DevDriver, stop: &AtomicBool) -> Result<()> {
    let pool = driver.chain().pool().clone();
    let mut arrivals = pool.subscribe();
    let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    while !stop.load(Ordering::SeqCst) {
        match waiting.block_on(async { tokio::time::timeout(STOP_CHECK, arrivals.recv()).await }) {
            Err(_) => continue,
            Ok(Err(RecvError::Closed)) => return Ok(()),
            // Whatever was missed is in the pool.
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
        }
        // One block for all that came; what does not fit goes into the next.
        while !matches!(arrivals.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        loop {
            let block = driver.block(next_time(driver)?)?;
            if block.tx_count == 0 || pool.metrics().pending == 0 {
                break;
            }
        }
    }
    Ok(())
}

async fn serve(
    args: &DevArgs,
    chain: &Chain,
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
    let mut context = RpcContext::of_chain(chain, version::client_version());
    let (figures, of_chain) = (NodeMetrics::default(), chain.clone());
    context.metrics = Arc::new(move || figures.render(&of_chain));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let rpc = RpcServer::start(config, context).await.map_err(|error| coded(EXIT_FAILURE, error))?;
    let addr = rpc.local_addr();
    if !args.quiet {
        announce(args, chain, keys, balance, addr, output);
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = tokio::time::sleep(STOP_CHECK) => if blocks.thread.is_finished() { break },
        }
    }
    rpc.shutdown().await;
    Ok(())
}

fn announce(
    args: &DevArgs,
    chain: &Chain,
    keys: &[PrivateKeySigner],
    balance: Amount,
    addr: SocketAddr,
    output: Output,
) {
    let params = chain.reader().params();
    let def = alloy_primitives::utils::format_ether(balance.wei());
    let mut text = String::new();
    let heading = |text: &mut String, title: &str| {
        let _ = write!(text, "\n{title}\n==================\n");
    };
    heading(&mut text, "Available Accounts");
    for (i, key) in keys.iter().enumerate() {
        let _ = write!(text, "\n({i}) {} ({def} DEF)", key.address());
    }
    text.push('\n');
    heading(&mut text, "Private Keys");
    for (i, key) in keys.iter().enumerate() {
        let _ = write!(text, "\n({i}) {}", key.to_bytes());
    }
    text.push('\n');
    heading(&mut text, "Wallet");
    let _ = writeln!(text, "Mnemonic:          {}", args.mnemonic);
    let _ = writeln!(text, "Derivation path:   {}", path(0).trim_end_matches('0'));
    for (title, figure) in [
        ("Chain ID", params.evm_chain_id),
        ("Base Fee", params.initial_base_fee),
        ("Gas Limit", params.block_gas_limit),
    ] {
        heading(&mut text, title);
        let _ = writeln!(text, "\n{figure}");
    }
    let _ = write!(text, "\nListening on {addr}");
    output.print(text, || {
        json!({
            "rpc": format!("http://{addr}"),
            "chain_id": params.evm_chain_id,
            "mnemonic": args.mnemonic,
            "accounts": keys
                .iter()
                .map(|key| json!({ "address": key.address(), "private_key": key.to_bytes(), "wei": balance }))
                .collect::<Vec<_>>(),
        })
    });
}
