//! Reading and writing verifiers: the only code that touches [`crate::keys`].

use defchain_base::{
    Address, B256, StateError, StateRead, StateReadExt, StateWrite, StateWriteExt, Substore, U256, read_exact_value,
};

use crate::keys::{NonceKey, UsedNonce, VERIFIERS, Verifier, VerifierKey};

/// Most verifiers that are listed, removed ones included.
pub const MAX_VERIFIERS: usize = 1_024;

/// Reads.
pub trait GeoRead: StateRead {
    /// A verifier, also one that was removed.
    ///
    /// # Errors
    /// When the store fails.
    fn verifier(&self, address: Address) -> Result<Option<Verifier>, StateError> {
        self.read(&VerifierKey(address))
    }

    /// All verifiers by address, also removed ones.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    fn verifiers(&self) -> Result<Vec<(Address, Verifier)>, StateError> {
        let mut end = VERIFIERS.to_vec();
        end.extend([0xff; 21]);
        let found = self.range_raw(Substore::Def, VERIFIERS, &end, MAX_VERIFIERS)?;
        found
            .iter()
            .map(|(key, value)| {
                let address = key.get(VERIFIERS.len()..).and_then(|a| <[u8; 20]>::try_from(a).ok());
                let address = address
                    .map(Address::new)
                    .ok_or_else(|| StateError::Invariant(format!("verifier key of {} bytes", key.len())))?;
                let verifier = read_exact_value(value).map_err(|source| StateError::Corrupt {
                    substore: Substore::Def,
                    key: alloy_primitives::hex::encode(key),
                    source,
                })?;
                Ok((address, verifier))
            })
            .collect()
    }

    /// The attestation that used a nonce of a verifier, if one did.
    ///
    /// # Errors
    /// When the store fails.
    fn used_nonce(&self, verifier: Address, nonce: U256) -> Result<Option<B256>, StateError> {
        Ok(self.read(&NonceKey(verifier, nonce))?.map(|used| used.0))
    }
}

impl<S: StateRead + ?Sized> GeoRead for S {}

/// Writes.
pub(crate) trait GeoWrite: StateWrite {
    fn put_verifier(&mut self, address: Address, verifier: &Verifier) -> Result<(), StateError> {
        self.write(&VerifierKey(address), verifier)
    }

    fn use_nonce(&mut self, verifier: Address, nonce: U256, attestation: B256) -> Result<(), StateError> {
        self.write(&NonceKey(verifier, nonce), &UsedNonce(attestation))
    }
}

impl<S: StateWrite + ?Sized> GeoWrite for S {}
