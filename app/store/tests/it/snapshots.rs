//! Snapshots from one store into another.

use std::fs;

use bytes::Bytes;
use defchain_base::{B256, Height, StateRead, Substore};
use defchain_store::{
    SnapshotError, Store,
    sync::{Manifest, SaveOptions, SnapshotFolder, Verifier},
};

use crate::{assert_state, commit, delta, grow, key, open};

const SMALL: usize = 150;

fn save(store: &Store, folder: &SnapshotFolder, chunk_bytes: usize) -> Manifest {
    store.snapshot().save(folder, SaveOptions { chunk_bytes, ..SaveOptions::default() }).unwrap()
}

fn restore(store: &Store, folder: &SnapshotFolder, height: Height) {
    let manifest = folder.manifest(height).unwrap();
    let mut restore = store.restore(manifest.clone()).unwrap();
    for index in restore.next_chunk()..manifest.chunk_count() {
        restore.apply(index, &folder.chunk(height, index).unwrap().unwrap()).unwrap();
    }
    restore.finish().unwrap();
}

#[test]
fn a_restored_node_goes_on_as_the_others_do() {
    for (seed, height) in [(1, 30), (2, 3), (5, 17)] {
        let (from, to, files) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let origin = open(from.path());
        let states = grow(&origin, seed, height);
        let folder = SnapshotFolder::new(files.path());
        save(&origin, &folder, SMALL);
        let joined = open(to.path());
        restore(&joined, &folder, Height(height));
        let (state, info) = states.last().unwrap();
        let found = joined.latest().unwrap();
        assert_eq!((found.height, found.app_hash, found.roots), (info.height, info.app_hash, info.roots));
        assert_eq!((found.chain_id, found.genesis_hash), (info.chain_id.clone(), info.genesis_hash));
        assert_state(&joined.snapshot(), state);
        for later in height + 1..height + 20 {
            let delta = delta(seed, later);
            assert_eq!(commit(&joined, &delta).app_hash, commit(&origin, &delta).app_hash);
        }
        // The restored height is history now: it reads and proves as on the others.
        let past = joined.state_at(Height(height)).unwrap();
        assert_state(&past, state);
        for n in 0..90 {
            let key = key(n);
            let proof = joined.prove(Height(height), Substore::Evm, &key).unwrap();
            let value = state.get_raw(Substore::Evm, &key).unwrap();
            proof.verify(&info.app_hash, Substore::Evm, &key, value.as_deref()).unwrap();
        }
        let below = joined.state_at(Height(height - 1)).unwrap_err().to_string();
        assert!(below.contains(&format!("heights {height} to {}", height + 19)), "{below}");
        let newest = joined.latest().unwrap();
        joined.prune(Height(height + 5)).unwrap();
        joined.rollback_to(Height(height + 9)).unwrap();
        for later in height + 10..height + 20 {
            commit(&joined, &delta(seed, later));
        }
        assert_eq!(joined.latest().unwrap(), newest);
    }
}

#[test]
fn nodes_with_different_pasts_make_the_same_files_while_blocks_go_on() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let files: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let folders: Vec<_> = files.iter().map(|dir| SnapshotFolder::new(dir.path())).collect();
    let archive = open(dirs[0].path());
    grow(&archive, 4, 12);
    let early = files[2].path().join("early");
    let early = SnapshotFolder::new(early);
    save(&archive, &early, SMALL);
    let joined = open(dirs[1].path());
    restore(&joined, &early, Height(12));
    for height in 13..25 {
        commit(&archive, &delta(4, height));
        commit(&joined, &delta(4, height));
    }
    joined.prune(Height(22)).unwrap();
    // Views of height 24; what is committed and pruned afterwards does not show.
    let views = [archive.snapshot(), joined.snapshot()];
    for height in 25..40 {
        commit(&archive, &delta(4, height));
        commit(&joined, &delta(4, height));
    }
    archive.prune(Height(38)).unwrap();
    let options = SaveOptions { chunk_bytes: SMALL, ..SaveOptions::default() };
    let made = [views[0].save(&folders[0], options).unwrap(), views[1].save(&folders[1], options).unwrap()];
    assert_eq!(made[0], made[1]);
    assert_eq!(made[0].height, Height(24));
    for index in 0..made[0].chunk_count() {
        assert_eq!(folders[0].chunk(Height(24), index).unwrap(), folders[1].chunk(Height(24), index).unwrap());
    }
}

