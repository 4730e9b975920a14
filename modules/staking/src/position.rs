//! A position (D22, YP 4.1.1), as it is stored: settled to the moment of its last touch.

use defchain_base::{Address, AgeMillis, Amount, Calendar, CodecError, Decode, Encode, Month, Reader, Timestamp, U256};

use crate::{
    BookId, StakingError, StakingParams,
    error::invalid,
    math::{ONE, put_amount, put_uint, take_amount, take_u128, take_uint, units},
    terms::MAX_YEARS,
};

const VERSION: u8 = 1;
const WHAT: &str = "position";

/// Number of a position: ascending for each owner from 0, never used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PositionId(pub u32);

impl core::fmt::Display for PositionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

/// How a position stands to the validator of its book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bond {
    /// Neither weight nor income: bound to nobody, or its term is over.
    #[default]
    Idle,
    /// Counted from the next epoch on. The number is [`crate::Book::join_seq`] when it joined.
    Joining(u64),
    /// Counted.
    Counted,
    /// Leaving: slashable, without weight or income, until that moment of the age clock (D36).
    Unbinding(AgeMillis),
}

/// What a position was at the month's snapshot, recorded at its first touch after it (D26).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtSnapshot {
    /// The month; 0 for none.
    pub month: Month,
    /// What earned dividends.
    pub amount: Amount,
    /// Its term; 0 for the locked part of an ended position, whose multiplier is 1 (D24).
    pub years: u8,
}

/// A position whose term is over (D24).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unlocking {
    /// Days from the end to the last unlocking.
    pub days: u32,
    /// Day of the last unlocking.
    pub until: u32,
    /// What it adds to its book's class of `days`.
    pub units: U256,
    /// Whether those units were rounded up.
    pub rounded: bool,
    /// Locked on `base_day`; locked later: in proportion to the days left.
    pub base: Amount,
    /// The end of the term, or the last slash.
    pub base_day: u32,
}

impl Unlocking {
    /// Still locked on a day, rounded up: whole days unlock whole shares, rounded down (D24).
    pub(crate) fn locked(&self, today: u32) -> Result<Amount, StakingError> {
        let (left, whole) = self.span(today);
        if left == 0 { Ok(Amount::ZERO) } else { Ok(self.base.mul_div_ceil(left, whole)?) }
    }

    /// The same, rounded down: what earns dividends.
    pub(crate) fn locked_floor(&self, today: u32) -> Result<Amount, StakingError> {
        let (left, whole) = self.span(today);
        if left == 0 { Ok(Amount::ZERO) } else { Ok(self.base.mul_div_floor(left, whole)?) }
    }

    fn span(&self, today: u32) -> (u128, u128) {
        let whole = self.until.saturating_sub(self.base_day);
        (u128::from(self.until.saturating_sub(today).min(whole)), u128::from(whole))
    }
}

/// A position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Amount at its creation, and what was compounded since (YP initialAmount).
    pub initial: Amount,
    /// What it holds: while it runs, what is staked; later, what is locked and what is unlocked but not withdrawn.
    pub amount: Amount,
    /// Amount at the end of its term; zero before (YP finishedAmount).
    pub finished: Amount,
    /// Consensus time of its creation.
    pub start: Timestamp,
    /// Term, 1 to 12 years.
    pub years: u8,
    /// First day after the term.
    pub end_day: u32,
    /// The month that the two sums below belong to (YP lastClaimed).
    pub period: Month,
    /// Withdrawn in that month.
    pub claimed_staking: Amount,
    /// Dividends taken in that month.
    pub claimed_dividends: Amount,
    /// When the auto-compound queue comes to it next; `None` when it is not flagged (D26).
    pub compound_at: Option<Timestamp>,
    /// The book it stands in.
    pub book: BookId,
    /// Slash index of the book at the last touch.
    pub index: u128,
    /// Slashes of the book that it has taken.
    pub slashes: u32,
    /// How it stands to the book's validator.
    pub bond: Bond,
    /// The book's accumulator up to which `rewards` counts.
    pub cursor: U256,
    /// Income that is not claimed yet.
    pub rewards: Amount,
    /// What it was at the last snapshot.
    pub snapshot: AtSnapshot,
    /// Set once its term is over and it was touched.
    pub unlocking: Option<Unlocking>,
}

impl Position {
    /// A position that is bound to nobody.
    ///
    /// # Errors
    /// When the term is not 1 to 12 years.
    pub(crate) fn new(
        amount: Amount,
        years: u64,
        start: Timestamp,
        params: &StakingParams,
        calendar: &Calendar,
    ) -> Result<Self, StakingError> {
        let years = term(years)?;
        let end_day = end_day(start, years, params, calendar);
        Ok(Self { initial: amount, amount, start, years, end_day, index: ONE, ..Self::default() })
    }

    /// Whether the owner is the operator of its book: then it is own stake, else delegated.
    #[must_use]
    pub fn is_own(&self, owner: Address) -> bool {
        self.is_bound() && self.book.operator == owner
    }

