//! Commissions: D17, D18.

use super::floor;

/// Who pays whom, which decides whether and how (D17). System accounts pay and cause no commission (D16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Between contracts: nothing.
    Free,
    /// The recipient is a person: taken out of what was sent.
    Deducted,
    /// The recipient is a contract: paid by a person beside what was sent.
    OnTop,
}

/// D17's judgement by the parties.
#[must_use]
pub fn charge(payer_is_contract: bool, recipient_is_contract: bool) -> Charge {
    match (payer_is_contract, recipient_is_contract) {
        (true, true) => Charge::Free,
        (_, false) => Charge::Deducted,
        (false, true) => Charge::OnTop,
    }
}

/// Where a commission goes. All of it: what the shares leave is burned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// The whole.
    pub total: u128,
    /// Destroyed.
    pub burned: u128,
    /// To stakers.
    pub dividend: u128,
    /// Technical pool.
    pub technical: u128,
    /// Marketing pool.
    pub marketing: u128,
    /// To the payer's referrer.
    pub referrer: u128,
}

/// 5 %: 1 % burned, 1 % dividends, 1 % technical, 2 % marketing.
#[must_use]
pub fn standard(amount: u128) -> Shares {
    let percent = |n| floor(amount, n, 100);
    let (total, dividend, technical, marketing) = (percent(5), percent(1), percent(1), percent(2));
    Shares { total, burned: total - dividend - technical - marketing, dividend, technical, marketing, referrer: 0 }
}

/// 4.5 % for a payer with a referrer: half burned, half his.
#[must_use]
pub fn referred(amount: u128) -> Shares {
    let (total, referrer) = (floor(amount, 45, 1_000), floor(amount, 225, 10_000));
    Shares { total, burned: total - referrer, referrer, ..Shares::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_transfers_come_out_to_the_unit() {
        // YP 8.2.1 and 8.2.2.
        let shares = standard(10_000);
        assert_eq!(10_000 - shares.total, 9_500);
        assert_eq!((shares.burned, shares.dividend, shares.technical, shares.marketing), (100, 100, 100, 200));
        let shares = referred(10_000);
        assert_eq!((shares.total, shares.burned, shares.referrer), (450, 225, 225));
    }

    #[test]
    fn shares_are_the_whole_for_every_amount_and_the_burn_takes_what_rounding_leaves() {
        for amount in 0..=100_000 {
            for shares in [standard(amount), referred(amount)] {
                let parts = shares.burned + shares.dividend + shares.technical + shares.marketing + shares.referrer;
                assert_eq!(parts, shares.total, "{amount}");
                assert!(shares.burned >= floor(shares.total, 1, 5), "the burn is never below its share: {amount}");
            }
            assert!(referred(amount).total <= standard(amount).total);
        }
    }

    #[test]
    fn people_always_pay_contracts_pay_people_and_contracts_pay_each_other_free() {
        assert_eq!(charge(false, false), Charge::Deducted);
        assert_eq!(charge(true, false), Charge::Deducted);
        assert_eq!(charge(false, true), Charge::OnTop);
        assert_eq!(charge(true, true), Charge::Free);
    }
}
