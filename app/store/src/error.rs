use std::path::PathBuf;

use defchain_base::{B256, CodecError, Height, StateError};

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory is in use.
    #[error(
        "the database in {path} is locked: is another defchain-app running on it? Stop that one first, or give this \
         node a directory of its own ({why})"
    )]
    Locked {
        /// The store's directory.
        path: PathBuf,
        /// RocksDB's words.
        why: String,
    },
    /// The directory holds something else.
    #[error(
        "{path} is not a store of defchain-app: it holds {found:?} but no {marker} file. Give the node an empty directory"
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// One of the foreign files.
        found: String,
        /// The file that marks a store.
        marker: &'static str,
    },
    /// Written by another version of the program.
    #[error(
        "the store in {path} has format {found:?}, this program knows {known:?}: use the version of defchain-app that \
         wrote it, or sync into a new directory"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// What the marker says.
        found: String,
        /// What it should say.
        known: &'static str,
    },
    /// The store belongs to another chain.
    #[error(
        "the store belongs to chain {held_chain:?} with genesis {held_genesis}, but this node is set up for chain {chain:?} \
         with genesis {genesis}: point the node at that chain's genesis file, or give it another directory"
    )]
    OtherChain {
        /// Chain id in the store.
        held_chain: String,
        /// Genesis hash in the store.
        held_genesis: B256,
        /// Chain id of this node.
        chain: String,
        /// Genesis hash of this node.
        genesis: B256,
    },
    /// A file system call failed.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// RocksDB failed: disk full, files gone, memory.
    #[error("database, while {what}: {why}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// RocksDB's words.
        why: String,
    },
    /// What is on disk cannot be what was written there.
    #[error("the database is damaged: {what}: {why}. Restore a copy, or remove the directory and sync again")]
    Corrupt {
        /// Which record.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A read of state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The height is above the newest, or pruned.
    #[error("height {height} is not held: this node has heights {oldest} to {newest}")]
    NotHeld {
        /// The height asked for.
        height: Height,
        /// The oldest held.
        oldest: Height,
        /// The newest committed.
        newest: Height,
    },
    /// A restore was begun and is not finished.
    #[error(
        "the store holds {chunks} of {of} verified chunks of the snapshot of height {height} and nothing else: let state \
         sync finish it, or remove the data folders to begin anew"
    )]
    Unfinished {
        /// The snapshot's height.
        height: Height,
        /// Chunks that are there.
        chunks: u32,
        /// Chunks in all.
        of: u32,
    },
    /// Nothing is committed yet.
    #[error("the store is empty: the genesis state is not committed yet")]
    Empty,
    /// What was prepared does not continue the newest block.
    #[error("refused to {what}: it continues height {on:?}, but the newest committed height is {latest:?}")]
    NotOnTop {
        /// The call.
        what: &'static str,
        /// The height it continues.
        on: Option<Height>,
        /// The newest height.
        latest: Option<Height>,
    },
    /// The block records are not those of the height that follows.
    #[error("refused to commit: the records are of height {found}, the next height is {expected}")]
    WrongHeight {
        /// The height in the records.
        found: Height,
        /// The height to commit.
        expected: Height,
    },
    /// A key or value that no proof can carry: ICS23 has no empty keys and values.
    #[error("substore {substore}, key 0x{key}: empty keys and values cannot be proven and are refused")]
    EmptyEntry {
        /// Where.
        substore: defchain_base::Substore,
        /// The key, in hex.
        key: String,
    },
    /// More than a record can hold.
    #[error("{what}: {found} is above the limit {limit}")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// What was given.
        found: usize,
        /// The most that is taken.
        limit: usize,
    },
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>, why: impl core::fmt::Display) -> Self {
        Self::Corrupt { what: what.into(), why: why.to_string() }
    }

    pub(crate) fn record(what: &str, source: &CodecError) -> Self {
        Self::corrupt(what, source)
    }
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::State(inner) => inner,
            other => Self::Store(other.to_string()),
        }
    }
}

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are not a proof.
    #[error("not a state proof: {0}")]
    Malformed(String),
    /// The substore's root is not under the app hash.
    #[error("the proof does not lead from the root of substore {substore} to app hash {app_hash}")]
    NotUnderAppHash {
        /// Which substore was asked for.
        substore: defchain_base::Substore,
        /// The hash proven against.
        app_hash: B256,
    },
    /// The key does not have that value (or any value) under the substore's root.
    #[error("the proof does not show that key 0x{key} of substore {substore} {claim}")]
    NotShown {
        /// Which substore was asked for.
        substore: defchain_base::Substore,
        /// The key, in hex.
        key: String,
        /// "has that value" or "is absent".
        claim: &'static str,
    },
}
