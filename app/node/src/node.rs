//! `start`: the application behind CometBFT.
//!
//! ```text
//!   lock · configuration · genesis ─▶ store ─▶ chain ─▶ RPC, metrics ─▶ ABCI socket (last: it says "ready")
//! ```
//!
//! The process lives as long as CometBFT's connections do. When they are lost it ends with a code of its own
//! ([`EXIT_COMETBFT`]): it never goes on half connected. SIGTERM ends it in order: ABCI, RPC, chain.

mod comet_view;
mod pruning;

pub use comet_view::CometView;

use std::{
    ffi::OsString,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use defchain_abci::{Address, Call, CallSet, DEFAULT_MAX_MESSAGE_BYTES, Error as AbciError, Recorder, ServerBuilder};
use defchain_chain::{
    Chain, ChainConfig, ChainError, ChainIdentity,
    genesis::ValidatedGenesis,
    upgrade::{UpgradeError, Upgrades},
};
use defchain_rpc::{BalanceMode, RpcContext, RpcHandle, RpcServer};
use defchain_store::{Store, StoreError, StoreOptions};
use nix::sys::signal::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    cli::StartArgs,
    comet,
    config::{self, AppConfig},
    genesis::document,
    home::Home,
    logging,
    metrics::{self, NodeMetrics},
    output::{EXIT_COMETBFT, EXIT_DATA, EXIT_DISK, EXIT_FAILURE, EXIT_HALTED, EXIT_REFUSED, EXIT_UPGRADE, coded},
    process::{child::die_with_parent, disk, log::Sink, supervisor::Supervisor},
    version,
};

/// The calls that make state: what a replay needs.
const RECORDED: CallSet = CallSet::of(&[Call::InitChain, Call::FinalizeBlock, Call::Commit]);

/// A store's error with the exit code that tells whether trying again helps.
pub(crate) fn store_error(error: StoreError) -> anyhow::Error {
    let code = match &error {
        error if disk::is_full(&error.to_string()) => EXIT_DISK,
        StoreError::Locked { .. }
        | StoreError::NotOurs { .. }
        | StoreError::Format { .. }
        | StoreError::OtherChain { .. }
        | StoreError::Corrupt { .. } => EXIT_DATA,
        _ => EXIT_FAILURE,
    };
    coded(code, error)
}

/// Runs the node as the arguments and app.toml say.
pub(crate) fn start(home: &Home, args: &StartArgs) -> Result<()> {
    home.must_exist()?;
    let mut config = config::load(&home.app_toml())?;
    apply(&mut config, args)?;
    logging::start(&config.log);
    comet::state_sync::apply(home, &config.state_sync)?;
    let abci = abci_address(home, &config)?;
    match (args.no_cometbft || args.supervised_by.is_some(), config.cometbft.path.as_os_str().is_empty()) {
        (false, false) => supervise(home, args, config, abci),
        _ => run(home, args, config, &abci),
    }
}

/// Flags win over everything else.
fn apply(config: &mut AppConfig, args: &StartArgs) -> Result<()> {
    if let Some(path) = &args.cometbft {
        config.cometbft.path.clone_from(path);
    }
    if let Some(address) = &args.abci {
        config.abci.address.clone_from(address);
    }
    if let Some(addr) = args.rpc_addr {
        config.rpc.addr = addr;
    }
    if let Some(mode) = &args.rpc_balance {
        config.rpc.balance = if mode == "effective" { BalanceMode::Effective } else { BalanceMode::Nominal };
    }
    if let Some(addr) = args.metrics_addr {
        config.metrics.addr = addr;
    }
    if let Some(format) = args.log_format {
        config.log.format = format;
    }
    if let Some(level) = &args.log_level {
        config.log.level.clone_from(level);
    }
    let problems = config.problems();
    if problems.is_empty() { Ok(()) } else { Err(coded(EXIT_REFUSED, config::ConfigErrors(problems))) }
}

fn abci_address(home: &Home, config: &AppConfig) -> Result<Address> {
    if config.abci.address.is_empty() {
        return Ok(Address::Unix(home.abci_socket()?));
    }
    config.abci.address.parse().map_err(|error: AbciError| coded(EXIT_REFUSED, error))
}

