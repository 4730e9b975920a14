//! Proofs of possession (D31): whoever registers a key holds its secret, and means this operator on this chain.
//!
//! What is signed, byte by byte:
//!
//! ```text
//! consensus: "defchain/pop/ed25519/v1"    ‖ be64(EVM chain id) ‖ operator (20) ‖ ed25519 key (32)
//! BLS:       "defchain/pop/bls12-381/v1"  ‖ be64(EVM chain id) ‖ operator (20) ‖ BLS key (96, compressed G2)
//! ```
//!
//! The ed25519 signature (64 bytes) is over the message itself and judged by ZIP-215, as CometBFT judges votes. The BLS
//! signature (48 bytes, compressed G1) hashes the message to G1 with [`BLS_POP_DST`]. Both messages name their key, so that
//! a proof for one key is none for another, and no sum of keys passes for a key (rogue keys).

use blst::{BLST_ERROR, min_sig};
use defchain_base::Address;
use ed25519_consensus::{Signature, VerificationKey};

use crate::ValidatorsError;

/// Ciphersuite of proofs: minimal signatures, proof of possession.
pub const BLS_POP_DST: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/// Ciphersuite of messages that are signed by a key whose possession was proved.
pub const BLS_SIG_DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

const CONSENSUS_TAG: &[u8] = b"defchain/pop/ed25519/v1";
const BLS_TAG: &[u8] = b"defchain/pop/bls12-381/v1";

/// A compressed point of G2: a public key.
pub type BlsKey = [u8; 96];
/// A compressed point of G1: a signature.
pub type BlsSignature = [u8; 48];

fn message(tag: &[u8], evm_chain_id: u64, operator: Address, key: &[u8]) -> Vec<u8> {
    [tag, &evm_chain_id.to_be_bytes(), operator.as_slice(), key].concat()
}

/// What the secret of a consensus key signs.
#[must_use]
pub fn consensus_message(evm_chain_id: u64, operator: Address, key: &[u8; 32]) -> Vec<u8> {
    message(CONSENSUS_TAG, evm_chain_id, operator, key)
}

/// What the secret of a BLS key signs.
#[must_use]
pub fn bls_message(evm_chain_id: u64, operator: Address, key: &BlsKey) -> Vec<u8> {
    message(BLS_TAG, evm_chain_id, operator, key)
}

/// Checks the proof of a consensus key.
///
/// # Errors
/// When the key is no point, a point of small order (every message has a signature by it), or the proof is of another key,
/// operator or chain.
pub fn verify_consensus(
    evm_chain_id: u64,
    operator: Address,
    key: &[u8; 32],
    proof: &[u8],
) -> Result<(), ValidatorsError> {
    let refuse = |why: String| ValidatorsError::ConsensusKey { key: alloy_primitives::hex::encode_prefixed(key), why };
    let point = check_consensus_key(key)?;
    let proof: [u8; 64] = proof
        .try_into()
        .map_err(|_| refuse(format!("its proof of possession has {} bytes, 64 needed", proof.len())))?;
    point.verify(&Signature::from(proof), &consensus_message(evm_chain_id, operator, key)).map_err(|_| {
        refuse(format!("its proof of possession is not for operator {operator} on chain id {evm_chain_id}"))
    })
}

/// Checks a consensus key alone.
///
/// # Errors
/// When it is no point of the curve, or one of small order.
pub fn check_consensus_key(key: &[u8; 32]) -> Result<VerificationKey, ValidatorsError> {
    let refuse = |why: &str| ValidatorsError::ConsensusKey {
        key: alloy_primitives::hex::encode_prefixed(key),
        why: why.to_owned(),
    };
    let point = VerificationKey::try_from(*key).map_err(|_| refuse("it is no point of Curve25519"))?;
    // R = the neutral point, s = 0: by ZIP-215 a signature of any message exactly when 8 × key is neutral.
    let mut neutral = [0; 64];
    neutral[0] = 1;
    if point.verify(&Signature::from(neutral), b"small order").is_ok() {
        return Err(refuse("it is a point of small order, for which anybody can sign"));
    }
    Ok(point)
}

/// Checks the proof of a BLS key.
///
/// # Errors
/// When the key is no point of G2's subgroup or the point at infinity, or the proof is of another key, operator or chain.
pub fn verify_bls(evm_chain_id: u64, operator: Address, key: &[u8], proof: &[u8]) -> Result<BlsKey, ValidatorsError> {
    let (bytes, point) = check_bls_key(key)?;
    let refuse = |why: String| ValidatorsError::BlsKey { key: alloy_primitives::hex::encode_prefixed(key), why };
    if proof.len() != 48 {
        return Err(refuse(format!("its proof of possession has {} bytes, 48 needed", proof.len())));
    }
    let signature = min_sig::Signature::sig_validate(proof, true)
        .map_err(|e| refuse(format!("its proof of possession is no point of G1: {}", say(e))))?;
    let message = bls_message(evm_chain_id, operator, &bytes);
    // Both points were checked to be in their subgroups above.
    match signature.verify(false, &message, BLS_POP_DST, &[], &point, false) {
        BLST_ERROR::BLST_SUCCESS => Ok(bytes),
        _ => Err(refuse(format!("its proof of possession is not for operator {operator} on chain id {evm_chain_id}"))),
    }
}

