//! Rollback and pruning.

use std::path::Path;

use bytes::Bytes;
use defchain_base::{Height, MemoryState, StateDelta, StateRead, Substore};
use defchain_store::{CommitInfo, Store, StoreError};
use proptest::prelude::*;

use crate::{assert_state, commit, delta, grow, key, open, records};

/// Everything up to the newest height is as the chain made it.
fn assert_chain(store: &Store, chain: &[(MemoryState, CommitInfo)], oldest: usize) {
    assert_eq!(store.latest().as_ref(), chain.last().map(|(_, info)| info));
    for (height, (state, info)) in chain.iter().enumerate().skip(oldest) {
        let historic = store.state_at(info.height).unwrap();
        assert_eq!(historic.app_hash(), info.app_hash);
        assert_state(&historic, state);
        assert_eq!(store.header(info.height).unwrap().unwrap(), records(height as u64).header);
    }
    assert_state(&store.snapshot(), &chain.last().unwrap().0);
}

/// How many records each column family has.
fn count(path: &Path) -> Vec<(String, usize)> {
    let options = rocksdb::Options::default();
    let path = path.join("db");
    let names = rocksdb::DB::list_cf(&options, &path).unwrap();
    let db = rocksdb::DB::open_cf(&options, &path, &names).unwrap();
    names
        .into_iter()
        .map(|name| {
            let n = db.iterator_cf(&db.cf_handle(&name).unwrap(), rocksdb::IteratorMode::Start).count();
            (name, n)
        })
        .collect()
}

#[test]
fn a_chain_cut_back_grows_again_as_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let chain = grow(&store, 1, 20);
    for back in [19, 13, 20, 5, 0] {
        let info = store.rollback_to(Height(back)).unwrap();
        let to = usize::try_from(back).unwrap();
        assert_eq!(info, chain[to].1);
        assert_chain(&store, &chain[..=to], 0);
        assert!(matches!(store.state_at(Height(back + 1)), Err(StoreError::NotHeld { .. })));
        let gone = records(back + 1);
        assert_eq!(store.header(gone.height).unwrap(), None);
        assert_eq!(store.height_of_block(&gone.block_hash).unwrap(), None);
        for hash in &gone.tx_hashes {
            assert_eq!(store.tx_location(hash).unwrap(), None);
        }
        for term in &gone.log_terms {
            assert!(store.heights_with_term(term, gone.height, Height(u64::MAX), 9).unwrap().is_empty());
        }
        for height in back + 1..=20 {
            assert_eq!(commit(&store, &delta(1, height)), chain[usize::try_from(height).unwrap()].1);
        }
        assert_chain(&store, &chain, 0);
    }
}

#[test]
fn a_chain_cut_back_leaves_nothing_of_what_came_after() {
    let (short, long) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    grow(&open(short.path()), 2, 8);
    let store = open(long.path());
    grow(&store, 2, 25);
    store.rollback_to(Height(8)).unwrap();
    drop(store);
    assert_eq!(count(long.path()), count(short.path()));
    assert_eq!(open(long.path()).latest(), open(short.path()).latest());
}

#[test]
fn a_chain_cut_back_can_take_another_way() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, fresh) = (open(one.path()), open(other.path()));
    grow(&store, 3, 15);
    store.rollback_to(Height(6)).unwrap();
    grow(&fresh, 3, 6);
    for height in 7..20 {
        assert_eq!(commit(&store, &delta(99, height)), commit(&fresh, &delta(99, height)));
    }
}

#[test]
fn states_taken_before_a_rollback_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let chain = grow(&store, 4, 12);
    let (snapshot, historic) = (store.snapshot(), store.state_at(Height(9)).unwrap());
    store.rollback_to(Height(3)).unwrap();
    for height in 4..9 {
        commit(&store, &delta(77, height));
    }
    assert_state(&snapshot, &chain[12].0);
    assert_state(&historic, &chain[9].0);
}

#[test]
fn what_was_prepared_before_a_rollback_is_void() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let chain = grow(&store, 5, 4);
    let prepared = store.prepare(&delta(5, 5), Some(&chain[4].1)).unwrap();
    store.rollback_to(Height(3)).unwrap();
    assert_eq!(commit(&store, &delta(5, 4)), chain[4].1);
    assert!(matches!(store.commit(prepared, records(5)), Err(StoreError::NotOnTop { .. })));
}

