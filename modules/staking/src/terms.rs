//! Sums by term, and sums over what unlocks.

use defchain_base::{CodecError, Decode, Encode, Reader, U256};

use crate::{
    StakingError,
    error::invalid,
    math::{add, mul, put_uint, sub, take_uint},
};

/// The longest term in years (D22).
pub const MAX_YEARS: u8 = 12;
/// Most classes of unlocking a record may have: twelve for each length of unlocking that governance ever set within one
/// period of unlocking, far above what its pace allows.
const MAX_CLASSES: usize = 4_096;

/// One number for each term of 1 to 12 years.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms([U256; 12]);

impl Terms {
    /// The number of a term; zero for a term that does not exist.
    #[must_use]
    pub fn of(&self, years: u8) -> U256 {
        slot(years).and_then(|i| self.0.get(i)).copied().unwrap_or_default()
    }

    /// Whether all are zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|v| v.is_zero())
    }

    /// Each term with its number, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (u8, U256)> + '_ {
        (1..=MAX_YEARS).zip(self.0.iter().copied())
    }

    pub(crate) fn add(&mut self, years: u8, value: U256) -> Result<(), StakingError> {
        self.change(years, |old| add(old, value))
    }

    pub(crate) fn sub(&mut self, years: u8, value: U256) -> Result<(), StakingError> {
        self.change(years, |old| sub(old, value))
    }

    fn change(&mut self, years: u8, with: impl FnOnce(U256) -> Result<U256, StakingError>) -> Result<(), StakingError> {
        let found = slot(years).and_then(|i| self.0.get_mut(i));
        let value = found.ok_or(StakingError::Term { years: u64::from(years) })?;
        *value = with(*value)?;
        Ok(())
    }

    pub(crate) fn add_all(&mut self, other: &Self) -> Result<(), StakingError> {
        other.iter().filter(|(_, v)| !v.is_zero()).try_for_each(|(years, value)| self.add(years, value))
    }

    pub(crate) fn sub_all(&mut self, other: &Self) -> Result<(), StakingError> {
        other.iter().filter(|(_, v)| !v.is_zero()).try_for_each(|(years, value)| self.sub(years, value))
    }

    pub(crate) fn total(&self) -> Result<U256, StakingError> {
        self.0.iter().try_fold(U256::ZERO, |sum, v| add(sum, *v))
    }

    /// Σ number × factor of its term.
    pub(crate) fn weighted(&self, factor: impl Fn(u8) -> u32) -> Result<U256, StakingError> {
        self.iter()
            .filter(|(_, v)| !v.is_zero())
            .try_fold(U256::ZERO, |sum, (years, value)| add(sum, mul(value, U256::from(factor(years)))?))
    }

    pub(crate) fn map(&self, with: impl Fn(U256) -> Result<U256, StakingError>) -> Result<Self, StakingError> {
        let mut out = Self::default();
        for (years, value) in self.iter().filter(|(_, v)| !v.is_zero()) {
            out.add(years, with(value)?)?;
        }
        Ok(out)
    }
}

fn slot(years: u8) -> Option<usize> {
    (1..=MAX_YEARS).contains(&years).then(|| usize::from(years.saturating_sub(1)))
}

/// A bit for each term that has a number, then those numbers.
impl Encode for Terms {
    fn encode(&self, out: &mut Vec<u8>) {
        let present = self.iter().filter(|(_, v)| !v.is_zero());
        let bits =
            present.fold(0_u16, |bits, (years, _)| bits | 1_u16.wrapping_shl(u32::from(years.saturating_sub(1))));
        out.extend(bits.to_be_bytes());
        for (_, value) in self.iter().filter(|(_, v)| !v.is_zero()) {
            put_uint(out, value);
        }
    }
}

impl Decode for Terms {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "sums by term";
        let bits = input.u16(WHAT)?;
        if bits >= 1 << MAX_YEARS {
            return Err(invalid(WHAT, format!("bits {bits:#06x} name a term above {MAX_YEARS} years")));
        }
        let mut terms = Self::default();
        for (bit, value) in terms.0.iter_mut().enumerate() {
            if bits.checked_shr(u32::try_from(bit).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1 {
                *value = take_uint(input, WHAT)?;
                if value.is_zero() {
                    return Err(CodecError::NotCanonical(WHAT));
                }
            }
        }
        Ok(terms)
    }
}

/// What unlocks over the same number of days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Class {
    /// Days from the end of the term to the last unlocking.
    pub days: u32,
    /// Σ units at the end of their terms.
    pub units: U256,
    /// Σ units × day of their last unlocking.
    pub by_day: U256,
}

/// Unlocking sums, by days, ascending; none is zero.
///
/// On day `n` a position that ended with `u` units and unlocks until day `z` over `d` days has `u × (z − n) / d` locked.
/// Summed over a class that is `(by_day − n × units) / d`: the same work for one position or a million (D24, D26).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes(Vec<Class>);

impl Classes {
    /// The classes.
    #[must_use]
    pub fn as_slice(&self) -> &[Class] {
        &self.0
    }

    pub(crate) fn add(&mut self, days: u32, until: u32, units: U256) -> Result<(), StakingError> {
        let by_day = mul(units, U256::from(until))?;
        self.add_raw(&Class { days, units, by_day })
    }

