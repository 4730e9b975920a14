//! The door at 0x…0109: functions that decode, call a message, and encode.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use defchain_base::{
    Amount, Height,
    native::{Function, Mutability, NativeCall, NativeError, Role, SystemEntry, decode_args},
    params::ModuleParams,
    system::{self, Pool},
};

use crate::{
    GovernanceError, GovernanceParams, GovernanceRead, action::Action, execute::Executor, msg, proposal::Status,
};

mod interface {
    #![allow(clippy::too_many_arguments, missing_docs, reason = "generated: the fields of an event")]
    alloy_sol_types::sol!("../../interfaces/IGovernance.sol");
}

pub use interface::IGovernance;
use interface::IGovernance as I;

/// The Solidity source.
pub const INTERFACE: &str = include_str!("../../../interfaces/IGovernance.sol");

/// Base gas of a function that acts; state access and loops come on top.
const ACT: u64 = 5_000;
/// Base gas of a view.
const VIEW: u64 = 500;

type Run = Result<Bytes, NativeError>;

/// The entry of 0x…0109 on a chain whose parameters and upgrades `E` keeps.
#[must_use]
pub const fn entry<E: Executor>() -> SystemEntry {
    SystemEntry {
        address: system::GOVERNANCE,
        name: "Governance",
        summary: "Proposals, votes by PoD weight, and the execution of what was decided.",
        interface: INTERFACE,
        role: Role::Active(Table::<E>::FUNCTIONS),
        compact: None,
    }
}

struct Table<E>(core::marker::PhantomData<E>);

const fn function<C: SolCall>(
    mutability: Mutability,
    summary: &'static str,
    run: fn(&mut NativeCall<'_>) -> Run,
) -> Function {
    let gas = if matches!(mutability, Mutability::View) { VIEW } else { ACT };
    Function { signature: C::SIGNATURE, selector: C::SELECTOR, mutability, gas, releases: false, summary, run }
}

impl<E: Executor> Table<E> {
    const FUNCTIONS: &'static [Function] = &[
        function::<I::proposeTextCall>(Mutability::Payable, "Proposes a text.", |call| {
            let args = decode_args::<I::proposeTextCall>(call.args)?;
            propose::<E>(call, Action::Text, args.description)
        }),
        function::<I::proposeParameterCall>(Mutability::Payable, "Proposes to set a parameter.", |call| {
            let args = decode_args::<I::proposeParameterCall>(call.args)?;
            let number = number("the value", args.value)?;
            let value = number.wei().to_be_bytes().to_vec().into();
            propose::<E>(call, Action::Param { module: args.module, key: args.key, value }, args.description)
        }),
        function::<I::proposeBurnTableCall>(Mutability::Payable, "Proposes a burn table.", |call| {
            let args = decode_args::<I::proposeBurnTableCall>(call.args)?;
            propose::<E>(call, Action::BurnTable { preserved: args.preserved }, args.description)
        }),
        function::<I::proposeLowerBurnCall>(
            Mutability::Payable,
            "Proposes a milder burn table in an emergency.",
            |call| {
                let args = decode_args::<I::proposeLowerBurnCall>(call.args)?;
                propose::<E>(call, Action::LowerBurn { preserved: args.preserved }, args.description)
            },
        ),
        function::<I::proposeExemptCall>(Mutability::Payable, "Proposes that an address does not decay.", |call| {
            let args = decode_args::<I::proposeExemptCall>(call.args)?;
            propose::<E>(call, Action::Exempt { account: args.account, exempt: args.exempt }, args.description)
        }),
        function::<I::proposeVerifierCall>(Mutability::Payable, "Proposes to accredit or remove a verifier.", |call| {
            let I::proposeVerifierCall { verifier, name, accredited, description } = decode_args(call.args)?;
            propose::<E>(call, Action::Verifier { verifier, name, accredited }, description)
        }),
        function::<I::proposeSpendingCall>(Mutability::Payable, "Proposes to pay out of a pool.", |call| {
            let args = decode_args::<I::proposeSpendingCall>(call.args)?;
            let amount = number("the amount", args.amount)?;
            let pool = Pool::ALL.into_iter().find(|p| *p as u8 == args.pool).ok_or_else(|| {
                NativeError::revert(format!("there is no pool {}: 1 technical, 2 marketing, 3 treasury", args.pool))
            })?;
            propose::<E>(call, Action::Spend { pool, to: args.to, amount }, args.description)
        }),
        function::<I::proposeSlashCall>(
            Mutability::Payable,
            "Proposes to punish a validator for censorship.",
            |call| {
                let args = decode_args::<I::proposeSlashCall>(call.args)?;
                propose::<E>(call, Action::Slash { validator: args.validator }, args.description)
            },
        ),
        function::<I::proposeSignersCall>(Mutability::Payable, "Proposes the nine signers of the treasury.", |call| {
            let args = decode_args::<I::proposeSignersCall>(call.args)?;
            propose::<E>(call, Action::Signers { signers: args.signers }, args.description)
        }),
        function::<I::proposeUpgradeCall>(Mutability::Payable, "Proposes a change of rules at a height.", |call| {
            let I::proposeUpgradeCall { height, appVersion, name, description } = decode_args(call.args)?;
            propose::<E>(call, Action::Upgrade { height: Height(height), app_version: appVersion, name }, description)
        }),
        function::<I::proposeCancelUpgradeCall>(
            Mutability::Payable,
            "Proposes to take the scheduled change of rules back.",
            |call| {
                let args = decode_args::<I::proposeCancelUpgradeCall>(call.args)?;
                propose::<E>(call, Action::CancelUpgrade, args.description)
            },
        ),
        function::<I::voteCall>(Mutability::Acting, "Votes, or changes a vote.", vote),
        function::<I::approveSpendingCall>(
            Mutability::Acting,
            "A signer approves a spending of the treasury.",
            approve,
        ),
        function::<I::proposalCountCall>(Mutability::View, "How many proposals there have been.", count),
        function::<I::proposalCall>(Mutability::View, "A proposal.", proposal),
        function::<I::voteOfCall>(Mutability::View, "How somebody voted.", vote_of),
        function::<I::signersCall>(Mutability::View, "The signers of the treasury.", signers),
        function::<I::approvalsCall>(Mutability::View, "The signers that approve a spending.", approvals),
        function::<I::depositAmountCall>(Mutability::View, "What a proposal must send along.", deposit),
    ];
}

