use defchain_base::{
    AgeMillis, Amount, Bps, CodecError, Decode, Encode, Reader, StateError, StateRead, StateReadExt, StateWrite,
    StateWriteExt,
    params::{ModuleParams, ParamBound},
};
use serde::{Deserialize, Serialize};

use crate::{
    CommissionRates,
    error::{TokenError, invalid},
    keys::ParamsKey,
    portion::DAYS,
};

/// Most versions of the burn table that are kept.
const MAX_TABLES: usize = 1_024;
/// The version that portions of accounts which do not decay are under (D16): [`BurnTable::PLAIN`], whatever else there is.
pub const PLAIN_TABLE: u16 = u16::MAX;
const _: () = assert!(MAX_TABLES < PLAIN_TABLE as usize);
const VERSION: u8 = 2;

/// Whole percentages preserved after 0 to 8 days (D11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BurnTable(pub [u8; 9]);

impl BurnTable {
    /// The paper's table: the daily loss doubles, nothing is left after eight days.
    pub const PAPER: Self = Self([100, 99, 97, 93, 85, 71, 48, 17, 0]);
    /// Money that does not age.
    pub const PLAIN: Self = Self([100; 9]);

    /// Percentage preserved at an age of whole days; later days count as the eighth.
    #[must_use]
    pub const fn preserved(&self, day: u8) -> u8 {
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8] = self.0;
        match day {
            0 => r0,
            1 => r1,
            2 => r2,
            3 => r3,
            4 => r4,
            5 => r5,
            6 => r6,
            7 => r7,
            _ => r8,
        }
    }

    /// After how many days nothing is left; never under the table of money that does not age.
    #[must_use]
    pub fn life_days(&self) -> Option<u8> {
        (1..=DAYS).find(|day| self.preserved(*day) == 0)
    }

    /// Whether portions under this table end one day.
    #[must_use]
    pub const fn expires(&self) -> bool {
        self.preserved(DAYS) == 0
    }

    fn check(&self) -> Result<(), TokenError> {
        if *self == Self::PLAIN {
            return Ok(());
        }
        let ends = self.0.first() == Some(&100) && self.0.last() == Some(&0);
        if !ends || !self.0.is_sorted_by(|a, b| a >= b) {
            return Err(TokenError::Params(format!(
                "burn table {:?} must begin with 100, end with 0 and never increase (D11)",
                self.0
            )));
        }
        Ok(())
    }
}

/// A burn table and the age from which it holds for what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableVersion {
    /// Portions received at this age or later are under the table.
    pub since: AgeMillis,
    /// Percentages preserved.
    pub preserved: BurnTable,
}

/// Parameters of native money, in `sys`.
///
/// What genesis leaves out has the rulings' value ([`Self::economy`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenParams {
    /// Length of a day on the age clock, in seconds (D3). A multiple of 3, so that an hour is whole milliseconds.
    pub day_seconds: u32,
    /// A credit below this joins the newest portion (D13), in wei.
    pub min_portion: Amount,
    /// Burn tables by version, oldest first; the first holds from age 0.
    pub tables: Vec<TableVersion>,
    /// Commission on moved value (D17, D18).
    pub commission: CommissionRates,
    /// Most accounts that one block's sweep settles (D15): at least what one block can create.
    pub sweep_limit: u32,
}

impl Default for TokenParams {
    fn default() -> Self {
        Self::economy()
    }
}

/// What a block of the default gas limit can create at most, rounded up: 400M gas of payments of a contract, each some
/// 9,400 gas: 6,700 for the value beyond the stipend, 2,600 for an account that the transaction has not touched.
const SWEEP_LIMIT: u32 = 50_000;

impl TokenParams {
    /// Money that does not age and pays no commission (D36b): one portion for each account.
    #[must_use]
    pub fn plain() -> Self {
        Self { commission: CommissionRates::NONE, ..Self::with_table(BurnTable::PLAIN, Amount::MAX) }
    }

    /// The rulings' values: the paper's table, days of 86,400 s, dust below 10^12 wei.
    #[must_use]
    pub fn economy() -> Self {
        Self::with_table(BurnTable::PAPER, Amount::from_wei(1_000_000_000_000))
    }

