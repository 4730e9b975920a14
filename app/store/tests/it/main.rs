//! The store through its public door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod blocks;
mod chain;
mod crash;
mod damage;
mod open;
mod proofs;
mod rollback;
mod snapshots;

use bytes::Bytes;
use defchain_base::{B256, Height, MemoryState, StateDelta, StateRead, Substore};
use defchain_store::{ChainRecords, CommitInfo, Store, StoreOptions};

pub const CHAIN: &str = "defchain-test";

/// SplitMix64: the same numbers everywhere, so that a child process and its parent agree on the blocks.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

pub fn key(n: u64) -> Vec<u8> {
    // Of different lengths, some of them beginnings of others, with zero bytes.
    let mut key = vec![0x10];
    key.extend_from_slice(&n.to_be_bytes()[6..]);
    key.resize(3 + usize::try_from(n % 4).unwrap(), 0);
    key
}

/// The changes of block `height` of the chain `seed`: puts, overwrites, deletions, and writes that change nothing.
pub fn delta(seed: u64, height: u64) -> StateDelta {
    let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(height));
    let mut delta = StateDelta::default();
    for _ in 0..dice.roll(60) {
        let substore = match dice.roll(10) {
            0..=5 => Substore::Evm,
            6 | 7 => Substore::Def,
            _ => Substore::Sys,
        };
        let key = key(dice.roll(90));
        let value = match dice.roll(4) {
            0 => None,
            _ => Some(Bytes::from(vec![1, u8::try_from(dice.roll(5)).unwrap()])),
        };
        delta.set(substore, key, value);
    }
    delta
}

pub fn records(height: u64) -> ChainRecords {
    let word = |tag: u8, n: u64| {
        let mut word = B256::repeat_byte(tag);
        word.0[24..].copy_from_slice(&n.to_be_bytes());
        word
    };
    ChainRecords {
        height: Height(height),
        block_hash: word(1, height),
        header: format!("header {height}").into_bytes(),
        txs: format!("txs {height}").into_bytes(),
        receipts: format!("receipts {height}").into_bytes(),
        extra: format!("extra {height}").into_bytes(),
        tx_hashes: (0..height % 3).map(|i| word(2, height * 10 + i)).collect(),
        log_terms: if height.is_multiple_of(2) { vec![B256::repeat_byte(3), word(3, height)] } else { Vec::new() },
        chain_id: CHAIN.into(),
        genesis_hash: B256::repeat_byte(7),
    }
}

pub fn open(dir: &std::path::Path) -> Store {
    Store::open(dir, StoreOptions::for_tests()).unwrap()
}

pub fn commit(store: &Store, delta: &StateDelta) -> CommitInfo {
    let latest = store.latest();
    let height = latest.as_ref().map_or(0, |info| info.height.0 + 1);
    let prepared = store.prepare(delta, latest.as_ref()).unwrap();
    let (hash, roots) = (prepared.app_hash(), *prepared.roots());
    let info = store.commit(prepared, records(height)).unwrap();
    assert_eq!((info.height, info.app_hash, info.roots), (Height(height), hash, roots));
    assert_eq!(store.latest().as_ref(), Some(&info));
    info
}

/// Commits the blocks up to `to` of a chain; returns the states and commits from height 0 on.
pub fn grow(store: &Store, seed: u64, to: u64) -> Vec<(MemoryState, CommitInfo)> {
    let mut states: Vec<(MemoryState, CommitInfo)> = Vec::new();
    for height in 0..=to {
        let delta = delta(seed, height);
        let mut state = states.last().map(|(state, _)| state.clone()).unwrap_or_default();
        state.apply(&delta);
        states.push((state, commit(store, &delta)));
    }
    states
}

/// Compares every key, and ranges of all kinds, with a state in memory.
pub fn assert_state(found: &impl StateRead, expected: &MemoryState) {
    let mut dice = Dice(1);
    for substore in Substore::ALL {
        for n in 0..90 {
            let key = key(n);
            assert_eq!(
                found.get_raw(substore, &key).unwrap(),
                expected.get_raw(substore, &key).unwrap(),
                "{substore} {}",
                hex::encode(&key)
            );
        }
        for _ in 0..8 {
            let (from, to) = (key(dice.roll(90)), key(dice.roll(90)));
            let limit = usize::try_from(dice.roll(40)).unwrap();
            assert_eq!(
                found.range_raw(substore, &from, &to, limit).unwrap(),
                expected.range_raw(substore, &from, &to, limit).unwrap()
            );
        }
        let (from, to) = (vec![0], vec![0xff]);
        assert_eq!(
            found.range_raw(substore, &from, &to, usize::MAX).unwrap(),
            expected.range_raw(substore, &from, &to, usize::MAX).unwrap()
        );
    }
}
