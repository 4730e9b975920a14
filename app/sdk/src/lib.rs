//! A typed client of the node's JSON-RPC, for programs: the CLI, the load generator, tests and the relayer.
//!
//! ```text
//!   Wallet ──sign──▶ Signed ──▶ Client ──HTTP──▶ defchain-app ──▶ T, or SdkError with code, message and data
//! ```
//!
//! [`native`] makes the chain's own operations, [`contracts`] has their Solidity interfaces, [`events`] reads their logs,
//! [`types`] is what `def_*` answers.
//!
//! [`Client`] has a method for each call that those programs make, and [`Client::request`] for the rest. Cloning it is
//! cheap and shares its connections. [`Blocking`] runs the same calls from code that is not async.
//!
//! Invariants
//! - A node's refusal is [`SdkError::Rpc`], never mixed up with a node that cannot be reached.
//! - An answer is read up to [`MAX_RESPONSE_BYTES`], so that no server can exhaust the memory of its client.
//! - A [`Wallet`] signs for its own chain only.

#![forbid(unsafe_code)]

mod blocking;
mod client;
pub mod contracts;
mod def;
mod error;
pub mod events;
pub mod native;
mod rpc;
mod wallet;

pub use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy};
pub use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
pub use alloy_rpc_types_eth::{Block, BlockId, BlockNumberOrTag, Filter, Log, TransactionReceipt, TransactionRequest};
pub use alloy_rpc_types_txpool::TxpoolStatus;
pub use blocking::Blocking;
pub use client::{Client, Fees, Outgoing};
pub use defchain_rpc_types as types;
pub use error::{RpcError, SdkError};
#[doc(hidden)]
pub use rpc::read_answer;
pub use rpc::{Call, DEFAULT_TIMEOUT, MAX_RESPONSE_BYTES};
pub use wallet::{Signed, Wallet};
