//! Signatures; bodies follow.
#![allow(clippy::unimplemented, unused_variables, missing_docs, clippy::missing_errors_doc, reason = "under construction")]

use defchain_base::{Address, Amount, Bps, Calendar, StateError, StateRead, Timestamp, U256, native::Host};

use crate::StakingError;

/// Number of a position: ascending for each owner from 0, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PositionId(pub u32);

impl core::fmt::Display for PositionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

/// The positions that one stake opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionIds {
    /// The term asked for.
    pub main: PositionId,
    /// The 12-year part of a shorter stake (D22).
    pub attention: Option<PositionId>,
}

/// Amounts times years that count for a validator (D27), in wei × years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weights {
    /// The operator's own positions.
    pub own: U256,
    /// Those of its delegators.
    pub delegated: U256,
}

/// A part of a whole, `num / den`, at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    pub num: u128,
    pub den: u128,
}

/// Days and months of consensus time on this chain (D3).
pub fn calendar<S: StateRead + ?Sized>(state: &S) -> Result<Calendar, StateError> {
    unimplemented!()
}

/// What the next epoch counts for a validator: what counts now and what joined since (D27, D36). Rounded down.
pub fn book_weights<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Weights, StakingError> {
    unimplemented!()
}

/// β_PoD: Σ amount × years over all running positions, bound or not (D27). Rounded up.
pub fn beta_pod<S: StateRead + ?Sized>(state: &S) -> Result<U256, StakingError> {
    unimplemented!()
}

/// β: Σ amount × multiplier over all positions, the locked part of ended ones at multiplier 1 (D24, D26). Rounded up.
pub fn beta<S: StateRead + ?Sized>(state: &S) -> Result<U256, StakingError> {
    unimplemented!()
}

/// PoD weight of an account: Σ amount × years over its running positions, of those staked before `opened_before` when given
/// (D36a). At most 256 positions are read.
pub fn pod_weight<S: StateRead + ?Sized>(
    state: &S,
    account: Address,
    opened_before: Option<Timestamp>,
) -> Result<U256, StakingError> {
    unimplemented!()
}

/// An operator's own bound stake in running positions of at least `min_validator_years` (D31). O(1).
pub fn own_bound<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// Registration (D31): binds every running unbound position of the operator with at least `min_validator_years`, now and in
/// future. From now on its own stake cannot be withdrawn below `minimum` (D23). Returns [`own_bound`] after it; the caller
/// refuses when it is too little.
pub fn bind_own<H: Host + ?Sized>(host: &mut H, operator: Address, minimum: Amount) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// After leaving the validator set: the operator's own positions begin to unbind, and later ones are not bound any more.
pub fn release_own<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), StakingError> {
    unimplemented!()
}

/// Stakes `amount`, which lies in `Pool::Staking` already, bound to `operator` from the first moment: counted from the next
/// epoch (D36). A shorter term opens the 12-year part too, bound as well. Whether the validator takes delegations is the
/// caller's to judge.
pub fn open_bound<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    operator: Address,
    amount: Amount,
    years: u64,
) -> Result<PositionIds, StakingError> {
    unimplemented!()
}

/// Binds a running position that is bound to nobody; counted from the next epoch. Whether the validator takes delegations is
/// the caller's to judge.
pub fn bind<H: Host + ?Sized>(
    host: &mut H,
    owner: Address,
    id: PositionId,
    operator: Address,
) -> Result<(), StakingError> {
    unimplemented!()
}

/// Begins to unbind a position: from now on without weight or income, slashable for `unbinding_days` of the age clock (D36).
/// An operator's own positions of at least `min_validator_years` unbind by [`release_own`] alone.
pub fn unbind<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<(), StakingError> {
    unimplemented!()
}

/// Takes `fraction` of all that is bound to `operator`: own and delegated, joining, unbinding, and the locked part of ended
/// positions (D24, D34, D35). O(1). The wei that are returned leave the books but stay in `Pool::Staking`: the caller pays or
/// burns exactly that sum out of the pool in the same step.
pub fn slash<H: Host + ?Sized>(host: &mut H, operator: Address, fraction: Fraction) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// An epoch begins for `operator`: when it `counts` (is active), what joined is counted from now on; else it goes on waiting.
/// Genesis calls it once for every first validator.
pub fn start_epoch<H: Host + ?Sized>(host: &mut H, operator: Address, counts: bool) -> Result<(), StakingError> {
    unimplemented!()
}

/// Shares a validator's income, which lies in `Pool::Validators` already, among its counted positions by weight (D36). Returns
/// what the operator keeps of the delegators' part by its commission: that stays in the pool for the caller to account for.
/// With nobody to share among, the income burns. O(1).
pub fn add_income<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    income: Amount,
    commission: Bps,
) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// Pays a position's income to its owner out of `Pool::Validators`. Refused when there is none.
pub fn claim_rewards<H: Host + ?Sized>(host: &mut H, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// What [`claim_rewards`] would pay.
pub fn rewards<S: StateRead + ?Sized>(state: &S, owner: Address, id: PositionId) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// Pays the income of all positions of an owner. Returns the sum; refused when there is none.
pub fn claim_all_rewards<H: Host + ?Sized>(host: &mut H, owner: Address) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// Changes the least own stake that [`bind_own`] set, for a changed parameter; no effect on who is no operator.
pub fn set_own_minimum<H: Host + ?Sized>(host: &mut H, operator: Address, minimum: Amount) -> Result<(), StakingError> {
    unimplemented!()
}

/// Unclaimed income that staking accounts for in `Pool::Validators`: what the pool holds above it are commissions.
pub fn unclaimed_income<S: StateRead + ?Sized>(state: &S) -> Result<Amount, StakingError> {
    unimplemented!()
}

/// Steps of every block.
pub mod lifecycle {
    use super::*;

    /// Before any transaction and before the month's snapshot: the day's ends of terms and of unlocking.
    pub fn begin<H: Host + ?Sized>(host: &mut H) -> Result<(), StakingError> {
        unimplemented!()
    }

    /// After all transactions: unbinding that is due, at most `unbind_per_block`.
    pub fn end<H: Host + ?Sized>(host: &mut H) -> Result<(), StakingError> {
        unimplemented!()
    }
}
