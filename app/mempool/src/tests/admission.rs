use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use defchain_base::{U256, tx::TxError};
use defchain_evm::validity::{Demand, InvalidTx, Sender};
use parking_lot::Mutex;

use super::*;
use crate::{Origin, PoolContext, PoolError, PoolMetrics, PoolView, Unjudged, ViewError};

const PLAIN: Fees = Fees::gwei(10, 1);

#[test]
fn a_transaction_in_turn_is_pending_and_one_ahead_waits_for_the_gap() {
    let s = Setup::new(1);
    let [first, second, third] = [0, 1, 2].map(|nonce| s.wallets[0].transfer(nonce, PLAIN));
    s.pool.add_local(third.clone()).unwrap();
    assert_eq!((s.pool.status().pending, s.pool.status().queued), (0, 1));
    assert_eq!(s.pool.pending_nonce(&s.wallets[0].address).unwrap(), 0);
    assert!(s.best().is_empty());
    s.pool.add_local(first.clone()).unwrap();
    assert_eq!(s.pool.pending_nonce(&s.wallets[0].address).unwrap(), 1);
    assert!(!s.pool.get(&hash(&third)).unwrap().is_pending);
    s.pool.add_local(second.clone()).unwrap();
    assert_eq!(s.pool.pending_nonce(&s.wallets[0].address).unwrap(), 3);
    assert!(s.pool.get(&hash(&third)).unwrap().is_pending);
    assert_eq!(hashes(&s.best()), [hash(&first), hash(&second), hash(&third)]);
    check_invariants(&s.pool);
}

#[test]
fn what_is_known_is_refused_without_another_recovery() {
    let s = Setup::new(1);
    let raw = s.wallets[0].transfer(0, PLAIN);
    assert_eq!(s.pool.add_local(raw.clone()).unwrap(), hash(&raw));
    let error = s.pool.add_local(raw.clone()).unwrap_err();
    assert_eq!((&error, error.code()), (&PoolError::AlreadyKnown(hash(&raw)), 301));
    assert!(error.to_string().starts_with("already known"));
    assert_eq!(s.pool.metrics().recoveries, 1);
    assert_eq!(s.pool.metrics().refused, [(301, 1)].into());
}

#[test]
fn a_replacement_needs_ten_percent_more_of_both_fees() {
    let s = Setup::new(1);
    let old = s.wallets[0].transfer(0, Fees { cap: 1_000 * GWEI, tip: 100 });
    s.pool.add_local(old.clone()).unwrap();
    for (cap, tip) in [(1_100 * GWEI - 1, 200), (2_000 * GWEI, 109), (1_000 * GWEI, 100_000), (5_000 * GWEI, 100)] {
        let error = s.pool.add_local(s.wallets[0].transfer(0, Fees { cap, tip })).unwrap_err();
        assert_eq!(error.code(), 302, "{error}");
        assert!(error.to_string().starts_with("replacement transaction underpriced"), "{error}");
        assert!(error.to_string().contains("needs 110"), "{error}");
    }
    assert!(s.pool.contains(&hash(&old)));
    let new = s.wallets[0].transfer(0, Fees { cap: 1_100 * GWEI, tip: 110 });
    s.pool.add_local(new.clone()).unwrap();
    assert!(!s.pool.contains(&hash(&old)));
    assert_eq!(hashes(&s.best()), [hash(&new)]);
    assert_eq!(s.pool.metrics().replaced, 1);
    check_invariants(&s.pool);
}

#[test]
fn a_replacement_of_a_transaction_without_tip_must_pay_one() {
    let s = Setup::new(1);
    s.pool.add_local(s.wallets[0].transfer(0, Fees { cap: 10 * GWEI, tip: 0 })).unwrap();
    let error = s.pool.add_local(s.wallets[0].transfer(0, Fees { cap: 20 * GWEI, tip: 0 })).unwrap_err();
    assert_eq!(error.code(), 302);
    s.pool.add_local(s.wallets[0].transfer(0, Fees { cap: 20 * GWEI, tip: 1 })).unwrap();
}

