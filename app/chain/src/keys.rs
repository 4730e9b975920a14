//! State keys of the chain itself, all in `sys`. (Params: [`crate::params::PARAMS_KEY`].)
//!
//! | key | value |
//! |---|---|
//! | `params/chain` | [`crate::params::ChainParams`] |
//! | `head` | [`ChainHead`]: what the next block needs of its parent |
//! | `validator/` ‖ consensus address | [`ValidatorRecord`] |
//! | `upgrade/version`, `upgrade/plan`, `upgrade/done/` ‖ height | [`crate::upgrade`] |

use defchain_base::{
    Address, AgeMillis, B256, CodecError, ConsensusAddress, Decode, Encode, Height, Power, Reader, StateError,
    StateKey, StateRead, Substore, Timestamp, read_exact_value,
};

const HEAD_VERSION: u8 = 2;
const VALIDATOR_VERSION: u8 = 1;
const VALIDATOR_PREFIX: &[u8] = b"validator/";
/// First key after all validators: `/` + 1 is `0`.
const VALIDATOR_END: &[u8] = b"validator0";

/// Most genesis validators: one per jurisdiction (D29).
pub const MAX_VALIDATORS: usize = 195;

/// What the next block needs of its parent, in state so that a node that joins by state sync has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainHead {
    /// Height.
    pub height: Height,
    /// Header time.
    pub time: Timestamp,
    /// The age clock (D3).
    pub age: AgeMillis,
    /// Base fee, wei per gas.
    pub base_fee: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Gas of the block.
    pub gas_limit: u64,
    /// [`crate::records::Header::digest`] of the block's own header: what makes the record of a block that comes with a
    /// snapshot as trustworthy as the state. The next block depends on its hash.
    pub header: B256,
}

impl Encode for ChainHead {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(HEAD_VERSION);
        for word in [self.height.0, self.time.0, self.age.0, self.base_fee, self.gas_used, self.gas_limit] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(self.header.as_slice());
    }
}

impl Decode for ChainHead {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(HEAD_VERSION, "chain head")?;
        Ok(Self {
            height: Height(input.u64("height")?),
            time: Timestamp(input.u64("time")?),
            age: AgeMillis(input.u64("age")?),
            base_fee: input.u64("base fee")?,
            gas_used: input.u64("gas used")?,
            gas_limit: input.u64("gas limit")?,
            header: B256::new(input.array("digest of the header")?),
        })
    }
}

/// Where [`ChainHead`] lives: `head`.
#[derive(Debug, Clone, Copy)]
pub struct ChainHeadKey;

impl StateKey for ChainHeadKey {
    type Value = ChainHead;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"head");
    }
}

/// A validator of the present set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidatorRecord {
    /// Who earns and acts for it.
    pub operator: Address,
    /// Voting power in CometBFT.
    pub power: Power,
    /// ed25519 consensus key.
    pub pub_key: [u8; 32],
}

impl Encode for ValidatorRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VALIDATOR_VERSION);
        out.extend_from_slice(self.operator.as_slice());
        out.extend_from_slice(&self.power.0.to_be_bytes());
        out.extend_from_slice(&self.pub_key);
    }
}

impl Decode for ValidatorRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VALIDATOR_VERSION, "validator")?;
        Ok(Self {
            operator: Address::new(input.array("operator")?),
            power: Power(input.u64("power")?),
            pub_key: input.array("consensus key")?,
        })
    }
}

/// Where a validator's record lives: `validator/` ‖ consensus address.
#[derive(Debug, Clone, Copy)]
pub struct ValidatorKey(pub ConsensusAddress);

impl StateKey for ValidatorKey {
    type Value = ValidatorRecord;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VALIDATOR_PREFIX);
        out.extend_from_slice(&self.0.0);
    }
}

/// The present validators, by ascending consensus address.
///
/// # Errors
/// When state fails or a record is damaged.
pub fn validators(state: &impl StateRead) -> Result<Vec<(ConsensusAddress, ValidatorRecord)>, StateError> {
    let entries = state.range_raw(Substore::Sys, VALIDATOR_PREFIX, VALIDATOR_END, MAX_VALIDATORS)?;
    entries
        .into_iter()
        .map(|(key, value)| {
            let corrupt = |source| StateError::Corrupt {
                substore: Substore::Sys,
                key: alloy_primitives::hex::encode(&key),
                source,
            };
            let address = key.strip_prefix(VALIDATOR_PREFIX).and_then(|a| ConsensusAddress::try_from(a).ok());
            let address = address.ok_or_else(|| {
                corrupt(CodecError::Invalid { what: "validator key", why: format!("{} bytes", key.len()) })
            })?;
            Ok((address, read_exact_value(&value).map_err(corrupt)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::hex;
    use defchain_base::{EmptyState, Overlay, StateWriteExt};

    use super::*;

    /// Frozen: a change here is a change of every app hash.
    #[test]
    fn keys_and_values_are_frozen() {
        assert_eq!(ChainHeadKey.to_key(), b"head");
        assert_eq!(crate::params::PARAMS_KEY.to_key(), b"params/chain");
        let key = ValidatorKey(ConsensusAddress([0xab; 20])).to_key();
        assert_eq!(hex::encode(&key), format!("76616c696461746f722f{}", "ab".repeat(20)));
        let head = ChainHead {
            height: Height(1),
            time: Timestamp(2),
            age: AgeMillis(3),
            base_fee: 4,
            gas_used: 5,
            gas_limit: 6,
            header: B256::repeat_byte(7),
        };
        let expected: String = (1..=6).map(|n| format!("{n:016x}")).collect();
        assert_eq!(hex::encode(head.to_bytes()), format!("02{expected}{}", "07".repeat(32)));
        assert_eq!(read_exact_value::<ChainHead>(&head.to_bytes()).unwrap(), head);
    }

    #[test]
    fn validators_come_back_in_the_order_of_their_addresses() {
        let mut overlay = Overlay::new(EmptyState);
        for n in [9u8, 1, 5] {
            let record =
                ValidatorRecord { operator: Address::repeat_byte(n), power: Power(u64::from(n)), pub_key: [n; 32] };
            overlay.write(&ValidatorKey(ConsensusAddress([n; 20])), &record).unwrap();
        }
        let powers: Vec<u64> = validators(&overlay).unwrap().iter().map(|(_, v)| v.power.0).collect();
        assert_eq!(powers, [1, 5, 9]);
    }
}
