use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A month of consensus time: `YYYYMM` (UTC) by the calendar, a running number by a rule of days (D3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(pub u32);

/// Days and months of consensus time (D3).
///
/// A day is `day_seconds` long; days are counted from 1970-01-01T00:00:00Z. A month is a calendar month (UTC), or, on
/// networks with a short economy, a fixed number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// Seconds of a day; at least 1.
    pub day_seconds: u32,
    /// Days of a month; 0 means the UTC calendar, which only days of 86,400 s can have.
    pub month_days: u32,
}

impl Calendar {
    /// Milliseconds of a day.
    #[must_use]
    pub const fn day_millis(&self) -> u64 {
        let seconds = if self.day_seconds == 0 { 1 } else { self.day_seconds };
        (seconds as u64).saturating_mul(1_000)
    }

    /// The whole days before `time`.
    #[must_use]
    pub fn day_of(&self, time: Timestamp) -> u32 {
        u32::try_from(time.0.checked_div(self.day_millis()).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// The first day that begins at `time` or later.
    #[must_use]
    pub fn day_after(&self, time: Timestamp) -> u32 {
        u32::try_from(time.0.div_ceil(self.day_millis())).unwrap_or(u32::MAX)
    }

    /// When a day begins.
    #[must_use]
    pub fn start_of_day(&self, day: u32) -> Timestamp {
        Timestamp(u64::from(day).saturating_mul(self.day_millis()))
    }

    /// The month of `time`.
    #[must_use]
    pub fn month_of(&self, time: Timestamp) -> Month {
        if let Some(number) = self.day_of(time).checked_div(self.month_days) {
            return Month(number);
        }
        let (year, month) = civil(time.seconds() / 86_400);
        Month(year.saturating_mul(100).saturating_add(month))
    }

    /// How many months `later` is after `earlier`; 0 when it is not.
    #[must_use]
    pub const fn months_between(&self, earlier: Month, later: Month) -> u32 {
        if self.month_days != 0 {
            return later.0.saturating_sub(earlier.0);
        }
        ordinal(later).saturating_sub(ordinal(earlier))
    }
}

/// Months since year 0 of a `YYYYMM`.
const fn ordinal(month: Month) -> u32 {
    (month.0 / 100).saturating_mul(12).saturating_add(month.0 % 100)
}

/// Year and month of a day since 1970-01-01 in the proleptic Gregorian calendar.
///
/// Counted in eras of 400 years that begin on the first of March, so that a leap day is the last day of its year.
fn civil(days: u64) -> (u32, u32) {
    const ERA: u64 = 146_097;
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted / ERA, shifted % ERA);
    let leaps = (day / 1_460).saturating_add(day / 146_096);
    let year = day.saturating_add(day / 36_524).saturating_sub(leaps) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let month = day.saturating_sub(before).saturating_mul(5).saturating_add(2) / 153;
    let (month, carry) = if month < 10 { (month.saturating_add(3), 0) } else { (month.saturating_sub(9), 1) };
    let year = era.saturating_mul(400).saturating_add(year).saturating_add(carry);
    (u32::try_from(year).unwrap_or(u32::MAX / 100), u32::try_from(month).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    const REAL: Calendar = Calendar { day_seconds: 86_400, month_days: 0 };

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        // Seconds from `date -u +%s`.
        for (seconds, month) in [
            (0, 197_001),
            (951_782_399, 200_002),
            (951_868_800, 200_003),
            (1_704_067_199, 202_312),
            (1_704_067_200, 202_401),
            (1_709_164_800, 202_402),
            (1_709_251_200, 202_403),
            (4_107_542_399, 210_002),
            (4_107_542_400, 210_003),
        ] {
            assert_eq!(REAL.month_of(at(seconds)), Month(month), "{seconds}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut last = REAL.month_of(at(0));
        let mut length = 0;
        for day in 0..146_097 {
            let month = REAL.month_of(at(day * 86_400));
            if month == last {
                length += 1;
                continue;
            }
            assert_eq!(REAL.months_between(last, month), 1);
            let (year, number) = (last.0 / 100, last.0 % 100);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = match number {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            assert_eq!(length, days, "{last:?}");
            (last, length) = (month, 1);
        }
    }

    #[test]
    fn short_months_are_counted() {
        let short = Calendar { day_seconds: 15, month_days: 4 };
        assert_eq!(short.month_of(at(59)), Month(0));
        assert_eq!(short.month_of(at(60)), Month(1));
        assert_eq!(short.months_between(Month(3), Month(5)), 2);
        assert_eq!((short.day_of(at(29)), short.day_after(at(29)), short.day_after(at(30))), (1, 2, 2));
    }
}
