//! D19: where the fees of a block go, and with them all that its transactions gave to pools: summed over the block and
//! credited once.

use defchain_base::{Address, Amount, native::Host, system::Pool};

use crate::{
    Ledger, Shares, TokenError, events,
    expiry::sweep,
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

/// A block's fees and shares, summed over its transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockTotals {
    /// Gas × base fee.
    pub base_fees: Amount,
    /// Gas × tip.
    pub tips: Amount,
    /// Commissions, losses by decay, what was destroyed.
    pub shares: Shares,
}

/// To whom the proposer's part goes; to nobody, when the proposer was removed meanwhile: it burns then (D19).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payees {
    /// The proposer's share of the base fees: the operator, or the pool from which D36 shares it out.
    pub gas_share: Option<Address>,
    /// Tips, less their commission: the operator alone.
    pub tips: Option<Address>,
}

/// What the end of a block did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndOfBlock {
    /// Of the base fees; what had no payee stands under `burned`.
    pub split: FeeSplit,
    /// The commission on the tips.
    pub tip_commission: Amount,
    /// All that this block burned: in its transactions, of its fees, by its sweep.
    pub burned: Amount,
    /// Accounts that the sweep settled.
    pub swept: u32,
}

/// The end of a block for native money: sweeps (D15), distributes base fees and tips (D19), credits what commissions
/// and decay gave to the pools, and writes the supply, once.
///
/// A tip is a payment to the proposer and pays commission, at the standard rate on the block's sum: it has many payers,
/// so nobody's referrer takes part.
///
/// # Errors
/// When the store fails.
pub fn end_of_block<H: Host + ?Sized>(
    host: &mut H,
    totals: &BlockTotals,
    payees: Payees,
) -> Result<EndOfBlock, TokenError> {
    let params = host.token_params()?;
    let now = host.block().age;
    let swept = sweep(host, &params, now)?;
    let mut shares = totals.shares.plus(swept.effects.shares)?;
    if swept.accounts > 0 {
        host.emit(events::swept(swept.accounts, &swept.effects.shares))?;
    }

    let mut split = split_base_fees(totals.base_fees)?;
    let commission = params.commission.on(totals.tips, false)?;
    let tip_commission = if payees.tips.is_some() { commission.total()? } else { Amount::ZERO };
    if payees.tips.is_some() {
        shares = shares.plus(commission.shares)?;
    }
    let mut ledger = Ledger::new(&params, now);
    match payees.gas_share {
        Some(payee) => ledger.credit_fresh(host, &payee, split.proposer)?,
        None => {
            split.burned = split.burned.checked_add(split.proposer)?;
            split.proposer = Amount::ZERO;
        }
    }
    match payees.tips {
        Some(operator) => ledger.credit_fresh(host, &operator, totals.tips.checked_sub(tip_commission)?)?,
        None => shares.burned = shares.burned.checked_add(totals.tips)?,
    }
    let effects = ledger.write(host)?;
    // D21: a tip that arrives takes the operator's losses, and pays commission.
    for (account, taken) in &effects.settled {
        host.emit(events::settled(*account, taken))?;
    }
    if let Some(operator) = payees.tips.filter(|_| !tip_commission.is_zero()) {
        host.emit(events::commission(Address::ZERO, operator, tip_commission, false))?;
    }
    let fees = Shares { dividend: split.dividend, ..Shares::burning(split.burned) };
    let all = shares.plus(effects.shares)?.plus(fees)?;
    host.credit_pool(Pool::Treasury, split.treasury)?;
    all.credit(host)?;
    Ok(EndOfBlock { split, tip_commission, burned: all.burned, swept: swept.accounts })
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
