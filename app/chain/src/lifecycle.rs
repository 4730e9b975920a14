//! The only list of begin- and end-of-block steps. Order is consensus: a new step gets its line here.
//!
//! Begin: age clock (in the environment) → upgrade (migrations of state) → EIP-2935 history.
//! Then the transactions in order.
//! End: fee split (D19).
//! Seal, when the block's hash and the roots of its transactions and receipts are known: chain head.

use defchain_base::{Address, Amount, B256, Encode, Overlay, StateDelta, StateError, StateKey, StateRead};
use defchain_evm::BlockEnv;

use crate::{
    keys::{ChainHead, ChainHeadKey},
    records::Header,
    upgrade::Upgrades,
};

/// Sums over a block's transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Gas used.
    pub gas_used: u64,
    /// Base fees: gas × base fee, wei.
    pub base_fees: Amount,
    /// Priority fees, wei.
    pub tips: Amount,
    /// Burned inside the EVM, wei.
    pub burned: Amount,
}

/// Steps before the first transaction. Returns the app version that comes into force with this block, if one does.
///
/// # Errors
/// When state fails, or a migration refuses.
pub fn begin<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    parent_hash: &B256,
    upgrades: &Upgrades,
) -> Result<Option<u64>, StateError> {
    let upgraded = upgrades.begin(overlay, env.height)?;
    defchain_evm::begin_block(overlay, env, *parent_hash)?;
    Ok(upgraded)
}

/// Steps after the last transaction. Returns what was burned here, in wei.
///
/// # Errors
/// When state fails.
pub fn end<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    operator: Option<Address>,
    totals: &Totals,
) -> Result<Amount, StateError> {
    let split = defchain_token::distribute_base_fees(overlay, env.age, totals.base_fees, operator)?;
    let burned_tips = defchain_token::credit_tips(overlay, env.age, totals.tips, operator)?;
    overlay.commit();
    Ok(split.burned.checked_add(burned_tips)?)
}

/// The last change of a block: its head, from a header that lacks nothing but the roots of this very state.
pub fn seal(delta: &mut StateDelta, header: &Header) {
    let head = ChainHead {
        height: header.height,
        time: header.time,
        age: header.age,
        base_fee: header.base_fee,
        gas_used: header.gas_used,
        gas_limit: header.gas_limit,
        header: header.digest(),
    };
    delta.set(ChainHeadKey::SUBSTORE, ChainHeadKey.to_key(), Some(head.to_bytes().into()));
}
