//! D21: what moves native money without being a transaction's own value, as logs of the Token address.

use alloy_primitives::Log;
use defchain_base::{Address, Amount, native::encode_log, system::TOKEN};

use crate::{Shares, TableVersion, abi::IToken, portion::Settled};

/// A payment with commission; `amount` with the referrer's part.
#[must_use]
pub fn commission(payer: Address, recipient: Address, amount: Amount, on_top: bool) -> Log {
    encode_log(TOKEN, &IToken::Commission { payer, recipient, amount: amount.to_u256(), onTop: on_top })
}

/// A referrer's part of a commission.
#[must_use]
pub fn referral(payer: Address, referrer: Address, amount: Amount) -> Log {
    encode_log(TOKEN, &IToken::Referral { payer, referrer, amount: amount.to_u256() })
}

/// An account's losses.
#[must_use]
pub fn settled(account: Address, taken: &Settled) -> Log {
    let (burned, dividend) = (taken.burned.to_u256(), taken.dividend.to_u256());
    encode_log(TOKEN, &IToken::Settled { account, burned, toDividendPool: dividend })
}

/// Money destroyed.
#[must_use]
pub fn burned(from: Address, amount: Amount) -> Log {
    encode_log(TOKEN, &IToken::Burned { from, amount: amount.to_u256() })
}

/// A sweep at the end of a block.
#[must_use]
pub fn swept(accounts: u32, shares: &Shares) -> Log {
    let (burned, dividend) = (shares.burned.to_u256(), shares.dividend.to_u256());
    let accounts = alloy_primitives::U256::from(accounts);
    encode_log(TOKEN, &IToken::Swept { accounts, burned, toDividendPool: dividend })
}

pub(crate) fn referrer_set(account: Address, referrer: Address) -> Log {
    encode_log(TOKEN, &IToken::ReferrerSet { account, referrer })
}

pub(crate) fn exempt_set(account: Address, exempt: bool) -> Log {
    encode_log(TOKEN, &IToken::ExemptSet { account, exempt })
}

pub(crate) fn burn_table_set(table: &TableVersion) -> Log {
    let since = alloy_primitives::U256::from(table.since.0);
    encode_log(TOKEN, &IToken::BurnTableSet { since, preserved: table.preserved.0 })
}
