//! Reading and writing native money: the only code that touches [`crate::keys`].

use defchain_base::{
    Address, AgeMillis, Amount, StateError, StateRead, StateReadExt, StateWrite, StateWriteExt, system::Pool,
};

use crate::{
    AccountRecord, TokenError, TokenParams,
    keys::{AccountKey, AmountRecord, ParamsKey, PoolKey, SupplyKey},
};

/// Reads.
pub trait TokenRead: StateRead {
    /// The parameters that genesis wrote.
    ///
    /// # Errors
    /// When the store fails or there are none: the state has no genesis.
    fn token_params(&self) -> Result<TokenParams, StateError> {
        self.read(&ParamsKey)?
            .ok_or_else(|| StateError::Invariant("no token parameters in state: genesis was not applied".to_owned()))
    }

    /// The record of an account, if it exists.
    ///
    /// # Errors
    /// When the store fails.
    fn account(&self, address: &Address) -> Result<Option<AccountRecord>, StateError> {
        self.read(&AccountKey(*address))
    }

    /// The balance of a pool.
    ///
    /// # Errors
    /// When the store fails.
    fn pool(&self, pool: Pool) -> Result<Amount, StateError> {
        Ok(self.read(&PoolKey(pool))?.unwrap_or_default().0)
    }

    /// All native money there is.
    ///
    /// # Errors
    /// When the store fails.
    fn total_supply(&self) -> Result<Amount, StateError> {
        Ok(self.read(&SupplyKey)?.unwrap_or_default().0)
    }

    /// What `address` can spend at `now`; for a pool's address, the pool's balance.
    ///
    /// # Errors
    /// When the store fails.
    fn effective_balance(&self, address: &Address, now: AgeMillis) -> Result<Amount, StateError> {
        if let Some(pool) = Pool::by_address(address) {
            return self.pool(pool);
        }
        let Some(record) = self.account(address)? else { return Ok(Amount::ZERO) };
        Ok(record.effective_balance(&self.token_params()?, now)?)
    }

    /// The nominal balance of `address` (D20); for a pool's address, the pool's balance.
    ///
    /// # Errors
    /// When the store fails.
    fn nominal_balance(&self, address: &Address) -> Result<Amount, StateError> {
        if let Some(pool) = Pool::by_address(address) {
            return self.pool(pool);
        }
        let Some(record) = self.account(address)? else { return Ok(Amount::ZERO) };
        Ok(record.nominal_balance(&self.token_params()?)?)
    }
}

impl<S: StateRead + ?Sized> TokenRead for S {}

/// Writes.
pub trait TokenWrite: StateWrite {
    /// Writes the parameters at genesis or by governance.
    ///
    /// # Errors
    /// When a bound is broken or the store fails.
    fn put_token_params(&mut self, params: &TokenParams) -> Result<(), TokenError> {
        params.validate()?;
        Ok(self.write(&ParamsKey, params)?)
    }

    /// Writes an account.
    ///
    /// # Errors
    /// When the store fails.
    fn put_account(&mut self, address: &Address, record: &AccountRecord) -> Result<(), StateError> {
        self.write(&AccountKey(*address), record)
    }

    /// Removes an account, which must hold nothing.
    ///
    /// # Errors
    /// When the store fails.
    fn remove_account(&mut self, address: &Address) -> Result<(), StateError> {
        self.remove(&AccountKey(*address))
    }

    /// Writes the balance of a pool.
    ///
    /// # Errors
    /// When the store fails.
    fn put_pool(&mut self, pool: Pool, amount: Amount) -> Result<(), StateError> {
        self.write(&PoolKey(pool), &AmountRecord(amount))
    }

    /// Raises the supply: genesis and the bridge alone do this (D4).
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei or the store fails.
    fn raise_supply(&mut self, amount: Amount) -> Result<(), StateError> {
        let supply = self.total_supply()?.checked_add(amount)?;
        self.write(&SupplyKey, &AmountRecord(supply))
    }

    /// Takes what was burned off the supply.
    ///
    /// # Errors
    /// When more would be burned than there is, or the store fails.
    fn burn(&mut self, amount: Amount) -> Result<(), StateError> {
        if amount.is_zero() {
            return Ok(());
        }
        let supply = self.total_supply()?.checked_sub(amount)?;
        self.write(&SupplyKey, &AmountRecord(supply))
    }

    /// Adds to a pool.
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei or the store fails.
    fn credit_pool(&mut self, pool: Pool, amount: Amount) -> Result<(), StateError> {
        if amount.is_zero() {
            return Ok(());
        }
        let sum = self.pool(pool)?.checked_add(amount)?;
        self.put_pool(pool, sum)
    }
}

impl<S: StateWrite + ?Sized> TokenWrite for S {}
