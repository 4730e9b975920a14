//! What a call pretends about accounts and its block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use defchain_base::{Amount, Height, Overlay, StateError, StateRead, Timestamp, system::Pool};
use defchain_token::{
    AccountRecord, Portions,
    state::{TokenRead, TokenWrite},
};
use revm::context_interface::block::BlobExcessGasAndPrice;

use crate::{BlockEnv, ExecError, Executor, db::StorageOverride, state::EvmWrite, validity::InvalidTx};

/// A pretended balance stops here, so that a call that pretends to own 2^256 - 1 wei (many tools do) can still be paid.
const MAX_PRETENDED_BALANCE: Amount = Amount::from_wei(u128::MAX >> 1);

/// What a call pretends about an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountOverride {
    /// Balance in wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// All storage there is.
    pub state: Option<BTreeMap<B256, B256>>,
    /// Storage that differs.
    pub state_diff: Option<BTreeMap<B256, B256>>,
    /// Where the precompile of this address is instead.
    pub move_precompile_to: Option<Address>,
}

/// Pretended accounts.
pub type StateOverrides = BTreeMap<Address, AccountOverride>;

/// What a call pretends about the block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockOverrides {
    /// Height.
    pub number: Option<u64>,
    /// Seconds since 1970. Balances do not age by it: the age clock is not pretended.
    pub time: Option<u64>,
    /// Gas of the block.
    pub gas_limit: Option<u64>,
    /// `COINBASE`.
    pub coinbase: Option<Address>,
    /// `PREVRANDAO`.
    pub prev_randao: Option<B256>,
    /// Wei per gas.
    pub base_fee: Option<u64>,
    /// `BLOBBASEFEE`.
    pub blob_base_fee: Option<u128>,
    /// What `BLOCKHASH` answers for these heights.
    pub hashes: BTreeMap<u64, B256>,
}

pub(super) fn override_block(env: &mut BlockEnv, block: &BlockOverrides) {
    env.height = block.number.map_or(env.height, Height);
    env.time = block.time.map_or(env.time, |seconds| Timestamp(seconds.saturating_mul(1_000)));
    env.gas_limit = block.gas_limit.unwrap_or(env.gas_limit);
    env.beneficiary = block.coinbase.unwrap_or(env.beneficiary);
    env.prev_randao = block.prev_randao.unwrap_or(env.prev_randao);
    env.base_fee = block.base_fee.unwrap_or(env.base_fee);
}

/// What of a pretended block is no part of [`BlockEnv`].
pub(super) fn pretend_block<S: StateRead>(executor: &mut Executor<S>, block: &BlockOverrides) {
    if let Some(blob_gasprice) = block.blob_base_fee {
        executor.evm.ctx.block.blob_excess_gas_and_price =
            Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice });
    }
    executor.db_mut().hashes.extend(block.hashes.iter().map(|(height, hash)| (*height, *hash)));
}

/// Pretends accounts.
pub(super) fn pretend_state<S: StateRead>(executor: &mut Executor<S>, state: &StateOverrides) -> Result<(), ExecError> {
    let env = *executor.env();
    for (address, pretended) in state {
        override_account(executor.overlay_mut(), &env, *address, pretended)?;
        if let Some(storage) = override_storage(pretended) {
            executor.db_mut().overrides.insert(*address, storage);
        }
        if let Some(to) = pretended.move_precompile_to
            && !executor.evm.precompiles.pretend_moved(*address, to)
        {
            return Err(InvalidTx::Refused(format!("account {address} is not a precompile")).into());
        }
    }
    Ok(())
}

fn override_account<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    address: Address,
    pretended: &AccountOverride,
) -> Result<(), StateError> {
    let mut record = overlay.account(&address)?.unwrap_or_default();
    record.nonce = pretended.nonce.unwrap_or(record.nonce);
    if let Some(code) = &pretended.code {
        record.code_hash = keccak256(code);
        record.delegated = code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]);
        overlay.put_code(record.code_hash, code.clone())?;
    }
    if let Some(balance) = pretended.balance {
        let amount = Amount::try_from(balance).unwrap_or(Amount::MAX).min(MAX_PRETENDED_BALANCE);
        match Pool::by_address(&address) {
            Some(pool) => overlay.put_pool(pool, amount)?,
            None => {
                let mut ledger_record = AccountRecord { portions: Portions::default(), ..record };
                if ledger_record.no_decay {
                    ledger_record.portions.credit_plain(env.age, amount)?;
                } else {
                    ledger_record.portions = Portions::fresh(&overlay.token_params()?, env.age, amount);
                }
                record = ledger_record;
            }
        }
    }
    overlay.put_account(&address, &record)
}

fn override_storage(pretended: &AccountOverride) -> Option<StorageOverride> {
    let slots = pretended.state.as_ref().or(pretended.state_diff.as_ref())?;
    let slots = slots.iter().map(|(k, v)| (U256::from_be_bytes(k.0), U256::from_be_bytes(v.0))).collect();
    Some(StorageOverride { replaces: pretended.state.is_some(), slots })
}
