//! jmt's own code over our nodes: the reference that [`super::update`] is held against, and the maker of proofs.

use std::{collections::BTreeMap, num::NonZeroU64};

use bytes::Bytes;
use jmt::{
    KeyHash, OwnedValue, Sha256Jmt, ValueHash, Version,
    storage::{HasPreimage, LeafNode, Node as JmtNode, NodeKey as JmtKey, TreeReader},
};
use parking_lot::Mutex;

use super::{
    Change, Child, Hash, Internal, Leaf, NibblePath, Node, NodeKey, NodeSource, StaleNode, TreeAt, TreeUpdate,
    TreeUpdater,
};
use crate::error::StoreError;

/// `put_value_set`, key by key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reference;

impl TreeUpdater for Reference {
    fn update(&self, source: &dyn NodeSource, base: TreeAt, changes: &[Change]) -> Result<TreeUpdate, StoreError> {
        let reader = JmtReader::new(source, base, &|_| Ok(None));
        reader.learn(changes);
        // Deletions last: a leaf that rises because its neighbour went and sinks again because another came would be
        // written anew without having moved.
        let (deletions, puts): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|c| c.new.is_none());
        let set = puts
            .into_iter()
            .chain(deletions)
            .map(|c| (KeyHash(c.key_hash), c.value.as_ref().map(|v| v.to_vec())))
            .collect::<Vec<_>>();
        let (root, batch) =
            Sha256Jmt::new(&reader).put_value_set(set, base.version.saturating_add(1)).map_err(from_anyhow)?;
        let mut nodes = Vec::new();
        for (key, node) in batch.node_batch.nodes() {
            if let Some(node) = reader.to_ours(node)? {
                nodes.push((from_key(key).path, node));
            }
        }
        let stale = batch
            .stale_node_index_batch
            .iter()
            .map(|index| {
                let key = from_key(&index.node_key);
                Ok(StaleNode { key, leaf: matches!(source.node(&key)?, Node::Leaf(_)) })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(TreeUpdate { root: root.0, nodes, stale })
    }
}

/// Reads a value by its key, at the version of the tree that is being read.
pub(crate) type ValueAt<'a> = &'a (dyn Fn(&[u8]) -> Result<Option<Bytes>, StoreError> + Sync);

/// Our nodes as jmt reads them.
pub(crate) struct JmtReader<'a> {
    source: &'a dyn NodeSource,
    base: TreeAt,
    value_at: ValueAt<'a>,
    /// Leaves by key hash: jmt asks by key hash for what a leaf was read for before.
    seen: Mutex<BTreeMap<Hash, Leaf>>,
}

impl<'a> JmtReader<'a> {
    pub(crate) fn new(source: &'a dyn NodeSource, base: TreeAt, value_at: ValueAt<'a>) -> Self {
        Self { source, base, value_at, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Makes the leaves known that an update will write.
    fn learn(&self, changes: &[Change]) {
        let mut seen = self.seen.lock();
        for change in changes {
            if let Some(value_hash) = change.new {
                let leaf = Leaf { key_hash: change.key_hash, value_hash, key: change.key.clone() };
                seen.insert(change.key_hash, leaf);
            }
        }
    }

    fn leaf(&self, key_hash: &KeyHash) -> Option<Leaf> {
        self.seen.lock().get(&key_hash.0).cloned()
    }

    /// A node of jmt in our form; `None` for its null node, which we do not store.
    fn to_ours(&self, node: &JmtNode) -> Result<Option<Node>, StoreError> {
        match node {
            JmtNode::Null => Ok(None),
            JmtNode::Leaf(leaf) => match self.leaf(&leaf.key_hash()) {
                Some(leaf) => Ok(Some(Node::Leaf(leaf))),
                None => Err(StoreError::corrupt("tree", format!("a leaf of unknown key {:?}", leaf.key_hash()))),
            },
            JmtNode::Internal(internal) => {
                let mut node = Internal::default();
                for (nibble, child) in internal.children_sorted() {
                    let leaves = u64::try_from(child.leaf_count()).ok().and_then(NonZeroU64::new);
                    if let (Some(place), Some(leaves)) = (node.children.get_mut(nibble.as_usize()), leaves) {
                        *place = Some(Child { hash: child.hash, version: child.version, leaves });
                    }
                }
                Ok(Some(Node::Internal(Box::new(node))))
            }
        }
    }
}

impl TreeReader for JmtReader<'_> {
    fn get_node_option(&self, key: &JmtKey) -> anyhow::Result<Option<JmtNode>> {
        let key = from_key(key);
        if key.path == NibblePath::ROOT && self.base.is_empty() {
            return Ok(None);
        }
        let node = self.source.node(&key)?;
        if let Node::Leaf(leaf) = &node {
            // What an update is about to write was learned before; it must not be overwritten by what was there.
            self.seen.lock().entry(leaf.key_hash).or_insert_with(|| leaf.clone());
        }
        to_jmt(&node).map(Some)
    }

    fn get_value_option(&self, _: Version, key_hash: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        match self.leaf(&key_hash) {
            Some(leaf) => Ok((self.value_at)(&leaf.key)?.map(|value| value.to_vec())),
            None => Ok(None),
        }
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(JmtKey, LeafNode)>> {
        // Only jmt's restore asks for it.
        Ok(None)
    }
}

impl HasPreimage for JmtReader<'_> {
    fn preimage(&self, key_hash: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.leaf(&key_hash).map(|leaf| leaf.key.to_vec()))
    }
}

fn from_key(key: &JmtKey) -> NodeKey {
    let path = key.nibble_path().nibbles().fold(NibblePath::ROOT, |path, nibble| path.child(nibble.into()));
    NodeKey { version: key.version(), path }
}

/// jmt hides the constructor of its inner nodes; its Borsh form is the way in.
fn to_jmt(node: &Node) -> anyhow::Result<JmtNode> {
    match node {
        Node::Leaf(leaf) => Ok(JmtNode::Leaf(LeafNode::new(KeyHash(leaf.key_hash), ValueHash(leaf.value_hash)))),
        Node::Internal(internal) => {
            let mut out = vec![1];
            for place in &internal.children {
                let Some(child) = place else {
                    out.push(0);
                    continue;
                };
                out.push(1);
                out.extend_from_slice(&child.hash);
                out.extend_from_slice(&child.version.to_le_bytes());
                if child.is_leaf() {
                    out.push(0);
                } else {
                    out.push(1);
                    out.extend_from_slice(&child.leaves.get().to_le_bytes());
                }
            }
            let count = u64::try_from(internal.iter().count()).unwrap_or(0);
            out.extend_from_slice(&count.to_le_bytes());
            out.extend_from_slice(&internal.leaves().to_le_bytes());
            Ok(borsh::from_slice(&out)?)
        }
    }
}

pub(crate) fn from_anyhow(error: anyhow::Error) -> StoreError {
    let text = format!("{error:#}");
    error.downcast().unwrap_or_else(|_| StoreError::corrupt("tree", text))
}
