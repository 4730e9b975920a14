use defchain_base::{Address, AgeMillis, Amount, B256, CodecError, Decode, Encode, Reader};

use crate::{
    error::{TokenError, invalid},
    params::{PLAIN_TABLE, TokenParams},
    portion::{DAYS, Portion},
    portions::{MAX_PORTIONS, Portions},
};

/// Keccak of no bytes: the code hash of an account without code.
pub const EMPTY_CODE_HASH: B256 = B256::new([
    0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6,
    0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70,
]);

const VERSION: u8 = 2;
const HAS_CODE: u8 = 1;
const DELEGATED: u8 = 2;
const NO_DECAY: u8 = 4;
const HAS_REFERRER: u8 = 8;
const HAS_SWEEP: u8 = 16;
const ALL_FLAGS: u8 = HAS_CODE | DELEGATED | NO_DECAY | HAS_REFERRER | HAS_SWEEP;

/// What state keeps about an account. A plain transfer reads and writes two of these and nothing else.
///
/// ```text
/// version 2 ‖ flags ‖ nonce u64 ‖ [code hash 32] ‖ [referrer 20] ‖ [sweep at u64]
///           ‖ count u8 ‖ count × (original u128, received u64, day u8, table u16)
/// flags: 1 code, 2 the code is an EIP-7702 delegation, 4 does not decay, 8 referrer, 16 stands in the expiry index
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Next nonce.
    pub nonce: u64,
    /// Keccak of the code; [`EMPTY_CODE_HASH`] when there is none.
    pub code_hash: B256,
    /// Whether the code is an EIP-7702 delegation: such an account counts as one without code (D17).
    pub delegated: bool,
    /// Whether governance put it on the list of those who do not decay (D16).
    pub no_decay: bool,
    /// Who referred it (D18).
    pub referrer: Option<Address>,
    /// Where it stands in the expiry index (D15); 0 when it does not. Never after its first portion ends.
    pub sweep_at: AgeMillis,
    /// The balance.
    pub portions: Portions,
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self {
            nonce: 0,
            code_hash: EMPTY_CODE_HASH,
            delegated: false,
            no_decay: false,
            referrer: None,
            sweep_at: AgeMillis(0),
            portions: Portions::default(),
        }
    }
}

impl AccountRecord {
    /// Whether there is code, be it an EIP-7702 delegation.
    #[must_use]
    pub fn has_code(&self) -> bool {
        self.code_hash != EMPTY_CODE_HASH
    }

    /// Whether it is a contract to D17 and EIP-3607: with code other than a delegation.
    #[must_use]
    pub fn is_contract(&self) -> bool {
        self.has_code() && !self.delegated
    }

    /// Whether nothing would be lost with it: no money, no code, never a transaction (EIP-161), and not on a list. A
    /// referrer alone keeps no record: an account comes into being by money or code.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.nonce == 0 && !self.has_code() && self.portions.is_empty() && !self.no_decay
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

    fn flags(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.has_code(), HAS_CODE)
            | bit(self.delegated, DELEGATED)
            | bit(self.no_decay, NO_DECAY)
            | bit(self.referrer.is_some(), HAS_REFERRER)
            | bit(self.sweep_at.0 != 0, HAS_SWEEP)
    }
}

/// Bytes of a record without portions at most, and of each portion.
const HEAD_BYTES: usize = 1 + 1 + 8 + 32 + 20 + 8 + 1;
const PORTION_BYTES: usize = 16 + 8 + 1 + 2;

impl Encode for AccountRecord {
    /// Written by every payment, twice: in memory of the right size at once.
    fn to_bytes(&self) -> Vec<u8> {
        let portions = self.portions.as_slice().len().saturating_mul(PORTION_BYTES);
        let mut out = Vec::with_capacity(HEAD_BYTES.saturating_add(portions));
        self.encode(&mut out);
        out
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.flags());
        out.extend(self.nonce.to_be_bytes());
        if self.has_code() {
            out.extend(self.code_hash);
        }
        if let Some(referrer) = self.referrer {
            out.extend(referrer);
        }
        if self.sweep_at.0 != 0 {
            out.extend(self.sweep_at.0.to_be_bytes());
        }
        // At most 201 portions: the count fits a byte.
        out.push(u8::try_from(self.portions.as_slice().len()).unwrap_or(u8::MAX));
        for portion in self.portions.as_slice() {
            out.extend_from_slice(&portion.original.wei().to_be_bytes());
            out.extend_from_slice(&portion.received_at.0.to_be_bytes());
            out.push(portion.settled_day);
            out.extend_from_slice(&portion.table.to_be_bytes());
        }
    }
}

