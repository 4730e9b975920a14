//! dividends: under construction.

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
