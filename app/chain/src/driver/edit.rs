//! Edits of state by hand. Money stays exact: what an account gains or loses by an edit is minted or burned, so the
//! supply is always the sum of what there is.

use alloy_primitives::{U256, keccak256};
use defchain_base::params::ModuleParams as _;
use defchain_base::{
    Address, AgeMillis, Amount, Bytes, Overlay, StateReadExt, StateWriteExt,
    system::{Pool, is_reserved},
};
use defchain_evm::{keys::MAX_CODE_BYTES, state::EvmWrite};
use defchain_token::{
    AccountRecord, EMPTY_CODE_HASH, Portions,
    state::{TokenRead, TokenWrite},
};

use super::DriverError;
use crate::{
    params::{ChainParams, PARAMS_KEY},
    reader::StateAt,
};

/// Code that begins so is an EIP-7702 delegation, of which there is one form.
const DELEGATION: [u8; 2] = [0xef, 0x01];
const DELEGATION_BYTES: usize = 23;

/// One thing that a developer sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The whole balance of an account, wei.
    Balance(Address, U256),
    /// More balance for an account, wei.
    AddBalance(Address, U256),
    /// The next nonce of an account.
    Nonce(Address, u64),
    /// Its code; none removes it.
    Code(Address, Bytes),
    /// A word of its storage.
    Storage(Address, U256, U256),
    /// Gas of a block, from the next on.
    GasLimit(u64),
    /// Lowest base fee, wei per gas, from the next block on.
    MinBaseFee(u64),
}

impl Edit {
    /// Writes it. `age` is the age clock of the newest block: new money begins to age then.
    pub(super) fn apply(&self, state: &mut Overlay<StateAt>, age: AgeMillis) -> Result<(), DriverError> {
        match self {
            Self::Balance(address, wei) => set_balance(state, age, address, amount(address, *wei)?),
            Self::AddBalance(address, wei) => {
                let held = state.nominal_balance(address)?;
                let sum = held.checked_add(amount(address, *wei)?).map_err(defchain_base::StateError::from)?;
                set_balance(state, age, address, sum)
            }
            Self::Nonce(address, nonce) => {
                own(address, "nonce")?;
                if *nonce == u64::MAX {
                    return Err(DriverError::TooMuch { what: "the nonce", asked: *nonce, most: u64::MAX - 1 });
                }
                change(state, address, |record| record.nonce = *nonce)
            }
            Self::Code(address, code) => set_code(state, address, code),
            Self::Storage(address, slot, value) => {
                own(address, "storage")?;
                Ok(state.put_storage(*address, *slot, *value)?)
            }
            Self::GasLimit(gas) => change_params(state, |params| params.block_gas_limit = *gas),
            Self::MinBaseFee(fee) => change_params(state, |params| {
                params.min_base_fee = *fee;
                params.initial_base_fee = params.initial_base_fee.max(*fee);
            }),
        }
    }
}

fn amount(address: &Address, wei: U256) -> Result<Amount, DriverError> {
    let wei = u128::try_from(wei).map_err(|_| {
        DriverError::Edit(format!("balance of {address}: {wei} wei, at most 2^128 - 1 = {}", u128::MAX))
    })?;
    Ok(Amount::from_wei(wei))
}

/// Refuses addresses whose state is the protocol's own.
fn own(address: &Address, what: &str) -> Result<(), DriverError> {
    if is_reserved(address) {
        return Err(DriverError::Edit(format!(
            "the {what} of {address} cannot be set: it is an address of the protocol"
        )));
    }
    Ok(())
}

/// Changes an account; one that is empty afterwards is gone (EIP-161).
fn change(
    state: &mut Overlay<StateAt>,
    address: &Address,
    change: impl FnOnce(&mut AccountRecord),
) -> Result<(), DriverError> {
    let mut record = state.account(address)?.unwrap_or_default();
    change(&mut record);
    let params = state.token_params()?;
    Ok(defchain_token::open_account(state, &params, address, record)?)
}

/// The declared mint and burn of a development chain.
fn set_balance(
    state: &mut Overlay<StateAt>,
    age: AgeMillis,
    address: &Address,
    balance: Amount,
) -> Result<(), DriverError> {
    let before = state.nominal_balance(address)?;
    state.burn(before)?;
    state.raise_supply(balance)?;
    if let Some(pool) = Pool::by_address(address) {
        return Ok(state.put_pool(pool, balance)?);
    }
    let params = state.token_params()?;
    change(state, address, |record| {
        record.portions = Portions::default();
        if record.no_decay {
            // Of nothing, this never overflows.
            let _ = record.portions.credit_plain(age, balance);
        } else {
            record.portions = Portions::fresh(&params, age, balance);
        }
    })
}

fn set_code(state: &mut Overlay<StateAt>, address: &Address, code: &Bytes) -> Result<(), DriverError> {
    own(address, "code")?;
    if code.len() > MAX_CODE_BYTES {
        return Err(DriverError::Edit(format!(
            "code of {address}: {} bytes, at most {MAX_CODE_BYTES} (EIP-170)",
            code.len()
        )));
    }
    let delegates = code.starts_with(&DELEGATION);
    if delegates && (code.len() != DELEGATION_BYTES || code.get(2) != Some(&0)) {
        return Err(DriverError::Edit(format!(
            "code of {address} begins with ef01 but is no EIP-7702 delegation (ef0100 and 20 bytes of address)"
        )));
    }
    let hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(code) };
    state.put_code(hash, code.clone())?;
    change(state, address, |record| (record.code_hash, record.delegated) = (hash, delegates))
}

fn change_params(state: &mut Overlay<StateAt>, change: impl FnOnce(&mut ChainParams)) -> Result<(), DriverError> {
    let mut params = state.read(&PARAMS_KEY)?.unwrap_or_default();
    change(&mut params);
    let problems = params.problems();
    if !problems.is_empty() {
        return Err(DriverError::Edit(problems.join("; ")));
    }
    Ok(state.write(&PARAMS_KEY, &params)?)
}
