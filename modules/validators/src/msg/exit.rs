use defchain_base::{Address, native::Host};

use super::load;
use crate::{
    Status, ValidatorsError,
    abi::{country, emit, events},
    epoch::release,
    state::{ValidatorsRead, ValidatorsWrite},
};

/// Leaves: an active validator at the next epoch boundary (D28), any other at once. Own positions then unbind, slashable
/// for as long as that takes. A tombstoned operator may take its own stake away once.
///
/// # Errors
/// When it has left, or leaves already.
pub fn exit<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    if record.released || record.leaving {
        return Err(ValidatorsError::Left { operator, leaving: record.leaving });
    }
    if record.status == Status::Active {
        record.leaving = true;
        host.put_validator(operator, &record)?;
        return Ok(emit(host, &events::Leaving { operator })?);
    }
    if record.status == Status::Queued {
        host.dequeue(operator, &record)?;
    }
    if host.seat(record.country)? == Some(operator) {
        host.put_seat(record.country, None)?;
        emit(host, &events::SeatFreed { country: country(record.country), operator })?;
    }
    release(host, operator, &mut record)?;
    Ok(host.put_validator(operator, &record)?)
}
