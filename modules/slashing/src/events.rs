//! The events of [`ISlashing`](crate::abi::ISlashing), from 0x…0106 (D21).

use alloy_primitives::{FixedBytes, U256};
use defchain_base::{
    Address, ConsensusAddress, Height, StateError,
    native::{Host, encode_log},
    system,
};

use crate::{Kind, abi::ISlashing as I, records::Evidence};

pub(crate) fn slashed(host: &mut dyn Host, id: u64, e: &Evidence) -> Result<(), StateError> {
    let event = I::Slashed {
        validator: e.operator,
        kind: e.kind as u8,
        evidence: U256::from(id),
        faultHeight: e.fault_height.0,
        share: e.share.0,
        slashed: e.split.slashed.to_u256(),
        burned: e.split.burned.to_u256(),
        treasury: e.split.treasury.to_u256(),
        reporter: e.reporter,
        reward: e.split.reward.to_u256(),
        jailedUntil: e.jailed_until.0,
    };
    host.emit(encode_log(system::VALIDATORS, &event))
}

pub(crate) fn warning(host: &mut dyn Host, validator: Address, since: u64, punished_at: u64) -> Result<(), StateError> {
    let event = I::DowntimeWarning { validator, since, punishedAt: punished_at };
    host.emit(encode_log(system::VALIDATORS, &event))
}

pub(crate) fn refused(
    host: &mut dyn Host,
    consensus: ConsensusAddress,
    kind: Kind,
    height: Height,
    reason: String,
) -> Result<(), StateError> {
    let event = I::EvidenceRefused {
        consensusAddress: FixedBytes(consensus.0),
        kind: kind as u8,
        faultHeight: height.0,
        reason,
    };
    host.emit(encode_log(system::VALIDATORS, &event))
}