    /// Whether it stands in a validator's book.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.book != BookId::UNBOUND
    }

    /// Units it has in its book while it runs, and whether they were rounded up.
    pub(crate) fn units(&self) -> Result<(U256, bool), StakingError> {
        match &self.unlocking {
            Some(unlocking) => Ok((unlocking.units, unlocking.rounded)),
            None => units(self.amount, self.index),
        }
    }

    /// Withdrawn and taken as dividends in `month`.
    #[must_use]
    pub fn claimed_in(&self, month: Month) -> (Amount, Amount) {
        if self.period == month { (self.claimed_staking, self.claimed_dividends) } else { Default::default() }
    }

    /// Begins the sums of a month anew when it is another one.
    pub fn enter_month(&mut self, month: Month) {
        (self.claimed_staking, self.claimed_dividends) = self.claimed_in(month);
        self.period = month;
    }

    /// What may be withdrawn in a month (D23): the initial amount over the months of the term.
    #[must_use]
    pub fn allowance(&self) -> Amount {
        let months = u128::from(self.years).saturating_mul(12).max(1);
        self.initial.mul_div_floor(1, months).unwrap_or_default()
    }

    /// What of the allowance is left in `month`: an allowance that leaves less than one allowance pays all (D23).
    pub(crate) fn allowance_left(&self, month: Month) -> Result<Amount, StakingError> {
        let (claimed, _) = self.claimed_in(month);
        let allowance = self.allowance();
        let left = allowance.saturating_sub(claimed).min(self.amount);
        Ok(if self.amount.checked_sub(left)? < allowance { self.amount } else { left })
    }
}

/// A term, 1 to 12 years.
pub(crate) fn term(years: u64) -> Result<u8, StakingError> {
    let found = u8::try_from(years).ok().filter(|y| (1..=MAX_YEARS).contains(y));
    found.ok_or(StakingError::Term { years })
}

/// The first day that begins when the term is over or later.
pub(crate) fn end_day(start: Timestamp, years: u8, params: &StakingParams, calendar: &Calendar) -> u32 {
    let days = u64::from(years).saturating_mul(u64::from(params.year_days));
    calendar.day_after(Timestamp(start.0.saturating_add(days.saturating_mul(calendar.day_millis()))))
}

impl Encode for Position {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_amount(out, self.initial);
        put_amount(out, self.amount);
        put_amount(out, self.finished);
        out.extend(self.start.0.to_be_bytes());
        out.push(self.years);
        out.extend(self.end_day.to_be_bytes());
        out.extend(self.period.0.to_be_bytes());
        put_amount(out, self.claimed_staking);
        put_amount(out, self.claimed_dividends);
        put_uint(out, self.compound_at.map(|t| U256::from(t.0).saturating_add(U256::ONE)).unwrap_or_default());
        self.book.encode(out);
        put_uint(out, U256::from(self.index));
        out.extend(self.slashes.to_be_bytes());
        match self.bond {
            Bond::Idle => out.push(0),
            Bond::Joining(seq) => {
                out.push(1);
                out.extend(seq.to_be_bytes());
            }
            Bond::Counted => out.push(2),
            Bond::Unbinding(until) => {
                out.push(3);
                out.extend(until.0.to_be_bytes());
            }
        }
        put_uint(out, self.cursor);
        put_amount(out, self.rewards);
        out.extend(self.snapshot.month.0.to_be_bytes());
        put_amount(out, self.snapshot.amount);
        out.push(self.snapshot.years);
        match &self.unlocking {
            None => out.push(0),
            Some(u) => {
                out.push(if u.rounded { 2 } else { 1 });
                out.extend(u.days.to_be_bytes());
                out.extend(u.until.to_be_bytes());
                put_uint(out, u.units);
                put_amount(out, u.base);
                out.extend(u.base_day.to_be_bytes());
            }
        }
    }
}

impl Decode for Position {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, WHAT)?;
        Ok(Self {
            initial: take_amount(input, WHAT)?,
            amount: take_amount(input, WHAT)?,
            finished: take_amount(input, WHAT)?,
            start: Timestamp(input.u64(WHAT)?),
            years: input.u8(WHAT)?,
            end_day: input.u32(WHAT)?,
            period: Month(input.u32(WHAT)?),
            claimed_staking: take_amount(input, WHAT)?,
            claimed_dividends: take_amount(input, WHAT)?,
            compound_at: decode_time(input)?,
            book: BookId::decode(input)?,
            index: take_u128(input, WHAT)?,
            slashes: input.u32(WHAT)?,
            bond: decode_bond(input)?,
            cursor: take_uint(input, WHAT)?,
            rewards: take_amount(input, WHAT)?,
            snapshot: AtSnapshot {
                month: Month(input.u32(WHAT)?),
                amount: take_amount(input, WHAT)?,
                years: input.u8(WHAT)?,
            },
            unlocking: decode_unlocking(input)?,
        })
    }
}

fn decode_time(input: &mut Reader<'_>) -> Result<Option<Timestamp>, CodecError> {
    let number = take_u128(input, WHAT)?;
    let Some(millis) = number.checked_sub(1) else { return Ok(None) };
    u64::try_from(millis).map(|t| Some(Timestamp(t))).map_err(|_| invalid(WHAT, format!("time {millis} ms")))
}

fn decode_bond(input: &mut Reader<'_>) -> Result<Bond, CodecError> {
    match input.u8(WHAT)? {
        0 => Ok(Bond::Idle),
        1 => input.u64(WHAT).map(Bond::Joining),
        2 => Ok(Bond::Counted),
        3 => input.u64(WHAT).map(|until| Bond::Unbinding(AgeMillis(until))),
        other => Err(invalid(WHAT, format!("bond {other}"))),
    }
}

fn decode_unlocking(input: &mut Reader<'_>) -> Result<Option<Unlocking>, CodecError> {
    let rounded = match input.u8(WHAT)? {
        0 => return Ok(None),
        1 => false,
        2 => true,
        other => return Err(invalid(WHAT, format!("unlocking {other}"))),
    };
    Ok(Some(Unlocking {
        rounded,
        days: input.u32(WHAT)?,
        until: input.u32(WHAT)?,
        units: take_uint(input, WHAT)?,
        base: take_amount(input, WHAT)?,
        base_day: input.u32(WHAT)?,
    }))
}
