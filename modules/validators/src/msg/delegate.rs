//! Delegation: validators decides who takes it, staking does it (D36).

use defchain_base::{Address, AgeMillis, Amount, StateRead, native::Host, system::Pool};
use defchain_staking::{self as staking, PositionId, PositionIds};

use super::load;
use crate::{
    Status, ValidatorsError,
    abi::{emit, events},
};

fn takes_delegations<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<(), ValidatorsError> {
    let record = load(state, operator)?;
    if record.status != Status::Active || record.leaving {
        return Err(ValidatorsError::NotActive { operator, status: record.status, leaving: record.leaving });
    }
    Ok(())
}

/// Stakes `amount`, which was sent to this module, and binds it to an active validator; it counts from the next epoch.
///
/// # Errors
/// When the validator is not active, or staking refuses the amount or the term.
pub fn delegate<H: Host + ?Sized>(
    host: &mut H,
    delegator: Address,
    operator: Address,
    amount: Amount,
    years: u64,
) -> Result<PositionIds, ValidatorsError> {
    takes_delegations(host, operator)?;
    if !amount.is_zero() {
        host.pay(Pool::Validators, Pool::Staking.address(), amount)?;
    }
    let ids = staking::open_bound(host, delegator, operator, amount, years)?;
    let event = events::Delegated {
        delegator,
        operator,
        position: ids.main.0,
        attention: ids.attention.map_or(u32::MAX, |id| id.0),
        amount: amount.to_u256(),
        // Staking has taken the term: it is at most 12.
        term: u8::try_from(years).unwrap_or(u8::MAX),
    };
    emit(host, &event)?;
    Ok(ids)
}

/// Binds a running position to an active validator; it counts from the next epoch.
///
/// # Errors
/// When the validator is not active, or the position is not free.
pub fn bind<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    operator: Address,
) -> Result<(), ValidatorsError> {
    takes_delegations(host, operator)?;
    Ok(staking::bind(host, owner, id, operator)?)
}

/// Begins to unbind a position: 21 days, slashable, without weight or income. Returns when it is free.
///
/// # Errors
/// When it is not bound, or is an operator's own.
pub fn unbind<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<AgeMillis, ValidatorsError> {
    Ok(staking::unbind(host, owner, id)?)
}

/// Pays a position's income to its owner.
///
/// # Errors
/// When there is none.
pub fn claim_rewards<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
) -> Result<Amount, ValidatorsError> {
    Ok(staking::claim_rewards(host, owner, id)?)
}

/// Pays the income of all positions of an owner.
///
/// # Errors
/// When there is none.
pub fn claim_all_rewards<H: Host + ?Sized>(host: &mut H, owner: Address) -> Result<Amount, ValidatorsError> {
    Ok(staking::claim_all_rewards(host, owner)?)
}
