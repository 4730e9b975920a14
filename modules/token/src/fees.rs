//! D19: where the fees of a block go, summed over the block and credited once.

use defchain_base::{Address, AgeMillis, Amount, StateWrite, system::Pool};

use crate::{
    Ledger, TokenError,
    state::{TokenRead, TokenWrite},
};

const DIVIDEND_PERCENT: u128 = 30;
const PROPOSER_PERCENT: u128 = 30;
const TREASURY_PERCENT: u128 = 20;
const BURNED_PERCENT: u128 = 20;
const _: () = assert!(DIVIDEND_PERCENT + PROPOSER_PERCENT + TREASURY_PERCENT + BURNED_PERCENT == 100);

/// Shares of a block's base fees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeeSplit {
    /// Burned: 20 % and every remainder.
    pub burned: Amount,
    /// Dividend pool, 30 %.
    pub dividend: Amount,
    /// Proposer, 30 %.
    pub proposer: Amount,
    /// Treasury, 20 %.
    pub treasury: Amount,
}

/// Splits base fees; each share rounded down, the rest burned.
///
/// # Errors
/// Never for shares that sum to 100 %; the type says what arithmetic could.
pub fn split_base_fees(total: Amount) -> Result<FeeSplit, TokenError> {
    let share = |percent| total.mul_div_floor(percent, 100);
    let (dividend, proposer, treasury) = (share(DIVIDEND_PERCENT)?, share(PROPOSER_PERCENT)?, share(TREASURY_PERCENT)?);
    let burned = total.checked_sub(dividend)?.checked_sub(proposer)?.checked_sub(treasury)?;
    Ok(FeeSplit { burned, dividend, proposer, treasury })
}

/// Distributes a block's base fees. Without a proposer (removed meanwhile, or none at all) its share burns.
///
/// # Errors
/// When the store fails.
pub fn distribute_base_fees<S: StateWrite + ?Sized>(
    state: &mut S,
    now: AgeMillis,
    total: Amount,
    proposer_operator: Option<Address>,
) -> Result<FeeSplit, TokenError> {
    if total.is_zero() {
        return Ok(FeeSplit::default());
    }
    let mut split = split_base_fees(total)?;
    state.credit_pool(Pool::Dividend, split.dividend)?;
    state.credit_pool(Pool::Treasury, split.treasury)?;
    state.burn(split.burned)?;
    if credit_operator(state, now, split.proposer, proposer_operator)? {
        return Ok(split);
    }
    split.burned = split.burned.checked_add(split.proposer)?;
    split.proposer = Amount::ZERO;
    Ok(split)
}

/// Credits a block's tips to the proposer's operator as a fresh portion; without one they burn. Returns what burned.
///
/// # Errors
/// When the store fails.
pub fn credit_tips<S: StateWrite + ?Sized>(
    state: &mut S,
    now: AgeMillis,
    total: Amount,
    operator: Option<Address>,
) -> Result<Amount, TokenError> {
    let credited = credit_operator(state, now, total, operator)?;
    Ok(if credited { Amount::ZERO } else { total })
}

/// Credits or burns; says which.
fn credit_operator<S: StateWrite + ?Sized>(
    state: &mut S,
    now: AgeMillis,
    amount: Amount,
    operator: Option<Address>,
) -> Result<bool, TokenError> {
    let Some(operator) = operator else {
        state.burn(amount)?;
        return Ok(false);
    };
    if amount.is_zero() {
        return Ok(true);
    }
    let params = state.token_params()?;
    let mut ledger = Ledger::new(&params, now);
    ledger.credit_fresh(state, &operator, amount)?;
    ledger.write(state)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_sum_to_the_whole_and_follow_d19(total in any::<u128>()) {
            let s = split_base_fees(Amount::from_wei(total)).unwrap();
            prop_assert_eq!(s.burned.to_u256() + s.dividend.to_u256() + s.proposer.to_u256() + s.treasury.to_u256(), Amount::from_wei(total).to_u256());
            prop_assert_eq!(s.dividend, s.proposer);
            prop_assert!(s.burned >= s.treasury);
        }
    }

    #[test]
    fn remainders_burn() {
        let s = split_base_fees(Amount::from_wei(9)).unwrap();
        assert_eq!([s.burned, s.dividend, s.proposer, s.treasury].map(Amount::wei), [4, 2, 2, 1]);
    }
}
