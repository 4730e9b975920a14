use defchain_base::{AgeMillis, Amount};

use crate::{
    error::TokenError,
    params::{PLAIN_TABLE, TokenParams},
    portion::{Portion, Settled},
};

/// Most live portions of an account (D13): the 193 hours that eight days touch, and one more for each of the eight
/// day boundaries that can fall inside an hour.
pub const MAX_PORTIONS: usize = 201;

/// A part of a debit with the age it had: what a carried credit brings along (D17a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Effective value at the time of the movement.
    pub amount: Amount,
    /// When it had arrived at the payer.
    pub received_at: AgeMillis,
    /// Burn table it stays under.
    pub table: u16,
}

/// The portions of one account, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portions(Vec<Portion>);

impl Portions {
    /// From a list that must already be in order.
    ///
    /// # Errors
    /// When it is too long, out of order, or holds an empty portion.
    pub fn from_list(list: Vec<Portion>) -> Result<Self, TokenError> {
        if list.len() > MAX_PORTIONS {
            return Err(TokenError::Invariant(format!("{} portions, at most {MAX_PORTIONS}", list.len())));
        }
        if !list.is_sorted_by_key(|p| p.received_at) || list.iter().any(|p| p.original.is_zero()) {
            return Err(TokenError::Invariant("portions out of order, or an empty one".to_owned()));
        }
        Ok(Self(list))
    }

    /// One fresh portion, or none for no money.
    #[must_use]
    pub fn fresh(params: &TokenParams, now: AgeMillis, amount: Amount) -> Self {
        if amount.is_zero() {
            return Self::default();
        }
        Self(vec![fresh(params, now, amount)])
    }

    /// The portions, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Portion] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What can be spent at `now`.
    ///
    /// # Errors
    /// When a portion names a table that does not exist, or the sum exceeds 2^128 - 1 wei.
    pub fn effective(&self, params: &TokenParams, now: AgeMillis) -> Result<Amount, TokenError> {
        self.0.iter().try_fold(Amount::ZERO, |sum, p| Ok(sum.checked_add(p.effective(params, now)?)?))
    }

    /// What was last written: effective value as of each portion's last settling.
    ///
    /// # Errors
    /// As [`Self::effective`].
    pub fn nominal(&self, params: &TokenParams) -> Result<Amount, TokenError> {
        self.0.iter().try_fold(Amount::ZERO, |sum, p| Ok(sum.checked_add(p.nominal(params)?)?))
    }

    /// Takes every loss up to `now` and drops what is worth nothing. Afterwards nominal and effective are equal.
    ///
    /// # Errors
    /// When a portion names a table that does not exist.
    pub fn settle(&mut self, params: &TokenParams, now: AgeMillis) -> Result<Settled, TokenError> {
        let mut taken = Settled::default();
        let mut worthless = false;
        for portion in &mut self.0 {
            let day = portion.day(params, now);
            if day == portion.settled_day {
                continue;
            }
            taken = taken.plus(portion.settle(params.table(portion.table)?, day)?)?;
            worthless |= portion.nominal(params)?.is_zero();
        }
        if worthless {
            self.0.retain(|p| p.nominal(params).is_ok_and(|n| !n.is_zero()));
        }
        Ok(taken)
    }

    /// Takes `amount` from settled portions, oldest first (D14). Returns what is missing when they hold less; then
    /// nothing was taken. With `pieces`, records what was taken from where.
    ///
    /// # Errors
    /// When a portion names a table that does not exist.
    pub fn debit(
        &mut self,
        params: &TokenParams,
        amount: Amount,
        pieces: Option<&mut Vec<Piece>>,
    ) -> Result<Option<Amount>, TokenError> {
        let mut open = amount;
        let mut emptied = 0_usize;
        let mut cut = None;
        for (index, portion) in self.0.iter().enumerate() {
            if open.is_zero() {
                break;
            }
            let worth = portion.nominal(params)?;
            if worth <= open {
                open = open.checked_sub(worth)?;
                emptied = index.saturating_add(1);
            } else {
                cut = Some((index, worth.checked_sub(open)?, open));
                open = Amount::ZERO;
            }
        }
        if !open.is_zero() {
            return Ok(Some(open));
        }
        if let Some(pieces) = pieces {
            for portion in self.0.iter().take(emptied) {
                pieces.push(piece(portion, portion.nominal(params)?));
            }
            if let Some(portion) = cut.and_then(|(index, ..)| self.0.get(index)) {
                pieces.push(piece(portion, cut.map_or(Amount::ZERO, |(_, _, taken)| taken)));
            }
        }
        if let Some((index, rest, _)) = cut
            && let Some(portion) = self.0.get_mut(index)
        {
            portion.set_worth(params.table(portion.table)?, rest)?;
        }
        self.0.drain(..emptied);
        Ok(None)
    }

