//! After a transaction: what the EVM's journal says is applied to state.
//!
//! Value movements go to portions one by one in their order, the gas first: only gas is net, what was not used was
//! never debited (D17a). Then nonces, code and storage are written. The EVM's own final balance of every account must
//! be what its portions are worth now; anything else is a bug that must not reach a block.

use alloy_primitives::{Address, U256};
use defchain_base::{Amount, StateError, StateRead};
use defchain_token::{Ledger, Movement};
use revm::{
    primitives::KECCAK_EMPTY,
    state::{Account, EvmState},
};

use crate::{db::ChainDb, error::ExecError, state::EvmWrite};

/// Applies a transaction; returns what was burned.
pub(crate) fn apply<S: StateRead>(
    db: &mut ChainDb<S>,
    evm_state: EvmState,
    gas: Movement,
    movements: &[Movement],
) -> Result<Amount, ExecError> {
    // revm's map has no order of its own.
    let mut accounts: Vec<(Address, Account)> = evm_state.into_iter().collect();
    accounts.sort_unstable_by_key(|(address, _)| *address);
    let ChainDb { overlay, env, params, records, overrides, .. } = db;
    let mut ledger = Ledger::new(params, env.age);
    for (address, account) in &accounts {
        if account.is_touched() {
            ledger.preload(*address, records.remove(address).flatten());
        }
    }
    records.clear();
    ledger.apply(overlay, &gas)?;
    for movement in movements {
        ledger.apply(overlay, movement)?;
    }
    for (address, account) in &accounts {
        // What was only looked at and never moved needs no second look.
        if !account.is_touched() && !ledger.holds(address) {
            continue;
        }
        let portions = ledger.balance(overlay, address)?.to_u256();
        if portions != account.info.balance {
            return Err(diverged(address, account.info.balance, portions).into());
        }
        if account.is_touched() {
            identity(&mut ledger, overlay, address, account)?;
        }
    }
    let burned = ledger.burned();
    ledger.write(overlay)?;
    for (address, account) in &accounts {
        if account.is_touched() && !account.is_selfdestructed() {
            for (slot, value) in account.changed_storage_slots() {
                overlay.put_storage(*address, *slot, value.present_value)?;
            }
            // A simulation that goes on sees what was written, not what it pretended before.
            if let Some(pretended) = overrides.get_mut(address) {
                pretended.slots.extend(account.changed_storage_slots().map(|(slot, v)| (*slot, v.present_value)));
            }
        }
    }
    Ok(burned)
}

/// Nonce and code of a touched account; its end, if it destroyed itself (EIP-6780: in its creating transaction, so
/// that nothing of it was ever stored).
fn identity<S: StateRead>(
    ledger: &mut Ledger<'_>,
    overlay: &mut defchain_base::Overlay<S>,
    address: &Address,
    account: &Account,
) -> Result<(), ExecError> {
    if account.is_selfdestructed() {
        // What was sent to it after its end is destroyed with it (D4).
        ledger.burn_all(overlay, address)?;
        ledger.set_identity(overlay, address, 0, KECCAK_EMPTY)?;
        return Ok(());
    }
    if account.is_empty() {
        // EIP-161: gone after being touched. What its portions lost since they were settled goes its way first.
        ledger.settle(overlay, address)?;
    }
    let hash = if account.info.code_hash.is_zero() { KECCAK_EMPTY } else { account.info.code_hash };
    if ledger.account(overlay, address)?.code_hash != hash
        && let Some(code) = &account.info.code
    {
        overlay.put_code(hash, code.original_bytes())?;
    }
    ledger.set_identity(overlay, address, account.info.nonce, hash)?;
    Ok(())
}

fn diverged(address: &Address, evm: U256, portions: U256) -> StateError {
    StateError::Invariant(format!(
        "balance of {address} after a transaction: {evm} wei in the EVM, {portions} wei in its portions"
    ))
}
