//! Voting, and voting otherwise.

use defchain_base::{Address, native::Host};

use crate::{
    GovernanceError, GovernanceRead, GovernanceWrite, electorate, events,
    proposal::{Choice, Status, Vote},
};

/// Votes, or changes an earlier vote, with the weight that the voter's positions have now.
///
/// The weight is that of the moment: who withdrew since counts less, who extended counts more. It stays counted when the
/// positions change afterwards; a token cannot vote twice all the same, because what leaves a position can only enter one that
/// is too young to vote.
///
/// # Errors
/// When there is no such proposal or choice, the vote is over, the voter has no weight in positions opened before the vote, the
/// same vote stands already, or the store fails.
pub fn vote(host: &mut dyn Host, voter: Address, id: u64, choice: u8) -> Result<Vote, GovernanceError> {
    let choice = Choice::from_number(choice).ok_or(GovernanceError::Choice(choice))?;
    let (proposal, mut progress) = host.proposal(id)?;
    let now = host.block().time;
    if progress.status != Status::Voting || now >= proposal.end {
        return Err(GovernanceError::Ended { id, end: proposal.end, now });
    }
    let weight = electorate::weight(host, voter, proposal.start)?;
    if weight.is_zero() {
        return Err(GovernanceError::NoWeight { voter, id, start: proposal.start });
    }
    let vote = Vote { choice, weight };
    if let Some(before) = GovernanceRead::vote(host, id, voter)? {
        if before == vote {
            return Err(GovernanceError::Same { voter, id, choice: choice.name(), weight });
        }
        progress.tally.take(before.choice, before.weight)?;
    }
    progress.tally.add(choice, weight)?;
    host.put_vote(id, voter, &vote)?;
    host.put_progress(id, &progress)?;
    events::cast(host, id, voter, vote)?;
    Ok(vote)
}