#[test]
fn a_replacement_in_the_middle_of_a_lane_leaves_the_rest_pending() {
    let s = Setup::new(1);
    for nonce in 0..4 {
        s.pool.add_local(s.wallets[0].transfer(nonce, PLAIN)).unwrap();
    }
    s.pool.add_local(s.wallets[0].transfer(1, Fees::gwei(20, 2))).unwrap();
    assert_eq!(nonces(&s.best())[&s.wallets[0].address], [0, 1, 2, 3]);
    check_invariants(&s.pool);
}

#[test]
fn each_invalid_transaction_is_refused_by_the_rule_it_breaks() {
    let mut s = Setup::new(2);
    s.chain.account(&s.wallets[1].clone()).nonce = 5;
    s.commit(&[]);
    let (rich, used) = (&s.wallets[0], &s.wallets[1]);
    let base = Wallet::template(0, PLAIN);
    let mut malleable = rich.transfer(0, PLAIN).to_vec();
    flip_s(&mut malleable);
    let cases: Vec<(Bytes, u32, &str)> = vec![
        (Bytes::from_static(&[0x02, 0xc0]), 101, "undecodable"),
        (Bytes::new(), 101, "undecodable"),
        (vec![2; 200_000].into(), 103, "oversized"),
        (Bytes::from_static(&[3, 1, 2]), 104, "blob"),
        (Bytes::from_static(&[9, 1, 2]), 105, "type 9"),
        (rich.sign(TxEip1559 { chain_id: 1, ..base.clone() }), 107, "chain 1"),
        (malleable.into(), 109, "malleable"),
        (used.transfer(4, PLAIN), 201, "nonce too low"),
        (rich.transfer(u64::MAX, PLAIN), 203, "nonce has max value"),
        (rich.sign(TxEip1559 { value: U256::from(RICH), ..base.clone() }), 204, "insufficient funds"),
        (
            rich.transfer(0, Fees { cap: GWEI - 1, tip: 0 }),
            205,
            "transaction underpriced: max fee per gas less than block base fee",
        ),
        (rich.transfer(0, Fees::gwei(1, 2)), 206, "max priority fee per gas higher"),
        (rich.sign(TxEip1559 { gas_limit: 20_999, ..base.clone() }), 207, "intrinsic gas too low"),
        (rich.sign(TxEip1559 { gas_limit: 16_777_217, ..base.clone() }), 209, "gas limit too high"),
        (
            rich.sign(TxEip1559 {
                to: TxKind::Create,
                input: vec![0; 49_153].into(),
                gas_limit: 16_000_000,
                ..base.clone()
            }),
            211,
            "max initcode size exceeded",
        ),
        (rich.sign(TxEip1559 { value: U256::MAX, ..base }), 215, "overflows"),
    ];
    for (raw, code, words) in cases {
        let error = s.pool.add_local(raw).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error} should say {words:?}");
    }
    assert_eq!(s.pool.status().pending + s.pool.status().queued, 0);
}

/// Replaces `s` by order − s and flips the parity: the other signature that fits.
fn flip_s(raw: &mut Vec<u8>) {
    use alloy_consensus::TxEnvelope;
    use alloy_eips::eip2718::{Decodable2718, Encodable2718};
    use alloy_primitives::{Signature, uint};
    const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let TxEnvelope::Eip1559(signed) = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap() else { panic!("type 2") };
    let (tx, signature, _) = signed.into_parts();
    let other = Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
    *raw = TxEnvelope::from(alloy_consensus::SignableTransaction::into_signed(tx, other)).encoded_2718();
}

#[test]
fn a_contract_sends_nothing() {
    let mut s = Setup::new(1);
    s.chain.account(&s.wallets[0].clone()).is_contract = true;
    s.commit(&[]);
    let error = s.pool.add_local(s.wallets[0].transfer(0, PLAIN)).unwrap_err();
    assert_eq!(error, PoolError::Invalid(InvalidTx::SenderIsContract(s.wallets[0].address)));
}

