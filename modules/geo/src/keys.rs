//! Where geography lives. All in `def`.
//!
//! | Key | Value |
//! |---|---|
//! | `geo/ver/ ‖ verifier` | [`Verifier`] |
//! | `geo/nonce/ ‖ verifier ‖ nonce` | [`UsedNonce`] |

use defchain_base::{Address, B256, CodecError, Decode, Encode, Reader, StateKey, Substore, Timestamp, U256};

use crate::error::invalid;

const VERSION: u8 = 1;
/// The longest name of a verifier, in bytes.
pub const MAX_NAME: usize = 64;

/// First bytes of every verifier's key.
pub(crate) const VERIFIERS: &[u8] = b"geo/ver/";

/// A verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierKey(pub Address);

impl StateKey for VerifierKey {
    type Value = Verifier;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(VERIFIERS);
        out.extend(self.0);
    }
}

/// A nonce that a verifier has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceKey(pub Address, pub U256);

impl StateKey for NonceKey {
    type Value = UsedNonce;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"geo/nonce/");
        out.extend(self.0);
        out.extend(self.1.to_be_bytes::<32>());
    }
}

/// An accredited verifier, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// For people; may be empty.
    pub name: String,
    /// When it was accredited.
    pub added_at: Timestamp,
    /// When governance removed it, if it did.
    pub removed_at: Option<Timestamp>,
}

impl Encode for Verifier {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.added_at.0.to_be_bytes());
        out.push(u8::from(self.removed_at.is_some()));
        out.extend(self.removed_at.map_or(0, |t| t.0).to_be_bytes());
        out.extend(u32::try_from(self.name.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(self.name.as_bytes());
    }
}

impl Decode for Verifier {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "verifier")?;
        let added_at = Timestamp(input.u64("verifier added")?);
        let removed = input.u8("verifier removed flag")?;
        let time = input.u64("verifier removed")?;
        let removed_at = match (removed, time) {
            (0, 0) => None,
            (1, time) => Some(Timestamp(time)),
            _ => return Err(CodecError::NotCanonical("verifier")),
        };
        let name = core::str::from_utf8(input.bytes(MAX_NAME, "verifier name")?)
            .map_err(|e| invalid("verifier name", e.to_string()))?
            .to_owned();
        Ok(Self { name, added_at, removed_at })
    }
}

/// Which attestation used a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedNonce(pub B256);

impl Encode for UsedNonce {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.0);
    }
}

impl Decode for UsedNonce {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "used nonce")?;
        input.array("used nonce").map(|b| Self(B256::new(b)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn key_and_record_encodings_are_frozen() {
        let who = Address::repeat_byte(0x11);
        assert_eq!(VerifierKey(who).to_key(), [&b"geo/ver/"[..], &[0x11; 20]].concat());
        assert_eq!(
            NonceKey(who, U256::from(258)).to_key(),
            [&b"geo/nonce/"[..], &[0x11; 20], &[0; 30], &[1, 2]].concat()
        );
        let verifier = Verifier { name: "Ab".to_owned(), added_at: Timestamp(258), removed_at: Some(Timestamp(3)) };
        let bytes = [1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, b'A', b'b'];
        assert_eq!(verifier.to_bytes(), bytes);
        assert_eq!(read_exact_value::<Verifier>(&bytes).unwrap(), verifier);
        assert_eq!(UsedNonce(B256::repeat_byte(9)).to_bytes(), [&[1][..], &[9; 32]].concat());
        // A removal time without its flag has another encoding.
        let mut odd = bytes;
        if let Some(flag) = odd.get_mut(9) {
            *flag = 0;
        }
        assert!(read_exact_value::<Verifier>(&odd).is_err());
    }
}
