use defchain_base::{Amount, AmountError, Month, StateError, native::NativeError};
use defchain_staking::{PositionId, StakingError};

/// Why a dividend was not paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DividendError {
    /// Reading or writing state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The position.
    #[error(transparent)]
    Staking(StakingError),
    /// No month began yet.
    #[error("no month has begun on this chain yet")]
    NoMonth,
    /// Opened after the month's snapshot (YP 4.2.3).
    #[error("position {id} was not there when month {} began: its first dividend is next month's", month.0)]
    NotInSnapshot {
        /// Which.
        id: PositionId,
        /// The month.
        month: Month,
    },
    /// Not old enough (D26, YP 11.1.4).
    #[error("position {id} is {age} s old: dividends can be claimed from {least} s on, {} s from now", least.saturating_sub(*age))]
    TooYoung {
        /// Which.
        id: PositionId,
        /// Seconds since it was staked.
        age: u64,
        /// Seconds of parameter `dividend_min_days`.
        least: u64,
    },
    /// Taken already.
    #[error("the dividend of month {} of position {id} was taken: {amount} wei", month.0)]
    Claimed {
        /// Which.
        id: PositionId,
        /// The month.
        month: Month,
        /// What was paid.
        amount: Amount,
    },
    /// Its share of the pool is below one wei.
    #[error("month {} pays position {id} nothing: {pool} wei are shared by a beta of {beta}, its part is {weight}", month.0)]
    Nothing {
        /// Which.
        id: PositionId,
        /// The month.
        month: Month,
        /// The pool as of the snapshot.
        pool: Amount,
        /// Beta as of the snapshot.
        beta: defchain_base::U256,
        /// Amount × multiplier as of the snapshot.
        weight: defchain_base::U256,
    },
    /// None of an owner's positions has a dividend to claim.
    #[error("none of the {positions} open positions has a dividend of month {} to claim now", month.0)]
    NothingAtAll {
        /// How many the owner has.
        positions: usize,
        /// The month.
        month: Month,
    },
    /// A record that breaks a rule of this module: a mistake in it.
    #[error("dividends invariant: {0}")]
    Invariant(String),
}

impl From<StakingError> for DividendError {
    fn from(e: StakingError) -> Self {
        match e {
            StakingError::State(e) => Self::State(e),
            StakingError::Invariant(why) => Self::Invariant(why),
            other => Self::Staking(other),
        }
    }
}

impl From<AmountError> for DividendError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<DividendError> for StateError {
    fn from(e: DividendError) -> Self {
        match e {
            DividendError::State(e) => e,
            other => Self::Invariant(other.to_string()),
        }
    }
}

/// In a call, arithmetic that fails and even a broken rule of this module undo the frame: a mistake must not stop the chain.
impl From<DividendError> for NativeError {
    fn from(e: DividendError) -> Self {
        match e {
            DividendError::State(StateError::Amount(e)) => Self::revert(e.to_string()),
            DividendError::State(e) => Self::State(e),
            other => Self::revert(other.to_string()),
        }
    }
}