#[test]
fn all_transactions_of_a_sender_together_must_be_payable() {
    let s = Setup::new(1);
    let value = |nonce, def: u128| {
        let value = U256::from(def) * U256::from(10_u128.pow(18));
        s.wallets[0].sign(TxEip1559 { value, ..Wallet::template(nonce, PLAIN) })
    };
    s.pool.add_local(value(0, 600)).unwrap();
    let error = s.pool.add_local(value(1, 600)).unwrap_err();
    assert_eq!(error.code(), 306);
    assert!(error.to_string().starts_with("insufficient funds for gas * price + value"), "{error}");
    let PoolError::Overdraft { have, pooled, cost, overshot, .. } = error else { panic!("{error}") };
    assert_eq!(pooled + cost, have + overshot);
    assert!(overshot > U256::from(199) * U256::from(10_u128.pow(18)));
    s.pool.add_local(value(1, 300)).unwrap();
    // A replacement is counted instead of what it replaces, not on top.
    let fees = Fees::gwei(20, 2);
    let cheaper = U256::from(690) * U256::from(10_u128.pow(18));
    s.pool.add_local(s.wallets[0].sign(TxEip1559 { value: cheaper, ..Wallet::template(0, fees) })).unwrap();
    check_invariants(&s.pool);
}

#[test]
fn a_full_pool_refuses_before_it_recovers_a_signature() {
    let s = Setup::with(21, PoolConfig { max_transactions: 20, max_queued: 5, max_per_sender: 10, ..small() });
    for wallet in &s.wallets[..20] {
        s.pool.add_local(wallet.transfer(0, Fees::gwei(10, 2))).unwrap();
    }
    assert_eq!(s.pool.metrics().recoveries, 20);
    for tip in [1, 2] {
        let error = s.pool.add_local(s.wallets[20].transfer(0, Fees::gwei(10, tip))).unwrap_err();
        assert_eq!(error.code(), 303);
        assert!(error.to_string().contains("transaction underpriced") && error.to_string().contains("txpool is full"));
    }
    assert_eq!(s.pool.metrics().recoveries, 20, "nothing was recovered for what could not come in");
    let better = s.wallets[20].transfer(0, Fees::gwei(10, 3));
    s.pool.add_local(better.clone()).unwrap();
    let PoolMetrics { recoveries, evicted, pending, .. } = s.pool.metrics();
    assert_eq!((recoveries, evicted, pending), (21, 1, 20));
    assert_eq!(s.best()[0].tx.hash(), hash(&better));
    check_invariants(&s.pool);
}

#[test]
fn the_cheapest_is_the_one_that_pays_least_at_the_present_base_fee() {
    let mut s = Setup::with(3, PoolConfig { max_transactions: 2, max_queued: 1, max_per_sender: 2, ..small() });
    // At 1 gwei the first pays a tip of 5, at 8 gwei of 2; the second always 3.
    let [narrow, wide] = [Fees::gwei(10, 5), Fees::gwei(100, 3)];
    let (narrow, wide) = (s.wallets[0].transfer(0, narrow), s.wallets[1].transfer(0, wide));
    s.pool.add_local(narrow.clone()).unwrap();
    s.pool.add_local(wide.clone()).unwrap();
    assert_eq!(hashes(&s.best()), [hash(&narrow), hash(&wide)]);
    s.chain.base_fee = 8_000_000_000;
    s.commit(&[]);
    assert_eq!(hashes(&s.best()), [hash(&wide), hash(&narrow)]);
    s.pool.add_local(s.wallets[2].transfer(0, Fees::gwei(100, 4))).unwrap();
    assert!(!s.pool.contains(&hash(&narrow)) && s.pool.contains(&hash(&wide)));
    check_invariants(&s.pool);
}

#[test]
fn a_large_transaction_that_cannot_displace_enough_leaves_everything_as_it_was() {
    let config = PoolConfig { max_bytes: 130 * 1024 + 2_000, ..small() };
    let s = Setup::with(40, config);
    let data = |wallet: &Wallet, size: usize, fees| {
        wallet.sign(TxEip1559 { input: vec![1; size].into(), gas_limit: 16_000_000, ..Wallet::template(0, fees) })
    };
    for (wallet, tip) in s.wallets[..13].iter().zip(1..) {
        s.pool.add_local(data(wallet, 10_000, Fees::gwei(50, tip))).unwrap();
    }
    let before = s.pool.content(1_000);
    // Cheaper than nine of them: it would free forty thousand bytes and needs a hundred thousand.
    let error =
        s.pool.add_local(data(&s.wallets[20], 100_000, Fees { cap: 50 * GWEI, tip: 4 * GWEI + 1 })).unwrap_err();
    assert_eq!(error.code(), 303);
    check_invariants(&s.pool);
    let after = s.pool.content(1_000);
    let all = |content: &crate::Content| content.senders.iter().flat_map(|s| hashes(&s.pending)).collect::<Vec<_>>();
    assert_eq!(all(&before), all(&after));
    assert_eq!(s.pool.metrics().evicted, 0);
    // One that pays more than all comes in.
    s.pool.add_local(data(&s.wallets[20], 100_000, Fees::gwei(50, 40))).unwrap();
    assert_eq!(s.pool.metrics().evicted, 10);
    check_invariants(&s.pool);
}

