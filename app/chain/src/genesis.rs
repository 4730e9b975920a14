//! The application's part of the genesis file (`app_state`) and its validation.
//!
//! A network's genesis is CometBFT's `genesis.json`; consensus keys and powers stand in its `validators`, everything
//! of ours in `app_state`. A genesis with many accounts keeps them in a file of their own beside it, named by hash,
//! because CometBFT holds its genesis in memory and serves it over RPC.
//!
//! ```text
//!   InitChain / genesis.json ──validate──▶ ValidatedGenesis ──open_accounts_file──▶ AccountsReader ──▶ one account each
//!                                 └─▶ GenesisErrors: every mistake at once, each with its place and figures
//! ```
//!
//! What `validate` lets through can be executed: keys are curve points, powers fit CometBFT's limit, no account lies
//! on an address the protocol keeps, the supply is within D4.

mod accounts;
pub mod export;
mod json;
mod parse;
mod presets;
mod problems;
#[cfg(test)]
mod tests;
mod validate;

pub use accounts::{AccountsReader, write_accounts_file};
pub use json::{Fields, read as read_json};
pub use presets::LOCAL_VERIFIER;
pub use problems::{GenesisErrors, MAX_PROBLEMS, Problem, Problems};
pub use validate::{
    GenesisInput, InitialValidator, KeyPower, MAX_CHAIN_ID_BYTES, MAX_MONIKER_BYTES, MAX_SUPPLY, MAX_VALIDATORS,
    Modules, ValidatedGenesis, check_chain_id, check_moniker, check_operator, inspect, needed_block_bytes, validate,
};

use std::collections::BTreeMap;

use defchain_base::{Address, Amount, B256, Bytes};
pub use defchain_validators::genesis::GenesisValidator;
use serde::{
    Deserialize, Serialize,
    de::{Error, MapAccess, Visitor},
};

use defchain_token::TokenParams;

use crate::{params::ChainParams, upgrade::UpgradePlan};

/// `app_state` of the genesis file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppState {
    /// Parameters of blocks and fees.
    #[serde(default)]
    pub params: ChainParams,
    /// Parameters of native money; without them the rulings' values (D11 to D18). [`TokenParams::plain`] is money that
    /// neither ages nor pays commission.
    #[serde(default)]
    pub token: TokenParams,
    /// Addresses that do not decay (D16).
    #[serde(default, skip_serializing_if = "is_default")]
    pub money: defchain_token::genesis::Section,
    /// Parameters of staking and dividends; positions that are there from the begin.
    #[serde(default, skip_serializing_if = "is_default")]
    pub staking: defchain_staking::genesis::Section,
    /// Positions whose dividends are compounded (D26).
    #[serde(default, skip_serializing_if = "is_default")]
    pub dividends: defchain_dividends::genesis::Section,
    /// Verifiers of jurisdictions (D30).
    #[serde(default, skip_serializing_if = "is_default")]
    pub geo: defchain_geo::genesis::Section,
    /// The validators: one for each consensus key of CometBFT's list. Their powers follow from their stakes (D27), whatever
    /// CometBFT's list says.
    #[serde(default)]
    pub pod: defchain_validators::genesis::Section,
    /// Parameters of slashing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub slashing: defchain_slashing::genesis::Section,
    /// Parameters of governance; the treasury's signers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub governance: defchain_governance::genesis::Section,
    /// Accounts with money, code or storage.
    #[serde(default)]
    pub accounts: Vec<GenesisAccount>,
    /// More accounts, in a file beside the genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_file: Option<AccountsFile>,
    /// What the pools hold, wei by name: dividend, technical, marketing, treasury.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, Amount>,
    /// Money on addresses that the protocol keeps and nobody can spend from: an export carries it, so that the supply
    /// stays what it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stranded: BTreeMap<Address, Amount>,
    /// A change of rules that is agreed on from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradePlan>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An account at genesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Whose.
    pub address: Address,
    /// Wei, as a decimal string.
    #[serde(default)]
    pub balance: Amount,
    /// Next nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Runtime code.
    #[serde(default, skip_serializing_if = "no_bytes")]
    pub code: Bytes,
    /// Storage slots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_slots")]
    pub storage: BTreeMap<B256, B256>,
}

/// A file of accounts: one JSON [`GenesisAccount`] a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsFile {
    /// SHA-256 of the file's bytes. The file is `accounts-<sha256>.jsonl`, beside genesis.json.
    pub sha256: B256,
    /// How many lines it has.
    pub count: u64,
}

/// Slots, each once: of a slot that stands twice one reader takes the first value, another the last.
fn unique_slots<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<B256, B256>, D::Error> {
    struct Slots;
    impl<'de> Visitor<'de> for Slots {
        type Value = BTreeMap<B256, B256>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("storage slots with their words")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut slots = BTreeMap::new();
            while let Some((slot, word)) = entries.next_entry()? {
                if slots.insert(slot, word).is_some() {
                    return Err(Error::custom(format!("slot {slot} stands twice")));
                }
            }
            Ok(slots)
        }
    }
    deserializer.deserialize_map(Slots)
}

fn no_bytes(bytes: &Bytes) -> bool {
    bytes.is_empty()
}
