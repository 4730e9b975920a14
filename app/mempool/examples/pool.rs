//! What the pool costs on this machine: `cargo run -p defchain-mempool --example pool`.
//!
//! Prints one line per measurement. Signing is not counted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a measurement on the command line"
)]

use std::time::{Duration, Instant};

use defchain_base::{Bytes, payload::encode_bundle, tx};
use defchain_mempool::{BestLimits, Included, Pool, PoolConfig};
use rayon::prelude::*;

#[path = "../src/tests/wallet.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod wallet;
use wallet::{BLOCK_GAS, Chain, Fees, GWEI, Wallet};

const TRANSACTIONS: u64 = 100_000;
const BLOCK: usize = 20_000;

fn main() {
    for (name, senders) in [("1 transaction each", TRANSACTIONS), ("100 transactions each", TRANSACTIONS / 100)] {
        println!("-- {TRANSACTIONS} transactions of {senders} senders, {name}");
        measure(senders);
    }
}

fn measure(senders: u64) {
    let wallets: Vec<_> = (0..senders).into_par_iter().map(Wallet::new).collect();
    let chain = Chain::with(&wallets, u128::MAX / 2);
    let each = TRANSACTIONS / senders;
    // Three in four pay one of a few usual fees, the rest something of their own.
    let fees = |i: u64| Fees {
        cap: 50 * GWEI,
        tip: if !i.is_multiple_of(4) { u128::from(i % 3 + 1) * GWEI } else { u128::from(i) },
    };
    let raws: Vec<Bytes> = (0..each)
        .flat_map(|nonce| (0..senders).map(move |i| (nonce, i)))
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(nonce, i)| wallets[usize::try_from(i).unwrap()].transfer(nonce, fees(i)))
        .collect();

    let decoded: Vec<_> = raws[..BLOCK].iter().map(|raw| tx::decode(raw.clone(), 1_000).unwrap()).collect();
    rate("recover alone, 1 thread", BLOCK, || assert!(decoded.iter().all(|tx| tx.recover().is_ok())));

    for threads in [1, 2] {
        let pool = open(&chain);
        rate(&format!("add_local, {threads} thread(s)"), raws.len(), || {
            std::thread::scope(|scope| {
                for part in 0..threads {
                    let (pool, raws) = (&pool, &raws);
                    scope.spawn(move || {
                        raws.iter().skip(part).step_by(threads).for_each(|raw| drop(pool.add_local(raw.clone())))
                    });
                }
            });
        });
        assert_eq!(pool.status().pending + pool.status().queued, raws.len());
    }
    let pool = open(&chain);
    rate("add_many of 500", raws.len(), || raws.chunks(500).for_each(|raws| drop(pool.add_many(raws.to_vec()))));
    let bundles: Vec<Bytes> = raws.chunks(1_500).map(|raws| encode_bundle(raws.iter()).into()).collect();
    let gossip = open(&chain);
    rate("insert_bundle of 1,500", raws.len(), || {
        bundles.iter().for_each(|bundle| assert_eq!(gossip.insert_bundle(bundle.clone()).code(), 0));
        gossip.wait_idle();
    });
    assert_eq!(gossip.status().pending, raws.len());
    rate("insert_bundle, all known", raws.len(), || {
        bundles.iter().for_each(|bundle| assert_eq!(gossip.insert_bundle(bundle.clone()).code(), 0));
        gossip.wait_idle();
    });
    rate("reap_bundles", raws.len(), || while !pool.reap_bundles(0, 0).is_empty() {});
    blocks(&pool, chain);
}

/// Takes blocks out until the pool is empty.
fn blocks(pool: &Pool, mut chain: Chain) {
    let limits = BestLimits { max_bytes: 8 << 20, max_gas: BLOCK_GAS * 10, base_fee: chain.base_fee };
    loop {
        let (taken, block) = on_cpu(|| pool.best(limits).take(BLOCK).collect::<Vec<_>>());
        if block.is_empty() {
            return;
        }
        let raws: Vec<_> = block.iter().map(|tx| tx.tx.raw().clone()).collect();
        let (recovered, _) = timed(|| pool.recover_all(&raws));
        let included: Vec<_> =
            block.iter().map(|tx| Included { sender: tx.sender, nonce: tx.tx.nonce(), hash: tx.tx.hash() }).collect();
        for tx in &included {
            chain.accounts.get_mut(&tx.sender).unwrap().nonce = tx.nonce + 1;
        }
        let view = chain.view();
        let (committed, ()) = on_cpu(|| pool.on_commit(&included, view));
        println!(
            "block of {:6}: best {:?} of CPU, recover_all (all pooled) {:?}, on_commit {:?} of CPU",
            block.len(),
            taken,
            recovered,
            committed
        );
    }
}

fn open(chain: &Chain) -> Pool {
    Pool::new(PoolConfig { max_queued: 100_000, ..PoolConfig::default() }, chain.view()).unwrap()
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// As [`timed`], but only what this thread ran: other work on the machine does not count.
fn on_cpu<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let now = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
    };
    let start = now();
    let result = work();
    (now().saturating_sub(start), result)
}

fn rate(what: &str, count: usize, work: impl FnOnce()) {
    let (took, ()) = timed(work);
    println!("{what}: {:.0}/s ({took:?})", f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64());
}
