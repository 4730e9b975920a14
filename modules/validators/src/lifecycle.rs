//! Steps of every block, in the order the application calls them.

use defchain_base::{native::Host, params::ModuleParams};

use crate::{PowerUpdate, ValidatorParams, ValidatorsError, Vote, epoch, performance, removals, state::ValidatorsRead};

/// Before any judgement of downtime: who proposed this block, who signed the one before (D34).
///
/// # Errors
/// When the store fails.
pub fn begin<H: Host + ?Sized>(host: &mut H, last_commit: &[Vote]) -> Result<(), ValidatorsError> {
    performance::begin(host, last_commit)
}

/// After everything else: the epoch's turn in its last block, else the removals that wait (D28). Returns what CometBFT is
/// told.
///
/// # Errors
/// When the store fails.
pub fn end<H: Host + ?Sized>(host: &mut H) -> Result<Vec<PowerUpdate>, ValidatorsError> {
    let Some(epoch) = host.epoch()? else { return Ok(Vec::new()) };
    if host.block().height.next() < epoch.end() {
        return removals::apply(host, epoch);
    }
    let params = ValidatorParams::load(host)?;
    epoch::turn(host, &params, &epoch)
}
