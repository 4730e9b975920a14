//! Building a tree from its leaves in order, and judging how far it goes.
//!
//! Only the nodes on the way to the last leaf are open: what lies left of it will not change any more and is handed out.

use super::format::MAX_DEPTH;
use crate::tree::{Child, EMPTY_ROOT, Hash, Internal, Leaf, NibblePath, Node, nibble_at};

/// The version of every node of a restored tree.
pub(crate) const RESTORED_VERSION: u64 = 1;

/// A tree in work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Builder {
    /// The open inner nodes from the root on. All lie on the way to `last`.
    pub open: Vec<Internal>,
    /// The last leaf. It gets its place when the next one shows how far their ways are the same.
    pub last: Option<Leaf>,
}

pub(crate) type Nodes = Vec<(NibblePath, Node)>;

impl Builder {
    /// Takes the next leaf; closed nodes go to `out`.
    pub(crate) fn push(&mut self, leaf: Leaf, out: &mut Nodes) -> Result<(), String> {
        if let Some(last) = self.last.take() {
            if leaf.key_hash <= last.key_hash {
                return Err(format!(
                    "key hash {} does not come after {}",
                    hex::encode(leaf.key_hash),
                    hex::encode(last.key_hash)
                ));
            }
            let common = common_nibbles(&last.key_hash, &leaf.key_hash);
            while self.open.len() <= common {
                self.open.push(Internal::default());
            }
            let way = last.key_hash;
            self.place(last, out);
            while self.open.len() > common.saturating_add(1) {
                self.close(&way, out);
            }
        }
        self.last = Some(leaf);
        Ok(())
    }

    /// The root hash of a tree that has these leaves and, right of the last one, what `edge` says.
    pub(crate) fn root_with(&self, edge: &[Internal]) -> Result<Hash, String> {
        let Some(last) = &self.last else { return Err("it has no entries".to_owned()) };
        if edge.len() < self.open.len() || edge.len() > MAX_DEPTH {
            return Err(format!("its edge has {} levels where {} are open", edge.len(), self.open.len()));
        }
        let mut below = Child::leaf(last.hash());
        for (depth, right) in edge.iter().enumerate().rev() {
            let depth8 = u8::try_from(depth).unwrap_or(u8::MAX);
            let nibble = nibble_at(&last.key_hash, depth8);
            let mut node = self.open.get(depth).cloned().unwrap_or_default();
            for (place, child) in right.iter() {
                if place <= nibble {
                    return Err(format!(
                        "its edge has a child {place} at depth {depth}, which is not right of {nibble}"
                    ));
                }
                set(&mut node, place, *child);
            }
            set(&mut node, nibble, below);
            if below.is_leaf() && node.iter().count() == 1 {
                return Err(format!("its edge has a node with nothing but one leaf at depth {depth}"));
            }
            below = Child::opaque(node.hash());
        }
        Ok(below.hash)
    }

    /// Closes the tree; returns its root hash.
    pub(crate) fn finish(mut self, out: &mut Nodes) -> Hash {
        let Some(last) = self.last.take() else { return EMPTY_ROOT };
        let way = last.key_hash;
        if self.open.is_empty() {
            let root = last.hash();
            out.push((NibblePath::ROOT, Node::Leaf(last)));
            return root;
        }
        self.place(last, out);
        while self.open.len() > 1 {
            self.close(&way, out);
        }
        let root = self.open.pop().unwrap_or_default();
        let hash = root.hash();
        out.push((NibblePath::ROOT, Node::Internal(Box::new(root))));
        hash
    }

    /// Puts a leaf under the deepest open node.
    fn place(&mut self, leaf: Leaf, out: &mut Nodes) {
        let depth = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        let nibble = nibble_at(&leaf.key_hash, depth.saturating_sub(1));
        let child = Child { version: RESTORED_VERSION, ..Child::leaf(leaf.hash()) };
        if let Some(node) = self.open.last_mut() {
            set(node, nibble, child);
        }
        out.push((NibblePath::of(&leaf.key_hash, depth), Node::Leaf(leaf)));
    }

    /// Closes the deepest open node, which lies on the way to a key hash.
    fn close(&mut self, way: &Hash, out: &mut Nodes) {
        let Some(node) = self.open.pop() else { return };
        let depth = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        let child = Child::inner(node.hash(), RESTORED_VERSION, node.leaves());
        if let Some(parent) = self.open.last_mut() {
            set(parent, nibble_at(way, depth.saturating_sub(1)), child);
        }
        out.push((NibblePath::of(way, depth), Node::Internal(Box::new(node))));
    }
}

fn set(node: &mut Internal, nibble: u8, child: Child) {
    if let Some(place) = node.children.get_mut(usize::from(nibble)) {
        *place = Some(child);
    }
}

/// How many nibbles two different hashes have in common at their beginning.
fn common_nibbles(a: &Hash, b: &Hash) -> usize {
    (0..64u8).take_while(|depth| nibble_at(a, *depth) == nibble_at(b, *depth)).count()
}
