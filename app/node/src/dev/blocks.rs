//! The thread that makes blocks: with each transaction that becomes executable, by the clock, or not at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use defchain_chain::driver::{DevNode, Mining};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// How long a stop may wait for the block in work.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks whether it shall stop or go by another rule.
pub(super) const CHECK: Duration = Duration::from_millis(50);

/// The thread.
pub(super) struct Blocks {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Blocks {
    pub(super) fn start(node: Arc<DevNode>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("blocks".to_owned())
            .spawn(move || node.watch(|node| make(node, &stopped)))?;
        Ok(Self { stop, thread })
    }

    /// Whether it ended by itself: only when the chain can make no more blocks.
    pub(super) fn ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn stop(self) -> Result<()> {
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

/// Makes blocks until told to stop. The rule may change at any time.
fn make(node: &DevNode, stop: &AtomicBool) -> Result<()> {
    let mut arrivals = node.chain().pool().subscribe();
    let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut rule = node.mining();
    let mut due = Instant::now();
    while !stop.load(Ordering::SeqCst) {
        let now = node.mining();
        if now != rule {
            (rule, due) = (now, Instant::now());
        }
        let Mining::Interval(interval) = rule else {
            match waiting.block_on(async { tokio::time::timeout(CHECK, arrivals.recv()).await }) {
                Err(_) => continue,
                Ok(Err(RecvError::Closed)) => return Ok(()),
                // Whatever was missed is in the pool.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
            }
            // One block for all that came.
            while !matches!(arrivals.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
            node.settle()?;
            continue;
        };
        let left = (due + interval).saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left.min(CHECK));
            continue;
        }
        node.mine(1, Duration::ZERO)?;
        // A block that took longer than the interval is not made up for.
        due = (due + interval).max(Instant::now() - interval);
    }
    Ok(())
}