    fn with_table(preserved: BurnTable, min_portion: Amount) -> Self {
        Self {
            day_seconds: 86_400,
            min_portion,
            tables: vec![TableVersion { since: AgeMillis(0), preserved }],
            commission: CommissionRates::default(),
            sweep_limit: SWEEP_LIMIT,
        }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// [`TokenError::Params`] with the first that is broken.
    pub fn validate(&self) -> Result<(), TokenError> {
        let fail = |why: String| Err(TokenError::Params(why));
        if self.day_seconds == 0 || !self.day_seconds.is_multiple_of(3) || self.day_seconds > 31_536_000 {
            return fail(format!("day_seconds is {}, it must be a multiple of 3 from 3 to 31536000", self.day_seconds));
        }
        if self.tables.is_empty() || self.tables.len() > MAX_TABLES {
            return fail(format!("{} burn tables, there must be 1 to {MAX_TABLES}", self.tables.len()));
        }
        if self.tables.first().is_some_and(|t| t.since != AgeMillis(0)) {
            return fail("the first burn table must hold since age 0".to_owned());
        }
        if !self.tables.is_sorted_by(|a, b| a.since < b.since) {
            return fail("burn tables must be in ascending order of `since`".to_owned());
        }
        for table in &self.tables {
            table.preserved.check()?;
        }
        if !(1_000..=1_000_000).contains(&self.sweep_limit) {
            return fail(format!("sweep_limit is {}, it must be 1000 to 1000000 accounts", self.sweep_limit));
        }
        self.commission.check()?;
        // Portions that never expire would pile up, one for each hour.
        if self.tables.last().is_some_and(|t| !t.preserved.expires()) && self.min_portion != Amount::MAX {
            return fail(format!(
                "min_portion is {} wei: with money that does not age it must be {} wei, so that an account has one portion",
                self.min_portion,
                Amount::MAX
            ));
        }
        Ok(())
    }

    /// A day of the age clock, in milliseconds.
    #[must_use]
    pub fn day_millis(&self) -> u64 {
        // validate() excludes zero; the guard keeps a hand-made value from dividing by it.
        u64::from(self.day_seconds.max(3)).saturating_mul(1_000)
    }

    /// Whole days from receipt to `now`, at most 8.
    #[must_use]
    pub fn age_in_days(&self, received_at: AgeMillis, now: AgeMillis) -> u8 {
        let days = now.0.saturating_sub(received_at.0).checked_div(self.day_millis()).unwrap_or(0);
        u8::try_from(days).unwrap_or(DAYS).min(DAYS)
    }

    /// Which hour of the age clock a moment belongs to.
    #[must_use]
    pub fn hour_of(&self, at: AgeMillis) -> u64 {
        at.0.checked_div(self.day_millis() / 24).unwrap_or(0)
    }

    /// Version of the table for what is received at `at`.
    #[must_use]
    pub fn version_at(&self, at: AgeMillis) -> u16 {
        let after = self.tables.partition_point(|t| t.since <= at);
        u16::try_from(after.saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// When the hour after that of `at` begins: a changed burn table applies from then on (D11).
    #[must_use]
    pub fn next_hour(&self, at: AgeMillis) -> AgeMillis {
        AgeMillis(self.hour_of(at).saturating_add(1).saturating_mul(self.day_millis() / 24))
    }

    /// The table of a version.
    ///
    /// # Errors
    /// [`TokenError::Invariant`] when there is none.
    pub fn table(&self, version: u16) -> Result<&BurnTable, TokenError> {
        if version == PLAIN_TABLE {
            return Ok(&BurnTable::PLAIN);
        }
        self.tables.get(usize::from(version)).map(|t| &t.preserved).ok_or_else(|| {
            TokenError::Invariant(format!("a portion names burn table {version}, there are {}", self.tables.len()))
        })
    }
}

impl Encode for TokenParams {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.day_seconds.to_be_bytes());
        out.extend(self.min_portion.wei().to_be_bytes());
        out.extend(u32::try_from(self.tables.len()).unwrap_or(u32::MAX).to_be_bytes());
        for table in &self.tables {
            out.extend(table.since.0.to_be_bytes());
            out.extend(table.preserved.0);
        }
        for rate in self.commission.list() {
            out.extend(rate.0.to_be_bytes());
        }
        out.extend(self.sweep_limit.to_be_bytes());
    }
}

impl Decode for TokenParams {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "token params";
        input.version(VERSION, WHAT)?;
        let day_seconds = input.u32(WHAT)?;
        let min_portion = input.amount(WHAT)?;
        let count = input.count(MAX_TABLES, WHAT)?;
        let mut tables = Vec::with_capacity(count);
        for _ in 0..count {
            tables.push(TableVersion { since: AgeMillis(input.u64(WHAT)?), preserved: BurnTable(input.array(WHAT)?) });
        }
        let mut rate = || input.u16(WHAT).map(Bps);
        let commission = CommissionRates {
            burn: rate()?,
            dividend: rate()?,
            technical: rate()?,
            marketing: rate()?,
            referral_burn: rate()?,
            referral_reward: rate()?,
        };
        let sweep_limit = input.u32(WHAT)?;
        let params = Self { day_seconds, min_portion, tables, commission, sweep_limit };
        params.validate().map_err(|e| invalid(WHAT, e.to_string()))?;
        Ok(params)
    }
}

/// Single values, for proposals; burn tables have a way of their own ([`crate::add_burn_table`]).
impl ModuleParams for TokenParams {
    const MODULE: &'static str = "token";

