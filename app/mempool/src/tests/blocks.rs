use std::sync::Arc;

use alloy_consensus::TxEip1559;
use defchain_base::{
    U256,
    payload::{encode, encoded_len},
    tx::TxError,
};

use super::*;
use crate::PoolError;

const PLAIN: Fees = Fees::gwei(10, 1);

#[test]
fn the_best_come_dearest_first_and_each_senders_by_nonce() {
    let s = Setup::new(3);
    let [a, b, c] = [0, 1, 2].map(|i| s.wallets[i].clone());
    let lanes = [
        (&a, 0, Fees::gwei(100, 5)),
        (&a, 1, Fees::gwei(100, 50)),
        (&b, 0, Fees::gwei(100, 20)),
        (&b, 1, Fees::gwei(100, 4)),
        // A legacy-like price: its tip is what is above the base fee, 9.
        (&c, 0, Fees::gwei(10, 10)),
    ];
    let raws = lanes.map(|(wallet, nonce, fees)| wallet.transfer(nonce, fees));
    for raw in raws.iter().rev() {
        s.pool.add_local(raw.clone()).unwrap();
    }
    let expected: Vec<_> = [2, 4, 0, 1, 3].map(|i| hash(&raws[i])).into();
    assert_eq!(hashes(&s.best()), expected);
}

#[test]
fn equal_tips_come_in_the_order_in_which_they_were_seen() {
    let s = Setup::new(20);
    let raws: Vec<_> = s.wallets.iter().rev().map(|wallet| wallet.transfer(0, PLAIN)).collect();
    for raw in &raws {
        s.advance(std::time::Duration::from_nanos(100));
        s.pool.add_local(raw.clone()).unwrap();
    }
    assert_eq!(hashes(&s.best()), raws.iter().map(hash).collect::<Vec<_>>());
}

#[test]
fn a_block_is_filled_to_its_bytes_and_gas_and_no_further() {
    let s = Setup::new(30);
    for wallet in &s.wallets {
        for nonce in 0..3 {
            s.pool.add_local(wallet.transfer(nonce, PLAIN)).unwrap();
        }
    }
    let by_gas: Vec<_> = s.pool.best(BestLimits { max_gas: 21_000 * 7 + 20_999, ..s.limits() }).collect();
    assert_eq!(by_gas.len(), 7);
    let sizes: Vec<_> = s.best().iter().take(5).map(|tx| tx.tx.raw().len()).collect();
    let exactly = encoded_len(5, sizes.iter().sum());
    let by_bytes: Vec<_> = s.pool.best(BestLimits { max_bytes: exactly, ..s.limits() }).collect();
    assert_eq!(by_bytes.len(), 5);
    let payload = encode(by_bytes.iter().map(|tx| tx.tx.raw()).collect::<Vec<_>>().into_iter());
    assert_eq!(payload.len(), exactly);
    let less: Vec<_> = s.pool.best(BestLimits { max_bytes: exactly - 1, ..s.limits() }).collect();
    assert!(less.len() >= 4 && encoded_len(less.len(), less.iter().map(|tx| tx.tx.raw().len()).sum()) < exactly);
    assert_eq!(s.pool.best(BestLimits { max_gas: 0, ..s.limits() }).count(), 0);
}

#[test]
fn a_transaction_that_does_not_fit_holds_up_only_its_sender() {
    let s = Setup::new(3);
    let large = TxEip1559 { gas_limit: 1_000_000, ..Wallet::template(0, Fees::gwei(100, 50)) };
    s.pool.add_local(s.wallets[0].sign(large)).unwrap();
    s.pool.add_local(s.wallets[0].transfer(1, Fees::gwei(100, 40))).unwrap();
    s.pool.add_local(s.wallets[1].transfer(0, PLAIN)).unwrap();
    s.pool.add_local(s.wallets[2].transfer(0, PLAIN)).unwrap();
    let block: Vec<_> = s.pool.best(BestLimits { max_gas: 500_000, ..s.limits() }).collect();
    assert_eq!(block.len(), 2);
    assert!(!nonces(&block).contains_key(&s.wallets[0].address));
}

#[test]
fn what_execution_refuses_frees_its_room_and_ends_its_sender() {
    let mut s = Setup::new(2);
    for nonce in 0..3 {
        s.pool.add_local(s.wallets[0].transfer(nonce, Fees::gwei(100, 50))).unwrap();
        s.pool.add_local(s.wallets[1].transfer(nonce, PLAIN)).unwrap();
    }
    let mut best = s.pool.best(BestLimits { max_gas: 3 * 21_000, ..s.limits() });
    let first = best.next().unwrap();
    assert_eq!(first.sender, s.wallets[0].address);
    best.mark_invalid(first.sender);
    let rest: Vec<_> = best.by_ref().collect();
    assert_eq!(nonces(&rest), [(s.wallets[1].address, vec![0, 1, 2])].into());
    // It decayed in the meantime: the next commit finds out, though no block touched it.
    s.chain.account(&s.wallets[0].clone()).spendable = U256::from(1);
    s.commit(&[]);
    assert_eq!(s.pool.status().pending, 3);
    assert_eq!(s.pool.metrics().unpayable, 3);
    check_invariants(&s.pool);
}

