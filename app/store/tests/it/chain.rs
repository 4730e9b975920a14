//! Blocks on blocks: state, history, versions, snapshots.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use defchain_base::{EmptyState, Height, MemoryState, StateDelta, StateRead, Substore};
use defchain_store::{Store, StoreError, StoreOptions, Updater};

use crate::{assert_state, commit, delta, grow, key, open, records};

#[test]
fn every_height_reads_like_a_map_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(store.latest().is_none() && store.snapshot().height().is_none());
    assert_state(&store.snapshot(), &MemoryState::default());
    let states = grow(&store, 1, 30);
    for (height, (state, info)) in (0..).zip(&states) {
        let historic = store.state_at(Height(height)).unwrap();
        assert_state(&historic, state);
        assert_eq!((historic.height(), historic.app_hash()), (info.height, info.app_hash));
    }
    assert_state(&store.snapshot(), &states[30].0);
    let beyond = store.state_at(Height(31)).unwrap_err();
    assert_eq!(beyond.to_string(), "height 31 is not held: this node has heights 0 to 30");
}

#[test]
fn reading_through_the_cache_and_after_reopening_give_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let states = {
        let store = open(dir.path());
        let mut states = Vec::new();
        for height in 0..12 {
            let delta = delta(2, height);
            let mut state = states.last().cloned().unwrap_or_else(MemoryState::default);
            state.apply(&delta);
            commit(&store, &delta);
            // Twice: the second time from memory.
            assert_state(&store.snapshot(), &state);
            assert_state(&store.snapshot(), &state);
            states.push(state);
        }
        states
    };
    assert_state(&open(dir.path()).snapshot(), states.last().unwrap());
}

#[test]
fn both_updaters_make_the_same_chain() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let walk = grow(&open(one.path()), 3, 25);
    let options = StoreOptions { updater: Updater::Reference, ..StoreOptions::for_tests() };
    let reference = grow(&Store::open(other.path(), options).unwrap(), 3, 25);
    let infos = |chain: Vec<(MemoryState, _)>| chain.into_iter().map(|(_, info)| info).collect::<Vec<_>>();
    assert_eq!(infos(walk), infos(reference));
}

#[test]
fn a_chain_can_change_its_updater_between_two_runs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = grow(&open(one.path()), 4, 20);
    for height in 0..=20 {
        let updater = if height % 2 == 0 { Updater::OneWalk } else { Updater::Reference };
        let store = Store::open(other.path(), StoreOptions { updater, ..StoreOptions::for_tests() }).unwrap();
        let info = commit(&store, &delta(4, height));
        assert_eq!(info, expected[usize::try_from(height).unwrap()].1);
    }
}

#[test]
fn only_changed_substores_get_a_new_version() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let put = |substore, value: &'static [u8]| {
        let mut delta = StateDelta::default();
        delta.set(substore, key(1), Some(Bytes::from_static(value)));
        delta
    };
    let genesis = commit(&store, &put(Substore::Evm, b"1"));
    assert_eq!(genesis.versions, [0, 0, 1, 0, 0]);
    let second = commit(&store, &put(Substore::Sys, b"1"));
    assert_eq!(second.versions, [0, 0, 1, 1, 0]);
    assert_eq!(second.root(Substore::Evm), genesis.root(Substore::Evm));
    // The value that is there already, and the deletion of one that is not.
    let mut nothing = put(Substore::Evm, b"1");
    nothing.set(Substore::Def, key(5), None);
    let third = commit(&store, &nothing);
    assert_eq!((third.versions, third.app_hash), (second.versions, second.app_hash));
    let empty = commit(&store, &StateDelta::default());
    assert_eq!((empty.height, empty.app_hash), (Height(3), second.app_hash));
}

#[test]
fn deleting_everything_leads_back_to_the_empty_root() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let empty = commit(&store, &StateDelta::default());
    let mut put = StateDelta::default();
    let mut delete = StateDelta::default();
    for n in 0..50 {
        put.set(Substore::Def, key(n), Some(Bytes::from_static(b"v")));
        delete.set(Substore::Def, key(n), None);
    }
    for round in 1..4 {
        assert_ne!(commit(&store, &put).app_hash, empty.app_hash);
        let emptied = commit(&store, &delete);
        assert_eq!((emptied.app_hash, emptied.versions[1]), (empty.app_hash, 2 * round));
        assert_state(&store.snapshot(), &MemoryState::default());
    }
}

