//! Snapshots against the trees that jmt itself builds, and against liars.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use bytes::Bytes;
use defchain_base::{B256, Height, StateDelta, StateRead, Substore};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    Manifest, SaveOptions, SnapshotError, SnapshotFolder, Verifier,
    format::{Chunk, ChunkWriter},
};
use crate::{
    ChainRecords, Store, StoreError, StoreOptions, Updater,
    columns::Column,
    db::View,
    tree::{Child, Internal},
};

type Entries = Vec<(Substore, Vec<u8>, Vec<u8>)>;

/// A store with a state as its genesis, whose trees jmt's own code builds.
fn store_of(dir: &std::path::Path, entries: &Entries) -> Store {
    let options = StoreOptions { updater: Updater::Reference, ..StoreOptions::for_tests() };
    let store = Store::open(dir, options).unwrap();
    let mut delta = StateDelta::default();
    for (substore, key, value) in entries {
        delta.set(*substore, key.clone(), Some(Bytes::from(value.clone())));
    }
    let records = ChainRecords { header: b"header".to_vec(), chain_id: "test".into(), ..ChainRecords::default() };
    store.commit(store.prepare(&delta, None).unwrap(), records).unwrap();
    store
}

fn dump(store: &Store, column: Column) -> Vec<(Vec<u8>, Vec<u8>)> {
    let view = View::new(store.0.db.clone());
    let mut cursor = view.cursor(column, &[0xff; 128]).unwrap();
    cursor.seek(&[]).unwrap();
    let mut all = Vec::new();
    while let Some((key, record)) = cursor.item() {
        all.push((key.to_vec(), record.to_vec()));
        cursor.next().unwrap();
    }
    all
}

fn chunks(folder: &SnapshotFolder, manifest: &Manifest) -> Vec<Bytes> {
    (0..manifest.chunk_count()).map(|index| folder.chunk(manifest.height, index).unwrap().unwrap()).collect()
}

fn save(store: &Store, folder: &SnapshotFolder, chunk_bytes: usize) -> Manifest {
    store.snapshot().save(folder, SaveOptions { chunk_bytes, ..SaveOptions::default() }).unwrap()
}

fn entries() -> impl Strategy<Value = Entries> {
    let substore = prop_oneof![Just(Substore::Sys), Just(Substore::Evm), Just(Substore::Ai)];
    let key = prop::collection::vec(any::<u8>(), 1..6);
    let value = prop::collection::vec(any::<u8>(), 1..20);
    prop::collection::vec((substore, key, value), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The whole database is the same as if jmt had built the state at once: nodes, values, history.
    #[test]
    fn a_restored_store_holds_what_jmt_builds(entries in entries(), chunk_bytes in 1..400usize) {
        let (from, to, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let origin = store_of(from.path(), &entries);
        let folder = SnapshotFolder::new(files.path());
        let manifest = save(&origin, &folder, chunk_bytes);
        manifest.check(&origin.latest().unwrap().app_hash).unwrap();
        let store = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
        let mut restore = store.restore(manifest.clone()).unwrap();
        for (index, bytes) in (0..).zip(chunks(&folder, &manifest)) {
            restore.apply(index, &bytes).unwrap();
        }
        prop_assert_eq!(restore.finish().unwrap(), origin.latest().unwrap());
        for column in [Column::Nodes, Column::Flat, Column::History, Column::Heights, Column::Meta, Column::Hashes] {
            prop_assert_eq!(dump(&store, column), dump(&origin, column), "{}", column.name());
        }
        // And it makes the same snapshot again.
        let again = tempfile::tempdir().unwrap();
        let again = SnapshotFolder::new(again.path());
        prop_assert_eq!(save(&store, &again, chunk_bytes), manifest.clone());
        prop_assert_eq!(chunks(&again, &manifest), chunks(&folder, &manifest));
    }

    /// Whoever makes a snapshot can list any chunks: what is no part of the state is refused all the same.
    #[test]
    fn a_forged_chunk_is_refused_though_its_manifest_lists_it(
        entries in entries(), chunk_bytes in 1..400usize, at in any::<prop::sample::Index>(), forgery in forgery()
    ) {
        let (from, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let origin = store_of(from.path(), &entries);
        let folder = SnapshotFolder::new(files.path());
        let mut manifest = save(&origin, &folder, chunk_bytes);
        let mut bytes = chunks(&folder, &manifest);
        let at = at.index(bytes.len());
        let mut chunk = Chunk::from_bytes(&bytes[at]).unwrap();
        let honest = chunk.clone();
        forge(&mut chunk, &forgery);
        prop_assume!(chunk != honest);
        let mut writer = ChunkWriter::new(chunk.substore, 0);
        for (key, value) in &chunk.entries {
            writer.add(key, value);
        }
        bytes[at] = writer.finish(&chunk.edge).into();
        manifest.chunks[at] = B256::new(Sha256::digest(&bytes[at]).into());
        let mut verifier = Verifier::new(manifest);
        let mut refused = None;
        for (index, bytes) in (0..).zip(&bytes) {
            let before = verifier.progress.clone();
            if let Err(error) = verifier.accept(index, bytes) {
                prop_assert_eq!(&before, &verifier.progress, "a refused chunk left something");
                refused = Some((index, error));
                break;
            }
        }
        let (index, error) = refused.unwrap();
        prop_assert_eq!(usize::try_from(index).unwrap(), at, "{}", error);
        prop_assert!(!error.is_senders_fault() && !error.is_ours(), "{}", error);
    }
}

#[derive(Debug, Clone)]
enum Forgery {
    Drop(prop::sample::Index),
    Change(prop::sample::Index),
    Insert(Vec<u8>),
    Swap,
    Substore,
    EdgeShorter,
    EdgeLonger,
    EdgeEmptied,
    EdgeFlipped(prop::sample::Index),
}

fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Forgery::Drop),
        any::<prop::sample::Index>().prop_map(Forgery::Change),
        prop::collection::vec(any::<u8>(), 1..9).prop_map(Forgery::Insert),
        Just(Forgery::Swap),
        Just(Forgery::Substore),
        Just(Forgery::EdgeShorter),
        Just(Forgery::EdgeLonger),
        Just(Forgery::EdgeEmptied),
        any::<prop::sample::Index>().prop_map(Forgery::EdgeFlipped),
    ]
}

