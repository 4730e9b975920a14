//! Reads for views and RPC.

use defchain_base::{Address, Amount, Month, StateRead, StateReadExt, Substore, Timestamp, read_exact_value};
use defchain_staking::{Desk, Lifted, PositionId};
use serde::Serialize;

use crate::{
    DividendError,
    claim::{due, present},
    keys::{Snapshot, SnapshotKey},
};

/// What was fixed at the begin of a month, if it was.
///
/// # Errors
/// When the store fails.
pub fn snapshot<S: StateRead + ?Sized>(state: &S, month: Month) -> Result<Option<Snapshot>, DividendError> {
    Ok(state.read(&SnapshotKey(month))?)
}

/// The present month.
///
/// # Errors
/// When the store fails.
pub fn month<S: StateRead + ?Sized>(state: &S) -> Result<Month, DividendError> {
    Ok(defchain_staking::query::clock(state)?.month)
}

/// Months from `from` on, ascending, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn months<S: StateRead + ?Sized>(
    state: &S,
    from: Month,
    limit: usize,
) -> Result<Vec<(Month, Snapshot)>, DividendError> {
    let at = |month: u32| [SnapshotKey::PREFIX, &month.to_be_bytes()].concat();
    let broken = |e: defchain_base::CodecError| DividendError::Invariant(format!("a month does not decode: {e}"));
    let found = state.range_raw(Substore::Def, &at(from.0), &at(u32::MAX), limit)?;
    found
        .iter()
        .map(|(key, value)| {
            let number = key.last_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
            Ok((Month(number), read_exact_value(value).map_err(broken)?))
        })
        .collect()
}

/// What a position may claim at `now`: zero when nothing, for whatever reason.
///
/// # Errors
/// When there is no such position, or the store fails.
pub fn dividend_of<S: StateRead + ?Sized>(
    state: &S,
    owner: Address,
    id: PositionId,
    now: Timestamp,
) -> Result<Amount, DividendError> {
    let mut desk = Desk::open(state)?;
    let lifted = desk.lift(state, owner, id)?;
    match present(state, &desk) {
        Ok(present) => or_nothing(due(state, &desk, &present, now, &lifted)),
        Err(e) => or_nothing(Err(e)),
    }
}

fn or_nothing(found: Result<Amount, DividendError>) -> Result<Amount, DividendError> {
    match found {
        Err(e @ (DividendError::State(_) | DividendError::Invariant(_))) => Err(e),
        other => Ok(other.unwrap_or_default()),
    }
}

/// What each open position of an owner may claim at `now`, by ascending id.
///
/// # Errors
/// When the store fails.
pub fn dividends<S: StateRead + ?Sized>(
    state: &S,
    owner: Address,
    now: Timestamp,
) -> Result<Vec<(PositionId, Amount)>, DividendError> {
    let desk = Desk::open(state)?;
    let present = match present(state, &desk) {
        Err(DividendError::NoMonth) => None,
        other => Some(other?),
    };
    let each = |lifted: &Lifted| match &present {
        None => Ok((lifted.id, Amount::ZERO)),
        Some(present) => Ok((lifted.id, or_nothing(due(state, &desk, present, now, lifted))?)),
    };
    defchain_staking::query::positions(state, owner)?.iter().map(each).collect()
}

/// A position's dividend of the present month, for RPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DividendInfo {
    /// The position.
    pub id: PositionId,
    /// What it may claim now.
    pub claimable: Amount,
    /// What it took this month.
    pub claimed: Amount,
    /// Why nothing can be claimed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The dividends of the present month of all open positions of an owner, with the reason where there is none.
///
/// # Errors
/// When the store fails.
pub fn dividend_infos<S: StateRead + ?Sized>(
    state: &S,
    owner: Address,
    now: Timestamp,
) -> Result<Vec<DividendInfo>, DividendError> {
    let desk = Desk::open(state)?;
    let present = present(state, &desk)?;
    let each = |lifted: &Lifted| {
        let (_, claimed) = lifted.position.claimed_in(present.0);
        let (claimable, reason) = match due(state, &desk, &present, now, lifted) {
            Ok(amount) => (amount, None),
            Err(e @ (DividendError::State(_) | DividendError::Invariant(_))) => return Err(e),
            Err(e) => (Amount::ZERO, Some(e.to_string())),
        };
        Ok(DividendInfo { id: lifted.id, claimable, claimed, reason })
    };
    defchain_staking::query::positions(state, owner)?.iter().map(each).collect()
}
