//! Native money: balances as portions that age, pools, supply, and the split of fees.
//!
//! An account's balance is a short list of [`Portion`]s, oldest first. A portion remembers what arrived and when; what
//! it is worth today follows from its age and a burn table (D11, D12). Nothing is written when time passes: an account
//! is settled when it is touched, and settling once gives the same wei as settling daily (D15).
//!
//! ```text
//!  EVM journal ──Movement──▶ Ledger ──debit oldest first──▶ Portions of the payer      (D14)
//!                              │  └──fresh or carried─────▶ Portions of the recipient  (D13, D17a)
//!                              ├── decay ─▶ dividend pool, rest burned                 (D12)
//!                              └── write ─▶ account records (evm), pools and supply (def)
//! ```
//!
//! - [`Portions`]: settle, debit, credit; pure arithmetic on one account.
//! - [`Ledger`]: applies [`Movement`]s one by one to a working set of accounts and writes it once.
//! - [`fees`]: D19's split of base fees and the operator's tips, once per block.
//! - [`TokenParams`]: burn tables, length of a day, dust limit. [`TokenParams::plain`] is money that does not age:
//!   every account then holds one portion and the same code runs.
//!
//! Invariants
//! - `total_supply = Σ nominal balances + Σ pools` (+ what other modules hold) after every ledger is written and the
//!   block's fees are distributed (D4).
//! - A debit or credit changes the effective balance by exactly its amount (D12's ceiling makes it so).
//! - An account has at most [`MAX_PORTIONS`] portions (D13), in ascending order of receipt.

mod account;
mod block_host;
pub mod deflation_multiplier;
pub mod effective_balance;
mod error;
pub mod fees;
pub mod keys;
mod ledger;
mod params;
mod portion;
mod portions;
pub mod state;

pub use account::{AccountRecord, EMPTY_CODE_HASH};
pub use block_host::BlockHost;
pub use error::TokenError;
pub use fees::{FeeSplit, credit_tips, distribute_base_fees, split_base_fees};
pub use ledger::{Ledger, Movement, MovementKind, movement_kind};
pub use params::{BurnTable, TableVersion, TokenParams};
pub use portion::{DAYS, Portion, Settled};
pub use portions::{MAX_PORTIONS, Piece, Portions};
