//! State, blocks and indexes of the chain on disk.
//!
//! The only crate that knows RocksDB and jmt. To the rest of the node a store is a [`defchain_base::StateRead`] of the
//! newest block ([`Snapshot`]) or of an older one ([`HistoricState`]), and a way to put the next block on top.
//!
//! # A block's way
//! ```text
//!   StateDelta ─prepare─▶ drop what changes nothing ─▶ 5 trees in parallel ─▶ app hash ─▶ Prepared (FinalizeBlock answers)
//!                                                                                            │ + ChainRecords
//!   readers ◀─publish─ caches ◀──────────── one atomic, synced batch ◀───────────commit──────┘ (Commit answers)
//! ```
//! Preparing writes nothing, so competing proposals can be prepared on the same block. Readers hold a view of the
//! database as one commit left it; a commit replaces the view, it changes none.
//!
//! # On disk
//! A directory holds the file `DEFCHAIN_STORE`, which names the format, and RocksDB's files in `db/`. Numbers in keys are
//! big-endian; each record begins with a version byte, left out here. `S` is the substore's number (one byte), `V` a
//! version of its tree (8 bytes), `H` a height (8 bytes).
//!
//! | Family    | Key                          | Value |
//! |-----------|------------------------------|-------|
//! | `flat`    | S ‖ key                      | the newest value |
//! | `history` | S ‖ escaped key ‖ !V         | the value since V, or that it was deleted; newest first |
//! | `nodes`   | S ‖ V ‖ nibble path          | a tree node written at V; a leaf names its key |
//! | `stale`   | H ‖ S                        | keys of the nodes that block H replaced |
//! | `heights` | H                            | app hash, five roots, five tree versions |
//! | `blocks`  | part ‖ H                     | header, payload, receipts, extra, and what H put into the indexes |
//! | `hashes`  | 0 ‖ block hash, 1 ‖ tx hash  | height; height and index |
//! | `terms`   | address or topic ‖ H         | a mark: logs of block H carry the term |
//! | `meta`    | name                         | chain id and genesis hash; how far an unfinished restore got |
//!
//! # Snapshots for others
//! [`sync`] writes a committed state as files that a joining node verifies chunk by chunk against an app hash it trusts,
//! and restores such files into an empty store.
//!
//! # The app hash (D6)
//! Five jellyfish Merkle trees over SHA-256 (jmt 0.12), one for each substore, and a Merkle tree of RFC 6962's shape over
//! their (name, root) pairs. Both levels have ICS23 specifications, so a [`StateProof`] is checked without our code. A
//! tree's version counts the blocks that changed it; versions are bookkeeping, no hash depends on them.
//!
//! # Invariants
//! - A height is there whole or not at all: what a crash leaves is the state after some committed block.
//! - The flat values, the newest history and the leaves of the trees say the same. An update that finds them at odds
//!   fails as damage ([`StoreError::Corrupt`]); it builds nothing on it.
//! - A node is removed only after the stale list named it (pruning) or together with its whole block (rollback).
//! - A snapshot never shows a value newer than itself. The value cache speaks for the newest commit only.
//! - What fails its checksum or does not decode is an error with its key, never a value and never an absence.

mod blocks;
mod cache;
mod columns;
mod db;
mod error;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod options;
mod prepare;
mod proof;
mod records;
mod rollback;
mod snapshot;
mod store;
pub mod sync;
mod tree;

pub use blocks::ChainRecords;
pub use db::{ModelDisk, WriteFault, WriteRecord};
pub use error::{ProofError, StoreError};
pub use options::{StoreOptions, Updater};
pub use prepare::Prepared;
pub use proof::StateProof;
pub use snapshot::{CommitInfo, HistoricState, Snapshot};
pub use store::{ColumnUsage, Store};
pub use sync::SnapshotError;
