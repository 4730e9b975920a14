//! The only list of begin- and end-of-block steps. Order is consensus: a new step gets its line here.
//!
//! Begin: age clock (in the environment) → upgrade (migrations of state) → EIP-2935 history.
//! Then the transactions in order.
//! End: native money (sweep, fee split, what transactions gave to pools: D15, D17, D19).
//! What the steps emit are the block's events (D21), not any transaction's logs.
//! Seal, when the block's hash and the roots of its transactions and receipts are known: chain head.

use alloy_primitives::Log;
use defchain_base::{Address, Amount, B256, Encode, Overlay, StateDelta, StateError, StateKey, StateRead};
use defchain_evm::BlockEnv;
use defchain_token::{BlockHost, BlockTotals, Payees, Shares, end_of_block};

use crate::{
    keys::{ChainHead, ChainHeadKey},
    records::Header,
    steps::{Consensus, EventsRoot, EventsRootKey, events_root},
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
    /// What the transactions gave to pools and destroyed; credited at the end of the block.
    pub shares: Shares,
    /// Burned by the steps before the first transaction, wei.
    pub burned: Amount,
}

/// What the steps before the first transaction did.
#[derive(Debug, Clone, Default)]
pub struct Began {
    /// The app version that comes into force with this block, if one does.
    pub upgraded: Option<u64>,
    /// Events (D21).
    pub events: Vec<Log>,
    /// Burned, wei; already taken off the supply.
    pub burned: Amount,
}

/// What the steps after the last transaction did.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Events (D21).
    pub events: Vec<Log>,
    /// Burned here and by the transactions, wei; already taken off the supply.
    pub burned: Amount,
    /// Changes of CometBFT's validator set; power 0 removes.
    pub updates: Vec<PowerUpdate>,
}

/// A validator's new power in CometBFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerUpdate {
    /// Its ed25519 consensus key.
    pub key: [u8; 32],
    /// Its power from two heights on; 0 removes it.
    pub power: u64,
}

/// Steps before the first transaction.
///
/// # Errors
/// When state fails, or a migration refuses.
pub fn begin<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    parent_hash: &B256,
    upgrades: &Upgrades,
    _consensus: &Consensus,
) -> Result<Began, StateError> {
    let upgraded = upgrades.begin(overlay, env.height)?;
    defchain_evm::begin_block(overlay, env, *parent_hash)?;
    let host = BlockHost::new(&mut *overlay, *env);
    let (_, events, burned) = host.into_parts();
    Ok(Began { upgraded, events, burned })
}

/// Steps after the last transaction.
///
/// # Errors
/// When state fails.
pub fn end<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    operator: Option<Address>,
    totals: &Totals,
) -> Result<Ended, StateError> {
    let mut host = BlockHost::new(&mut *overlay, *env);
    let sums = BlockTotals { base_fees: totals.base_fees, tips: totals.tips, shares: totals.shares };
    let money = end_of_block(&mut host, &sums, Payees { gas_share: operator, tips: operator })?;
    let (_, events, burned) = host.into_parts();
    overlay.commit();
    Ok(Ended { events, burned: burned.checked_add(money.burned)?, updates: Vec::new() })
}

/// The last changes of a block: the root of its events, and its head, from a header that lacks nothing but the roots of
/// this very state.
pub fn seal(delta: &mut StateDelta, header: &Header, events: &[Log]) {
    if !events.is_empty() {
        let root = EventsRoot { height: header.height, root: events_root(events) };
        delta.set(EventsRootKey::SUBSTORE, EventsRootKey.to_key(), Some(root.to_bytes().into()));
    }
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
