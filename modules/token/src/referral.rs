//! D18: who referred whom.

use defchain_base::{Address, StateError, native::Host, system};

use crate::{
    TokenError, events,
    state::{TokenRead, TokenWrite},
};

/// Why a referrer was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferralError {
    /// Once for ever.
    #[error("{account} has a referrer already: {referrer}; it is named once and for ever (D18)")]
    Taken {
        /// Who asks.
        account: Address,
        /// Whom it has.
        referrer: Address,
    },
    /// Oneself.
    #[error("{0} cannot refer itself")]
    Oneself(Address),
    /// Nobody.
    #[error("the zero address cannot be a referrer")]
    Zero,
    /// An address of the protocol.
    #[error("{0} is a system address and cannot be a referrer")]
    System(Address),
    /// An address that does not decay.
    #[error("{0} does not decay and cannot be a referrer (D16, D18)")]
    Exempt(Address),
    /// Each other.
    #[error("{referrer} was referred by {account}: two accounts cannot refer each other")]
    Cycle {
        /// Who asks.
        account: Address,
        /// Whose referrer it is.
        referrer: Address,
    },
}

/// Names `account`'s referrer.
///
/// # Errors
/// [`ReferralError`] with the reason; when the store fails.
pub fn set_referrer<H: Host + ?Sized>(host: &mut H, account: Address, referrer: Address) -> Result<(), TokenError> {
    if referrer == account {
        return Err(ReferralError::Oneself(account).into());
    }
    if referrer.is_zero() {
        return Err(ReferralError::Zero.into());
    }
    if system::is_reserved(&referrer) {
        return Err(ReferralError::System(referrer).into());
    }
    // An account on the way to being made, a contract in its init code, has no record yet.
    let mut record = host.account(&account)?.unwrap_or_default();
    if let Some(referrer) = record.referrer {
        return Err(ReferralError::Taken { account, referrer }.into());
    }
    if let Some(theirs) = host.account(&referrer)? {
        if theirs.no_decay {
            return Err(ReferralError::Exempt(referrer).into());
        }
        if theirs.referrer == Some(account) {
            return Err(ReferralError::Cycle { account, referrer }.into());
        }
    }
    record.referrer = Some(referrer);
    host.put_account(&account, &record)?;
    Ok(host.emit(events::referrer_set(account, referrer))?)
}

/// Who referred `account`.
///
/// # Errors
/// When the store fails.
pub fn referrer_of<S: TokenRead + ?Sized>(state: &S, account: &Address) -> Result<Option<Address>, StateError> {
    Ok(state.account(account)?.and_then(|record| record.referrer))
}
