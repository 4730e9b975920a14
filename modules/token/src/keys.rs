//! Where native money lives.
//!
//! | Substore | Key | Value | Example |
//! |---|---|---|---|
//! | evm | `a ‖ address` | [`AccountRecord`] | `61 f39f…2266` |
//! | def | `token/pool/ ‖ pool` | amount | `746f6b656e2f706f6f6c2f 00` |
//! | def | `token/supply` | amount | |
//! | def | `token/expiry/ ‖ be64 age ‖ address` | [`Present`] | `746f6b656e2f6578706972792f 0000000029306000 f39f…2266` |
//! | def | `token/swept` | [`SweptTo`] | |
//! | def | `token/exempt/ ‖ address` | [`Present`] | `746f6b656e2f6578656d70742f f39f…2266` |
//! | sys | `token/params` | [`TokenParams`] | |

use defchain_base::{Address, AgeMillis, Amount, CodecError, Decode, Encode, Reader, StateKey, Substore, system::Pool};

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

/// An account's place in the expiry index: when the first of its portions ends (D15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryKey {
    /// When, on the age clock.
    pub at: AgeMillis,
    /// Who.
    pub address: Address,
}

impl ExpiryKey {
    const PREFIX: &'static [u8] = b"token/expiry/";

    /// The first key of that age.
    #[must_use]
    pub fn first_at(at: AgeMillis) -> Vec<u8> {
        [Self::PREFIX, &at.0.to_be_bytes()].concat()
    }

    /// From a key's bytes, if they are one.
    #[must_use]
    pub fn parse(key: &[u8]) -> Option<Self> {
        let (age, address) = key.strip_prefix(Self::PREFIX)?.split_first_chunk::<8>()?;
        let at = AgeMillis(u64::from_be_bytes(*age));
        Some(Self { at, address: Address::try_from(address).ok()? })
    }
}

impl StateKey for ExpiryKey {
    type Value = Present;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(Self::PREFIX);
        out.extend(self.at.0.to_be_bytes());
        out.extend(self.address);
    }
}

/// How far the sweep has come: the last index entry it took. What lies before it is never looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweptKey;

impl StateKey for SweptKey {
    type Value = SweptTo;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"token/swept");
    }
}

/// An address that does not decay (D16): the list of them, for whoever wants all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExemptKey(pub Address);

impl ExemptKey {
    pub(crate) const PREFIX: &'static [u8] = b"token/exempt/";
}

impl StateKey for ExemptKey {
    type Value = Present;
    const SUBSTORE: Substore = Substore::Def;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(Self::PREFIX);
        out.extend(self.0);
    }
}

/// A record that says no more than that it is there: its version byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Present;

impl Encode for Present {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
    }
}

impl Decode for Present {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "mark").map(|()| Self)
    }
}

/// The last entry of the expiry index that was swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweptTo {
    /// Its age.
    pub at: AgeMillis,
    /// Its account.
    pub address: Address,
}

impl Encode for SweptTo {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.at.0.to_be_bytes());
        out.extend(self.address);
    }
}

impl Decode for SweptTo {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "swept to";
        input.version(VERSION, WHAT)?;
        Ok(Self { at: AgeMillis(input.u64(WHAT)?), address: Address::new(input.array(WHAT)?) })
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
        let expiry = ExpiryKey { at: AgeMillis(0x0102), address: Address::repeat_byte(0x33) };
        assert_eq!(expiry.to_key(), [&b"token/expiry/\0\0\0\0\0\0\x01\x02"[..], &[0x33; 20]].concat());
        assert_eq!(ExpiryKey::parse(&expiry.to_key()), Some(expiry));
        assert_eq!(ExpiryKey::parse(b"token/expiry/\0\0"), None);
        assert!(ExpiryKey::first_at(AgeMillis(0x0102)) < expiry.to_key());
        assert!(ExpiryKey::first_at(AgeMillis(0x0103)) > expiry.to_key());
        assert_eq!(SweptKey.to_key(), b"token/swept");
        assert_eq!(ExemptKey(Address::repeat_byte(2)).to_key(), [&b"token/exempt/"[..], &[2; 20]].concat());
    }

    #[test]
    fn the_small_records_are_frozen() {
        assert_eq!(Present.to_bytes(), [1]);
        let to = SweptTo { at: AgeMillis(0x0102), address: Address::repeat_byte(0x33) };
        assert_eq!(to.to_bytes(), [&[1, 0, 0, 0, 0, 0, 0, 1, 2][..], &[0x33; 20]].concat());
        assert_eq!(read_exact_value::<SweptTo>(&to.to_bytes()).unwrap(), to);
        assert!(read_exact_value::<Present>(&[2]).is_err());
    }

    #[test]
    fn amounts_travel_round() {
        let bytes = AmountRecord(Amount::from_wei(258)).to_bytes();
        assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read_exact_value::<AmountRecord>(&bytes).unwrap().0.wei(), 258);
    }
}
