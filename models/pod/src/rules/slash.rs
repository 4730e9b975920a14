//! Faults and their price: D34, D35.

use super::floor;

/// What a validator may do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Two votes for one height and round.
    DoubleSign,
    /// Absent for more than 24 hours of the age clock.
    Downtime,
    /// A proposal that more than two thirds of power rejected as invalid.
    InvalidProposal,
    /// Found by a vote of two thirds.
    Censorship,
    /// Light-client attack.
    Equivocation,
}

/// Percent of stake, and days in jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    /// Percent taken, at most 100.
    pub percent: u128,
    /// Days before the validator may come back.
    pub days: u32,
}

/// The table of YP 3.3.2.
#[must_use]
pub fn base(fault: Fault) -> Penalty {
    let (percent, days) = match fault {
        Fault::DoubleSign | Fault::Equivocation => (5, 30),
        Fault::Downtime => (1, 7),
        Fault::InvalidProposal => (2, 14),
        Fault::Censorship => (10, 90),
    };
    Penalty { percent, days }
}

/// A repeat within a year of the one before it doubles both; `repeats` counts how often in a row.
#[must_use]
pub fn penalty(base: Penalty, repeats: u32) -> Penalty {
    let times = 1_u32 << repeats.min(16);
    Penalty { percent: (base.percent * u128::from(times)).min(100), days: base.days * times }
}

/// Where slashed money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Destroyed, with every remainder, and with the reporter's share when there is none.
    pub burned: u128,
    /// Treasury.
    pub treasury: u128,
    /// Who reported it.
    pub reporter: u128,
}

/// 50 % burned, 30 % treasury, 20 % reporter.
#[must_use]
pub fn split(slashed: u128, reported: bool) -> Split {
    let treasury = floor(slashed, 30, 100);
    let reporter = if reported { floor(slashed, 20, 100) } else { 0 };
    Split { burned: slashed - treasury - reporter, treasury, reporter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_double_until_everything_is_gone() {
        let first = base(Fault::DoubleSign);
        let percents: Vec<_> = (0..7).map(|n| penalty(first, n).percent).collect();
        assert_eq!(percents, [5, 10, 20, 40, 80, 100, 100]);
        assert_eq!(penalty(base(Fault::Downtime), 1), Penalty { percent: 2, days: 14 });
    }

    #[test]
    fn a_slash_is_split_to_the_unit_and_at_least_half_burns() {
        for slashed in 0..=10_000 {
            for reported in [false, true] {
                let split = split(slashed, reported);
                assert_eq!(split.burned + split.treasury + split.reporter, slashed);
                assert!(split.burned * 2 >= slashed);
            }
        }
        assert_eq!(split(1_000, true), Split { burned: 500, treasury: 300, reporter: 200 });
        assert_eq!(split(1_000, false), Split { burned: 700, treasury: 300, reporter: 0 });
    }
}