    fn bounds(&self) -> Vec<ParamBound> {
        let bound = |name, value: u128, min: u128, max: u128, unit| ParamBound { name, value, min, max, unit };
        let mut bounds = vec![
            bound("day_seconds", self.day_seconds.into(), 3, 31_536_000, "seconds, a multiple of 3"),
            bound("min_portion", self.min_portion.wei(), 1, u128::MAX, "wei"),
            bound("sweep_limit", self.sweep_limit.into(), 1_000, 1_000_000, "accounts a block"),
        ];
        let rates = CommissionRates::NAMES.into_iter().zip(self.commission.list());
        bounds.extend(rates.map(|(name, rate)| bound(name, rate.0.into(), 0, CommissionRates::MOST.into(), "bps")));
        bounds
    }

    fn assign(&mut self, name: &str, value: u128) -> bool {
        match name {
            "day_seconds" => u32::try_from(value).map(|v| self.day_seconds = v).is_ok(),
            "min_portion" => {
                self.min_portion = Amount::from_wei(value);
                true
            }
            "sweep_limit" => u32::try_from(value).map(|v| self.sweep_limit = v).is_ok(),
            _ => u16::try_from(value).is_ok_and(|v| self.commission.assign(name, Bps(v))),
        }
    }

    fn contradiction(&self) -> Option<String> {
        self.validate().err().map(|e| e.to_string())
    }

    fn load<S: StateRead + ?Sized>(state: &S) -> Result<Self, StateError> {
        Ok(state.read(&ParamsKey)?.unwrap_or_default())
    }

    fn store<S: StateWrite + ?Sized>(&self, state: &mut S) -> Result<(), StateError> {
        state.write(&ParamsKey, self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn both_parameter_sets_are_valid_and_travel_round() {
        for params in [TokenParams::plain(), TokenParams::economy()] {
            params.validate().unwrap();
            assert_eq!(read_exact_value::<TokenParams>(&params.to_bytes()).unwrap(), params);
        }
    }

    #[test]
    fn single_parameters_are_set_within_their_bounds() {
        let params = TokenParams::economy();
        let changed = params.with("commission_marketing", 150).unwrap();
        assert_eq!(changed.commission.marketing, Bps(150));
        assert!(params.with("commission_burn", 1_001).is_err());
        assert!(params.with("day_seconds", 100).is_err(), "an hour would not be whole milliseconds");
        assert!(params.with("sweep_limit", 10).is_err());
        assert!(params.with("nothing", 1).is_err());
        for bound in params.bounds() {
            assert_eq!(params.with(bound.name, bound.value).unwrap(), params, "{}", bound.name);
        }
    }

    #[test]
    fn what_genesis_leaves_out_has_the_rulings_value() {
        assert_eq!(serde_json::from_str::<TokenParams>("{}").unwrap(), TokenParams::economy());
        let json = r#"{"commission": {"burn": 7}}"#;
        assert_eq!(serde_json::from_str::<TokenParams>(json).unwrap().commission.burn, Bps(7));
        assert!(serde_json::from_str::<TokenParams>(r#"{"comission": {}}"#).is_err());
    }

    #[test]
    fn tables_outside_d11_are_refused() {
        for table in
            [[99, 99, 97, 93, 85, 71, 48, 17, 0], [100, 99, 97, 93, 85, 71, 48, 17, 1], [100, 90, 91, 1, 1, 1, 1, 1, 0]]
        {
            let mut params = TokenParams::economy();
            params.tables.push(TableVersion { since: AgeMillis(1), preserved: BurnTable(table) });
            assert!(matches!(params.validate(), Err(TokenError::Params(_))), "{table:?}");
        }
    }

    #[test]
    fn money_that_does_not_age_must_be_one_portion() {
        let mut params = TokenParams::plain();
        params.min_portion = Amount::from_wei(1);
        assert!(params.validate().is_err());
        params = TokenParams::economy();
        params.day_seconds = 100;
        assert!(params.validate().is_err(), "an hour would not be whole milliseconds");
    }

    #[test]
    fn days_are_whole_and_end_at_eight() {
        let params = TokenParams::economy();
        let day = params.day_millis();
        assert_eq!(params.age_in_days(AgeMillis(5), AgeMillis(5 + day - 1)), 0);
        assert_eq!(params.age_in_days(AgeMillis(5), AgeMillis(5 + day)), 1);
        assert_eq!(params.age_in_days(AgeMillis(5), AgeMillis(u64::MAX)), 8);
        assert_eq!(params.age_in_days(AgeMillis(5), AgeMillis(0)), 0);
    }

    #[test]
    fn each_age_has_the_table_of_its_time() {
        let mut params = TokenParams::economy();
        params.tables.push(TableVersion { since: AgeMillis(100), preserved: BurnTable([100, 0, 0, 0, 0, 0, 0, 0, 0]) });
        params.validate().unwrap();
        assert_eq!((params.version_at(AgeMillis(99)), params.version_at(AgeMillis(100))), (0, 1));
        assert!(params.table(2).is_err());
    }
}
