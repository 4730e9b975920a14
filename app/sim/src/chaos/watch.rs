//! One thread per node asks it for its newest block ten times a second and shows what it says to the ledger.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use defchain_localnet::{Node, Rpc, RpcError};
use serde_json::{Value, json};

use super::ledger::{Ledger, Shown};

/// How often a node is asked.
const LOOK: Duration = Duration::from_millis(100);
/// How long a node may take to answer: a paused one never does.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Skipped heights fetched at a time, so that a node that catches up is still looked at.
const FETCH: u64 = 100;

/// What a node said last.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Its newest height.
    pub height: u64,
    /// When it said so.
    pub at: Option<Instant>,
}

/// What all watchers know together.
#[derive(Debug)]
pub struct Watch {
    ledger: Mutex<Ledger>,
    views: Vec<Mutex<View>>,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Arc<Self> {
        Arc::new(Self {
            ledger: Mutex::default(),
            views: (0..nodes).map(|_| Mutex::default()).collect(),
            stop: AtomicBool::new(false),
        })
    }

    /// What was shown.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// What a node said last.
    #[must_use]
    pub fn view(&self, i: usize) -> View {
        self.views.get(i).map(|view| *lock(view)).unwrap_or_default()
    }

    /// The newest height that any node but `i` shows.
    #[must_use]
    pub fn newest_but(&self, i: usize) -> u64 {
        (0..self.views.len()).filter(|j| *j != i).map(|j| self.view(j).height).max().unwrap_or(0)
    }

    /// Ends the threads of [`start`].
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn look(&self, i: usize, rpc: &Rpc) -> Result<(), RpcError> {
        let Some((height, shown)) = block(rpc, "latest")? else { return Ok(()) };
        let known = self.ledger().newest();
        // The heights between are fetched by whoever sees them first.
        for skipped in (known + 1..height).take(usize::try_from(FETCH).unwrap_or(0)) {
            if let Some((_, shown)) = block(rpc, &format!("0x{skipped:x}"))? {
                self.ledger().show(i, skipped, shown, Instant::now());
            }
        }
        if height <= known + FETCH {
            self.ledger().show(i, height, shown, Instant::now());
        }
        if let Some(view) = self.views.get(i) {
            *lock(view) = View { height, at: Some(Instant::now()) };
        }
        Ok(())
    }
}

/// A block by number or tag, with its height.
///
/// # Errors
/// When nobody answers, or not with a block.
pub fn block(rpc: &Rpc, which: &str) -> Result<Option<(u64, Shown)>, RpcError> {
    let block = rpc.call("eth_getBlockByNumber", json!([which, false]))?;
    if block.is_null() {
        return Ok(None);
    }
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = text("number");
    let height = u64::from_str_radix(number.trim_start_matches("0x"), 16)
        .map_err(|e| RpcError::Transport(format!("block number {number:?}: {e}")))?;
    let txs = block.get("transactions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let txs = txs.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Some((height, Shown { hash: text("hash"), root: text("stateRoot"), txs })))
}

/// Starts a watcher per node.
#[must_use]
pub fn start(watch: &Arc<Watch>, nodes: &[Node]) -> Vec<JoinHandle<()>> {
    let one = |node: &Node| {
        let (watch, i, rpc) = (watch.clone(), node.index, Rpc::with_patience(node.rpc_url(), PATIENCE));
        std::thread::spawn(move || {
            while !watch.stop.load(Ordering::SeqCst) {
                // A node that is down says nothing, and its view grows old.
                let _ = watch.look(i, &rpc);
                sleep(LOOK);
            }
        })
    };
    nodes.iter().map(one).collect()
}
