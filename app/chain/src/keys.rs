//! State keys of the chain itself, all in `sys`. (Params: [`crate::params::PARAMS_KEY`].)
//!
//! | key | value |
//! |---|---|
//! | `params/chain` | [`crate::params::ChainParams`] |
//! | `head` | [`ChainHead`]: what the next block needs of its parent |
//! | `upgrade/version`, `upgrade/plan`, `upgrade/done/` ‖ height | [`crate::upgrade`] |

use defchain_base::{
    Address, AgeMillis, B256, CodecError, ConsensusAddress, Decode, Encode, Height, Power, Reader, StateError,
    StateKey, StateRead, StateReadExt, Substore, Timestamp,
};

const HEAD_VERSION: u8 = 2;

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

/// A validator of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidatorRecord {
    /// Who earns and acts for it.
    pub operator: Address,
    /// Voting power in CometBFT.
    pub power: Power,
    /// ed25519 consensus key.
    pub pub_key: [u8; 32],
}

/// CometBFT's set of a height, by ascending consensus address. State holds those of the newest block, and of the two after
/// it (D28).
///
/// # Errors
/// When state fails or a record is damaged.
pub fn set_at(
    state: &(impl StateRead + ?Sized),
    height: Height,
) -> Result<Vec<(ConsensusAddress, ValidatorRecord)>, StateError> {
    let set = defchain_validators::set_at(state, height)?.unwrap_or_default();
    let mut members: Vec<_> = set
        .0
        .iter()
        .map(|member| {
            let record = ValidatorRecord { operator: member.operator, power: Power(member.power), pub_key: member.key };
            (member.consensus_address(), record)
        })
        .collect();
    members.sort_unstable_by_key(|(address, _)| *address);
    Ok(members)
}

/// The validators that decide the block after this state.
///
/// # Errors
/// When state fails or a record is damaged.
pub fn validators(state: &(impl StateRead + ?Sized)) -> Result<Vec<(ConsensusAddress, ValidatorRecord)>, StateError> {
    let height = state.read(&ChainHeadKey)?.unwrap_or_default().height;
    set_at(state, height.next())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::hex;
    use defchain_base::read_exact_value;

    use super::*;

    /// Frozen: a change here is a change of every app hash.
    #[test]
    fn keys_and_values_are_frozen() {
        assert_eq!(ChainHeadKey.to_key(), b"head");
        assert_eq!(crate::params::PARAMS_KEY.to_key(), b"params/chain");
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
}
