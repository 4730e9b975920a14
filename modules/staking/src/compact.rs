//! The compact form of staking operations: the payload of a transaction of type 100 (D10).
//!
//! A payload is one canonical RLP list: an opcode, then its arguments as unsigned integers or addresses of 20 bytes. It is turned
//! into the call of 0x…0105 that does the same, so that one handler serves both. Nothing may follow the list or its last item.
//!
//! | Opcode | Items after it | Call |
//! |---|---|---|
//! | 1 | amount in wei, years | `stake(years)` with that value |
//! | 2 | id, years | `extend` |
//! | 3 | id, years | `restake` |
//! | 4 | id | `withdraw` |
//! | 5 | id, amount in wei | `withdrawPart` |
//! | 6 | owner, id | `withdrawFor` |
//! | 7 | id | `unlock` |
//! | 8 | owner, id | `unlockFor` |
//! | 9 | owner, id | `close` |
//! | 10 | id | `claimDividends` |
//! | 11 | owner, id | `claimDividendsFor` |
//! | 12 | | `claimAllDividends` |
//! | 13 | owner | `claimAllDividendsFor` |
//! | 14 | id | `compound` |
//! | 15 | owner, id | `compoundFor` |
//! | 16 | id, 0 or 1 | `setAutoCompound` |

use alloy_rlp::{Decodable, Encodable, Header};
use alloy_sol_types::SolCall;
use defchain_base::{Address, Amount, CodecError, U256, native::CompactCall};

use crate::{abi::IStaking as S, error::invalid};

const WHAT: &str = "staking payload";

/// An operation in its compact form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as their functions and arguments are")]
pub enum Operation {
    Stake { amount: Amount, years: u64 },
    Extend { id: u64, years: u64 },
    Restake { id: u64, years: u64 },
    Withdraw { id: u64 },
    WithdrawPart { id: u64, amount: Amount },
    WithdrawFor { owner: Address, id: u64 },
    Unlock { id: u64 },
    UnlockFor { owner: Address, id: u64 },
    Close { owner: Address, id: u64 },
    ClaimDividends { id: u64 },
    ClaimDividendsFor { owner: Address, id: u64 },
    ClaimAllDividends,
    ClaimAllDividendsFor { owner: Address },
    Compound { id: u64 },
    CompoundFor { owner: Address, id: u64 },
    SetAutoCompound { id: u64, on: bool },
}

/// Reads a payload.
///
/// # Errors
/// When it is not exactly one operation's only encoding.
pub fn compact(payload: &[u8]) -> Result<CompactCall, CodecError> {
    Operation::decode(payload).map(|operation| operation.call())
}

