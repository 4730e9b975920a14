//! D17 and D18: who pays commission on a movement of value, how much, and where it goes. Pure arithmetic; the EVM's
//! journal asks here at every movement, and validity before it.

use defchain_base::{Address, Amount, AmountError, Bps, system};
use serde::{Deserialize, Serialize};

use crate::{MovementKind, Shares, error::TokenError};

/// Shares of moved value, in hundredths of a percent (YP 8.2). Governed, each within 0 and [`Self::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommissionRates {
    /// Burned.
    pub burn: Bps,
    /// To the dividend pool.
    pub dividend: Bps,
    /// To the technical pool.
    pub technical: Bps,
    /// To the marketing pool.
    pub marketing: Bps,
    /// Burned when the payer has a referrer; the four above do not apply then.
    pub referral_burn: Bps,
    /// To the payer's referrer.
    pub referral_reward: Bps,
}

impl Default for CommissionRates {
    /// The paper's: 5 %, with a referrer 4.5 %.
    fn default() -> Self {
        Self {
            burn: Bps(100),
            dividend: Bps(100),
            technical: Bps(100),
            marketing: Bps(200),
            referral_burn: Bps(225),
            referral_reward: Bps(225),
        }
    }
}

/// Hundredths of a percent in a whole.
const WHOLE: u128 = 10_000;

impl CommissionRates {
    /// No commission at all (D36b).
    pub const NONE: Self = Self {
        burn: Bps(0),
        dividend: Bps(0),
        technical: Bps(0),
        marketing: Bps(0),
        referral_burn: Bps(0),
        referral_reward: Bps(0),
    };
    /// The most that any one share may be set to, so that all of them together stay below half of the value.
    pub const MOST: u16 = 1_000;

    /// Whether nobody ever pays any.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// What a payer pays in all, with and without a referrer.
    #[must_use]
    pub fn total(&self, referred: bool) -> u128 {
        let parts: &[Bps] = if referred {
            &[self.referral_burn, self.referral_reward]
        } else {
            &[self.burn, self.dividend, self.technical, self.marketing]
        };
        parts.iter().fold(0, |sum, part| sum.saturating_add(u128::from(part.0)))
    }

    /// The commission on `value`: floor of the whole rate; each share floored, the rest burned.
    ///
    /// # Errors
    /// Never within the bounds of the rates; the type says what arithmetic could.
    pub fn on(&self, value: Amount, referred: bool) -> Result<Commission, AmountError> {
        let share = |rate: u128| value.mul_div_floor(rate, WHOLE);
        let total = share(self.total(referred))?;
        if total.is_zero() {
            return Ok(Commission::default());
        }
        let mut commission = Commission::default();
        if referred {
            commission.reward = share(u128::from(self.referral_reward.0))?;
        } else {
            commission.shares.dividend = share(u128::from(self.dividend.0))?;
            commission.shares.technical = share(u128::from(self.technical.0))?;
            commission.shares.marketing = share(u128::from(self.marketing.0))?;
        }
        commission.rest_of(total)
    }

    /// Names of the rates as parameters, in the order of [`Self::list`].
    pub(crate) const NAMES: [&'static str; 6] = [
        "commission_burn",
        "commission_dividend",
        "commission_technical",
        "commission_marketing",
        "commission_referral_burn",
        "commission_referral_reward",
    ];

    pub(crate) const fn list(&self) -> [Bps; 6] {
        [self.burn, self.dividend, self.technical, self.marketing, self.referral_burn, self.referral_reward]
    }

    /// Sets a rate by its name as a parameter; whether there is such a name.
    pub(crate) fn assign(&mut self, name: &str, rate: Bps) -> bool {
        let places = [
            &mut self.burn,
            &mut self.dividend,
            &mut self.technical,
            &mut self.marketing,
            &mut self.referral_burn,
            &mut self.referral_reward,
        ];
        match Self::NAMES.into_iter().zip(places).find(|(known, _)| *known == name) {
            Some((_, place)) => {
                *place = rate;
                true
            }
            None => false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TokenError> {
        match Self::NAMES.into_iter().zip(self.list()).find(|(_, rate)| rate.0 > Self::MOST) {
            Some((name, rate)) => Err(TokenError::Params(format!("{name} is {} bps, at most {}", rate.0, Self::MOST))),
            None => Ok(()),
        }
    }
}

/// A commission and where it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commission {
    /// For pools and for nobody.
    pub shares: Shares,
    /// For the payer's referrer (D18): arrives as a fresh portion without commission.
    pub reward: Amount,
}

impl Commission {
    /// What the payer pays.
    ///
    /// # Errors
    /// When the sum exceeds 2^128 - 1 wei, which no commission does.
    pub fn total(&self) -> Result<Amount, AmountError> {
        self.shares.total()?.checked_add(self.reward)
    }

