//! The trees under the app hash: jellyfish Merkle trees as jmt 0.12 defines them, with our own nodes on disk.
//!
//! A tree has sixteen-way inner nodes and leaves. A node is known by the version that wrote it and by its nibble path;
//! it never changes. A new version writes the nodes on the changed paths and lists the ones it replaced.
//!
//! [`update`] is the way a block changes a tree. [`reference`] does the same through jmt's own code: it is what the
//! tests hold the first against, root for root and node for node, and it makes the proofs.

mod nibbles;
mod node;
pub(crate) mod reference;
pub(crate) mod update;

#[cfg(test)]
mod tests;

pub(crate) use nibbles::{NibblePath, nibble_at};
pub(crate) use node::{Child, EMPTY_ROOT, Internal, Leaf, Node, put_varint, varint};

use bytes::Bytes;

use crate::error::StoreError;

/// A hash in a tree.
pub(crate) type Hash = [u8; 32];

/// Where a node lies in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeKey {
    pub version: u64,
    pub path: NibblePath,
}

/// A node that a version replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StaleNode {
    pub key: NodeKey,
    /// A leaf's record names its key, which pruning and rollback need.
    pub leaf: bool,
}

/// A tree at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeAt {
    /// 0 before the first change.
    pub version: u64,
    pub root: Hash,
}

impl TreeAt {
    pub(crate) fn is_empty(&self) -> bool {
        self.root == EMPTY_ROOT
    }
}

/// A change that is known to change something.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub key_hash: Hash,
    pub key: Bytes,
    /// Hash of the value before; `None` when there was none.
    pub old: Option<Hash>,
    /// Hash of the value after; `None` when it is deleted.
    pub new: Option<Hash>,
    /// The value after.
    pub value: Option<Bytes>,
}

/// A new version of a tree.
#[derive(Debug, Default)]
pub(crate) struct TreeUpdate {
    pub root: Hash,
    /// The nodes of the new version.
    pub nodes: Vec<(NibblePath, Node)>,
    pub stale: Vec<StaleNode>,
}

/// Where a tree's committed nodes come from.
pub(crate) trait NodeSource: Sync {
    /// The node, or an error when it is missing or damaged.
    fn node(&self, key: &NodeKey) -> Result<Node, StoreError>;
}

/// Makes the next version of a tree.
pub(crate) trait TreeUpdater: Send + Sync {
    /// Applies changes, sorted by key hash and each key once, to a tree. The root may not depend on the updater.
    fn update(&self, source: &dyn NodeSource, base: TreeAt, changes: &[Change]) -> Result<TreeUpdate, StoreError>;
}
