//! Reading and writing code and storage: the only code that touches [`crate::keys`].

use alloy_primitives::{Address, B256, Bytes, U256};
use defchain_base::{StateError, StateRead, StateReadExt, StateWrite, StateWriteExt};
use defchain_token::{EMPTY_CODE_HASH, state::TokenRead};

use crate::keys::{Code, CodeKey, StorageKey, StorageWord};

/// Reads.
pub trait EvmRead: StateRead {
    /// A word of a contract's storage; zero when it was never set.
    ///
    /// # Errors
    /// When the store fails.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.read(&StorageKey { address, slot })?.map_or(U256::ZERO, |word| word.0))
    }

    /// The code of that hash.
    ///
    /// # Errors
    /// When the store fails or an account names code that is not there.
    fn code_by_hash(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        let code = self.read(&CodeKey(hash))?;
        code.map(|code| code.0).ok_or_else(|| StateError::Invariant(format!("no code of hash {hash} in state")))
    }

    /// The code of an account, a delegation included.
    ///
    /// # Errors
    /// When the store fails.
    fn code(&self, address: &Address) -> Result<Bytes, StateError> {
        match self.account(address)? {
            Some(record) => self.code_by_hash(record.code_hash),
            None => Ok(Bytes::new()),
        }
    }
}

impl<S: StateRead + ?Sized> EvmRead for S {}

/// Writes.
pub trait EvmWrite: StateWrite {
    /// Sets a word of storage; zero removes it.
    ///
    /// # Errors
    /// When the store fails.
    fn put_storage(&mut self, address: Address, slot: U256, value: U256) -> Result<(), StateError> {
        let key = StorageKey { address, slot };
        if value.is_zero() { self.remove(&key) } else { self.write(&key, &StorageWord(value)) }
    }

    /// Stores code once: the same hash is never written again.
    ///
    /// # Errors
    /// When the store fails.
    fn put_code(&mut self, hash: B256, code: Bytes) -> Result<(), StateError> {
        let key = CodeKey(hash);
        if code.is_empty() || self.read(&key)?.is_some() {
            return Ok(());
        }
        self.write(&key, &Code(code))
    }
}

impl<S: StateWrite + ?Sized> EvmWrite for S {}
