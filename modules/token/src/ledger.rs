use std::collections::BTreeMap;

use defchain_base::{Address, AgeMillis, Amount, B256, StateRead, StateWrite, system::Pool};

use crate::{
    AccountRecord, Shares, TokenError, TokenParams, expiry,
    portion::Settled,
    portions::{Piece, Portions},
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
    /// A payment with commission: arrives as a fresh portion.
    Paid {
        /// Payer.
        from: Address,
        /// Recipient.
        to: Address,
        /// What arrives, wei.
        amount: Amount,
        /// What leaves the payer beside it: the commission, but for a referrer's part, which is a transfer of its own.
        shares: Shares,
    },
    /// Takes an account's losses up to now (D15).
    Settle {
        /// Whose.
        account: Address,
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
    /// Money came that is older than what it had may be: the place in the expiry index must be looked at.
    aged: bool,
}

/// What a working set did beside changing accounts and pools: to be summed over the block and credited once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "these shares left accounts: they must be credited"]
pub struct Effects {
    /// By commission, decay and burning.
    pub shares: Shares,
    /// Who lost by decay, and what.
    pub settled: Vec<(Address, Settled)>,
    /// Who ended with money, which burned.
    pub ended: Vec<(Address, Amount)>,
}

/// A working set of accounts and pools: movements are applied here one by one, then what changed is written once.
#[derive(Debug)]
pub struct Ledger<'p> {
    params: &'p TokenParams,
    now: AgeMillis,
    accounts: BTreeMap<Address, Open>,
    pools: BTreeMap<Pool, Amount>,
    effects: Effects,
    pieces: Vec<Piece>,
}

impl Open {
    fn of(record: Option<AccountRecord>) -> Self {
        Self { existed: record.is_some(), record: record.unwrap_or_default(), ..Self::default() }
    }
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
            effects: Effects { shares: Shares::burning(Amount::ZERO), settled: Vec::new(), ended: Vec::new() },
            pieces: Vec::new(),
        }
    }

    /// Puts in what was already read from the same state.
    pub fn preload(&mut self, address: Address, record: Option<AccountRecord>) {
        self.accounts.entry(address).or_insert_with(|| Open::of(record));
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
        (code_hash, delegated): (B256, bool),
    ) -> Result<(), TokenError> {
        let open = self.open(state, address)?;
        open.changed |= open.record.nonce != nonce || open.record.code_hash != code_hash;
        open.record.nonce = nonce;
        open.record.code_hash = code_hash;
        open.record.delegated = delegated;
        Ok(())
    }

    /// Puts an account on the list of those who do not decay, or takes it off (D16): its losses are taken first; then it
    /// holds one portion, without age on the list, fresh off it. Whether that changed anything.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_no_decay<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        address: &Address,
        on: bool,
    ) -> Result<bool, TokenError> {
        self.settle(state, address)?;
        let (params, now) = (self.params, self.now);
        let open = self.open(state, address)?;
        if open.record.no_decay == on {
            return Ok(false);
        }
        let amount = open.record.portions.nominal(params)?;
        open.record.portions = Portions::default();
        open.record.no_decay = on;
        open.changed = true;
        if on {
            open.record.portions.credit_plain(now, amount)?;
        } else {
            open.record.portions.credit_fresh(params, now, amount)?;
        }
        Ok(true)
    }

    /// Takes an account's losses because its place in the expiry index has come, which it leaves. One that stands
    /// elsewhere is left alone. Whether it stood there.
    pub(crate) fn sweep<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        address: &Address,
        at: AgeMillis,
    ) -> Result<bool, TokenError> {
        let open = self.open(state, address)?;
        if open.record.sweep_at != at {
            return Ok(false);
        }
        open.record.sweep_at = AgeMillis(0);
        open.changed = true;
        self.settle(state, address)?;
        Ok(true)
    }

    fn open<S: StateRead + ?Sized>(&mut self, state: &S, address: &Address) -> Result<&mut Open, TokenError> {
        use std::collections::btree_map::Entry;
        match self.accounts.entry(*address) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Open::of(state.account(address)?))),
        }
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
            Movement::Paid { from, to, amount, shares } => {
                self.debit(state, &from, amount.checked_add(shares.total()?)?, false)?;
                self.effects.shares = self.effects.shares.plus(shares)?;
                self.credit(state, &to, amount, false)
            }
            Movement::Settle { account } => {
                if Pool::by_address(&account).is_some() {
                    Ok(())
                } else {
                    self.settle(state, &account)
                }
            }
            Movement::Burn { from, amount } => {
                self.debit(state, &from, amount, false)?;
                self.effects.shares.burned = self.effects.shares.burned.checked_add(amount)?;
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
        if !amount.is_zero() {
            self.effects.ended.push((*from, amount));
        }
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
        if !taken.is_zero() {
            self.effects.shares = self.effects.shares.plus(taken.into())?;
            self.effects.settled.push((*address, taken));
        }
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
        let (params, now) = (self.params, self.now);
        let mut pieces = core::mem::take(&mut self.pieces);
        let open = self.open(state, from)?;
        open.changed = true;
        let missing = open.record.portions.debit(params, amount, carried.then_some(&mut pieces))?;
        if open.record.no_decay {
            // What has no age cannot bring one along. (Such a payer pays commission always: nothing of it is carried.)
            pieces.iter_mut().for_each(|p| (p.received_at, p.table) = (now, params.version_at(now)));
        }
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
        if open.record.no_decay {
            portions.credit_plain(now, amount)?;
        } else if carried {
            portions.credit_carried(params, now, &pieces)?;
            open.aged = true;
        } else {
            portions.credit_fresh(params, now, amount)?;
        }
        self.pieces = pieces;
        Ok(())
    }

    /// Writes the accounts that changed, with their places in the expiry index, and pools. An account that is empty by
    /// EIP-161 is removed. What left accounts for no account is the caller's to credit.
    ///
    /// # Errors
    /// When the store fails.
    pub fn write<S: StateWrite + ?Sized>(self, state: &mut S) -> Result<Effects, TokenError> {
        for (address, Open { mut record, existed, changed, aged }) in self.accounts {
            if !changed {
                continue;
            }
            if record.is_void() {
                expiry::leave(state, &address, &mut record)?;
                if existed {
                    state.remove_account(&address)?;
                }
                continue;
            }
            expiry::keep_place(state, self.params, &address, &mut record, aged)?;
            state.put_account(&address, &record)?;
        }
        for (pool, amount) in &self.pools {
            state.put_pool(*pool, *amount)?;
        }
        Ok(self.effects)
    }
}
