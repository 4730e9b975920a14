//! Opening a proposal.

use defchain_base::{Address, Amount, Timestamp, native::Host, params::ModuleParams};

use crate::{
    GovernanceError, GovernanceParams, GovernanceRead, GovernanceWrite,
    action::Action,
    electorate, events,
    execute::{self, Executor},
    params::MAX_DESCRIPTION_BYTES,
    proposal::{Progress, Proposal, Status, Tally},
};

/// Opens a proposal; `deposit` already lies in the pool of governance. Returns its number.
///
/// # Errors
/// When the deposit is not exactly the parameter's, the description has no fitting length, the action could not be executed
/// as things stand, or the store fails.
pub fn propose<E: Executor>(
    host: &mut dyn Host,
    proposer: Address,
    deposit: Amount,
    action: Action,
    description: String,
) -> Result<u64, GovernanceError> {
    let params = GovernanceParams::load(host)?;
    if deposit != params.deposit {
        return Err(GovernanceError::Deposit { needed: params.deposit, sent: deposit });
    }
    if description.is_empty() || description.len() > MAX_DESCRIPTION_BYTES {
        return Err(GovernanceError::Description { found: description.len(), max: MAX_DESCRIPTION_BYTES });
    }
    if let Some(problem) = action.problem() {
        return Err(GovernanceError::Action(problem));
    }
    execute::check::<E>(host, &action)?.map_err(GovernanceError::Action)?;

    let calendar = electorate::calendar(host)?;
    let length = if action.rule().emergency {
        electorate::hours(&calendar, params.emergency_voting_hours)
    } else {
        electorate::days(&calendar, params.voting_days)
    };
    let start = host.block().time;
    let end = Timestamp(start.0.saturating_add(length));
    let beta_pod = electorate::total(host)?;
    let id = host.next_proposal()?;
    let proposal = Proposal { proposer, deposit, start, end, beta_pod, action, description };
    let progress = Progress { status: Status::Voting, due: end, tally: Tally::default() };
    host.open_proposal(id, &proposal, &progress)?;
    events::created(host, id, &proposal)?;
    Ok(id)
}