    /// Adds `amount` as money that arrives now, to settled portions (D13).
    ///
    /// # Errors
    /// When a sum exceeds 2^128 - 1 wei, or the account would have too many portions.
    pub fn credit_fresh(&mut self, params: &TokenParams, now: AgeMillis, amount: Amount) -> Result<(), TokenError> {
        if amount.is_zero() {
            return Ok(());
        }
        let new = fresh(params, now, amount);
        if let Some(newest) = self.0.last_mut() {
            if amount < params.min_portion {
                return add_to(params, newest, amount);
            }
            if same_group(params, now, newest, &new) {
                newest.received_at = newest.received_at.max(new.received_at);
                return add_to(params, newest, amount);
            }
        }
        self.0.push(new);
        self.keep_bound(params, now)
    }

    /// Adds to the one portion of an account that does not decay (D16).
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei.
    pub fn credit_plain(&mut self, now: AgeMillis, amount: Amount) -> Result<(), TokenError> {
        if amount.is_zero() {
            return Ok(());
        }
        if let Some(only) = self.0.last_mut() {
            only.original = only.original.checked_add(amount)?;
        } else {
            self.0.push(Portion { original: amount, received_at: now, settled_day: 0, table: PLAIN_TABLE });
        }
        Ok(())
    }

    /// When the first of these portions will be worth nothing; none when no portion ever is.
    ///
    /// # Errors
    /// When a portion names a table that does not exist.
    pub fn next_expiry(&self, params: &TokenParams) -> Result<Option<AgeMillis>, TokenError> {
        let mut next: Option<AgeMillis> = None;
        for portion in &self.0 {
            if let Some(days) = params.table(portion.table)?.life_days() {
                let life = params.day_millis().saturating_mul(u64::from(days));
                let at = AgeMillis(portion.received_at.0.saturating_add(life));
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        Ok(next)
    }

    /// Adds pieces that keep their age (D17a), to settled portions.
    ///
    /// # Errors
    /// As [`Self::credit_fresh`].
    pub fn credit_carried(&mut self, params: &TokenParams, now: AgeMillis, pieces: &[Piece]) -> Result<(), TokenError> {
        let total = pieces.iter().try_fold(Amount::ZERO, |sum, p| sum.checked_add(p.amount))?;
        if total.is_zero() {
            return Ok(());
        }
        if total < params.min_portion
            && let Some(newest) = self.0.last_mut()
        {
            return add_to(params, newest, total);
        }
        for piece in pieces.iter().filter(|p| !p.amount.is_zero()) {
            self.insert(params, now, piece)?;
        }
        self.keep_bound(params, now)
    }

    fn insert(&mut self, params: &TokenParams, now: AgeMillis, piece: &Piece) -> Result<(), TokenError> {
        let day = params.age_in_days(piece.received_at, now);
        let mut new =
            Portion { original: piece.amount, received_at: piece.received_at, settled_day: day, table: piece.table };
        new.set_worth(params.table(piece.table)?, piece.amount)?;
        let at = self.0.partition_point(|p| p.received_at <= piece.received_at);
        for neighbour in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            if let Some(portion) = self.0.get_mut(neighbour)
                && same_group(params, now, portion, &new)
            {
                portion.received_at = portion.received_at.max(new.received_at);
                return add_to(params, portion, piece.amount);
            }
        }
        self.0.insert(at, new);
        Ok(())
    }

    /// Portions of one hour that a day boundary once kept apart may agree by now: they are merged when the bound asks
    /// for it.
    fn keep_bound(&mut self, params: &TokenParams, now: AgeMillis) -> Result<(), TokenError> {
        if self.0.len() <= MAX_PORTIONS {
            return Ok(());
        }
        let mut merged: Vec<Portion> = Vec::with_capacity(self.0.len());
        for portion in self.0.drain(..) {
            match merged.last_mut() {
                Some(last) if same_group(params, now, last, &portion) => {
                    last.received_at = portion.received_at;
                    add_to(params, last, portion.nominal(params)?)?;
                }
                _ => merged.push(portion),
            }
        }
        self.0 = merged;
        if self.0.len() <= MAX_PORTIONS {
            return Ok(());
        }
        Err(TokenError::Invariant(format!("{} portions after merging, at most {MAX_PORTIONS}", self.0.len())))
    }
}

fn fresh(params: &TokenParams, now: AgeMillis, amount: Amount) -> Portion {
    Portion { original: amount, received_at: now, settled_day: 0, table: params.version_at(now) }
}

const fn piece(portion: &Portion, amount: Amount) -> Piece {
    Piece { amount, received_at: portion.received_at, table: portion.table }
}

/// Whether two portions merge: same hour of receipt, same whole days of age, same table (D13).
fn same_group(params: &TokenParams, now: AgeMillis, a: &Portion, b: &Portion) -> bool {
    a.table == b.table
        && params.hour_of(a.received_at) == params.hour_of(b.received_at)
        && a.day(params, now) == b.day(params, now)
}

/// Adds effective value to a settled portion.
fn add_to(params: &TokenParams, portion: &mut Portion, amount: Amount) -> Result<(), TokenError> {
    let sum = portion.nominal(params)?.checked_add(amount)?;
    portion.set_worth(params.table(portion.table)?, sum)
}

#[cfg(test)]
#[path = "portions_tests.rs"]
mod tests;
