//! How many transactions travel as one item: a block's payload, and the bundles that nodes gossip.
//!
//! ```text
//! payload = 0x01 ‖ u32 count ‖ (u32 length ‖ transaction)*
//! bundle  = 0xb1 ‖ u32 count ‖ (u32 length ‖ transaction)*
//! ```
//!
//! CometBFT's cost is per item, so a block carries its transactions as one item (item 1; item 0 is the injected
//! envelope). There is exactly one encoding of a list of transactions (D8b). An empty list is a payload too.

use alloy_primitives::Bytes;

use crate::{codec::Reader, error::CodecError, tx::MAX_TX_BYTES};

/// First byte of a block's payload.
const PAYLOAD_VERSION: u8 = 0x01;
/// First byte of a gossiped bundle.
const BUNDLE_VERSION: u8 = 0xb1;
/// Version byte and count.
const HEADER_BYTES: usize = 5;
/// What a transaction costs beside its own bytes.
const ITEM_OVERHEAD: usize = 4;

/// The largest bundle: CometBFT's gossip drops what its send queue cannot take in time (research/cometbft.md).
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024;

const _: () = assert!(MAX_TX_BYTES + HEADER_BYTES + ITEM_OVERHEAD <= MAX_BUNDLE_BYTES, "any transaction fits a bundle");

/// What a decoder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Bytes of the whole.
    pub bytes: usize,
    /// Bytes of one transaction.
    pub tx_bytes: usize,
}

/// Bytes that a list of transactions takes, given how many there are and their bytes in sum.
#[must_use]
pub const fn encoded_len(count: usize, tx_bytes: usize) -> usize {
    HEADER_BYTES.saturating_add(count.saturating_mul(ITEM_OVERHEAD)).saturating_add(tx_bytes)
}

/// A block's payload.
#[must_use]
pub fn encode<'a>(txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    encode_as(PAYLOAD_VERSION, txs)
}

/// A bundle for gossip.
#[must_use]
pub fn encode_bundle<'a>(txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    encode_as(BUNDLE_VERSION, txs)
}

/// The transactions of a payload, sharing its memory.
///
/// # Errors
/// When the bytes are not a payload within `limits`.
pub fn decode(payload: &Bytes, limits: PayloadLimits) -> Result<Vec<Bytes>, CodecError> {
    decode_as(PAYLOAD_VERSION, "payload", payload, limits)
}

/// The transactions of a bundle, sharing its memory.
///
/// # Errors
/// When the bytes are not a bundle within `limits`.
pub fn decode_bundle(bundle: &Bytes, limits: PayloadLimits) -> Result<Vec<Bytes>, CodecError> {
    decode_as(BUNDLE_VERSION, "bundle", bundle, limits)
}

fn encode_as<'a>(version: u8, txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    let bytes = txs.clone().map(|tx| tx.len()).fold(0, usize::saturating_add);
    let mut out = Vec::with_capacity(encoded_len(txs.len(), bytes));
    out.push(version);
    push_len(&mut out, txs.len());
    for tx in txs {
        push_len(&mut out, tx.len());
        out.extend_from_slice(tx);
    }
    out
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    // Blocks are megabytes; a list of 4 GiB never gets this far.
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

fn decode_as(version: u8, what: &'static str, bytes: &Bytes, limits: PayloadLimits) -> Result<Vec<Bytes>, CodecError> {
    if bytes.len() > limits.bytes {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        return Err(CodecError::Limit { what, found, limit: u64::try_from(limits.bytes).unwrap_or(u64::MAX) });
    }
    let mut reader = Reader::new(bytes);
    reader.version(version, what)?;
    // A count cannot exceed what the bytes can hold, so that a lie about it allocates nothing.
    let count = reader.count(bytes.len() / ITEM_OVERHEAD, "transactions")?;
    let mut txs = Vec::with_capacity(count);
    for _ in 0..count {
        txs.push(bytes.slice_ref(reader.bytes(limits.tx_bytes, "transaction")?));
    }
    reader.finish()?;
    Ok(txs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    const LIMITS: PayloadLimits = PayloadLimits { bytes: 4096, tx_bytes: 1024 };

    proptest! {
        #[test]
        fn a_payload_travels_round(txs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let txs: Vec<Bytes> = txs.into_iter().map(Bytes::from).collect();
            let bytes = Bytes::from(encode(txs.iter()));
            prop_assert_eq!(bytes.len(), encoded_len(txs.len(), txs.iter().map(|t| t.len()).sum()));
            prop_assert_eq!(&decode(&bytes, LIMITS).unwrap(), &txs);
            prop_assert!(decode_bundle(&bytes, LIMITS).is_err(), "a payload is not a bundle");
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() { *first = PAYLOAD_VERSION; }
            let bytes = Bytes::from(bytes);
            if let Ok(txs) = decode(&bytes, LIMITS) {
                prop_assert_eq!(encode(txs.iter()), bytes.to_vec());
            }
        }
    }

    #[test]
    fn limits_and_tails_are_refused_with_figures() {
        let tx = Bytes::from(vec![7; 2000]);
        let bytes = Bytes::from(encode([&tx].into_iter()));
        assert_eq!(decode(&bytes, LIMITS), Err(CodecError::Limit { what: "transaction", found: 2000, limit: 1024 }));
        let mut tail = encode([].into_iter());
        tail.push(0);
        assert_eq!(decode(&tail.into(), LIMITS), Err(CodecError::Trailing(1)));
        let lie = Bytes::from(vec![PAYLOAD_VERSION, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(decode(&lie, LIMITS), Err(CodecError::Limit { what: "transactions", .. })));
    }
}
