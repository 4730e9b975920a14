use defchain_base::{AgeMillis, Amount, B256, CodecError, Decode, Encode, Reader};

use crate::{
    error::{TokenError, invalid},
    params::TokenParams,
    portion::{DAYS, Portion},
    portions::{MAX_PORTIONS, Portions},
};

/// Keccak of no bytes: the code hash of an account without code.
pub const EMPTY_CODE_HASH: B256 = B256::new([
    0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6,
    0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70,
]);

const VERSION: u8 = 1;
const HAS_CODE: u8 = 1;

/// What state keeps about an account. A plain transfer reads and writes two of these and nothing else.
///
/// ```text
/// version 1 ‖ flags ‖ nonce u64 ‖ [code hash 32] ‖ count u8 ‖ count × (original u128, received u64, day u8, table u16)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Next nonce.
    pub nonce: u64,
    /// Keccak of the code; [`EMPTY_CODE_HASH`] when there is none.
    pub code_hash: B256,
    /// The balance.
    pub portions: Portions,
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self { nonce: 0, code_hash: EMPTY_CODE_HASH, portions: Portions::default() }
    }
}

impl AccountRecord {
    /// Whether there is code, be it an EIP-7702 delegation.
    #[must_use]
    pub fn has_code(&self) -> bool {
        self.code_hash != EMPTY_CODE_HASH
    }

    /// What can be spent at `now`.
    ///
    /// # Errors
    /// When the record breaks an invariant.
    pub fn effective_balance(&self, params: &TokenParams, now: AgeMillis) -> Result<Amount, TokenError> {
        self.portions.effective(params, now)
    }

    /// What was last written (D20: what `eth_getBalance` shows).
    ///
    /// # Errors
    /// When the record breaks an invariant.
    pub fn nominal_balance(&self, params: &TokenParams) -> Result<Amount, TokenError> {
        self.portions.nominal(params)
    }
}

impl Encode for AccountRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(if self.has_code() { HAS_CODE } else { 0 });
        out.extend(self.nonce.to_be_bytes());
        if self.has_code() {
            out.extend(self.code_hash);
        }
        // At most 201 portions: the count fits a byte.
        out.push(u8::try_from(self.portions.as_slice().len()).unwrap_or(u8::MAX));
        for portion in self.portions.as_slice() {
            out.extend(portion.original.wei().to_be_bytes());
            out.extend(portion.received_at.0.to_be_bytes());
            out.push(portion.settled_day);
            out.extend(portion.table.to_be_bytes());
        }
    }
}

impl Decode for AccountRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "account record";
        input.version(VERSION, WHAT)?;
        let flags = input.u8(WHAT)?;
        if flags > HAS_CODE {
            return Err(invalid(WHAT, format!("unknown flags {flags:#x}")));
        }
        let nonce = input.u64(WHAT)?;
        let code_hash = if flags == HAS_CODE { B256::new(input.array(WHAT)?) } else { EMPTY_CODE_HASH };
        if flags == HAS_CODE && code_hash == EMPTY_CODE_HASH {
            return Err(CodecError::NotCanonical(WHAT));
        }
        let count = usize::from(input.u8(WHAT)?);
        let mut list = Vec::with_capacity(count.min(MAX_PORTIONS));
        for _ in 0..count {
            let portion = Portion {
                original: input.amount(WHAT)?,
                received_at: AgeMillis(input.u64(WHAT)?),
                settled_day: input.u8(WHAT)?,
                table: input.u16(WHAT)?,
            };
            if portion.settled_day > DAYS {
                return Err(invalid(WHAT, format!("settled at day {}, the last is {DAYS}", portion.settled_day)));
            }
            list.push(portion);
        }
        let portions = Portions::from_list(list).map_err(|e| invalid(WHAT, e.to_string()))?;
        Ok(Self { nonce, code_hash, portions })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use alloy_hex as hex;
    use defchain_base::read_exact_value;

    use super::*;

    /// Hex without another dependency.
    mod alloy_hex {
        pub fn encode(bytes: &[u8]) -> String {
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        }
    }

    fn record() -> AccountRecord {
        let portion = Portion { original: Amount::ONE_DEF, received_at: AgeMillis(0x0102), settled_day: 3, table: 4 };
        AccountRecord {
            nonce: 7,
            code_hash: B256::repeat_byte(0xab),
            portions: Portions::from_list(vec![portion]).unwrap(),
        }
    }

    #[test]
    fn the_encoding_is_frozen() {
        assert_eq!(hex::encode(&AccountRecord::default().to_bytes()), "0100000000000000000000");
        assert_eq!(
            hex::encode(&record().to_bytes()),
            "01010000000000000007abababababababababababababababababababababababababababababababab01\
             00000000000000000de0b6b3a76400000000000000000102030004"
        );
        assert_eq!(defchain_base::keccak256([]), EMPTY_CODE_HASH);
    }

    #[test]
    fn records_travel_round_and_nothing_else_decodes() {
        let bytes = record().to_bytes();
        assert_eq!(read_exact_value::<AccountRecord>(&bytes).unwrap(), record());
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert_eq!(read_exact_value::<AccountRecord>(&trailing), Err(CodecError::Trailing(1)));
        let mut version = bytes.clone();
        version[0] = 2;
        assert!(matches!(read_exact_value::<AccountRecord>(&version), Err(CodecError::Version { version: 2, .. })));
        let mut empty_hash = bytes;
        empty_hash[10..42].copy_from_slice(EMPTY_CODE_HASH.as_slice());
        assert!(matches!(read_exact_value::<AccountRecord>(&empty_hash), Err(CodecError::NotCanonical(_))));
    }
}
