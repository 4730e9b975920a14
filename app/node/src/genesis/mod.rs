//! The genesis file: drafting it, declaring validators, putting it together, judging it.
//!
//! ```text
//!   coordinator: init ─▶ draft genesis.json ─▶ add-account …        (published)
//!   each validator: init --genesis draft ─▶ add-validator ─▶ declaration-<address>.json   (sent to everybody)
//!   everybody: collect DIR ─▶ the same genesis.json, compared by `genesis hash`
//! ```
//!
//! Nobody is trusted: a declaration proves that its sender holds the consensus key, the order of files does not matter,
//! and each can put the file together himself.

pub mod declaration;
pub mod document;
