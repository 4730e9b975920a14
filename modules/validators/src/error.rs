use defchain_base::{Address, AgeMillis, Amount, AmountError, CodecError, StateError, native::NativeError};
use defchain_geo::{Country, GeoError};
use defchain_staking::StakingError;

use crate::Status;

/// Why the validator module refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorsError {
    /// Reading or writing state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Country or attestation.
    #[error(transparent)]
    Geo(GeoError),
    /// Stakes and positions.
    #[error(transparent)]
    Staking(StakingError),
    /// A consensus key or its proof.
    #[error("consensus key {key}: {why}")]
    ConsensusKey {
        /// The key, in hex.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A BLS key or its proof.
    #[error("BLS key {key}: {why}")]
    BlsKey {
        /// The key, in hex.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A key registers once, for one operator, for ever: the old one stays slashable (D31).
    #[error("{kind} key {key} was registered by operator {owner} already: make a new one")]
    KeyUsed {
        /// Which kind.
        kind: &'static str,
        /// The key, in hex.
        key: String,
        /// Who had it first.
        owner: Address,
    },
    /// A name.
    #[error("a moniker has 1 to {limit} bytes and no control characters; this has {found} bytes")]
    Moniker {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// No such validator.
    #[error("{0} is no validator's operator")]
    NotFound(Address),
    /// It is one already.
    #[error("operator {operator} is registered for {country} and {status}")]
    Registered {
        /// Who.
        operator: Address,
        /// Where.
        country: Country,
        /// How it stands.
        status: Status,
    },
    /// The attestation is for a different operator.
    #[error("the attestation is for {attested}, not for {operator} who sent it")]
    OtherValidator {
        /// In the attestation.
        attested: Address,
        /// Who sent it.
        operator: Address,
    },
    /// A renewed attestation names another country.
    #[error(
        "operator {operator} stands for {registered}, the attestation says {attested}: leave and register anew to move"
    )]
    OtherCountry {
        /// Who.
        operator: Address,
        /// As registered.
        registered: Country,
        /// As attested.
        attested: Country,
    },
    /// Too little own stake (D31).
    #[error(
        "operator {operator} has {own} wei of own stake in positions of the needed term, the minimum is {minimum} wei: stake \
         {} wei more for 4 years or longer", minimum.wei().saturating_sub(own.wei())
    )]
    OwnStake {
        /// Who.
        operator: Address,
        /// Bound.
        own: Amount,
        /// Parameter `min_stake`.
        minimum: Amount,
    },
    /// Out of range (D31).
    #[error("a commission of {found} bps is not in the range of {least} to {most} bps")]
    Commission {
        /// Asked for.
        found: u64,
        /// Parameter `min_commission`.
        least: u16,
        /// Parameter `max_commission`.
        most: u16,
    },
    /// Too far at once (D31).
    #[error("the commission is {now} bps and may move by {step} bps a day: {asked} bps is too far")]
    CommissionStep {
        /// As it is.
        now: u16,
        /// Asked for.
        asked: u16,
        /// Parameter `commission_step`.
        step: u16,
    },
    /// Too soon (D31).
    #[error("the commission changed {since} s ago and may change once in {day} s: wait {} s", day.saturating_sub(*since))]
    CommissionSoon {
        /// Seconds since the last change.
        since: u64,
        /// Seconds of a day.
        day: u64,
    },
    /// Not open to delegations (D36).
    #[error("validator {operator} is {status}{}: only an active one takes delegations", if *leaving { " and leaving" } else { "" })]
    NotActive {
        /// Who.
        operator: Address,
        /// How it stands.
        status: Status,
        /// Whether it leaves at the next boundary.
        leaving: bool,
    },
    /// The term of jail is not over (D34).
    #[error("operator {operator} is in jail until {} ms of the age clock, {} ms from now", until.0, until.0.saturating_sub(now.0))]
    StillJailed {
        /// Who.
        operator: Address,
        /// When it ends.
        until: AgeMillis,
        /// The age clock.
        now: AgeMillis,
    },
    /// There is nothing to unjail.
    #[error("operator {operator} is {status}, not in jail and not without a seat")]
    NotJailed {
        /// Who.
        operator: Address,
        /// How it stands.
        status: Status,
    },
    /// The attestation has expired, or its verifier was removed more than the grace ago.
    #[error(
        "the attestation of {operator} held until {until}, it is {now} (seconds since 1970): send a new one with attest"
    )]
    AttestationOver {
        /// Who.
        operator: Address,
        /// Its end.
        until: u64,
        /// Consensus time.
        now: u64,
    },
    /// For ever.
    #[error("operator {0} is tombstoned: it can never validate again, with this address")]
    Tombstoned(Address),
    /// Gone, or going.
    #[error("operator {operator} {}", if *leaving { "leaves at the next epoch boundary already" } else { "has left already" })]
    Left {
        /// Who.
        operator: Address,
        /// Whether it still waits for the boundary.
        leaving: bool,
    },
    /// No commission to pay out.
    #[error("no commission is owed to {0}")]
    NothingOwed(Address),
    /// A number that is no position's.
    #[error("{0} is no number of a position")]
    NoPosition(String),
    /// The genesis section is wrong.
    #[error("genesis: {0}")]
    Genesis(String),
    /// A record that breaks a rule of this module: a mistake in it.
    #[error("validators invariant: {0}")]
    Invariant(String),
}

impl From<AmountError> for ValidatorsError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<GeoError> for ValidatorsError {
    fn from(e: GeoError) -> Self {
        match e {
            GeoError::State(e) => Self::State(e),
            other => Self::Geo(other),
        }
    }
}

impl From<StakingError> for ValidatorsError {
    fn from(e: StakingError) -> Self {
        match e {
            StakingError::State(e) => Self::State(e),
            other => Self::Staking(other),
        }
    }
}

impl From<ValidatorsError> for StateError {
    fn from(e: ValidatorsError) -> Self {
        match e {
            ValidatorsError::State(e) => e,
            ValidatorsError::Staking(e) => e.into(),
            other => Self::Invariant(other.to_string()),
        }
    }
}

impl From<ValidatorsError> for NativeError {
    fn from(e: ValidatorsError) -> Self {
        match e {
            ValidatorsError::State(e) => Self::State(e),
            ValidatorsError::Staking(e) => e.into(),
            broken @ ValidatorsError::Invariant(_) => Self::State(broken.into()),
            other => Self::revert(other.to_string()),
        }
    }
}

pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> CodecError {
    CodecError::Invalid { what, why: why.into() }
}