/// Checks a BLS key alone.
///
/// # Errors
/// When it is not the compressed form of a point in G2's subgroup other than infinity.
pub fn check_bls_key(key: &[u8]) -> Result<(BlsKey, min_sig::PublicKey), ValidatorsError> {
    let shown = || alloy_primitives::hex::encode_prefixed(key.get(..96).unwrap_or(key));
    let refuse = |why: String| ValidatorsError::BlsKey { key: shown(), why };
    let bytes: BlsKey =
        key.try_into().map_err(|_| refuse(format!("a compressed key of G2 has 96 bytes, this has {}", key.len())))?;
    let point = min_sig::PublicKey::key_validate(&bytes).map_err(|e| refuse(say(e).to_owned()))?;
    Ok((bytes, point))
}

const fn say(e: BLST_ERROR) -> &'static str {
    match e {
        BLST_ERROR::BLST_BAD_ENCODING => "its encoding is not canonical",
        BLST_ERROR::BLST_POINT_NOT_ON_CURVE => "it is not on the curve",
        BLST_ERROR::BLST_POINT_NOT_IN_GROUP => "it is not in the subgroup of prime order",
        BLST_ERROR::BLST_PK_IS_INFINITY => "it is the point at infinity",
        _ => "it does not decode",
    }
}

/// A BLS secret, for tools: the command line makes keys and proofs with it. Consensus code holds no secrets.
#[derive(Clone)]
pub struct BlsSecret(min_sig::SecretKey);

impl core::fmt::Debug for BlsSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlsSecret(hidden)")
    }
}

