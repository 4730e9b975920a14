//! Pure reads for RPC and tools.

use alloy_primitives::U256;
use defchain_base::{Address, Amount, StateError, StateRead, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    GovernanceError, GovernanceRead,
    proposal::{Progress, Proposal, Status},
};

/// Most proposals of one answer.
pub const MAX_PAGE: usize = 100;

/// A proposal with its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposalView {
    /// Its number.
    pub id: u64,
    /// Who made it.
    pub proposer: Address,
    /// What it asks for: `param`, `spend`, …
    pub kind: String,
    /// In words.
    pub action: String,
    /// The proposer's text.
    pub description: String,
    /// Where it stands: `voting`, `passed`, …
    pub status: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What was deposited.
    pub deposit: Amount,
    /// When the vote started, milliseconds since 1970.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// When the next step is due.
    pub due: Timestamp,
    /// β_PoD at the start.
    pub beta_pod: U256,
    /// Weight that must have voted: a third of it, rounded up.
    pub quorum: U256,
    /// More than this part of yes, no and veto must be yes: `1/2` or `2/3`.
    pub threshold: String,
    /// Weight for it.
    pub yes: U256,
    /// Weight against it.
    pub no: U256,
    /// Weight that counts for the quorum only.
    pub abstain: U256,
    /// Weight against its being asked.
    pub veto: U256,
    /// Signers in office that approve; none where no signers are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<Address>>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoteView {
    /// Who.
    pub voter: Address,
    /// `yes`, `no`, `abstain` or `veto`.
    pub choice: String,
    /// With how much.
    pub weight: U256,
}

/// One proposal.
///
/// # Errors
/// When there is none of that number, or the store fails.
pub fn proposal<S: StateRead + ?Sized>(state: &S, id: u64) -> Result<ProposalView, GovernanceError> {
    let (p, progress) = state.proposal(id)?;
    let rule = p.action.rule();
    let approvals = if rule.signed {
        let signers = state.signers()?;
        Some(state.approvals(id)?.into_iter().filter(|a| signers.contains(a)).collect())
    } else {
        None
    };
    let Progress { status, due, tally } = progress;
    let Proposal { proposer, deposit, start, end, beta_pod, action, description } = p;
    Ok(ProposalView {
        id,
        proposer,
        kind: action.name().to_owned(),
        action: action.to_string(),
        description,
        status: status.name().to_owned(),
        failure: if let Status::Failed(reason) = status { Some(reason) } else { None },
        deposit,
        start,
        end,
        due,
        beta_pod,
        quorum: beta_pod.div_ceil(U256::from(3)),
        threshold: format!("{}/{}", rule.num, rule.den),
        yes: tally.yes,
        no: tally.no,
        abstain: tally.abstain,
        veto: tally.veto,
        approvals,
    })
}

/// Up to `limit` proposals, at most [`MAX_PAGE`], newest first, from `newest` downwards; from the last one when it is not given.
///
/// # Errors
/// When the store fails.
pub fn proposals<S: StateRead + ?Sized>(
    state: &S,
    newest: Option<u64>,
    limit: usize,
) -> Result<Vec<ProposalView>, GovernanceError> {
    let last = state.next_proposal()?.saturating_sub(1);
    let from = newest.map_or(last, |n| n.min(last));
    (1..=from).rev().take(limit.min(MAX_PAGE)).map(|id| proposal(state, id)).collect()
}

/// Up to `limit` votes on a proposal by voter, after `after`.
///
/// # Errors
/// When there is no such proposal, or the store fails.
pub fn votes<S: StateRead + ?Sized>(
    state: &S,
    id: u64,
    after: Option<Address>,
    limit: usize,
) -> Result<Vec<VoteView>, GovernanceError> {
    state.proposal(id)?;
    let found = state.votes(id, after, limit)?;
    let view = |(voter, vote): (Address, crate::proposal::Vote)| VoteView {
        voter,
        choice: vote.choice.name().to_owned(),
        weight: vote.weight,
    };
    Ok(found.into_iter().map(view).collect())
}

/// The signers of the treasury.
///
/// # Errors
/// When the store fails.
pub fn signers<S: StateRead + ?Sized>(state: &S) -> Result<Vec<Address>, StateError> {
    state.signers()
}
