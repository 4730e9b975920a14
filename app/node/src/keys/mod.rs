//! Accounts: encrypted keystores (version 3, as geth's) under `<home>/keys`, BIP-39 phrases, BIP-44 paths.

mod bls;
#[doc(hidden)]
pub mod cost;
mod keystore;
mod password;
mod phrase;

pub use bls::StoredBls;
pub use keystore::{Entry, Keystore};
pub use password::{PasswordArgs, read_secret};
pub use phrase::{DEV_MNEMONIC, derive, new_phrase, path, signer_of};
