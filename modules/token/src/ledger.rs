use std::collections::BTreeMap;

use defchain_base::{Address, AgeMillis, Amount, B256, StateRead, StateWrite, system::Pool};

use crate::{
    AccountRecord, TokenError, TokenParams,
    portion::Settled,
    portions::Piece,
    state::{TokenRead, TokenWrite},
};

/// In which form moved value arrives (D17a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// As a new portion.
    Fresh,
    /// With the times of receipt it had.
    Carried,
}

/// The one judge of a movement by its parties (D17, D17a). A payer without code always pays commission, a contract
/// pays when the recipient has no code: such value arrives fresh. Contract to contract is free and keeps its age. The
/// rate does not matter, so that a commission of zero changes nothing else.
#[must_use]
pub const fn movement_kind(payer_has_code: bool, recipient_has_code: bool) -> MovementKind {
    if payer_has_code && recipient_has_code { MovementKind::Carried } else { MovementKind::Fresh }
}

/// One step of native money, as the EVM journaled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// From one account or pool to another.
    Transfer {
        /// Payer.
        from: Address,
        /// Recipient.
        to: Address,
        /// Wei.
        amount: Amount,
        /// How it arrives.
        kind: MovementKind,
    },
    /// Out of existence.
    Burn {
        /// Payer.
        from: Address,
        /// Wei.
        amount: Amount,
    },
    /// Out of the account for gas; the block's end distributes it (D19).
    Gas {
        /// Payer.
        from: Address,
        /// Wei.
        amount: Amount,
    },
}

/// An account in the working set.
#[derive(Debug, Default)]
struct Open {
    record: AccountRecord,
    existed: bool,
    changed: bool,
}

/// A working set of accounts and pools: movements are applied here one by one, then what changed is written once.
#[derive(Debug)]
pub struct Ledger<'p> {
    params: &'p TokenParams,
    now: AgeMillis,
    accounts: BTreeMap<Address, Open>,
    pools: BTreeMap<Pool, Amount>,
    burned: Amount,
    pieces: Vec<Piece>,
}

impl<'p> Ledger<'p> {
    /// An empty working set at a moment of the age clock.
    #[must_use]
    pub const fn new(params: &'p TokenParams, now: AgeMillis) -> Self {
        Self {
            params,
            now,
            accounts: BTreeMap::new(),
            pools: BTreeMap::new(),
            burned: Amount::ZERO,
            pieces: Vec::new(),
        }
    }

    /// Puts in what was already read from the same state.
    pub fn preload(&mut self, address: Address, record: Option<AccountRecord>) {
        let existed = record.is_some();
        self.accounts.entry(address).or_insert(Open { record: record.unwrap_or_default(), existed, changed: false });
    }

    /// Whether an account is in the working set.
    #[must_use]
    pub fn holds(&self, address: &Address) -> bool {
        self.accounts.contains_key(address)
    }

