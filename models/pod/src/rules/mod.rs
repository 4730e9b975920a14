//! The rulings as plain functions. Amounts are whole base units; every division says which way it rounds.

pub mod burn;
pub mod commission;
pub mod draw;
pub mod power;
pub mod slash;
pub mod stake;

/// `a × b / c`, rounded down.
#[must_use]
pub fn floor(a: u128, b: u128, c: u128) -> u128 {
    a * b / c
}

/// `a × b / c`, rounded up.
#[must_use]
pub fn ceil(a: u128, b: u128, c: u128) -> u128 {
    (a * b).div_ceil(c)
}
