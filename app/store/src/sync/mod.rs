//! Snapshots of state: how a node that has nothing gets the state of a height from nodes that it does not trust.
//!
//! ```text
//!   Snapshot (a committed view) ─save─▶ <folder>/<height>/{manifest, chunk-00000, …} ─▶ peers, files
//!                                                                                        │
//!   trusted app hash ─▶ Manifest::check ─▶ Verifier: chunk by chunk ─▶ Restore: batches ─▶ finish: the store's oldest height
//! ```
//!
//! A manifest names the five roots, which must hash to the app hash that the taker trusts. A chunk carries entries of one
//! substore in the order of their key hashes, and the *right edge*: at each inner node on the way to its last entry, the
//! children to the right. What was taken before, the chunk's own entries and the right edge together make the root.
//! So every chunk is judged alone, before anything of it is kept: its entries are in the tree, and none is left out.
//!
//! Invariants
//! - A snapshot's bytes depend on the state, the block's record and the chunk size only: honest nodes make the same files,
//!   so that a taker fetches chunks of one snapshot from all of them.
//! - Nothing unverified is written. What is verified is written together with the place where to go on, in one batch.
//! - A store with an unfinished restore has no height; nothing can be committed to it. The last batch gives it one.
//! - Versions of trees are a node's own bookkeeping (no hash depends on them): a restored tree starts at version 1.
//! - Memory is bounded by a chunk ([`MAX_CHUNK_BYTES`]) and a path (64 inner nodes), whatever the state's size.

mod create;
mod edge;
mod folder;
mod format;
mod restore;
mod verify;

pub use create::SaveOptions;
pub use folder::SnapshotFolder;
pub use format::{FORMAT, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_MANIFEST_BYTES, Manifest};
pub use restore::{Restore, RestoredState};
pub use verify::Verifier;

pub(crate) use format::{Chunk, ChunkWriter};
pub(crate) use restore::{RestoreRecord, unfinished};

use defchain_base::{B256, CodecError, Height, Substore};

use crate::error::StoreError;

/// The order in which chunks hold the substores. `sys` first: it authenticates the block's record, so that a snapshot
/// with a wrong one is refused after its first chunk.
pub(crate) const ORDER: [Substore; 5] = [Substore::Sys, Substore::Ai, Substore::Def, Substore::Trade, Substore::Evm];

/// Why a snapshot or a part of it was refused.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The manifest does not decode.
    #[error("not a snapshot manifest: {0}")]
    Manifest(CodecError),
    /// The manifest is of another state than the one that is trusted.
    #[error("the manifest of height {height} has roots that make app hash {found}, the trusted one is {trusted}")]
    AppHash {
        /// Its height.
        height: Height,
        /// What its roots make.
        found: B256,
        /// What it must be.
        trusted: B256,
    },
    /// Chunks come in their order.
    #[error("chunk {found} came where chunk {expected} of {chunks} is next")]
    Order {
        /// The next one.
        expected: u32,
        /// The given one.
        found: u32,
        /// How many there are.
        chunks: u32,
    },
    /// The chunk is not the one that the manifest lists: whoever sent it altered or damaged it.
    #[error("chunk {index} ({bytes} bytes) has SHA-256 {found}, the manifest lists {listed}")]
    Altered {
        /// Which.
        index: u32,
        /// Its size.
        bytes: usize,
        /// Its hash.
        found: B256,
        /// The hash it must have.
        listed: B256,
    },
    /// Larger than any chunk may be.
    #[error("chunk {index} has {bytes} bytes, the limit is {MAX_CHUNK_BYTES}")]
    TooLarge {
        /// Which.
        index: u32,
        /// Its size.
        bytes: usize,
    },
    /// The manifest lists the chunk, but the chunk does not decode: the snapshot was made wrong.
    #[error("chunk {index} is listed by its manifest and does not decode: {why}")]
    Chunk {
        /// Which.
        index: u32,
        /// What the decoder found.
        why: CodecError,
    },
    /// The manifest lists the chunk, but it is no part of the trusted state: the snapshot is a forgery.
    #[error("chunk {index} is listed by its manifest and is no part of the state: {why}")]
    NotInState {
        /// Which.
        index: u32,
        /// What does not fit.
        why: String,
    },
    /// The snapshot ends before the state does.
    #[error("the snapshot ends with chunk {last}, but substore {substore} is not complete")]
    Incomplete {
        /// Its last chunk.
        last: u32,
        /// What is missing first.
        substore: Substore,
    },
    /// The store already has blocks.
    #[error(
        "the store already holds heights up to {newest}: only an empty store takes a snapshot. To start over, stop the \
         node and remove its data folders (the application's and CometBFT's together)"
    )]
    NotEmpty {
        /// The newest height.
        newest: Height,
    },
    /// No such snapshot here.
    #[error("there is no snapshot of height {height} in {folder}: it has {held}")]
    Unknown {
        /// Asked for.
        height: Height,
        /// Where.
        folder: String,
        /// The heights that are there.
        held: String,
    },
    /// An entry cannot be carried.
    #[error("substore {substore}: an entry of {bytes} bytes does not fit into a chunk of at most {MAX_CHUNK_BYTES}")]
    Entry {
        /// Where.
        substore: Substore,
        /// Key and value.
        bytes: usize,
    },
    /// More chunks than a manifest lists.
    #[error(
        "the state needs more than {MAX_CHUNKS} chunks of {chunk_bytes} bytes: choose larger chunks (snapshots.chunk_kib)"
    )]
    TooMany {
        /// Their size.
        chunk_bytes: usize,
    },
    /// It was told to stop.
    #[error("stopped before the snapshot was whole; nothing of it is kept")]
    Stopped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: std::path::PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file is no exported snapshot.
    #[error("{path} is no exported snapshot: {why}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl SnapshotError {
    /// Whether one sender's bytes are at fault, so that the chunk can be had from another.
    #[must_use]
    pub const fn is_senders_fault(&self) -> bool {
        matches!(self, Self::Altered { .. } | Self::TooLarge { .. })
    }

    /// Whether this node is at fault: its disk or its database.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Io { .. } | Self::NotEmpty { .. } | Self::Stopped)
    }
}

#[cfg(test)]
mod tests;