    /// The record of an account with the movements applied so far, read on first use.
    ///
    /// # Errors
    /// When the store fails.
    pub fn account<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        address: &Address,
    ) -> Result<&AccountRecord, TokenError> {
        self.open(state, address).map(|open| &open.record)
    }

    /// Sets what the EVM keeps about an account beside its balance.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_identity<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        address: &Address,
        nonce: u64,
        code_hash: B256,
    ) -> Result<(), TokenError> {
        let open = self.open(state, address)?;
        open.changed |= open.record.nonce != nonce || open.record.code_hash != code_hash;
        open.record.nonce = nonce;
        open.record.code_hash = code_hash;
        Ok(())
    }

    fn open<S: StateRead + ?Sized>(&mut self, state: &S, address: &Address) -> Result<&mut Open, TokenError> {
        use std::collections::btree_map::Entry;
        match self.accounts.entry(*address) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let record = state.account(address)?;
                let existed = record.is_some();
                Ok(entry.insert(Open { record: record.unwrap_or_default(), existed, changed: false }))
            }
        }
    }

    /// What was burned so far.
    #[must_use]
    pub const fn burned(&self) -> Amount {
        self.burned
    }

    /// Effective balance of an account or pool, with the movements applied so far.
    ///
    /// # Errors
    /// When the store fails.
    pub fn balance<S: StateRead + ?Sized>(&mut self, state: &S, address: &Address) -> Result<Amount, TokenError> {
        if let Some(pool) = Pool::by_address(address) {
            return self.pool(state, pool).map(|amount| *amount);
        }
        let (params, now) = (self.params, self.now);
        self.account(state, address)?.effective_balance(params, now)
    }

    /// Applies one movement.
    ///
    /// # Errors
    /// [`TokenError::Insufficient`] when the payer cannot spend the amount; the working set is then unfit for writing.
    pub fn apply<S: StateRead + ?Sized>(&mut self, state: &S, movement: &Movement) -> Result<(), TokenError> {
        match *movement {
            Movement::Transfer { from, to, amount, kind } => {
                let carried = kind == MovementKind::Carried;
                self.debit(state, &from, amount, carried)?;
                self.credit(state, &to, amount, carried)
            }
            Movement::Burn { from, amount } => {
                self.debit(state, &from, amount, false)?;
                self.burned = self.burned.checked_add(amount)?;
                Ok(())
            }
            Movement::Gas { from, amount } => self.debit(state, &from, amount, false),
        }
    }

    /// Adds money that comes from outside the working set as a fresh portion; to a pool's address, to the pool.
    ///
    /// # Errors
    /// When a sum exceeds 2^128 - 1 wei or the store fails.
    pub fn credit_fresh<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        to: &Address,
        amount: Amount,
    ) -> Result<(), TokenError> {
        self.credit(state, to, amount, false)
    }

    /// Burns whatever an account still holds and returns it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn burn_all<S: StateRead + ?Sized>(&mut self, state: &S, from: &Address) -> Result<Amount, TokenError> {
        let amount = self.balance(state, from)?;
        self.apply(state, &Movement::Burn { from: *from, amount })?;
        Ok(amount)
    }

    /// Takes every loss of an account up to now (D15).
    ///
    /// # Errors
    /// When the store fails.
    pub fn settle<S: StateRead + ?Sized>(&mut self, state: &S, address: &Address) -> Result<(), TokenError> {
        let (params, now) = (self.params, self.now);
        let open = self.open(state, address)?;
        let (before, taken) = (open.record.portions.as_slice().len(), open.record.portions.settle(params, now)?);
        open.changed |= !taken.is_zero() || open.record.portions.as_slice().len() != before;
        self.take_settled(state, taken)
    }

    fn take_settled<S: StateRead + ?Sized>(&mut self, state: &S, taken: Settled) -> Result<(), TokenError> {
        if taken.is_zero() {
            return Ok(());
        }
        self.burned = self.burned.checked_add(taken.burned)?;
        let pool = self.pool(state, Pool::Dividend)?;
        *pool = pool.checked_add(taken.dividend)?;
        Ok(())
    }

    fn pool<S: StateRead + ?Sized>(&mut self, state: &S, pool: Pool) -> Result<&mut Amount, TokenError> {
        use std::collections::btree_map::Entry;
        match self.pools.entry(pool) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(state.pool(pool)?)),
        }
    }

    fn debit<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        from: &Address,
        amount: Amount,
        carried: bool,
    ) -> Result<(), TokenError> {
        self.pieces.clear();
        if amount.is_zero() {
            return Ok(());
        }
        let short = |have| TokenError::Insufficient { address: *from, have, want: amount };
        if let Some(pool) = Pool::by_address(from) {
            let balance = self.pool(state, pool)?;
            *balance = balance.checked_sub(amount).map_err(|_| short(*balance))?;
            // A pool is a system account: what it releases is fresh (D17a).
            self.pieces.push(Piece { amount, received_at: self.now, table: self.params.version_at(self.now) });
            return Ok(());
        }
        self.settle(state, from)?;
        let params = self.params;
        let mut pieces = core::mem::take(&mut self.pieces);
        let open = self.open(state, from)?;
        open.changed = true;
        let missing = open.record.portions.debit(params, amount, carried.then_some(&mut pieces))?;
        self.pieces = pieces;
        match missing {
            None => Ok(()),
            Some(missing) => Err(short(amount.saturating_sub(missing))),
        }
    }

    fn credit<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        to: &Address,
        amount: Amount,
        carried: bool,
    ) -> Result<(), TokenError> {
        if amount.is_zero() {
            return Ok(());
        }
        if let Some(pool) = Pool::by_address(to) {
            let balance = self.pool(state, pool)?;
            *balance = balance.checked_add(amount)?;
            return Ok(());
        }
        self.settle(state, to)?;
        let (params, now) = (self.params, self.now);
        let pieces = core::mem::take(&mut self.pieces);
        let open = self.open(state, to)?;
        open.changed = true;
        let portions = &mut open.record.portions;
        if carried {
            portions.credit_carried(params, now, &pieces)?;
        } else {
            portions.credit_fresh(params, now, amount)?;
        }
        self.pieces = pieces;
        Ok(())
    }

    /// Writes the accounts that changed, pools and supply. An account that is empty by EIP-161 is removed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn write<S: StateWrite + ?Sized>(self, state: &mut S) -> Result<(), TokenError> {
        for (address, Open { record, existed, changed }) in &self.accounts {
            if !changed {
                continue;
            }
            if record.nonce != 0 || record.has_code() || !record.portions.is_empty() {
                state.put_account(address, record)?;
            } else if *existed {
                state.remove_account(address)?;
            }
        }
        for (pool, amount) in &self.pools {
            state.put_pool(*pool, *amount)?;
        }
        Ok(state.burn(self.burned)?)
    }
}
