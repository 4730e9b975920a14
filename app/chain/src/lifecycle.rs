//! The only list of begin- and end-of-block steps. Order is consensus: a new step gets its line here.
//!
//! Begin: age clock (in the environment) → EIP-2935 history.
//! Then the transactions in order.
//! End: fee split (D19) → chain head.

use defchain_base::{Address, Amount, B256, Overlay, StateError, StateRead, StateWriteExt};
use defchain_evm::BlockEnv;

use crate::keys::{ChainHead, ChainHeadKey};

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

/// Steps before the first transaction.
///
/// # Errors
/// When state fails.
pub fn begin<S: StateRead>(overlay: &mut Overlay<S>, env: &BlockEnv, parent_hash: &B256) -> Result<(), StateError> {
    defchain_evm::begin_block(overlay, env, *parent_hash)
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
    let head = ChainHead {
        height: env.height,
        time: env.time,
        age: env.age,
        base_fee: env.base_fee,
        gas_used: totals.gas_used,
        gas_limit: env.gas_limit,
    };
    overlay.write(&ChainHeadKey, &head)?;
    overlay.commit();
    Ok(split.burned.checked_add(burned_tips)?)
}
