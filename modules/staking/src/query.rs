//! Reads: for other modules, for the views, and for RPC. All are as of staking's present day.

use defchain_base::{
    Address, AgeMillis, Amount, Month, StateError, StateRead, StateReadExt, Substore, Timestamp, U256,
    params::ModuleParams,
};
use serde::Serialize;

use crate::{
    Book, BookId, Desk, Position, PositionId, StakingError, StakingParams,
    desk::{Lifted, corrupt},
    keys::{BookKey, ClockKey, GenerationKey, GlobalKey, members_of, range_of, read_member_key},
    math::{add, mul},
    position::Bond,
    records::{Clock, Global},
};

/// Amounts times years that count for a validator (D27), in wei × years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weights {
    /// The operator's own positions.
    pub own: U256,
    /// Those of its delegators.
    pub delegated: U256,
}

/// Staking's present day and month.
///
/// # Errors
/// When the store fails.
pub fn clock<S: StateRead + ?Sized>(state: &S) -> Result<Clock, StateError> {
    Ok(state.read(&ClockKey)?.unwrap_or_default())
}

fn global<S: StateRead + ?Sized>(state: &S) -> Result<Global, StateError> {
    Ok(state.read(&GlobalKey)?.unwrap_or_default())
}

/// The present book of a validator.
///
/// # Errors
/// When the store fails.
pub fn book<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<(BookId, Book), StateError> {
    let generation = state.read(&GenerationKey(operator))?.map_or(0, |n| n.0);
    let id = BookId { operator, generation };
    Ok((id, state.read(&BookKey(id))?.unwrap_or_default()))
}

/// What the next epoch counts for a validator: what counts now and what joined since (D27, D36). Rounded down.
///
/// # Errors
/// When the store fails.
pub fn book_weights<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Weights, StakingError> {
    let (_, book) = book(state, operator)?;
    Ok(Weights {
        own: book.value_floor(book.part.own.weighted(u32::from)?)?,
        delegated: book.value_floor(book.part.delegated.weighted(u32::from)?)?,
    })
}

/// What the present epoch counts for a validator: by this its income is shared (D36). Rounded down.
///
/// # Errors
/// When the store fails.
pub fn counted_weights<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Weights, StakingError> {
    let (_, book) = book(state, operator)?;
    let (own, delegated) = book.counted()?;
    Ok(Weights { own: book.value_floor(own)?, delegated: book.value_floor(delegated)? })
}

/// β_PoD: Σ amount × years over all running positions, bound or not (D27). Rounded up.
///
/// # Errors
/// When the store fails.
pub fn beta_pod<S: StateRead + ?Sized>(state: &S) -> Result<U256, StakingError> {
    global(state)?.weighted(u32::from, None)
}

/// β: Σ amount × multiplier over all positions, the locked part of ended ones at multiplier 1 (D24, D26). Rounded up.
///
/// # Errors
/// When the store fails.
pub fn beta<S: StateRead + ?Sized>(state: &S) -> Result<U256, StakingError> {
    let params = StakingParams::load(state)?;
    let today = clock(state)?.day;
    global(state)?.weighted(|years| params.multiplier(years), Some(today))
}

/// PoD weight of an account: Σ amount × years over its running positions, of those staked before `opened_before` when given
/// (D36a). At most 256 positions are read.
///
/// # Errors
/// When the store fails.
pub fn pod_weight<S: StateRead + ?Sized>(
    state: &S,
    account: Address,
    opened_before: Option<Timestamp>,
) -> Result<U256, StakingError> {
    let mut weight = U256::ZERO;
    for Lifted { position, .. } in positions(state, account)? {
        let counts = position.unlocking.is_none() && opened_before.is_none_or(|t| position.start < t);
        if counts {
            weight = add(weight, mul(position.amount.to_u256(), U256::from(position.years))?)?;
        }
    }
    Ok(weight)
}

