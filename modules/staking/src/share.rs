//! What a position adds to its book, and how a position is settled.

use defchain_base::{Address, Amount, StateRead, U256};

use crate::{
    BookId, Position, StakingError,
    desk::Desk,
    keys::{EndedKey, JoinedKey, SlashedKey},
    math::{mul, mul_div_floor, slashed_to, sub},
    position::{AtSnapshot, Bond, Unlocking},
    records::Ended,
};

/// What a position adds to its book's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) book: BookId,
    pub(crate) units: U256,
    pub(crate) rounded: bool,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its term runs.
    Running { years: u8, end_day: u32, part: Part },
    /// It unlocks.
    Locked { days: u32, until: u32 },
    /// All is unlocked.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    None,
    Counted { own: bool },
    Joining { own: bool },
}

/// A moment in the life of a book.
#[derive(Debug, Clone, Copy)]
struct Point {
    day: u32,
    index: u128,
    slashes: u32,
}

impl Desk {
    /// What a position that is settled to now adds to its book.
    pub(crate) fn share_of<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        owner: Address,
        position: &Position,
    ) -> Result<Share, StakingError> {
        let today = self.clock.day;
        let (units, rounded) = position.units()?;
        let kind = match &position.unlocking {
            None => {
                let own = position.is_own(owner);
                let part = match position.bond {
                    Bond::Idle | Bond::Unbinding(_) => Part::None,
                    Bond::Counted => Part::Counted { own },
                    Bond::Joining(at) if at < self.book(state, position.book)?.join_seq => Part::Counted { own },
                    Bond::Joining(_) => Part::Joining { own },
                };
                Kind::Running { years: position.years, end_day: position.end_day, part }
            }
            Some(u) if today < u.until => Kind::Locked { days: u.days, until: u.until },
            Some(_) => Kind::Open,
        };
        Ok(Share { book: position.book, units, rounded, kind })
    }

    /// Settles a position to now, and returns what it adds to its book before any change: an epoch that began to count it,
    /// the end of its term, income, slashes, and what it was at the month's snapshot.
    pub(crate) fn settle<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        owner: Address,
        position: &mut Position,
    ) -> Result<Share, StakingError> {
        let ended = self.take_ended(state, position)?;
        let own = position.is_own(owner);
        let book = self.book(state, position.book)?;
        let (join_seq, accumulators) =
            ended.map_or((book.join_seq, book.accumulators), |e| (e.join_seq, e.accumulators));
        let now = Point { day: 0, index: book.index, slashes: book.slashes };
        self.start_counting(state, position, own, join_seq)?;
        if position.bond == Bond::Counted {
            earn(position, accumulators.of(own))?;
        }
        let share = match &ended {
            None => self.share_of(state, owner, position)?,
            Some(e) => self.share_after_end(position, e)?,
        };
        let now = Point { day: self.clock.day, ..now };
        self.record_snapshot(state, position, ended.as_ref(), &now)?;
        self.advance(state, position, ended.as_ref(), &now)?;
        Ok(share)
    }

    /// The record of the end of its term, when it has not taken note of it yet; it does now.
    fn take_ended<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        position: &Position,
    ) -> Result<Option<Ended>, StakingError> {
        if position.unlocking.is_some() || position.end_day > self.clock.day {
            return Ok(None);
        }
        let found = self.ended.get(state, EndedKey(position.book, position.end_day))?.as_mut();
        let record = found.ok_or_else(|| {
            StakingError::Invariant(format!("no record of the terms that ended on day {}", position.end_day))
        })?;
        record.count = record.count.saturating_sub(1);
        Ok(Some(*record))
    }

    /// A position that joined is counted from the epoch that began since.
    fn start_counting<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        position: &mut Position,
        own: bool,
        join_seq: u64,
    ) -> Result<(), StakingError> {
        let Bond::Joining(at) = position.bond else { return Ok(()) };
        if at >= join_seq {
            return Ok(());
        }
        let found = self.joined.get(state, JoinedKey(position.book, at))?.as_mut();
        let record = found.ok_or_else(|| StakingError::Invariant(format!("no record of epoch {at} of a book")))?;
        record.count = record.count.saturating_sub(1);
        position.cursor = record.accumulators.of(own);
        position.bond = Bond::Counted;
        Ok(())
    }

    /// The day's roll moved its units already; this says where to.
    fn share_after_end(&self, position: &Position, ended: &Ended) -> Result<Share, StakingError> {
        let (units, rounded) = position.units()?;
        let days = unlock_days(position.years, ended);
        let until = position.end_day.saturating_add(days);
        let kind = if self.clock.day < until { Kind::Locked { days, until } } else { Kind::Open };
        Ok(Share { book: position.book, units, rounded, kind })
    }

    fn record_snapshot<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        position: &mut Position,
        ended: Option<&Ended>,
        now: &Point,
    ) -> Result<(), StakingError> {
        let month = self.clock.month;
        if position.snapshot.month == month {
            return Ok(());
        }
        let (index, slashes) = self.book(state, position.book)?.at_snapshot(month);
        let then = Point { day: self.clock.month_day.min(now.day), index, slashes };
        let mut at = position.clone();
        self.advance(state, &mut at, ended, &then)?;
        position.snapshot = match &at.unlocking {
            None => AtSnapshot { month, amount: at.amount, years: at.years },
            Some(u) => AtSnapshot { month, amount: u.locked_floor(then.day)?, years: 0 },
        };
        Ok(())
    }

    /// Takes a position forward: slashes while it runs, the end of its term, slashes of what was locked when they came.
    fn advance<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        position: &mut Position,
        ended: Option<&Ended>,
        to: &Point,
    ) -> Result<(), StakingError> {
        if position.unlocking.is_none() {
            match ended.filter(|_| position.end_day <= to.day) {
                None => {
                    position.amount = slashed_to(position.amount, position.index, to.index)?;
                    (position.index, position.slashes) = (to.index, to.slashes);
                    return Ok(());
                }
                Some(e) => finish(position, e)?,
            }
        }
        while position.slashes < to.slashes {
            let key = SlashedKey(position.book, position.slashes);
            let slash = self
                .slashed
                .get(state, key)?
                .ok_or_else(|| StakingError::Invariant(format!("no record of slash {} of a book", position.slashes)))?;
            slash_locked(position, slash.day, slash.index)?;
        }
        Ok(())
    }
}

