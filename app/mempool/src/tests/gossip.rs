use std::{collections::HashSet, time::Duration};

use defchain_base::payload::{MAX_BUNDLE_BYTES, PayloadLimits, decode_bundle, encode_bundle};

use super::*;
use crate::{InsertCode, Origin};

const PLAIN: Fees = Fees::gwei(10, 1);
const LIMITS: PayloadLimits = PayloadLimits { bytes: MAX_BUNDLE_BYTES, tx_bytes: MAX_BUNDLE_BYTES };

fn open(bundle: &Bytes) -> Vec<B256> {
    decode_bundle(bundle, LIMITS).unwrap().iter().map(hash).collect()
}

fn fill(s: &Setup, each: u64) -> Vec<Bytes> {
    let raws: Vec<_> = s.wallets.iter().flat_map(|w| (0..each).map(|nonce| w.transfer(nonce, PLAIN))).collect();
    assert!(s.pool.add_many(raws.clone()).iter().all(Result::is_ok));
    raws
}

#[test]
fn what_one_pool_offers_another_takes_and_passes_on_once() {
    let big = PoolConfig { max_transactions: 10_000, forward_delay: Duration::from_secs(3_600), ..small() };
    let (a, b) = (Setup::with(100, big), Setup::with(100, big));
    let raws = fill(&a, 40);
    let bundles = a.pool.reap_bundles(0, 0);
    assert!(bundles.len() > 1 && bundles.iter().all(|bundle| bundle.len() <= MAX_BUNDLE_BYTES));
    for bundle in &bundles {
        assert_eq!(b.pool.insert_bundle(bundle.clone()), InsertCode::Queued);
    }
    b.pool.wait_idle();
    assert_eq!(b.pool.status().pending, raws.len(), "{:?}", b.pool.metrics());
    assert_eq!(b.pool.metrics().recoveries, raws.len() as u64);
    assert_eq!(b.pool.get(&hash(&raws[7])).unwrap().origin, Origin::Gossip);
    assert!(a.pool.reap_bundles(0, 0).is_empty(), "offered once");
    assert!(b.pool.reap_bundles(0, 0).is_empty(), "others' are passed on after a delay");
    b.advance(Duration::from_secs(3_601));
    let passed_on: usize = b.pool.reap_bundles(0, 0).iter().map(|bundle| open(bundle).len()).sum();
    assert_eq!(passed_on, raws.len());
    assert!(b.pool.reap_bundles(0, 0).is_empty());
    // And back: nothing new for the first, nothing recovered.
    let recoveries = a.pool.metrics().recoveries;
    for bundle in bundles {
        assert_eq!(a.pool.insert_bundle(bundle), InsertCode::Queued);
    }
    a.pool.wait_idle();
    assert_eq!(a.pool.metrics().recoveries, recoveries);
    check_invariants(&b.pool);
}

#[test]
fn a_bundle_keeps_the_time_at_which_it_came_in() {
    let s = Setup::new(1);
    let raw = s.wallets[0].transfer(0, PLAIN);
    let bundle = encode_bundle([&raw].into_iter());
    assert_eq!(s.pool.insert_bundle(bundle.into()), InsertCode::Queued);
    s.advance(Duration::from_secs(1));
    let after = s.pool.shared().clock.now();
    s.pool.wait_idle();
    let seen = s.pool.first_seen(&hash(&raw)).unwrap();
    assert!(after.unix_micros - seen.unix_micros >= 1_000_000, "not when it was judged");
}

#[test]
fn what_still_waits_is_offered_again_and_never_in_the_same_bytes() {
    let s = Setup::new(3);
    let raws = fill(&s, 2);
    let mut seen = HashSet::new();
    let mut offers = 0;
    for round in 0..12 {
        for bundle in s.pool.reap_bundles(0, 0) {
            assert!(seen.insert(bundle.clone()), "round {round} repeats a bundle");
            let offered: HashSet<_> = open(&bundle).into_iter().collect();
            assert_eq!(offered, raws.iter().map(hash).collect());
            offers += 1;
        }
        s.advance(Duration::from_secs(40));
    }
    assert_eq!(offers, 12);
}

#[test]
fn a_single_transaction_can_be_offered_again_too() {
    let s = Setup::new(1);
    fill(&s, 1);
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let bundles = s.pool.reap_bundles(0, 0);
        assert_eq!(bundles.len(), 1);
        assert!(seen.insert(bundles[0].clone()));
        s.advance(Duration::from_secs(40));
    }
}

#[test]
fn offers_grow_rarer_and_end_with_the_transaction() {
    let mut s = Setup::new(1);
    fill(&s, 1);
    let mut offered_at = Vec::new();
    for second in 0..80 {
        if !s.pool.reap_bundles(0, 0).is_empty() {
            offered_at.push(second);
        }
        s.advance(Duration::from_secs(1));
    }
    assert_eq!(offered_at.len(), 5, "{offered_at:?}");
    assert!(offered_at[2] - offered_at[1] > offered_at[1] - offered_at[0]);
    let block = s.best();
    s.commit(&block);
    s.advance(Duration::from_secs(100));
    assert!(s.pool.reap_bundles(0, 0).is_empty());
}

