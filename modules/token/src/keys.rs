//! Where native money lives.
//!
//! | Substore | Key | Value | Example |
//! |---|---|---|---|
//! | evm | `a ‖ address` | [`AccountRecord`] | `61 f39f…2266` |
//! | def | `token/pool/ ‖ pool` | amount | `746f6b656e2f706f6f6c2f 00` |
//! | def | `token/supply` | amount | |
//! | sys | `token/params` | [`TokenParams`] | |

use defchain_base::{Address, Amount, CodecError, Decode, Encode, Reader, StateKey, Substore, system::Pool};

use crate::{AccountRecord, TokenParams};

const VERSION: u8 = 1;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountKey(pub Address);

impl StateKey for AccountKey {
    type Value = AccountRecord;
    const SUBSTORE: Substore = Substore::Evm;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(b'a');
        out.extend(self.0);
    }
}

/// The balance of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolKey(pub Pool);

impl StateKey for PoolKey {
    type Value = AmountRecord;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"token/pool/");
        out.push(self.0 as u8);
    }
}

/// All native money there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupplyKey;

impl StateKey for SupplyKey {
    type Value = AmountRecord;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"token/supply");
    }
}

/// Parameters of native money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamsKey;

impl StateKey for ParamsKey {
    type Value = TokenParams;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"token/params");
    }
}

/// An amount as a record: version byte, 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AmountRecord(pub Amount);

impl Encode for AmountRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.0.wei().to_be_bytes());
    }
}

impl Decode for AmountRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "amount record")?;
        input.amount("amount record").map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn key_encodings_are_frozen() {
        assert_eq!(AccountKey(Address::repeat_byte(0x11)).to_key(), [&b"a"[..], &[0x11; 20]].concat());
        assert_eq!(PoolKey(Pool::Dividend).to_key(), b"token/pool/\x00");
        assert_eq!(PoolKey(Pool::Treasury).to_key(), b"token/pool/\x03");
        assert_eq!(SupplyKey.to_key(), b"token/supply");
        assert_eq!(ParamsKey.to_key(), b"token/params");
    }

    #[test]
    fn amounts_travel_round() {
        let bytes = AmountRecord(Amount::from_wei(258)).to_bytes();
        assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read_exact_value::<AmountRecord>(&bytes).unwrap().0.wei(), 258);
    }
}
