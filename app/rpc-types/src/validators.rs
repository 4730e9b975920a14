//! Validators, seats, epochs, faults.

use alloy_primitives::{Address, B256, U64, U256};
use serde::{Deserialize, Serialize};

/// A validator: `def_getValidatorInfo`, and the list of `def_getValidators`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidatorInfo {
    /// Its operator.
    pub operator: Address,
    /// For people.
    pub moniker: String,
    /// Two letters of ISO 3166-1.
    pub country: String,
    /// In English.
    pub country_name: String,
    /// `queued`, `active`, `inactive`, `jailed`, `tombstoned` or `exited`.
    pub status: String,
    /// Whether it holds its country's seat.
    pub seat: bool,
    /// Whether it leaves at the next epoch boundary.
    pub leaving: bool,
    /// Its place in the queue: when it registered.
    pub registered_at: U64,
    /// ed25519 key, hex.
    pub consensus_key: String,
    /// Its address in CometBFT, 40 hex digits.
    pub consensus_address: String,
    /// Key that comes into force at the next epoch boundary.
    pub next_key: Option<String>,
    /// BLS12-381 key, hex.
    pub bls_key: String,
    /// What it keeps of its delegators' income, hundredths of a percent.
    pub commission_bps: u16,
    /// EIP-712 hash of its attestation; zero for a validator of genesis.
    pub attestation: B256,
    /// Who attested.
    pub verifier: Address,
    /// Until when that holds.
    pub attested_until: U64,
    /// What it was last jailed for.
    pub jail_kind: Option<String>,
    /// Age at which that term ends.
    pub jailed_until_age: Option<U64>,
    /// The same in consensus time, if blocks go on coming.
    pub jailed_until: Option<U64>,
    /// Own bound stake.
    pub own_stake: U256,
    /// Weight of own positions, wei × years.
    pub own_weight: U256,
    /// Weight of delegated positions.
    pub delegated_weight: U256,
    /// Both.
    pub weight: U256,
    /// Weight as a part of β_PoD, with 18 decimals (D27).
    pub weight_share: U256,
    /// Voting power in the newest set, of 10^18.
    pub power: U64,
    /// Commission that it may claim.
    pub owed: U256,
    /// What it did.
    pub performance: Performance,
    /// Its faults by kind, and what the next would cost. Empty in lists.
    pub faults: Vec<FaultRecord>,
}

/// What a validator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Performance {
    /// Blocks it proposed.
    pub proposed: U64,
    /// Heights at which it signed; a precommit for nil counts.
    pub signed: U64,
    /// Heights at which it was absent.
    pub missed: U64,
    /// Age when it was last seen; null when it is present.
    pub absent_since_age: Option<U64>,
}

/// A validator's record with one kind of fault (D34).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRecord {
    /// Which kind.
    pub kind: String,
    /// How many were punished.
    pub count: u32,
    /// Share of the stake that the next one would cost, hundredths of a percent.
    pub next_share_bps: u16,
    /// Milliseconds of jail on the age clock that it would bring.
    pub next_jail: U64,
}

/// `def_getValidators`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validators {
    /// β_PoD of all positions, which shares are of.
    pub beta_pod: U256,
    /// Sum of the powers in the newest set.
    pub total_power: U64,
    /// By ascending operator.
    pub validators: Vec<ValidatorInfo>,
    /// Ask again with this as `after`; null at the end.
    pub next: Option<Address>,
}

/// `def_getEpoch` (D28, D32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EpochInfo {
    /// The first is 0.
    pub number: U64,
    /// Its first block.
    pub start: U64,
    /// First block of the next one.
    pub end: U64,
    /// Blocks that are left, the next one included.
    pub blocks_left: U64,
    /// Weight of the set it began with.
    pub total_weight: U256,
    /// Weight that was removed since.
    pub removed_weight: U256,
    /// Own stake that an operator needs.
    pub min_stake: U256,
    /// Active validators.
    pub active: u32,
    /// How many open the chain.
    pub threshold: u16,
    /// Whether it is open.
    pub open: bool,
    /// Since which block.
    pub open_since: Option<U64>,
}

/// A jurisdiction with its seat (D29).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jurisdiction {
    /// Two letters.
    pub code: String,
    /// In English.
    pub name: String,
    /// Who holds the seat.
    pub operator: Option<Address>,
    /// How that validator stands.
    pub status: Option<String>,
    /// Who waits for it, oldest first; 50 at most.
    pub queue: Vec<Address>,
}

/// An accredited verifier (D30).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifierInfo {
    /// Its key's address.
    pub address: Address,
    /// For people.
    pub name: String,
    /// Since when.
    pub added_at: U64,
    /// When it was removed.
    pub removed_at: Option<U64>,
}

/// A punished fault (D34, D35).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceInfo {
    /// Its number.
    pub id: U64,
    /// What was done: `doubleSign`, `downtime`, `invalidProposal`, `censorship`, `equivocation`.
    pub kind: String,
    /// By whose validator.
    pub operator: Address,
    /// With which key; null for downtime and censorship.
    pub consensus_address: Option<String>,
    /// Where.
    pub fault_height: U64,
    /// The block that punished it.
    pub height: U64,
    /// Its age.
    pub age: U64,
    /// Share of the stake that was taken, hundredths of a percent.
    pub share_bps: u16,
    /// How often it was doubled.
    pub repeats: u8,
    /// What was taken.
    pub slashed: U256,
    /// Destroyed of it.
    pub burned: U256,
    /// To the treasury.
    pub treasury: U256,
    /// To the reporter.
    pub reward: U256,
    /// Who reported it.
    pub reporter: Option<Address>,
    /// Age at which jail ends; null for ever.
    pub jailed_until_age: Option<U64>,
    /// Hash of the proof; zero when it is CometBFT's, or the chain's own commits.
    pub proof: B256,
}
