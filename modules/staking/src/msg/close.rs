use defchain_base::{Address, U256, native::Host};

use crate::{Desk, PositionId, StakingError, abi::IStaking, msg::emit};

/// Closes a position that holds nothing any more. Taking the last of it closes a position by itself; this is for one that
/// still had dividends or income to claim then, or that a slash took whole.
///
/// # Errors
/// When it holds something, or something can still be claimed of it.
pub fn close<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<(), StakingError> {
    let mut desk = Desk::open(host)?;
    let mut lifted = desk.lift(host, owner, id)?;
    desk.finish_unbinding(host, &mut lifted)?;
    let position = &lifted.position;
    if !desk.is_spent(position) {
        let claimable = position.rewards;
        return Err(StakingError::NotEmpty { id, amount: position.amount, claimable, month: desk.clock.month });
    }
    desk.lower(host, lifted)?;
    desk.flush(host)?;
    emit(host, &IStaking::Closed { owner, id: U256::from(id.0) })
}