#[test]
fn a_senders_own_predecessor_is_not_evicted_for_its_successor() {
    let s = Setup::with(2, PoolConfig { max_transactions: 2, max_queued: 2, max_per_sender: 2, ..small() });
    s.pool.add_local(s.wallets[0].transfer(0, Fees::gwei(100, 50))).unwrap();
    s.pool.add_local(s.wallets[1].transfer(0, Fees::gwei(10, 1))).unwrap();
    let error = s.pool.add_local(s.wallets[1].transfer(1, Fees::gwei(10, 5))).unwrap_err();
    assert_eq!(error.code(), 303, "{error}");
    assert_eq!(s.pool.status().pending, 2);
}

#[test]
fn a_full_lane_gives_up_its_last_transaction_for_an_earlier_one() {
    let s = Setup::with(1, PoolConfig { max_per_sender: 3, ..small() });
    for nonce in [1, 2, 3] {
        s.pool.add_local(s.wallets[0].transfer(nonce, PLAIN)).unwrap();
    }
    let error = s.pool.add_local(s.wallets[0].transfer(4, Fees::gwei(90, 9))).unwrap_err();
    assert_eq!(error.code(), 305);
    assert!(error.to_string().starts_with("account limit exceeded"));
    s.pool.add_local(s.wallets[0].transfer(0, PLAIN)).unwrap();
    assert_eq!(nonces(&s.best())[&s.wallets[0].address], [0, 1, 2]);
    check_invariants(&s.pool);
}

#[test]
fn waiting_transactions_have_a_bound_of_their_own() {
    let s = Setup::with(4, PoolConfig { max_queued: 2, ..small() });
    s.pool.add_local(s.wallets[0].transfer(5, Fees::gwei(10, 2))).unwrap();
    s.pool.add_local(s.wallets[1].transfer(5, Fees::gwei(10, 3))).unwrap();
    let error = s.pool.add_local(s.wallets[2].transfer(5, Fees::gwei(10, 2))).unwrap_err();
    assert_eq!(error.code(), 304);
    assert!(error.to_string().contains("nonce 5") && error.to_string().contains("ahead of 0"), "{error}");
    s.pool.add_local(s.wallets[2].transfer(5, Fees::gwei(10, 4))).unwrap();
    assert_eq!(s.pool.content_from(s.wallets[0].address).queued.len(), 0, "the cheapest went");
    s.pool.add_local(s.wallets[3].transfer(0, Fees::gwei(10, 1))).unwrap();
    check_invariants(&s.pool);
}

#[test]
fn transactions_expire_and_those_behind_a_gap_sooner() {
    let s = Setup::new(2);
    let (pending, queued) = (s.wallets[0].transfer(0, PLAIN), s.wallets[1].transfer(1, PLAIN));
    s.pool.add_local(pending.clone()).unwrap();
    s.pool.add_local(queued.clone()).unwrap();
    s.advance(Duration::from_secs(31 * 60));
    let mut s = s;
    s.commit(&[]);
    assert!(s.pool.contains(&hash(&pending)) && !s.pool.contains(&hash(&queued)));
    for _ in 0..6 {
        s.advance(Duration::from_secs(30 * 60));
        s.commit(&[]);
    }
    assert!(!s.pool.contains(&hash(&pending)));
    assert_eq!(s.pool.metrics().expired, 2);
    check_invariants(&s.pool);
}

#[test]
fn a_transaction_remembers_when_and_where_it_came_in() {
    let s = Setup::new(1);
    let raw = s.wallets[0].transfer(0, PLAIN);
    let before = s.pool.shared().clock.now();
    s.pool.add_local(raw.clone()).unwrap();
    let after = s.pool.shared().clock.now();
    let held = s.pool.get(&hash(&raw)).unwrap();
    assert_eq!(held.origin, Origin::Local);
    assert!((before.instant..=after.instant).contains(&held.first_seen.instant));
    assert!((before.unix_micros..=after.unix_micros).contains(&held.first_seen.unix_micros));
    assert_eq!(s.pool.first_seen(&hash(&raw)), Some(held.first_seen));
}

