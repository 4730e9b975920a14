//! Pure reads for RPC and tools.

use defchain_base::{Address, AgeMillis, Bps, StateRead, params::ModuleParams};
use serde::{Deserialize, Serialize};

use crate::{Evidence, Kind, SlashingError, SlashingParams, punish::Penalty, records::Past, state::SlashingRead};

/// Most evidence of one answer.
pub const MAX_PAGE: usize = 100;

/// A punished fault with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceView {
    /// Its number.
    pub id: u64,
    /// The rest.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// A validator's record with one kind of fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastView {
    /// Which kind.
    pub kind: Kind,
    /// What is remembered.
    #[serde(flatten)]
    pub past: Past,
    /// Share of the stake that the next one would cost now.
    pub next_share: Bps,
    /// Milliseconds of jail that it would bring.
    pub next_jail: u64,
}

/// One evidence.
///
/// # Errors
/// When there is none of that number, or the store fails.
pub fn evidence<S: StateRead + ?Sized>(state: &S, id: u64) -> Result<EvidenceView, SlashingError> {
    Ok(EvidenceView { id, evidence: state.evidence(id)? })
}

/// Up to `limit` evidence, at most [`MAX_PAGE`], newest first, from `newest` downwards; from the last one when it is not given.
///
/// # Errors
/// When the store fails.
pub fn list<S: StateRead + ?Sized>(
    state: &S,
    newest: Option<u64>,
    limit: usize,
) -> Result<Vec<EvidenceView>, SlashingError> {
    let last = state.next_evidence()?.saturating_sub(1);
    let from = newest.map_or(last, |n| n.min(last));
    (1..=from).rev().take(limit.min(MAX_PAGE)).map(|id| evidence(state, id)).collect()
}

/// Up to `limit` evidence of one validator, at most [`MAX_PAGE`], with numbers above `above`, ascending.
///
/// # Errors
/// When the store fails.
pub fn list_of<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    above: u64,
    limit: usize,
) -> Result<Vec<EvidenceView>, SlashingError> {
    state.evidence_of(operator, above, limit.min(MAX_PAGE))?.into_iter().map(|id| evidence(state, id)).collect()
}

/// A validator's past by kind, with what the next fault would cost at `now`.
///
/// # Errors
/// When the store fails.
pub fn past<S: StateRead + ?Sized>(
    state: &S,
    operator: Address,
    now: AgeMillis,
) -> Result<Vec<PastView>, SlashingError> {
    let params = SlashingParams::load(state)?;
    let day = defchain_staking::calendar(state)?.day_millis();
    let standing = state.standing(operator)?;
    let view = |kind: Kind| {
        let past = *standing.of(kind);
        let next = Penalty::of(&params, day, kind, &past, now);
        PastView { kind, past, next_share: next.share, next_jail: next.jail }
    };
    Ok(Kind::ALL.into_iter().map(view).collect())
}
