#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod admission;
mod blocks;
mod gossip;
mod model;
mod threads;
mod wallet;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use defchain_base::{Address, B256, Bytes, keccak256, tx::RecoveredTx};
pub use wallet::{BLOCK_GAS, Chain, Fees, GWEI, Wallet};

use crate::{BestLimits, Included, Pool, PoolConfig};

/// A thousand DEF.
const RICH: u128 = 1_000 * 1_000_000_000_000_000_000;

/// A pool over a chain with so many rich accounts.
struct Setup {
    pool: Pool,
    chain: Chain,
    wallets: Vec<Wallet>,
}

impl Setup {
    fn new(accounts: u64) -> Self {
        Self::with(accounts, small())
    }

    fn with(accounts: u64, config: PoolConfig) -> Self {
        let wallets: Vec<_> = (1..=accounts).map(Wallet::new).collect();
        let chain = Chain::with(&wallets, RICH);
        let pool = Pool::new(config, chain.view()).unwrap();
        Self { pool, chain, wallets }
    }

    /// Commits a block that carries these.
    fn commit(&mut self, txs: &[Arc<RecoveredTx>]) {
        let included: Vec<_> =
            txs.iter().map(|tx| Included { sender: tx.sender, nonce: tx.tx.nonce(), hash: tx.tx.hash() }).collect();
        for tx in &included {
            let account = self.chain.accounts.get_mut(&tx.sender).unwrap();
            assert_eq!(account.nonce, tx.nonce, "a block carries nonces in order");
            account.nonce += 1;
        }
        self.chain.height += 1;
        self.pool.on_commit(&included, self.chain.view());
    }

    fn best(&self) -> Vec<Arc<RecoveredTx>> {
        self.pool.best(self.limits()).collect()
    }

    fn limits(&self) -> BestLimits {
        BestLimits { max_bytes: 4 << 20, max_gas: BLOCK_GAS, base_fee: self.chain.base_fee }
    }

    fn advance(&self, by: Duration) {
        self.pool.shared().clock.advance(by);
    }
}

/// Bounds that a test can reach.
fn small() -> PoolConfig {
    PoolConfig {
        max_transactions: 1_000,
        max_queued: 200,
        max_per_sender: 64,
        gossip_workers: 2,
        remembered_senders: 4_096,
        ..PoolConfig::default()
    }
}

fn hash(raw: &Bytes) -> B256 {
    keccak256(raw)
}

fn hashes(txs: &[Arc<RecoveredTx>]) -> Vec<B256> {
    txs.iter().map(|tx| tx.tx.hash()).collect()
}

/// What must hold at any time, checked from inside.
fn check_invariants(pool: &Pool) {
    let state = pool.shared().state.lock();
    let config = state.config;
    let (mut pending, mut queued, mut bytes, mut heads, mut queued_tails) = (0, 0, 0, 0, 0);
    for (address, lane) in state.lanes() {
        assert!(!lane.is_empty(), "an empty lane is dropped");
        assert!(lane.len() <= config.max_per_sender);
        let mut cost = defchain_base::U256::ZERO;
        for (nonce, entry) in lane.iter() {
            assert_eq!((entry.sender(), entry.nonce()), (*address, nonce));
            assert!(nonce >= lane.next(), "a used nonce is dropped");
            assert!(Arc::ptr_eq(state.get(&entry.hash()).expect("found by hash"), entry));
            if lane.is_ready(nonce) {
                pending += 1
            } else {
                queued += 1
            }
            bytes += entry.bytes();
            cost += entry.cost;
        }
        assert_eq!(lane.cost(), cost);
        assert!((lane.next()..lane.ready_end()).all(|nonce| lane.get(nonce).is_some()), "no gap among the pending");
        assert!(lane.get(lane.ready_end()).is_none(), "what can run is pending");
        if let Some(head) = lane.head() {
            heads += 1;
            assert!(Arc::ptr_eq(&state.heads()[&head.rank()], head));
        }
        queued_tails += usize::from(!lane.is_ready(lane.tail().unwrap().nonce()));
    }
    assert_eq!((state.pending(), state.queued(), state.bytes()), (pending, queued, bytes));
    assert_eq!(state.len(), pending + queued);
    assert_eq!(state.heads().len(), heads);
    assert_eq!(state.tails.len(), state.lanes().count());
    assert_eq!(state.queued_tails.len(), queued_tails);
    assert!(state.len() <= config.max_transactions && state.bytes() <= config.max_bytes);
    assert!(state.queued() <= config.max_queued);
}

/// Nonces of each sender, in the order given.
fn nonces(txs: &[Arc<RecoveredTx>]) -> BTreeMap<Address, Vec<u64>> {
    let mut by_sender: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for tx in txs {
        by_sender.entry(tx.sender).or_default().push(tx.tx.nonce());
    }
    by_sender
}