impl Decode for AccountRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "account record";
        input.version(VERSION, WHAT)?;
        let flags = input.u8(WHAT)?;
        if flags & !ALL_FLAGS != 0 || flags & (HAS_CODE | DELEGATED) == DELEGATED {
            return Err(invalid(WHAT, format!("flags {flags:#x} do not go together")));
        }
        let has = |flag: u8| flags & flag != 0;
        let nonce = input.u64(WHAT)?;
        let code_hash = if has(HAS_CODE) { B256::new(input.array(WHAT)?) } else { EMPTY_CODE_HASH };
        let referrer = if has(HAS_REFERRER) { Some(Address::new(input.array(WHAT)?)) } else { None };
        let sweep_at = AgeMillis(if has(HAS_SWEEP) { input.u64(WHAT)? } else { 0 });
        if has(HAS_CODE) && code_hash == EMPTY_CODE_HASH || has(HAS_SWEEP) && sweep_at.0 == 0 {
            return Err(CodecError::NotCanonical(WHAT));
        }
        let portions = portions(input)?;
        let no_decay = has(NO_DECAY);
        if no_decay && !portions.as_slice().iter().all(|p| p.table == PLAIN_TABLE) {
            return Err(invalid(WHAT, "an account that does not decay holds a portion that does"));
        }
        Ok(Self { nonce, code_hash, delegated: has(DELEGATED), no_decay, referrer, sweep_at, portions })
    }
}

fn portions(input: &mut Reader<'_>) -> Result<Portions, CodecError> {
    const WHAT: &str = "account record";
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
    Portions::from_list(list).map_err(|e| invalid(WHAT, e.to_string()))
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
            ..Default::default()
        }
    }

    fn full() -> AccountRecord {
        let referrer = Some(Address::repeat_byte(0xcd));
        AccountRecord { delegated: true, referrer, sweep_at: AgeMillis(0x0304), ..record() }
    }

    #[test]
    fn the_encoding_is_frozen() {
        assert_eq!(hex::encode(&AccountRecord::default().to_bytes()), "0200000000000000000000");
        assert_eq!(
            hex::encode(&record().to_bytes()),
            "02010000000000000007abababababababababababababababababababababababababababababababab01\
             00000000000000000de0b6b3a76400000000000000000102030004"
        );
        assert_eq!(
            hex::encode(&full().to_bytes()),
            "021b0000000000000007abababababababababababababababababababababababababababababababab\
             cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd000000000000030401\
             00000000000000000de0b6b3a76400000000000000000102030004"
        );
        let mut held = AccountRecord { no_decay: true, ..Default::default() };
        held.portions.credit_plain(AgeMillis(5), Amount::from_wei(6)).unwrap();
        assert_eq!(
            hex::encode(&held.to_bytes()),
            "0204000000000000000001000000000000000000000000000000060000000000000005\
             00ffff"
        );
        assert_eq!(defchain_base::keccak256([]), EMPTY_CODE_HASH);
    }

    #[test]
    fn records_travel_round_and_nothing_else_decodes() {
        let bytes = record().to_bytes();
        for record in [record(), full(), AccountRecord::default()] {
            assert_eq!(read_exact_value::<AccountRecord>(&record.to_bytes()).unwrap(), record);
        }
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert_eq!(read_exact_value::<AccountRecord>(&trailing), Err(CodecError::Trailing(1)));
        let mut version = bytes.clone();
        version[0] = 1;
        assert!(matches!(read_exact_value::<AccountRecord>(&version), Err(CodecError::Version { version: 1, .. })));
        let mut empty_hash = bytes;
        empty_hash[10..42].copy_from_slice(EMPTY_CODE_HASH.as_slice());
        assert!(matches!(read_exact_value::<AccountRecord>(&empty_hash), Err(CodecError::NotCanonical(_))));
        // A delegation without code, an unknown flag, a sweep at 0.
        let mut record = AccountRecord::default().to_bytes();
        for flags in [2, 32, 0x82] {
            record[1] = flags;
            assert!(read_exact_value::<AccountRecord>(&record).is_err(), "{flags}");
        }
        let mut swept_never = AccountRecord { sweep_at: AgeMillis(1), ..Default::default() }.to_bytes();
        swept_never[17] = 0;
        assert_eq!(read_exact_value::<AccountRecord>(&swept_never), Err(CodecError::NotCanonical("account record")));
        // Does not decay, yet holds a portion under a burn table.
        let mut decays = record_with_flag(NO_DECAY);
        assert!(read_exact_value::<AccountRecord>(&decays).is_err());
        decays[1] = HAS_CODE;
        assert!(read_exact_value::<AccountRecord>(&decays).is_ok());
    }

    fn record_with_flag(flag: u8) -> Vec<u8> {
        let mut bytes = record().to_bytes();
        bytes[1] |= flag;
        bytes
    }

    #[test]
    fn a_delegated_account_is_no_contract_and_an_empty_one_is_void() {
        assert!(record().is_contract() && !full().is_contract() && full().has_code());
        let referred = AccountRecord { referrer: Some(Address::ZERO), ..Default::default() };
        assert!(referred.is_void() && !AccountRecord { no_decay: true, ..Default::default() }.is_void());
    }
}
