//! What a block's own steps look at beside state, and what they leave beside it.
//!
//! [`Consensus`] is what CometBFT tells about the validators; [`BlockExtra`] is stored with the block, so that it can be
//! executed again from its records and its events can be queried (D21).

use bytes::Bytes;
use defchain_abci::types::{CommitInfo, Misbehavior};
use defchain_base::{
    B256, CodecError, ConsensusAddress, Decode, Encode, Height, Reader, StateKey, Substore, Timestamp, keccak256,
};

use crate::{
    notices::Rejected,
    records::{decode_log, encode_log},
};

const EXTRA_VERSION: u8 = 2;
const EVENTS_VERSION: u8 = 1;
/// More bytes than any block's extra can have.
const MAX_BYTES: usize = 1 << 28;
/// Fewest bytes of a log: address, number of topics, length.
const MIN_LOG_BYTES: usize = 20 + 1 + 4;

/// How a validator of the previous height's set voted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// No precommit of it is known.
    Absent,
    /// For the block.
    Commit,
    /// For nil: present all the same (D34).
    Nil,
}

/// A validator's vote on the previous block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Whose.
    pub address: ConsensusAddress,
    /// Its voting power then.
    pub power: u64,
    /// What it did.
    pub flag: Flag,
}

/// A fault that CometBFT found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Whether it is a light-client attack; else two votes of one round.
    pub light_client: bool,
    /// Whose.
    pub address: ConsensusAddress,
    /// Its voting power then.
    pub power: u64,
    /// Where.
    pub height: Height,
    /// When, by the header of that height.
    pub time: Timestamp,
}

/// What CometBFT tells a block about its validators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consensus {
    /// The commit of the previous block.
    pub votes: Vec<Vote>,
    /// Faults.
    pub faults: Vec<Fault>,
    /// Proposals of the previous height that more than two thirds of the power refused (D35).
    pub rejected: Vec<Rejected>,
}

impl Consensus {
    /// From ABCI's forms. A vote whose address is not one is left out: CometBFT sends none.
    #[must_use]
    pub fn of(commit: &CommitInfo, misbehavior: &[Misbehavior]) -> Self {
        let votes = commit.votes.iter().filter_map(|vote| {
            let validator = vote.validator.as_ref()?;
            let flag = match vote.block_id_flag {
                2 => Flag::Commit,
                3 => Flag::Nil,
                _ => Flag::Absent,
            };
            let address = ConsensusAddress::try_from(validator.address.as_ref()).ok()?;
            Some(Vote { address, power: u64::try_from(validator.power).unwrap_or(0), flag })
        });
        let faults = misbehavior.iter().filter_map(|found| {
            let validator = found.validator.as_ref()?;
            let address = ConsensusAddress::try_from(validator.address.as_ref()).ok()?;
            Some(Fault {
                light_client: found.r#type == 2,
                address,
                power: u64::try_from(validator.power).unwrap_or(0),
                height: Height(u64::try_from(found.height).unwrap_or(0)),
                time: crate::abci::timestamp(found.time),
            })
        });
        Self { votes: votes.collect(), faults: faults.collect(), rejected: Vec::new() }
    }
}

impl Consensus {
    /// Who was there (D34).
    pub(crate) fn presence(&self) -> Vec<defchain_validators::Vote> {
        let vote = |vote: &Vote| defchain_validators::Vote {
            address: vote.address,
            power: vote.power,
            signed: vote.flag != Flag::Absent,
        };
        self.votes.iter().map(vote).collect()
    }

    /// What CometBFT proved (D35).
    pub(crate) fn faults_found(&self) -> Vec<defchain_slashing::Fault> {
        let fault = |fault: &Fault| defchain_slashing::Fault {
            light_client: fault.light_client,
            address: fault.address,
            height: fault.height,
        };
        self.faults.iter().map(fault).collect()
    }

    /// What two thirds refused (D35).
    pub(crate) fn refusals(&self) -> Vec<defchain_slashing::Rejected> {
        let refusal = |refused: &Rejected| defchain_slashing::Rejected {
            height: refused.height,
            hash: refused.hash,
            proposer: refused.proposer,
        };
        self.rejected.iter().map(refusal).collect()
    }
}