    /// The same commission when only `charged` of it is still due, the rest having been paid on top before in the same
    /// transaction: every share in proportion, floored, the rest burned.
    ///
    /// # Errors
    /// As [`Self::total`].
    pub fn reduced_to(&self, charged: Amount) -> Result<Self, AmountError> {
        let total = self.total()?;
        if charged >= total {
            return Ok(*self);
        }
        let part = |share: Amount| share.mul_div_floor(charged.wei(), total.wei());
        let shares = Shares {
            dividend: part(self.shares.dividend)?,
            technical: part(self.shares.technical)?,
            marketing: part(self.shares.marketing)?,
            burned: Amount::ZERO,
        };
        Self { shares, reward: part(self.reward)? }.rest_of(charged)
    }

    /// Burns what the other shares leave of `total`.
    fn rest_of(mut self, total: Amount) -> Result<Self, AmountError> {
        self.shares.burned = Amount::ZERO;
        self.shares.burned = total.checked_sub(self.total()?)?;
        Ok(self)
    }
}

/// What a party of a movement is, at the movement (D17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Without code; an EIP-7702 account is one.
    Person,
    /// With code, with running init code, or one of Ethereum's precompiles.
    Contract,
    /// An address the protocol keeps for itself, pools among them (D16).
    System,
}

/// The last of Ethereum's precompiles below the protocol's own addresses (Osaka).
const LAST_PRECOMPILE: u8 = 0x11;

/// Whether an address below the protocol's own is one of Ethereum's precompiles.
#[must_use]
pub fn is_precompile(address: &Address) -> bool {
    match address.as_slice() {
        [zeros @ .., last] => (1..=LAST_PRECOMPILE).contains(last) && zeros.iter().all(|b| *b == 0),
        [] => false,
    }
}

/// What an address is, given whether it has code other than an EIP-7702 delegation.
#[must_use]
pub fn party(address: &Address, is_contract: bool) -> Party {
    if system::is_reserved(address) {
        Party::System
    } else if is_contract || is_precompile(address) {
        Party::Contract
    } else {
        Party::Person
    }
}

/// On which terms value moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Without commission.
    Free(MovementKind),
    /// The recipient gets the value less the commission, as a fresh portion.
    Deducted,
    /// The recipient gets the value as a fresh portion, the payer pays the commission beside it.
    OnTop,
}

