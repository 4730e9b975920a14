//! Daily burn: D11, D12.

use super::{ceil, floor};

/// Percent preserved by whole days of age (D11). The integer percentages of the paper, not a compounded product.
pub const PRESERVED: [u128; 9] = [100, 99, 97, 93, 85, 71, 48, 17, 0];

/// A portion this old is worth nothing.
pub const LIFE_DAYS: u32 = 8;

/// Percent preserved at an age.
#[must_use]
pub fn preserved(days: u32) -> u128 {
    PRESERVED[days.min(LIFE_DAYS) as usize]
}

/// What a portion of `original` is worth.
#[must_use]
pub fn effective(original: u128, days: u32) -> u128 {
    floor(original, preserved(days), 100)
}

/// What it has lost since it was received.
#[must_use]
pub fn lost(original: u128, days: u32) -> u128 {
    original - effective(original, days)
}

/// The smallest original amount that is worth `worth` at this age: what is left of a portion after a part was spent.
#[must_use]
pub fn original_for(worth: u128, days: u32) -> u128 {
    if worth == 0 { 0 } else { ceil(worth, 100, preserved(days)) }
}

/// Where a loss goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// To the dividend pool: the difference of halves, so that many small steps give what one large step gives.
    pub dividend: u128,
    /// Destroyed: all the rest.
    pub burned: u128,
}

/// Settles a portion from one age to another.
#[must_use]
pub fn settle(original: u128, from_days: u32, to_days: u32) -> Settled {
    let (before, after) = (lost(original, from_days), lost(original, to_days));
    let dividend = after / 2 - before / 2;
    Settled { dividend, burned: after - before - dividend }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_example_comes_out_to_the_unit() {
        // YP 8.1.1: 1,000 on day 0 and 500 on day 3.
        assert_eq!(effective(1_000, 3) + effective(500, 0), 1_430);
        assert_eq!(effective(1_000, 5) + effective(500, 2), 1_195);
    }

    #[test]
    fn each_day_s_loss_of_the_paper_doubles_until_all_is_gone() {
        // YP 8.1.2 calls it a percentage of the balance; the table it prints subtracts percentages of the original.
        let lost: Vec<u128> = PRESERVED.windows(2).map(|w| w[0] - w[1]).collect();
        assert_eq!(lost, [1, 2, 4, 8, 14, 23, 31, 17]);
        assert!(PRESERVED.windows(2).all(|w| w[0] > w[1]), "never increasing with age (D11)");
    }

    #[test]
    fn settling_daily_or_once_or_in_any_steps_gives_the_same() {
        for original in 0..=1_000 {
            for steps in 0_u32..256 {
                // Bit n: settled on day n + 1 too.
                let (mut day, mut dividend, mut burned) = (0, 0, 0);
                for next in (1..=7).filter(|d| steps & (1 << (d - 1)) != 0).chain([8]) {
                    let part = settle(original, day, next);
                    (day, dividend, burned) = (next, dividend + part.dividend, burned + part.burned);
                }
                let once = settle(original, 0, 8);
                assert_eq!((dividend, burned), (once.dividend, once.burned), "{original}, steps {steps:b}");
                assert_eq!(dividend + burned, original);
            }
        }
    }

    #[test]
    fn what_is_left_of_a_portion_is_worth_exactly_what_was_left() {
        for days in 0..LIFE_DAYS {
            for worth in 0..=2_000 {
                assert_eq!(effective(original_for(worth, days), days), worth, "{worth} at {days} days");
            }
        }
    }
}
