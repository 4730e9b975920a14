use defchain_base::{
    Address, AgeMillis, Amount, AmountError, CodecError, Month, StateError, U256, native::NativeError,
};

use crate::PositionId;

/// Why something was not done with a stake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StakingError {
    /// Reading or writing state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Less than the least stake.
    #[error("{amount} wei is too little to stake: at least {min} wei")]
    TooLittle {
        /// What was sent, or is unlocked.
        amount: Amount,
        /// Parameter `min_stake`.
        min: Amount,
    },
    /// No term of that length.
    #[error("a term of {years} years does not exist: 1 to 12")]
    Term {
        /// What was asked for.
        years: u64,
    },
    /// A number of years that does not even fit 64 bits.
    #[error("a term of {0} years does not exist: 1 to 12")]
    HugeTerm(U256),
    /// The account has as many positions as it may.
    #[error(
        "{owner} has {open} open positions, {more} more would pass the limit of {max}: withdraw or close some first"
    )]
    TooMany {
        /// Whose.
        owner: Address,
        /// How many it has.
        open: u32,
        /// How many this would add.
        more: u32,
        /// Parameter `max_positions`.
        max: u32,
    },
    /// No such position.
    #[error("{owner} has no open position {id}")]
    NoPosition {
        /// Whose.
        owner: Address,
        /// Which.
        id: u64,
    },
    /// An id above all that are ever given out.
    #[error("{owner} has no open position {id}")]
    HugeId {
        /// Whose.
        owner: Address,
        /// Which.
        id: U256,
    },
    /// The term is over.
    #[error("position {id} ended on day {end_day}, today is day {today}: unlock or restake it")]
    Ended {
        /// Which.
        id: PositionId,
        /// First day after its term.
        end_day: u32,
        /// Staking's present day.
        today: u32,
    },
    /// The term is not over.
    #[error("position {id} runs until day {end_day}, today is day {today}: nothing of it unlocks before")]
    Running {
        /// Which.
        id: PositionId,
        /// First day after its term.
        end_day: u32,
        /// Staking's present day.
        today: u32,
    },
    /// An extension that extends nothing.
    #[error("position {id} has a term of {years} years: {wanted} years is not longer")]
    NotLonger {
        /// Which.
        id: PositionId,
        /// Its term.
        years: u8,
        /// What was asked for.
        wanted: u64,
    },
    /// A monthly withdrawal in the month of staking (D23).
    #[error("position {id} was staked in month {month}: its first monthly withdrawal is in the month after")]
    FirstMonth {
        /// Which.
        id: PositionId,
        /// The month, which is the present one.
        month: u32,
    },
    /// More than the month's allowance (D23).
    #[error("{wanted} wei is more than month {month} allows of position {id}: {left} wei of {allowance} wei are left")]
    OverAllowance {
        /// Which.
        id: PositionId,
        /// What was asked for.
        wanted: Amount,
        /// What is left this month.
        left: Amount,
        /// A month's allowance.
        allowance: Amount,
        /// The month.
        month: u32,
    },
    /// The month's allowance was withdrawn already (D23).
    #[error(
        "month {month} allows {allowance} wei of position {id}, and all of it was withdrawn: the next month allows more"
    )]
    AllowanceSpent {
        /// Which.
        id: PositionId,
        /// A month's allowance.
        allowance: Amount,
        /// The month.
        month: u32,
    },
    /// Nothing unlocked since it was last taken (D24).
    #[error(
        "position {id} has {locked} wei locked and nothing unlocked to take on day {today}: more unlocks each day, the last on day {until}"
    )]
    NothingUnlocked {
        /// Which.
        id: PositionId,
        /// What is still locked.
        locked: Amount,
        /// Staking's present day.
        today: u32,
        /// Day of the last unlocking.
        until: u32,
    },
    /// Nothing is there to be taken.
    #[error("nothing to {what} of position {id}")]
    Nothing {
        /// Which.
        id: PositionId,
        /// What was tried.
        what: &'static str,
    },
    /// A validator's own stake would fall below the minimum (D23).
    #[error(
        "the own stake of validator {operator} would fall to {left} wei, below the minimum of {min} wei: leave the validator set first"
    )]
    OwnMinimum {
        /// Who.
        operator: Address,
        /// What would be left bound.
        left: Amount,
        /// The least it may be.
        min: Amount,
    },
    /// A position of an operator stays bound to it (D31).
    #[error("position {id} is own stake of validator {operator}: it unbinds when the validator leaves")]
    OwnStake {
        /// Which.
        id: PositionId,
        /// Who.
        operator: Address,
    },
    /// The position is bound already.
    #[error("position {id} is bound to validator {operator}: unbind it first")]
    Bound {
        /// Which.
        id: PositionId,
        /// To whom.
        operator: Address,
    },
    /// The position is bound to nobody.
    #[error("position {id} is bound to no validator")]
    NotBound {
        /// Which.
        id: PositionId,
    },
    /// The position unbinds already.
    #[error("position {id} unbinds from validator {operator} until {} ms of the age clock, {} ms from now", until.0, until.0.saturating_sub(now.0))]
    Unbinding {
        /// Which.
        id: PositionId,
        /// From whom.
        operator: Address,
        /// When it is free.
        until: AgeMillis,
        /// The age clock.
        now: AgeMillis,
    },
    /// A position that still holds something cannot be closed.
    #[error("position {id} holds {amount} wei and {claimable} wei of unclaimed income or dividends of month {}: it cannot be closed", month.0)]
    NotEmpty {
        /// Which.
        id: PositionId,
        /// Stake.
        amount: Amount,
        /// Unclaimed income.
        claimable: Amount,
        /// The month whose dividends it may still claim.
        month: Month,
    },
    /// Not an address that positions can be bound to, or that can own one.
    #[error("{0} is an address of the protocol")]
    Reserved(Address),
    /// A fraction above one, or of nothing.
    #[error("{num}/{den} is no fraction of a stake")]
    Fraction {
        /// Numerator.
        num: u128,
        /// Denominator.
        den: u128,
    },
    /// The validator module asked for a share above the whole.
    #[error("a commission of {0} hundredths of a percent is above the whole")]
    Commission(u16),
    /// The genesis section is wrong.
    #[error("genesis: {0}")]
    Genesis(String),
    /// A record that breaks a rule of this module: a mistake in it.
    #[error("staking invariant: {0}")]
    Invariant(String),
}

impl From<AmountError> for StakingError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<StakingError> for StateError {
    fn from(e: StakingError) -> Self {
        match e {
            StakingError::State(e) => e,
            other => Self::Invariant(other.to_string()),
        }
    }
}

/// In a call, arithmetic that fails and even a broken rule of this module undo the frame: a mistake must not stop the chain.
impl From<StakingError> for NativeError {
    fn from(e: StakingError) -> Self {
        match e {
            StakingError::State(StateError::Amount(e)) => Self::revert(e.to_string()),
            StakingError::State(e) => Self::State(e),
            other => Self::revert(other.to_string()),
        }
    }
}

pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> CodecError {
    CodecError::Invalid { what, why: why.into() }
}
