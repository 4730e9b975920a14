use defchain_base::{Address, B256, BlockEnv, StateError, StateRead, native::Host, params::ModuleParams};

use crate::{
    Attestation, GeoError, GeoParams,
    state::{GeoRead, GeoWrite},
};

/// An attestation that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Hash of the attestation: what stands on chain (D30).
    pub hash: B256,
    /// Who signed.
    pub verifier: Address,
    /// Seconds since 1970.
    pub expires_at: u64,
}

/// Verifies an attestation as [`accept`] does, and changes nothing.
///
/// # Errors
/// With what is wrong with it.
pub fn check<S: StateRead + ?Sized>(
    state: &S,
    env: &BlockEnv,
    attestation: &Attestation,
    signature: &[u8],
) -> Result<Accepted, GeoError> {
    let Attestation { verification_date: verified_at, expiration_date: expires_at, nonce, .. } = *attestation;
    let now = env.time.seconds();
    let limit = GeoParams::load(state)?.max_validity;
    let length = expires_at.saturating_sub(verified_at);
    if length == 0 || length > limit {
        return Err(GeoError::Length { verified_at, expires_at, length, limit });
    }
    if verified_at > now {
        return Err(GeoError::FromTheFuture { verified_at, now });
    }
    if expires_at <= now {
        return Err(GeoError::Expired { expires_at, now });
    }
    let verifier = attestation.recover(env.chain_id, signature)?;
    let Some(known) = state.verifier(verifier)? else {
        return Err(GeoError::UnknownVerifier { signer: verifier, chain_id: env.chain_id });
    };
    if let Some(removed_at) = known.removed_at {
        return Err(GeoError::RemovedVerifier { verifier, removed_at: removed_at.seconds() });
    }
    if state.used_nonce(verifier, nonce)?.is_some() {
        return Err(GeoError::NonceUsed { verifier, nonce: format!("{nonce:#x}") });
    }
    Ok(Accepted { hash: attestation.hash(), verifier, expires_at })
}

/// Verifies an attestation and uses up its nonce (D30).
///
/// # Errors
/// With what is wrong with it.
pub fn accept<H: Host + ?Sized>(
    host: &mut H,
    attestation: &Attestation,
    signature: &[u8],
) -> Result<Accepted, GeoError> {
    let env = *host.block();
    let accepted = check(host, &env, attestation, signature)?;
    host.use_nonce(accepted.verifier, attestation.nonce, accepted.hash)?;
    Ok(accepted)
}

/// Until when an accepted attestation holds, seconds since 1970: its expiry, or earlier when its verifier was removed.
/// Validators of genesis have no verifier (the zero address).
///
/// # Errors
/// When the store fails.
pub fn valid_until<S: StateRead + ?Sized>(state: &S, verifier: Address, expires_at: u64) -> Result<u64, StateError> {
    let removed = state.verifier(verifier)?.and_then(|v| v.removed_at);
    let Some(removed) = removed else { return Ok(expires_at) };
    Ok(expires_at.min(removed.seconds().saturating_add(GeoParams::load(state)?.removed_verifier_grace)))
}
