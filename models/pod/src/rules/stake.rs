//! Positions, their withdrawals, dividends and weights: D22–D27.

use super::{ceil, floor};

/// How long things take, so that the worlds can run a short calendar through the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Months of a year.
    pub months_a_year: u128,
    /// Whole days of unlocking for each year of the term (D24).
    pub unlock_days_a_year: u128,
    /// The longest term in years, into which one percent of shorter stakes goes (D22).
    pub longest: u8,
    /// A position younger than this many days gets no dividend (D26).
    pub young_days: u32,
}

/// The chain's.
pub const REAL: Terms = Terms { months_a_year: 12, unlock_days_a_year: 30, longest: 12, young_days: 30 };

/// Dividend multipliers by years, from one year on (YP 8.3.1).
pub const MULTIPLIERS: [u128; 12] = [1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 16, 20];

/// Dividend multiplier of a running term. What is still locked after the term has 1 (D24).
#[must_use]
pub fn multiplier(years: u8) -> u128 {
    MULTIPLIERS[usize::from(years) - 1]
}

/// The two positions of a stake: the chosen term, and the one percent for the longest (D22).
#[must_use]
pub fn open(terms: &Terms, amount: u128, years: u8) -> (u128, u128) {
    let grabbed = if years < terms.longest { floor(amount, 1, 100) } else { 0 };
    (amount - grabbed, grabbed)
}

/// What may be withdrawn in one month of the term, of a position that began with `initial` and has `amount` (D23).
#[must_use]
pub fn monthly(terms: &Terms, initial: u128, amount: u128, years: u8) -> u128 {
    let allowance = initial / (u128::from(years) * terms.months_a_year);
    if amount < 2 * allowance { amount } else { allowance }
}

/// What is still locked, whole days after the end of the term: linear, rounded up (D24).
///
/// `locked_then` was locked `then` days after the end: the whole at day 0, or what a slash left (D34). It goes on
/// unlocking over the days that remain.
#[must_use]
pub fn locked(terms: &Terms, (locked_then, then): (u128, u128), years: u8, days_after_end: u128) -> u128 {
    let whole = u128::from(years) * terms.unlock_days_a_year;
    if days_after_end >= whole { 0 } else { ceil(locked_then, whole - days_after_end, whole - then) }
}

/// A dividend (D26): rounded down, nothing when nobody weighs.
#[must_use]
pub fn dividend(weighted: u128, snapshot: u128, beta: u128) -> u128 {
    if beta == 0 { 0 } else { floor(weighted, snapshot, beta) }
}

/// PoD weight of a running position (D27). Of a finished one it is zero (D24).
#[must_use]
pub fn weight(amount: u128, years: u8) -> u128 {
    amount * u128::from(years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_stakes_come_out_to_the_unit() {
        assert_eq!(open(&REAL, 10_000, 4), (9_900, 100)); // YP 8.3.2
        assert_eq!(open(&REAL, 10_000, 12), (10_000, 0));
        // YP 8.3.4, the third in hundredths.
        assert_eq!(monthly(&REAL, 12_000, 12_000, 1), 1_000);
        assert_eq!(monthly(&REAL, 12_000, 12_000, 4), 250);
        assert_eq!(monthly(&REAL, 1_200_000, 1_200_000, 12), 8_333);
        // YP 8.4.2: 10,000 for 8 years, a pool of 100,000, beta 5,000,000.
        assert_eq!(dividend(10_000 * multiplier(8), 100_000, 5_000_000), 2_000);
        // YP 4.1.3: 10,000 for 4 years and 5,000 for 12 of 2,000,000 are 5 %.
        assert_eq!((weight(10_000, 4) + weight(5_000, 12)) * 100 / 2_000_000, 5);
    }

    #[test]
    fn unlocking_takes_thirty_days_a_year() {
        // YP 8.3.5.
        for (years, days) in [(1, 30), (4, 120), (12, 360)] {
            assert_eq!(locked(&REAL, (1_000, 0), years, 0), 1_000);
            assert!(locked(&REAL, (1_000, 0), years, days - 1) > 0);
            assert_eq!(locked(&REAL, (1_000, 0), years, days), 0);
            assert_eq!(locked(&REAL, (1_000, 0), years, days + 1), 0);
        }
        assert_eq!(1_000_000 - locked(&REAL, (1_000_000, 0), 1, 1), 33_333); // 3.33 % a day
    }

    #[test]
    fn monthly_withdrawals_empty_a_position_but_for_less_than_a_unit_a_month() {
        for initial in (1..400).chain([12_000, 99_999]) {
            for years in 1..=12_u8 {
                let (mut left, mut months) = (initial, 0);
                while left > 0 && months < u128::from(years) * 12 {
                    let out = monthly(&REAL, initial, left, years);
                    assert!(out <= left);
                    left -= out;
                    months += 1;
                }
                // What rounding the allowance left, not a unit more: it comes with the unlocking.
                assert!(left < u128::from(years) * 12, "{initial} for {years} years leaves {left}");
            }
        }
    }
}
