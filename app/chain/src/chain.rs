//! [`Chain`]: the application object, one per process, cloned into every ABCI connection.

use std::{path::PathBuf, sync::Arc, time::Duration};

use defchain_base::{B256, Height, StateError, StateReadExt, read_exact_value};
use defchain_evm::Registry;
use defchain_mempool::{Pool, PoolConfig, PoolError};
use defchain_store::{CommitInfo, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::{
    abci::Decided,
    budget::Budget,
    metrics::Metrics,
    notices::Refused,
    optimistic::Optimistic,
    params::PARAMS_KEY,
    pool_view::View,
    reader::{Block, Reader},
    records::Header,
    runner::{PendingCell, Runner},
    shared::{Head, Shared},
    snapshots::{ChainIdentity, SnapshotConfig, Snapshots},
    upgrade::{UpgradeError, Upgrades},
};

/// What a chain is made of.
#[derive(Debug, Clone)]
pub struct ChainConfig {
    /// Bounds of the pool.
    pub pool: PoolConfig,
    /// Where genesis.json lies: the accounts file of a large genesis is looked for there.
    pub genesis_dir: Option<PathBuf>,
    /// How long PrepareProposal may fill a block: less than what the others wait for a proposal.
    pub build_time: Duration,
    /// How long a block may keep its validators busy in all: building, judging, trees, commit. As proposer this node
    /// fills blocks no further, by what it measured.
    pub work_time: Duration,
    /// How many of its newest blocks CometBFT keeps; 0: all, so that others can join by executing them.
    pub comet_retain: u64,
    /// Snapshots for joining nodes; none when the chain keeps no files.
    pub snapshots: Option<SnapshotConfig>,
    /// The chain that this node is set up for, if that is known: snapshots of another are refused.
    pub identity: Option<ChainIdentity>,
    /// The rules of this program, and what its operator agreed to.
    pub upgrades: Upgrades,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            pool: PoolConfig::default(),
            genesis_dir: None,
            build_time: Duration::from_millis(400),
            work_time: Duration::from_millis(800),
            comet_retain: 0,
            snapshots: None,
            identity: None,
            upgrades: Upgrades::default(),
        }
    }
}

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
    /// The pool's configuration.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// This program, or its configuration, does not fit the chain's rules.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The newest block's record.
    #[error("the header of block {height} {why}: the database is damaged; restore it or sync anew")]
    Header {
        /// Which block.
        height: Height,
        /// What is wrong with it.
        why: String,
    },
    /// The newest state has no parameters.
    #[error("the state of block {0} holds no chain parameters: the database is damaged or not ours")]
    NoParams(Height),
}

/// The application. Clones share everything.
#[derive(Clone)]
pub struct Chain {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Registry,
    pub(crate) optimistic: Optimistic,
    pub(crate) refused: Refused,
    pub(crate) budget: Arc<Budget>,
    pub(crate) metrics: Metrics,
    /// The block that FinalizeBlock executed and Commit will write.
    pub(crate) decided: Mutex<Option<Decided>>,
    pub(crate) config: ChainConfig,
    pub(crate) snapshots: Snapshots,
    pub(crate) pending: PendingCell,
    /// Set when the newest block is the last that this program can execute.
    pub(crate) ended: watch::Sender<Option<UpgradeError>>,
}

impl Chain {
    /// Opens the chain at the store's newest block.
    ///
    /// # Errors
    /// When the newest block's records are damaged.
    pub fn open(store: Store, config: ChainConfig) -> Result<Self, ChainError> {
        let head = store.latest().map(|commit| load_head(&store, &commit, &config.upgrades)).transpose()?;
        if let Some(head) = &head {
            config.upgrades.check_agreed(&head.snapshot, head.header.height)??;
            head.next()?;
        }
        let shared = Arc::new(Shared::new(head));
        let pool = Pool::new(config.pool, View::new(&shared))?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                pool,
                shared,
                registry: crate::modules::registry(),
                optimistic: Optimistic::default(),
                refused: Refused::default(),
                budget: Arc::default(),
                metrics: Metrics::default(),
                decided: Mutex::new(None),
                snapshots: Snapshots::new(config.snapshots.clone()),
                config,
                pending: PendingCell::default(),
                ended: watch::Sender::new(None),
            }),
        })
    }

    /// Opens a development chain: the same, but [`crate::driver::DevNode`] may set its clock, edit its state, let
    /// transactions in that nobody signed, and take blocks back. It ends when CometBFT calls it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_dev(store: Store, config: ChainConfig) -> Result<Self, ChainError> {
        let chain = Self::open(store, config)?;
        chain.inner.shared.declare(crate::declared::Declared { dev: true, ..Default::default() });
        Ok(chain)
    }

    /// Reads committed blocks and state.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { store: self.inner.store.clone(), shared: self.inner.shared.clone() }
    }

    /// Runs what is only asked for, on copies.
    #[must_use]
    pub fn runner(&self) -> Runner {
        Runner::new(self)
    }

    /// Waiting transactions.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Every block from now on, after it is durable. A slow receiver lags; it never slows the chain.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Block>> {
        self.inner.shared.subscribe()
    }

    /// Becomes `Some` when the newest block is the last that this program can execute: the node stops then, and the
    /// program of the next release goes on.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<UpgradeError>> {
        self.inner.ended.subscribe()
    }

    /// Stops the threads of pool and snapshots. Call once, when no ABCI call will come any more.
    pub fn shutdown(&self) {
        self.inner.snapshots.shutdown();
        self.inner.pool.shutdown();
    }
}

/// The newest commit as readers see it.
pub(crate) fn load_head(store: &Store, commit: &CommitInfo, upgrades: &Upgrades) -> Result<Head, ChainError> {
    let height = commit.height;
    let damaged = |why: String| ChainError::Header { height, why };
    let bytes = store.header(height)?.ok_or_else(|| damaged("is missing".to_owned()))?;
    let header: Header = read_exact_value(&bytes).map_err(|e| damaged(format!("does not decode ({e})")))?;
    if header.height != height || header.state_root != commit.app_hash {
        return Err(damaged(format!(
            "says height {} and app hash {}, the store says {}",
            header.height, header.state_root, commit.app_hash
        )));
    }
    let snapshot = store.snapshot();
    let params = snapshot.read(&PARAMS_KEY)?.ok_or(ChainError::NoParams(height))?;
    let next = upgrades.next(&snapshot, height)?;
    Ok(Head::new(Arc::new(header), snapshot, params, next)?)
}

/// Ends the process's part in consensus: this node cannot execute or persist, and a vote would be a guess.
/// The ABCI server turns the panic into an exception for CometBFT and ends; the node exits.
#[allow(clippy::panic, reason = "a node that cannot go on must stop; abci::Server catches and reports it")]
pub(crate) fn halt(what: &str, why: &dyn core::fmt::Display) -> ! {
    tracing::error!(%why, "{what}: this node stops");
    panic!("{what}: {why}")
}

impl Inner {
    pub(crate) fn app_hash(&self) -> B256 {
        self.shared.latest_header().map_or(B256::ZERO, |header| header.state_root)
    }
}
