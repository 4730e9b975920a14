//! Governed parameters of staking and dividends.

use defchain_base::{Amount, Bps};

defchain_base::module_params! {
    /// Parameters of staking and dividends (D22 to D26, D36).
    pub struct StakingParams in "staking" {
        /// Least that is staked at once (D22).
        min_stake: Amount = Amount::ONE_DEF, 1 ..= 1_000_000_000_000_000_000_000, "wei";
        /// Share of a shorter stake that goes into a second position of 12 years (D22, YP 8.3.2).
        attention: Bps = Bps(100), 0 ..= 1_000, "bps";
        /// Open positions of an account (D22).
        max_positions: u32 = 256, 2 ..= 256, "positions";
        /// Days of a year (D3). A change counts for terms that begin or are extended later.
        year_days: u32 = 365, 1 ..= 366, "days";
        /// Days over which one year's worth of term unlocks (D24). A change counts for terms that end later.
        unlock_days_per_year: u32 = 30, 1 ..= 366, "days";
        /// Days of a month; 0 for the UTC calendar, which needs days of 86,400 s (D3).
        month_days: u32 = 0, 0 ..= 366, "days";
        /// Age from which a position may claim dividends (D26, YP 11.1.4).
        dividend_min_days: u32 = 30, 0 ..= 366, "days";
        /// Days of the age clock that unbinding takes (D36).
        unbinding_days: u32 = 21, 1 ..= 366, "days";
        /// Least term of a validator's own bound positions (D31).
        min_validator_years: u8 = 4, 1 ..= 12, "years";
        /// Positions that unbinding may finish at the end of a block.
        unbind_per_block: u32 = 100, 1 ..= 10_000, "positions";
        /// Positions whose dividends may be compounded at the end of a block (D26).
        compound_per_block: u32 = 100, 1 ..= 10_000, "positions";
        /// Dividend multiplier of a term of 1 year (YP 8.3.1).
        m1: u32 = 1, 1 ..= 1_000, "times";
        /// Of 2 years.
        m2: u32 = 2, 1 ..= 1_000, "times";
        /// Of 3 years.
        m3: u32 = 3, 1 ..= 1_000, "times";
        /// Of 4 years.
        m4: u32 = 4, 1 ..= 1_000, "times";
        /// Of 5 years.
        m5: u32 = 5, 1 ..= 1_000, "times";
        /// Of 6 years.
        m6: u32 = 6, 1 ..= 1_000, "times";
        /// Of 7 years.
        m7: u32 = 7, 1 ..= 1_000, "times";
        /// Of 8 years.
        m8: u32 = 10, 1 ..= 1_000, "times";
        /// Of 9 years.
        m9: u32 = 12, 1 ..= 1_000, "times";
        /// Of 10 years.
        m10: u32 = 14, 1 ..= 1_000, "times";
        /// Of 11 years.
        m11: u32 = 16, 1 ..= 1_000, "times";
        /// Of 12 years.
        m12: u32 = 20, 1 ..= 1_000, "times";
    }
    check |p| {
        let table = p.multipliers();
        (!table.is_sorted()).then(|| format!("multipliers {table:?} must not fall with the term"))
    };
}

impl StakingParams {
    /// Dividend multipliers by term, from 1 year on.
    #[must_use]
    pub const fn multipliers(&self) -> [u32; 12] {
        [self.m1, self.m2, self.m3, self.m4, self.m5, self.m6, self.m7, self.m8, self.m9, self.m10, self.m11, self.m12]
    }

    /// Dividend multiplier of a term; 0 for a term that does not exist.
    #[must_use]
    pub fn multiplier(&self, years: u8) -> u32 {
        usize::from(years).checked_sub(1).and_then(|at| self.multipliers().get(at).copied()).unwrap_or(0)
    }
}