impl Encode for Consensus {
    fn encode(&self, out: &mut Vec<u8>) {
        count(out, self.votes.len());
        for vote in &self.votes {
            out.extend_from_slice(&vote.address.0);
            out.extend_from_slice(&vote.power.to_be_bytes());
            out.push(match vote.flag {
                Flag::Absent => 1,
                Flag::Commit => 2,
                Flag::Nil => 3,
            });
        }
        count(out, self.faults.len());
        for fault in &self.faults {
            out.push(u8::from(fault.light_client));
            out.extend_from_slice(&fault.address.0);
            for word in [fault.power, fault.height.0, fault.time.0] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
        count(out, self.rejected.len());
        for refused in &self.rejected {
            out.extend_from_slice(&refused.height.0.to_be_bytes());
            out.extend_from_slice(refused.hash.as_slice());
            out.extend_from_slice(&refused.proposer.0);
            out.extend_from_slice(&refused.power.to_be_bytes());
        }
    }
}

impl Decode for Consensus {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "consensus of a block";
        let mut found = Self::default();
        for _ in 0..input.count(input.left() / 29, WHAT)? {
            let (address, power) = (ConsensusAddress(input.array(WHAT)?), input.u64(WHAT)?);
            let flag = match input.u8(WHAT)? {
                1 => Flag::Absent,
                2 => Flag::Commit,
                3 => Flag::Nil,
                _ => return Err(CodecError::NotCanonical(WHAT)),
            };
            found.votes.push(Vote { address, power, flag });
        }
        for _ in 0..input.count(input.left() / 45, WHAT)? {
            let light_client = match input.u8(WHAT)? {
                0 => false,
                1 => true,
                _ => return Err(CodecError::NotCanonical(WHAT)),
            };
            found.faults.push(Fault {
                light_client,
                address: ConsensusAddress(input.array(WHAT)?),
                power: input.u64(WHAT)?,
                height: Height(input.u64(WHAT)?),
                time: Timestamp(input.u64(WHAT)?),
            });
        }
        for _ in 0..input.count(input.left() / 68, WHAT)? {
            found.rejected.push(Rejected {
                height: Height(input.u64(WHAT)?),
                hash: B256::new(input.array(WHAT)?),
                proposer: ConsensusAddress(input.array(WHAT)?),
                power: input.u64(WHAT)?,
            });
        }
        Ok(found)
    }
}

/// What the store keeps of a block beside header, transactions and receipts.
///
/// ```text
/// version 2 ‖ edits (bytes) ‖ consensus ‖ count ‖ log …
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockExtra {
    /// Edits of a development chain; empty on a network.
    pub edits: Bytes,
    /// What the first steps looked at.
    pub consensus: Consensus,
    /// What the block's own steps did (D21).
    pub events: Vec<alloy_primitives::Log>,
}

impl Encode for BlockExtra {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(EXTRA_VERSION);
        count(out, self.edits.len());
        out.extend_from_slice(&self.edits);
        self.consensus.encode(out);
        count(out, self.events.len());
        for log in &self.events {
            encode_log(log, out);
        }
    }
}

impl Decode for BlockExtra {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(EXTRA_VERSION, "extra of a block")?;
        let edits = Bytes::copy_from_slice(input.bytes(MAX_BYTES, "edits")?);
        let consensus = Consensus::decode(input)?;
        let events = (0..input.count(input.left() / MIN_LOG_BYTES, "events")?).map(|_| decode_log(input));
        Ok(Self { edits, consensus, events: events.collect::<Result<_, _>>()? })
    }
}

fn count(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
}

/// The events of the newest block that had any, under the app hash: `keccak256(version ‖ count ‖ log …)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsRoot {
    /// Of which block.
    pub height: Height,
    /// Of all its events, in their order.
    pub root: B256,
}

/// The root of a block's events.
#[must_use]
pub fn events_root(events: &[alloy_primitives::Log]) -> B256 {
    let mut bytes = vec![EVENTS_VERSION];
    count(&mut bytes, events.len());
    for log in events {
        encode_log(log, &mut bytes);
    }
    keccak256(bytes)
}

impl Encode for EventsRoot {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(EVENTS_VERSION);
        out.extend_from_slice(&self.height.0.to_be_bytes());
        out.extend_from_slice(self.root.as_slice());
    }
}

impl Decode for EventsRoot {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(EVENTS_VERSION, "events root")?;
        Ok(Self { height: Height(input.u64("height")?), root: B256::new(input.array("events root")?) })
    }
}

/// Where [`EventsRoot`] lives: `events/root` in `sys`. Written by blocks that have events, so that the proof of block H's
/// events is a proof at H.
#[derive(Debug, Clone, Copy)]
pub struct EventsRootKey;

impl StateKey for EventsRootKey {
    type Value = EventsRoot;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"events/root");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn a_blocks_extra_travels_round_and_nothing_else_decodes() {
        let log = alloy_primitives::Log::new_unchecked(
            defchain_base::system::TOKEN,
            vec![B256::repeat_byte(1)],
            vec![1, 2, 3].into(),
        );
        let address = ConsensusAddress([7; 20]);
        let extra = BlockExtra {
            edits: Bytes::from_static(b"ed"),
            consensus: Consensus {
                votes: [Flag::Absent, Flag::Commit, Flag::Nil].map(|flag| Vote { address, power: 5, flag }).to_vec(),
                faults: vec![Fault { light_client: true, address, power: 5, height: Height(3), time: Timestamp(4) }],
                rejected: vec![Rejected { height: Height(1), hash: B256::ZERO, proposer: address, power: 9 }],
            },
            events: vec![log.clone()],
        };
        let bytes = extra.to_bytes();
        assert_eq!(read_exact_value::<BlockExtra>(&bytes).unwrap(), extra);
        for at in 0..bytes.len() {
            assert!(read_exact_value::<BlockExtra>(&bytes[..at]).is_err(), "{at}");
        }
        let twice = [log.clone(), log];
        assert_ne!(events_root(&twice[..1]), events_root(&twice));
    }
}
