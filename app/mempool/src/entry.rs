use std::{
    cmp::Reverse,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8},
    },
    time::Instant,
};

use defchain_base::{Address, B256, U256, tx::RecoveredTx};
use defchain_evm::validity::{self, Demand, InvalidTx};

/// When this node first received a transaction: orders ties, ages the pool, and goes into vote extensions (D38, in
/// steps of 200 µs, hence microseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstSeen {
    /// Monotonic.
    pub instant: Instant,
    /// Wall clock, microseconds since 1970.
    pub unix_micros: u64,
}

impl FirstSeen {
    /// Wall clock, milliseconds since 1970.
    #[must_use]
    pub const fn unix_millis(&self) -> u64 {
        self.unix_micros / 1_000
    }
}

/// By which door a transaction came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This node's RPC.
    Local,
    /// Another node's bundle.
    Gossip,
}

/// Effective tip in wei per gas; `None`, the least, when the base fee is not reached.
pub(crate) type Price = Option<u128>;

/// A transaction in the pool, with what the indexes need of it: they never touch the transaction's own memory, since a
/// cache miss for each would be most of what a block's selection costs.
pub(crate) struct Entry {
    pub tx: Arc<RecoveredTx>,
    hash: B256,
    sender: Address,
    nonce: u64,
    bytes: usize,
    pub gas_limit: u64,
    pub tip_cap: u128,
    pub fee_cap: u128,
    /// `first_seen` on the pool's own clock.
    pub seen_nanos: u64,
    /// What it asks of its sender beside gas, as of its judgement.
    pub demand: Demand,
    /// Most that it can cost its sender, wei; nothing when it pays for itself (D26a).
    pub cost: U256,
    /// Whether it pays for itself out of what it releases.
    pub self_paid: bool,
    pub origin: Origin,
    pub first_seen: FirstSeen,
    /// Whether subscribers were told of it and it stands in an offer queue.
    pub announced: AtomicBool,
    /// By how many doublings the time until the next offer has grown.
    pub offers: AtomicU8,
}

/// A transaction that is to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub tx: Arc<RecoveredTx>,
    pub origin: Origin,
    pub first_seen: FirstSeen,
}

impl Entry {
    /// To be judged again.
    pub fn draft(&self) -> Draft {
        Draft { tx: Arc::clone(&self.tx), origin: self.origin, first_seen: self.first_seen }
    }

    pub fn new(draft: Draft, demand: Demand, self_paid: bool, seen_nanos: u64) -> Result<Arc<Self>, InvalidTx> {
        let Draft { tx, origin, first_seen } = draft;
        let signed = &tx.tx;
        let cost = if self_paid { U256::ZERO } else { validity::max_cost(signed, &demand)? };
        Ok(Arc::new(Self {
            hash: signed.hash(),
            sender: tx.sender,
            nonce: signed.nonce(),
            bytes: signed.raw().len(),
            gas_limit: signed.gas_limit(),
            tip_cap: signed.max_priority_fee_per_gas(),
            fee_cap: signed.max_fee_per_gas(),
            demand,
            cost,
            self_paid,
            seen_nanos,
            origin,
            first_seen,
            announced: AtomicBool::new(false),
            offers: AtomicU8::new(0),
            tx,
        }))
    }

    pub const fn hash(&self) -> B256 {
        self.hash
    }

    pub const fn sender(&self) -> Address {
        self.sender
    }

    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// As [`defchain_base::tx::SignedTx::effective_tip`], without touching the transaction's own memory.
    pub fn price(&self, base_fee: u64) -> Price {
        self.fee_cap.checked_sub(u128::from(base_fee)).map(|left| left.min(self.tip_cap))
    }

    /// The best place it can have at any base fee.
    pub fn rank(&self) -> Rank {
        self.rank_as(self.tip_cap)
    }

    /// Its place among transactions with that tip.
    pub fn rank_as(&self, tip: u128) -> Rank {
        Rank { tip: Reverse(tip), seen: self.seen_nanos, hash: self.hash() }
    }
}

/// Order of inclusion, least first: dearer, then seen earlier, then by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub tip: Reverse<u128>,
    pub seen: u64,
    pub hash: B256,
}
