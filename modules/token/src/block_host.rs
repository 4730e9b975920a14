use bytes::Bytes;
use defchain_base::{
    Address, Amount, BlockEnv, StateError, StateRead, StateWrite, Substore, native::Host, system::Pool,
};

use crate::{
    Ledger, Movement, MovementKind, TokenError, events,
    state::{TokenRead, TokenWrite},
};

/// [`Host`] for the steps at the begin and end of a block: not metered, money moves at once, logs are the block's events
/// (D21). Tests of modules run their messages on it.
#[derive(Debug)]
pub struct BlockHost<S> {
    state: S,
    env: BlockEnv,
    logs: Vec<alloy_primitives::Log>,
    burned: Amount,
}

impl<S: StateWrite> BlockHost<S> {
    /// A host over `state`, which may be a mutable reference.
    #[must_use]
    pub const fn new(state: S, env: BlockEnv) -> Self {
        Self { state, env, logs: Vec::new(), burned: Amount::ZERO }
    }

    /// The events so far.
    #[must_use]
    pub fn logs(&self) -> &[alloy_primitives::Log] {
        &self.logs
    }

    /// What was burned so far; already taken off the supply.
    #[must_use]
    pub const fn burned(&self) -> Amount {
        self.burned
    }

    /// The state.
    pub const fn state_mut(&mut self) -> &mut S {
        &mut self.state
    }

    /// Goes on in another block, keeping state and events.
    pub const fn set_env(&mut self, env: BlockEnv) {
        self.env = env;
    }

    /// Ends with the state, the events, and what was burned.
    pub fn into_parts(self) -> (S, Vec<alloy_primitives::Log>, Amount) {
        (self.state, self.logs, self.burned)
    }

    /// Takes `amount` from `from` and gives it to a pool: what the EVM does with a payable call's value before the
    /// module's function runs. For tests of modules.
    ///
    /// # Errors
    /// When the account cannot spend the amount, or the store fails.
    pub fn deposit(&mut self, from: Address, to: Pool, amount: Amount) -> Result<(), TokenError> {
        self.apply(&Movement::Transfer { from, to: to.address(), amount, kind: MovementKind::Fresh })
    }

    fn apply(&mut self, movement: &Movement) -> Result<(), TokenError> {
        let params = self.state.token_params()?;
        let mut ledger = Ledger::new(&params, self.env.age);
        ledger.apply(&self.state, movement)?;
        let effects = ledger.write(&mut self.state)?;
        self.burned = self.burned.checked_add(effects.shares.burned)?;
        effects.shares.credit(&mut self.state)?;
        self.logs.extend(effects.settled.iter().map(|(account, taken)| events::settled(*account, taken)));
        Ok(())
    }
}

impl<S: StateWrite> StateRead for BlockHost<S> {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.state.get_raw(substore, key)
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        self.state.range_raw(substore, from, to, limit)
    }
}

impl<S: StateWrite> StateWrite for BlockHost<S> {
    fn put_raw(&mut self, substore: Substore, key: Vec<u8>, value: Bytes) -> Result<(), StateError> {
        self.state.put_raw(substore, key, value)
    }

    fn delete_raw(&mut self, substore: Substore, key: Vec<u8>) -> Result<(), StateError> {
        self.state.delete_raw(substore, key)
    }
}

impl<S: StateWrite> Host for BlockHost<S> {
    fn block(&self) -> &BlockEnv {
        &self.env
    }

    fn balance(&mut self, address: Address) -> Result<Amount, StateError> {
        self.state.effective_balance(&address, self.env.age)
    }

    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<(), StateError> {
        Ok(self.apply(&Movement::Transfer { from: from.address(), to, amount, kind: MovementKind::Fresh })?)
    }

    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError> {
        let left = self.state.pool(from)?.checked_sub(amount)?;
        self.state.put_pool(from, left)?;
        self.burned = self.burned.checked_add(amount)?;
        self.state.burn(amount)
    }

    fn emit(&mut self, log: alloy_primitives::Log) -> Result<(), StateError> {
        self.logs.push(log);
        Ok(())
    }

    fn elements(&self, _: usize) -> Result<(), StateError> {
        Ok(())
    }
}
