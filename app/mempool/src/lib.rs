//! The transaction pool behind CometBFT's `app` mempool.
//!
//! CometBFT carries few large items; this crate decides what a node holds, gossips and proposes. RPC puts transactions
//! straight in, other nodes' transactions arrive in bundles (`InsertTx`), ours leave in bundles (`ReapTxs`), and
//! `PrepareProposal` takes the best of them.
//!
//! ```text
//!  RPC threads ── add_local / add_many ─┐                          ┌─▶ reap_bundles ──▶ CometBFT ──▶ peers
//!                                       ├─ screen ─ recover ─ judge ─▶ lanes ─▶ best ──▶ PrepareProposal
//!  InsertTx ── insert_bundle ─▶ queue ─▶ workers                   └─▶ subscribe, content, status ──▶ RPC
//!                                                                  ▲
//!  Commit ── on_commit(included, new view) ────────────────────────┘
//! ```
//!
//! - *screen*: decode, known?, [`check_static`], fee cap against the next base fee, and, when the pool is full, whether
//!   its tip would displace anything. All of it costs microseconds and comes before the signature.
//! - *recover*: the dearest step. Done outside the pool's lock and once per transaction: [`Pool::recover_all`] serves
//!   blocks from the same memory.
//! - *judge*: [`check_nonce_not_used`] and [`check_payer`] with the sender as of the next block's time. The pool has no
//!   rule of validity of its own (D8b, D17); it adds only what concerns a waiting room: bounds, replacement, order. A call
//!   that may pay for itself out of what it releases is tried on a throw-away copy of the state (D26a).
//! - *lanes*: one per sender, by nonce. What follows the account's nonce without a gap is *pending* (executable), the
//!   rest is *queued*.
//!
//! A transaction is judged against one committed snapshot ([`PoolView`]), read outside the lock; if a block was committed
//! meanwhile, it is judged again. Balances decay without an event to watch: the pool does not re-read every sender at
//! every block, the proposal judges what it takes and tells ([`BestTransactions::mark_invalid`]) what no longer holds,
//! and the next commit re-judges those senders.
//!
//! Invariants
//! - No two transactions of the pool share a sender and nonce, nor a hash.
//! - A lane's pending part starts at the account's nonce and has no gap; [`Pool::best`] yields a prefix of it.
//! - Counts and bytes never exceed [`PoolConfig`]; the gossip queue, the sender memory and the event channel are bounded too.
//! - Order is effective tip at the base fee asked for, then first seen, then hash.
//! - No lock of the pool is held while a signature is recovered or state is read, nor for more than a bounded number of
//!   transactions at a time.
//! - This is no consensus code: two nodes may hold different pools. What a block carries is judged again by the block.
//!
//! [`check_static`]: defchain_evm::validity::check_static
//! [`check_nonce_not_used`]: defchain_evm::validity::check_nonce_not_used
//! [`check_payer`]: defchain_evm::validity::check_payer

#![allow(
    clippy::result_large_err,
    reason = "an error carries its figures; copying 150 bytes is nothing beside a signature"
)]

#[cfg(test)]
extern crate self as defchain_mempool;

mod admit;
mod best;
mod clock;
mod commit;
mod config;
mod entry;
mod error;
mod expire;
mod fees;
mod gossip;
mod lane;
mod metrics;
mod offer;
mod pool;
mod query;
mod room;
mod senders;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use best::{BestLimits, BestTransactions};
pub use commit::Included;
pub use config::PoolConfig;
pub use entry::{FirstSeen, Origin};
pub use error::{InsertCode, PoolError, Unjudged, ViewError};
pub use metrics::PoolMetrics;
pub use pool::Pool;
pub use query::{Content, PoolTransaction, SenderContent, Status};
pub use view::{PoolContext, PoolView};
