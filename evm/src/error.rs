use defchain_base::StateError;
use defchain_token::TokenError;
use revm::database_interface::DBErrorMarker;

use crate::validity::InvalidTx;

/// Why a transaction was not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The transaction is not valid at this place; state is as it was.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// State cannot be read or breaks an invariant: the block cannot go on.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<TokenError> for ExecError {
    fn from(e: TokenError) -> Self {
        Self::State(e.into())
    }
}

/// [`StateError`] in the dress that revm asks of a database's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub(crate) struct DbError(#[from] pub StateError);

impl DBErrorMarker for DbError {}

impl From<TokenError> for DbError {
    fn from(e: TokenError) -> Self {
        Self(e.into())
    }
}