/// The one judge of a movement by its parties (D16, D17, D17a). `exempt` is a payer of the list of those who do not
/// decay: it pays always, to contracts too.
#[must_use]
pub const fn terms(payer: Party, exempt: bool, recipient: Party) -> Terms {
    match (payer, recipient) {
        (Party::System, _) | (_, Party::System) => Terms::Free(MovementKind::Fresh),
        (Party::Person | Party::Contract, Party::Person) => Terms::Deducted,
        (Party::Person, Party::Contract) => Terms::OnTop,
        (Party::Contract, Party::Contract) if exempt => Terms::OnTop,
        (Party::Contract, Party::Contract) => Terms::Free(MovementKind::Carried),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use defchain_base::U256;
    use proptest::prelude::*;

    use super::*;

    const RATES: fn() -> CommissionRates = CommissionRates::default;

    fn parts(c: &Commission) -> [u128; 5] {
        [c.shares.burned, c.shares.dividend, c.shares.technical, c.shares.marketing, c.reward].map(Amount::wei)
    }

    /// YP 8.2.1: 10,000 DEF, 500 of commission: 100 burned, 100 dividend, 100 technical, 200 marketing.
    #[test]
    fn the_paper_s_example_of_a_standard_transfer() {
        let c = RATES().on(Amount::from_def(10_000), false).unwrap();
        assert_eq!(c.total().unwrap(), Amount::from_def(500));
        assert_eq!(parts(&c), [100, 100, 100, 200, 0].map(|def| Amount::from_def(def).wei()));
    }

    /// YP 8.2.2, D18: 4.5 %, half burned, half for the referrer.
    #[test]
    fn the_paper_s_example_with_a_referrer() {
        let c = RATES().on(Amount::from_def(10_000), true).unwrap();
        assert_eq!(c.total().unwrap(), Amount::from_def(450));
        assert_eq!(parts(&c), [225, 0, 0, 0, 225].map(|def| Amount::from_def(def).wei()));
    }

    /// D17: total and shares are floored, the rest burns.
    #[test]
    fn small_values_are_floored_and_the_rest_burns() {
        let on = |wei, referred| parts(&RATES().on(Amount::from_wei(wei), referred).unwrap());
        assert_eq!(on(19, false), [0; 5]);
        assert_eq!(on(20, false), [1, 0, 0, 0, 0]);
        assert_eq!(on(199, false), [4, 1, 1, 3, 0]);
        assert_eq!(on(22, true), [0; 5]);
        assert_eq!(on(45, true), [1, 0, 0, 0, 1]);
        assert_eq!(on(67, true), [2, 0, 0, 0, 1]);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_the_whole_is_five_percent(value: u128, referred: bool) {
            let c = RATES().on(Amount::from_wei(value), referred).unwrap();
            let bps = if referred { 450 } else { 500 };
            prop_assert_eq!(c.total().unwrap().to_u256(), U256::from(value) * U256::from(bps) / U256::from(10_000));
            // What is burned is at least its own share: remainders go there.
            let least = Amount::from_wei(value).mul_div_floor(if referred { 225 } else { 100 }, 10_000).unwrap();
            prop_assert!(c.shares.burned >= least);
        }

        #[test]
        fn a_reduced_commission_is_exactly_what_is_due(value: u128, due: u128, referred: bool) {
            let c = RATES().on(Amount::from_wei(value), referred).unwrap();
            let due = Amount::from_wei(due).min(c.total().unwrap());
            let reduced = c.reduced_to(due).unwrap();
            prop_assert_eq!(reduced.total().unwrap(), due);
            prop_assert!(reduced.reward <= c.reward && reduced.shares.dividend <= c.shares.dividend);
        }
    }

    /// D16, D17: the whole table.
    #[test]
    fn the_terms_of_every_pair_of_parties() {
        use Party::{Contract, Person, System};
        let fresh = Terms::Free(MovementKind::Fresh);
        let carried = Terms::Free(MovementKind::Carried);
        for (payer, exempt, recipient, expected) in [
            (Person, false, Person, Terms::Deducted),
            (Person, false, Contract, Terms::OnTop),
            (Person, false, System, fresh),
            (Contract, false, Person, Terms::Deducted),
            (Contract, false, Contract, carried),
            (Contract, false, System, fresh),
            (System, false, Person, fresh),
            (System, false, Contract, fresh),
            (System, false, System, fresh),
            (Contract, true, Contract, Terms::OnTop),
            (Contract, true, Person, Terms::Deducted),
            (Person, true, Contract, Terms::OnTop),
            (Person, true, Person, Terms::Deducted),
            (Person, true, System, fresh),
        ] {
            assert_eq!(terms(payer, exempt, recipient), expected, "{payer:?} {exempt} {recipient:?}");
        }
    }

    #[test]
    fn rates_above_their_bound_are_refused_by_name() {
        let rates = CommissionRates { marketing: Bps(1_001), ..RATES() };
        assert!(rates.check().unwrap_err().to_string().contains("commission_marketing is 1001 bps, at most 1000"));
        assert!(RATES().check().is_ok() && CommissionRates::NONE.check().is_ok());
    }

    #[test]
    fn without_rates_nothing_is_charged() {
        assert_eq!(CommissionRates::NONE.on(Amount::MAX, false).unwrap(), Commission::default());
        assert_eq!(CommissionRates::NONE.on(Amount::MAX, true).unwrap(), Commission::default());
    }
}
