//! The treasury's signers.

use defchain_base::{Address, native::Host};

use crate::{
    GovernanceError, GovernanceRead, GovernanceWrite, events,
    params::{APPROVALS, SIGNERS},
    proposal::Status,
};

/// A signer approves a spending of the treasury, or takes the approval back. Returns how many signers in office approve.
///
/// Approvals may come while the vote still runs: they count only after it has passed.
///
/// # Errors
/// When the caller is no signer, the proposal is no pending spending of the treasury, the approval stands already (or does
/// not, when it is to be taken back), or the store fails.
pub fn approve(host: &mut dyn Host, signer: Address, id: u64, approve: bool) -> Result<usize, GovernanceError> {
    let signers = host.signers()?;
    if !signers.contains(&signer) {
        return Err(GovernanceError::NotSigner(signer));
    }
    let (proposal, progress) = host.proposal(id)?;
    if !proposal.action.rule().signed || !progress.status.is_pending() {
        let (status, action) = (progress.status.name(), proposal.action.name());
        return Err(GovernanceError::NothingToSign { id, status, action });
    }
    let mut approvals = host.approvals(id)?;
    // Who was voted out of office approves nothing, and makes room.
    approvals.retain(|a| signers.contains(a));
    if approvals.contains(&signer) == approve {
        return Err(GovernanceError::Approval { signer, id, approved: approve });
    }
    if approve {
        approvals.push(signer);
    } else {
        approvals.retain(|a| *a != signer);
    }
    let count = approvals.len();
    debug_assert!(count <= SIGNERS, "each signer once");
    host.put_approvals(id, approvals)?;
    events::approval(host, id, signer, approve, count)?;
    // Only the fifth signature was missing: it is executed at the end of this block.
    if count >= APPROVALS && progress.status == Status::AwaitingSigners {
        let before = progress.due;
        let mut progress = progress;
        progress.status = Status::Passed;
        progress.due = host.block().time;
        host.advance(id, before, &progress)?;
    }
    Ok(count)
}

/// How many signers in office approve.
pub(crate) fn count(host: &dyn Host, id: u64) -> Result<usize, GovernanceError> {
    let signers = host.signers()?;
    Ok(host.approvals(id)?.iter().filter(|a| signers.contains(a)).count())
}
