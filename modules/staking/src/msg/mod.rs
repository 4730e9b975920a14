//! What users do with stakes. Every message is written against [`Host`], so that a call, a native transaction and a test run
//! the same lines; their money is in the staking pool already, or is paid out of it.

mod bind;
mod close;
mod extend;
mod restake;
mod stake;
mod unlock;
mod withdraw;

pub use bind::{bind, bind_own, open_bound, release_own, set_own_minimum, unbind};
pub use close::close;
pub use extend::extend;
pub use restake::restake;
pub use stake::{PositionIds, stake};
pub use unlock::unlock;
pub use withdraw::{withdraw, withdraw_part};

use defchain_base::{
    Address,
    native::{Host, encode_log},
    system,
};

use crate::StakingError;

/// Emits an event from the staking address.
pub(crate) fn emit<H: Host + ?Sized, E: alloy_sol_types::SolEvent>(
    host: &mut H,
    event: &E,
) -> Result<(), StakingError> {
    Ok(host.emit(encode_log(system::STAKING, event))?)
}

/// An id from outside: what is above 32 bits was never given out.
///
/// # Errors
/// Then.
pub fn position_id(owner: Address, id: alloy_primitives::U256) -> Result<crate::PositionId, StakingError> {
    let found = u32::try_from(id).map(crate::PositionId);
    found.map_err(|_| StakingError::HugeId { owner, id })
}
