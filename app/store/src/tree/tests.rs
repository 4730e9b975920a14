//! The walk against jmt: same roots, same nodes, same stale lists.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{reference::Reference, update::OneWalk, *};

/// A tree in memory. Nodes pass through their records, so that the format is under test as well.
#[derive(Default, Clone)]
struct Nodes(BTreeMap<NodeKey, Vec<u8>>);

impl NodeSource for Nodes {
    fn node(&self, key: &NodeKey) -> Result<Node, StoreError> {
        let record = self.0.get(key).ok_or_else(|| StoreError::corrupt(format!("{key:?}"), "missing"))?;
        Ok(Node::from_record(record).unwrap())
    }
}

impl Nodes {
    fn apply(&mut self, version: u64, update: &TreeUpdate) {
        for (path, node) in &update.nodes {
            let before = self.0.insert(NodeKey { version, path: *path }, node.to_record());
            assert!(before.is_none(), "a node was written twice");
        }
    }
}

fn change(key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> Change {
    let hash = |bytes: &[u8]| Sha256::digest(bytes).into();
    Change {
        key_hash: hash(key),
        key: Bytes::copy_from_slice(key),
        old: old.map(hash),
        new: new.map(hash),
        value: new.map(Bytes::copy_from_slice),
    }
}

/// Real changes that turn `model` into what `ops` make of it.
fn changes(model: &mut BTreeMap<Vec<u8>, Vec<u8>>, ops: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<Change> {
    let mut found: Vec<Change> = ops
        .into_iter()
        .filter_map(|(key, new)| {
            let old = match &new {
                Some(value) => model.insert(key.clone(), value.clone()),
                None => model.remove(&key),
            };
            (old != new).then(|| change(&key, old.as_deref(), new.as_deref()))
        })
        .collect();
    found.sort_by_key(|change| change.key_hash);
    found
}

fn assert_same(walk: &TreeUpdate, reference: &TreeUpdate) {
    assert_eq!(hex::encode(walk.root), hex::encode(reference.root));
    let sorted = |update: &TreeUpdate| update.nodes.iter().cloned().collect::<BTreeMap<_, _>>();
    assert_eq!(sorted(walk), sorted(reference));
    assert_eq!(walk.nodes.len(), reference.nodes.len());
    let stale = |update: &TreeUpdate| update.stale.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(stale(walk), stale(reference));
    assert_eq!(walk.stale.len(), reference.stale.len());
}

/// Runs versions through both and compares; returns the last tree.
fn run(versions: Vec<BTreeMap<Vec<u8>, Option<Vec<u8>>>>) -> (Nodes, TreeAt, BTreeMap<Vec<u8>, Vec<u8>>) {
    let (mut nodes, mut model) = (Nodes::default(), BTreeMap::new());
    let mut at = TreeAt { version: 0, root: EMPTY_ROOT };
    for ops in versions {
        let changes = changes(&mut model, ops);
        if changes.is_empty() {
            continue;
        }
        let walk = OneWalk.update(&nodes, at, &changes).unwrap();
        let reference = Reference.update(&nodes, at, &changes).unwrap();
        assert_same(&walk, &reference);
        assert_eq!(walk.root == EMPTY_ROOT, model.is_empty());
        at = TreeAt { version: at.version + 1, root: walk.root };
        nodes.apply(at.version, &walk);
    }
    (nodes, at, model)
}

/// Every node that the tree reaches, with the checks that jmt's invariants ask for.
fn reachable(nodes: &Nodes, at: TreeAt) -> BTreeSet<NodeKey> {
    fn visit(nodes: &Nodes, key: NodeKey, hash: Hash, found: &mut BTreeSet<NodeKey>) {
        found.insert(key);
        let node = nodes.node(&key).unwrap();
        assert_eq!(node.hash(), hash);
        if let Node::Internal(internal) = &node {
            let children: Vec<_> = internal.iter().collect();
            assert!(children.len() > 1 || !children[0].1.is_leaf(), "a leaf alone must rise");
            for (nibble, child) in children {
                let below = NodeKey { version: child.version, path: key.path.child(nibble) };
                assert_eq!(matches!(nodes.node(&below).unwrap(), Node::Leaf(_)), child.is_leaf());
                visit(nodes, below, child.hash, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    if !at.is_empty() {
        visit(nodes, NodeKey { version: at.version, path: NibblePath::ROOT }, at.root, &mut found);
    }
    found
}

fn few_keys() -> impl Strategy<Value = BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    let value = prop_oneof![3 => (0..3u8).prop_map(|v| Some(vec![v])), 2 => Just(None)];
    prop::collection::btree_map((0..40u8).prop_map(|k| vec![k]), value, 1..25)
}

fn many_keys() -> impl Strategy<Value = BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    let value = prop_oneof![4 => any::<u8>().prop_map(|v| Some(vec![v])), 1 => Just(None)];
    prop::collection::btree_map((0..2000u16).prop_map(|k| k.to_be_bytes().to_vec()), value, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn one_walk_makes_the_tree_of_jmt_with_few_keys(versions in prop::collection::vec(few_keys(), 1..12)) {
        let (nodes, at, _) = run(versions);
        reachable(&nodes, at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn one_walk_makes_the_tree_of_jmt_with_many_keys(versions in prop::collection::vec(many_keys(), 1..8)) {
        run(versions);
    }

    /// What is not listed as stale is exactly what the newest tree reaches: nothing leaks, nothing live is dropped.
    #[test]
    fn without_the_stale_nodes_the_newest_tree_is_left(versions in prop::collection::vec(few_keys(), 1..12)) {
        let (mut nodes, mut model) = (Nodes::default(), BTreeMap::new());
        let mut at = TreeAt { version: 0, root: EMPTY_ROOT };
        for ops in versions {
            let changes = changes(&mut model, ops);
            if changes.is_empty() { continue; }
            let update = OneWalk.update(&nodes, at, &changes).unwrap();
            at = TreeAt { version: at.version + 1, root: update.root };
            for stale in &update.stale {
                let record = nodes.0.remove(&stale.key).unwrap();
                prop_assert_eq!(matches!(Node::from_record(&record).unwrap(), Node::Leaf(_)), stale.leaf);
            }
            nodes.apply(at.version, &update);
            prop_assert_eq!(reachable(&nodes, at), nodes.0.keys().copied().collect::<BTreeSet<_>>());
        }
    }
}

/// Keys whose hashes begin with the same nibbles, which random keys of a small test never do.
fn keys_with_common_prefix(nibbles: u8, count: usize) -> Vec<Vec<u8>> {
    let mut groups: BTreeMap<NibblePath, Vec<Vec<u8>>> = BTreeMap::new();
    for n in 0u32.. {
        let key = n.to_be_bytes().to_vec();
        let group = groups.entry(NibblePath::of(&Sha256::digest(&key).into(), nibbles)).or_default();
        group.push(key);
        if group.len() == count {
            return group.clone();
        }
    }
    panic!("no {count} keys share {nibbles} nibbles")
}

#[test]
fn leaves_deep_below_a_long_common_path_sink_and_rise_as_in_jmt() {
    let keys = keys_with_common_prefix(5, 3);
    let put = |keys: &[Vec<u8>], v: u8| keys.iter().map(|k| (k.clone(), Some(vec![v]))).collect::<BTreeMap<_, _>>();
    let delete = |keys: &[Vec<u8>]| keys.iter().map(|k| (k.clone(), None)).collect::<BTreeMap<_, _>>();
    let other = vec![vec![1u8], vec![2], vec![3]];
    let (_, at, _) = run(vec![
        put(&keys[..1], 1),
        put(&keys[1..2], 1),
        put(&keys[2..], 1),
        put(&other, 1),
        delete(&keys[..1]),
        delete(&keys[1..2]),
        put(&keys, 2),
        [delete(&keys[..2]), put(&other, 3)].into_iter().flatten().collect(),
        delete(&other),
        delete(&keys[2..]),
    ]);
    assert!(at.is_empty());
}

#[test]
fn an_update_on_values_that_the_tree_does_not_have_is_damage() {
    let (nodes, at, _) = run(vec![[(vec![1], Some(vec![1])), (vec![2], Some(vec![2]))].into()]);
    for wrong in [
        change(&[1], Some(&[9]), Some(&[3])), // another value before
        change(&[1], None, Some(&[3])),       // none before
        change(&[7], Some(&[1]), None),       // one before, where none is
    ] {
        let found = OneWalk.update(&nodes, at, &[wrong]);
        assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
    }
}

#[test]
fn a_missing_or_wrong_node_is_damage() {
    let all: BTreeMap<_, _> = (0..200u8).map(|k| (vec![k], Some(vec![k]))).collect();
    let (nodes, at, _) = run(vec![all]);
    let update = [change(&[1], Some(&[1]), Some(&[3]))];
    let touched: Vec<NodeKey> = OneWalk.update(&nodes, at, &update).unwrap().stale.iter().map(|s| s.key).collect();
    let inner = touched.iter().filter(|key| matches!(nodes.node(key).unwrap(), Node::Internal(_)));
    for key in inner {
        let mut broken = nodes.clone();
        broken.0.remove(key);
        assert!(matches!(OneWalk.update(&broken, at, &update), Err(StoreError::Corrupt { .. })));
    }
}

/// Frozen: a change of these means that every node on the network must change with it.
#[test]
fn the_root_of_a_fixed_tree_is_frozen() {
    let (_, at, _) = run(vec![(0..100u8).map(|k| (vec![k], Some(vec![k, k]))).collect()]);
    assert_eq!(hex::encode(at.root), "6c130d3ab340091196bbd606e97b876b94fd2e635fdd9dfd8e8a56d6bbd73a8b");
}
