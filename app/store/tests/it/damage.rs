//! A damaged database is found out: it is an error with a place, never a wrong value.

use std::{fs, path::Path};

use bytes::Bytes;
use defchain_base::{B256, Height, StateDelta, StateError, StateRead, Substore};
use defchain_store::{Store, StoreError, StoreOptions};

use crate::{commit, delta, grow, key, open};

/// Works on the records behind the store's back.
fn raw(path: &Path, work: impl FnOnce(&rocksdb::DB)) {
    let options = rocksdb::Options::default();
    let path = path.join("db");
    let names = rocksdb::DB::list_cf(&options, &path).unwrap();
    work(&rocksdb::DB::open_cf(&options, &path, names).unwrap());
}

fn flat_key(substore: Substore, key: &[u8]) -> Vec<u8> {
    [&[substore as u8], key].concat()
}

fn refused(path: &Path) -> String {
    let error = Store::open(path, StoreOptions::for_tests()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    error.to_string()
}

/// A store of 3 blocks with one known value.
fn sample() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    grow(&store, 1, 2);
    let mut delta = StateDelta::default();
    delta.set(Substore::Evm, key(200), Some(Bytes::from_static(b"value")));
    commit(&store, &delta);
    (dir, key(200))
}

#[test]
fn a_value_of_unknown_form_is_an_error_that_names_the_key() {
    let (dir, key) = sample();
    raw(dir.path(), |db| db.put_cf(&db.cf_handle("flat").unwrap(), flat_key(Substore::Evm, &key), [9, 1]).unwrap());
    let store = open(dir.path());
    let error = store.snapshot().get_raw(Substore::Evm, &key).unwrap_err();
    let StateError::Corrupt { substore, key: named, .. } = error else { panic!("{error}") };
    assert_eq!((substore, named), (Substore::Evm, hex::encode(&key)));
    assert!(store.snapshot().range_raw(Substore::Evm, &[0], &[0xff], 1000).is_err());
}

#[test]
fn a_value_that_the_tree_does_not_have_is_found_when_it_changes() {
    let (dir, key) = sample();
    raw(dir.path(), |db| {
        db.put_cf(&db.cf_handle("flat").unwrap(), flat_key(Substore::Evm, &key), b"\x01other").unwrap()
    });
    let store = open(dir.path());
    let mut delta = StateDelta::default();
    delta.set(Substore::Evm, key.clone(), Some(Bytes::from_static(b"new")));
    let error = store.prepare(&delta, store.latest().as_ref()).unwrap_err();
    assert!(error.to_string().contains(&hex::encode(&key)), "{error}");
}

#[test]
fn a_height_record_whose_app_hash_is_not_that_of_its_roots_is_refused() {
    let (dir, _) = sample();
    raw(dir.path(), |db| {
        let heights = db.cf_handle("heights").unwrap();
        let mut record = db.get_cf(&heights, 3u64.to_be_bytes()).unwrap().unwrap();
        record[5] ^= 1;
        db.put_cf(&heights, 3u64.to_be_bytes(), record).unwrap();
    });
    assert!(refused(dir.path()).contains("app hash"));
}

#[test]
fn a_store_without_its_newest_root_node_or_header_or_chain_is_refused() {
    let cases: [(&str, Vec<u8>, &str); 3] = [
        ("nodes", root_key(), "tree evm"),
        ("blocks", [&[0], &3u64.to_be_bytes()[..]].concat(), "header of height 3"),
        ("meta", b"chain".to_vec(), "chain record"),
    ];
    for (column, key, expected) in cases {
        let (dir, _) = sample();
        raw(dir.path(), |db| {
            let column = db.cf_handle(column).unwrap();
            assert!(db.get_cf(&column, &key).unwrap().is_some());
            db.delete_cf(&column, &key).unwrap();
        });
        let refused = refused(dir.path());
        assert!(refused.contains(expected), "{refused}");
    }
}

