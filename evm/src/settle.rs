//! After a transaction: what the EVM's journal says is applied to state.
//!
//! Value movements go to portions one by one in their order, the gas first: only gas is net, what was not used was
//! never debited (D17a). Then nonces, code and storage are written. The EVM's own final balance of every account must
//! be what its portions are worth now; anything else is a bug that must not reach a block.

use alloy_primitives::{Address, U256};
use defchain_base::{StateError, StateRead};
use defchain_token::{Effects, Ledger, Movement};
use revm::{
    primitives::KECCAK_EMPTY,
    state::{Account, EvmState},
};

use crate::{db::ChainDb, error::ExecError, state::EvmWrite};

/// When the gas leaves the sender: before everything else, or, when it is paid out of what the transaction releases
/// (D26a), after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GasPayment {
    pub payment: Movement,
    pub last: bool,
}

/// Applies a transaction; returns what left accounts for pools, what burned, and who lost by decay.
pub(crate) fn apply<S: StateRead>(
    db: &mut ChainDb<S>,
    evm_state: EvmState,
    gas: GasPayment,
    movements: &[Movement],
) -> Result<Effects, ExecError> {
    // revm's map has no order of its own.
    let mut accounts: Vec<(Address, Account)> = evm_state.into_iter().collect();
    accounts.sort_unstable_by_key(|(address, _)| *address);
    let ChainDb { overlay, env, params, records, overrides, .. } = db;
    let mut ledger = Ledger::new(params, env.age);
    for (address, account) in &accounts {
        // What is not here any more native code may have written: the ledger reads it when it needs it.
        if account.is_touched()
            && let Some(record) = records.remove(address)
        {
            ledger.preload(*address, record);
        }
    }
    records.clear();
    if !gas.last {
        ledger.apply(overlay, &gas.payment)?;
    }
    for movement in movements {
        ledger.apply(overlay, movement)?;
    }
    if gas.last {
        ledger.apply(overlay, &gas.payment)?;
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
    let effects = ledger.write(overlay)?;
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
    Ok(effects)
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
        ledger.set_identity(overlay, address, 0, (KECCAK_EMPTY, false))?;
        return Ok(());
    }
    if account.is_empty() {
        // EIP-161: gone after being touched. What its portions lost since they were settled goes its way first.
        ledger.settle(overlay, address)?;
    }
    let hash = if account.info.code_hash.is_zero() { KECCAK_EMPTY } else { account.info.code_hash };
    let record = ledger.account(overlay, address)?;
    let mut delegated = record.delegated;
    if record.code_hash != hash {
        delegated = account.info.code.as_ref().is_some_and(|code| code.is_eip7702());
        if let Some(code) = &account.info.code {
            overlay.put_code(hash, code.original_bytes())?;
        }
    }
    ledger.set_identity(overlay, address, account.info.nonce, (hash, delegated))?;
    Ok(())
}

fn diverged(address: &Address, evm: U256, portions: U256) -> StateError {
    StateError::Invariant(format!(
        "balance of {address} after a transaction: {evm} wei in the EVM, {portions} wei in its portions"
    ))
}