#[test]
fn what_cannot_run_is_not_offered_until_it_can() {
    let mut s = Setup::new(1);
    s.pool.add_local(s.wallets[0].transfer(1, PLAIN)).unwrap();
    assert!(s.pool.reap_bundles(0, 0).is_empty());
    s.chain.account(&s.wallets[0].clone()).nonce = 1;
    s.pool.touch([s.wallets[0].address]);
    s.commit(&[]);
    assert_eq!(s.pool.reap_bundles(0, 0).len(), 1);
    // Below the base fee peers would refuse it.
    s.chain.base_fee = 20_000_000_000;
    s.commit(&[]);
    s.advance(Duration::from_secs(100));
    assert!(s.pool.reap_bundles(0, 0).is_empty());
}

#[test]
fn an_offer_keeps_to_the_bytes_and_gas_asked_for() {
    let s = Setup::new(4);
    let raws = fill(&s, 10);
    let most = 2_000;
    let mut offered = Vec::new();
    loop {
        let bundles = s.pool.reap_bundles(most, 0);
        if bundles.is_empty() {
            break;
        }
        assert!(bundles.iter().map(|bundle| bundle.len()).sum::<usize>() <= usize::try_from(most).unwrap());
        offered.extend(bundles.iter().flat_map(open));
    }
    assert_eq!(offered, raws.iter().map(hash).collect::<Vec<_>>());
    s.advance(Duration::from_secs(6));
    assert_eq!(s.pool.reap_bundles(0, 21_000 * 7).iter().flat_map(open).count(), 7);
    // What alone is more than is asked for does not hold up the rest.
    assert!(s.pool.reap_bundles(10, 0).is_empty());
}

#[test]
fn what_is_no_bundle_is_refused_for_good_and_a_full_queue_asks_again() {
    let s = Setup::with(1, PoolConfig { gossip_queue_bytes: MAX_BUNDLE_BYTES, ..small() });
    assert_eq!(s.pool.insert_bundle(Bytes::new()).code(), 1);
    assert_eq!(s.pool.insert_bundle(vec![0xb1; MAX_BUNDLE_BYTES + 1].into()).code(), 1);
    assert_eq!(s.pool.insert_bundle(Bytes::from_static(&[1, 2, 3])), InsertCode::Queued);
    s.pool.wait_idle();
    assert_eq!(s.pool.metrics().bundles_malformed, 3);
    // Hold the workers at the pool's lock, so that the queue cannot drain.
    let state = s.pool.shared().state.lock();
    let raw = s.wallets[0].transfer(0, PLAIN);
    let mut garbage = vec![Bytes::from(vec![9; 100_000]), Bytes::from(vec![9; 100_000])];
    garbage.push(raw);
    let bundle = Bytes::from(encode_bundle(garbage.iter()));
    let codes: Vec<_> = (0..4).map(|_| s.pool.insert_bundle(bundle.clone()).code()).collect();
    drop(state);
    assert_eq!(codes[0], 0);
    assert!(codes[3] >= 32_000, "{codes:?}");
    s.pool.wait_idle();
    assert_eq!(s.pool.status().pending, 1);
    assert!(s.pool.metrics().bundles_refused >= 1);
}

#[test]
fn garbage_among_good_transactions_harms_only_itself() {
    let s = Setup::new(300);
    let mut raws: Vec<_> = s.wallets.iter().map(|wallet| wallet.transfer(0, PLAIN)).collect();
    for at in [0, 100, 200] {
        raws.insert(at, Bytes::from(vec![2, 0xff, 7]));
    }
    let bundle = encode_bundle(raws.iter());
    assert_eq!(s.pool.insert_bundle(bundle.into()), InsertCode::Queued);
    s.pool.wait_idle();
    assert_eq!(s.pool.status().pending, 300);
    assert_eq!(s.pool.metrics().refused, [(101, 3)].into());
}

#[test]
fn shutting_down_with_a_full_queue_ends_the_workers_and_refuses_what_comes() {
    let s = Setup::with(200, PoolConfig { gossip_workers: 3, ..small() });
    let raws: Vec<_> = s.wallets.iter().flat_map(|w| (0..10).map(|nonce| w.transfer(nonce, PLAIN))).collect();
    let bundle = Bytes::from(encode_bundle(raws[..1_500].iter()));
    let mut queued = 0;
    while s.pool.insert_bundle(bundle.clone()) == InsertCode::Queued {
        queued += 1;
    }
    assert!(queued > 50);
    let clone = s.pool.clone();
    s.pool.shutdown();
    assert_eq!(clone.insert_bundle(bundle), InsertCode::ShuttingDown);
    assert_eq!(clone.add_local(raws[0].clone()).unwrap_err().code(), 308);
    assert_eq!(clone.metrics().gossip_queue, 0);
    clone.wait_idle();
    assert_eq!(std::sync::Arc::strong_count(s.pool.shared()), 1, "no worker holds the pool any more");
    s.pool.shutdown();
}

#[test]
fn the_last_clone_stops_the_workers() {
    let s = Setup::new(1);
    let weak = std::sync::Arc::downgrade(s.pool.shared());
    drop(s.pool.clone());
    assert!(weak.upgrade().is_some());
    drop(s);
    assert!(weak.upgrade().is_none(), "joined when the last is dropped");
}
