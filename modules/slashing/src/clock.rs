//! Which heights are younger than unbinding takes: evidence of older ones finds the stake gone.
//!
//! CometBFT dates a fault by height; unbinding counts on the age clock. So the first height of every hour of the age clock is kept
//! for as long as unbinding takes, which is a few hundred entries.

use defchain_base::{AgeMillis, Height, StateError, native::Host, params::ModuleParams};
use defchain_staking::StakingParams;

use crate::state::{SlashingRead, SlashingWrite};

/// Entries that a block removes at most. An hour adds one, so the past is always caught up with.
const PRUNED_PER_BLOCK: usize = 8;

fn hour_millis(host: &dyn Host) -> Result<u64, StateError> {
    Ok((defchain_staking::calendar(host)?.day_millis() / 24).max(1))
}

/// The hour in which unbinding that ends now began; none while the chain is younger than that.
fn oldest_hour(host: &dyn Host) -> Result<Option<u64>, StateError> {
    let days = StakingParams::load(host)?.unbinding_days;
    let length = u64::from(days).saturating_mul(defchain_staking::calendar(host)?.day_millis());
    let Some(began) = host.block().age.0.checked_sub(length) else { return Ok(None) };
    Ok(began.checked_div(hour_millis(host)?))
}

/// The first height whose faults are punished; none while all are. To the hour, in favour of the evidence.
pub(crate) fn first_punishable(host: &dyn Host) -> Result<Option<Height>, StateError> {
    match oldest_hour(host)? {
        Some(hour) => host.first_height_since(hour),
        None => Ok(None),
    }
}

/// Notes the height if it is its hour's first, and forgets hours too old to matter.
pub(crate) fn tick(host: &mut dyn Host) -> Result<(), StateError> {
    let env = *host.block();
    let AgeMillis(age) = env.age;
    let hour = age.checked_div(hour_millis(host)?).unwrap_or(0);
    if host.hours(hour, hour.saturating_add(1), 1)?.is_empty() {
        host.put_hour(hour, env.height)?;
    }
    if let Some(oldest) = oldest_hour(host)? {
        for old in host.hours(0, oldest, PRUNED_PER_BLOCK)? {
            host.remove_hour(old)?;
        }
    }
    Ok(())
}
