//! Binding to a validator and leaving it (D31, D36). The validators module decides who may; this keeps the books.

use defchain_base::{Address, AgeMillis, Amount, U256, native::Host, system::is_reserved};
use defchain_token::state::TokenRead;

use crate::{
    BookId, Desk, PositionId, StakingError,
    abi::IStaking,
    desk::Lifted,
    msg::{
        PositionIds, emit,
        stake::{announce, open},
        withdraw::running,
    },
    position::Bond,
};

/// Stakes `amount`, which lies in the staking pool already, bound to `operator` from the first moment: counted from the next
/// epoch (D36). A shorter term opens the 12-year part too, bound as well. Whether the validator takes delegations is the
/// caller's to judge.
///
/// # Errors
/// As [`crate::stake`], and when `operator` is no account.
pub fn open_bound<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    operator: Address,
    amount: Amount,
    years: u64,
) -> Result<PositionIds, StakingError> {
    account(operator)?;
    let mut desk = Desk::open(host)?;
    let opened = open(&mut desk, host, owner, Some(operator), amount, years)?;
    desk.flush(host)?;
    announce(host, owner, &opened)?;
    Ok(opened.ids)
}

/// Binds a running position that is bound to nobody; counted from the next epoch. Whether the validator takes delegations is
/// the caller's to judge.
///
/// # Errors
/// When it is bound, or its term is over.
pub fn bind<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    operator: Address,
) -> Result<(), StakingError> {
    account(operator)?;
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let position = &lifted.position;
    match position.bond {
        Bond::Unbinding(until) => {
            let (operator, now) = (position.book.operator, host.block().age);
            return Err(StakingError::Unbinding { id, operator, until, now });
        }
        _ if position.is_bound() => return Err(StakingError::Bound { id, operator: position.book.operator }),
        _ => running(&desk, &lifted)?,
    }
    let amount = position.amount;
    bind_to(&mut desk, host, &mut lifted, operator)?;
    desk.lower(host, lifted)?;
    desk.flush(host)?;
    emit(host, &IStaking::Bound { owner, id: U256::from(id.0), validator: operator, amount: amount.to_u256() })
}

/// Puts a running, unbound position into a validator's book.
pub(super) fn bind_to<H: Host + ?Sized>(
    desk: &mut Desk,
    host: &H,
    lifted: &mut Lifted,
    operator: Address,
) -> Result<(), StakingError> {
    let book = desk.book_of(host, operator)?;
    desk.move_to(host, &mut lifted.position, book)?;
    lifted.position.bond = Bond::Joining(desk.book(host, book)?.join_seq);
    Ok(())
}

/// Begins to unbind a position: from now on without weight or income, slashable for `unbinding_days` of the age clock (D36).
/// An operator's own positions of validators' terms unbind by [`release_own`] alone. Returns when it is free.
///
/// # Errors
/// When it is bound to nobody, unbinds already, or is an operator's own stake.
pub fn unbind<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<AgeMillis, StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let position = &lifted.position;
    let operator = position.book.operator;
    if !position.is_bound() {
        return Err(StakingError::NotBound { id });
    }
    if let Bond::Unbinding(until) = position.bond {
        return Err(StakingError::Unbinding { id, operator, until, now: host.block().age });
    }
    let stays = position.is_own(owner)
        && position.unlocking.is_none()
        && position.years >= desk.params.min_validator_years
        && desk.owner(host, owner)?.operator.is_some();
    if stays {
        return Err(StakingError::OwnStake { id, operator });
    }
    let until = unbinding_ends(&desk, host)?;
    desk.queue_unbinding(&mut lifted, until);
    desk.lower(host, lifted)?;
    desk.flush(host)?;
    emit(
        host,
        &IStaking::Unbinding { owner, id: U256::from(id.0), validator: operator, untilAge: U256::from(until.0) },
    )?;
    Ok(until)
}

fn unbinding_ends<H: Host + ?Sized>(desk: &Desk, host: &H) -> Result<AgeMillis, StakingError> {
    let day = u64::from(host.token_params()?.day_seconds).saturating_mul(1_000);
    let length = u64::from(desk.params.unbinding_days).saturating_mul(day);
    Ok(AgeMillis(host.block().age.0.saturating_add(length)))
}

/// Registration (D31): binds every running, unbound position of the operator with at least `min_validator_years`, now and in
/// future. From now on its own stake cannot be withdrawn below `minimum` (D23). Returns [`crate::own_bound`] after it; the
/// caller refuses when it is too little.
///
/// # Errors
/// When `operator` is no account, or the store fails.
pub fn bind_own<H: Host + ?Sized>(host: &mut H, operator: Address, minimum: Amount) -> Result<Amount, StakingError> {
    account(operator)?;
    let mut desk = Desk::open(host)?;
    desk.owner(host, operator)?.operator = Some(minimum);
    let ids = desk.ids(host, operator)?;
    host.elements(ids.len())?;
    let mut bound = Vec::new();
    for id in ids {
        let mut lifted = desk.lift(host, operator, id)?;
        desk.finish_unbinding(host, &mut lifted)?;
        let position = &lifted.position;
        if position.unlocking.is_none() && !position.is_bound() && position.years >= desk.params.min_validator_years {
            bound.push((id, position.amount));
            bind_to(&mut desk, host, &mut lifted, operator)?;
        }
        desk.lower(host, lifted)?;
    }
    let own = crate::query::own_bound_on(&mut desk, host, operator)?;
    desk.flush(host)?;
    for (id, amount) in bound {
        let id = U256::from(id.0);
        emit(host, &IStaking::Bound { owner: operator, id, validator: operator, amount: amount.to_u256() })?;
    }
    Ok(own)
}

/// After leaving the validator set: the operator's own positions begin to unbind, and later ones are not bound any more.
///
/// # Errors
/// When the store fails.
pub fn release_own<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), StakingError> {
    let mut desk = Desk::open(host)?;
    desk.owner(host, operator)?.operator = None;
    let (ids, until) = (desk.ids(host, operator)?, unbinding_ends(&desk, host)?);
    host.elements(ids.len())?;
    let mut leaving = Vec::new();
    for id in ids {
        let mut lifted = desk.lift(host, operator, id)?;
        desk.finish_unbinding(host, &mut lifted)?;
        if lifted.position.is_own(operator) && !matches!(lifted.position.bond, Bond::Unbinding(_)) {
            desk.queue_unbinding(&mut lifted, until);
            leaving.push(id);
        }
        desk.lower(host, lifted)?;
    }
    desk.flush(host)?;
    for id in leaving {
        let (id, until_age) = (U256::from(id.0), U256::from(until.0));
        emit(host, &IStaking::Unbinding { owner: operator, id, validator: operator, untilAge: until_age })?;
    }
    Ok(())
}

/// Changes the least own stake that [`bind_own`] set, for a changed parameter; no effect on who is no operator.
///
/// # Errors
/// When the store fails.
pub fn set_own_minimum<H: Host + ?Sized>(host: &mut H, operator: Address, minimum: Amount) -> Result<(), StakingError> {
    let mut desk = Desk::open(host)?;
    if let Some(found) = &mut desk.owner(host, operator)?.operator {
        *found = minimum;
    }
    desk.flush(host)
}

fn account(operator: Address) -> Result<(), StakingError> {
    if operator == BookId::UNBOUND.operator || is_reserved(&operator) {
        return Err(StakingError::Reserved(operator));
    }
    Ok(())
}
