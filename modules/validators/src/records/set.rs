//! CometBFT's set, the epoch, and the latch.

use core::fmt;

use alloy_primitives::hex;
use defchain_base::{Address, Amount, CodecError, ConsensusAddress, Decode, Encode, Height, Reader, Timestamp, U256};
use serde::{Deserialize, Serialize};

use super::{MAX_SET, VERSION, option, put_option};

/// A validator of CometBFT's set.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub operator: Address,
    /// Its ed25519 key.
    #[serde(with = "hex")]
    pub key: [u8; 32],
    /// W at the epoch's start (D27), wei × years.
    pub weight: U256,
    /// Voting power; never zero.
    pub power: u64,
}

impl Member {
    /// Its address in CometBFT.
    #[must_use]
    pub fn consensus_address(&self) -> ConsensusAddress {
        ConsensusAddress::of_ed25519(&self.key)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} power {} weight {}", self.operator, self.consensus_address(), self.power, self.weight)
    }
}

/// CometBFT's set from some height on, by ascending operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValidatorSet(pub Vec<Member>);

impl ValidatorSet {
    /// The member of an operator.
    #[must_use]
    pub fn get(&self, operator: Address) -> Option<&Member> {
        self.0.binary_search_by(|m| m.operator.cmp(&operator)).ok().and_then(|at| self.0.get(at))
    }
}

impl Encode for ValidatorSet {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for Member { operator, key, weight, power } in &self.0 {
            out.extend(operator);
            out.extend(key);
            out.extend(weight.to_be_bytes::<32>());
            out.extend(power.to_be_bytes());
        }
    }
}

impl Decode for ValidatorSet {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "validator set")?;
        let count = input.count(MAX_SET, "validator set")?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(Member {
                operator: Address::new(input.array("operator")?),
                key: input.array("consensus key")?,
                weight: U256::from_be_bytes(input.array::<32>("weight")?),
                power: input.u64("power")?,
            });
        }
        if !members.is_sorted_by(|a, b| a.operator < b.operator) {
            return Err(CodecError::NotCanonical("validator set"));
        }
        Ok(Self(members))
    }
}

/// The present epoch (D28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// The first is 0.
    pub number: u64,
    /// Its first block.
    pub start: Height,
    /// How many blocks it has.
    pub blocks: u64,
    /// Σ weight of the set it began with.
    pub total_weight: U256,
    /// What of it was removed since: at most a third (D28).
    pub removed_weight: U256,
    /// Parameter `min_stake` as operators' own stakes are held to it.
    pub min_stake: Amount,
}

impl Epoch {
    /// First block of the next epoch.
    #[must_use]
    pub const fn end(&self) -> Height {
        Height(self.start.0.saturating_add(self.blocks))
    }
}

impl Encode for Epoch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.number.to_be_bytes());
        out.extend(self.start.0.to_be_bytes());
        out.extend(self.blocks.to_be_bytes());
        out.extend(self.total_weight.to_be_bytes::<32>());
        out.extend(self.removed_weight.to_be_bytes::<32>());
        out.extend(self.min_stake.wei().to_be_bytes());
    }
}

impl Decode for Epoch {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "epoch")?;
        Ok(Self {
            number: input.u64("epoch number")?,
            start: Height(input.u64("epoch start")?),
            blocks: input.u64("epoch blocks")?,
            total_weight: U256::from_be_bytes(input.array::<32>("total weight")?),
            removed_weight: U256::from_be_bytes(input.array::<32>("removed weight")?),
            min_stake: input.amount("minimum stake")?,
        })
    }
}

/// That the chain is open (D32): written once, never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// The block that closed it.
    pub height: Height,
    /// Its time.
    pub time: Timestamp,
}

impl Encode for Latch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.height.0.to_be_bytes());
        out.extend(self.time.0.to_be_bytes());
    }
}

impl Decode for Latch {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "latch")?;
        Ok(Self { height: Height(input.u64("latch height")?), time: Timestamp(input.u64("latch time")?) })
    }
}

/// The heights at which a consensus key had power. Between them it may have been away for a while, in jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTerm {
    /// The first.
    pub from: Height,
    /// The last, once it has left the set.
    pub until: Option<Height>,
}

impl KeyTerm {
    /// Whether a height is one of them.
    #[must_use]
    pub fn holds(&self, height: Height) -> bool {
        self.from <= height && self.until.is_none_or(|until| height <= until)
    }
}

impl Encode for KeyTerm {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.from.0.to_be_bytes());
        put_option(out, self.until.map(|until| until.0.to_be_bytes()));
    }
}

impl Decode for KeyTerm {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "key term")?;
        let from = Height(input.u64("key term's beginning")?);
        let until = option::<8>(input, "key term's end")?.map(|bytes| Height(u64::from_be_bytes(bytes)));
        Ok(Self { from, until })
    }
}

/// A change of CometBFT's set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerUpdate {
    /// ed25519 key.
    pub key: [u8; 32],
    /// Power from two heights on; 0 removes it.
    pub power: u64,
}
