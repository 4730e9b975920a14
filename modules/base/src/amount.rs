use core::{fmt, num::NonZeroU128};

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::error::AmountError;

/// Native money in base units ("wei", 1 DEF = 10^18), at most 2^128 - 1 (D2).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(#[serde(with = "decimal")] u128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The greatest amount there is.
    pub const MAX: Self = Self(u128::MAX);
    /// One DEF.
    pub const ONE_DEF: Self = Self(1_000_000_000_000_000_000);

    /// An amount of `wei` base units.
    #[must_use]
    pub const fn from_wei(wei: u128) -> Self {
        Self(wei)
    }

    /// `def` whole DEF. A `u64` of DEF always fits 128 bits of wei.
    #[must_use]
    pub const fn from_def(def: u64) -> Self {
        // u64::MAX * 10^18 < 2^124, so the multiplication cannot wrap.
        Self((def as u128).wrapping_mul(Self::ONE_DEF.0))
    }

    /// Base units.
    #[must_use]
    pub const fn wei(self) -> u128 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// As the EVM's word.
    #[must_use]
    pub fn to_u256(self) -> U256 {
        U256::from(self.0)
    }

    /// Sum.
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei.
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).map(Self).ok_or(AmountError::Overflow(self.0, other.0))
    }

    /// Difference.
    ///
    /// # Errors
    /// When `other` is the greater.
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_sub(other.0).map(Self).ok_or(AmountError::Underflow(self.0, other.0))
    }

    /// Difference, or nothing when `other` is the greater.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * num / den`, rounded down, with a 256-bit product.
    ///
    /// # Errors
    /// When `den` is zero or the result exceeds 2^128 - 1 wei.
    pub fn mul_div_floor(self, num: u128, den: u128) -> Result<Self, AmountError> {
        // Nearly every product fits 128 bits, where division is several times cheaper.
        if let (Some(product), Some(divisor)) = (self.0.checked_mul(num), NonZeroU128::new(den)) {
            return Ok(Self(product / divisor));
        }
        let (quotient, _) = self.mul_div(num, den)?;
        Self::try_from(quotient)
    }

    /// `self * num / den`, rounded up, with a 256-bit product.
    ///
    /// # Errors
    /// When `den` is zero or the result exceeds 2^128 - 1 wei.
    pub fn mul_div_ceil(self, num: u128, den: u128) -> Result<Self, AmountError> {
        if let (Some(product), Some(divisor)) = (self.0.checked_mul(num), NonZeroU128::new(den)) {
            return Ok(Self(product.div_ceil(divisor.get())));
        }
        let (quotient, remainder) = self.mul_div(num, den)?;
        let up = if remainder.is_zero() { U256::ZERO } else { U256::ONE };
        Self::try_from(quotient.saturating_add(up))
    }

    fn mul_div(self, num: u128, den: u128) -> Result<(U256, U256), AmountError> {
        if den == 0 {
            return Err(AmountError::DivisionByZero(self.0));
        }
        // Two 128-bit factors: the product always fits 256 bits.
        let product = U256::from(self.0).wrapping_mul(U256::from(num));
        Ok(product.div_rem(U256::from(den)))
    }
}

impl TryFrom<U256> for Amount {
    type Error = AmountError;

    fn try_from(value: U256) -> Result<Self, AmountError> {
        u128::try_from(value).map(Self).map_err(|_| AmountError::TooLarge(value))
    }
}

impl From<Amount> for U256 {
    fn from(value: Amount) -> Self {
        value.to_u256()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wei", self.0)
    }
}

/// Amounts stand in JSON as decimal strings: JavaScript numbers lose wei.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a decimal amount of wei below 2^128")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn shares_round_as_their_names_say() {
        let ten = Amount::from_wei(10);
        assert_eq!(ten.mul_div_floor(1, 3).unwrap().wei(), 3);
        assert_eq!(ten.mul_div_ceil(1, 3).unwrap().wei(), 4);
        assert_eq!(ten.mul_div_ceil(1, 5).unwrap().wei(), 2);
    }

    #[test]
    fn a_product_above_128_bits_survives_when_its_quotient_fits() {
        assert_eq!(Amount::MAX.mul_div_floor(u128::MAX, u128::MAX).unwrap(), Amount::MAX);
        assert!(Amount::MAX.mul_div_floor(2, 1).is_err());
        assert!(Amount::ONE_DEF.mul_div_floor(1, 0).is_err());
    }

    #[test]
    fn sums_and_differences_never_wrap() {
        assert!(Amount::MAX.checked_add(Amount::from_wei(1)).is_err());
        assert!(Amount::ZERO.checked_sub(Amount::from_wei(1)).is_err());
        assert_eq!(Amount::from_def(u64::MAX).wei(), u128::from(u64::MAX) * 10u128.pow(18));
    }

    #[test]
    fn json_is_a_decimal_string() {
        let json = serde_json::to_string(&Amount::from_def(1)).unwrap();
        assert_eq!(json, "\"1000000000000000000\"");
        assert!(serde_json::from_str::<Amount>("\"-1\"").is_err());
        assert!(serde_json::from_str::<Amount>("\"340282366920938463463374607431768211456\"").is_err());
    }
}
