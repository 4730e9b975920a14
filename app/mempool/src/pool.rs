use std::{sync::Arc, thread::JoinHandle};

use defchain_base::tx::RecoveredTx;
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

use crate::{
    PoolConfig, PoolContext, PoolError, PoolMetrics, PoolView,
    clock::Clock,
    entry::Entry,
    gossip::BundleQueue,
    metrics::{Counters, read},
    offer::Bundler,
    senders::SenderCache,
    state::State,
    view::Tip,
};

/// How many transactions are handled before the lock is given to others: some 100 µs.
pub(crate) const LOCK_CHUNK: usize = 256;
/// How many old transactions are looked at whenever something is admitted.
const EXPIRE_STEP: usize = 4;

/// The pool. Clones share it; when the last is dropped, the workers are stopped and joined.
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// What the workers see too.
pub(crate) struct Shared {
    pub clock: Clock,
    pub tip: RwLock<Arc<Tip>>,
    pub state: Mutex<State>,
    pub senders: SenderCache,
    pub counters: Counters,
    pub queue: BundleQueue,
    pub bundler: Mutex<Bundler>,
    pub events: broadcast::Sender<Arc<RecoveredTx>>,
    /// One commit at a time.
    pub commit: Mutex<()>,
}

impl Pool {
    /// Opens an empty pool over the last committed snapshot and starts its workers.
    ///
    /// # Errors
    /// When the configuration is out of bounds or a thread cannot be started.
    pub fn new(config: PoolConfig, view: Arc<dyn PoolView>) -> Result<Self, PoolError> {
        config.validate()?;
        let tip = Tip::new(0, view);
        let mut state = State::new(config);
        state.base_fee = tip.context.base_fee;
        let shared = Arc::new(Shared {
            clock: Clock::new(),
            tip: RwLock::new(tip),
            state: Mutex::new(state),
            senders: SenderCache::new(config.remembered_senders),
            counters: Counters::default(),
            queue: BundleQueue::new(config.gossip_queue_bytes),
            bundler: Mutex::default(),
            events: broadcast::channel(config.event_capacity).0,
            commit: Mutex::new(()),
        });
        let pool = Self(Arc::new(Handle { shared, workers: Mutex::default() }));
        for number in 0..config.gossip_workers {
            let shared = Arc::clone(pool.shared());
            let worker = std::thread::Builder::new()
                .name(format!("mempool-{number}"))
                .spawn(move || shared.work())
                .map_err(|e| PoolError::Thread(e.to_string()))?;
            pool.0.workers.lock().push(worker);
        }
        Ok(pool)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// What the next block will be like, as of the last commit.
    #[must_use]
    pub fn context(&self) -> PoolContext {
        self.shared().tip().context
    }

    /// Each transaction as it becomes executable, from now on. Who reads too slowly misses events and is told how many;
    /// the pool never waits.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        self.shared().events.subscribe()
    }

    /// Where the pool stands and what it has done.
    #[must_use]
    pub fn metrics(&self) -> PoolMetrics {
        self.shared().metrics()
    }

    /// Takes the clock from the system: from now on it stands at this time, in milliseconds since 1970, until it is set
    /// again. For simulations, in which time must be the same in every run.
    pub fn set_clock(&self, unix_millis: u64) {
        self.shared().clock.set(unix_millis);
    }

    /// Refuses everything from now on, drops what waits in the gossip queue, and returns when the workers have ended.
    pub fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl Handle {
    fn shutdown(&self) {
        self.shared.queue.close();
        let mut workers = self.workers.lock();
        for worker in workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a worker thread of the transaction pool panicked");
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    pub fn tip(&self) -> Arc<Tip> {
        Arc::clone(&self.tip.read())
    }

    /// Runs `work` under the lock, then tells peers and subscribers what became executable.
    pub fn with_state<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let now = self.clock.now_nanos();
        let (result, fresh) = {
            let mut state = self.state.lock();
            let result = work(&mut state);
            state.expire(now, EXPIRE_STEP);
            state.trim_queued();
            let fresh = state.take_fresh();
            for entry in &fresh {
                state.offer(entry, now);
            }
            (result, fresh)
        };
        self.announce(fresh);
        result
    }

    fn announce(&self, fresh: Vec<Arc<Entry>>) {
        if self.events.receiver_count() == 0 {
            return;
        }
        for entry in fresh {
            // An error means that nobody listens any more.
            let _ = self.events.send(Arc::clone(&entry.tx));
        }
    }

    fn metrics(&self) -> PoolMetrics {
        let (gossip_queue, gossip_queue_bytes) = self.queue.len();
        let (tally, pending, queued, bytes, lanes, config) = {
            let state = self.state.lock();
            let lanes = state.lanes().len();
            (state.tally, state.pending(), state.queued(), state.bytes(), lanes, state.config)
        };
        let counters = &self.counters;
        PoolMetrics {
            pending,
            queued,
            bytes,
            gossip_queue,
            gossip_queue_bytes,
            lanes,
            max_transactions: config.max_transactions,
            max_bytes: config.max_bytes,
            admitted: tally.admitted,
            replaced: tally.replaced,
            evicted: tally.evicted,
            expired: tally.expired,
            used: tally.used,
            unpayable: tally.unpayable,
            refused: counters.refused(),
            recoveries: self.senders.recoveries(),
            recoveries_saved: self.senders.hits(),
            bundles_received: read(&counters.bundles_received),
            bundles_refused: read(&counters.bundles_refused),
            bundles_malformed: read(&counters.bundles_malformed),
            offered: read(&counters.offered),
            bundles_sent: read(&counters.bundles_sent),
        }
    }
}
