//! The EVM of this chain: revm at Osaka rules (D8) behind our own small surface.
//!
//! revm's interface changes with nearly every release; nothing of it leaves this crate. What others see:
//!
//! ```text
//!            begin_block                  Executor                        end_of_block (defchain-token)
//!  Overlay ─────────────▶ Overlay ──▶ execute(tx) … execute(tx) ──▶ Overlay ─────────────▶ Overlay
//!            2935, 4788                TxOutcome    TxOutcome       Σ base fees, Σ tips, Σ shares
//! ```
//!
//! Inside `execute`: [`validity`] judges, with what the transaction demands beside gas ([`demand()`]); revm runs on a database that shows effective balances; one journal opens and
//! closes the overlay's checkpoints with the EVM's frames, charges commission at each movement of value (D17) and keeps the
//! movements that survive; afterwards they
//! are applied to portions one by one, nonces, code and storage are written, and every balance is compared.
//!
//! - [`Executor`]: transactions of a block. [`simulate`](simulate()) and [`estimate_gas`]: the same EVM on a throw-away
//!   overlay.
//! - [`trace_call`], [`Executor::trace`]: the same with an inspector of revm-inspectors looking on; [`access_list()`];
//!   [`BlockSimulator`]: blocks that are only pretended (`eth_simulateV1`). An [`Interrupt`] ends any of them.
//! - [`base_registry`]: system addresses (D10), one entry each; [`native`] is what their functions see.
//! - [`genesis_accounts`], [`write_genesis_account`]: what stands before block 1.
//! - [`next_base_fee`]: EIP-1559 by time (D8a).
//!
//! Invariants
//! - An invalid transaction leaves state untouched; a reverted frame undoes native state exactly as storage.
//! - After each transaction, for every account it loaded, the EVM's balance equals what its portions are worth.
//! - Fees and the pools' shares of commission leave the payer with the transaction and reach nobody before the end of the
//!   block (D17, D19); unused gas is never debited.
//! - The result depends on state, block and transactions alone.

#![allow(clippy::result_large_err, reason = "refusals carry their figures (up to 128 bytes); the hot path returns Ok")]

mod access_list;
mod begin;
mod db;
mod demand;
mod env;
mod error;
mod estimate;
mod executor;
mod fees;
mod genesis;
mod handler;
mod inspect;
mod journal;
pub mod keys;
mod outcome;
mod precompiles;
mod sender;
mod settle;
mod simulate;
pub mod state;
mod system;
pub mod trace;
mod tx_env;
pub mod validity;

pub use access_list::{AccessListOutcome, access_list};
pub use begin::begin_block;
pub use defchain_base::{
    BlockEnv,
    native::{self, Registry},
};
pub use demand::{demand, try_out, value_of};
pub use env::limits;
pub use error::ExecError;
pub use estimate::{EstimateError, estimate_gas};
pub use executor::Executor;
pub use fees::next_base_fee;
pub use genesis::{CREATE2_DEPLOYER, GenesisAccount, SYSTEM_CODE, genesis_accounts, write_genesis_account};
pub use inspect::interrupt::Interrupt;
pub use outcome::TxOutcome;
pub use sender::sender;
pub use simulate::{
    AccountOverride, BlockOverrides, CallRequest, SimOptions, SimOutcome, SimResult, StateOverrides,
    block::{BlockSimulator, SimRules, SimTx},
    simulate,
};
pub use system::{ENTRIES, base_registry};
pub use trace::{GethTrace, TraceError, TraceOptions, TracePlace, Tracer, trace_call};