/// An operator's own bound stake in running positions of at least `min_validator_years` (D31). O(1), rounded down.
///
/// # Errors
/// When the store fails.
pub fn own_bound<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Amount, StakingError> {
    own_bound_on(&mut Desk::open(state)?, state, operator)
}

pub(crate) fn own_bound_on<S: StateRead + ?Sized>(
    desk: &mut Desk,
    state: &S,
    operator: Address,
) -> Result<Amount, StakingError> {
    let (id, least) = (desk.book_of(state, operator)?, desk.params.min_validator_years);
    let book = desk.book(state, id)?;
    let units = book.part.own.weighted(|years| u32::from(years >= least))?;
    Ok(Amount::try_from(book.value_floor(units)?)?)
}

/// Everything bound to a validator that a slash can take, and what is unlocked but not taken: wei of its book.
///
/// # Errors
/// When the store fails.
pub fn bound_total<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Amount, StateError> {
    Ok(book(state, operator)?.1.held)
}

/// Unclaimed income that staking accounts for in the validators' pool: what the pool holds above it are commissions.
///
/// # Errors
/// When the store fails.
pub fn unclaimed_income<S: StateRead + ?Sized>(state: &S) -> Result<Amount, StakingError> {
    Ok(global(state)?.income)
}

/// Wei of all positions, what is unlocked but not taken included, and their number.
///
/// # Errors
/// When the store fails.
pub fn staked<S: StateRead + ?Sized>(state: &S) -> Result<(Amount, u64), StateError> {
    global(state).map(|g| (g.held, g.count))
}

/// The open positions of an owner, settled to now, by ascending id; at most 256.
///
/// # Errors
/// When the store fails.
pub fn positions<S: StateRead + ?Sized>(state: &S, owner: Address) -> Result<Vec<Lifted>, StakingError> {
    let mut desk = Desk::open(state)?;
    let ids = desk.ids(state, owner)?;
    ids.into_iter().map(|id| desk.lift(state, owner, id)).collect()
}

/// A position as wallets and explorers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionInfo {
    /// Number.
    pub id: PositionId,
    /// At its creation, and what was compounded since.
    pub initial_amount: Amount,
    /// What it holds.
    pub amount: Amount,
    /// At the end of its term; zero before.
    pub finished_amount: Amount,
    /// When it was staked.
    pub start: Timestamp,
    /// Term.
    pub years: u8,
    /// When its term is over.
    pub end: Timestamp,
    /// Month of the last withdrawal or dividend; 0 for none.
    pub last_claimed: Month,
    /// Withdrawn in the present month.
    pub claimed_staking: Amount,
    /// Dividends taken in the present month.
    pub claimed_dividends: Amount,
    /// Whether its dividends are compounded.
    pub auto_compound: bool,
    /// The validator it is bound to.
    pub validator: Option<Address>,
    /// `none`, `joining`, `counted` or `unbinding`.
    pub bond: &'static str,
    /// When unbinding ends.
    pub unbinding_until: Option<AgeMillis>,
    /// Whether its term is over.
    pub ended: bool,
    /// What the present month still allows to be withdrawn.
    pub withdrawable: Amount,
    /// What unlocked and may be taken or restaked.
    pub unlocked: Amount,
    /// When the last of it unlocks; for a running position by the present parameters.
    pub unlock_end: Timestamp,
    /// Income that may be claimed.
    pub income: Amount,
}

impl PositionInfo {
    /// Number of the bond, as the Solidity interface has it.
    #[must_use]
    pub fn bond_number(&self) -> u8 {
        match self.bond {
            "joining" => 1,
            "counted" => 2,
            "unbinding" => 3,
            _ => 0,
        }
    }
}

/// A position of an owner, in full.
///
/// # Errors
/// When there is none, or the store fails.
pub fn position<S: StateRead + ?Sized>(
    state: &S,
    owner: Address,
    id: PositionId,
) -> Result<PositionInfo, StakingError> {
    let mut desk = Desk::open(state)?;
    let lifted = desk.lift(state, owner, id)?;
    info(&desk, state, &lifted)
}

