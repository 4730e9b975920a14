//! The fuzzer's doors to decoders that nobody else calls from outside: each decodes, and encodes again what it understood.

use defchain_base::{CodecError, Decode, Encode, read_exact_value};

use crate::{declared::Edits, upgrade::Version};

/// Edits of a development block, as the store keeps them.
///
/// # Errors
/// What is wrong with the bytes.
pub fn edits(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    again::<Edits>(bytes)
}

/// The version of the rules, as state keeps it.
///
/// # Errors
/// What is wrong with the bytes.
pub fn rules_version(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    again::<Version>(bytes)
}

fn again<T: Decode + Encode>(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    read_exact_value::<T>(bytes).map(|value| value.to_bytes())
}