fn number(what: &str, value: U256) -> Result<Amount, NativeError> {
    Amount::try_from(value).map_err(|_| NativeError::revert(format!("{what} is {value}: below 2^128")))
}

/// A proposal's number; beyond 64 bits there is none.
fn id(value: U256) -> Result<u64, NativeError> {
    u64::try_from(value).map_err(|_| NativeError::revert(format!("there is no proposal {value}")))
}

fn propose<E: Executor>(call: &mut NativeCall<'_>, action: Action, description: String) -> Run {
    let (proposer, deposit) = (call.caller, call.value);
    let id = msg::propose::propose::<E>(call, proposer, deposit, action, description)?;
    Ok(U256::from(id).abi_encode().into())
}

fn vote(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::voteCall>(call.args)?;
    let voter = call.caller;
    let vote = msg::vote::vote(call, voter, id(args.id)?, args.choice)?;
    Ok(vote.weight.abi_encode().into())
}

fn approve(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::approveSpendingCall>(call.args)?;
    let signer = call.caller;
    let count = msg::approve::approve(call, signer, id(args.id)?, args.approved)?;
    Ok(U256::from(count).abi_encode().into())
}

fn count(call: &mut NativeCall<'_>) -> Run {
    decode_args::<I::proposalCountCall>(call.args)?;
    Ok(U256::from(call.next_proposal()?.saturating_sub(1)).abi_encode().into())
}

fn proposal(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::proposalCall>(call.args)?;
    let id = id(args.id)?;
    let (p, progress) = call.proposal(id)?;
    let failure = if let Status::Failed(reason) = &progress.status { reason.clone() } else { String::new() };
    let view = I::Proposal {
        id,
        proposer: p.proposer,
        kind: p.action.kind(),
        status: progress.status.number(),
        deposit: p.deposit.to_u256(),
        start: p.start.0,
        end: p.end.0,
        due: progress.due.0,
        betaPod: p.beta_pod,
        yes: progress.tally.yes,
        no: progress.tally.no,
        abstain: progress.tally.abstain,
        veto: progress.tally.veto,
        action: p.action.to_string(),
        description: p.description,
        failure,
    };
    Ok(I::proposalCall::abi_encode_returns(&view).into())
}

fn vote_of(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::voteOfCall>(call.args)?;
    let vote = GovernanceRead::vote(call, id(args.id)?, args.voter)?;
    let (choice, weight) = vote.map_or((0, U256::ZERO), |v| (v.choice as u8, v.weight));
    Ok(I::voteOfCall::abi_encode_returns(&I::voteOfReturn { choice, weight }).into())
}

fn signers(call: &mut NativeCall<'_>) -> Run {
    decode_args::<I::signersCall>(call.args)?;
    Ok(I::signersCall::abi_encode_returns(&GovernanceRead::signers(call)?).into())
}

fn approvals(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::approvalsCall>(call.args)?;
    let signers = GovernanceRead::signers(call)?;
    let mut list = GovernanceRead::approvals(call, id(args.id)?)?;
    list.retain(|a| signers.contains(a));
    Ok(I::approvalsCall::abi_encode_returns(&list).into())
}

fn deposit(call: &mut NativeCall<'_>) -> Run {
    decode_args::<I::depositAmountCall>(call.args)?;
    let params = GovernanceParams::load(call).map_err(GovernanceError::from)?;
    Ok(params.deposit.to_u256().abi_encode().into())
}
