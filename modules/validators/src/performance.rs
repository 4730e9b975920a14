//! Who proposed, signed and missed (D34), without writing every validator's record at every block.
//!
//! A member of the set is to sign each height from the one it joined. What is written is only: the proposer's count, who
//! begins to be absent (with the age clock), and who returns (with the heights it missed). So
//! `signed = heights as a member − missed − heights of the present absence`.

use defchain_base::{Address, ConsensusAddress, Height, StateError, StateRead, native::Host};

use crate::{
    Down, ValidatorsError,
    state::{ValidatorsRead, ValidatorsWrite},
};

/// One validator's part in the commit of the previous height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub address: ConsensusAddress,
    /// Its power then.
    pub power: u64,
    /// Whether there is a precommit by it, for the block or for nil (D34).
    pub signed: bool,
}

/// What a validator did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Performance {
    /// Blocks it proposed.
    pub proposed: u64,
    /// Heights at which it signed.
    pub signed: u64,
    /// Heights at which it was absent.
    pub missed: u64,
    /// Its present absence.
    pub down: Option<Down>,
}

/// Reads the commit of the previous height.
pub(crate) fn begin<H: Host + ?Sized>(host: &mut H, last_commit: &[Vote]) -> Result<(), ValidatorsError> {
    let env = *host.block();
    if !env.beneficiary.is_zero() && host.validator(env.beneficiary)?.is_some() {
        let mut tally = host.tally(env.beneficiary)?;
        tally.proposed = tally.proposed.saturating_add(1);
        host.put_tally(env.beneficiary, &tally)?;
    }
    let before = host.absent()?;
    if before.is_empty() && last_commit.iter().all(|v| v.signed) {
        return Ok(());
    }
    let committed = env.height.prev();
    let mut now = Vec::new();
    for vote in last_commit.iter().filter(|v| !v.signed) {
        let Some(operator) = host.operator_of(vote.address)? else { continue };
        let known = before.iter().find(|d| d.operator == operator).copied();
        now.push(known.unwrap_or(Down { operator, from: committed, since: env.age }));
    }
    now.sort_by_key(|d| d.operator);
    now.dedup_by_key(|d| d.operator);
    for Down { operator, from, .. } in &before {
        if now.iter().any(|d| d.operator == *operator) {
            continue;
        }
        // Back, or out of the set: either way the height before this commit was the last it missed.
        let mut tally = host.tally(*operator)?;
        tally.missed = tally.missed.saturating_add(committed.0.saturating_sub(from.0));
        host.put_tally(*operator, &tally)?;
    }
    if now != before {
        host.put_absent(now)?;
    }
    Ok(())
}

/// A validator is in the set from `from` on.
pub(crate) fn joins<H: Host + ?Sized>(host: &mut H, operator: Address, from: Height) -> Result<(), ValidatorsError> {
    let mut tally = host.tally(operator)?;
    tally.member_from = Some(from);
    Ok(host.put_tally(operator, &tally)?)
}

/// A validator is not in the set from `from` on.
pub(crate) fn leaves<H: Host + ?Sized>(host: &mut H, operator: Address, from: Height) -> Result<(), ValidatorsError> {
    let mut tally = host.tally(operator)?;
    if let Some(since) = tally.member_from.take() {
        tally.earlier = tally.earlier.saturating_add(from.0.saturating_sub(since.0));
        tally.last_end = from;
    }
    Ok(host.put_tally(operator, &tally)?)
}

/// Out of jail and still in the set: the absence that jailed it does not count again.
pub(crate) fn forgive<H: Host + ?Sized>(host: &mut H, operator: Address) -> Result<(), ValidatorsError> {
    let mut absent = host.absent()?;
    let now = host.block().age;
    let Some(down) = absent.iter_mut().find(|d| d.operator == operator) else { return Ok(()) };
    down.since = now;
    Ok(host.put_absent(absent)?)
}

/// What a validator did up to the height before `height`, whose commit the block of `height` carries.
pub(crate) fn of<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    height: Height,
) -> Result<Performance, StateError> {
    let tally = state.tally(operator)?;
    let down = state.absent()?.into_iter().find(|d| d.operator == operator);
    let heights = tally.heights_before(height);
    let absence = down.map_or(0, |d| height.0.saturating_sub(d.from.0));
    let missed = tally.missed.saturating_add(absence);
    Ok(Performance { proposed: tally.proposed, signed: heights.saturating_sub(missed), missed, down })
}