#[test]
fn a_snapshot_stays_at_its_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut kept = Vec::new();
    let mut state = MemoryState::default();
    for height in 0..20 {
        let delta = delta(5, height);
        state.apply(&delta);
        commit(&store, &delta);
        kept.push((store.snapshot(), state.clone()));
        for (snapshot, state) in kept.iter().rev().step_by(4) {
            assert_state(snapshot, state);
        }
    }
    assert_eq!(kept[7].0.height(), Some(Height(7)));
}

/// Each block writes its height under every key; whatever a reader sees must be of one block.
#[test]
fn readers_beside_a_writer_see_whole_blocks_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let whole = |height: u64| {
        let mut delta = StateDelta::default();
        for n in 0..90 {
            delta.set(Substore::Evm, key(n), Some(Bytes::copy_from_slice(&height.to_be_bytes())));
        }
        delta
    };
    commit(&store, &whole(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0u64;
                    while !done.load(Ordering::Relaxed) {
                        let snapshot = store.snapshot();
                        let height = snapshot.height().unwrap().0;
                        for n in 0..90 {
                            let value = snapshot.get_raw(Substore::Evm, &key(n)).unwrap().unwrap();
                            assert_eq!(value.as_ref(), height.to_be_bytes(), "at {height}");
                        }
                        assert!(height >= seen);
                        seen = height;
                    }
                })
            })
            .collect();
        for height in 1..300 {
            commit(&store, &whole(height));
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn of_two_prepared_blocks_one_can_be_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let genesis = commit(&store, &delta(6, 0));
    let one = store.prepare(&delta(6, 1), Some(&genesis)).unwrap();
    let other = store.prepare(&delta(6, 2), Some(&genesis)).unwrap();
    let first = store.commit(one, records(1)).unwrap();
    let refused = store.commit(other, records(1)).unwrap_err();
    assert!(matches!(refused, StoreError::NotOnTop { what: "commit", .. }), "{refused}");
    let refused = store.prepare(&delta(6, 2), Some(&genesis)).unwrap_err();
    assert!(matches!(refused, StoreError::NotOnTop { what: "prepare", .. }), "{refused}");
    let refused = store.prepare(&delta(6, 2), None).unwrap_err();
    assert!(matches!(refused, StoreError::NotOnTop { .. }), "{refused}");
    assert_eq!(store.latest(), Some(first));
}

#[test]
fn records_of_another_height_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let prepared = store.prepare(&delta(7, 0), None).unwrap();
    let refused = store.commit(prepared, records(1)).unwrap_err();
    assert_eq!(refused.to_string(), "refused to commit: the records are of height 1, the next height is 0");
    assert!(store.latest().is_none());
    assert_state(&store.snapshot(), &MemoryState::default());
}

#[test]
fn entries_that_no_proof_could_carry_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (key, value) in [(vec![], Some(Bytes::from_static(b"v"))), (vec![1], Some(Bytes::new()))] {
        let mut delta = StateDelta::default();
        delta.set(Substore::Evm, key, value);
        assert!(matches!(store.prepare(&delta, None), Err(StoreError::EmptyEntry { .. })));
    }
    assert_eq!(EmptyState.get_raw(Substore::Evm, &[]).unwrap(), store.snapshot().get_raw(Substore::Evm, &[]).unwrap());
}

/// Frozen: with these, a change of any hash or key encoding shows.
#[test]
fn the_app_hashes_of_a_fixed_chain_are_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let chain = grow(&open(dir.path()), 8, 40);
    assert_eq!(hex::encode(chain[0].1.app_hash), "b38856e2a9af7950c5c21fe47006e7a2266d3bc4e067d476dc0b80752469bb5e");
    assert_eq!(hex::encode(chain[40].1.app_hash), "e6b589457f6edec32525e5cf99e6d3ae8cc58c9912d61c7eebff0d28bf054c92");
}

#[test]
fn a_large_block_is_updated_on_all_threads_with_the_same_result() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let reference = StoreOptions { updater: Updater::Reference, ..StoreOptions::for_tests() };
    let (walk, reference) = (open(one.path()), Store::open(other.path(), reference).unwrap());
    let mut dice = crate::Dice(9);
    for _ in 0..3 {
        let mut delta = StateDelta::default();
        for _ in 0..3000 {
            let key = dice.roll(6000).to_be_bytes().to_vec();
            let value = (dice.roll(5) > 0).then(|| Bytes::copy_from_slice(&dice.roll(1000).to_be_bytes()));
            delta.set(Substore::Evm, key, value);
        }
        assert_eq!(commit(&walk, &delta), commit(&reference, &delta));
    }
}
