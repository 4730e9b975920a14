//! Native money: balances as portions that age, commission, pools, supply, and the split of fees.
//!
//! An account's balance is a short list of [`Portion`]s, oldest first. A portion remembers what arrived and when; what
//! it is worth today follows from its age and a burn table (D11, D12). Nothing is written when time passes: an account
//! is settled when it is touched, and settling once gives the same wei as settling daily (D15). What nobody touches is
//! swept when it ends (see `expiry.rs`).
//!
//! ```text
//!  EVM journal ── terms, commission ──▶ Movement ──▶ Ledger ── debit oldest first ─▶ Portions of the payer      (D14)
//!   (D17, judged at the movement)                      │  └─── fresh or carried ───▶ Portions of the recipient  (D13, D17a)
//!                                                      ├── account records (evm), places in the expiry index (def)
//!                                                      └── Effects { shares, settled } ─▶ summed over the block
//!  end of the block:  sweep ─▶ base fees, tips (D19) ─▶ pools credited once, supply written once    (end_of_block)
//! ```
//!
//! - [`Portions`]: settle, debit, credit; pure arithmetic on one account.
//! - [`terms`] and [`CommissionRates`]: who pays commission on a movement, how much, and where it goes.
//! - [`Ledger`]: applies [`Movement`]s one by one to a working set of accounts and writes it once.
//! - [`end_of_block`]: sweep, D19's split of base fees, tips, and all that the block's transactions gave to pools.
//! - [`set_referrer`], [`set_exempt`], [`add_burn_table`]: what a user and what governance may change.
//! - [`TokenParams`]: burn tables, commission, length of a day, dust limit. [`TokenParams::plain`] is money that neither
//!   ages nor pays commission: every account then holds one portion and the same code runs.
//! - [`token::ENTRY`], [`effective_balance::ENTRY`], [`deflation_multiplier::ENTRY`]: its system addresses.
//!
//! Invariants ([`invariants::check`])
//! - INV-TOKEN-01: `total_supply = Σ nominal balances + Σ pools` between blocks (D4). Within a block, what its
//!   transactions gave to pools and burned stands in its sums until [`end_of_block`].
//! - INV-TOKEN-02: an account whose money ages stands in the expiry index at or before the end of its first portion.
//! - INV-TOKEN-03: the index and the records agree: one place an account, no entry without its account.
//! - INV-TOKEN-04: no entry stands where the sweep has passed.
//! - INV-TOKEN-05: the list of those who do not decay and their records agree.
//! - A debit or credit changes the effective balance by exactly its amount (D12's ceiling makes it so).
//! - An account has at most [`MAX_PORTIONS`] portions (D13), in ascending order of receipt.

mod abi;
mod account;
mod block_host;
mod commission;
pub mod deflation_multiplier;
pub mod effective_balance;
mod error;
pub mod events;
mod expiry;
pub mod fees;
pub mod genesis;
mod governed;
pub mod invariants;
pub mod keys;
mod ledger;
mod params;
mod portion;
mod portions;
mod referral;
mod shares;
pub mod state;
pub mod token;

pub use abi::IToken;
pub use account::{AccountRecord, EMPTY_CODE_HASH};
pub use block_host::BlockHost;
pub use commission::{Commission, CommissionRates, Party, Terms, is_precompile, party, terms};
pub use error::TokenError;
pub use expiry::{Swept, open_account, sweep};
pub use fees::{BlockTotals, EndOfBlock, FeeSplit, Payees, end_of_block, split_base_fees};
pub use governed::{add_burn_table, exempt, is_exempt, set_exempt};
pub use ledger::{Effects, Ledger, Movement, MovementKind};
pub use params::{BurnTable, PLAIN_TABLE, TableVersion, TokenParams};
pub use portion::{DAYS, Portion, Settled};
pub use portions::{MAX_PORTIONS, Piece, Portions};
pub use referral::{ReferralError, referrer_of, set_referrer};
pub use shares::Shares;
