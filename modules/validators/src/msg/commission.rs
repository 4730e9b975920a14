use defchain_base::{Address, Amount, Bps, native::Host, params::ModuleParams, system::Pool};

use super::{load, register::check_commission};
use crate::{
    Status, ValidatorParams, ValidatorRecord, ValidatorsError,
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
    may_change(host, &params, &record, asked)?;
    record.commission = asked;
    record.commission_at = host.block().time;
    host.put_validator(operator, &record)?;
    Ok(emit(host, &events::CommissionSet { operator, bps: asked.0 })?)
}

/// At most one step, once a day (D31), also for who comes back: its delegators may still be bound. From outside a range
/// that governance moved, the way to its nearer end is free.
pub(super) fn may_change<H: Host + ?Sized>(
    host: &H,
    params: &ValidatorParams,
    record: &ValidatorRecord,
    asked: Bps,
) -> Result<(), ValidatorsError> {
    let (now, step) = (record.commission.0, params.commission_step.0);
    let nearest = now.clamp(params.min_commission.0, params.max_commission.0);
    if nearest.abs_diff(asked.0) > step {
        return Err(ValidatorsError::CommissionStep { now, asked: asked.0, step });
    }
    let day = defchain_staking::calendar(host)?.day_millis();
    let since = host.block().time.millis_since(record.commission_at);
    if since < day {
        return Err(ValidatorsError::CommissionSoon { since: since / 1_000, day: day / 1_000 });
    }
    Ok(())
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
