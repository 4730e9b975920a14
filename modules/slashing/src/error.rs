use defchain_base::{Address, AmountError, ConsensusAddress, Height, StateError, native::NativeError};

use crate::Kind;

/// Why a fault was not punished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlashingError {
    /// Bytes that are no vote.
    #[error("vote {which} is no vote of CometBFT: {why}")]
    Vote {
        /// A or B.
        which: char,
        /// What is wrong.
        why: String,
    },
    /// Votes that one may cast both.
    #[error("the votes do not conflict: {0}")]
    NoConflict(String),
    /// A vote of somebody else, or of another key than the one given.
    #[error("vote {which} is by {found}, the key given is that of {expected}")]
    OtherKey {
        /// A or B.
        which: char,
        /// Who the vote says it is by.
        found: String,
        /// The key's address.
        expected: ConsensusAddress,
    },
    /// Signed by another key, over other content, or for another chain.
    #[error("vote {which} is not signed by {address} for chain {chain_id}")]
    Signature {
        /// A or B.
        which: char,
        /// Whose signature it should be.
        address: ConsensusAddress,
        /// For which chain.
        chain_id: String,
    },
    /// Nobody's key.
    #[error("{0} is and was no validator's consensus key on this chain")]
    UnknownKey(ConsensusAddress),
    /// A vote that nobody counts.
    #[error("{consensus} had no power at height {height}: it was in the set {term}")]
    NoPower {
        /// Whose votes.
        consensus: ConsensusAddress,
        /// Of the fault.
        height: Height,
        /// When it had.
        term: String,
    },
    /// Nobody's operator.
    #[error("{0} operates no validator")]
    UnknownValidator(Address),
    /// The stake behind it may have left already.
    #[error(
        "the fault is at height {height}, too long ago: what is younger than unbinding takes begins at height {first}"
    )]
    TooOld {
        /// Of the fault.
        height: Height,
        /// First height that is not too old.
        first: Height,
    },
    /// Votes of blocks to come.
    #[error("the fault is at height {height}, this is block {now}")]
    Ahead {
        /// Of the fault.
        height: Height,
        /// The block in work.
        now: Height,
    },
    /// One fault, one penalty (D34).
    #[error(
        "{operator} was punished for it with evidence {evidence}: faults of {} up to height {covered}, and while the jail for \
         it lasts, are one",
        .kind.name()
    )]
    Punished {
        /// Who.
        operator: Address,
        /// What for.
        kind: Kind,
        /// Where it stands.
        evidence: u64,
        /// Up to which height.
        covered: Height,
    },
    /// No such evidence.
    #[error("there is no evidence {id}: the newest is {newest}")]
    NoEvidence {
        /// Asked for.
        id: u64,
        /// 0 when there is none.
        newest: u64,
    },
    /// A kind that there is not.
    #[error("{0} is no kind of fault: 0 to 4")]
    NoKind(u8),
    /// Staking's.
    #[error(transparent)]
    Staking(#[from] defchain_staking::StakingError),
    /// The validators module's.
    #[error(transparent)]
    Validators(#[from] defchain_validators::ValidatorsError),
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<AmountError> for SlashingError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<SlashingError> for NativeError {
    fn from(e: SlashingError) -> Self {
        match e {
            SlashingError::State(e) => Self::State(e),
            SlashingError::Staking(e) => e.into(),
            SlashingError::Validators(e) => e.into(),
            other => Self::revert(other.to_string()),
        }
    }
}

impl From<SlashingError> for StateError {
    fn from(e: SlashingError) -> Self {
        match e {
            SlashingError::State(e) => e,
            SlashingError::Staking(e) => e.into(),
            SlashingError::Validators(e) => e.into(),
            other => Self::Invariant(format!("slashing: {other}")),
        }
    }
}

impl SlashingError {
    /// Splits a refusal, in words, from a failure: of what consensus reports, much is no new fault.
    pub(crate) fn refusal(self) -> Result<String, StateError> {
        match self {
            Self::State(_) | Self::Staking(_) | Self::Validators(_) => Err(self.into()),
            refused => Ok(refused.to_string()),
        }
    }
}
