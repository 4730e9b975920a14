//! What every method works on.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use defchain_evm::{Interrupt, Registry};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::RpcConfig,
    context::RpcContext,
    error::RpcError,
    eth::{fee::FeeCache, filters::Filters},
    held::Ledger,
    hub::Hub,
    methods::{Method, table},
    metrics::Metrics,
    recent::Recent,
    session::Seats,
    workers::Workers,
};

/// Store reads and pool admissions that run at a time: enough to hide a slow disk, few enough to keep the blocking
/// threads of the process bounded.
const READ_LANES: usize = 16;

/// What a method costs, and so where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    /// Memory only: answered where the request is read.
    Quick,
    /// Reads the store or the pool: on a blocking thread.
    Read,
    /// Runs the EVM or reads many blocks: on one of few threads of lower priority, so that neither cheap calls nor the
    /// chain wait for them.
    Heavy,
}

/// The state of the server.
pub(crate) struct Api {
    pub config: RpcConfig,
    pub ctx: RpcContext,
    pub hub: Hub,
    pub fees: FeeCache,
    pub filters: Filters,
    pub recent: Recent,
    /// System addresses that calls can reach.
    pub registry: Registry,
    /// Taken by a dev node while it chooses a nonce.
    pub dev_turn: Mutex<()>,
    pub metrics: Metrics,
    /// Bytes held for callers.
    pub ledger: Arc<Ledger>,
    /// Subscriptions of all connections.
    pub seats: Arc<Seats>,
    pub workers: Workers,
    methods: BTreeMap<&'static str, &'static Method>,
    reads: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
}

impl Api {
    pub fn new(config: RpcConfig, ctx: RpcContext) -> Self {
        let metrics = Metrics::default();
        let (each, all) = (config.max_subscriptions_per_connection, config.max_subscriptions);
        Self {
            ledger: Ledger::new(config.max_held_bytes, metrics.held_bytes.clone()),
            seats: Seats::new(each, all, metrics.subscriptions.clone()),
            workers: Workers::new(&config),
            methods: table(ctx.dev.is_some() || !config.dev_keys.is_empty()),
            reads: Arc::new(Semaphore::new(READ_LANES)),
            heavy: Arc::new(Semaphore::new(config.heavy_lanes())),
            filters: Filters::new(config.max_filters, Duration::from_secs(config.filter_timeout_s)),
            hub: Hub::new(),
            fees: FeeCache::default(),
            recent: Recent::default(),
            registry: defchain_chain::registry(),
            dev_turn: Mutex::new(()),
            metrics,
            config,
            ctx,
        }
    }

    /// The method of that name.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.get(name).copied()
    }

    /// Names of all methods.
    pub fn method_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.methods.keys().copied()
    }

    /// Runs `work` where its cost says, or fails when its turn does not come before `deadline`.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        cost: Cost,
        deadline: Deadline,
        work: impl FnOnce(&Api) -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        let lanes = match cost {
            Cost::Quick => return Ok(work(self)),
            Cost::Read => &self.reads,
            Cost::Heavy => &self.heavy,
        };
        let permit = tokio::time::timeout_at(deadline.at.into(), lanes.clone().acquire_owned())
            .await
            .map_err(|_| deadline.missed())?
            .map_err(|_| RpcError::Internal("the server is stopping".to_owned()))?;
        let api = self.clone();
        let job = move || {
            let _held: OwnedSemaphorePermit = permit;
            work(&api)
        };
        if cost == Cost::Heavy {
            return self.workers.call(job).await;
        }
        tokio::task::spawn_blocking(job).await.map_err(|e| RpcError::Internal(format!("the call did not end: {e}")))
    }

    /// Waits until no call runs, at most as long as a call may take.
    pub async fn quiet(&self) {
        let lanes = u32::try_from(self.config.heavy_lanes()).unwrap_or(u32::MAX);
        let ended = self.heavy.acquire_many(lanes);
        if tokio::time::timeout(self.config.call_timeout(), ended).await.is_err() {
            tracing::debug!("calls did not end in time");
        }
    }
}

/// When a request must be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
    setting: &'static str,
}

impl Deadline {
    /// That much from now, for a whole request.
    pub fn after(limit: Duration) -> Self {
        Self::named(limit, "rpc.request_timeout_ms")
    }

    /// That much from now, as `setting` says.
    pub fn named(limit: Duration, setting: &'static str) -> Self {
        Self { at: Instant::now() + limit, limit, setting }
    }

    /// Fails once it is missed.
    pub fn check(&self) -> Result<(), RpcError> {
        if Instant::now() < self.at { Ok(()) } else { Err(self.missed()) }
    }

    /// Ends work in the EVM when it is missed.
    pub fn interrupt(&self) -> Interrupt {
        let at = self.at;
        Interrupt::new(move || Instant::now() >= at)
    }

    /// What is said when it was missed.
    pub fn missed(&self) -> RpcError {
        let millis = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        RpcError::Timeout { millis, setting: self.setting }
    }
}
