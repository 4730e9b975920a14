//! Wide arithmetic with named rounding. Sums and products of units do not fit 128 bits.

use defchain_base::{Amount, CodecError, Reader, U256};

use crate::{StakingError, error::invalid};

/// The slash index of a book that was never slashed.
pub const ONE: u128 = 1_000_000_000_000_000_000_000_000_000;
/// Below this a slash takes everything: what is left would be a billionth of a billionth of the stake.
pub const MIN_INDEX: u128 = 1_000_000_000;

/// `ONE` as a word.
pub(crate) fn one() -> U256 {
    U256::from(ONE)
}

fn overflow(what: &str) -> StakingError {
    StakingError::Invariant(format!("{what} exceeds 256 bits"))
}

pub(crate) fn add(a: U256, b: U256) -> Result<U256, StakingError> {
    a.checked_add(b).ok_or_else(|| overflow("a sum"))
}

pub(crate) fn sub(a: U256, b: U256) -> Result<U256, StakingError> {
    a.checked_sub(b).ok_or_else(|| StakingError::Invariant(format!("{b} is to be taken off {a}")))
}

pub(crate) fn mul(a: U256, b: U256) -> Result<U256, StakingError> {
    a.checked_mul(b).ok_or_else(|| overflow("a product"))
}

/// `a * b / c` with a 512-bit product, and whether something was left.
fn mul_div(a: U256, b: U256, c: U256) -> Result<(U256, bool), StakingError> {
    if c.is_zero() {
        return Err(StakingError::Invariant(format!("{a} * {b} is to be divided by zero")));
    }
    if let Some(product) = a.checked_mul(b) {
        let (quotient, rest) = product.div_rem(c);
        return Ok((quotient, !rest.is_zero()));
    }
    let product: alloy_primitives::U512 = a.widening_mul(b);
    let (quotient, rest) = product.div_rem(alloy_primitives::U512::from(c));
    let quotient = U256::checked_from_limbs_slice(quotient.as_limbs()).ok_or_else(|| overflow("a quotient"))?;
    Ok((quotient, !rest.is_zero()))
}

/// `a * b / c`, rounded down.
pub(crate) fn mul_div_floor(a: U256, b: U256, c: U256) -> Result<U256, StakingError> {
    mul_div(a, b, c).map(|(quotient, _)| quotient)
}

/// `a * b / c`, rounded up.
pub(crate) fn mul_div_ceil(a: U256, b: U256, c: U256) -> Result<U256, StakingError> {
    let (quotient, rest) = mul_div(a, b, c)?;
    add(quotient, if rest { U256::ONE } else { U256::ZERO })
}

/// Units that stand for `amount` at a slash index, rounded up, and whether that changed anything. A book whose index is
/// zero holds nothing.
pub(crate) fn units(amount: Amount, index: u128) -> Result<(U256, bool), StakingError> {
    match index {
        0 => Ok((U256::ZERO, false)),
        ONE => Ok((amount.to_u256(), false)),
        _ => {
            let (quotient, rest) = mul_div(amount.to_u256(), one(), U256::from(index))?;
            Ok((add(quotient, if rest { U256::ONE } else { U256::ZERO })?, rest))
        }
    }
}

/// What an amount stored at index `then` is worth at index `now`, rounded down.
pub(crate) fn slashed_to(amount: Amount, then: u128, now: u128) -> Result<Amount, StakingError> {
    if then == now || amount.is_zero() {
        return Ok(amount);
    }
    Ok(amount.mul_div_floor(now, then)?)
}

/// Appends a number: a byte of length, then its bytes without leading zeros.
pub(crate) fn put_uint(out: &mut Vec<u8>, value: U256) {
    let bytes = value.to_be_bytes_trimmed_vec();
    out.push(u8::try_from(bytes.len()).unwrap_or(32));
    out.extend_from_slice(&bytes);
}

/// Reads what [`put_uint`] wrote.
pub(crate) fn take_uint(input: &mut Reader<'_>, what: &'static str) -> Result<U256, CodecError> {
    let length = usize::from(input.u8(what)?);
    if length > 32 {
        return Err(CodecError::Limit { what, found: u64::try_from(length).unwrap_or(u64::MAX), limit: 32 });
    }
    let bytes = input.take(length, what)?;
    if bytes.first() == Some(&0) {
        return Err(CodecError::NotCanonical(what));
    }
    Ok(U256::from_be_slice(bytes))
}

/// Reads a number of at most 128 bits.
pub(crate) fn take_u128(input: &mut Reader<'_>, what: &'static str) -> Result<u128, CodecError> {
    let value = take_uint(input, what)?;
    u128::try_from(value).map_err(|_| invalid(what, format!("{value} does not fit 128 bits")))
}

/// Reads an amount that [`put_uint`] wrote.
pub(crate) fn take_amount(input: &mut Reader<'_>, what: &'static str) -> Result<Amount, CodecError> {
    take_u128(input, what).map(Amount::from_wei)
}

/// Appends an amount as [`put_uint`] does.
pub(crate) fn put_amount(out: &mut Vec<u8>, amount: Amount) {
    put_uint(out, amount.to_u256());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn products_of_512_bits_divide_exactly() {
        let big = U256::MAX;
        assert_eq!(mul_div_floor(big, big, big).unwrap(), big);
        assert_eq!(
            mul_div_ceil(big, U256::from(2), U256::from(3)).unwrap(),
            mul_div_floor(big, U256::from(2), U256::from(3)).unwrap()
        );
        assert_eq!(mul_div_ceil(U256::from(7), U256::from(2), U256::from(3)).unwrap(), U256::from(5));
        assert!(mul_div_floor(big, U256::from(2), U256::ONE).is_err());
        assert!(mul_div_floor(big, big, U256::ZERO).is_err());
    }

    #[test]
    fn units_are_wei_until_something_is_slashed() {
        let amount = Amount::from_wei(1_000);
        assert_eq!(units(amount, ONE).unwrap(), (U256::from(1_000), false));
        assert_eq!(units(amount, ONE / 2).unwrap(), (U256::from(2_000), false));
        assert_eq!(units(amount, ONE / 10 * 9).unwrap(), (U256::from(1_112), true));
        assert_eq!(units(amount, 0).unwrap(), (U256::ZERO, false));
    }

    #[test]
    fn numbers_have_one_encoding() {
        for value in [U256::ZERO, U256::ONE, U256::from(255), U256::from(256), U256::MAX] {
            let mut out = Vec::new();
            put_uint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(take_uint(&mut reader, "test").unwrap(), value);
            reader.finish().unwrap();
        }
        assert!(take_uint(&mut Reader::new(&[1, 0]), "test").is_err());
        assert!(take_uint(&mut Reader::new(&[33; 40]), "test").is_err());
    }
}
