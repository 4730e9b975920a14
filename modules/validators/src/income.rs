//! What a validator earns (D36): shared with its delegators by weight, its commission kept here until claimed.

use defchain_base::{Address, Amount, native::Host, system::Pool};

use crate::{
    Status, ValidatorsError,
    abi::{emit, events},
    state::{ValidatorsRead, ValidatorsWrite},
};

/// Shares the proposer's part of the block's base fees (D19), which lies in `Pool::Validators` already. Income of a
/// validator that is not active any more burns.
///
/// # Errors
/// When the pool does not hold it, or the store fails.
pub fn reward_block<H: Host + ?Sized>(host: &mut H, operator: Address, share: Amount) -> Result<(), ValidatorsError> {
    if share.is_zero() {
        return Ok(());
    }
    let record = host.validator(operator)?.filter(|r| r.status == Status::Active);
    let Some(record) = record else {
        host.burn(Pool::Validators, share)?;
        return Ok(emit(host, &events::IncomeBurned { operator, amount: share.to_u256() })?);
    };
    let commission = defchain_staking::add_income(host, operator, share, record.commission)?;
    host.owe(operator, commission)?;
    let event = events::IncomeShared { operator, amount: share.to_u256(), commission: commission.to_u256() };
    Ok(emit(host, &event)?)
}