#[test]
fn heights_that_are_not_held_cannot_be_rolled_back_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(store.rollback_to(Height(0)), Err(StoreError::Empty)));
    let chain = grow(&store, 6, 10);
    assert!(matches!(store.rollback_to(Height(11)), Err(StoreError::NotHeld { .. })));
    assert_eq!(store.prune(Height(4)).unwrap(), 4);
    let refused = store.rollback_to(Height(3)).unwrap_err().to_string();
    assert_eq!(refused, "height 3 is not held: this node has heights 4 to 10");
    assert_eq!(store.latest().unwrap(), chain[10].1);
    assert_eq!(store.rollback_to(Height(4)).unwrap(), chain[4].1);
    assert_chain(&store, &chain[..=4], 4);
}

#[test]
fn pruned_heights_go_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let chain = grow(&store, 7, 20);
    let (old, held) = (store.state_at(Height(2)).unwrap(), store.snapshot());
    assert_eq!(store.prune(Height(12)).unwrap(), 12);
    assert_eq!(store.prune(Height(12)).unwrap(), 0);
    assert!(matches!(store.prune(Height(21)), Err(StoreError::NotHeld { .. })));
    assert_chain(&store, &chain, 12);
    assert_eq!(store.heights().unwrap(), Some((Height(12), Height(20))));
    assert!(matches!(store.state_at(Height(11)), Err(StoreError::NotHeld { .. })));
    assert_eq!(store.header(Height(11)).unwrap(), None);
    assert_eq!(store.height_of_block(&records(11).block_hash).unwrap(), None);
    // What was taken before still reads.
    assert_state(&old, &chain[2].0);
    assert_state(&held, &chain[20].0);
    drop((store, old, held));
    let store = open(dir.path());
    assert_chain(&store, &chain, 12);
    for (n, substore) in (0..90).zip(Substore::ALL.into_iter().cycle()) {
        let value = chain[15].0.get_raw(substore, &key(n)).unwrap();
        let proof = store.prove(Height(15), substore, &key(n)).unwrap();
        proof.verify(&chain[15].1.app_hash, substore, &key(n), value.as_deref()).unwrap();
    }
}

#[test]
fn pruning_runs_beside_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut chain = grow(&store, 9, 2);
    std::thread::scope(|scope| {
        let pruner = scope.spawn(|| {
            let mut gone = 0;
            while gone < 90 {
                let newest = store.latest().unwrap().height.0;
                gone += store.prune(Height(newest.saturating_sub(10))).unwrap();
            }
        });
        for height in 3..=100 {
            let delta = delta(9, height);
            let mut state = chain.last().unwrap().0.clone();
            state.apply(&delta);
            chain.push((state, commit(&store, &delta)));
        }
        pruner.join().unwrap();
    });
    assert_eq!(store.heights().unwrap(), Some((Height(90), Height(100))));
    assert_chain(&store, &chain, 90);
}

/// A store pruned to its newest height holds as many nodes and values as one that got the same state in one block.
#[test]
fn pruning_leaves_no_node_and_no_value_behind() {
    let (long, short) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(long.path());
    let (state, _) = grow(&store, 8, 40).pop().unwrap();
    store.prune(Height(40)).unwrap();
    drop(store);
    let mut delta = StateDelta::default();
    for substore in Substore::ALL {
        for (key, value) in state.entries(substore) {
            delta.set(substore, key.clone(), Some(Bytes::clone(value)));
        }
    }
    commit(&open(short.path()), &delta);
    let of = |path, name: &str| count(path).into_iter().find(|(n, _)| n == name).unwrap().1;
    for name in ["flat", "history", "nodes", "heights", "blocks"] {
        assert_eq!(of(long.path(), name), of(short.path(), name), "{name}");
    }
    assert_eq!(of(long.path(), "stale"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_growing_pruning_and_rolling_back_keeps_the_chain(seed: u64, steps in prop::collection::vec((0..3u8, any::<prop::sample::Index>()), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut chain = grow(&store, seed, 3);
        let mut oldest = 0;
        for (step, at) in steps {
            match step {
                0 => for _ in 0..4 {
                    let height = chain.len() as u64;
                    let delta = delta(seed ^ 1, height);
                    let mut state = chain.last().unwrap().0.clone();
                    state.apply(&delta);
                    chain.push((state, commit(&store, &delta)));
                },
                1 => {
                    oldest += at.index(chain.len() - oldest);
                    store.prune(Height(oldest as u64)).unwrap();
                }
                _ => {
                    let to = oldest + at.index(chain.len() - oldest);
                    chain.truncate(to + 1);
                    store.rollback_to(Height(to as u64)).unwrap();
                    drop(store);
                    store = open(dir.path());
                }
            }
            assert_chain(&store, &chain, oldest);
        }
    }
}
