use std::sync::{
    Barrier,
    atomic::{AtomicBool, Ordering},
};

use defchain_base::payload::encode_bundle;

use super::*;
use crate::InsertCode;

const PLAIN: Fees = Fees::gwei(10, 1);

#[test]
fn many_threads_with_the_same_transactions_admit_and_recover_each_once() {
    let s = Setup::new(20);
    let raws: Vec<_> = s.wallets.iter().flat_map(|w| (0..20).map(|nonce| w.transfer(nonce, PLAIN))).collect();
    let barrier = Barrier::new(6);
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|offset| {
                let (pool, raws, barrier) = (s.pool.clone(), &raws, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let turned = raws.iter().cycle().skip(offset * 50).take(raws.len());
                    turned.filter(|raw| pool.add_local((*raw).clone()).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, raws.len());
    assert_eq!(s.pool.metrics().recoveries, raws.len() as u64);
    assert_eq!(s.pool.status().pending, raws.len());
    check_invariants(&s.pool);
}

#[test]
fn blocks_gossip_offers_and_rpc_at_once_leave_the_pool_whole_and_lose_nothing() {
    let each = 60_u64;
    let mut s = Setup::with(12, PoolConfig { max_per_sender: 64, ..small() });
    let wallets = s.wallets.clone();
    let total = wallets.len() * usize::try_from(each).unwrap();
    let done = AtomicBool::new(false);
    let mut included = 0;
    std::thread::scope(|scope| {
        let senders: Vec<_> = wallets
            .chunks(4)
            .enumerate()
            .map(|(number, wallets)| {
                let pool = s.pool.clone();
                scope.spawn(move || {
                    let raws: Vec<_> =
                        wallets.iter().flat_map(|w| (0..each).map(|nonce| w.transfer(nonce, PLAIN))).collect();
                    match number {
                        0 => raws.iter().for_each(|raw| assert_eq!(pool.add_local(raw.clone()), Ok(hash(raw)))),
                        1 => raws.chunks(30).for_each(|raws| {
                            assert!(pool.add_many(raws.to_vec()).iter().all(Result::is_ok));
                        }),
                        _ => raws.chunks(50).for_each(|raws| {
                            assert_eq!(pool.insert_bundle(encode_bundle(raws.iter()).into()), InsertCode::Queued);
                        }),
                    }
                })
            })
            .collect();
        let (pool, done) = (s.pool.clone(), &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let _ = pool.reap_bundles(0, 0);
                let _ = pool.content(100);
                let _ = pool.metrics();
            }
        });
        // Also when an assertion below fails, or the scope would wait for the thread for ever.
        let _end = SetOnDrop(done);
        let mut senders = Some(senders);
        while included < total {
            let block: Vec<_> = s.best().into_iter().take(50).collect();
            included += block.len();
            s.commit(&block);
            check_invariants(&s.pool);
            if senders.as_ref().is_some_and(|senders| senders.iter().all(|thread| thread.is_finished())) {
                // Whatever is missing now would be missing for ever.
                senders.take().unwrap().into_iter().for_each(|thread| thread.join().unwrap());
                s.pool.wait_idle();
                assert_eq!(included + s.pool.status().pending, total);
            }
        }
    });
    assert_eq!(included, total);
    assert!(wallets.iter().all(|wallet| s.chain.accounts[&wallet.address].nonce == each));
    assert_eq!(s.pool.status(), crate::Status { pending: 0, queued: 0 });
    check_invariants(&s.pool);
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
