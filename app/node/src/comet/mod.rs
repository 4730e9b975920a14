//! CometBFT's files, in its own formats.

pub mod config;
pub mod keys;
pub mod state_sync;
