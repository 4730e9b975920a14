//! JSON-RPC for Ethereum tools and our own: HTTP, batches and WebSocket on one port, with health, readiness and
//! metrics beside it (YP 9.3).
//!
//! ```text
//!  bytes ─▶ server (host, origin, size, connections) ─▶ dispatch ─▶ methods ─▶ one buffer ─▶ one write
//!                                                          │           ├─ Reader: committed blocks and state
//!                                                          │           ├─ Pool:   what waits
//!                                                          │           └─ evm:    calls on a copy that is thrown away
//!  chain, pool ─▶ hub (bounded rings) ─▶ ws (one task per connection) ─▶ notices
//! ```
//!
//! - [`RpcServer::start`] with an [`RpcConfig`] and an [`RpcContext`] gives an [`RpcHandle`].
//! - `methods` is the one list of methods; `eth/`, `debug/`, `net`, `txpool`, `def` and `dev` hold them by topic;
//!   `absent` says what to use in the place of methods that other nodes have.
//! - The transport is axum; the dispatch is our own, because limits, batches of raw transactions and the order of
//!   WebSocket replies are decided there.
//!
//! Invariants
//! - Only committed blocks are shown; one block hash everywhere (D7). Nothing here changes state but the pool's,
//!   except where a development chain is commanded (`dev/`); no network's node has those methods.
//! - Every list, queue, range and wait has a bound in [`RpcConfig`] or a named constant, and its error says the figure.
//! - Work that reads the store or runs the EVM is on a bounded number of threads, none of them the chain's (`workers`).
//!   What callers make the server hold is on one ledger (`held`). A slow client costs itself: it is disconnected, the
//!   chain never waits for it.
//! - Nothing a client sends makes the process panic.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "no consensus code: figures are bounded by limits, overflow checks stay on"
)]

mod absent;
mod api;
mod config;
mod context;
mod debug;
mod def;
mod dev;
mod dispatch;
mod error;
mod eth;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod held;
mod hub;
mod id;
mod limits;
mod methods;
mod metrics;
mod net;
mod params;
mod recent;
mod server;
mod session;
mod tags;
mod txpool;
mod types;
mod workers;
mod ws;

pub use config::{BalanceMode, RpcConfig};
pub use context::{RpcContext, SyncInfo, system_now};
pub use error::RpcError;
pub use server::{RpcHandle, RpcServer, ServerError};
