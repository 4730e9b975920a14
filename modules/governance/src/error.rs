use alloy_primitives::U256;
use defchain_base::{Address, Amount, AmountError, StateError, Timestamp, native::NativeError};

/// Why governance refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GovernanceError {
    /// The deposit is not the one amount.
    #[error("a proposal sends exactly {needed} wei as its deposit, {sent} wei were sent")]
    Deposit {
        /// By the parameter.
        needed: Amount,
        /// With the call.
        sent: Amount,
    },
    /// The action itself.
    #[error("the proposal is refused: {0}")]
    Action(String),
    /// The description.
    #[error("the description has {found} bytes: 1 to {max}")]
    Description {
        /// Its length.
        found: usize,
        /// Most.
        max: usize,
    },
    /// No such proposal.
    #[error("there is no proposal {id}: the newest is {newest}")]
    Unknown {
        /// Asked for.
        id: u64,
        /// 0 when there is none.
        newest: u64,
    },
    /// The vote is over.
    #[error("the vote on proposal {id} ended at {} ms, it is {} ms", .end.0, .now.0)]
    Ended {
        /// Which.
        id: u64,
        /// Its end.
        end: Timestamp,
        /// Consensus time.
        now: Timestamp,
    },
    /// A choice that there is not.
    #[error("{0} is no choice: 1 yes, 2 no, 3 abstain, 4 veto")]
    Choice(u8),
    /// Nothing to vote with.
    #[error(
        "{voter} has no PoD weight in positions opened before proposal {id} did, at {} ms: only they vote",
        .start.0
    )]
    NoWeight {
        /// Who.
        voter: Address,
        /// On what.
        id: u64,
        /// When the vote started.
        start: Timestamp,
    },
    /// The same vote again.
    #[error("{voter} has voted {choice} on proposal {id} with a weight of {weight} already")]
    Same {
        /// Who.
        voter: Address,
        /// On what.
        id: u64,
        /// How.
        choice: &'static str,
        /// With how much.
        weight: U256,
    },
    /// Not one of the nine.
    #[error("{0} is no signer of the treasury")]
    NotSigner(Address),
    /// Approving what needs no approval.
    #[error(
        "proposal {id} is {status} and asks for {action}: signers approve spendings of the treasury that are pending"
    )]
    NothingToSign {
        /// Which.
        id: u64,
        /// Where it stands.
        status: &'static str,
        /// What it asks for.
        action: &'static str,
    },
    /// Approved twice, or taken back without having been given.
    #[error("{signer} has {} proposal {id}", if *.approved { "already approved" } else { "not approved" })]
    Approval {
        /// Who.
        signer: Address,
        /// What.
        id: u64,
        /// What stands.
        approved: bool,
    },
    /// Weights beyond 256 bits: more than there can be.
    #[error("the sum of weights leaves 256 bits")]
    TallyOverflow,
    /// Staking's.
    #[error(transparent)]
    Staking(#[from] defchain_staking::StakingError),
    /// State.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<AmountError> for GovernanceError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<GovernanceError> for NativeError {
    fn from(e: GovernanceError) -> Self {
        match e {
            GovernanceError::State(e) => Self::State(e),
            GovernanceError::Staking(e) => e.into(),
            other => Self::revert(other.to_string()),
        }
    }
}

/// Nothing is refused at a block's end: what is left of errors there is a failing store, or records that contradict each other.
impl From<GovernanceError> for StateError {
    fn from(e: GovernanceError) -> Self {
        match e {
            GovernanceError::State(e) => e,
            other => Self::Invariant(format!("governance: {other}")),
        }
    }
}
