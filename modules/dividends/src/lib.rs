//! Dividends: a month's share of the dividend pool for every position that was there when the month began (D26, YP 8.4).
//!
//! ```text
//!  first block of a month: staking's day ─▶ Snapshot { pool, β, multipliers }      the same work for any number of stakes
//!  during the month:  claim │ compound ─▶ floor(amount × multiplier × pool / β), as of the snapshot, once a position
//!  end of each block: auto-compound queue by time, at most `compound_per_block` positions
//! ```
//!
//! - A position keeps what it was at the snapshot ([`defchain_staking::AtSnapshot`]), so withdrawals, extensions and slashes
//!   during the month change nothing of its dividend; the snapshot keeps the multipliers, so governance does not either.
//! - Nothing is reserved: what is not claimed by the month's end stays in the pool for the next.
//! - A position younger than `dividend_min_days` claims nothing yet (YP 11.1.4, flash stakes); one that was opened after the
//!   snapshot has no part in it (YP 4.2.3).
//! - Anyone may claim or compound for an owner; the money goes to the owner (D26a).
//!
//! [`lifecycle`] calls staking's steps itself: a snapshot must follow the day's ends of terms and precede slashes.
//!
//! Invariants, checked by [`invariants::check`]
//! - INV-DIVIDENDS-01: no month paid more than its snapshot of the pool.
//! - INV-DIVIDENDS-02: neither would this one if everybody claimed; the weights of all positions are within β.
//! - INV-DIVIDENDS-03: the pool holds what can be claimed.
//! - INV-DIVIDENDS-04: a position that is flagged for compounding stands in the queue.

pub mod abi;
mod auto;
mod claim;
mod entry;
mod error;
pub mod genesis;
pub mod invariants;
pub mod keys;
pub mod lifecycle;
pub mod query;

pub use auto::set_auto_compound;
pub use claim::{claim, claim_all, compound};
pub use entry::{CALCULATOR_ENTRY, ENTRY};
pub use error::DividendError;
pub use keys::Snapshot;