impl BlsSecret {
    /// The secret that 32 random bytes lead to (KeyGen of the BLS signature draft).
    ///
    /// # Errors
    /// Never for 32 bytes; the library's refusal is passed on.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, ValidatorsError> {
        let refuse = |e| ValidatorsError::BlsKey { key: "(secret)".to_owned(), why: say(e).to_owned() };
        min_sig::SecretKey::key_gen(seed, &[]).map(Self).map_err(refuse)
    }

    /// A secret as [`Self::to_bytes`] gave it.
    ///
    /// # Errors
    /// When the bytes are zero or not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ValidatorsError> {
        let refuse = |e| ValidatorsError::BlsKey { key: "(secret)".to_owned(), why: say(e).to_owned() };
        min_sig::SecretKey::from_bytes(bytes).map(Self).map_err(refuse)
    }

    /// The secret itself, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> BlsKey {
        self.0.sk_to_pk().compress()
    }

    /// Its proof of possession.
    #[must_use]
    pub fn prove(&self, evm_chain_id: u64, operator: Address) -> BlsSignature {
        let message = bls_message(evm_chain_id, operator, &self.public());
        self.0.sign(&message, BLS_POP_DST, &[]).compress()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use alloy_primitives::hex;
    use ed25519_consensus::SigningKey;

    use super::*;

    const OPERATOR: Address = Address::repeat_byte(0x11);

    fn said<T: core::fmt::Debug>(result: Result<T, ValidatorsError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn the_messages_are_frozen() {
        let m = consensus_message(0x0102, OPERATOR, &[9; 32]);
        assert_eq!(m, [&b"defchain/pop/ed25519/v1"[..], &[0, 0, 0, 0, 0, 0, 1, 2], &[0x11; 20], &[9; 32]].concat());
        let m = bls_message(0x0102, OPERATOR, &[9; 96]);
        assert_eq!(m, [&b"defchain/pop/bls12-381/v1"[..], &[0, 0, 0, 0, 0, 0, 1, 2], &[0x11; 20], &[9; 96]].concat());
    }

    #[test]
    fn d31_a_consensus_key_is_proved_for_its_operator_and_chain_alone() {
        let secret = SigningKey::from([7; 32]);
        let key = secret.verification_key().to_bytes();
        let proof = secret.sign(&consensus_message(1, OPERATOR, &key)).to_bytes();
        verify_consensus(1, OPERATOR, &key, &proof).unwrap();
        let other = Address::repeat_byte(0x22);
        assert!(said(verify_consensus(1, other, &key, &proof)).contains("not for operator 0x2222"));
        assert!(said(verify_consensus(2, OPERATOR, &key, &proof)).contains("on chain id 2"));
        let other_key = SigningKey::from([8; 32]).verification_key().to_bytes();
        assert!(verify_consensus(1, OPERATOR, &other_key, &proof).is_err());
        assert!(said(verify_consensus(1, OPERATOR, &key, &proof[1..])).contains("63 bytes, 64 needed"));
    }

    /// The eight points of small order in their canonical form: for each, R = neutral and s = 0 signs everything.
    #[test]
    fn consensus_keys_that_anybody_can_sign_for_are_refused() {
        for key in [
            hex!("0100000000000000000000000000000000000000000000000000000000000000"),
            hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            hex!("0000000000000000000000000000000000000000000000000000000000000000"),
            hex!("0000000000000000000000000000000000000000000000000000000000000080"),
            hex!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            hex!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
            hex!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            hex!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        ] {
            let mut proof = [0; 64];
            proof[0] = 1;
            assert!(said(verify_consensus(1, OPERATOR, &key, &proof)).contains("small order"), "{}", hex::encode(key));
        }
        assert!(said(verify_consensus(1, OPERATOR, &[2; 32], &[0; 64])).contains("no point"));
    }

    #[test]
    fn d31_a_bls_key_is_proved_for_its_operator_and_chain_alone() {
        let secret = BlsSecret::from_seed(&[7; 32]).unwrap();
        let (key, proof) = (secret.public(), secret.prove(1, OPERATOR));
        assert_eq!(verify_bls(1, OPERATOR, &key, &proof).unwrap(), key);
        assert!(said(verify_bls(1, Address::repeat_byte(0x22), &key, &proof)).contains("not for operator"));
        assert!(said(verify_bls(2, OPERATOR, &key, &proof)).contains("on chain id 2"));
        let other = BlsSecret::from_seed(&[8; 32]).unwrap();
        assert!(verify_bls(1, OPERATOR, &other.public(), &proof).is_err());
        // A signature under the suite for messages is no proof.
        let signed = secret.0.sign(&bls_message(1, OPERATOR, &key), BLS_SIG_DST, &[]).compress();
        assert!(verify_bls(1, OPERATOR, &key, &signed).is_err());
        assert_eq!(BlsSecret::from_bytes(&secret.to_bytes()).unwrap().public(), key);
        assert!(BlsSecret::from_bytes(&[0; 32]).is_err());
        assert!(!format!("{secret:?}").contains(&hex::encode(secret.to_bytes())));
    }

    #[test]
    fn d31_bls_keys_outside_the_group_are_refused() {
        let secret = BlsSecret::from_seed(&[7; 32]).unwrap();
        let (key, proof) = (secret.public(), secret.prove(1, OPERATOR));
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        assert!(said(verify_bls(1, OPERATOR, &infinity, &proof)).contains("infinity"));
        let mut infinite_proof = [0; 48];
        infinite_proof[0] = 0xc0;
        assert!(verify_bls(1, OPERATOR, &key, &infinite_proof).is_err());
        // A point of the curve outside the subgroup: random x coordinates almost never lie inside.
        let outside = (1..=255_u8).find_map(|x| {
            let mut bytes = [0; 96];
            (bytes[0], bytes[95]) = (0x80, x);
            min_sig::PublicKey::uncompress(&bytes).is_ok().then_some(bytes)
        });
        assert!(said(verify_bls(1, OPERATOR, &outside.unwrap(), &proof)).contains("subgroup"));
        assert!(said(verify_bls(1, OPERATOR, &[0; 95], &proof)).contains("has 95"));
        assert!(said(verify_bls(1, OPERATOR, &[0xff; 96], &proof)).contains("0xff"));
        assert!(said(verify_bls(1, OPERATOR, &key, &proof[..47])).contains("47 bytes, 48 needed"));
        // The uncompressed form of the same point is another encoding: refused by its length.
        assert!(said(verify_bls(1, OPERATOR, &secret.0.sk_to_pk().serialize(), &proof)).contains("has 192"));
    }

    #[test]
    fn rogue_keys_do_not_prove_possession() {
        // key(rogue) = key(b) - key(a): its owner could sign for a + rogue with b's secret, but knows no secret of it.
        let (a, b) = (BlsSecret::from_seed(&[1; 32]).unwrap(), BlsSecret::from_seed(&[2; 32]).unwrap());
        let mut sum = min_sig::AggregatePublicKey::from_public_key(&b.0.sk_to_pk());
        sum.sub_aggregate(&min_sig::AggregatePublicKey::from_public_key(&a.0.sk_to_pk()));
        let rogue = sum.to_public_key().compress();
        let message = bls_message(1, OPERATOR, &rogue);
        for secret in [&a, &b] {
            let forged = secret.0.sign(&message, BLS_POP_DST, &[]).compress();
            assert!(said(verify_bls(1, OPERATOR, &rogue, &forged)).contains("not for operator"));
        }
    }
}
