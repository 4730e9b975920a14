//! A block's changes applied to a tree in one walk.
//!
//! Every node on a changed path is read once, hashed once and written once. Three things make that possible:
//! - Changes come sorted by key hash, so a subtree's changes are one slice.
//! - Every change is real and carries the hash of the value before. Whether a leaf is the one to change is told by the
//!   hash that its parent holds; the leaf itself is read only where it must move.
//! - A leaf is placed by its parent, after it is known whether it stays alone and rises.
//!
//! The same knowledge is a check: where tree and flat values disagree about what was there before, the update fails as
//! damage instead of building on it.

use std::num::NonZeroU64;

use rayon::prelude::*;

use super::{
    Change, Child, EMPTY_ROOT, Hash, Internal, Leaf, NibblePath, Node, NodeKey, NodeSource, StaleNode, TreeAt,
    TreeUpdate, TreeUpdater, nibble_at, node::leaf_hash,
};
use crate::error::StoreError;

/// Below this many changes a tree is updated on one thread: handing work out costs tens of microseconds, which is what
/// a handful of changes cost.
const PARALLEL_FROM: usize = 64;

/// One walk per block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OneWalk;

impl TreeUpdater for OneWalk {
    fn update(&self, source: &dyn NodeSource, base: TreeAt, changes: &[Change]) -> Result<TreeUpdate, StoreError> {
        let walk = Walk { source, version: base.version.saturating_add(1) };
        let mut out = Out::default();
        let key = NodeKey { version: base.version, path: NibblePath::ROOT };
        let slot = if base.is_empty() {
            walk.at_empty(key.path, changes, &mut out)?
        } else {
            match &source.node(&key)? {
                Node::Internal(node) => walk.at_internal(key, node, changes, &mut out)?,
                Node::Leaf(_) => walk.at_leaf(key, &base.root, changes, &mut out)?,
            }
        };
        let root = match slot {
            Slot::Empty => EMPTY_ROOT,
            Slot::Node(child) => child.hash,
            Slot::Leaf(leaf) => {
                let hash = leaf.hash();
                out.nodes.push((NibblePath::ROOT, Node::Leaf(leaf)));
                hash
            }
        };
        Ok(TreeUpdate { root, nodes: out.nodes, stale: out.stale })
    }
}

/// What a walk leaves behind.
#[derive(Default)]
struct Out {
    nodes: Vec<(NibblePath, Node)>,
    stale: Vec<StaleNode>,
}

/// What is in a place after the changes below it.
enum Slot {
    Empty,
    /// A node that has its record: an unchanged one, or a new inner node.
    Node(Child),
    /// A leaf that is new or on the move; the parent decides where it lies.
    Leaf(Leaf),
}

type Slots = [Option<Slot>; 16];

struct Walk<'a> {
    source: &'a dyn NodeSource,
    version: u64,
}

