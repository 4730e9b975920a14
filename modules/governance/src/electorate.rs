//! Who votes, and with how much: all that governance asks of staking.

use alloy_primitives::U256;
use defchain_base::{Address, Calendar, StateError, Timestamp, native::Host};

use crate::GovernanceError;

/// PoD weight of an account's positions that were opened before a vote (D36a).
pub(crate) fn weight(host: &dyn Host, account: Address, start: Timestamp) -> Result<U256, GovernanceError> {
    Ok(defchain_staking::pod_weight(host, account, Some(start))?)
}

/// β_PoD: the weight of all positions (D27).
pub(crate) fn total(host: &dyn Host) -> Result<U256, GovernanceError> {
    Ok(defchain_staking::beta_pod(host)?)
}

/// Days and hours.
pub(crate) fn calendar(host: &dyn Host) -> Result<Calendar, StateError> {
    defchain_staking::calendar(host)
}

/// Milliseconds of so many hours, each a 24th of a day.
pub(crate) fn hours(calendar: &Calendar, hours: u16) -> u64 {
    u64::from(hours).saturating_mul(calendar.day_millis()).checked_div(24).unwrap_or(0)
}

/// Milliseconds of so many days.
pub(crate) fn days(calendar: &Calendar, days: u16) -> u64 {
    u64::from(days).saturating_mul(calendar.day_millis())
}