fn supervise(home: &Home, args: &StartArgs, config: AppConfig, abci: Address) -> Result<()> {
    let program = &config.cometbft.path;
    if !program.is_file() {
        return Err(coded(
            EXIT_REFUSED,
            format!(
                "there is no CometBFT at {}: `go run ./cmd/build-cometbft --out PATH` in cometbft-config builds it",
                program.display()
            ),
        ));
    }
    genesis(home)?
        .with_context(|| format!("{} is missing: get the network's genesis file", home.genesis().display()))?;
    let sink = |name: &'static str| match &args.log_dir {
        Some(folder) => Sink::file(name, folder),
        None => Ok(Sink::stdout(name)),
    };
    let supervisor = Supervisor {
        home: home.clone(),
        app_args: app_args(home, args, &abci),
        config: config.cometbft,
        abci,
        app_log: sink("app")?,
        comet_log: sink("cometbft")?,
    };
    supervisor.run()
}

/// The application's own command line: this one's flags, without CometBFT.
fn app_args(home: &Home, args: &StartArgs, abci: &Address) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["start".into(), "--no-cometbft".into(), "--home".into(), home.path().into()];
    let mut add = |flag: &str, value: Option<OsString>| {
        if let Some(value) = value {
            line.push(flag.into());
            line.push(value);
        }
    };
    add("--abci", Some(abci.to_string().into()));
    add("--rpc.addr", args.rpc_addr.map(|a| a.to_string().into()));
    add("--rpc.balance", args.rpc_balance.clone().map(Into::into));
    add("--metrics.addr", args.metrics_addr.map(|a| a.to_string().into()));
    let format = args.log_format.map(|f| if f == config::LogFormat::Json { "json" } else { "text" });
    add("--log.format", format.map(Into::into));
    add("--log.level", args.log_level.clone().map(Into::into));
    add("--record-abci", args.record_abci.clone().map(Into::into));
    line
}

/// The home's genesis, judged without its accounts file, which InitChain reads; none if there is no file.
pub(crate) fn genesis(home: &Home) -> Result<Option<ValidatedGenesis>> {
    let path = home.genesis();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let refused = |errors| coded(EXIT_REFUSED, format!("{}: {errors}", path.display()));
    let read = document::read_without_accounts(&bytes).map_err(refused)?;
    Ok(Some(read.problems.or(Some(read.genesis)).map_err(refused)?))
}

/// Runs the application until it is told to stop or loses CometBFT.
fn run(home: &Home, args: &StartArgs, config: AppConfig, abci: &Address) -> Result<()> {
    if let Some(parent) = args.supervised_by {
        die_with_parent(parent, Signal::SIGTERM)?;
    }
    let chain = open(home, &config)?;
    let node_metrics = Arc::new(NodeMetrics::default());
    let mut server = ServerBuilder::new().observer(node_metrics.clone());
    let recorder = args.record_abci.as_deref().map(recorder).transpose()?;
    if let Some(recorder) = &recorder {
        server = server.observer(recorder.clone());
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let rpc = runtime.block_on(serve(home, &config, &chain, &node_metrics))?;
    pruning::start(&runtime, chain.store().clone(), config.store.retain_blocks);
    // Last: an open socket tells the supervisor that all else works.
    let server = server.bind(abci, chain.clone()).map_err(|error| match error {
        AbciError::AlreadyServed { .. } | AbciError::NotASocket { .. } => coded(EXIT_DATA, error),
        other => coded(EXIT_FAILURE, other),
    })?;
    tracing::info!(height = chain.store().latest().map_or(0, |c| c.height.0), %abci, "ready for CometBFT");
    let handle = server.shutdown_handle();
    let (ended, end) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("abci".to_owned()).spawn(move || {
        // Nobody listens any more when the runtime has ended.
        let _ = ended.send(server.run());
    })?;
    let last = chain.ended();
    let result = runtime.block_on(async move {
        let asked = stopped_by_signal(handle.clone())?;
        let outdated = stopped_by_upgrade(last, handle);
        let outcome = end.await.context("the ABCI server's thread ended")?;
        rpc.shutdown().await;
        if let Some(error) = outdated.borrow().as_ref() {
            return Err(coded(EXIT_UPGRADE, error));
        }
        judge(outcome, asked.load(Ordering::SeqCst))
    });
    drop(thread.join());
    chain.shutdown();
    if let Some(recorder) = recorder {
        let entries = recorder.finish()?;
        tracing::info!(entries, "ABCI recording written");
    }
    tracing::info!("stopped");
    result
}

/// A lost connection is an error, unless the supervisor said that it is about to end CometBFT.
fn judge(outcome: Result<(), AbciError>, asked: bool) -> Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(AbciError::ConnectionLost { .. }) if asked => Ok(()),
        Err(error @ AbciError::ConnectionLost { .. }) => Err(coded(
            EXIT_COMETBFT,
            format!(
                "{error}; this node stops, because half a connection is none: start it again together with CometBFT"
            ),
        )),
        Err(error @ AbciError::ApplicationPanicked { .. }) => {
            let text = error.to_string();
            Err(match disk::is_full(&text) {
                true => coded(EXIT_DISK, format!("{text}; the disk is full: make room, then the node goes on")),
                false => coded(EXIT_HALTED, text),
            })
        }
        Err(error) => Err(coded(EXIT_FAILURE, error)),
    }
}

