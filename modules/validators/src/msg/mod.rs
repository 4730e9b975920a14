//! What operators and delegators ask for. Each handler checks everything before it writes, as far as its checks do not
//! depend on what it writes; a refused call is undone with its frame.

mod attest;
mod commission;
mod delegate;
mod exit;
pub(crate) mod register;
mod rotate;
mod unjail;

pub use attest::attest;
pub use commission::{claim_commission, set_commission};
pub use delegate::{bind, claim_all_rewards, claim_rewards, delegate, unbind};
pub use exit::exit;
pub use register::{Registration, register};
pub use rotate::rotate_key;
pub use unjail::unjail;

pub(crate) use register::{check_commission, check_moniker, settle_in};

use defchain_base::{Address, StateRead};

use crate::{ValidatorRecord, ValidatorsError, state::ValidatorsRead};

/// The validator of an operator.
fn load<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<ValidatorRecord, ValidatorsError> {
    state.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))
}
