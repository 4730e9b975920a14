//! Random histories against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use defchain_base::payload::encoded_len;
use proptest::prelude::*;

use super::*;
use crate::PoolError;

const SENDERS: u64 = 5;

#[derive(Debug, Clone)]
enum Step {
    Add { sender: usize, nonce: u64, cap: u128, tip: u128 },
    Commit { take: usize },
    Foreign { sender: usize },
    BaseFee(u64),
    Remove { pick: usize },
    Impoverish { sender: usize, enrich: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sender = 0..usize::try_from(SENDERS).unwrap();
    let step = prop_oneof![
        12 => (sender.clone(), 0_u64..8, 1_u128..30, 0_u128..30).prop_map(|(sender, nonce, cap, tip)| Step::Add {
            sender,
            nonce,
            cap,
            tip: tip.min(cap),
        }),
        2 => (0_usize..6).prop_map(|take| Step::Commit { take }),
        1 => sender.clone().prop_map(|sender| Step::Foreign { sender }),
        1 => (1_u64..15).prop_map(Step::BaseFee),
        1 => (0_usize..20).prop_map(|pick| Step::Remove { pick }),
        1 => (sender, any::<bool>()).prop_map(|(sender, enrich)| Step::Impoverish { sender, enrich }),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the pool must hold: sender and nonce to fees and hash.
type Model = BTreeMap<(Address, u64), (Fees, B256)>;

fn is_gapless(model: &Model, chain: &Chain, address: Address) -> u64 {
    let mut nonce = chain.accounts[&address].nonce;
    while model.contains_key(&(address, nonce)) {
        nonce += 1;
    }
    nonce
}

/// Runs the steps in a pool without bounds that matter, and says what differs.
fn run(steps: Vec<Step>) {
    let config = PoolConfig { gossip_workers: 1, remembered_senders: 256, ..small() };
    let mut s = Setup::with(SENDERS, config);
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Add { sender, nonce, cap, tip } => {
                let wallet = s.wallets[sender].clone();
                let fees = Fees::gwei(cap, tip);
                let raw = wallet.transfer(s.chain.accounts[&wallet.address].nonce.saturating_sub(1) + nonce, fees);
                add(&s, &mut model, &wallet, raw, fees);
            }
            Step::Commit { take } => {
                let block: Vec<_> = s.best().into_iter().take(take).collect();
                s.commit(&block);
            }
            Step::Foreign { sender } => {
                let wallet = s.wallets[sender].clone();
                let nonce = s.chain.accounts[&wallet.address].nonce;
                let tx = s.pool.recover_all(&[wallet.transfer(nonce, Fees::gwei(99, 98))])[0].clone().unwrap();
                s.commit(&[tx]);
            }
            Step::BaseFee(gwei) => {
                s.chain.base_fee = gwei * 1_000_000_000;
                s.commit(&[]);
            }
            Step::Remove { pick } => {
                if let Some((key, hash)) = model.iter().nth(pick).map(|(key, (_, hash))| (*key, *hash)) {
                    assert!(s.pool.remove(&hash));
                    model.remove(&key);
                }
            }
            Step::Impoverish { sender, enrich } => {
                let wallet = s.wallets[sender].clone();
                s.chain.account(&wallet).spendable = U256::from(if enrich { RICH } else { 21_000 * 9 * GWEI });
                s.pool.touch([wallet.address]);
                s.commit(&[]);
            }
        }
        let accounts = s.chain.accounts.clone();
        model.retain(|(address, nonce), (fees, _)| {
            let account = accounts[address];
            *nonce >= account.nonce && U256::from(fees.cap * 21_000) <= account.spendable
        });
        compare(&s, &model);
    }
}

fn add(s: &Setup, model: &mut Model, wallet: &Wallet, raw: Bytes, fees: Fees) {
    let account = s.chain.accounts[&wallet.address];
    let tx = defchain_base::tx::decode(raw.clone(), 1_000).unwrap();
    let key = (wallet.address, tx.nonce());
    let held = model.get(&key).copied();
    let others: u128 = model
        .iter()
        .filter(|((address, nonce), _)| *address == key.0 && *nonce != key.1)
        .map(|(_, (fees, _))| fees.cap * 21_000)
        .sum();
    let expected = if fees.cap < u128::from(s.chain.base_fee) {
        Err(205)
    } else if held.is_some_and(|(_, hash)| hash == tx.hash()) {
        Err(301)
    } else if tx.nonce() < account.nonce {
        Err(201)
    } else if U256::from(fees.cap * 21_000) > account.spendable {
        Err(204)
    } else if held
        .is_some_and(|(old, _)| fees.cap * 10 < old.cap * 11 || fees.tip * 10 < old.tip * 11 || fees.tip <= old.tip)
    {
        Err(302)
    } else if U256::from(others + fees.cap * 21_000) > account.spendable {
        Err(306)
    } else {
        Ok(tx.hash())
    };
    let found = s.pool.add_local(raw);
    assert_eq!(found.as_ref().map_err(PoolError::code).copied(), expected, "{found:?}");
    if found.is_ok() {
        model.insert(key, (fees, tx.hash()));
    }
}

fn compare(s: &Setup, model: &Model) {
    check_invariants(&s.pool);
    let held: BTreeMap<_, _> = s
        .pool
        .content(10_000)
        .senders
        .into_iter()
        .flat_map(|content| content.pending.into_iter().chain(content.queued))
        .map(|tx| ((tx.sender, tx.tx.nonce()), tx.tx.hash()))
        .collect();
    assert_eq!(held, model.iter().map(|(key, (_, hash))| (*key, *hash)).collect());
    for wallet in &s.wallets {
        let expected = is_gapless(model, &s.chain, wallet.address);
        assert_eq!(s.pool.pending_nonce(&wallet.address).unwrap(), expected);
    }
    let best = s.best();
    assert_eq!(hashes(&best).into_iter().collect::<Vec<_>>(), expected_best(s, model));
    let limits = BestLimits { max_bytes: 700, max_gas: 21_000 * 4, ..s.limits() };
    let few: Vec<_> = s.pool.best(limits).collect();
    assert!(encoded_len(few.len(), few.iter().map(|tx| tx.tx.raw().len()).sum()) <= limits.max_bytes);
    assert!(few.iter().map(|tx| tx.tx.gas_limit()).sum::<u64>() <= limits.max_gas);
    assert!(few.is_empty() == best.is_empty());
}

/// Takes the dearest of all lanes' next transactions, again and again.
fn expected_best(s: &Setup, model: &Model) -> Vec<B256> {
    let base_fee = u128::from(s.chain.base_fee);
    let mut next: BTreeMap<Address, u64> =
        s.chain.accounts.iter().map(|(address, sender)| (*address, sender.nonce)).collect();
    let mut order = Vec::new();
    loop {
        let best = next
            .iter()
            .filter_map(|(address, nonce)| {
                let (fees, hash) = model.get(&(*address, *nonce))?;
                let tip = fees.cap.checked_sub(base_fee)?.min(fees.tip);
                let seen = s.pool.get(hash).unwrap().first_seen.instant;
                Some((std::cmp::Reverse(tip), seen, *hash, *address))
            })
            .min();
        let Some((.., hash, address)) = best else { return order };
        order.push(hash);
        *next.get_mut(&address).unwrap() += 1;
    }
}

/// Bounds that bite: no model says who stays, but the bounds and the shape of the pool hold whatever comes.
fn run_tight(steps: Vec<Step>) {
    let config = PoolConfig { max_transactions: 12, max_queued: 4, max_per_sender: 5, gossip_workers: 1, ..small() };
    let mut s = Setup::with(SENDERS, config);
    for step in steps {
        match step {
            Step::Add { sender, nonce, cap, tip } => {
                let wallet = s.wallets[sender].clone();
                let (before, full) = (s.pool.content(1_000), s.pool.status());
                let raw = wallet.transfer(s.chain.accounts[&wallet.address].nonce + nonce, Fees::gwei(cap, tip));
                let evicted = s.pool.metrics().evicted;
                if s.pool.add_local(raw).is_err() {
                    let all = |c: crate::Content| {
                        c.senders
                            .into_iter()
                            .flat_map(|s| [hashes(&s.pending), hashes(&s.queued)].concat())
                            .collect::<Vec<_>>()
                    };
                    assert_eq!(all(before), all(s.pool.content(1_000)), "a refusal changes nothing");
                    assert_eq!((s.pool.status(), s.pool.metrics().evicted), (full, evicted));
                }
            }
            Step::Commit { take } => {
                let block: Vec<_> = s.best().into_iter().take(take).collect();
                s.commit(&block);
            }
            Step::BaseFee(gwei) => {
                s.chain.base_fee = gwei * 1_000_000_000;
                s.commit(&[]);
            }
            Step::Remove { pick } => {
                let content = s.pool.content(1_000);
                let all: Vec<_> =
                    content.senders.iter().flat_map(|s| [hashes(&s.pending), hashes(&s.queued)].concat()).collect();
                if let Some(hash) = all.get(pick) {
                    assert!(s.pool.remove(hash));
                }
            }
            Step::Foreign { .. } | Step::Impoverish { .. } => s.commit(&[]),
        }
        check_invariants(&s.pool);
        for (address, found) in nonces(&s.best()) {
            let first = s.chain.accounts[&address].nonce;
            assert!(found.iter().copied().eq((first..).take(found.len())), "gapless from the account's nonce");
        }
    }
}

use defchain_base::U256;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_pool_agrees_with_the_model(steps in steps()) {
        run(steps);
    }

    #[test]
    fn bounds_hold_whatever_comes(steps in steps()) {
        run_tight(steps);
    }
}
