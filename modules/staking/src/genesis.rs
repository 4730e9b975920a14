//! Stakes that are there from the begin.

use std::collections::BTreeMap;

use defchain_base::{
    Address, Amount, StateReadExt, StateWriteExt, Timestamp,
    native::Host,
    params::ModuleParams,
    system::{Pool, is_reserved},
};
use defchain_token::state::TokenWrite;
use serde::{Deserialize, Serialize};

use crate::{
    Desk, Position, PositionId, StakingError, StakingParams,
    keys::ClockKey,
    position::{AtSnapshot, Bond},
    records::Clock,
    terms::MAX_YEARS,
};

/// What genesis says about staking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Parameters.
    pub params: StakingParams,
    /// Positions, numbered for each owner in their order. Their money is supply on top of the accounts'.
    pub positions: Vec<GenesisPosition>,
}

/// A position at genesis: whole, without attention grabbing (D22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisPosition {
    /// Whose.
    pub owner: Address,
    /// Wei.
    pub amount: Amount,
    /// Term, 1 to 12 years.
    pub years: u8,
    /// When it began, in seconds since 1970; without it, at genesis. Its term must not be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The validator it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Address>,
}

impl Section {
    /// Everything that is wrong with it, each with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found: Vec<String> = self.params.problems().iter().map(|p| format!("staking.params: {p}")).collect();
        let mut open: BTreeMap<Address, u32> = BTreeMap::new();
        for (at, p) in self.positions.iter().enumerate() {
            let mut say = |why: String| found.push(format!("staking.positions[{at}]: {why}"));
            if !(1..=MAX_YEARS).contains(&p.years) {
                say(format!("a term of {} years, must be 1 to {MAX_YEARS}", p.years));
            }
            if p.amount < self.params.min_stake {
                say(format!("{} wei, at least {} wei are staked", p.amount, self.params.min_stake));
            }
            for (what, address) in [("owner", Some(p.owner)), ("validator", p.validator)] {
                if address.is_some_and(|a| is_reserved(&a) || a.is_zero()) {
                    say(format!("{what} is an address of the protocol"));
                }
            }
            let count = open.entry(p.owner).or_default();
            *count = count.saturating_add(1);
            if *count == self.params.max_positions.saturating_add(1) {
                say(format!("{} has more than {} positions", p.owner, self.params.max_positions));
            }
        }
        found
    }

    /// Writes parameters and positions; credits the staking pool and the supply.
    ///
    /// # Errors
    /// When a position is wrong, or the store fails.
    pub fn apply<H: Host + ?Sized>(&self, host: &mut H) -> Result<(), StakingError> {
        if let Some(problem) = self.problems().first() {
            return Err(StakingError::Genesis(problem.clone()));
        }
        self.params.store(host)?;
        for (at, p) in self.positions.iter().enumerate() {
            let start = p.start.map(|seconds| Timestamp(seconds.saturating_mul(1_000)));
            open_position(host, p.owner, p.amount, p.years, start, p.validator)
                .map_err(|e| StakingError::Genesis(format!("staking.positions[{at}]: {e}")))?;
        }
        set_clock(host)
    }
}

fn set_clock<H: Host + ?Sized>(host: &mut H) -> Result<(), StakingError> {
    let day = crate::calendar(host)?.day_of(host.block().time);
    Ok(host.write(&ClockKey, &Clock { day, ..Clock::default() })?)
}

/// Opens one whole position at genesis and credits the staking pool and the supply with its amount. A bound one is counted
/// when [`crate::start_epoch`] is called for its validator.
///
/// # Errors
/// When the term is not 1 to 12 years, or over; when it begins after genesis; when the owner has too many positions.
pub fn open_position<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    amount: Amount,
    years: u8,
    start: Option<Timestamp>,
    validator: Option<Address>,
) -> Result<PositionId, StakingError> {
    if host.read(&ClockKey)?.is_none() {
        set_clock(host)?;
    }
    let mut desk = Desk::open(host)?;
    let (now, calendar) = (host.block().time, desk.calendar(host)?);
    let start = start.unwrap_or(now);
    if start > now {
        return Err(StakingError::Genesis(format!(
            "a position begins at {} s, after genesis at {} s",
            start.seconds(),
            now.seconds()
        )));
    }
    let mut position = Position::new(amount, u64::from(years), start, &desk.params, &calendar)?;
    if position.end_day <= desk.clock.day {
        return Err(StakingError::Genesis(format!(
            "a term of {years} years from {} s is over at genesis, {} s",
            start.seconds(),
            now.seconds()
        )));
    }
    let month = calendar.month_of(start);
    if month == calendar.month_of(now) {
        // No dividend in the month of its creation (D26, YP 4.2.3).
        position.snapshot = AtSnapshot { month, ..AtSnapshot::default() };
    }
    if let Some(operator) = validator {
        position.book = desk.book_of(host, operator)?;
        position.bond = Bond::Joining(desk.book(host, position.book)?.join_seq);
    }
    let id = desk.add(host, owner, position)?;
    desk.flush(host)?;
    host.raise_supply(amount)?;
    host.credit_pool(Pool::Staking, amount)?;
    Ok(id)
}