#[test]
fn subscribers_hear_of_each_transaction_when_it_becomes_executable_and_only_once() {
    let s = Setup::new(1);
    let mut events = s.pool.subscribe();
    let raws: Vec<_> = (0..3).map(|nonce| s.wallets[0].transfer(nonce, PLAIN)).collect();
    s.pool.add_local(raws[2].clone()).unwrap();
    s.pool.add_local(raws[1].clone()).unwrap();
    assert!(events.try_recv().is_err(), "what waits is not announced");
    s.pool.add_local(raws[0].clone()).unwrap();
    let heard: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).map(|tx| tx.tx.hash()).collect();
    assert_eq!(heard, raws.iter().map(hash).collect::<Vec<_>>());
}

#[test]
fn a_subscriber_that_does_not_read_misses_events_and_blocks_nobody() {
    let s = Setup::with(1, PoolConfig { event_capacity: 2, ..small() });
    let mut events = s.pool.subscribe();
    for nonce in 0..5 {
        s.pool.add_local(s.wallets[0].transfer(nonce, PLAIN)).unwrap();
    }
    assert_eq!(events.try_recv().unwrap_err(), tokio::sync::broadcast::error::TryRecvError::Lagged(3));
    assert_eq!(events.try_recv().unwrap().tx.nonce(), 3);
}

#[test]
fn a_batch_keeps_its_order_and_reports_each() {
    let s = Setup::new(2);
    let raws: Vec<_> = (0..40).map(|nonce| s.wallets[0].transfer(nonce, PLAIN)).collect();
    let mut batch = raws.clone();
    batch.insert(3, raws[0].clone());
    batch.push(Bytes::from_static(&[1]));
    let results = s.pool.add_many(batch);
    assert_eq!(results[3], Err(PoolError::AlreadyKnown(hash(&raws[0]))));
    assert!(matches!(results[41], Err(PoolError::Invalid(InvalidTx::Form(TxError::Undecodable { .. })))));
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 40);
    assert_eq!(s.pool.metrics().recoveries, 40, "the duplicate was recovered once");
    assert_eq!(s.pool.status().pending, 40);
    check_invariants(&s.pool);
}

#[test]
fn a_configuration_out_of_bounds_is_refused_with_its_figures() {
    let chain = Chain::with(&[], 0);
    let config = PoolConfig { max_queued: 11, max_transactions: 10, max_per_sender: 1, ..small() };
    let error = Pool::new(config, chain.view()).err().unwrap();
    assert_eq!(error.to_string(), "pool configuration: max_queued is 11, it must be between 0 and 10");
}

/// A chain on which a block is committed whenever a sender is read, so many times.
#[derive(Clone)]
struct Restless {
    chain: Chain,
    left: Arc<AtomicU64>,
    pool: Arc<Mutex<Option<Pool>>>,
}

impl PoolView for Restless {
    fn context(&self) -> PoolContext {
        self.chain.context()
    }

    fn sender(&self, address: &Address) -> Result<Sender, ViewError> {
        let pool = self.pool.lock().clone();
        if let Some(pool) = pool.filter(|_| self.left.load(Ordering::Relaxed) > 0) {
            self.left.fetch_sub(1, Ordering::Relaxed);
            pool.on_commit(&[], Arc::new(self.clone()));
        }
        self.chain.sender(address)
    }

    fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged> {
        self.chain.demand(tx)
    }

    fn try_out(&self, tx: &RecoveredTx) -> Result<(), Unjudged> {
        self.chain.try_out(tx)
    }
}

#[test]
fn a_transaction_is_judged_against_the_last_commit_however_fast_blocks_come() {
    let wallet = Wallet::new(1);
    for blocks in [1, 4] {
        let chain = Chain::with(std::slice::from_ref(&wallet), RICH);
        let view = Restless { chain, left: Arc::new(AtomicU64::new(blocks)), pool: Arc::default() };
        let pool = Pool::new(small(), Arc::new(view.clone())).unwrap();
        *view.pool.lock() = Some(pool.clone());
        pool.add_local(wallet.transfer(0, PLAIN)).unwrap();
        assert_eq!(view.chain.reads.load(Ordering::Relaxed), blocks + 1, "once for each block that came between");
        assert_eq!(pool.status().pending, 1);
        // The view holds the pool that holds the view.
        *view.pool.lock() = None;
    }
}

