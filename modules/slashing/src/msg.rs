//! What users and governance report.

use defchain_base::{Address, ConsensusAddress, StateError, keccak256, native::Host};

use crate::{
    Kind, SlashingError,
    params::VERIFY_ELEMENTS,
    punish::{self, Offence},
    roster,
    state::SlashingRead,
    votes,
};

/// Done, or refused in words; an error is a failing store.
type Verdict = Result<Result<(), String>, StateError>;

/// Two conflicting votes, from anybody: the reporter gets 20 % of what is slashed (D34). Returns the evidence's number.
///
/// # Errors
/// When the votes prove nothing, nobody of this chain has the key, the fault is too old or punished already, or the store fails.
pub fn submit_evidence(
    host: &mut dyn Host,
    reporter: Address,
    public_key: &[u8; 32],
    vote_a: &[u8],
    vote_b: &[u8],
) -> Result<u64, SlashingError> {
    host.elements(VERIFY_ELEMENTS)?;
    let proof = votes::verify(&host.comet_chain_id()?, public_key, vote_a, vote_b)?;
    let consensus = proof.address;
    let operator = roster::operator_of(host, consensus)?.ok_or(SlashingError::UnknownKey(consensus))?;
    punish::check(host, Kind::DoubleSign, operator, proof.height)?;
    roster::had_power(host, consensus, proof.height)?;
    punish::punish(
        host,
        &Offence {
            kind: Kind::DoubleSign,
            operator,
            consensus,
            height: proof.height,
            reporter: Some(reporter),
            proof: proof.hash,
        },
    )
}

/// Whether governance could punish a validator for censorship now.
///
/// # Errors
/// When the store fails.
pub fn check_censorship(host: &dyn Host, operator: Address) -> Verdict {
    let result = match roster::is_validator(host, operator)? {
        true => punish::check(host, Kind::Censorship, operator, host.block().height),
        false => Err(SlashingError::UnknownValidator(operator)),
    };
    match result {
        Ok(()) => Ok(Ok(())),
        Err(e) => e.refusal().map(Err),
    }
}

/// Punishes a validator for censorship that governance found proven, by `proposal` (D34). Nobody is rewarded: that share burns.
///
/// # Errors
/// When the store fails.
pub fn punish_censorship(host: &mut dyn Host, operator: Address, proposal: u64) -> Verdict {
    if let Err(why) = check_censorship(host, operator)? {
        return Ok(Err(why));
    }
    let offence = Offence {
        kind: Kind::Censorship,
        operator,
        consensus: ConsensusAddress::default(),
        height: host.block().height,
        reporter: None,
        proof: keccak256(proposal.to_be_bytes()),
    };
    match punish::punish(host, &offence) {
        Ok(_) => Ok(Ok(())),
        Err(e) => e.refusal().map(Err),
    }
}