#[test]
fn gas_that_was_not_used_makes_room_for_more() {
    let s = Setup::new(1);
    for nonce in 0..10 {
        let tx = TxEip1559 { gas_limit: 100_000, ..Wallet::template(nonce, PLAIN) };
        s.pool.add_local(s.wallets[0].sign(tx)).unwrap();
    }
    let limits = BestLimits { max_gas: 300_000, ..s.limits() };
    assert_eq!(s.pool.best(limits).count(), 3);
    let mut best = s.pool.best(limits);
    let mut count = 0;
    while best.next().is_some() {
        best.refund_gas(79_000);
        count += 1;
    }
    // Each leaves 21,000 behind, and the limit of the last must still fit.
    assert_eq!(count, 10);
}

#[test]
fn what_falls_below_the_base_fee_is_passed_over_until_it_falls_again() {
    let mut s = Setup::new(2);
    s.pool.add_local(s.wallets[0].transfer(0, Fees::gwei(5, 5))).unwrap();
    s.pool.add_local(s.wallets[1].transfer(0, Fees::gwei(50, 1))).unwrap();
    s.chain.base_fee = 6_000_000_000;
    s.commit(&[]);
    assert_eq!(nonces(&s.best()), [(s.wallets[1].address, vec![0])].into());
    assert_eq!(s.pool.status().pending, 2);
    s.chain.base_fee = 1_000_000_000;
    s.commit(&[]);
    assert_eq!(s.best().len(), 2);
}

#[test]
fn a_commit_drops_what_it_included_and_what_its_nonces_outdate() {
    let mut s = Setup::new(2);
    for wallet in &s.wallets {
        for nonce in 0..4 {
            s.pool.add_local(wallet.transfer(nonce, PLAIN)).unwrap();
        }
    }
    // The second sender's nonces 0 and 1 are used by transactions that this node never saw.
    let mine = s.best().into_iter().find(|tx| tx.sender == s.wallets[0].address).unwrap();
    let other = s.wallets[1].transfer(0, Fees::gwei(99, 9));
    let others =
        [other, s.wallets[1].transfer(1, Fees::gwei(99, 9))].map(|raw| s.pool.recover_all(&[raw])[0].clone().unwrap());
    s.commit(&[&[mine][..], &others[..]].concat());
    assert_eq!(nonces(&s.best()), [(s.wallets[0].address, vec![1, 2, 3]), (s.wallets[1].address, vec![2, 3])].into());
    assert_eq!(s.pool.metrics().used, 3);
    check_invariants(&s.pool);
}

#[test]
fn a_commit_promotes_what_waited_for_a_nonce_that_came_by_another_way() {
    let mut s = Setup::new(1);
    s.pool.add_local(s.wallets[0].transfer(1, PLAIN)).unwrap();
    let mut events = s.pool.subscribe();
    let elsewhere = s.pool.recover_all(&[s.wallets[0].transfer(0, PLAIN)])[0].clone().unwrap();
    s.commit(&[elsewhere]);
    assert_eq!(s.pool.status().pending, 1);
    assert_eq!(events.try_recv().unwrap().tx.nonce(), 1);
    assert_eq!(s.pool.pending_nonce(&s.wallets[0].address).unwrap(), 2);
}

#[test]
fn a_sender_that_can_no_longer_pay_loses_what_it_cannot_pay_alone() {
    let mut s = Setup::new(1);
    let def = |n: u64| U256::from(n) * U256::from(10_u128.pow(18));
    for (nonce, value) in [(0, 1), (1, 500), (2, 1)] {
        s.pool.add_local(s.wallets[0].sign(TxEip1559 { value: def(value), ..Wallet::template(nonce, PLAIN) })).unwrap();
    }
    let first = s.best()[0].clone();
    s.chain.account(&s.wallets[0].clone()).spendable = def(100);
    s.commit(&[first]);
    assert_eq!((s.pool.status().pending, s.pool.status().queued), (0, 1), "the rest waits for the gap");
    assert_eq!(s.pool.pending_nonce(&s.wallets[0].address).unwrap(), 1);
    check_invariants(&s.pool);
}

#[test]
fn a_commit_reads_the_senders_of_the_block_and_no_others() {
    let mut s = Setup::new(100);
    for wallet in &s.wallets {
        for nonce in 0..2 {
            s.pool.add_local(wallet.transfer(nonce, PLAIN)).unwrap();
        }
    }
    let block: Vec<_> = s.best().into_iter().filter(|tx| tx.tx.nonce() == 0).take(3).collect();
    let before = s.chain.reads.load(std::sync::atomic::Ordering::Relaxed);
    s.commit(&block);
    assert_eq!(s.chain.reads.load(std::sync::atomic::Ordering::Relaxed) - before, 3);
}

