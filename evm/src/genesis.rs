//! Accounts at genesis.

use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
};
use alloy_primitives::{Address, Bytes, U256, address, bytes, keccak256};
use defchain_base::{AgeMillis, Amount, StateError, StateWrite, system::Pool};
use defchain_token::{
    AccountRecord, EMPTY_CODE_HASH, Portions, TokenError, open_account,
    state::{TokenRead, TokenWrite},
};

use crate::{Registry, state::EvmWrite};

/// The code of every system address: INVALID, so that whatever reached it without the registry fails (D10).
pub const SYSTEM_CODE: Bytes = Bytes::from_static(&[0xfe]);

/// The widely used deterministic CREATE2 deployer. Elsewhere it is deployed by a transaction without chain id, which
/// this chain refuses, so it stands at genesis.
pub const CREATE2_DEPLOYER: Address = address!("0x4e59b44847b379578588920ca78fbf26c0b4956c");
const CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// An account that genesis puts into state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Where.
    pub address: Address,
    /// Native money; raises the supply.
    pub balance: Amount,
    /// Next nonce; 1 for contracts (EIP-161).
    pub nonce: u64,
    /// Code.
    pub code: Bytes,
    /// Slots that are not zero.
    pub storage: Vec<(U256, U256)>,
}

/// The accounts that every chain has: system addresses, the history and beacon roots contracts, the deployer.
#[must_use]
pub fn genesis_accounts(registry: &Registry) -> Vec<GenesisAccount> {
    let contract = |address, code| GenesisAccount { address, code, nonce: 1, ..GenesisAccount::default() };
    let mut accounts: Vec<_> = registry.entries().map(|entry| contract(entry.address, SYSTEM_CODE)).collect();
    accounts.push(contract(HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone()));
    accounts.push(contract(BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE.clone()));
    accounts.push(contract(CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE));
    accounts
}

/// Writes an account of genesis and raises the supply by its balance. [`TokenWrite::put_token_params`] comes first.
///
/// # Errors
/// When the address is taken already, when it is a pool with a balance or code that is too large, or the store fails.
pub fn write_genesis_account<S: StateWrite + ?Sized>(
    state: &mut S,
    account: &GenesisAccount,
) -> Result<(), TokenError> {
    let refuse = |why: String| {
        Err(TokenError::State(StateError::Invariant(format!("genesis account {}: {why}", account.address))))
    };
    if state.account(&account.address)?.is_some() {
        return refuse("stands twice".to_owned());
    }
    if account.code.len() > crate::keys::MAX_CODE_BYTES {
        return refuse(format!("code of {} bytes, at most {}", account.code.len(), crate::keys::MAX_CODE_BYTES));
    }
    if Pool::by_address(&account.address).is_some() && !account.balance.is_zero() {
        return refuse(format!("is a pool, {} wei belong into the genesis of pools", account.balance));
    }
    let params = state.token_params()?;
    let code_hash = if account.code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&account.code) };
    state.put_code(code_hash, account.code.clone())?;
    for (slot, value) in &account.storage {
        state.put_storage(account.address, *slot, *value)?;
    }
    let portions = Portions::fresh(&params, AgeMillis(0), account.balance);
    // EIP-7702: 0xef0100 and an address.
    let delegated = account.code.len() == 23 && account.code.starts_with(&[0xef, 0x01, 0x00]);
    let record = AccountRecord { nonce: account.nonce, code_hash, delegated, portions, ..Default::default() };
    open_account(state, &params, &account.address, record)?;
    Ok(state.raise_supply(account.balance)?)
}
