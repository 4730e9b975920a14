//! Opening, and refusing to.

use std::fs;

use defchain_base::{B256, Height};
use defchain_store::{Store, StoreError, StoreOptions};

use crate::{CHAIN, assert_state, grow, open};

#[test]
fn a_store_opens_where_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not/there/yet");
    let (state, info) = grow(&open(&path), 1, 12).pop().unwrap();
    let store = open(&path);
    assert_eq!(store.latest(), Some(info));
    assert_state(&store.snapshot(), &state);
    assert_eq!(store.snapshot().height(), Some(Height(12)));
}

#[test]
fn an_empty_store_opens_again_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open(dir.path()).latest().is_none());
    let store = open(dir.path());
    assert!(store.latest().is_none());
    assert_eq!(store.heights().unwrap(), None);
    assert!(matches!(store.state_at(Height(0)), Err(StoreError::Empty)));
    store.check_chain("any", &B256::ZERO).unwrap();
}

#[test]
fn a_directory_with_other_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("holiday.jpg"), "x").unwrap();
    let refused = Store::open(dir.path(), StoreOptions::for_tests()).unwrap_err().to_string();
    assert!(refused.contains("holiday.jpg") && refused.contains("empty directory"), "{refused}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing may be written there");
}

#[test]
fn another_rocksdb_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(rocksdb::DB::open_default(dir.path()).unwrap());
    assert!(matches!(Store::open(dir.path(), StoreOptions::for_tests()), Err(StoreError::NotOurs { .. })));
}

#[test]
fn an_unknown_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::write(dir.path().join("DEFCHAIN_STORE"), "defchain-store 2\n").unwrap();
    let refused = Store::open(dir.path(), StoreOptions::for_tests()).unwrap_err().to_string();
    assert!(refused.contains("defchain-store 2") && refused.contains("sync into a new directory"), "{refused}");
}

#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "x").unwrap();
    assert!(matches!(Store::open(&path, StoreOptions::for_tests()), Err(StoreError::Io { .. })));
}

#[test]
fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let refused = Store::open(dir.path(), StoreOptions::for_tests()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("is another defchain-app running on it?"), "{refused}");
    // Clones and snapshots keep it open; the last one closes it.
    let snapshot = first.snapshot();
    drop(first);
    assert!(Store::open(dir.path(), StoreOptions::for_tests()).is_err());
    drop(snapshot);
    open(dir.path());
}

#[test]
fn the_store_of_another_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    grow(&open(dir.path()), 1, 2);
    let store = open(dir.path());
    store.check_chain(CHAIN, &B256::repeat_byte(7)).unwrap();
    for (chain, genesis) in [("other", B256::repeat_byte(7)), (CHAIN, B256::repeat_byte(8))] {
        let refused = store.check_chain(chain, &genesis).unwrap_err().to_string();
        assert!(refused.contains(CHAIN) && refused.contains(&genesis.to_string()), "{refused}");
    }
}

#[test]
fn an_interrupted_first_start_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    // What a crash leaves before the marker has its name.
    fs::write(dir.path().join("DEFCHAIN_STORE.tmp"), "defchain").unwrap();
    grow(&open(dir.path()), 1, 2);
    // And before RocksDB has made all its files.
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("DEFCHAIN_STORE"), "defchain-store 1\n").unwrap();
    fs::create_dir(other.path().join("db")).unwrap();
    grow(&open(other.path()), 1, 2);
}
