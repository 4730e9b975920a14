//! The yardstick: how many secp256k1 signatures a core of this machine recovers in a second.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, Signature, U256, keccak256};
use defchain_base::tx::recover_signer;
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa::RecoveryId};

use super::stats::median;

/// Different signatures that are gone through.
const SIGNATURES: u64 = 256;
/// How long each slice runs. The median of some slices is not moved by a neighbour's burst.
const SLICE: Duration = Duration::from_millis(200);

/// Recoveries per second on one thread, in each of `slices` slices of 200 ms: with the C library, hashing of the key to an
/// address included, as the node does it.
#[must_use]
pub fn recoveries(slices: usize) -> Vec<f64> {
    let signed: Vec<_> = (0..SIGNATURES).filter_map(signed).collect();
    (0..slices)
        .map(|_| {
            let started = Instant::now();
            let mut done = 0u32;
            for (hash, signature) in signed.iter().cycle() {
                done += u32::from(core::hint::black_box(recover_signer(*hash, signature)).is_ok());
                if done.is_multiple_of(32) && started.elapsed() >= SLICE {
                    break;
                }
            }
            f64::from(done) / started.elapsed().as_secs_f64()
        })
        .collect()
}

/// The median over slices taken before and after a run.
#[must_use]
pub fn per_second(slices: &[f64]) -> f64 {
    median(slices.iter().copied()).unwrap_or(0.0)
}

fn signed(number: u64) -> Option<(B256, Signature)> {
    let hash = keccak256(number.to_be_bytes());
    let key = SecretKey::from_byte_array(keccak256(hash).0).ok()?;
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &key);
    let (parity, bytes) = signature.serialize_compact();
    let (r, s) = bytes.split_at(32);
    Some((hash, Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity == RecoveryId::One)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_measures_successful_recoveries() {
        let signed: Vec<_> = (0..SIGNATURES).filter_map(signed).collect();
        assert_eq!(signed.len() as u64, SIGNATURES);
        assert!(signed.iter().all(|(hash, signature)| recover_signer(*hash, signature).is_ok()));
        assert!(recoveries(1).iter().all(|rate| *rate > 0.0));
    }
}
