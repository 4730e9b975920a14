//! Where the EVM's code and storage live, in substore `evm`. Accounts are [`defchain_token::keys::AccountKey`].
//!
//! | Key | Value | Example |
//! |---|---|---|
//! | `s ‖ address ‖ slot` | the word without leading zeros; a zero word is absent | `73 …address… …slot…` → `2a` |
//! | `c ‖ code hash` | code, written once | `63 …hash…` → `6001…` |

use alloy_primitives::{Address, B256, Bytes, U256};
use defchain_base::{CodecError, Decode, Encode, Reader, StateKey, Substore};

/// The greatest size of stored code (EIP-170).
pub const MAX_CODE_BYTES: usize = 24_576;

/// A slot of a contract's storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageKey {
    /// The contract.
    pub address: Address,
    /// The slot.
    pub slot: U256,
}

impl StateKey for StorageKey {
    type Value = StorageWord;
    const SUBSTORE: Substore = Substore::Evm;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(b's');
        out.extend(self.address);
        out.extend(self.slot.to_be_bytes::<32>());
    }
}

/// A word of storage that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageWord(pub U256);

impl Encode for StorageWord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_be_bytes_trimmed_vec());
    }
}

impl Decode for StorageWord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "storage word";
        let bytes = input.take(input.left(), WHAT)?;
        if bytes.len() > 32 || bytes.first().is_none_or(|b| *b == 0) {
            return Err(CodecError::NotCanonical(WHAT));
        }
        Ok(Self(U256::from_be_slice(bytes)))
    }
}

/// Code by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeKey(pub B256);

impl StateKey for CodeKey {
    type Value = Code;
    const SUBSTORE: Substore = Substore::Evm;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(b'c');
        out.extend(self.0);
    }
}

/// Code as deployed, or an EIP-7702 delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(pub Bytes);

impl Encode for Code {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Decode for Code {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let bytes = input.take(input.left(), "code")?;
        Ok(Self(Bytes::copy_from_slice(bytes)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn key_encodings_are_frozen() {
        let slot = StorageKey { address: Address::repeat_byte(0x22), slot: U256::from(0x0304) };
        let mut expected = vec![b's'];
        expected.extend([0x22; 20]);
        expected.extend([0; 30]);
        expected.extend([3, 4]);
        assert_eq!(slot.to_key(), expected);
        assert_eq!(CodeKey(B256::repeat_byte(0x33)).to_key(), [&b"c"[..], &[0x33; 32]].concat());
    }

    #[test]
    fn words_are_stored_without_leading_zeros_and_only_so() {
        for (word, bytes) in [(U256::from(1), vec![1]), (U256::from(0x0100), vec![1, 0]), (U256::MAX, vec![0xff; 32])] {
            assert_eq!(StorageWord(word).to_bytes(), bytes);
            assert_eq!(read_exact_value::<StorageWord>(&bytes).unwrap().0, word);
        }
        for bytes in [vec![], vec![0, 1], vec![1; 33]] {
            assert!(read_exact_value::<StorageWord>(&bytes).is_err(), "{bytes:?}");
        }
    }
}
