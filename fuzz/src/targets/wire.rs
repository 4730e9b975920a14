//! Transactions, and the forms in which many travel.

use defchain_base::{
    Bytes,
    payload::{self, PayloadLimits},
    tx::{self, MAX_TX_BYTES, TxBody},
};
use defchain_chain::{params::ChainParams, payload as items};

use crate::{Form, Memory, SMALL, Target, Verdict, same};

const LIMITS: PayloadLimits = PayloadLimits { bytes: 32 * 1024, tx_bytes: 4 * 1024 };

pub(super) const TARGETS: &[Target] = &[
    Target::own("tx", Form::Whole, transaction),
    Target::own("payload", Form::Whole, |data| list(data, payload::decode, |txs| payload::encode(txs.iter()))),
    Target::own("bundle", Form::Whole, |data| {
        list(data, payload::decode_bundle, |txs| payload::encode_bundle(txs.iter()))
    }),
    Target::own("stored-txs", Form::Whole, stored),
    Target::own("block-items", Form::Open, block_items).memory(Memory { base: 128 << 10, ..SMALL }),
];

/// One transaction: what decodes is the bytes that were signed, and every question about it has an answer.
fn transaction(data: &[u8]) -> Verdict {
    let small = tx::decode(Bytes::copy_from_slice(data), 512);
    if data.len() > 512 {
        assert!(matches!(small, Err(tx::TxError::Oversized { limit: 512, .. })), "the limit of 512 bytes holds");
    }
    let decoded = tx::decode(Bytes::copy_from_slice(data), MAX_TX_BYTES).map_err(|error| error.to_string())?;
    same(decoded.raw(), data);
    assert_eq!(decoded.hash(), defchain_base::keccak256(data), "its hash is that of its bytes");
    if let TxBody::Native(native) = decoded.body() {
        same(&native.encoded(), data);
    }
    // Each of these may refuse; none may panic.
    let checks = [decoded.check_chain(35_679).err(), decoded.check_served().err(), decoded.recover().err()];
    let _ = (decoded.effective_tip(u64::MAX), decoded.effective_tip(0), decoded.named_sender());
    for error in checks.into_iter().flatten() {
        assert!(error.code() > 100 && !error.to_string().is_empty());
    }
    Ok(())
}

fn list(
    data: &[u8],
    decode: fn(&Bytes, PayloadLimits) -> Result<Vec<Bytes>, defchain_base::CodecError>,
    encode: fn(&[Bytes]) -> Vec<u8>,
) -> Verdict {
    let txs = decode(&Bytes::copy_from_slice(data), LIMITS).map_err(|error| error.to_string())?;
    assert!(data.len() <= LIMITS.bytes && txs.iter().all(|tx| tx.len() <= LIMITS.tx_bytes), "its limits hold");
    same(&encode(&txs), data);
    Ok(())
}

fn stored(data: &[u8]) -> Verdict {
    let txs = items::decode_stored(&Bytes::copy_from_slice(data)).map_err(|error| error.to_string())?;
    same(&items::encode_stored(txs.iter()), data);
    Ok(())
}

/// A proposal's items: `count` in the first byte, each behind two bytes of length; the last takes the rest.
fn block_items(data: &[u8]) -> Verdict {
    let (count, mut rest) = data.split_first().map_or((0, data), |(count, rest)| (*count, rest));
    let mut all = Vec::new();
    for left in (0..count.min(8)).rev() {
        let (item, tail) = match rest.split_first_chunk::<2>() {
            Some((length, tail)) if left > 0 => tail.split_at(usize::from(u16::from_be_bytes(*length)).min(tail.len())),
            _ => (rest, &[][..]),
        };
        all.push(bytes::Bytes::copy_from_slice(item));
        rest = tail;
    }
    let params = ChainParams { max_payload_bytes: 8 * 1024, ..ChainParams::default() };
    let txs = items::decode_items(&all, &params).map_err(|error| error.to_string())?;
    let again = items::encode_items(txs.iter());
    assert_eq!(all.len(), 2, "a block has two items");
    for (encoded, item) in again.iter().zip(&all) {
        same(encoded, item);
    }
    assert!(all[1].len() <= 8 * 1024, "the limit of the params holds");
    Ok(())
}
