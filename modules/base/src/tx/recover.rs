//! ECDSA public key recovery with the C library: four times faster than pure Rust, and the hot path of admission.

use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use super::TxError;

/// Half the order of secp256k1: the greatest `s` that EIP-2 accepts.
const HALF_ORDER: U256 =
    U256::from_be_bytes(alloy_primitives::hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"));

/// The address whose key made `signature` over `hash`.
///
/// # Errors
/// When `s` is in the upper half of the curve order, or no public key fits.
pub fn recover_signer(hash: B256, signature: &Signature) -> Result<Address, TxError> {
    if signature.s() > HALF_ORDER {
        return Err(TxError::Malleable);
    }
    let mut compact = [0; 64];
    let (r, s) = compact.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    s.copy_from_slice(&signature.s().to_be_bytes::<32>());
    let parity = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(&compact, parity).map_err(|_| TxError::Signature)?;
    let key = SECP256K1
        .recover_ecdsa(Message::from_digest(hash.0), &signature)
        .map_err(|_| TxError::Signature)?
        .serialize_uncompressed();
    let (_tag, point) = key.split_at(1);
    Ok(Address::from_word(keccak256(point)))
}
