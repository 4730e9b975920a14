use alloy_primitives::U256;

use crate::Substore;

/// Why an arithmetic operation on money was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The sum or product is above 2^128 - 1 wei.
    #[error("amount overflow: {0} and {1} exceed 2^128 - 1 wei")]
    Overflow(u128, u128),
    /// The difference would be negative.
    #[error("amount underflow: {0} wei is less than {1} wei")]
    Underflow(u128, u128),
    /// A share with denominator zero.
    #[error("division of {0} wei by zero")]
    DivisionByZero(u128),
    /// A 256-bit value that no native amount can hold.
    #[error("{0} wei does not fit 128 bits")]
    TooLarge(U256),
}

/// Why bytes are not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The input ended early.
    #[error("{what}: {needed} bytes needed, {left} left")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Bytes asked for.
        needed: usize,
        /// Bytes that were there.
        left: usize,
    },
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// A version byte this build does not know.
    #[error("{what}: unknown version {version}")]
    Version {
        /// What was being read.
        what: &'static str,
        /// The byte found.
        version: u8,
    },
    /// A length, count or size above its limit.
    #[error("{what}: {found} is above the limit {limit}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What the input says.
        found: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// The bytes decode, but another encoding is the canonical one (D8b).
    #[error("{0}: not the canonical encoding")]
    NotCanonical(&'static str),
    /// Anything else, said in words.
    #[error("{what}: {why}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Why state could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A stored value does not decode: the database is damaged or was written by another version.
    #[error("corrupt value in substore {substore} at key 0x{key}: {source}")]
    Corrupt {
        /// Where.
        substore: Substore,
        /// The key, in hex.
        key: String,
        /// What is wrong with the bytes.
        source: CodecError,
    },
    /// The backing store failed.
    #[error("store: {0}")]
    Store(String),
    /// A write was tried under a static call.
    #[error("state was written under a static call")]
    StaticWrite,
    /// Arithmetic on a stored amount.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A value in memory that breaks a rule of its module.
    #[error("{0}")]
    Invariant(String),
    /// Whoever asked for the work gave up on it. Simulations and traces only: a block is never interrupted.
    #[error("interrupted")]
    Interrupted,
}