impl Walk<'_> {
    /// Changes below an inner node.
    fn at_internal(
        &self,
        key: NodeKey,
        node: &Internal,
        changes: &[Change],
        out: &mut Out,
    ) -> Result<Slot, StoreError> {
        out.stale.push(StaleNode { key, leaf: false });
        let mut slots = self.split(
            key.path,
            changes,
            |c| &c.key_hash,
            out,
            |nibble, group, out| self.at_child(key.path.child(nibble), node.child(nibble), group, out),
        )?;
        for (nibble, child) in node.iter() {
            if let Some(slot @ None) = slots.get_mut(usize::from(nibble)) {
                *slot = Some(Slot::Node(*child));
            }
        }
        self.close(key.path, slots, out)
    }

    fn at_child(
        &self,
        path: NibblePath,
        child: Option<&Child>,
        changes: &[Change],
        out: &mut Out,
    ) -> Result<Slot, StoreError> {
        let Some(child) = child else { return self.at_empty(path, changes, out) };
        let key = NodeKey { version: child.version, path };
        if child.is_leaf() {
            return self.at_leaf(key, &child.hash, changes, out);
        }
        match &self.source.node(&key)? {
            Node::Internal(node) => self.at_internal(key, node, changes, out),
            Node::Leaf(_) => Err(damaged(&key, "a leaf, where its parent has an inner node")),
        }
    }

    /// Changes where nothing is.
    fn at_empty(&self, path: NibblePath, changes: &[Change], out: &mut Out) -> Result<Slot, StoreError> {
        if let Some(change) = changes.iter().find(|c| c.old.is_some()) {
            return Err(disagree(change));
        }
        let leaves: Vec<Leaf> = changes.iter().filter_map(new_leaf).collect();
        self.build(path, &leaves, out)
    }

    /// Changes at a leaf of which the hash is known.
    fn at_leaf(&self, key: NodeKey, hash: &Hash, changes: &[Change], out: &mut Out) -> Result<Slot, StoreError> {
        out.stale.push(StaleNode { key, leaf: true });
        let mut replaced = false;
        for change in changes {
            if let Some(old) = &change.old {
                if replaced || leaf_hash(&change.key_hash, old) != *hash {
                    return Err(disagree(change));
                }
                replaced = true;
            }
        }
        let mut leaves: Vec<Leaf> = changes.iter().filter_map(new_leaf).collect();
        if !replaced {
            // Only inserts: the leaf stays in the tree, beside them.
            let leaf = self.read_leaf(&key, hash)?;
            match leaves.binary_search_by(|l| l.key_hash.cmp(&leaf.key_hash)) {
                Ok(_) => return Err(damaged(&key, "the tree has this key, the flat values do not")),
                Err(at) => leaves.insert(at, leaf),
            }
        }
        self.build(key.path, &leaves, out)
    }

    /// A subtree of leaves that are all new or on the move.
    fn build(&self, path: NibblePath, leaves: &[Leaf], out: &mut Out) -> Result<Slot, StoreError> {
        match leaves {
            [] => Ok(Slot::Empty),
            [leaf] => Ok(Slot::Leaf(leaf.clone())),
            _ => {
                let slots = self.split(
                    path,
                    leaves,
                    |leaf| &leaf.key_hash,
                    out,
                    |nibble, group, out| self.build(path.child(nibble), group, out),
                )?;
                self.close(path, slots, out)
            }
        }
    }

    /// Hands each child its share of `items`; at the root of a tree with much to do, on all threads.
    fn split<T: Sync>(
        &self,
        path: NibblePath,
        items: &[T],
        hash_of: impl Fn(&T) -> &Hash,
        out: &mut Out,
        work: impl Fn(u8, &[T], &mut Out) -> Result<Slot, StoreError> + Sync,
    ) -> Result<Slots, StoreError> {
        let groups = items
            .chunk_by(|a, b| nibble_at(hash_of(a), path.len()) == nibble_at(hash_of(b), path.len()))
            .filter_map(|group| group.first().map(|first| (nibble_at(hash_of(first), path.len()), group)));
        let mut slots: Slots = [const { None }; 16];
        let mut put = |nibble: u8, slot| {
            if let Some(place) = slots.get_mut(usize::from(nibble)) {
                *place = Some(slot);
            }
        };
        if path.len() > 0 || items.len() < PARALLEL_FROM {
            for (nibble, group) in groups {
                put(nibble, work(nibble, group, out)?);
            }
            return Ok(slots);
        }
        let parts: Vec<(u8, Slot, Out)> = groups
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(nibble, group)| {
                let mut part = Out::default();
                let slot = work(nibble, group, &mut part)?;
                Ok((nibble, slot, part))
            })
            .collect::<Result<_, StoreError>>()?;
        // In the order of nibbles, whichever thread was first.
        for (nibble, slot, mut part) in parts {
            out.nodes.append(&mut part.nodes);
            out.stale.append(&mut part.stale);
            put(nibble, slot);
        }
        Ok(slots)
    }

    /// What the sixteen places amount to. A leaf that is alone rises; an inner node that is alone stays where it is.
    fn close(&self, path: NibblePath, slots: Slots, out: &mut Out) -> Result<Slot, StoreError> {
        let mut taken = slots.iter().flatten().filter(|slot| !matches!(slot, Slot::Empty));
        let alone = match (taken.next(), taken.next()) {
            (None, _) => return Ok(Slot::Empty),
            (Some(_), second) => second.is_none(),
        };
        let mut node = Internal::default();
        for ((nibble, place), slot) in (0u8..).zip(&mut node.children).zip(slots) {
            *place = match slot {
                None | Some(Slot::Empty) => None,
                Some(Slot::Node(child)) if alone && child.is_leaf() => {
                    let key = NodeKey { version: child.version, path: path.child(nibble) };
                    out.stale.push(StaleNode { key, leaf: true });
                    return self.read_leaf(&key, &child.hash).map(Slot::Leaf);
                }
                Some(Slot::Node(child)) => Some(child),
                Some(Slot::Leaf(leaf)) if alone => return Ok(Slot::Leaf(leaf)),
                Some(Slot::Leaf(leaf)) => {
                    let hash = leaf.hash();
                    out.nodes.push((path.child(nibble), Node::Leaf(leaf)));
                    Some(Child { hash, version: self.version, leaves: NonZeroU64::MIN })
                }
            };
        }
        let leaves = NonZeroU64::new(node.leaves()).unwrap_or(NonZeroU64::MIN);
        let child = Child { hash: node.hash(), version: self.version, leaves };
        out.nodes.push((path, Node::Internal(Box::new(node))));
        Ok(Slot::Node(child))
    }

    fn read_leaf(&self, key: &NodeKey, hash: &Hash) -> Result<Leaf, StoreError> {
        match self.source.node(key)? {
            Node::Leaf(leaf) if leaf.hash() == *hash => Ok(leaf),
            Node::Leaf(_) => Err(damaged(key, "the leaf does not hash to what its parent has")),
            Node::Internal(_) => Err(damaged(key, "an inner node, where its parent has a leaf")),
        }
    }
}

fn new_leaf(change: &Change) -> Option<Leaf> {
    change.new.map(|value_hash| Leaf { key_hash: change.key_hash, value_hash, key: change.key.clone() })
}

fn damaged(key: &NodeKey, why: &str) -> StoreError {
    StoreError::corrupt(format!("tree node {:?} of version {}", key.path, key.version), why)
}

fn disagree(change: &Change) -> StoreError {
    StoreError::corrupt(
        format!("value of key 0x{}", hex::encode(&change.key)),
        "the flat value is not the one the tree commits to",
    )
}
