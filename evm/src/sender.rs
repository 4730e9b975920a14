//! The sender's side of validity, read from a state outside a block: what the pool asks.

use defchain_base::{Address, Overlay, StateError, StateRead};

use crate::{BlockEnv, db::ChainDb, executor::sender_in, validity::Sender};

/// The sender as [`crate::validity`] would judge it in a block of this environment. The same reading as the
/// executor's, so that pool and block cannot differ (D17).
///
/// # Errors
/// When the store fails or holds no genesis.
pub fn sender<S: StateRead>(state: &S, env: &BlockEnv, address: Address) -> Result<Sender, StateError> {
    sender_in(&mut ChainDb::new(Overlay::new(state), *env)?, address)
}
