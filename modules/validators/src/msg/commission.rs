use defchain_base::{Address, Amount, native::Host, params::ModuleParams, system::Pool};

use super::{load, register::check_commission};
use crate::{
    Status, ValidatorParams, ValidatorsError,
    abi::{emit, events},
    state::ValidatorsWrite,
};

/// Changes a commission: within the range, by at most one point, once a day of consensus time (D31).
///
/// # Errors
/// When it is out of range, too far, or too soon.
pub fn set_commission<H: Host + ?Sized>(host: &mut H, operator: Address, bps: u64) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    if matches!(record.status, Status::Tombstoned | Status::Exited) {
        return Err(ValidatorsError::Left { operator, leaving: false });
    }
    let params = ValidatorParams::load(host)?;
    let asked = check_commission(&params, bps)?;
    let (now, step) = (record.commission.0, params.commission_step.0);
    if now.abs_diff(asked.0) > step {
        return Err(ValidatorsError::CommissionStep { now, asked: asked.0, step });
    }
    let time = host.block().time;
    let day = defchain_staking::calendar(host)?.day_millis();
    let since = time.millis_since(record.commission_at);
    if since < day {
        return Err(ValidatorsError::CommissionSoon { since: since / 1_000, day: day / 1_000 });
    }
    record.commission = asked;
    record.commission_at = time;
    host.put_validator(operator, &record)?;
    Ok(emit(host, &events::CommissionSet { operator, bps: asked.0 })?)
}

/// Pays out the commission owed to an operator, to it (D36). Anyone may ask for it.
///
/// # Errors
/// When nothing is owed.
pub fn claim_commission<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<Amount, ValidatorsError> {
    let owed = host.take_owed(operator)?;
    if owed.is_zero() {
        return Err(ValidatorsError::NothingOwed(operator));
    }
    host.pay(Pool::Validators, operator, owed)?;
    emit(host, &events::CommissionClaimed { operator, amount: owed.to_u256() })?;
    Ok(owed)
}