/// Ends the server when the newest block is the last that this program can make; what ends it is in the receiver.
fn stopped_by_upgrade(
    last: watch::Receiver<Option<UpgradeError>>,
    handle: defchain_abci::ShutdownHandle,
) -> watch::Receiver<Option<UpgradeError>> {
    let mut seen = last.clone();
    tokio::spawn(async move {
        // Commit's answer still goes out: shutdown answers what it has received.
        if seen.wait_for(Option::is_some).await.is_ok() {
            handle.shutdown();
        }
    });
    last
}

/// Ends the server on SIGTERM and SIGINT. SIGUSR1 only announces the end. Returns whether any came.
fn stopped_by_signal(handle: defchain_abci::ShutdownHandle) -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut announced = signal(SignalKind::user_defined1())?;
    let seen = asked.clone();
    tokio::spawn(async move {
        loop {
            let end = tokio::select! {
                _ = terminate.recv() => true,
                _ = interrupt.recv() => true,
                _ = announced.recv() => false,
            };
            seen.store(true, Ordering::SeqCst);
            handle.announce();
            if end {
                tracing::info!("asked to stop");
                handle.shutdown();
            }
        }
    });
    Ok(asked)
}

/// Opens the store and the chain on it; refuses a database of another network.
fn open(home: &Home, config: &AppConfig) -> Result<Chain> {
    fs::create_dir_all(home.data_dir()).with_context(|| format!("cannot make {}", home.data_dir().display()))?;
    let cache_bytes = usize::try_from(config.store.cache_mib << 20).unwrap_or(usize::MAX);
    let options = StoreOptions { cache_bytes, ..StoreOptions::default() };
    let store = Store::open(home.store_dir(), options).map_err(store_error)?;
    let genesis = genesis(home)?;
    match &genesis {
        Some(genesis) => store.check_chain(&genesis.chain_id, &genesis.hash()).map_err(store_error)?,
        None => {
            tracing::warn!(path = %home.genesis().display(), "no genesis file: CometBFT's own is taken as it comes")
        }
    }
    let chain = ChainConfig {
        pool: config.mempool.pool(),
        genesis_dir: Some(home.config_dir()),
        build_time: Duration::from_millis(config.chain.build_time_ms),
        work_time: Duration::from_millis(config.chain.work_time_ms),
        comet_retain: config.store.retain_comet_blocks,
        snapshots: Some(config.snapshots.chain(home.snapshots_dir())),
        identity: genesis.map(|g| ChainIdentity { genesis_hash: g.hash(), chain_id: g.chain_id }),
        upgrades: Upgrades { agreed: config.upgrade.plan(), ..Upgrades::default() },
    };
    Chain::open(store, chain).map_err(|error| match error {
        ChainError::Upgrade(UpgradeError::Contradiction { .. }) => coded(EXIT_REFUSED, error),
        ChainError::Upgrade(_) => coded(EXIT_UPGRADE, error),
        _ => coded(EXIT_DATA, error),
    })
}

async fn serve(home: &Home, config: &AppConfig, chain: &Chain, node_metrics: &Arc<NodeMetrics>) -> Result<RpcHandle> {
    let mut context = RpcContext::of_chain(chain, version::client_version());
    let view = comet::config::read(home).ok().and_then(|c| comet_view::watch(&c, chain.clone()));
    node_metrics.surround(home.data_dir(), view.clone());
    if let Some(view) = view {
        let peers = view.clone();
        context.peers = Arc::new(move || peers.peers());
        context.sync = Arc::new(move || view.sync());
    }
    let (figures, of_chain) = (node_metrics.clone(), chain.clone());
    context.metrics = Arc::new(move || figures.render(&of_chain));
    let rpc = RpcServer::start(config.rpc.clone(), context).await.map_err(|e| coded(EXIT_FAILURE, e))?;
    if config.metrics.enabled {
        metrics::serve(config.metrics.addr, rpc.metrics()).await?;
    }
    Ok(rpc)
}

fn recorder(path: &Path) -> Result<Arc<Recorder>> {
    let recorder = match path.exists() {
        true => Recorder::append(path, RECORDED, DEFAULT_MAX_MESSAGE_BYTES)?,
        false => Recorder::create(path, RECORDED)?,
    };
    Ok(Arc::new(recorder))
}
