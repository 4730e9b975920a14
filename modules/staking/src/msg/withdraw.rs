use defchain_base::{Address, Amount, U256, native::Host, system::Pool};

use crate::{Desk, PositionId, StakingError, abi::IStaking, desk::Lifted, msg::emit, position::Bond};

/// Pays the owner what the month still allows of a running position (D23). Anyone may ask for it (D26a).
///
/// # Errors
/// In the month of staking, when the month's allowance is spent, when the term is over, when a validator's own stake would
/// fall below its minimum.
pub fn withdraw<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    take(host, owner, id, None)
}

/// Pays the owner a part of what the month still allows.
///
/// # Errors
/// As [`withdraw`], and when `amount` is zero or more than is left.
pub fn withdraw_part<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    amount: Amount,
) -> Result<Amount, StakingError> {
    take(host, owner, id, Some(amount))
}

fn take<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    wanted: Option<Amount>,
) -> Result<Amount, StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    running(&desk, &lifted)?;
    let (month, calendar) = (desk.clock.month, desk.calendar(host)?);
    let position = &mut lifted.position;
    if calendar.months_between(calendar.month_of(position.start), month) == 0 {
        return Err(StakingError::FirstMonth { id, month: month.0 });
    }
    if position.amount.is_zero() {
        return Err(StakingError::Nothing { id, what: "withdraw" });
    }
    let left = position.allowance_left(month)?;
    let allowance = position.allowance();
    let amount = wanted.unwrap_or(left);
    if amount.is_zero() && wanted.is_some() {
        return Err(StakingError::Nothing { id, what: "withdraw when zero wei are asked for" });
    }
    if left.is_zero() {
        return Err(StakingError::AllowanceSpent { id, allowance, month: month.0 });
    }
    if amount > left {
        return Err(StakingError::OverAllowance { id, wanted: amount, left, allowance, month: month.0 });
    }
    position.enter_month(month);
    position.claimed_staking = position.claimed_staking.checked_add(amount)?;
    position.amount = position.amount.checked_sub(amount)?;
    keeps_minimum(&mut desk, host, &lifted, amount)?;
    release(&mut desk, host, lifted, amount)?;
    desk.flush(host)?;
    host.pay(Pool::Staking, owner, amount)?;
    emit(host, &IStaking::Withdrawn { owner, id: U256::from(id.0), amount: amount.to_u256() })?;
    Ok(amount)
}

/// Takes wei that left a position out of its book, and puts the position back.
pub(super) fn release<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    lifted: Lifted,
    amount: Amount,
) -> Result<bool, StakingError> {
    let book = desk.book(host, lifted.position.book)?;
    book.held = book.held.checked_sub(amount)?;
    desk.lower(host, lifted)
}

/// Refuses a position whose term is over.
pub(crate) fn running(desk: &Desk, lifted: &Lifted) -> Result<(), StakingError> {
    let (end_day, today) = (lifted.position.end_day, desk.clock.day);
    if lifted.position.unlocking.is_some() {
        Err(StakingError::Ended { id: lifted.id, end_day, today })
    } else {
        Ok(())
    }
}

/// A validator's own stake does not fall below the minimum this way (D23).
fn keeps_minimum<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    lifted: &Lifted,
    amount: Amount,
) -> Result<(), StakingError> {
    let (operator, position) = (lifted.owner, &lifted.position);
    let Some(min) = desk.owner(host, operator)?.operator else { return Ok(()) };
    let counts = position.is_own(operator) && position.years >= desk.params.min_validator_years;
    if !counts || matches!(position.bond, Bond::Unbinding(_)) {
        return Ok(());
    }
    let left = crate::query::own_bound_on(desk, host, operator)?.saturating_sub(amount);
    if left < min { Err(StakingError::OwnMinimum { operator, left, min }) } else { Ok(()) }
}
