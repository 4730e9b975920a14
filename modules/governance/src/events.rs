//! The events of [`IGovernance`](crate::abi::IGovernance), for receipts and for the events of blocks (D21).

use alloy_primitives::U256;
use defchain_base::{
    Address, StateError,
    native::{Host, encode_log},
    system,
};

use crate::{
    GovernanceError,
    abi::IGovernance as I,
    action::Action,
    proposal::{Progress, Proposal, Status, Vote},
};

fn emit(host: &mut dyn Host, event: &impl alloy_sol_types::SolEvent) -> Result<(), StateError> {
    host.emit(encode_log(system::GOVERNANCE, event))
}

pub(crate) fn created(host: &mut dyn Host, id: u64, p: &Proposal) -> Result<(), StateError> {
    emit(
        host,
        &I::ProposalCreated {
            id: U256::from(id),
            proposer: p.proposer,
            kind: p.action.kind(),
            start: p.start.0,
            end: p.end.0,
            betaPod: p.beta_pod,
            action: p.action.to_string(),
            description: p.description.clone(),
        },
    )
}

pub(crate) fn cast(host: &mut dyn Host, id: u64, voter: Address, vote: Vote) -> Result<(), StateError> {
    emit(host, &I::VoteCast { id: U256::from(id), voter, choice: vote.choice as u8, weight: vote.weight })
}

pub(crate) fn closed(host: &mut dyn Host, id: u64, p: &Proposal, progress: &Progress) -> Result<(), GovernanceError> {
    let due = if progress.status == Status::Passed { progress.due.0 } else { 0 };
    let t = progress.tally;
    emit(
        host,
        &I::VoteEnded {
            id: U256::from(id),
            status: progress.status.number(),
            yes: t.yes,
            no: t.no,
            abstain: t.abstain,
            veto: t.veto,
            betaPod: p.beta_pod,
            due,
        },
    )?;
    Ok(())
}

pub(crate) fn deposit_returned(host: &mut dyn Host, id: u64, p: &Proposal) -> Result<(), StateError> {
    emit(host, &I::DepositReturned { id: U256::from(id), to: p.proposer, amount: p.deposit.to_u256() })
}

pub(crate) fn deposit_burned(host: &mut dyn Host, id: u64, p: &Proposal) -> Result<(), StateError> {
    emit(host, &I::DepositBurned { id: U256::from(id), amount: p.deposit.to_u256() })
}

pub(crate) fn settled(host: &mut dyn Host, id: u64, progress: &Progress) -> Result<(), GovernanceError> {
    let due = if progress.status == Status::AwaitingSigners { progress.due.0 } else { 0 };
    let reason = if let Status::Failed(reason) = &progress.status { reason.clone() } else { String::new() };
    emit(host, &I::ProposalSettled { id: U256::from(id), status: progress.status.number(), due, reason })?;
    Ok(())
}

pub(crate) fn approval(
    host: &mut dyn Host,
    id: u64,
    signer: Address,
    approved: bool,
    count: usize,
) -> Result<(), StateError> {
    emit(host, &I::SpendingApproved { id: U256::from(id), signer, approved, approvals: U256::from(count) })
}

/// What an executed action changed, where no other module says so itself.
pub(crate) fn executed(host: &mut dyn Host, id: u64, action: &Action) -> Result<(), StateError> {
    let id = U256::from(id);
    match action {
        Action::Param { module, key, value } => emit(
            host,
            &I::ParameterChanged { id, module: module.clone(), key: key.clone(), value: value.clone().into() },
        ),
        Action::Spend { pool, to, amount } => {
            emit(host, &I::PoolSpent { id, pool: *pool as u8, to: *to, amount: amount.to_u256() })
        }
        Action::Signers { signers } => emit(host, &I::SignersElected { id, signers: *signers }),
        Action::Text
        | Action::BurnTable { .. }
        | Action::LowerBurn { .. }
        | Action::Exempt { .. }
        | Action::Verifier { .. }
        | Action::Slash { .. }
        | Action::Upgrade { .. }
        | Action::CancelUpgrade => Ok(()),
    }
}
