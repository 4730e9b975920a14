use defchain_base::{Address, Amount, U256, native::Host, system::Pool};

use crate::{
    Desk, PositionId, StakingError,
    abi::IStaking,
    desk::Lifted,
    msg::{emit, withdraw::release},
};

/// Pays the owner what of an ended position has unlocked and was not taken (D24). Anyone may ask for it (D26a).
///
/// # Errors
/// When the term is not over, or nothing unlocked since the last time.
pub fn unlock<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let amount = take_unlocked(&desk, &mut lifted)?;
    if amount.is_zero() {
        let (locked, today) = (lifted.position.amount, desk.clock.day);
        let until = lifted.position.unlocking.as_ref().map_or(today, |unlocking| unlocking.until);
        return Err(if locked.is_zero() {
            StakingError::Nothing { id, what: "unlock" }
        } else {
            StakingError::NothingUnlocked { id, locked, today, until }
        });
    }
    release(&mut desk, host, lifted, amount)?;
    desk.flush(host)?;
    host.pay(Pool::Staking, owner, amount)?;
    emit(host, &IStaking::Unlocked { owner, id: U256::from(id.0), amount: amount.to_u256() })?;
    Ok(amount)
}

/// Takes off an ended position all that is unlocked.
pub(super) fn take_unlocked(desk: &Desk, lifted: &mut Lifted) -> Result<Amount, StakingError> {
    let (end_day, today) = (lifted.position.end_day, desk.clock.day);
    let Some(unlocking) = &lifted.position.unlocking else {
        return Err(StakingError::Running { id: lifted.id, end_day, today });
    };
    let locked = unlocking.locked(today)?;
    let unlocked = lifted.position.amount.checked_sub(locked)?;
    lifted.position.amount = locked;
    Ok(unlocked)
}
