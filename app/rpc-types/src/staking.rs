//! Positions, delegations, weights.

use alloy_primitives::{Address, U64, U256};
use serde::{Deserialize, Serialize};

/// A staking position (D22): `def_getStakingPositions` answers a list of these by ascending id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StakePosition {
    /// Number among the owner's, never used again.
    pub id: u32,
    /// At its creation, and what was compounded since.
    pub initial_amount: U256,
    /// What it holds.
    pub amount: U256,
    /// At the end of its term; zero before.
    pub finished_amount: U256,
    /// When it was staked.
    pub start_time: U64,
    /// Term, 1 to 12.
    pub years: u8,
    /// When its term is over.
    pub end_time: U64,
    /// Whether it is.
    pub ended: bool,
    /// Month of the last withdrawal or dividend, `YYYYMM` or a running number; 0 for none.
    pub last_claimed: u32,
    /// Withdrawn in the present month.
    pub claimed_staking: U256,
    /// Dividends taken in the present month.
    pub claimed_dividends: U256,
    /// What the present month still allows to be withdrawn.
    pub withdrawable: U256,
    /// What unlocked after the term and may be taken or restaked.
    pub unlocked: U256,
    /// When the last of it unlocks.
    pub unlock_end: U64,
    /// Whether its dividends are compounded every month.
    pub auto_compound: bool,
    /// The validator it is bound to.
    pub validator: Option<Address>,
    /// How it counts there: `none`, `joining` (from the next epoch), `counted`, `unbinding`.
    pub bond: String,
    /// Age at which unbinding is over.
    pub unbinding_until_age: Option<U64>,
    /// Income of the validator that may be claimed.
    pub income: U256,
    /// PoD weight: amount × years while it runs (D27).
    pub weight: U256,
}

/// `def_getBeta`: the sums over all positions that dividends and weights are shares of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Beta {
    /// β: Σ amount × dividend multiplier (D26).
    pub beta: U256,
    /// β_PoD: Σ amount × years over running positions (D27).
    pub beta_pod: U256,
    /// Wei of all positions.
    pub staked: U256,
    /// How many there are.
    pub positions: U64,
    /// Dividend multipliers of terms of 1 to 12 years.
    pub multipliers: Vec<u32>,
}

/// What unlocks when, of one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnlockSchedule {
    /// Which position.
    pub id: u32,
    /// When its term is over.
    pub end_time: U64,
    /// Whether it is.
    pub ended: bool,
    /// What it holds.
    pub amount: U256,
    /// Of that, unlocked now.
    pub unlocked: U256,
    /// Of that, still locked.
    pub locked: U256,
    /// When the last of it unlocks; for a running position by the present parameters.
    pub unlock_end: U64,
    /// When more unlocks; null before the term is over and after the last day.
    pub next_at: Option<U64>,
    /// How much more.
    pub next_amount: Option<U256>,
    /// Day by day, when one position was asked for; else null.
    pub days: Option<Vec<UnlockDay>>,
}

/// A day of an unlocking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnlockDay {
    /// When it begins.
    pub at: U64,
    /// What is unlocked in all from then on, of what the position holds now.
    pub unlocked: U256,
}

/// A position that is bound to a validator: `def_getDelegations` by owner, `def_getDelegators` by validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delegation {
    /// Whose.
    pub owner: Address,
    /// Which.
    pub id: u32,
    /// To whom.
    pub validator: Address,
    /// Whether it is the operator's own stake.
    pub own: bool,
    /// What it holds.
    pub amount: U256,
    /// Term.
    pub years: u8,
    /// Amount × years while it runs.
    pub weight: U256,
    /// `none`, `joining`, `counted` or `unbinding`.
    pub bond: String,
    /// Age at which unbinding is over.
    pub unbinding_until_age: Option<U64>,
    /// Income that may be claimed.
    pub income: U256,
}

/// `def_getDividendInfo` (D26).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DividendInfo {
    /// Whose.
    pub address: Address,
    /// The month that was asked for.
    pub month: u32,
    /// Whether it is the present one: only its dividends can be claimed.
    pub present: bool,
    /// The pool at the month's begin; null when nothing was fixed.
    pub pool: Option<U256>,
    /// β at the month's begin.
    pub beta: Option<U256>,
    /// What can be claimed now, all positions together.
    pub claimable: U256,
    /// Each open position; none for a month that is over.
    pub positions: Vec<PositionDividend>,
}

/// A position's dividend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PositionDividend {
    /// Which.
    pub id: u32,
    /// What can be claimed now; zero when it is too young, or claimed.
    pub claimable: U256,
    /// What was claimed in that month.
    pub claimed: U256,
    /// Why nothing can be claimed now.
    pub reason: Option<String>,
}

/// A month of dividends: `def_getMonths` answers a list of these, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DividendMonth {
    /// `YYYYMM`, or a running number.
    pub month: u32,
    /// When it was fixed.
    pub time: U64,
    /// The dividend pool.
    pub pool: U256,
    /// The sum that shares in it.
    pub beta: U256,
    /// Claimed and compounded of it.
    pub claimed: U256,
}
