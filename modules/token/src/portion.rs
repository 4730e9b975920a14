use defchain_base::{AgeMillis, Amount};

use crate::{
    error::TokenError,
    params::{BurnTable, TokenParams},
};

/// The day on which a portion of the paper's table ends.
pub const DAYS: u8 = 8;

/// Money that arrived together (D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// What it was worth at day 0, in wei. After a part was spent: what would be worth the rest by its day.
    pub original: Amount,
    /// When it arrived, on the age clock.
    pub received_at: AgeMillis,
    /// The day of age up to which its loss has been taken, 0 to 8.
    pub settled_day: u8,
    /// Version of the burn table it is under.
    pub table: u16,
}

/// What settling took: both parts left the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// For the dividend pool.
    pub dividend: Amount,
    /// For nobody.
    pub burned: Amount,
}

impl Settled {
    /// Both sums.
    ///
    /// # Errors
    /// When a sum exceeds 2^128 - 1 wei.
    pub fn plus(self, other: Self) -> Result<Self, TokenError> {
        Ok(Self {
            dividend: self.dividend.checked_add(other.dividend)?,
            burned: self.burned.checked_add(other.burned)?,
        })
    }

    /// Whether nothing was taken.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.dividend.is_zero() && self.burned.is_zero()
    }
}

/// `floor(original × preserved / 100)`.
pub(crate) fn worth(original: Amount, preserved: u8) -> Result<Amount, TokenError> {
    if preserved == 100 {
        return Ok(original);
    }
    Ok(original.mul_div_floor(u128::from(preserved), 100)?)
}

/// The least original that is worth `effective`: `ceil(100 × effective / preserved)`, so that
/// `worth(original_of(e, r), r) = e` for every `r` from 1 to 100.
pub(crate) fn original_of(effective: Amount, preserved: u8) -> Result<Amount, TokenError> {
    if preserved == 100 {
        return Ok(effective);
    }
    Ok(effective.mul_div_ceil(100, u128::from(preserved))?)
}

impl Portion {
    /// Worth at `now`: `floor(O × R[d] / 100)`.
    ///
    /// # Errors
    /// When its table does not exist.
    pub fn effective(&self, params: &TokenParams, now: AgeMillis) -> Result<Amount, TokenError> {
        worth(self.original, params.table(self.table)?.preserved(self.day(params, now)))
    }

    /// Worth on the day it was last settled: what D4 sums.
    ///
    /// # Errors
    /// When its table does not exist.
    pub fn nominal(&self, params: &TokenParams) -> Result<Amount, TokenError> {
        worth(self.original, params.table(self.table)?.preserved(self.settled_day))
    }

    /// Whole days of age at `now`, never before the day it was settled at.
    #[must_use]
    pub fn day(&self, params: &TokenParams, now: AgeMillis) -> u8 {
        params.age_in_days(self.received_at, now).max(self.settled_day)
    }

    /// Takes the loss up to `day`. Half of the loss since receipt, rounded down, belongs to the dividend pool, so that
    /// steps telescope: settling daily or once gives the same to the wei (D12).
    pub(crate) fn settle(&mut self, table: &BurnTable, day: u8) -> Result<Settled, TokenError> {
        if day <= self.settled_day {
            return Ok(Settled::default());
        }
        let lost_before = self.original.checked_sub(worth(self.original, table.preserved(self.settled_day))?)?;
        let lost_now = self.original.checked_sub(worth(self.original, table.preserved(day))?)?;
        self.settled_day = day;
        let dividend = half(lost_now).checked_sub(half(lost_before))?;
        let burned = lost_now.checked_sub(lost_before)?.checked_sub(dividend)?;
        Ok(Settled { dividend, burned })
    }

    /// Makes the portion, settled at its day, worth `effective`.
    pub(crate) fn set_worth(&mut self, table: &BurnTable, effective: Amount) -> Result<(), TokenError> {
        let preserved = table.preserved(self.settled_day);
        if preserved == 0 {
            return Err(TokenError::Invariant("an expired portion cannot be worth anything".to_owned()));
        }
        self.original = original_of(effective, preserved)?;
        Ok(())
    }
}

const fn half(amount: Amount) -> Amount {
    Amount::from_wei(amount.wei() / 2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use defchain_base::U256;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_original_is_worth_exactly_what_it_was_made_for(e in 0..=u128::MAX / 100, r in 1..=100u8) {
            let e = Amount::from_wei(e);
            prop_assert_eq!(worth(original_of(e, r).unwrap(), r).unwrap(), e);
        }

        #[test]
        fn worth_is_the_floor_of_the_exact_share(o in any::<u128>(), r in 0..=100u8) {
            let exact = U256::from(o) * U256::from(r) / U256::from(100);
            prop_assert_eq!(worth(Amount::from_wei(o), r).unwrap().to_u256(), exact);
        }

        #[test]
        fn settling_daily_or_once_takes_the_same(o in any::<u128>(), stops in prop::collection::vec(0..=8u8, 0..12)) {
            let portion = Portion { original: Amount::from_wei(o), received_at: AgeMillis(0), settled_day: 0, table: 0 };
            let (mut once, mut often) = (portion, portion);
            let end = stops.iter().copied().max().unwrap_or(0);
            let total = once.settle(&BurnTable::PAPER, end).unwrap();
            let mut sum = Settled::default();
            for day in stops {
                sum = sum.plus(often.settle(&BurnTable::PAPER, day).unwrap()).unwrap();
            }
            prop_assert_eq!(sum, total);
            prop_assert_eq!(once, often);
        }
    }

    #[test]
    fn the_paper_s_example_day_by_day() {
        let mut p = Portion { original: Amount::from_wei(10_001), received_at: AgeMillis(0), settled_day: 0, table: 0 };
        let mut worths = vec![10_001];
        for day in 1..=8 {
            let before = worth(p.original, BurnTable::PAPER.preserved(p.settled_day)).unwrap().wei();
            let taken = p.settle(&BurnTable::PAPER, day).unwrap();
            let after = worth(p.original, BurnTable::PAPER.preserved(day)).unwrap().wei();
            assert_eq!(before, after + taken.dividend.wei() + taken.burned.wei());
            worths.push(after);
        }
        assert_eq!(worths, [10_001, 9_900, 9_700, 9_300, 8_500, 7_100, 4_800, 1_700, 0]);
    }
}
