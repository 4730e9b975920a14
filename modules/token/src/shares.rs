use defchain_base::{Amount, AmountError, StateWrite, system::Pool};

use crate::{TokenError, portion::Settled, state::TokenWrite};

/// What left accounts for pools, and what burned: by commissions (D17) and by decay (D12).
///
/// A block sums it over its transactions and credits it once, at its end: so a pool never moves under a running
/// transaction, and the supply is written once a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// For the dividend pool.
    pub dividend: Amount,
    /// For the technical pool.
    pub technical: Amount,
    /// For the marketing pool.
    pub marketing: Amount,
    /// For nobody.
    pub burned: Amount,
}

impl Shares {
    /// Something that only burns.
    #[must_use]
    pub const fn burning(burned: Amount) -> Self {
        Self { dividend: Amount::ZERO, technical: Amount::ZERO, marketing: Amount::ZERO, burned }
    }

    /// Both sums.
    ///
    /// # Errors
    /// When a sum exceeds 2^128 - 1 wei.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        Ok(Self {
            dividend: self.dividend.checked_add(other.dividend)?,
            technical: self.technical.checked_add(other.technical)?,
            marketing: self.marketing.checked_add(other.marketing)?,
            burned: self.burned.checked_add(other.burned)?,
        })
    }

    /// All together.
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei.
    pub fn total(&self) -> Result<Amount, AmountError> {
        self.dividend.checked_add(self.technical)?.checked_add(self.marketing)?.checked_add(self.burned)
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.dividend.is_zero() && self.technical.is_zero() && self.marketing.is_zero() && self.burned.is_zero()
    }

    /// Credits the pools and takes what burned off the supply.
    ///
    /// # Errors
    /// When the store fails, or more burned than there is.
    pub fn credit<S: StateWrite + ?Sized>(&self, state: &mut S) -> Result<(), TokenError> {
        state.credit_pool(Pool::Dividend, self.dividend)?;
        state.credit_pool(Pool::Technical, self.technical)?;
        state.credit_pool(Pool::Marketing, self.marketing)?;
        Ok(state.burn(self.burned)?)
    }
}

impl From<Settled> for Shares {
    fn from(taken: Settled) -> Self {
        Self { dividend: taken.dividend, burned: taken.burned, ..Self::default() }
    }
}
