//! The vectors of docs/src/registration.md, computed anew.

use alloy_primitives::hex;
use defchain_base::U256;
use defchain_geo::Attestation;
use defchain_validators::pop;
use ed25519_consensus::SigningKey;

use crate::world::{CHAIN, START, bls_secret, country, sign, verifier_address, who};

const PAGE: &str = include_str!("../../../../docs/src/registration.md");

#[test]
fn the_published_vectors_are_what_the_code_does() {
    let operator = who(0x11);
    let secret = SigningKey::from([7; 32]);
    let key = secret.verification_key().to_bytes();
    let message = pop::consensus_message(CHAIN, operator, &key);
    let proof = secret.sign(&message).to_bytes();
    pop::verify_consensus(CHAIN, operator, &key, &proof).unwrap();

    let bls = pop::BlsSecret::from_seed(&[7; 32]).unwrap();
    let bls_message = pop::bls_message(CHAIN, operator, &bls.public());
    let bls_proof = bls.prove(CHAIN, operator);
    pop::verify_bls(CHAIN, operator, &bls.public(), &bls_proof).unwrap();
    assert_ne!(bls.public(), bls_secret(7).public());

    let attestation = Attestation {
        validator: operator,
        country: country("DE"),
        verification_date: START,
        expiration_date: START + 31_536_000,
        nonce: U256::from(7),
    };
    let signature = sign(7, &attestation);
    assert_eq!(attestation.recover(CHAIN, &signature).unwrap(), verifier_address(7));

    for (name, value) in [
        ("ed25519 key", key.to_vec()),
        ("ed25519 message", message),
        ("ed25519 proof", proof.to_vec()),
        ("BLS secret", bls.to_bytes().to_vec()),
        ("BLS key", bls.public().to_vec()),
        ("BLS message", bls_message),
        ("BLS proof", bls_proof.to_vec()),
        ("attestation hash", attestation.hash().to_vec()),
        ("attestation digest", attestation.signing_hash(CHAIN).to_vec()),
        ("attestation signature", signature),
        ("verifier", verifier_address(7).to_vec()),
    ] {
        let line = format!("{name}: {}\n", hex::encode_prefixed(value));
        assert!(PAGE.contains(&line), "docs/src/registration.md lacks\n{line}");
    }
}
