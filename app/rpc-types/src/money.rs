//! Balances that decay, the supply, and what burns.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U64, U256};
use serde::{Deserialize, Serialize};

/// Money that arrived together (D12): `def_getBalancePortions` answers a list of these, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BalancePortion {
    /// Worth at day 0. After a part was spent: what would leave the rest by its day.
    pub original: U256,
    /// Worth now: what can be spent of it.
    pub effective: U256,
    /// Worth when it was last settled: what is still counted in the supply.
    pub nominal: U256,
    /// When it arrived, on the age clock.
    pub received_age: U64,
    /// The same in consensus time, as far as the chain never stood still since.
    pub received_at: U64,
    /// Whole days of its age, at most 8.
    pub days: u8,
    /// Day up to which its loss was taken.
    pub settled_day: u8,
    /// Version of the burn table it is under (D11); 65535 for money that does not decay (D16).
    pub table: u16,
    /// Percent of the original that is left at this age.
    pub preserved: u8,
    /// When it loses again; null when never.
    pub next_burn_at: Option<U64>,
    /// When nothing is left of it; null when never.
    pub expires_at: Option<U64>,
}

/// When a balance loses next, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextBurn {
    /// Moment on the age clock.
    pub age: U64,
    /// The same in consensus time, if blocks go on coming.
    pub at: U64,
    /// Seconds from the block that was asked, rounded up.
    pub in_seconds: U64,
    /// What the balance loses then.
    pub amount: U256,
}

/// What a balance loses within one day from now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DayOfBurning {
    /// 1 is the next 24 hours of the age clock.
    pub day: u32,
    /// When this day ends.
    pub until: U64,
    /// What the balance loses: the sum of the two below.
    pub lost: U256,
    /// Of that, for the dividend pool.
    pub dividend: U256,
    /// Of that, for nobody.
    pub burned: U256,
    /// What is left when the day ends.
    pub left: U256,
}

/// `def_getBurnForecast`: what happens to a balance if nobody touches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BurnForecast {
    /// Whose.
    pub address: Address,
    /// What can be spent now.
    pub effective: U256,
    /// What the supply still counts.
    pub nominal: U256,
    /// Whether any of it will be lost.
    pub decays: bool,
    /// The next loss; null when there is none.
    pub next: Option<NextBurn>,
    /// Day by day until nothing is left.
    pub days: Vec<DayOfBurning>,
    /// When nothing is left; null when something stays.
    pub zero_at: Option<U64>,
}

/// `def_getTotalSupply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supply {
    /// Height of the block.
    pub height: U64,
    /// Its time.
    pub timestamp: U64,
    /// All DEF there is. Never rises, but by what the bridge mints against locked tokens (D4).
    pub total_supply: U256,
    /// What accounts hold, by their nominal balances.
    pub accounts: U256,
    /// What each pool holds, by name.
    pub pools: BTreeMap<String, U256>,
    /// Burned in this block.
    pub burned: U256,
    /// The paper's R(t): always zero.
    pub reward_issuance: U256,
    /// Says so in words.
    pub note: String,
}

/// What a block burned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BurnedBlock {
    /// Which block.
    pub height: U64,
    /// Its time.
    pub timestamp: U64,
    /// Wei.
    pub burned: U256,
}

/// `def_getBurnHistory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BurnHistory {
    /// First block.
    pub from: U64,
    /// Last block.
    pub to: U64,
    /// Sum over the range.
    pub total: U256,
    /// Blocks that burned something, ascending. The others burned nothing.
    pub blocks: Vec<BurnedBlock>,
}

/// `def_getCommission`: what a plain payment costs beside its gas (D17, D18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentCommission {
    /// What is sent.
    pub value: U256,
    /// The commission: the sum of the five parts below.
    pub commission: U256,
    /// Whether it is paid on top of the value (the recipient is a contract), or out of it.
    pub on_top: bool,
    /// What leaves the payer, gas not counted.
    pub paid: U256,
    /// What reaches the recipient.
    pub received: U256,
    /// Burned of it.
    pub burned: U256,
    /// To the dividend pool.
    pub dividend: U256,
    /// To the technical pool.
    pub technical: U256,
    /// To the marketing pool.
    pub marketing: U256,
    /// The payer's referrer, if it has one.
    pub referrer: Option<Address>,
    /// To the referrer.
    pub reward: U256,
}

/// `def_getMaxSendable`: the greatest value that a transaction can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaxSendable {
    /// The greatest `value` of a transaction that is valid now. Zero when the gas alone cannot be paid.
    pub value: U256,
    /// What the recipient gets of it.
    pub received: U256,
    /// Commission: out of the value, or on top of it (D17).
    pub commission: U256,
    /// Whether the commission is paid on top of the value.
    pub on_top: bool,
    /// Most that the gas costs: its limit at the highest price.
    pub gas_cost: U256,
    /// Gas limit that was reckoned with.
    pub gas: U64,
    /// Price that was reckoned with, wei per gas.
    pub max_fee_per_gas: U256,
    /// What the sender can spend at the block's time.
    pub spendable: U256,
    /// The sender's nominal balance.
    pub nominal: U256,
}
