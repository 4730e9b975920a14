//! Snapshots of this chain: taken beside the blocks for nodes that join, and taken in when this node joins itself.
//!
//! ```text
//!   Commit ──every `interval` blocks──▶ a thread: view ─▶ files, older ones go        ListSnapshots, LoadSnapshotChunk read them
//!   OfferSnapshot ─▶ Joining ◀─ ApplySnapshotChunk … ─▶ the store's oldest height; RPC and pool see it
//! ```
//!
//! The app hash in OfferSnapshot is the only thing that is believed: CometBFT's light client verified it. The state is
//! verified against it chunk by chunk, the block's own record against the state (`head` in `sys`), and the chain's
//! identity against this node's genesis.

mod join;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use defchain_base::{B256, Height};
use defchain_store::{
    Snapshot, SnapshotError, Store,
    sync::{Manifest, SaveOptions, SnapshotFolder},
};
use parking_lot::Mutex;

pub(crate) use join::{Joining, Offer, Refusal};

/// Most snapshots that are offered to a peer: CometBFT takes no more.
pub(crate) const MAX_OFFERED: usize = 10;

/// The snapshot that was served last is not removed for so long: a joining node may be in the middle of it, and would
/// wait for minutes before it tried another.
const SPARED: Duration = Duration::from_secs(300);

/// Where snapshots are, and when they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// Their folder.
    pub folder: PathBuf,
    /// A snapshot of every height that this divides; 0 takes none.
    pub interval: u64,
    /// How many are kept.
    pub keep: usize,
    /// Bytes of a chunk. The same on all nodes, so that a joining node can mix their chunks.
    pub chunk_bytes: usize,
}

impl SnapshotConfig {
    /// None are taken; what is in the folder is offered.
    #[must_use]
    pub const fn off(folder: PathBuf) -> Self {
        Self { folder, interval: 0, keep: 2, chunk_bytes: SaveOptions::CHUNK_BYTES }
    }
}

/// What a chain is known by: a snapshot of another one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainIdentity {
    /// CometBFT's chain id (D5).
    pub chain_id: String,
    /// Hash of the genesis.
    pub genesis_hash: B256,
}

/// The snapshots of a chain.
#[derive(Default)]
pub(crate) struct Snapshots {
    config: Option<SnapshotConfig>,
    work: Mutex<Option<JoinHandle<()>>>,
    busy: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    served: Arc<Mutex<Option<(Height, Instant)>>>,
    pub(crate) joining: Mutex<Option<Joining>>,
}

impl Snapshots {
    pub(crate) fn new(config: Option<SnapshotConfig>) -> Self {
        Self { config, ..Self::default() }
    }

    /// The folder, if there is one.
    pub(crate) fn folder(&self) -> Option<SnapshotFolder> {
        self.config.as_ref().map(|config| SnapshotFolder::new(&config.folder))
    }

    /// Notes that a peer asked for a chunk of a height.
    pub(crate) fn served(&self, height: Height) {
        *self.served.lock() = Some((height, Instant::now()));
    }

    /// Takes a snapshot of a height that is due, on a thread of its own. One at a time: the next due height is skipped
    /// while one is in work.
    pub(crate) fn committed(&self, store: &Store, height: Height) {
        let Some(config) = self.config.as_ref().filter(|c| c.interval > 0 && height.0.is_multiple_of(c.interval))
        else {
            return;
        };
        if self.busy.swap(true, Ordering::SeqCst) {
            tracing::warn!(%height, "no snapshot: the one before is still in work; choose a longer snapshots.interval");
            return;
        }
        let (config, view) = (config.clone(), store.snapshot());
        let (busy, stop, served) = (self.busy.clone(), self.stop.clone(), self.served.clone());
        let started = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            take(&config, &view, &stop, &served);
            busy.store(false, Ordering::SeqCst);
        });
        match started {
            Ok(thread) => *self.work.lock() = Some(thread),
            Err(error) => {
                self.busy.store(false, Ordering::SeqCst);
                tracing::warn!(%height, %error, "no snapshot: its thread does not start");
            }
        }
    }

    /// Ends what is in work; nothing of an unfinished snapshot stays.
    pub(crate) fn shutdown(&self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.work.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the snapshot thread died");
        }
    }
}

fn take(config: &SnapshotConfig, view: &Snapshot, stop: &AtomicBool, served: &Mutex<Option<(Height, Instant)>>) {
    let folder = SnapshotFolder::new(&config.folder);
    let started = Instant::now();
    let options = SaveOptions { chunk_bytes: config.chunk_bytes, stop: &|| stop.load(Ordering::SeqCst) };
    let result = view.save(&folder, options).and_then(|manifest| {
        let spared = served.lock().filter(|(_, at)| at.elapsed() < SPARED).map(|(height, _)| height);
        folder.keep_newest(config.keep, spared)?;
        Ok((folder.bytes(manifest.height)?, manifest))
    });
    match result {
        Ok((bytes, manifest)) => {
            let (height, chunks, millis) = (manifest.height, manifest.chunks.len(), started.elapsed().as_millis());
            tracing::info!(%height, chunks, bytes, millis, "snapshot taken");
        }
        Err(SnapshotError::Stopped) => {}
        Err(error) => tracing::warn!(height = view.height().map_or(0, |h| h.0), %error, "no snapshot"),
    }
}

/// The snapshots that a peer is told of, newest first. A damaged one is left out.
pub(crate) fn offered(folder: &SnapshotFolder) -> Vec<Manifest> {
    let heights = folder.heights().unwrap_or_else(|error| {
        tracing::warn!(%error, "snapshots cannot be listed");
        Vec::new()
    });
    let manifest = |height: &Height| match folder.manifest(*height) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            tracing::warn!(%height, %error, "a snapshot is not offered; delete it: `defchain-app snapshot delete`");
            None
        }
    };
    heights.iter().rev().filter_map(manifest).take(MAX_OFFERED).collect()
}
