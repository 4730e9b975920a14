//! What a block does before its first transaction: the hash history (EIP-2935) and the beacon roots (EIP-4788).
//!
//! Ethereum runs two system calls here. Their effect is two or three storage words, which are written directly; the
//! contracts' code stands at genesis, so that reads by contracts and by `eth_call` run unmodified. This chain has no
//! beacon chain: the root of every known timestamp is zero (D8), an unknown timestamp reverts as the EIP says.

use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{B256, U256};
use defchain_base::{StateError, StateRead, StateWrite};

use crate::{
    BlockEnv,
    state::{EvmRead, EvmWrite},
};

/// Hashes the history contract holds.
const HISTORY_WINDOW: u64 = 8_191;
/// Timestamps the beacon roots contract holds.
const BEACON_WINDOW: u64 = 8_191;

/// Records the parent's hash and this block's second. To be called once, before the block's transactions.
///
/// # Errors
/// When the store fails.
pub fn begin_block<S: StateWrite + ?Sized>(state: &mut S, env: &BlockEnv, parent_hash: B256) -> Result<(), StateError> {
    if let Some(parent) = env.height.0.checked_sub(1) {
        state.put_storage(HISTORY_STORAGE_ADDRESS, history_slot(parent), U256::from_be_bytes(parent_hash.0))?;
    }
    let seconds = U256::from(env.time.seconds());
    let slot = U256::from(env.time.seconds() % BEACON_WINDOW);
    // Blocks come several in a second: what stands already is not written again.
    if state.storage(BEACON_ROOTS_ADDRESS, slot)? != seconds {
        state.put_storage(BEACON_ROOTS_ADDRESS, slot, seconds)?;
    }
    Ok(())
}

/// The hash of a block among the last 8191, as the history contract holds it. Callers check the range.
pub(crate) fn block_hash<S: StateRead + ?Sized>(state: &S, number: u64) -> Result<B256, StateError> {
    Ok(state.storage(HISTORY_STORAGE_ADDRESS, history_slot(number))?.into())
}

fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_WINDOW)
}
