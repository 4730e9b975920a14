//! The two items of a block, and the list of transactions that the store keeps.
//!
//! | item | content |
//! |---|---|
//! | 0 | injected envelope (`defchain_abci::envelope`): the previous height's extended commit when it carries notices (D35) |
//! | 1 | payload: every transaction of the block (`defchain_base::payload`) |

use defchain_abci::envelope::InjectedEnvelope;
use defchain_base::{
    Bytes, CodecError,
    payload::{self, PayloadLimits},
    tx::MAX_TX_BYTES,
};

use crate::params::{ChainParams, MAX_PAYLOAD_BYTES};

/// Most bytes of item 0. D38 keeps the injected commit under 512 KiB at 195 validators.
pub const MAX_ENVELOPE_BYTES: usize = 512 * 1024;
/// Most bytes of a stored list: the largest payload that params allow.
const MAX_STORED_BYTES: usize = 32 * 1024 * 1024;
const _: () = assert!(MAX_STORED_BYTES as u64 == MAX_PAYLOAD_BYTES, "whatever a block carries can be read back");

/// Why the items of a proposal are not a block of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// Not two items.
    #[error("a block has 2 items (envelope, payload), this one has {0}")]
    Count(usize),
    /// Item 0.
    #[error("item 0: {0}")]
    Envelope(String),
    /// Item 1.
    #[error("item 1: {0}")]
    Payload(#[from] CodecError),
}

/// The items of a block with these transactions.
#[must_use]
pub fn encode_items<'a>(txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> [Bytes; 2] {
    encode_with(&InjectedEnvelope::default(), txs)
}

/// The items of a block with this envelope.
#[must_use]
pub fn encode_with<'a>(
    envelope: &InjectedEnvelope,
    txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone,
) -> [Bytes; 2] {
    [envelope.encode().into(), payload::encode(txs).into()]
}

/// What the proposer injected.
///
/// # Errors
/// When item 0 is not an envelope.
pub fn decode_envelope(items: &[bytes::Bytes]) -> Result<InjectedEnvelope, ItemError> {
    let Some(envelope) = items.first() else { return Err(ItemError::Count(0)) };
    InjectedEnvelope::decode(envelope, MAX_ENVELOPE_BYTES).map_err(|e| ItemError::Envelope(e.to_string()))
}

/// The transactions of a block's items.
///
/// # Errors
/// When the items are not exactly an envelope and a canonical payload within the params.
pub fn decode_items(items: &[bytes::Bytes], params: &ChainParams) -> Result<Vec<Bytes>, ItemError> {
    let [_, payload] = items else { return Err(ItemError::Count(items.len())) };
    decode_envelope(items)?;
    let limits = PayloadLimits {
        bytes: usize::try_from(params.max_payload_bytes).unwrap_or(usize::MAX),
        tx_bytes: MAX_TX_BYTES,
    };
    Ok(payload::decode(&Bytes::from(payload.clone()), limits)?)
}

/// What the store keeps: executed transactions only, in the order of their receipts.
#[must_use]
pub fn encode_stored<'a>(txs: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    payload::encode(txs)
}

/// Reads what [`encode_stored`] wrote.
///
/// # Errors
/// When the record is damaged.
pub fn decode_stored(bytes: &Bytes) -> Result<Vec<Bytes>, CodecError> {
    payload::decode(bytes, PayloadLimits { bytes: MAX_STORED_BYTES, tx_bytes: MAX_STORED_BYTES })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_an_envelope_and_a_payload_make_a_block() {
        let params = ChainParams::default();
        let tx = Bytes::from_static(b"tx");
        let items = encode_items([&tx].into_iter()).map(|b| b.0);
        assert_eq!(decode_items(&items, &params).unwrap(), [tx]);
        let [envelope, payload] = items;
        assert_eq!(decode_items(&[], &params), Err(ItemError::Count(0)));
        assert_eq!(decode_items(std::slice::from_ref(&envelope), &params), Err(ItemError::Count(1)));
        let swapped = [payload.clone(), envelope.clone()];
        assert!(matches!(decode_items(&swapped, &params), Err(ItemError::Envelope(_))));
        let mut tail = payload.to_vec();
        tail.push(0);
        assert!(matches!(decode_items(&[envelope.clone(), tail.into()], &params), Err(ItemError::Payload(_))));
        let wrong_envelope = bytes::Bytes::from_static(&[1, 0x0a, 0]);
        assert!(matches!(decode_items(&[wrong_envelope, payload.clone()], &params), Err(ItemError::Envelope(_))));
        let small = ChainParams { max_payload_bytes: 8, ..params };
        assert!(matches!(decode_items(&[envelope, payload], &small), Err(ItemError::Payload(_))));
    }
}