impl Operation {
    /// Reads an operation from its payload.
    ///
    /// # Errors
    /// When the payload is not exactly one operation's only encoding.
    pub fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        let mut input = payload;
        let mut items = Header::decode_bytes(&mut input, true).map_err(|e| invalid(WHAT, e.to_string()))?;
        if !input.is_empty() {
            return Err(CodecError::Trailing(input.len()));
        }
        let operation = Self::decode_items(&mut items)?;
        if !items.is_empty() {
            return Err(invalid(WHAT, format!("{} bytes follow the last item of {operation:?}", items.len())));
        }
        if operation.encoded() == payload { Ok(operation) } else { Err(CodecError::NotCanonical(WHAT)) }
    }

    fn decode_items(items: &mut &[u8]) -> Result<Self, CodecError> {
        fn item<T: Decodable>(items: &mut &[u8], name: &str) -> Result<T, CodecError> {
            T::decode(items).map_err(|e| invalid(WHAT, format!("{name}: {e}")))
        }
        fn amount(items: &mut &[u8]) -> Result<Amount, CodecError> {
            let wei: U256 = item(items, "amount")?;
            Amount::try_from(wei).map_err(|_| invalid(WHAT, format!("amount: {wei} wei, there are less than 2^128")))
        }
        let opcode: u64 = item(items, "opcode")?;
        let mut id = || item::<u64>(items, "id");
        Ok(match opcode {
            1 => Self::Stake { amount: amount(items)?, years: item(items, "years")? },
            2 => Self::Extend { id: id()?, years: item(items, "years")? },
            3 => Self::Restake { id: id()?, years: item(items, "years")? },
            4 => Self::Withdraw { id: id()? },
            5 => Self::WithdrawPart { id: id()?, amount: amount(items)? },
            6 => Self::WithdrawFor { owner: item(items, "owner")?, id: item(items, "id")? },
            7 => Self::Unlock { id: id()? },
            8 => Self::UnlockFor { owner: item(items, "owner")?, id: item(items, "id")? },
            9 => Self::Close { owner: item(items, "owner")?, id: item(items, "id")? },
            10 => Self::ClaimDividends { id: id()? },
            11 => Self::ClaimDividendsFor { owner: item(items, "owner")?, id: item(items, "id")? },
            12 => Self::ClaimAllDividends,
            13 => Self::ClaimAllDividendsFor { owner: item(items, "owner")? },
            14 => Self::Compound { id: id()? },
            15 => Self::CompoundFor { owner: item(items, "owner")?, id: item(items, "id")? },
            16 => Self::SetAutoCompound { id: id()?, on: item(items, "on")? },
            other => return Err(invalid(WHAT, format!("opcode {other}, there are 1 to 16"))),
        })
    }

    /// The payload.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let mut items = Vec::with_capacity(48);
        self.opcode().encode(&mut items);
        match *self {
            Self::Stake { amount, years } => {
                amount.wei().encode(&mut items);
                years.encode(&mut items);
            }
            Self::Extend { id, years } | Self::Restake { id, years } => {
                id.encode(&mut items);
                years.encode(&mut items);
            }
            Self::WithdrawPart { id, amount } => {
                id.encode(&mut items);
                amount.wei().encode(&mut items);
            }
            Self::Withdraw { id } | Self::Unlock { id } | Self::ClaimDividends { id } | Self::Compound { id } => {
                id.encode(&mut items);
            }
            Self::WithdrawFor { owner, id }
            | Self::UnlockFor { owner, id }
            | Self::Close { owner, id }
            | Self::ClaimDividendsFor { owner, id }
            | Self::CompoundFor { owner, id } => {
                owner.encode(&mut items);
                id.encode(&mut items);
            }
            Self::ClaimAllDividends => {}
            Self::ClaimAllDividendsFor { owner } => owner.encode(&mut items),
            Self::SetAutoCompound { id, on } => {
                id.encode(&mut items);
                on.encode(&mut items);
            }
        }
        let mut out = Vec::with_capacity(items.len().saturating_add(2));
        Header { list: true, payload_length: items.len() }.encode(&mut out);
        out.extend(items);
        out
    }

    const fn opcode(&self) -> u64 {
        match self {
            Self::Stake { .. } => 1,
            Self::Extend { .. } => 2,
            Self::Restake { .. } => 3,
            Self::Withdraw { .. } => 4,
            Self::WithdrawPart { .. } => 5,
            Self::WithdrawFor { .. } => 6,
            Self::Unlock { .. } => 7,
            Self::UnlockFor { .. } => 8,
            Self::Close { .. } => 9,
            Self::ClaimDividends { .. } => 10,
            Self::ClaimDividendsFor { .. } => 11,
            Self::ClaimAllDividends => 12,
            Self::ClaimAllDividendsFor { .. } => 13,
            Self::Compound { .. } => 14,
            Self::CompoundFor { .. } => 15,
            Self::SetAutoCompound { .. } => 16,
        }
    }

    /// The call that does the same.
    #[must_use]
    pub fn call(&self) -> CompactCall {
        let n = |number: u64| U256::from(number);
        let mut value = Amount::ZERO;
        let input = match *self {
            Self::Stake { amount, years } => {
                value = amount;
                S::stakeCall { numYears: n(years) }.abi_encode()
            }
            Self::Extend { id, years } => S::extendCall { id: n(id), numYears: n(years) }.abi_encode(),
            Self::Restake { id, years } => S::restakeCall { id: n(id), numYears: n(years) }.abi_encode(),
            Self::Withdraw { id } => S::withdrawCall { id: n(id) }.abi_encode(),
            Self::WithdrawPart { id, amount } => {
                S::withdrawPartCall { id: n(id), amount: amount.to_u256() }.abi_encode()
            }
            Self::WithdrawFor { owner, id } => S::withdrawForCall { owner, id: n(id) }.abi_encode(),
            Self::Unlock { id } => S::unlockCall { id: n(id) }.abi_encode(),
            Self::UnlockFor { owner, id } => S::unlockForCall { owner, id: n(id) }.abi_encode(),
            Self::Close { owner, id } => S::closeCall { owner, id: n(id) }.abi_encode(),
            Self::ClaimDividends { id } => S::claimDividendsCall { id: n(id) }.abi_encode(),
            Self::ClaimDividendsFor { owner, id } => S::claimDividendsForCall { owner, id: n(id) }.abi_encode(),
            Self::ClaimAllDividends => S::claimAllDividendsCall {}.abi_encode(),
            Self::ClaimAllDividendsFor { owner } => S::claimAllDividendsForCall { owner }.abi_encode(),
            Self::Compound { id } => S::compoundCall { id: n(id) }.abi_encode(),
            Self::CompoundFor { owner, id } => S::compoundForCall { owner, id: n(id) }.abi_encode(),
            Self::SetAutoCompound { id, on } => S::setAutoCompoundCall { id: n(id), on }.abi_encode(),
        };
        CompactCall { value, input: input.into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::hex;

    use super::*;

    const OWNER: Address = Address::repeat_byte(0x11);

    fn all() -> Vec<(Operation, &'static str)> {
        use Operation as O;
        vec![
            (O::Stake { amount: Amount::from_def(10_000), years: 4 }, "cd018a021e19e0c9bab240000004"),
            (O::Extend { id: 0, years: 12 }, "c302800c"),
            (O::Restake { id: 300, years: 1 }, "c50382012c01"),
            (O::Withdraw { id: 0 }, "c20480"),
            (O::WithdrawPart { id: 7, amount: Amount::from_wei(1) }, "c3050701"),
            (O::WithdrawFor { owner: OWNER, id: 1 }, "d70694111111111111111111111111111111111111111101"),
            (O::Unlock { id: 1 }, "c20701"),
            (O::UnlockFor { owner: OWNER, id: 1 }, "d70894111111111111111111111111111111111111111101"),
            (O::Close { owner: OWNER, id: 1 }, "d70994111111111111111111111111111111111111111101"),
            (O::ClaimDividends { id: 1 }, "c20a01"),
            (O::ClaimDividendsFor { owner: OWNER, id: 1 }, "d70b94111111111111111111111111111111111111111101"),
            (O::ClaimAllDividends, "c10c"),
            (O::ClaimAllDividendsFor { owner: OWNER }, "d60d941111111111111111111111111111111111111111"),
            (O::Compound { id: 1 }, "c20e01"),
            (O::CompoundFor { owner: OWNER, id: 1 }, "d70f94111111111111111111111111111111111111111101"),
            (O::SetAutoCompound { id: 1, on: true }, "c3100101"),
        ]
    }

    #[test]
    fn payloads_are_frozen() {
        for (operation, bytes) in all() {
            assert_eq!(hex::encode(operation.encoded()), bytes, "{operation:?}");
            assert_eq!(Operation::decode(&hex::decode(bytes).unwrap()).unwrap(), operation);
        }
    }

    #[test]
    fn a_compact_stake_is_the_call_with_the_same_value() {
        let call = compact(&hex::decode("cd018a021e19e0c9bab240000004").unwrap()).unwrap();
        assert_eq!(call.value, Amount::from_def(10_000));
        assert_eq!(call.input.as_ref(), S::stakeCall { numYears: U256::from(4) }.abi_encode());
        let call = compact(&hex::decode("c20701").unwrap()).unwrap();
        assert_eq!((call.value, call.input.get(..4)), (Amount::ZERO, Some(&S::unlockCall::SELECTOR[..])));
    }

    #[test]
    fn other_bytes_are_refused() {
        for (bytes, why) in [
            ("", "empty"),
            ("04", "not a list"),
            ("c0", "no opcode"),
            ("c180", "opcode 0"),
            ("c111", "opcode 17"),
            ("c104", "no id"),
            ("c3048001", "an item too many"),
            ("c2048000", "a byte follows"),
            ("c3048100", "an id that is not canonical"),
            ("c3100102", "neither 0 nor 1"),
            ("f8020480", "a long header for a short list"),
            ("d606931111111111111111111111111111111111111101", "an address of 19 bytes"),
            ("d4019101000000000000000000000000000000000c", "2^128 wei"),
        ] {
            assert!(compact(&hex::decode(bytes).unwrap()).is_err(), "{why}");
        }
        let huge = compact(&hex::decode("d4019101000000000000000000000000000000000c").unwrap()).unwrap_err();
        assert!(huge.to_string().contains("340282366920938463463374607431768211456 wei"), "{huge}");
    }
}
