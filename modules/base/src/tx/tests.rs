#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEnvelope, TxLegacy};
use alloy_primitives::{Signature, hex};
use proptest::prelude::*;
use secp256k1::{Message, SECP256K1, SecretKey};

use super::*;

fn key(byte: u8) -> SecretKey {
    SecretKey::from_byte_array([byte; 32]).unwrap()
}

fn address_of(secret: &SecretKey) -> Address {
    let point = secret.public_key(SECP256K1).serialize_uncompressed();
    Address::from_word(keccak256(&point[1..]))
}

fn sign(secret: &SecretKey, hash: B256) -> Signature {
    let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), secret).serialize_compact();
    Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
}

fn transfer(chain_id: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce: 7,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(9)),
        value: U256::from(5),
        ..Default::default()
    }
}

fn signed(secret: &SecretKey, tx: TxEip1559) -> Bytes {
    let signature = sign(secret, tx.signature_hash());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

fn native(kind: NativeKind) -> SignedNativeTx {
    let tx = NativeTx {
        kind,
        chain_id: 35679,
        nonce: 3,
        max_priority_fee_per_gas: 1,
        max_fee_per_gas: 2_000_000_000,
        gas_limit: 100_000,
        payload: Bytes::from_static(b"stake"),
    };
    let signature = sign(&key(5), tx.signature_hash());
    tx.into_signed(signature)
}

#[test]
fn the_signer_of_a_transfer_is_recovered() {
    let raw = signed(&key(1), transfer(35679));
    let tx = decode(raw.clone(), MAX_TX_BYTES).unwrap();
    assert_eq!(tx.hash(), keccak256(&raw));
    assert_eq!(tx.recover().unwrap(), address_of(&key(1)));
    assert_eq!((tx.nonce(), tx.gas_limit(), tx.kind()), (7, 21_000, 2));
    assert_eq!(tx.effective_tip(1_999_999_999), Some(1));
    assert_eq!(tx.effective_tip(2_000_000_001), None);
}

#[test]
fn another_chain_is_refused_with_both_ids() {
    let tx = decode(signed(&key(1), transfer(1)), MAX_TX_BYTES).unwrap();
    let error = tx.check_chain(35679).unwrap_err();
    assert_eq!(error, TxError::WrongChain { found: 1, expected: 35679 });
}

#[test]
fn a_legacy_transaction_without_chain_id_is_refused() {
    let legacy = TxLegacy { chain_id: None, gas_limit: 21_000, ..Default::default() };
    let signature = sign(&key(1), legacy.signature_hash());
    let raw = TxEnvelope::from(legacy.into_signed(signature)).encoded_2718();
    let tx = decode(raw.into(), MAX_TX_BYTES).unwrap();
    assert_eq!(tx.check_chain(35679), Err(TxError::Unprotected(35679)));
}

#[test]
fn a_malleable_twin_is_refused() {
    let tx = transfer(35679);
    let order = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    let good = sign(&key(1), tx.signature_hash());
    let twin = Signature::new(good.r(), order - good.s(), !good.v());
    let raw = TxEnvelope::from(tx.into_signed(twin)).encoded_2718();
    assert_eq!(decode(raw.into(), MAX_TX_BYTES).unwrap().recover(), Err(TxError::Malleable));
}

#[test]
fn blobs_unknown_types_and_sizes_are_refused_by_name() {
    let blob = TxEip4844 { chain_id: 35679, ..Default::default() };
    let signature = sign(&key(1), blob.signature_hash());
    let raw = TxEnvelope::from(blob.into_signed(signature)).encoded_2718();
    assert_eq!(decode(raw.into(), MAX_TX_BYTES), Err(TxError::Blob));
    assert_eq!(decode(vec![5, 1].into(), MAX_TX_BYTES), Err(TxError::UnknownType(5)));
    assert_eq!(decode(vec![2; 11].into(), 10), Err(TxError::Oversized { bytes: 11, limit: 10 }));
    assert!(matches!(decode(Bytes::new(), 10), Err(TxError::Undecodable { bytes: 0, .. })));
}

#[test]
fn a_native_transaction_travels_round_and_is_refused_by_name() {
    for kind in [NativeKind::Staking, NativeKind::Trading, NativeKind::Compute] {
        let native = native(kind);
        let tx = decode(native.encoded().into(), MAX_TX_BYTES).unwrap();
        assert_eq!(tx.recover().unwrap(), address_of(&key(5)));
        assert_eq!(tx.body(), &TxBody::Native(native));
        let refused = Err(TxError::NativeInactive(kind as u8));
        assert_eq!(tx.check_served(), if kind == NativeKind::Staking { Ok(()) } else { refused });
    }
}

/// Frozen: a change here changes what wallets sign.
#[test]
fn the_native_encoding_is_frozen() {
    let expected = "64f857828b5f03018477359400830186a0857374616b6580\
        a00f9965accfb4dded3ed5af42ff36b2a56373b58de4a3fa453913c780a11d0f9e\
        a0447e77f00218b9d390dd2693aac7b3b69eedfb4db6038e0376b6f20b362101dd";
    assert_eq!(hex::encode(native(NativeKind::Staking).encoded()), expected);
    assert_eq!(
        native(NativeKind::Staking).tx.signature_hash(),
        keccak256(hex!("64d4828b5f03018477359400830186a0857374616b65"))
    );
}

#[test]
fn an_untidy_integer_is_not_canonical_or_does_not_decode() {
    let mut raw = signed(&key(1), transfer(35679)).to_vec();
    raw.push(0);
    assert!(matches!(decode(raw.into(), MAX_TX_BYTES), Err(TxError::Undecodable { .. })));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(tx) = decode(bytes.clone().into(), MAX_TX_BYTES) {
            prop_assert_eq!(tx.raw().as_ref(), bytes.as_slice());
        }
    }

    #[test]
    fn a_changed_byte_never_keeps_the_hash(at in 0..100usize, with in any::<u8>()) {
        let raw = signed(&key(1), transfer(35679));
        let mut changed = raw.to_vec();
        let at = at % changed.len();
        prop_assume!(changed[at] != with);
        changed[at] = with;
        if let Ok(tx) = decode(changed.into(), MAX_TX_BYTES) {
            prop_assert_ne!(tx.hash(), keccak256(&raw));
        }
    }
}