fn forge(chunk: &mut Chunk, forgery: &Forgery) {
    let count = chunk.entries.len();
    match forgery {
        Forgery::Drop(at) => drop(chunk.entries.remove(at.index(count))),
        Forgery::Change(at) => {
            chunk.entries[at.index(count)].1 = Bytes::from_static(b"mine, all mine: not in the state")
        }
        Forgery::Insert(key) => {
            if !chunk.entries.iter().any(|(k, _)| k == key) {
                chunk.entries.push((Bytes::from(key.clone()), Bytes::from_static(b"more")));
                chunk.entries.sort_by_key(|(key, _)| Sha256::digest(key));
            }
        }
        Forgery::Swap => chunk.entries.reverse(),
        Forgery::Substore => chunk.substore = Substore::Trade,
        Forgery::EdgeShorter => drop(chunk.edge.pop()),
        Forgery::EdgeLonger => chunk.edge.push(Internal::default()),
        Forgery::EdgeEmptied => chunk.edge.iter_mut().for_each(|right| *right = Internal::default()),
        Forgery::EdgeFlipped(at) => {
            let children: Vec<&mut Child> =
                chunk.edge.iter_mut().flat_map(|right| right.children.iter_mut().flatten()).collect();
            if !children.is_empty() {
                let at = at.index(children.len());
                children.into_iter().nth(at).unwrap().hash[0] ^= 1;
            }
        }
    }
}

fn some_entries(count: u32) -> Entries {
    let mut all = vec![(Substore::Sys, b"head".to_vec(), vec![1])];
    all.extend((0..count).map(|n| (Substore::Evm, n.to_be_bytes().to_vec(), format!("value {n}").into_bytes())));
    all
}

