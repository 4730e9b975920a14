//! What a block of plain changes costs the store.
//!
//! `cargo run -p defchain-store --example store_bench -- [keys] [keys per block] [blocks] [walk|reference] [cache MiB]`
//!
//! Fills one substore with accounts, then rewrites random ones block by block, each read once before, as execution
//! does. Prints, per changed key, the time of prepare (trees, app hash) and of commit (one synced batch), and the bytes
//! of the batch.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a program for a terminal; it ends where something fails"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use defchain_base::{Height, StateDelta, StateRead, Substore};
use defchain_store::{ChainRecords, Store, StoreOptions, Updater};

fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn account(n: u64) -> Vec<u8> {
    let mut key = vec![1];
    for part in 0..3u64 {
        key.extend_from_slice(&mix(n * 3 + part).to_be_bytes());
    }
    key.truncate(21);
    key
}

fn value(n: u64, height: u64) -> Bytes {
    let mut value = vec![1; 64];
    value[8..16].copy_from_slice(&n.to_be_bytes());
    value[16..24].copy_from_slice(&height.to_be_bytes());
    value.into()
}

fn commit(store: &Store, delta: &StateDelta) -> (Duration, Duration, usize) {
    let latest = store.latest();
    let start = Instant::now();
    let prepared = store.prepare(delta, latest.as_ref()).unwrap();
    let prepare = start.elapsed();
    let bytes = prepared.size().1;
    let height = prepared.height();
    let start = Instant::now();
    store.commit(prepared, ChainRecords { height, chain_id: "bench".into(), ..ChainRecords::default() }).unwrap();
    (prepare, start.elapsed(), bytes)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, or: u64| args.get(at).map_or(or, |text| text.parse().unwrap());
    let (keys, per_block, blocks) = (number(0, 1_000_000), number(1, 16_000), number(2, 12));
    let updater = match args.get(3).map(String::as_str) {
        Some("reference") => Updater::Reference,
        _ => Updater::OneWalk,
    };
    let cache_bytes = usize::try_from(number(4, 128)).unwrap() << 20;
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { updater: Updater::OneWalk, cache_bytes, ..StoreOptions::default() };
    let store = Store::open(dir.path(), options).unwrap();
    let start = Instant::now();
    for first in (0..keys).step_by(100_000) {
        let mut delta = StateDelta::default();
        for n in first..keys.min(first + 100_000) {
            delta.set(Substore::Evm, account(n), Some(value(n, 0)));
        }
        commit(&store, &delta);
    }
    println!("{keys} keys in {:.1} s", start.elapsed().as_secs_f64());
    drop(store);
    let store = Store::open(dir.path(), StoreOptions { updater, ..options }).unwrap();
    let mut dice = 1u64;
    let (mut prepares, mut commits) = (Vec::new(), Vec::new());
    for block in 1..=blocks {
        let snapshot = store.snapshot();
        let mut delta = StateDelta::default();
        let start = Instant::now();
        while delta.len() < usize::try_from(per_block).unwrap() {
            dice = mix(dice);
            let n = dice % keys;
            let key = account(n);
            snapshot.get_raw(Substore::Evm, &key).unwrap().unwrap();
            delta.set(Substore::Evm, key, Some(value(n, block)));
        }
        let read = start.elapsed();
        let (prepare, commit, bytes) = commit(&store, &delta);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / delta.len() as f64;
        println!(
            "block {block}: read {:.1} µs, prepare {:.1} µs ({:.0} ms), commit {:.1} µs ({:.0} ms), {} bytes per key",
            each(read),
            each(prepare),
            prepare.as_secs_f64() * 1e3,
            each(commit),
            commit.as_secs_f64() * 1e3,
            bytes / delta.len(),
        );
        prepares.push(each(prepare));
        commits.push(each(commit));
    }
    prepares.sort_by(f64::total_cmp);
    commits.sort_by(f64::total_cmp);
    let middle = prepares.len() / 2;
    println!("{updater:?}: median prepare {:.1} µs, commit {:.1} µs per key", prepares[middle], commits[middle]);
    println!("height {}", store.latest().map_or(Height(0), |info| info.height));
    for column in store.disk_usage().unwrap() {
        println!(
            "  {:<8} {:>12} bytes in files, {:>12} in memory",
            column.name, column.file_bytes, column.memory_bytes
        );
    }
}
