//! What must hold after every block. Slow: for the simulator and tests.

use defchain_base::{Address, Amount, BlockEnv, StateError, StateRead, Timestamp, params::ModuleParams, system::Pool};
use defchain_token::state::TokenRead;

use crate::{
    GovernanceParams, GovernanceRead,
    action::signers_problem,
    keys::DueKey,
    proposal::{Progress, Proposal, Status, Tally},
};

const PAGE: usize = 1_024;

/// Every broken invariant, in words.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn check<S: StateRead + ?Sized>(state: &S, env: &BlockEnv) -> Result<Vec<String>, StateError> {
    let mut broken: Vec<String> =
        GovernanceParams::load(state)?.problems().into_iter().map(|p| format!("INV-GOV-05: {p}")).collect();
    let signers = state.signers()?;
    if !signers.is_empty() {
        broken.extend(signers_problem(&signers).map(|p| format!("INV-GOV-04: {p}")));
    }
    let queue = state.due(Timestamp(u64::MAX.saturating_sub(1)), usize::MAX >> 8)?;
    let mut held = Amount::ZERO;
    let mut pending = 0_usize;
    for id in 1..state.next_proposal()? {
        let (proposal, progress) = state.proposal(id)?;
        if progress.status == Status::Voting {
            held = held.checked_add(proposal.deposit)?;
        }
        if progress.status.is_pending() {
            pending = pending.saturating_add(1);
            if !queue.contains(&DueKey(progress.due, id)) {
                broken.push(format!("INV-GOV-03: proposal {id} is {} and not in the queue", progress.status.name()));
            }
        }
        tally(state, id, &proposal, &progress, &mut broken)?;
        if progress.status == Status::Voting && env.time.0 >= proposal.end.0 && progress.due != proposal.end {
            broken.push(format!(
                "INV-GOV-06: the vote on proposal {id} ends at {:?}, due {:?}",
                proposal.end, progress.due
            ));
        }
    }
    if queue.len() != pending {
        broken.push(format!("INV-GOV-03: {} entries in the queue, {pending} proposals are pending", queue.len()));
    }
    let pool = state.pool(Pool::Governance)?;
    if pool != held {
        broken.push(format!("INV-GOV-01: the pool holds {pool} wei, the deposits of open votes are {held} wei"));
    }
    Ok(broken)
}

/// INV-GOV-02: the sums are those of the votes.
fn tally<S: StateRead + ?Sized>(
    state: &S,
    id: u64,
    proposal: &Proposal,
    progress: &Progress,
    broken: &mut Vec<String>,
) -> Result<(), StateError> {
    let mut sum = Tally::default();
    let mut after: Option<Address> = None;
    loop {
        let page = state.votes(id, after, PAGE)?;
        for (_, vote) in &page {
            sum.add(vote.choice, vote.weight)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE => after = Some(*last),
            _ => break,
        }
    }
    if sum != progress.tally {
        broken.push(format!("INV-GOV-02: proposal {id} counts {:?}, its votes are {sum:?}", progress.tally));
    }
    let rule = proposal.action.rule();
    let outcome = sum.outcome(proposal.beta_pod, rule)?;
    let decided: Status = outcome.into();
    let fits = match &progress.status {
        Status::Voting => true,
        Status::Passed | Status::AwaitingSigners | Status::Executed | Status::Failed(_) | Status::Expired => {
            decided == Status::Passed
        }
        other => *other == decided,
    };
    if !fits {
        broken.push(format!("INV-GOV-07: proposal {id} is {}, its votes say {outcome:?}", progress.status.name()));
    }
    Ok(())
}