#[test]
fn a_restore_goes_on_after_a_restart_at_any_chunk_and_is_no_store_before_its_end() {
    let (from, to, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = store_of(from.path(), &some_entries(60));
    let folder = SnapshotFolder::new(files.path());
    let manifest = save(&origin, &folder, 200);
    let bytes = chunks(&folder, &manifest);
    assert!(bytes.len() > 5, "{}", bytes.len());
    for (index, chunk) in (0..).zip(&bytes) {
        let store = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
        assert!(store.latest().is_none());
        let mut restore = store.restore(manifest.clone()).unwrap();
        assert_eq!(restore.next_chunk(), index);
        assert_eq!(restore.has_all_of(Substore::Sys), index > 0);
        assert!(!restore.is_complete());
        let early = restore.finish().unwrap_err();
        assert!(matches!(early, SnapshotError::Order { .. }), "{early}");
        let refused = store.prepare(&StateDelta::default(), None).unwrap_err();
        assert!(
            matches!(refused, StoreError::Unfinished { height: Height(0), chunks, .. } if chunks == index),
            "{refused}"
        );
        restore.apply(index, chunk).unwrap();
        let again = restore.apply(index, chunk).unwrap_err();
        assert!(matches!(again, SnapshotError::Order { found, .. } if found == index), "{again}");
    }
    let store = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
    let restore = store.restore(manifest).unwrap();
    assert!(restore.is_complete());
    assert_eq!(restore.state().get_raw(Substore::Sys, b"head").unwrap(), Some(Bytes::from_static(&[1])));
    restore.finish().unwrap();
    assert!(store.is_fresh_restore().unwrap() && !origin.is_fresh_restore().unwrap());
    drop((restore, store));
    let store = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
    assert_eq!(store.latest(), origin.latest());
    for column in [Column::Nodes, Column::Flat, Column::History] {
        assert_eq!(dump(&store, column), dump(&origin, column));
    }
}

#[test]
fn another_snapshot_takes_the_place_of_an_unfinished_one_and_blocks_are_never_overwritten() {
    let (from, to, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = store_of(from.path(), &some_entries(60));
    let folder = SnapshotFolder::new(files.path());
    let manifest = save(&origin, &folder, 200);
    let bytes = chunks(&folder, &manifest);
    let store = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
    let mut restore = store.restore(manifest.clone()).unwrap();
    restore.apply(0, &bytes[0]).unwrap();
    restore.apply(1, &bytes[1]).unwrap();

    let (other, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = store_of(other.path(), &some_entries(3));
    let others = SnapshotFolder::new(others.path());
    let second = save(&other, &others, 1 << 20);
    let mut restore = store.restore(second.clone()).unwrap();
    assert_eq!(restore.next_chunk(), 0);
    for (index, bytes) in (0..).zip(chunks(&others, &second)) {
        restore.apply(index, &bytes).unwrap();
    }
    restore.finish().unwrap();
    assert_eq!(dump(&store, Column::Flat), dump(&other, Column::Flat));
    // Restored and not built on: CometBFT may have lost its own part, so a newer snapshot is taken.
    assert_eq!(store.restore(manifest.clone()).unwrap().next_chunk(), 0);
    assert!(store.latest().is_none() && dump(&store, Column::Flat).is_empty());
    let refused = origin.restore(second).unwrap_err();
    assert!(matches!(refused, SnapshotError::NotEmpty { newest: Height(0) }), "{refused}");
    assert!(refused.is_ours());
}

/// Disk grows with state, not with history: what is left after pruning is what a node has that never saw the history.
#[test]
fn a_store_that_is_pruned_to_a_height_holds_as_much_as_one_that_was_restored_at_it() {
    let (from, to, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = store_of(from.path(), &some_entries(40));
    for height in 1..120u64 {
        let mut delta = StateDelta::default();
        delta.set(Substore::Sys, b"head".to_vec(), Some(Bytes::from(height.to_be_bytes().to_vec())));
        let (hot, cold) = (u32::try_from(height % 7).unwrap(), u32::try_from(height % 50).unwrap());
        delta.set(Substore::Evm, hot.to_be_bytes().to_vec(), Some(Bytes::from(height.to_le_bytes().to_vec())));
        let gone = height.is_multiple_of(3);
        delta.set(Substore::Evm, cold.to_be_bytes().to_vec(), (!gone).then(|| Bytes::from_static(b"cold")));
        let latest = origin.latest();
        let prepared = origin.prepare(&delta, latest.as_ref()).unwrap();
        let records = ChainRecords {
            height: Height(height),
            block_hash: B256::repeat_byte(u8::try_from(height).unwrap()),
            header: b"header".to_vec(),
            tx_hashes: vec![B256::from(word(height))],
            log_terms: vec![B256::repeat_byte(3)],
            ..ChainRecords::default()
        };
        origin.commit(prepared, records).unwrap();
    }
    let before = dump(&origin, Column::Nodes).len();
    assert_eq!(origin.prune(Height(119)).unwrap(), 119);
    let folder = SnapshotFolder::new(files.path());
    let manifest = save(&origin, &folder, 500);
    let joined = Store::open(to.path(), StoreOptions::for_tests()).unwrap();
    let mut restore = joined.restore(manifest.clone()).unwrap();
    for (index, bytes) in (0..).zip(chunks(&folder, &manifest)) {
        restore.apply(index, &bytes).unwrap();
    }
    restore.finish().unwrap();
    for column in [Column::Nodes, Column::Flat, Column::History, Column::Heights] {
        assert_eq!(dump(&origin, column).len(), dump(&joined, column).len(), "{}", column.name());
    }
    assert!(dump(&origin, Column::Stale).is_empty());
    assert!(before > 4 * dump(&origin, Column::Nodes).len(), "there was no history to speak of: {before} nodes");
    // Of blocks the newest alone: five parts, a block hash and a transaction hash, one log term.
    let left = [Column::Blocks, Column::Hashes, Column::Terms].map(|column| dump(&origin, column).len());
    assert_eq!(left, [5, 2, 1]);
}

/// A word of a height that no other height has.
fn word(height: u64) -> [u8; 32] {
    Sha256::digest(height.to_be_bytes()).into()
}
