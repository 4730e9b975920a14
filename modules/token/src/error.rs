use defchain_base::{Address, Amount, AmountError, CodecError, StateError};

use crate::ReferralError;

/// What can go wrong with native money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Reading or writing state.
    #[error(transparent)]
    State(#[from] StateError),
    /// More was to be taken than the account can spend now.
    #[error("insufficient funds: {address} can spend {have} wei, {want} wei wanted")]
    Insufficient {
        /// Payer.
        address: Address,
        /// Effective balance.
        have: Amount,
        /// Amount of the movement.
        want: Amount,
    },
    /// A referrer was refused (D18).
    #[error(transparent)]
    Referral(#[from] ReferralError),
    /// An address that cannot be on the list of those who do not decay.
    #[error(
        "{0} cannot be on the list of those who do not decay: system addresses and the zero address never are (D16)"
    )]
    NotListable(Address),
    /// Parameters outside their bounds.
    #[error("token parameters: {0}")]
    Params(String),
    /// A record that breaks a rule of this module.
    #[error("token invariant: {0}")]
    Invariant(String),
}

impl From<AmountError> for TokenError {
    fn from(e: AmountError) -> Self {
        Self::State(e.into())
    }
}

impl From<TokenError> for StateError {
    fn from(e: TokenError) -> Self {
        match e {
            TokenError::State(e) => e,
            other => Self::Invariant(other.to_string()),
        }
    }
}

pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> CodecError {
    CodecError::Invalid { what, why: why.into() }
}