    pub(crate) fn sub(&mut self, days: u32, until: u32, units: U256) -> Result<(), StakingError> {
        let by_day = mul(units, U256::from(until))?;
        self.sub_raw(&Class { days, units, by_day })
    }

    pub(crate) fn add_raw(&mut self, class: &Class) -> Result<(), StakingError> {
        if class.units.is_zero() && class.by_day.is_zero() {
            return Ok(());
        }
        match self.0.binary_search_by_key(&class.days, |c| c.days) {
            Ok(at) => {
                if let Some(found) = self.0.get_mut(at) {
                    found.units = add(found.units, class.units)?;
                    found.by_day = add(found.by_day, class.by_day)?;
                }
            }
            Err(at) => self.0.insert(at, *class),
        }
        Ok(())
    }

    pub(crate) fn sub_raw(&mut self, class: &Class) -> Result<(), StakingError> {
        if class.units.is_zero() && class.by_day.is_zero() {
            return Ok(());
        }
        let found = self.0.iter_mut().find(|c| c.days == class.days);
        let found = found.ok_or_else(|| {
            StakingError::Invariant(format!(
                "{} units leave a class of {} days that is not there",
                class.units, class.days
            ))
        })?;
        found.units = sub(found.units, class.units)?;
        found.by_day = sub(found.by_day, class.by_day)?;
        self.0.retain(|c| !c.units.is_zero() || !c.by_day.is_zero());
        Ok(())
    }

    /// Units still locked on a day, rounded down in every class.
    pub(crate) fn locked_floor(&self, today: u32) -> Result<U256, StakingError> {
        self.0.iter().try_fold(U256::ZERO, |sum, class| {
            let left = sub(class.by_day, mul(class.units, U256::from(today))?)?;
            add(sum, left.checked_div(U256::from(class.days)).unwrap_or_default())
        })
    }

    /// Units still locked on a day, rounded up in every class.
    pub(crate) fn locked_ceil(&self, today: u32) -> Result<U256, StakingError> {
        self.0.iter().try_fold(U256::ZERO, |sum, class| {
            let left = sub(class.by_day, mul(class.units, U256::from(today))?)?;
            add(sum, crate::math::mul_div_ceil(left, U256::ONE, U256::from(class.days.max(1)))?)
        })
    }
}

impl Encode for Classes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for class in &self.0 {
            out.extend(class.days.to_be_bytes());
            put_uint(out, class.units);
            put_uint(out, class.by_day);
        }
    }
}

impl Decode for Classes {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "sums over what unlocks";
        let count = input.count(MAX_CLASSES, WHAT)?;
        let mut classes = Vec::with_capacity(count);
        for _ in 0..count {
            let days = input.u32(WHAT)?;
            let (units, by_day) = (take_uint(input, WHAT)?, take_uint(input, WHAT)?);
            classes.push(Class { days, units, by_day });
        }
        let ordered = classes.is_sorted_by(|a, b| a.days < b.days);
        let bare = classes.iter().any(|c| c.days == 0 || (c.units.is_zero() && c.by_day.is_zero()));
        if !ordered || bare {
            return Err(CodecError::NotCanonical(WHAT));
        }
        Ok(Self(classes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use defchain_base::read_exact_value;

    use super::*;

    #[test]
    fn sums_by_term_travel_round() {
        let mut terms = Terms::default();
        assert_eq!(terms.to_bytes(), [0, 0]);
        terms.add(1, U256::from(5)).unwrap();
        terms.add(12, U256::from(256)).unwrap();
        assert_eq!(terms.to_bytes(), [0x08, 0x01, 1, 5, 2, 1, 0]);
        assert_eq!(read_exact_value::<Terms>(&terms.to_bytes()).unwrap(), terms);
        assert_eq!(terms.weighted(u32::from).unwrap(), U256::from(5 + 12 * 256));
        assert!(terms.sub(1, U256::from(6)).is_err());
        assert!(terms.add(13, U256::ONE).is_err() && terms.add(0, U256::ONE).is_err());
        assert!(read_exact_value::<Terms>(&[0x10, 0x00, 1, 5]).is_err());
        assert!(read_exact_value::<Terms>(&[0, 1, 0]).is_err());
    }

    #[test]
    fn a_class_is_the_sum_of_its_positions() {
        let mut classes = Classes::default();
        classes.add(30, 130, U256::from(3_000)).unwrap();
        classes.add(30, 140, U256::from(300)).unwrap();
        classes.add(120, 200, U256::from(1)).unwrap();
        assert_eq!(classes.locked_floor(110).unwrap(), U256::from(2_000 + 300));
        assert_eq!(classes.locked_ceil(110).unwrap(), U256::from(2_000 + 300 + 1));
        assert_eq!(read_exact_value::<Classes>(&classes.to_bytes()).unwrap(), classes);
        classes.sub(30, 130, U256::from(3_000)).unwrap();
        classes.sub(30, 140, U256::from(300)).unwrap();
        assert_eq!(classes.as_slice().len(), 1);
        assert!(classes.sub(30, 140, U256::ONE).is_err());
    }
}
