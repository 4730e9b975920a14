use defchain_base::{Address, native::Host, params::ModuleParams};

use super::load;
use crate::{
    Status, ValidatorParams, ValidatorsError,
    abi::{emit, events},
    epoch::attested_until,
    performance,
    state::{ValidatorsRead, ValidatorsWrite},
};

/// Leaves jail (D34): term over, own stake at the minimum, valid attestation; without a seat, into the queue (D31). An
/// inactive operator without a seat comes back to the queue the same way. Returns whether it queues.
///
/// # Errors
/// With what is missing.
pub fn unjail<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<bool, ValidatorsError> {
    let mut record = load(host, operator)?;
    let seated = host.seat(record.country)? == Some(operator);
    match record.status {
        Status::Jailed => {}
        Status::Inactive if !seated => {}
        Status::Tombstoned => return Err(ValidatorsError::Tombstoned(operator)),
        status => return Err(ValidatorsError::NotJailed { operator, status }),
    }
    let (until, now) = (record.jailed_until(), host.block().age);
    if until > now {
        return Err(ValidatorsError::StillJailed { operator, until, now });
    }
    let params = ValidatorParams::load(host)?;
    let own = defchain_staking::own_bound(host, operator)?;
    if own < params.min_stake {
        return Err(ValidatorsError::OwnStake { operator, own, minimum: params.min_stake });
    }
    let (until, now) = (attested_until(host, &record)?, host.block().time.seconds());
    if until <= now {
        return Err(ValidatorsError::AttestationOver { operator, until, now });
    }
    record.status = if seated { Status::Active } else { Status::Queued };
    if !seated {
        host.enqueue(operator, &record)?;
    }
    host.put_validator(operator, &record)?;
    performance::forgive(host, operator)?;
    // A removal that D28 made wait is void: the validator is fit again.
    let mut removals = host.removals()?;
    if seated && let Ok(at) = removals.binary_search_by_key(&operator, |r| r.operator) {
        removals.remove(at);
        host.put_removals(removals)?;
    }
    emit(host, &events::Unjailed { operator, queued: !seated })?;
    Ok(!seated)
}
