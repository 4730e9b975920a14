//! Native modules: how they are reached, what they may do, and how they stand in the one table of system addresses.
//!
//! ```text
//!   transaction ──EVM frame──▶ Registry ──▶ Function::run(&mut NativeCall) ─┐
//!                                                                          ├─▶ the module's messages, over `dyn Host`
//!   begin and end of a block ──────────────▶ the module's lifecycle steps ─┘
//! ```
//!
//! A module's messages are written once, against [`Host`]. Inside a transaction the host is a [`NativeCall`]: metered,
//! undone with its frame, money moving through the EVM's journal. At the begin and end of a block it is
//! `defchain_token::BlockHost`: not metered, its logs are block events (D21).
//!
//! - [`SystemEntry`] and [`Function`] belong to the module: each crate exports the entry of its address.
//! - [`Registry`] gathers entries; the application makes the one that a chain runs with.

mod call;
mod host;
mod registry;

pub use call::{NativeCall, NativeError, NativeGas, NativeHost};
pub use host::{Host, decode_args, encode_log};
pub use registry::{CompactCall, CompactFn, Function, Mutability, NativeFn, Reached, Registry, Role, SystemEntry};
