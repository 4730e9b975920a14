//! What slashing does to a validator (D28, D34): jail, tombstone, removal from the set.

use defchain_base::{Address, AgeMillis, native::Host};

use crate::{
    JailKind, Status, ValidatorRecord, ValidatorsError,
    abi::{emit, events},
    records::{Jail, Removal},
    state::{ValidatorsRead, ValidatorsWrite},
};

fn load<H: Host + ?Sized>(host: &H, operator: Address) -> Result<ValidatorRecord, ValidatorsError> {
    host.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))
}

/// Jails until an age, and queues the removal from the set. Who is in jail stays for the longer of both terms; who has
/// left cannot register before the term ends; a tombstone stays one.
///
/// # Errors
/// When there is no such validator, or the store fails.
pub fn jail<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    until: AgeMillis,
    kind: JailKind,
) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    put_in_jail(host, operator, &mut record, until, kind)?;
    host.put_validator(operator, &record)?;
    remove_now(host, operator)
}

/// The same on a record that the caller writes, without the removal.
pub(crate) fn put_in_jail<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    record: &mut ValidatorRecord,
    until: AgeMillis,
    kind: JailKind,
) -> Result<(), ValidatorsError> {
    let now = host.block().age;
    if record.status == Status::Queued {
        host.dequeue(operator, record)?;
    }
    let in_jail = record.status == Status::Jailed;
    let since = record.jail.filter(|_| in_jail).map_or(now, |j| j.since);
    let until = until.max(record.jailed_until());
    record.jail = Some(Jail { kind, since, until });
    if !matches!(record.status, Status::Tombstoned | Status::Exited) {
        record.status = Status::Jailed;
    }
    Ok(emit(host, &events::Jailed { operator, kind: kind as u8, until: until.0 })?)
}

/// Ends a validator for ever: a key used in two places, say. Its seat is free at the next boundary (D31).
///
/// # Errors
/// When there is no such validator, or the store fails.
pub fn tombstone<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    if record.status == Status::Tombstoned {
        return Ok(());
    }
    if record.status == Status::Queued {
        host.dequeue(operator, &record)?;
    }
    record.status = Status::Tombstoned;
    host.put_validator(operator, &record)?;
    emit(host, &events::Tombstoned { operator })?;
    remove_now(host, operator)
}

/// Notes a slash: time to top up own stake runs from now (D34).
///
/// # Errors
/// When there is no such validator, or the store fails.
pub fn slashed<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    record.slashed_at = Some(host.block().age);
    Ok(host.put_validator(operator, &record)?)
}

/// Queues the removal from CometBFT's set: it is returned at the end of this block, within D28's bounds. No effect on
/// whoever is not in the newest set.
///
/// # Errors
/// When the store fails.
pub fn remove_now<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), ValidatorsError> {
    if host.latest_set()?.get(operator).is_none() {
        return Ok(());
    }
    let mut list = host.removals()?;
    if let Err(at) = list.binary_search_by_key(&operator, |r| r.operator) {
        list.insert(at, Removal { operator, deferred: false });
        host.put_removals(list)?;
    }
    Ok(())
}
