use defchain_base::{Address, native::Host};
use defchain_geo::Attestation;

use super::load;
use crate::{
    Status, ValidatorsError,
    abi::{emit, events},
    records::Attested,
    state::ValidatorsWrite,
};

/// Re-verification (D30, YP 3.1.2): a new attestation replaces the old one.
///
/// # Errors
/// With what is wrong with it.
pub fn attest<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    attestation: &Attestation,
    signature: &[u8],
) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    match record.status {
        Status::Tombstoned => return Err(ValidatorsError::Tombstoned(operator)),
        Status::Exited => return Err(ValidatorsError::Left { operator, leaving: false }),
        Status::Queued | Status::Active | Status::Inactive | Status::Jailed => {}
    }
    if attestation.validator != operator {
        return Err(ValidatorsError::OtherValidator { attested: attestation.validator, operator });
    }
    if attestation.country != record.country {
        return Err(ValidatorsError::OtherCountry {
            operator,
            registered: record.country,
            attested: attestation.country,
        });
    }
    let accepted = defchain_geo::accept(host, attestation, signature)?;
    record.attested =
        Attested { hash: accepted.hash, verifier: accepted.verifier, expires_at: accepted.expires_at, warned: false };
    host.put_validator(operator, &record)?;
    let event = events::Attested {
        operator,
        verifier: accepted.verifier,
        hash: accepted.hash,
        expirationDate: accepted.expires_at,
    };
    Ok(emit(host, &event)?)
}
