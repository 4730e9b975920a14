use defchain_base::{Address, U256, native::Host};

use crate::{
    Desk, PositionId, StakingError,
    abi::IStaking,
    msg::{
        PositionIds, emit,
        stake::{announce, open},
        unlock::take_unlocked,
        withdraw::release,
    },
};

/// Stakes anew what of an ended position has unlocked and was not taken (D24). It pays attention grabbing too (D22).
///
/// # Errors
/// When the term is not over, less than the least stake has unlocked, the new term is not 1 to 12 years, or the owner would
/// have too many positions.
pub fn restake<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    years: u64,
) -> Result<PositionIds, StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let amount = take_unlocked(&desk, &mut lifted)?;
    release(&mut desk, host, lifted, amount)?;
    let opened = open(&mut desk, host, owner, None, amount, years)?;
    desk.flush(host)?;
    emit(host, &IStaking::Restaked { owner, id: U256::from(id.0), amount: amount.to_u256() })?;
    announce(host, owner, &opened)?;
    Ok(opened.ids)
}
