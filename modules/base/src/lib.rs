//! The vocabulary every other crate speaks.
//!
//! This crate holds what two crates would otherwise define twice: units ([`Amount`], [`Height`], [`Power`],
//! [`Timestamp`]), addresses, the state traits with their journaled [`Overlay`], what native modules see
//! ([`native`]), and the forms in which transactions travel ([`tx`], [`payload`]). It does no I/O and knows nothing of ABCI, RocksDB or the EVM.
//!
//! ```text
//!   bytes ──tx::decode──▶ SignedTx ──recover──▶ RecoveredTx ──evm──▶ Overlay ──into_delta──▶ StateDelta ──store──▶ app hash
//! ```
//!
//! Invariants
//! - Money is a `u128` of base units (D2); every operation is checked, products pass through 256 bits, rounding is
//!   in the name.
//! - A state key belongs to one substore (D6) and one module; the order of keys is the order of their bytes.
//! - A reverted checkpoint leaves the overlay exactly as it was when the checkpoint was taken.
//! - Every wire and disk form has one encoding: decoding what was encoded gives it back, and nothing else decodes (D8b).

mod amount;
mod block;
mod calendar;
mod codec;
mod error;
pub mod native;
pub mod params;
pub mod payload;
mod state;
pub mod system;
pub mod tx;
mod units;

pub use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
pub use amount::Amount;
pub use block::BlockEnv;
pub use calendar::{Calendar, Month};
pub use codec::{Decode, Encode, Reader, read_exact_value};
pub use error::{AmountError, CodecError, StateError};
pub use state::{
    Checkpoint, EmptyState, MemoryState, Overlay, StateDelta, StateKey, StateRead, StateReadExt, StateWrite,
    StateWriteExt, Substore,
};
pub use units::{AgeMillis, Bps, ConsensusAddress, Height, Power, Timestamp};
