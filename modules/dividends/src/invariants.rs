//! What must hold after every block. Slow: simulator and tests only.
#![allow(clippy::arithmetic_side_effects, reason = "never part of a block; sums of a supply that fits 128 bits")]

use std::collections::BTreeSet;

use defchain_base::{
    Amount, BlockEnv, Month, StateError, StateRead, Substore, Timestamp, U256, read_exact_value, system::Pool,
};
use defchain_staking::{
    Desk, Position,
    keys::{PositionKey, range_of, read_position_key},
};
use defchain_token::state::TokenRead;

use crate::{
    claim::{due, present},
    keys::{AutoKey, Snapshot, SnapshotKey},
};

/// Every rule of this module that does not hold.
///
/// # Errors
/// When the store fails.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken = Vec::new();
    for (month, snapshot) in crate::query::months(state, Month(0), usize::MAX >> 1)? {
        let Snapshot { claimed, pool, .. } = snapshot;
        if claimed > pool {
            broken.push(format!("INV-DIVIDENDS-01 month {}: {claimed} wei claimed of {pool} wei", month.0));
        }
    }
    let _ = SnapshotKey::PREFIX;
    let month = match present(state, &Desk::open(state)?) {
        Ok(found) => found,
        Err(crate::DividendError::NoMonth) => return Ok(broken),
        Err(e) => return Err(e.into()),
    };
    let (mut open, mut weights, mut queued) = (Amount::ZERO, U256::ZERO, BTreeSet::new());
    let (from, to) = range_of(PositionKey::PREFIX);
    for (key, bytes) in state.range_raw(Substore::Def, &from, &to, usize::MAX >> 1)? {
        let (owner, id) = read_position_key(&key).map_err(corrupt)?;
        let stored: Position = read_exact_value(&bytes).map_err(corrupt)?;
        if let Some(at) = stored.compound_at {
            queued.insert(AutoKey(at, owner, id));
        }
        let mut desk = Desk::open(state)?;
        let lifted = desk.lift(state, owner, id)?;
        let at = &lifted.position.snapshot;
        if at.month == month.0 {
            weights += at.amount.to_u256() * U256::from(month.1.multiplier(at.years));
        }
        // As if it were old enough.
        match due(state, &desk, &month, Timestamp(u64::MAX), &lifted) {
            Ok(amount) => open = open.checked_add(amount)?,
            Err(e @ (crate::DividendError::State(_) | crate::DividendError::Invariant(_))) => return Err(e.into()),
            Err(_) => {}
        }
    }
    let promised = month.1.claimed.checked_add(open)?;
    if promised > month.1.pool || weights > month.1.beta {
        broken.push(format!(
            "INV-DIVIDENDS-02 month {}: {} wei claimed and {open} wei claimable of {} wei, weights {weights} of beta {}",
            month.0.0, month.1.claimed, month.1.pool, month.1.beta
        ));
    }
    let pool = state.pool(Pool::Dividend)?;
    if pool < open {
        broken.push(format!("INV-DIVIDENDS-03 the pool holds {pool} wei, {open} wei are claimable"));
    }
    queue(state, &queued, env, &mut broken)?;
    Ok(broken)
}

fn queue<S: StateRead + ?Sized>(
    state: &S,
    flagged: &BTreeSet<AutoKey>,
    _: &BlockEnv,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    let (from, to) = range_of(AutoKey::PREFIX);
    let mut found = BTreeSet::new();
    for (key, _) in state.range_raw(Substore::Def, &from, &to, usize::MAX >> 1)? {
        found.insert(AutoKey::read(&key).map_err(corrupt)?);
    }
    // An entry may outlive its position until its time comes; a flag has its entry.
    for missing in flagged.difference(&found) {
        broken.push(format!("INV-DIVIDENDS-04 {missing:?} is flagged and not queued"));
    }
    Ok(())
}

fn corrupt(e: defchain_base::CodecError) -> StateError {
    StateError::Invariant(format!("a record does not decode: {e}"))
}
