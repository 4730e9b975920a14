//! The end of a block: votes end, what was decided is executed.

use defchain_base::{StateError, Timestamp, native::Host, params::ModuleParams, system::Pool};

use crate::{
    GovernanceError, GovernanceParams, GovernanceRead, GovernanceWrite, electorate, events,
    execute::{self, Executor},
    msg::approve,
    params::{APPROVALS, MAX_REASON_BYTES, MAX_STEPS_PER_BLOCK},
    proposal::{Progress, Proposal, Status},
    tally::Outcome,
};

/// Takes up what is due, oldest deadline first, at most [`MAX_STEPS_PER_BLOCK`] proposals. A step that is due at once, because
/// time jumped over several deadlines, comes with the next block.
///
/// # Errors
/// When the store fails.
pub fn end<E: Executor>(host: &mut dyn Host) -> Result<(), StateError> {
    let now = host.block().time;
    for due in host.due(now, MAX_STEPS_PER_BLOCK)? {
        let (proposal, progress) = host.proposal(due.1)?;
        step::<E>(host, due.1, &proposal, progress)?;
    }
    Ok(())
}

fn step<E: Executor>(
    host: &mut dyn Host,
    id: u64,
    proposal: &Proposal,
    mut progress: Progress,
) -> Result<(), GovernanceError> {
    let before = progress.due;
    match progress.status {
        Status::Voting => close(host, id, proposal, &mut progress)?,
        Status::Passed => ripe::<E>(host, id, proposal, &mut progress)?,
        Status::AwaitingSigners => {
            progress.status = Status::Expired;
            events::settled(host, id, &progress)?;
        }
        // Not in the queue: `advance` takes it out once nothing is to come.
        _ => {}
    }
    Ok(host.advance(id, before, &progress)?)
}

/// The vote is over: the deposit goes back, unless a third vetoed, which burns it.
fn close(host: &mut dyn Host, id: u64, proposal: &Proposal, progress: &mut Progress) -> Result<(), GovernanceError> {
    let rule = proposal.action.rule();
    let outcome = progress.tally.outcome(proposal.beta_pod, rule)?;
    progress.status = outcome.into();
    if outcome == Outcome::Passed {
        let params = GovernanceParams::load(host)?;
        let calendar = electorate::calendar(host)?;
        let hours = if rule.emergency { params.emergency_timelock_hours } else { params.timelock_hours };
        // From the block that found it, not from the deadline: a chain that stood still owes everybody the whole timelock.
        progress.due = Timestamp(host.block().time.0.saturating_add(electorate::hours(&calendar, hours)));
    }
    if outcome == Outcome::Vetoed {
        host.burn(Pool::Governance, proposal.deposit)?;
        events::deposit_burned(host, id, proposal)?;
    } else {
        host.pay(Pool::Governance, proposal.proposer, proposal.deposit)?;
        events::deposit_returned(host, id, proposal)?;
    }
    events::closed(host, id, proposal, progress)
}

/// The timelock is over.
fn ripe<E: Executor>(
    host: &mut dyn Host,
    id: u64,
    proposal: &Proposal,
    progress: &mut Progress,
) -> Result<(), GovernanceError> {
    if proposal.action.rule().signed && approve::count(host, id)? < APPROVALS {
        let days = GovernanceParams::load(host)?.signers_days;
        let wait = electorate::days(&electorate::calendar(host)?, days);
        progress.status = Status::AwaitingSigners;
        progress.due = Timestamp(host.block().time.0.saturating_add(wait));
        return events::settled(host, id, progress);
    }
    progress.status = match execute::run::<E>(host, id, &proposal.action)? {
        Ok(()) => Status::Executed,
        Err(reason) => Status::Failed(shortened(reason)),
    };
    events::settled(host, id, progress)
}

fn shortened(mut reason: String) -> String {
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.truncate(end);
    reason
}