/// The root of the `evm` tree in [`sample`].
fn root_key() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    grow(&store, 1, 2);
    let version = store.latest().unwrap().versions[Substore::Evm as usize] + 1;
    [&[Substore::Evm as u8], &version.to_be_bytes()[..], &[0]].concat()
}

#[test]
fn a_missing_node_makes_proofs_and_updates_fail_and_nothing_panics() {
    let (dir, key) = sample();
    raw(dir.path(), |db| {
        let nodes = db.cf_handle("nodes").unwrap();
        let root = root_key();
        let all: Vec<_> = db.iterator_cf(&nodes, rocksdb::IteratorMode::Start).map(|r| r.unwrap().0).collect();
        for at in all {
            if at.as_ref() != root && at[0] == Substore::Evm as u8 {
                db.delete_cf(&nodes, at).unwrap();
            }
        }
    });
    let store = open(dir.path());
    assert!(matches!(store.prove(Height(3), Substore::Evm, &key), Err(StoreError::Corrupt { .. })));
    let prepared = store.prepare(&delta(1, 5), store.latest().as_ref());
    assert!(matches!(prepared, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.latest().unwrap().height, Height(3));
}

#[test]
fn a_node_that_was_altered_makes_no_proof() {
    let (dir, _) = sample();
    let altered = root_key();
    raw(dir.path(), |db| {
        let nodes = db.cf_handle("nodes").unwrap();
        let all: Vec<_> = db.iterator_cf(&nodes, rocksdb::IteratorMode::Start).map(Result::unwrap).collect();
        for (at, record) in all {
            // Inner nodes below the root: the hash of their first child.
            if at.as_ref() != altered && at[0] == Substore::Evm as u8 && record[1] == 1 {
                let mut record = record.to_vec();
                record[10] ^= 1;
                db.put_cf(&nodes, at, record).unwrap();
            }
        }
    });
    let store = open(dir.path());
    let mut failed = 0;
    for n in 0..90 {
        if let Err(error) = store.prove(Height(3), Substore::Evm, &key(n)) {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
            failed += 1;
        }
    }
    assert!(failed > 0);
}

#[test]
fn a_flipped_byte_on_disk_is_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("whole");
    let value = |n: u64| Bytes::from([&n.to_be_bytes()[..], &[7; 200]].concat());
    {
        let store = open(path);
        let mut delta = StateDelta::default();
        for n in 0..2000u64 {
            delta.set(Substore::Evm, n.to_be_bytes().to_vec(), Some(value(n)));
        }
        commit(&store, &delta);
        store.flush().unwrap();
    }
    let files: Vec<_> = fs::read_dir(path.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "sst"))
        .map(|entry| entry.file_name())
        .collect();
    assert!(!files.is_empty());
    let mut noticed = 0;
    for (n, name) in files.iter().enumerate() {
        let path = &dir.path().join(format!("damaged {n}"));
        crate::crash::copy(&dir.path().join("whole"), path);
        let file = path.join("db").join(name);
        let mut bytes = fs::read(&file).unwrap();
        for at in (bytes.len() / 10..bytes.len() / 2).step_by(bytes.len() / 5 + 1) {
            bytes[at] ^= 0x55;
        }
        fs::write(&file, &bytes).unwrap();
        match Store::open(path, StoreOptions::for_tests()) {
            Err(error) => {
                assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
                noticed += 1;
            }
            Ok(store) => {
                let (snapshot, historic) = (store.snapshot(), store.state_at(Height(0)).unwrap());
                for n in 0..2000u64 {
                    let key = n.to_be_bytes();
                    for found in [snapshot.get_raw(Substore::Evm, &key), historic.get_raw(Substore::Evm, &key)] {
                        match found {
                            Ok(found) => assert_eq!(found, Some(value(n))),
                            Err(error) => {
                                assert!(matches!(error, StateError::Corrupt { .. }), "{error}");
                                noticed += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(noticed > 0, "the damage was in no place that is read");
    open(path).check_chain(crate::CHAIN, &B256::repeat_byte(7)).unwrap();
}
