//! Addresses the protocol keeps for itself (D10).

use alloy_primitives::Address;

/// The address `0x…0100` plus `offset`.
const fn at(offset: u16) -> Address {
    let [high, low] = (0x0100_u16 | offset).to_be_bytes();
    let mut bytes = [0; 20];
    bytes[18] = high;
    bytes[19] = low;
    Address::new(bytes)
}

/// DeflationMultiplier (view) and P256VERIFY (D9).
pub const DEFLATION_MULTIPLIER: Address = at(0x00);
/// PoDWeight (view).
pub const POD_WEIGHT: Address = at(0x01);
/// StakingPositions (view).
pub const STAKING_POSITIONS: Address = at(0x02);
/// EffectiveBalance (view).
pub const EFFECTIVE_BALANCE: Address = at(0x03);
/// DividendCalculator (view).
pub const DIVIDEND_CALCULATOR: Address = at(0x04);
/// Staking.
pub const STAKING: Address = at(0x05);
/// Validators and delegation.
pub const VALIDATORS: Address = at(0x06);
/// Token: referral, settle; the address that emits native transfer logs (D21).
pub const TOKEN: Address = at(0x07);
/// Bridge.
pub const BRIDGE: Address = at(0x08);
/// Governance.
pub const GOVERNANCE: Address = at(0x09);
/// Trading.
pub const TRADING: Address = at(0x0a);
/// Confidential compute.
pub const CONFIDENTIAL_COMPUTE: Address = at(0x0b);
/// Assets.
pub const ASSETS: Address = at(0x0c);
/// Migration.
pub const MIGRATION: Address = at(0x0d);

/// First of the 256 addresses that the protocol keeps: genesis may not put an account there.
pub const FIRST: Address = at(0x00);
/// Last of them.
pub const LAST: Address = at(0xff);

/// Whether the protocol keeps this address.
#[must_use]
pub fn is_reserved(address: &Address) -> bool {
    (FIRST..=LAST).contains(address)
}

/// A pool of native money that belongs to no account (D6: in `def`).
///
/// Each has an address, so that wallets and explorers can read its balance. The first four are the paper's; the others are
/// what a module holds for its users, at the module's own address. Pools neither age nor pay or cause commission (D16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Pool {
    /// Pays dividends (D26).
    Dividend = 0,
    /// Spent by governance on technical work.
    Technical = 1,
    /// Spent by governance on marketing.
    Marketing = 2,
    /// Spent by governance and its signers.
    Treasury = 3,
    /// Staked tokens and what is unlocked but not withdrawn (D22 to D25).
    Staking = 4,
    /// Income of validators and delegators that is not yet claimed (D36).
    Validators = 5,
    /// Deposits of proposals (D36a).
    Governance = 6,
}

impl Pool {
    /// All pools.
    pub const ALL: [Self; 7] = [
        Self::Dividend,
        Self::Technical,
        Self::Marketing,
        Self::Treasury,
        Self::Staking,
        Self::Validators,
        Self::Governance,
    ];
    /// Those that genesis may fill by an amount alone; what the others hold follows from their modules' records.
    pub const FREE: [Self; 4] = [Self::Dividend, Self::Technical, Self::Marketing, Self::Treasury];

    /// The address under which its balance is read.
    #[must_use]
    pub const fn address(self) -> Address {
        match self {
            Self::Dividend => at(0x10),
            Self::Technical => at(0x11),
            Self::Marketing => at(0x12),
            Self::Treasury => at(0x13),
            Self::Staking => STAKING,
            Self::Validators => VALIDATORS,
            Self::Governance => GOVERNANCE,
        }
    }

    /// The pool of that address.
    #[must_use]
    pub fn by_address(address: &Address) -> Option<Self> {
        // Almost every address fails the first comparison.
        if !is_reserved(address) {
            return None;
        }
        Self::ALL.into_iter().find(|p| p.address() == *address)
    }

    /// The name, as in genesis and queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dividend => "dividend",
            Self::Technical => "technical",
            Self::Marketing => "marketing",
            Self::Treasury => "treasury",
            Self::Staking => "staking",
            Self::Validators => "validators",
            Self::Governance => "governance",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_addresses_are_those_of_d10() {
        assert_eq!(DEFLATION_MULTIPLIER.to_string().to_lowercase(), "0x0000000000000000000000000000000000000100");
        assert_eq!(MIGRATION.to_string().to_lowercase(), "0x000000000000000000000000000000000000010d");
        assert!(is_reserved(&LAST) && !is_reserved(&Address::ZERO) && !is_reserved(&Address::repeat_byte(1)));
    }

    #[test]
    fn each_pool_is_found_by_its_address() {
        for pool in Pool::ALL {
            assert_eq!(Pool::by_address(&pool.address()), Some(pool));
        }
        assert_eq!(Pool::by_address(&TOKEN), None);
    }
}
