//! Pure reads for other modules, RPC and tools.

use alloy_primitives::hex;
use defchain_base::{
    Address, Amount, B256, ConsensusAddress, Height, StateError, StateRead, Timestamp, U256, params::ModuleParams,
};
use defchain_geo::Country;
use serde::Serialize;

use crate::{
    Down, Epoch, JailKind, KeyTerm, Status, ValidatorParams, ValidatorRecord, ValidatorSet, ValidatorsError,
    epoch::attested_until, performance, state::ValidatorsRead,
};

/// A validator's record.
///
/// # Errors
/// When the store fails.
pub fn record<S: StateRead + ?Sized>(state: &S, operator: Address) -> Result<Option<ValidatorRecord>, StateError> {
    state.validator(operator)
}

/// Whose a consensus address is, or was.
///
/// # Errors
/// When the store fails.
pub fn operator_of<S: StateRead + ?Sized>(state: &S, address: ConsensusAddress) -> Result<Option<Address>, StateError> {
    state.operator_of(address)
}

/// The heights at which a consensus key had power; none for one that never was in CometBFT's set.
///
/// # Errors
/// When the store fails.
pub fn key_term<S: StateRead + ?Sized>(state: &S, address: ConsensusAddress) -> Result<Option<KeyTerm>, StateError> {
    state.key_term(address)
}

/// CometBFT's set of a height from the present one to two above it.
///
/// # Errors
/// When the store fails.
pub fn set_at<S: StateRead + ?Sized>(state: &S, height: Height) -> Result<Option<ValidatorSet>, StateError> {
    state.set_at(height)
}

/// Whoever is absent now.
///
/// # Errors
/// When the store fails.
pub fn down<S: StateRead + ?Sized>(state: &S) -> Result<Vec<Down>, StateError> {
    state.absent()
}

/// Operators of active validators, by country.
///
/// # Errors
/// When the store fails.
pub fn active<S: StateRead + ?Sized>(state: &S) -> Result<Vec<(Country, Address)>, StateError> {
    let mut found = Vec::new();
    for (country, operator) in state.seats()? {
        if state.validator(operator)?.is_some_and(|r| r.status == Status::Active) {
            found.push((country, operator));
        }
    }
    Ok(found)
}

/// Whether the chain is open (D32).
///
/// # Errors
/// When the store fails.
pub fn is_active<S: StateRead + ?Sized>(state: &S) -> Result<bool, StateError> {
    Ok(state.latch()?.is_some())
}

/// The present epoch, and how many active validators open the chain.
///
/// # Errors
/// When the store fails.
pub fn epoch<S: StateRead + ?Sized>(state: &S) -> Result<(Option<Epoch>, u16), StateError> {
    Ok((state.epoch()?, ValidatorParams::load(state)?.activation_threshold))
}

/// A validator with everything that delegators ask for. Amounts are wei in decimal, ages milliseconds of the age clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorView {
    /// Its operator.
    pub operator: Address,
    /// For people.
    pub moniker: String,
    /// Its jurisdiction.
    pub country: Country,
    /// Name of it.
    pub country_name: &'static str,
    /// How it stands.
    pub status: Status,
    /// Whether it holds its country's seat.
    pub seat: bool,
    /// Whether it leaves at the next boundary.
    pub leaving: bool,
    /// Milliseconds since 1970.
    pub registered_at: Timestamp,
    /// ed25519 key, hex.
    pub consensus_key: String,
    /// Its address in CometBFT.
    pub consensus_address: ConsensusAddress,
    /// Key that comes into force at the next boundary, hex.
    pub next_key: Option<String>,
    /// BLS12-381 key, hex.
    pub bls_key: String,
    /// Hundredths of a percent.
    pub commission_bps: u16,
    /// EIP-712 hash.
    pub attestation: B256,
    /// Who attested.
    pub verifier: Address,
    /// Seconds since 1970.
    pub attested_until: u64,
    /// What it was last jailed for.
    pub jail_kind: Option<JailKind>,
    /// End of that term on the age clock.
    pub jailed_until: Option<u64>,
    /// Own bound stake.
    pub own_stake: Amount,
    /// Weight of own positions, wei × years.
    pub own_weight: U256,
    /// Weight of delegated positions.
    pub delegated_weight: U256,
    /// Voting power in the newest set, of 10^18.
    pub power: u64,
    /// Commission that it may claim.
    pub owed: Amount,
    /// What it did.
    pub performance: PerformanceView,
}

/// What a validator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceView {
    /// Blocks it proposed.
    pub proposed: u64,
    /// Heights at which it signed.
    pub signed: u64,
    /// Heights at which it was absent.
    pub missed: u64,
    /// Age when it was last seen before the present absence.
    pub absent_since: Option<u64>,
}

/// What a validator did up to the height before `height`, the block whose state this is, or which is being made on it.
///
/// # Errors
/// When the store fails.
pub fn performance_of<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    height: Height,
) -> Result<PerformanceView, StateError> {
    let done = performance::of(state, operator, height)?;
    Ok(PerformanceView {
        proposed: done.proposed,
        signed: done.signed,
        missed: done.missed,
        absent_since: done.down.map(|d| d.since.0),
    })
}

/// One validator; `height` as for [`performance_of`].
///
/// # Errors
/// When there is none, or the store fails.
pub fn view<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    height: Height,
) -> Result<ValidatorView, ValidatorsError> {
    let record = state.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))?;
    let set = state.latest_set()?;
    view_of(state, operator, record, &set, height)
}

/// Up to `limit` validators with operators above `after`, ascending.
///
/// # Errors
/// When the store fails.
pub fn list<S: StateRead + ?Sized>(
    state: &S,
    after: Address,
    limit: usize,
    height: Height,
) -> Result<Vec<ValidatorView>, ValidatorsError> {
    let set = state.latest_set()?;
    let found = state.validators_after(after, limit)?;
    found.into_iter().map(|(operator, record)| view_of(state, operator, record, &set, height)).collect()
}

fn view_of<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    record: ValidatorRecord,
    set: &ValidatorSet,
    height: Height,
) -> Result<ValidatorView, ValidatorsError> {
    let weights = defchain_staking::book_weights(state, operator)?;
    let attested_until = attested_until(state, &record)?;
    Ok(ValidatorView {
        operator,
        consensus_address: record.consensus_address(),
        country: record.country,
        country_name: record.country.name(),
        status: record.status,
        seat: state.seat(record.country)? == Some(operator),
        leaving: record.leaving,
        registered_at: record.registered_at,
        consensus_key: hex::encode_prefixed(record.consensus_key),
        next_key: record.next_key.map(hex::encode_prefixed),
        bls_key: hex::encode_prefixed(record.bls_key),
        commission_bps: record.commission.0,
        attestation: record.attested.hash,
        verifier: record.attested.verifier,
        attested_until,
        jail_kind: record.jail.map(|j| j.kind),
        jailed_until: record.jail.map(|j| j.until.0),
        own_stake: defchain_staking::own_bound(state, operator)?,
        own_weight: weights.own,
        delegated_weight: weights.delegated,
        power: set.get(operator).map_or(0, |m| m.power),
        owed: state.commission_owed(operator)?,
        performance: performance_of(state, operator, height)?,
        moniker: record.moniker,
    })
}