#[test]
fn state_that_cannot_be_read_refuses_with_the_reason() {
    struct Broken(Chain);
    impl PoolView for Broken {
        fn context(&self) -> PoolContext {
            self.0.context()
        }
        fn sender(&self, _: &Address) -> Result<Sender, ViewError> {
            Err(ViewError("checksum of block 7 is wrong".to_owned()))
        }
        fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged> {
            self.0.demand(tx)
        }
        fn try_out(&self, tx: &RecoveredTx) -> Result<(), Unjudged> {
            self.0.try_out(tx)
        }
    }
    let wallet = Wallet::new(1);
    let pool = Pool::new(small(), Arc::new(Broken(Chain::with(&[], 0)))).unwrap();
    let error = pool.add_local(wallet.transfer(0, PLAIN)).unwrap_err();
    assert_eq!(error.code(), 307);
    assert!(error.to_string().ends_with("cannot be read: checksum of block 7 is wrong"), "{error}");
    assert!(pool.pending_nonce(&wallet.address).is_err());
}

/// D17: validity needs gas + value + commission on top, for one transaction and for all of a sender's together.
#[test]
fn commission_on_top_counts_against_the_balance() {
    let mut s = Setup::new(1);
    let wallet = s.wallets[0].clone();
    let contract = Address::repeat_byte(0x55);
    s.chain.contracts.insert(contract);
    let gas = U256::from(21_000) * U256::from(PLAIN.cap);
    let value = U256::from(100 * GWEI);
    let spendable = gas + value + value / U256::from(20);
    *s.chain.account(&wallet) = Sender { spendable, nominal: spendable, ..Sender::default() };
    s.pool.on_commit(&[], s.chain.view());
    let pay =
        |value, nonce| wallet.sign(TxEip1559 { value, to: TxKind::Call(contract), ..Wallet::template(nonce, PLAIN) });
    let error = s.pool.add_local(pay(value + U256::from(20), 0)).unwrap_err();
    assert_eq!(error.code(), 204);
    assert!(error.to_string().contains("commission on top of the value 5000000001"), "{error}");
    s.pool.add_local(pay(value, 0)).unwrap();
    let error = s.pool.add_local(wallet.transfer(1, PLAIN)).unwrap_err();
    assert!(matches!(error, PoolError::Overdraft { .. }), "{error}");
}

/// D26a: who cannot pay now is admitted by trying, one at a time, and leaves when it no longer holds.
#[test]
fn a_call_that_pays_for_itself_is_tried_and_tried_again() {
    let mut s = Setup::new(1);
    let wallet = s.wallets[0].clone();
    *s.chain.account(&wallet) = Sender::default();
    s.pool.on_commit(&[], s.chain.view());
    let claim = |nonce| {
        let to = TxKind::Call(s.chain.releasing);
        wallet.sign(TxEip1559 { to, ..Wallet::template(nonce, PLAIN) })
    };
    let (first, second) = (claim(0), claim(1));
    assert_eq!(s.pool.add_local(first.clone()).unwrap_err().code(), 219, "it releases nothing yet");
    assert_eq!(s.pool.add_local(wallet.transfer(0, PLAIN)).unwrap_err().code(), 204);
    s.chain.released.insert(wallet.address);
    s.pool.on_commit(&[], s.chain.view());
    s.pool.add_local(first.clone()).unwrap();
    assert_eq!(s.pool.add_local(second).unwrap_err().code(), 202, "nobody can say what comes after it");
    assert_eq!(s.best().len(), 1);
    // Somebody claimed for it meanwhile: the proposal refuses it, and the next commit drops it.
    s.chain.released.clear();
    let mut best = s.pool.best(s.limits());
    let taken = best.next().unwrap();
    best.mark_invalid(taken.sender);
    drop(best);
    s.pool.on_commit(&[], s.chain.view());
    assert!(s.pool.get(&hash(&first)).is_none());
    assert_eq!(s.pool.status().pending, 0);
}
