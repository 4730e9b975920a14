//! More transactions than any pool holds, of one sender and of as many as there are signatures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Signature, U256};
use defchain_base::{Address, Bytes, Height, Timestamp, keccak256, tx::RecoveredTx};
use defchain_evm::validity::{Demand, Limits, Sender};
use defchain_mempool::{Pool, PoolConfig, PoolContext, PoolView, Unjudged, ViewError};
use rayon::prelude::*;

#[path = "../src/tests/wallet.rs"]
#[allow(dead_code, reason = "shared with the tests inside")]
mod wallet;
use wallet::{BLOCK_GAS, CHAIN_ID, Fees, GWEI, Wallet};

/// A chain on which everybody is rich: whoever a signature happens to belong to can pay.
struct Everybody;

impl PoolView for Everybody {
    fn context(&self) -> PoolContext {
        PoolContext {
            limits: Limits { chain_id: CHAIN_ID, block_gas: BLOCK_GAS, latched: false },
            base_fee: 1_000_000_000,
            height: Height(1),
            time: Timestamp(1_000),
        }
    }

    fn sender(&self, _: &Address) -> Result<Sender, ViewError> {
        let rich = U256::from(u128::MAX / 2);
        Ok(Sender { nonce: 0, spendable: rich, nominal: rich, is_contract: false })
    }

    fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged> {
        Ok(Demand { value: tx.tx.value(), ..Demand::default() })
    }

    fn try_out(&self, _: &RecoveredTx) -> Result<(), Unjudged> {
        Ok(())
    }
}

/// A transaction with a made-up signature: about half of these belong to somebody, each to somebody else.
fn of_somebody(n: u64, nonce: u64, tip: u128) -> Bytes {
    let word = |what: u64| U256::from_be_bytes(keccak256([n.to_be_bytes(), what.to_be_bytes()].concat()).0);
    // Below half the group's order, as s must be.
    let signature = Signature::new(word(1) >> 1, word(2) >> 2, n.is_multiple_of(2));
    let fees = Fees { cap: 100 * GWEI, tip };
    TxEnvelope::from(Wallet::template(nonce, fees).into_signed(signature)).encoded_2718().into()
}

/// Resident memory of this process, MiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

/// Sends them in batches, with the bounds checked after each; how many were refused with which code.
fn flood(pool: &Pool, config: &PoolConfig, count: u64, make: impl Fn(u64) -> Bytes + Sync) -> BTreeMap<u32, u64> {
    const BATCH: usize = 1_000;
    let mut refused = BTreeMap::new();
    for begin in (0..count).step_by(BATCH) {
        let raws = (begin..count.min(begin + BATCH as u64)).into_par_iter().map(&make).collect();
        for error in pool.add_many(raws).into_iter().filter_map(Result::err) {
            *refused.entry(error.code()).or_default() += 1;
        }
        let status = pool.status();
        assert!(status.pending + status.queued <= config.max_transactions, "{status:?}");
        assert!(status.queued <= config.max_queued, "{status:?}");
    }
    refused
}

fn codes(refused: &BTreeMap<u32, u64>) -> Vec<u32> {
    refused.keys().copied().collect()
}

/// The same number from one sender, from many who pay ever more, and from many who wait behind a gap.
fn one_and_many(config: PoolConfig, count: u64) -> [BTreeMap<u32, u64>; 3] {
    let one = Wallet::new(1);
    let pool = Pool::new(config, Arc::new(Everybody)).unwrap();
    let in_turn = flood(&pool, &config, count, |n| one.transfer(n, Fees { cap: 100 * GWEI, tip: GWEI }));
    assert_eq!((pool.status().pending, pool.status().queued), (config.max_per_sender, 0));
    assert_eq!(in_turn, BTreeMap::from([(305, count - config.max_per_sender as u64)]));
    let of_many = flood(&pool, &config, count, |n| of_somebody(n, 0, GWEI + u128::from(n)));
    assert_eq!(pool.status().pending, config.max_transactions);
    assert_eq!(codes(&of_many), [110], "no signer fits about half of them, the others each push one out");
    let behind = flood(&pool, &config, count, |n| of_somebody(count + n, 5, GWEI));
    assert!(behind.values().sum::<u64>() > count / 2, "{behind:?}");
    [in_turn, of_many, behind]
}

#[test]
fn a_flood_of_one_sender_and_of_many_stays_within_every_bound() {
    let config = PoolConfig {
        max_transactions: 500,
        max_queued: 100,
        max_per_sender: 64,
        remembered_senders: 1_000,
        ..PoolConfig::default()
    };
    one_and_many(config, 3_000);
    let pool = Pool::new(config, Arc::new(Everybody)).unwrap();
    let behind = flood(&pool, &config, 3_000, |n| of_somebody(n, 5, GWEI));
    assert_eq!((pool.status().queued, pool.status().pending), (100, 0));
    assert_eq!(codes(&behind), [110, 304], "{behind:?}");
}

#[test]
#[ignore = "minutes: cargo test -p defchain-mempool --test flood -- --ignored --nocapture"]
fn a_million_transactions_of_one_sender_and_of_many_take_bounded_memory() {
    let before = resident();
    let begun = std::time::Instant::now();
    let refused = one_and_many(PoolConfig::default(), 1_000_000);
    let grown = resident().saturating_sub(before);
    println!("3,000,000 transactions in {:.0?}: {grown} MiB more than before; refused {refused:?}", begun.elapsed());
    assert!(grown < 512, "{grown} MiB");
}
