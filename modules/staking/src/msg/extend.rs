use defchain_base::{Address, U256, native::Host};

use crate::{
    Desk, PositionId, StakingError,
    abi::IStaking,
    msg::{bind::bind_to, emit},
    position::{end_day, term},
};

/// Gives a running position a longer term (D25): counted from its start, at most 12 years. β and β_PoD change by the
/// difference. An operator's position that reaches validators' terms is bound to it (D31).
///
/// # Errors
/// When the term is over, the new one is not longer or above 12 years, or there is no such position.
pub fn extend<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId, years: u64) -> Result<(), StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    super::withdraw::running(&desk, &lifted)?;
    let longer = term(years)?;
    let position = &mut lifted.position;
    if longer <= position.years {
        return Err(StakingError::NotLonger { id, years: position.years, wanted: years });
    }
    let calendar = desk.calendar(host)?;
    position.years = longer;
    position.end_day = end_day(position.start, longer, &desk.params, &calendar).max(position.end_day);
    let (end_day, operator) = (position.end_day, desk.owner(host, owner)?.operator.is_some());
    if operator && longer >= desk.params.min_validator_years && !lifted.position.is_bound() {
        bind_to(&mut desk, host, &mut lifted, owner)?;
    }
    desk.lower(host, lifted)?;
    desk.flush(host)?;
    let event = IStaking::Extended {
        owner,
        id: U256::from(id.0),
        numYears: U256::from(longer),
        endTime: U256::from(calendar.start_of_day(end_day).seconds()),
    };
    emit(host, &event)
}
