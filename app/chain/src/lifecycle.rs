//! The only list of begin- and end-of-block steps. Order is consensus: a new step gets its line here.
//!
//! Begin: age clock (in the environment) → upgrade (migrations of state) → EIP-2935 history → ends of terms (D24) → the
//! month's snapshot (D26) → votes on the previous block → evidence, refused proposals, downtime (D34).
//! Then the transactions in order.
//! End: native money (sweep, fee split, what transactions gave to pools: D15, D17, D19) → the proposer's gas share (D36) →
//! governance (D36a) → compounding (D26) → unbinding (D36) → epoch, removals, the next set (D28).
//! What the steps emit are the block's events (D21), not any transaction's logs.
//! Seal, when the block's hash and the roots of its transactions and receipts are known: chain head.

use alloy_primitives::Log;
use defchain_base::{
    Address, Amount, B256, Encode, Overlay, StateDelta, StateError, StateKey, StateRead, system::Pool,
};
use defchain_evm::BlockEnv;
use defchain_token::{BlockHost, BlockTotals, Payees, Shares, end_of_block};
pub use defchain_validators::PowerUpdate;
use defchain_validators::{Status, state::ValidatorsRead};

use crate::{
    executive::Executive,
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

/// Steps before the first transaction.
///
/// # Errors
/// When state fails, or a migration refuses.
pub fn begin<S: StateRead>(
    overlay: &mut Overlay<S>,
    env: &BlockEnv,
    parent_hash: &B256,
    upgrades: &Upgrades,
    consensus: &Consensus,
) -> Result<Began, StateError> {
    let upgraded = upgrades.begin(overlay, env.height)?;
    defchain_evm::begin_block(overlay, env, *parent_hash)?;
    let mut host = BlockHost::new(&mut *overlay, *env);
    // Staking first: the day before the month.
    defchain_dividends::lifecycle::begin(&mut host)?;
    defchain_validators::lifecycle::begin(&mut host, &consensus.presence())?;
    defchain_slashing::lifecycle::begin(&mut host, &consensus.faults_found(), &consensus.refusals())?;
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
    // The proposer's share is its book's (D36); tips are the operator's alone (D19).
    let gas_share = operator.map(|_| Pool::Validators.address());
    // Who is not active any more earns nothing: its tips burn as its share does (D19).
    let record = operator.map(|operator| host.validator(operator)).transpose()?.flatten();
    // A development chain's coinbase may be anybody.
    let tips = operator.filter(|_| record.is_none_or(|record| record.status == Status::Active));
    let money = end_of_block(&mut host, &sums, Payees { gas_share, tips })?;
    if let Some(operator) = operator {
        defchain_validators::reward_block(&mut host, operator, money.split.proposer)?;
    }
    defchain_governance::lifecycle::end::<Executive>(&mut host)?;
    defchain_dividends::lifecycle::end(&mut host)?;
    let updates = defchain_validators::lifecycle::end(&mut host)?;
    let (_, events, burned) = host.into_parts();
    overlay.commit();
    Ok(Ended { events, burned: burned.checked_add(money.burned)?, updates })
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
