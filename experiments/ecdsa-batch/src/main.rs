//! Recovery of signers one by one (libsecp256k1, what the node does) against one multi-scalar multiplication for a
//! whole batch whose senders' public keys are known (arkworks), on one core.
//!
//! A batch holds when Σ aᵢ·Rᵢ = (Σ aᵢ·zᵢ/sᵢ)·G + Σ aᵢ·rᵢ/sᵢ·Qᵢ for random aᵢ of 128 bits; Rᵢ comes from r and the
//! parity. Terms of one sender merge, so what a batch costs depends on how many of its senders differ.
//!
//! `cargo run --release --manifest-path experiments/ecdsa-batch/Cargo.toml`

use std::time::Instant;

use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, batch_inversion};
use ark_secp256k1::{Affine, Fq, Fr, Projective};
use secp256k1::{
    Message, SECP256K1, SecretKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use sha2::{Digest, Sha256};

const BATCH: usize = 4_096;
const ROUNDS: usize = 5;

struct Signed {
    digest: [u8; 32],
    signature: RecoverableSignature,
    sender: usize,
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn batch(senders: usize) -> (Vec<Affine>, Vec<Signed>) {
    let keys: Vec<SecretKey> =
        (0..senders).map(|i| SecretKey::from_byte_array(hash(&[b"key", &i.to_be_bytes()])).unwrap()).collect();
    let public = keys.iter().map(|key| {
        let bytes = key.public_key(SECP256K1).serialize_uncompressed();
        let at = |from: usize| Fq::from_be_bytes_mod_order(&bytes[from..from + 32]);
        Affine::new_unchecked(at(1), at(33))
    });
    let public = public.collect();
    let signed = (0..BATCH).map(|i| {
        let digest = hash(&[b"message", &i.to_be_bytes()]);
        let sender = i % senders;
        let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest), &keys[sender]);
        Signed { digest, signature, sender }
    });
    (public, signed.collect())
}

/// What the node does.
fn recover(signed: &[Signed]) {
    for one in signed {
        let found = SECP256K1.recover_ecdsa(Message::from_digest(one.digest), &one.signature);
        assert!(found.is_ok());
    }
}

/// One equation for all. Returns whether it holds.
fn together(public: &[Affine], signed: &[Signed], seed: u64) -> bool {
    let mut inverses = Vec::with_capacity(signed.len());
    let mut points = Vec::with_capacity(signed.len() + public.len() + 1);
    let mut rs = Vec::with_capacity(signed.len());
    for one in signed {
        let (parity, bytes) = one.signature.serialize_compact();
        inverses.push(Fr::from_be_bytes_mod_order(&bytes[32..]));
        rs.push(Fr::from_be_bytes_mod_order(&bytes[..32]));
        let x = Fq::from_be_bytes_mod_order(&bytes[..32]);
        let Some(y) = (x * x * x + Fq::from(7u64)).sqrt() else { return false };
        let odd = y.into_bigint().is_odd();
        let y = if odd == (parity == RecoveryId::One) { y } else { -y };
        points.push(Affine::new_unchecked(x, y));
    }
    batch_inversion(&mut inverses);
    let mut scalars = Vec::with_capacity(points.capacity());
    let mut of_sender = vec![Fr::ZERO; public.len()];
    let mut of_generator = Fr::ZERO;
    for (i, one) in signed.iter().enumerate() {
        let random = hash(&[b"random", &seed.to_be_bytes(), &i.to_be_bytes()]);
        let a = Fr::from_be_bytes_mod_order(&random[..16]);
        let with = a * inverses[i];
        of_generator += with * Fr::from_be_bytes_mod_order(&one.digest);
        of_sender[one.sender] += with * rs[i];
        scalars.push(-a);
    }
    let negated: Vec<Affine> = points.iter().map(|point| -*point).collect();
    // Short coefficients and long ones apart: the cost of a sum follows its longest scalar.
    let short: Vec<_> = scalars.iter().map(|a| (-*a).into_bigint()).collect();
    let long: Vec<_> = of_sender.iter().chain([&of_generator]).map(|s| s.into_bigint()).collect();
    let mut keys = public.to_vec();
    keys.push(Affine::generator());
    let left = Projective::msm_bigint(&negated, &short);
    let right = Projective::msm_bigint(&keys, &long);
    (left + right).into_affine().is_zero()
}

fn micros(work: impl Fn()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work();
        best = best.min(started.elapsed().as_secs_f64());
    }
    best * 1e6 / BATCH as f64
}

fn main() {
    println!("{BATCH} signatures, best of {ROUNDS}, microseconds per signature on one core");
    println!("{:>8} {:>10} {:>10} {:>7}", "senders", "recovery", "together", "ratio");
    for senders in [4_096, 2_048, 1_024, 256, 16] {
        let (public, signed) = batch(senders);
        assert!(together(&public, &signed, 1), "good signatures must pass");
        let mut forged = batch(senders).1;
        forged[7].digest[0] ^= 1;
        assert!(!together(&public, &forged, 1), "one bad signature must fail the batch");
        let (alone, all) = (micros(|| recover(&signed)), micros(|| assert!(together(&public, &signed, 2))));
        println!("{senders:>8} {alone:>10.1} {all:>10.1} {:>7.2}", alone / all);
    }
}