fn unlock_days(years: u8, ended: &Ended) -> u32 {
    u32::from(years).saturating_mul(ended.unlock_days_per_year)
}

/// `finishedAmount` is fixed at the end of the term (D24).
fn finish(position: &mut Position, ended: &Ended) -> Result<(), StakingError> {
    let (units, rounded) = position.units()?;
    let days = unlock_days(position.years, ended);
    position.amount = slashed_to(position.amount, position.index, ended.index)?;
    position.finished = position.amount;
    (position.index, position.slashes) = (ended.index, ended.slashes);
    position.unlocking = Some(Unlocking {
        days,
        until: position.end_day.saturating_add(days),
        units,
        rounded,
        base: position.finished,
        base_day: position.end_day,
    });
    if !matches!(position.bond, Bond::Unbinding(_)) {
        position.bond = Bond::Idle;
    }
    Ok(())
}

/// A slash takes its part of what was locked on its day; what had unlocked is not slashable (D24).
fn slash_locked(position: &mut Position, day: u32, index: u128) -> Result<(), StakingError> {
    if let Some(u) = &mut position.unlocking
        && day < u.until
    {
        let locked = u.locked(day)?;
        let left = slashed_to(u.locked_floor(day)?, position.index, index)?;
        position.amount = position.amount.checked_sub(locked.checked_sub(left)?)?;
        (u.base, u.base_day) = (left, day);
    }
    position.index = index;
    position.slashes = position.slashes.saturating_add(1);
    Ok(())
}

/// Income since the last touch: units × years × the accumulator's growth.
fn earn(position: &mut Position, accumulator: U256) -> Result<(), StakingError> {
    let growth = sub(accumulator, position.cursor)?;
    if !growth.is_zero() {
        let (units, _) = position.units()?;
        let weight = mul(units, U256::from(position.years))?;
        let earned = mul_div_floor(weight, growth, U256::ONE.wrapping_shl(128))?;
        position.rewards = position.rewards.checked_add(Amount::try_from(earned)?)?;
    }
    position.cursor = accumulator;
    Ok(())
}
