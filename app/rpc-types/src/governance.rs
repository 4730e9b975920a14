//! Proposals, votes, parameters, block events.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use serde::{Deserialize, Serialize};

/// A proposal (D36a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposalInfo {
    /// Its number; the first is 1.
    pub id: U64,
    /// Who made it.
    pub proposer: Address,
    /// What it asks for: `text`, `param`, `spend`, …
    pub kind: String,
    /// In words.
    pub action: String,
    /// The proposer's text.
    pub description: String,
    /// Where it stands: `voting`, `passed`, `awaitingSigners`, `executed`, `failed`, `rejected`, `noQuorum`, `vetoed`, `expired`.
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// What was deposited.
    pub deposit: U256,
    /// When the vote started.
    pub start: U64,
    /// When it ends.
    pub end: U64,
    /// When the next step is due.
    pub due: U64,
    /// β_PoD at the start.
    pub beta_pod: U256,
    /// Weight that must have voted.
    pub quorum: U256,
    /// More than this part of yes, no and veto must be yes.
    pub threshold: String,
    /// Weight for it.
    pub yes: U256,
    /// Weight against it.
    pub no: U256,
    /// Weight that counts for the quorum only.
    pub abstain: U256,
    /// Weight against its being asked.
    pub veto: U256,
    /// Signers in office that approve; null where no signers are asked.
    pub approvals: Option<Vec<Address>>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteInfo {
    /// Who.
    pub voter: Address,
    /// `yes`, `no`, `abstain` or `veto`.
    pub choice: String,
    /// With how much.
    pub weight: U256,
}

/// A parameter with its bounds: `def_getParams` answers lists of these by module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParamInfo {
    /// As in genesis and proposals.
    pub name: String,
    /// What it is.
    pub value: U128,
    /// Least.
    pub min: U128,
    /// Greatest.
    pub max: U128,
    /// Its unit.
    pub unit: String,
}

/// `def_getParams`: every parameter by module, and the burn tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllParams {
    /// By module.
    pub modules: BTreeMap<String, Vec<ParamInfo>>,
    /// Burn tables by version (D11).
    pub burn_tables: Vec<BurnTableInfo>,
}

/// A burn table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BurnTableInfo {
    /// It holds for what is received from this age on.
    pub since_age: U64,
    /// Percent preserved after 0 to 8 days.
    pub preserved: [u8; 9],
}

/// A log in a block's events, or in a receipt, with its meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NativeEvent {
    /// Which block.
    pub height: U64,
    /// The system address.
    pub address: Address,
    /// As in a receipt.
    pub topics: Vec<B256>,
    /// As in a receipt.
    pub data: Bytes,
    /// Name of the Solidity event; null when no interface of the chain has it.
    pub event: Option<String>,
    /// Its arguments by name: integers in decimal, bytes in hex.
    pub args: Option<serde_json::Value>,
    /// The transaction it belongs to; null for what belongs to none (D21).
    pub transaction_hash: Option<B256>,
    /// Whether this is the news that a development chain took the block back.
    pub removed: bool,
}

/// `def_getBlockEvents`: what a block did outside its transactions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockEvents {
    /// Which block.
    pub height: U64,
    /// Its hash.
    pub hash: B256,
    /// Its time.
    pub timestamp: U64,
    /// In order.
    pub events: Vec<NativeEvent>,
}
