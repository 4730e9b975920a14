use defchain_base::{
    Address,
    native::{Host, encode_log},
    params::ModuleParams,
    system,
};

use crate::{
    GeoError, GeoParams,
    events::{VerifierAdded, VerifierRemoved},
    keys::{MAX_NAME, Verifier},
    state::{GeoRead, GeoWrite, MAX_VERIFIERS},
};

/// Accredits a verifier: governance and genesis alone do this (D30, D36a). One that was removed may come back.
///
/// # Errors
/// When it is accredited already, the list is full, the name is too long, or the store fails.
pub fn add_verifier<H: Host + ?Sized>(host: &mut H, verifier: Address, name: &str) -> Result<(), GeoError> {
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(GeoError::Name { found: name.len(), limit: MAX_NAME });
    }
    if verifier.is_zero() || system::is_reserved(&verifier) {
        return Err(GeoError::NotVerifier(verifier));
    }
    match host.verifier(verifier)? {
        Some(known) if known.removed_at.is_none() => return Err(GeoError::AlreadyVerifier(verifier)),
        Some(_) => {}
        None => {
            let count = host.verifiers()?.len();
            if count >= MAX_VERIFIERS {
                return Err(GeoError::TooManyVerifiers { count, limit: MAX_VERIFIERS });
            }
        }
    }
    let added_at = host.block().time;
    host.put_verifier(verifier, &Verifier { name: name.to_owned(), added_at, removed_at: None })?;
    let event = VerifierAdded { verifier, name: name.to_owned() };
    Ok(host.emit(encode_log(system::VALIDATORS, &event))?)
}

/// Ends an accreditation. What the verifier attested holds for [`GeoParams::removed_verifier_grace`] more (D30).
///
/// # Errors
/// When it is not accredited, or the store fails.
pub fn remove_verifier<H: Host + ?Sized>(host: &mut H, verifier: Address) -> Result<(), GeoError> {
    let Some(known) = host.verifier(verifier)?.filter(|v| v.removed_at.is_none()) else {
        return Err(GeoError::NotVerifier(verifier));
    };
    let now = host.block().time;
    host.put_verifier(verifier, &Verifier { removed_at: Some(now), ..known })?;
    let until = now.seconds().saturating_add(GeoParams::load(host)?.removed_verifier_grace);
    Ok(host.emit(encode_log(system::VALIDATORS, &VerifierRemoved { verifier, attestationsUntil: until }))?)
}
