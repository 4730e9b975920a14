//! ABCI 2.0 between CometBFT v0.40 and our application: transport, outer wire types, and the two wire
//! forms of our own that travel through it (the injected envelope and the vote extension).
//!
//! ```text
//!            CometBFT (one process, four connections)
//!   query ─────┐   snapshot ─────┐   mempool ─────┐   consensus ─────┐
//!              ▼                 ▼                ▼                  ▼
//!         one thread per connection: FrameReader → decode → dispatch → FrameWriter
//!              │                                      │
//!              │ ends                                 ▼
//!              ▼                       AbciApplication (one clone per connection)
//!        Server::run()  ── returns: every connection lost, panic or shutdown ends here
//! ```
//!
//! Why not the stock server of `tendermint-abci`: it knows TCP only, has no message cap and no shutdown, and a
//! thread of it that dies leaves an application that looks alive. We implement its `Application` trait and serve
//! it ourselves, with `InsertTx` and `ReapTxs` of CometBFT's `app` mempool added ([`AbciApplication`]).
//!
//! Invariants
//! - **One client, four connections.** A fifth is closed at once and disturbs nobody. See [`Server::run`] for
//!   what counts as a lost connection and what as a port probe.
//! - **Never half dead.** A lost connection, an undecodable message or a panic in the application ends
//!   [`Server::run`] with an error that names the connection and the reason; the node exits on it.
//! - **Order.** Replies leave a connection in the order of its requests. Connections do not wait for one another.
//! - **Limits.** No message above [`Limits::max_message_bytes`] is read or written, and memory grows with what
//!   has arrived, never with what a length prefix promises.
//! - **Bytes are shared, not copied.** A transaction in a decoded request is a slice of the received message.
//!   Whoever keeps such a slice for long should copy it, or it keeps the whole message alive.
//!
//! Also here: [`Client`] (tests, tools), [`Recorder`] and [`RecordingReader`] (requests of a run written down
//! and replayed in process), [`Observer`] (metrics), [`envelope`].

mod address;
mod application;
mod call;
mod client;
pub mod envelope;
mod error;
mod frame;
mod observer;
mod record;
mod server;
mod transport;
mod wire;

pub use address::Address;
pub use application::{AbciApplication, dispatch};
pub use call::{Call, CallSet, Role};
pub use client::Client;
pub use error::{ConnectionReport, Error};
pub use frame::{DEFAULT_MAX_MESSAGE_BYTES, FrameReader, FrameWriter};
pub use observer::{FinishedCall, Observer};
pub use record::{Recorded, Recorder, RecordingReader, replay};
pub use server::{Limits, Server, ServerBuilder, ShutdownHandle};
pub use tendermint_abci::Application;
pub use wire::{decode_request, decode_response};

/// Every ABCI message: the inner ones are tendermint-proto's, the outer `Request` and `Response` (with their
/// modules `request` and `response`) and the four app-mempool messages are ours.
pub mod types {
    pub use crate::wire::{
        Request, RequestInsertTx, RequestReapTxs, Response, ResponseInsertTx, ResponseReapTxs, request, response,
    };
    pub use tendermint_proto::v0_38::abci::*;
}