#[test]
fn an_authority_that_a_block_used_is_judged_when_the_chain_names_it() {
    let mut s = Setup::new(1);
    s.pool.add_local(s.wallets[0].transfer(0, PLAIN)).unwrap();
    s.chain.account(&s.wallets[0].clone()).nonce = 1;
    s.pool.touch([s.wallets[0].address]);
    s.commit(&[]);
    assert_eq!(s.pool.status().pending, 0);
}

#[test]
fn a_chain_that_was_taken_back_makes_later_transactions_wait_again() {
    let mut s = Setup::new(1);
    let before = s.chain.clone();
    let raws: Vec<_> = (0..3).map(|nonce| s.wallets[0].transfer(nonce, PLAIN)).collect();
    for raw in &raws {
        s.pool.add_local(raw.clone()).unwrap();
    }
    let first = s.best()[0].clone();
    s.commit(&[first]);
    s.pool.rebase(before.view());
    assert_eq!((s.pool.status().pending, s.pool.status().queued), (0, 2));
    s.pool.add_local(raws[0].clone()).unwrap();
    assert_eq!(s.pool.status().pending, 3);
    check_invariants(&s.pool);
}

#[test]
fn an_iteration_ends_when_another_block_is_committed() {
    let mut s = Setup::with(600, PoolConfig { max_transactions: 2_000, ..small() });
    for wallet in s.wallets.clone() {
        s.pool.add_local(wallet.transfer(0, PLAIN)).unwrap();
    }
    let mut best = s.pool.best(s.limits());
    let first = best.next().unwrap();
    s.commit(&[first]);
    assert!(best.count() < 599, "what was not yet fetched is not yielded against another state");
}

#[test]
fn a_blocks_signers_come_from_the_pool_or_memory_and_are_recovered_once() {
    let s = Setup::new(4);
    let pooled: Vec<_> = s.wallets[..3].iter().map(|wallet| wallet.transfer(0, PLAIN)).collect();
    for raw in &pooled {
        s.pool.add_local(raw.clone()).unwrap();
    }
    let foreign = s.wallets[3].transfer(7, PLAIN);
    let mut block = pooled.clone();
    block.push(foreign.clone());
    block.push(Bytes::from_static(&[3]));
    for _ in 0..2 {
        let found = s.pool.recover_all(&block);
        for (found, wallet) in found[..4].iter().zip(&s.wallets) {
            assert_eq!(found.as_ref().unwrap().sender, wallet.address);
        }
        assert_eq!(found[4], Err(TxError::Blob));
    }
    assert_eq!(s.pool.metrics().recoveries, 4);
    let held = s.pool.get(&hash(&pooled[0])).unwrap().tx;
    assert!(
        Arc::ptr_eq(&held, s.pool.recover_all(&pooled)[0].as_ref().unwrap()),
        "what is pooled is not decoded again"
    );
}

#[test]
fn removing_one_transaction_makes_the_rest_wait_and_clearing_forgets_all() {
    let s = Setup::new(1);
    let raws: Vec<_> = (0..3).map(|nonce| s.wallets[0].transfer(nonce, PLAIN)).collect();
    for raw in &raws {
        s.pool.add_local(raw.clone()).unwrap();
    }
    assert!(s.pool.remove(&hash(&raws[1])) && !s.pool.remove(&hash(&raws[1])));
    assert_eq!((s.pool.status().pending, s.pool.status().queued), (1, 1));
    check_invariants(&s.pool);
    s.pool.clear();
    assert_eq!(s.pool.content(10).senders.len(), 0);
    check_invariants(&s.pool);
    assert_eq!(s.pool.add_local(raws[0].clone()), Ok(hash(&raws[0])));
}

#[test]
fn the_content_is_listed_by_sender_and_cut_at_the_limit() {
    let s = Setup::new(3);
    for wallet in &s.wallets {
        s.pool.add_local(wallet.transfer(0, PLAIN)).unwrap();
        s.pool.add_local(wallet.transfer(2, PLAIN)).unwrap();
    }
    let all = s.pool.content(100);
    assert!(!all.truncated && all.senders.is_sorted_by_key(|content| content.sender));
    assert!(all.senders.iter().all(|content| content.pending.len() == 1 && content.queued.len() == 1));
    let some = s.pool.content(3);
    assert!(some.truncated);
    assert_eq!(some.senders.len(), 2);
    assert!(matches!(s.pool.add_local(s.wallets[0].transfer(0, PLAIN)), Err(PoolError::AlreadyKnown(_))));
}

#[test]
fn a_clock_that_is_set_stands_still_and_transactions_age_by_it_alone() {
    let mut s = Setup::new(1);
    let noon = 4_000_000_000_000;
    s.pool.set_clock(noon);
    let hash = s.pool.add_local(s.wallets[0].transfer(0, PLAIN)).unwrap();
    assert_eq!(s.pool.first_seen(&hash).unwrap().unix_millis(), noon);
    let lifetime = u64::try_from(small().pending_lifetime.as_millis()).unwrap();
    for (time, left) in [(noon + lifetime - 1, 1), (noon, 1), (noon + lifetime, 0)] {
        s.pool.set_clock(time);
        s.commit(&[]);
        assert_eq!(s.pool.status().pending, left, "{time}");
    }
}