/// All open positions of an owner, in full.
///
/// # Errors
/// When the store fails.
pub fn position_infos<S: StateRead + ?Sized>(state: &S, owner: Address) -> Result<Vec<PositionInfo>, StakingError> {
    let desk = Desk::open(state)?;
    positions(state, owner)?.iter().map(|lifted| info(&desk, state, lifted)).collect()
}

fn info<S: StateRead + ?Sized>(desk: &Desk, state: &S, lifted: &Lifted) -> Result<PositionInfo, StakingError> {
    let (p, clock, calendar) = (&lifted.position, &desk.clock, desk.calendar(state)?);
    let (claimed_staking, claimed_dividends) = p.claimed_in(clock.month);
    let first_month = calendar.months_between(calendar.month_of(p.start), clock.month) == 0;
    let withdrawable = if p.unlocking.is_some() || first_month { Amount::ZERO } else { p.allowance_left(clock.month)? };
    let days = u32::from(p.years).saturating_mul(desk.params.unlock_days_per_year);
    let until = p.unlocking.map_or(p.end_day.saturating_add(days), |u| u.until);
    let locked = p.unlocking.map_or(Ok(p.amount), |u| u.locked(clock.day))?;
    let (bond, unbinding_until) = match p.bond {
        Bond::Idle => ("none", None),
        Bond::Joining(_) => ("joining", None),
        Bond::Counted => ("counted", None),
        Bond::Unbinding(until) => ("unbinding", Some(until)),
    };
    Ok(PositionInfo {
        id: lifted.id,
        initial_amount: p.initial,
        amount: p.amount,
        finished_amount: p.finished,
        start: p.start,
        years: p.years,
        end: calendar.start_of_day(p.end_day),
        last_claimed: p.period,
        claimed_staking,
        claimed_dividends,
        auto_compound: p.compound_at.is_some(),
        validator: p.is_bound().then_some(p.book.operator),
        bond,
        unbinding_until,
        ended: p.unlocking.is_some(),
        withdrawable,
        unlocked: p.amount.checked_sub(locked)?,
        unlock_end: calendar.start_of_day(until),
        income: p.rewards,
    })
}

/// Days on which an ended position unlocks, with what is unlocked in all from then on, of what it holds now. At most as many
/// entries as the unlocking has days.
///
/// # Errors
/// When there is no such position, or the store fails.
pub fn unlock_schedule<S: StateRead + ?Sized>(
    state: &S,
    owner: Address,
    id: PositionId,
) -> Result<Vec<(Timestamp, Amount)>, StakingError> {
    let mut desk = Desk::open(state)?;
    let position = desk.lift(state, owner, id)?.position;
    let calendar = desk.calendar(state)?;
    let Some(unlocking) = position.unlocking else { return Ok(Vec::new()) };
    (desk.clock.day..=unlocking.until)
        .map(|day| Ok((calendar.start_of_day(day), position.amount.checked_sub(unlocking.locked(day)?)?)))
        .collect()
}

/// Positions in a validator's present book, at most `limit`, after `after`: owner and position, by ascending owner and id.
///
/// # Errors
/// When the store fails.
pub fn members<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    after: Option<(Address, PositionId)>,
    limit: usize,
) -> Result<Vec<(Address, Position)>, StakingError> {
    let (id, _) = book(state, operator)?;
    let (mut from, to) = range_of(&members_of(id));
    if let Some((owner, position)) = after {
        from.extend_from_slice(owner.as_slice());
        from.extend(position.0.saturating_add(1).to_be_bytes());
    }
    let mut desk = Desk::open(state)?;
    let found = state.range_raw(Substore::Def, &from, &to, limit)?;
    let lifted = found.iter().map(|(key, _)| {
        let (owner, id) = read_member_key(key).map_err(corrupt)?;
        Ok((owner, desk.lift(state, owner, id)?.position))
    });
    lifted.collect()
}