#[test]
fn an_altered_truncated_or_oversized_chunk_is_its_senders_fault_and_leaves_nothing() {
    let (from, to, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = open(from.path());
    grow(&origin, 1, 20);
    let folder = SnapshotFolder::new(files.path());
    let manifest = save(&origin, &folder, SMALL);
    let joined = open(to.path());
    let mut restore = joined.restore(manifest.clone()).unwrap();
    for index in 0..manifest.chunk_count() {
        let good = folder.chunk(manifest.height, index).unwrap().unwrap();
        let mut flipped = good.to_vec();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        let short = good.slice(..good.len() - 1);
        for bad in [flipped.into(), short, Bytes::new(), vec![0; defchain_store::sync::MAX_CHUNK_BYTES + 1].into()] {
            let error = restore.apply(index, &bad).unwrap_err();
            assert!(error.is_senders_fault(), "{error}");
            assert!(error.to_string().contains(&bad.len().to_string()), "no figures: {error}");
            assert_eq!(restore.next_chunk(), index);
        }
        restore.apply(index, &good).unwrap();
    }
    restore.finish().unwrap();
    assert_eq!(joined.latest().unwrap().app_hash, origin.latest().unwrap().app_hash);
}

#[test]
fn a_manifest_of_another_state_is_refused_with_both_hashes() {
    let (from, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = open(from.path());
    grow(&origin, 1, 5);
    let folder = SnapshotFolder::new(files.path());
    let manifest = save(&origin, &folder, SMALL);
    manifest.check(&origin.latest().unwrap().app_hash).unwrap();
    let trusted = B256::repeat_byte(1);
    let error = manifest.check(&trusted).unwrap_err().to_string();
    assert!(error.contains(&trusted.to_string()) && error.contains(&manifest.app_hash().to_string()), "{error}");
}

#[test]
fn the_folder_shows_whole_snapshots_only_and_keeps_the_newest() {
    let (from, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = open(from.path());
    let folder = SnapshotFolder::new(files.path().join("snapshots"));
    assert!(folder.heights().unwrap().is_empty());
    for height in 0..4 {
        commit(&origin, &delta(1, height));
        save(&origin, &folder, SMALL);
    }
    fs::create_dir(folder.path().join("9.partial")).unwrap();
    fs::write(folder.path().join("notes"), "people's").unwrap();
    assert_eq!(folder.heights().unwrap(), [0, 1, 2, 3].map(Height));
    assert_eq!(folder.keep_newest(2, Some(Height(1))).unwrap(), [0].map(Height));
    assert_eq!(folder.heights().unwrap(), [1, 2, 3].map(Height));
    assert_eq!(folder.keep_newest(2, None).unwrap(), [1].map(Height));
    assert_eq!(folder.heights().unwrap(), [2, 3].map(Height));
    assert!(folder.delete(Height(2)).unwrap() && !folder.delete(Height(2)).unwrap());
    let missing = folder.manifest(Height(2)).unwrap_err().to_string();
    assert!(missing.contains("height 2") && missing.ends_with("it has 3"), "{missing}");
    let stopped = SnapshotFolder::new(files.path().join("stopped"));
    let error = origin.snapshot().save(&stopped, SaveOptions { chunk_bytes: SMALL, stop: &|| true }).unwrap_err();
    assert!(matches!(error, SnapshotError::Stopped), "{error}");
    assert_eq!(fs::read_dir(stopped.path()).unwrap().count(), 0, "an unfinished snapshot was left behind");
}

#[test]
fn an_exported_snapshot_is_imported_when_it_is_of_the_trusted_state() {
    let (from, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let origin = open(from.path());
    grow(&origin, 3, 15);
    let trusted = origin.latest().unwrap().app_hash;
    let folder = SnapshotFolder::new(files.path().join("a"));
    let manifest = save(&origin, &folder, SMALL);
    let file = files.path().join("file");
    folder.export(Height(15), &file).unwrap();
    let other = SnapshotFolder::new(files.path().join("b"));
    assert_eq!(other.import(&file, &trusted).unwrap(), manifest);
    let verified: Verifier = other.verify(Height(15), Some(&trusted)).unwrap();
    assert!(verified.is_complete() && verified.entries() > 50);

    let third = SnapshotFolder::new(files.path().join("c"));
    let error = third.import(&file, &B256::ZERO).unwrap_err();
    assert!(matches!(error, SnapshotError::AppHash { .. }), "{error}");
    let whole = fs::read(&file).unwrap();
    let mut wrong = whole.clone();
    let at = whole.len() - 10;
    wrong[at] ^= 1;
    for bad in
        [&wrong[..], &whole[..whole.len() - 1], &[&whole[..], &[0]].concat(), &whole[..7], b"something else entirely"]
    {
        fs::write(&file, bad).unwrap();
        let error = third.import(&file, &trusted).unwrap_err();
        assert!(third.heights().unwrap().is_empty(), "kept in spite of: {error}");
    }
    // What rots on disk is named when it is verified.
    let chunk = other.path().join("15/chunk-00001");
    let mut bytes = fs::read(&chunk).unwrap();
    bytes[9] ^= 1;
    fs::write(&chunk, bytes).unwrap();
    let error = other.verify(Height(15), None).unwrap_err().to_string();
    assert!(error.starts_with("chunk 1 "), "{error}");
}
