//! All that slashing asks of staking and of the validators module.

use defchain_base::{Address, AgeMillis, Amount, Bps, ConsensusAddress, Height, native::Host};
use defchain_staking::Fraction;
use defchain_validators::{self as validators, JailKind, KeyTerm, Status};

use crate::{Kind, SlashingError};

/// Who operates, or operated, the validator of a consensus key.
pub(crate) fn operator_of(host: &dyn Host, consensus: ConsensusAddress) -> Result<Option<Address>, SlashingError> {
    Ok(validators::operator_of(host, consensus)?)
}

/// Refuses a fault at a height at which the key had no power: whoever holds a key that was rotated away, or never was in the
/// set, can sign with it whatever he likes, and nobody counts it (D31: the old key stays slashable for what it signed).
pub(crate) fn had_power(host: &dyn Host, consensus: ConsensusAddress, height: Height) -> Result<(), SlashingError> {
    let term = validators::key_term(host, consensus)?;
    match term {
        Some(term) if term.holds(height) => Ok(()),
        Some(KeyTerm { from, until }) => {
            let until = until.map_or("now".to_owned(), |until| until.to_string());
            Err(SlashingError::NoPower { consensus, height, term: format!("from {from} to {until}") })
        }
        None => Err(SlashingError::NoPower { consensus, height, term: "never".to_owned() }),
    }
}

/// Whether an address operates a validator, in whatever state.
pub(crate) fn is_validator(host: &dyn Host, operator: Address) -> Result<bool, SlashingError> {
    Ok(validators::record(host, operator)?.is_some())
}

/// Who is absent now and should not be: operator, and the age of the first block that it missed. Who is in jail or out for good
/// may still stand in the set, until its removal acts (D28), and is not missed.
pub(crate) fn absent(host: &dyn Host) -> Result<Vec<(Address, AgeMillis)>, SlashingError> {
    let mut found = Vec::new();
    for down in validators::down(host)? {
        let status = validators::record(host, down.operator)?.map(|record| record.status);
        if matches!(status, Some(Status::Active | Status::Inactive)) {
            found.push((down.operator, down.since));
        }
    }
    Ok(found)
}

/// Takes a share of all that is bound to a validator. The wei lie in `Pool::Staking` until they are paid.
pub(crate) fn slash(host: &mut dyn Host, operator: Address, share: Bps) -> Result<Amount, SlashingError> {
    let slashed = defchain_staking::slash(host, operator, Fraction { num: u128::from(share.0), den: 10_000 })?;
    validators::slashed(host, operator)?;
    Ok(slashed)
}

/// Out of the set, back after `until` at the earliest.
pub(crate) fn jail(host: &mut dyn Host, operator: Address, until: AgeMillis, kind: Kind) -> Result<(), SlashingError> {
    let kind = match kind {
        Kind::DoubleSign => JailKind::DoubleSign,
        Kind::Downtime => JailKind::Downtime,
        Kind::InvalidProposal => JailKind::InvalidProposal,
        Kind::Censorship => JailKind::Censorship,
        Kind::Equivocation => JailKind::Equivocation,
    };
    Ok(validators::jail(host, operator, until, kind)?)
}

/// Out for good.
pub(crate) fn tombstone(host: &mut dyn Host, operator: Address) -> Result<(), SlashingError> {
    Ok(validators::tombstone(host, operator)?)
}
