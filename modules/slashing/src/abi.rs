//! The functions at 0x…0106 beside those of the validators module.

use alloy_primitives::{Bytes, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use defchain_base::{
    native::{Function, Mutability, NativeCall, NativeError, decode_args},
    params::ModuleParams,
};

use crate::{Kind, SlashingError, SlashingParams, msg, punish::Penalty, query::MAX_PAGE, state::SlashingRead};

mod interface {
    #![allow(clippy::too_many_arguments, missing_docs, reason = "generated: the fields of an event")]
    alloy_sol_types::sol!("../../interfaces/ISlashing.sol");
}

pub use interface::ISlashing;
use interface::ISlashing as I;

/// The Solidity source.
pub const INTERFACE: &str = include_str!("../../../interfaces/ISlashing.sol");

/// Base gas of submitting; state access and the two signatures come on top.
const ACT: u64 = 5_000;
/// Base gas of a view.
const VIEW: u64 = 500;

type Run = Result<Bytes, NativeError>;

const fn function<C: SolCall>(
    mutability: Mutability,
    summary: &'static str,
    run: fn(&mut NativeCall<'_>) -> Run,
) -> Function {
    let gas = if matches!(mutability, Mutability::View) { VIEW } else { ACT };
    Function { signature: C::SIGNATURE, selector: C::SELECTOR, mutability, gas, releases: false, summary, run }
}

/// For the application to put into the entry of 0x…0106.
pub const FUNCTIONS: &[Function] = &[
    function::<I::submitEvidenceCall>(Mutability::Acting, "Submits two conflicting votes of a validator.", submit),
    function::<I::evidenceCountCall>(Mutability::View, "How many faults have been punished.", count),
    function::<I::evidenceAtCall>(Mutability::View, "A punished fault.", evidence),
    function::<I::evidenceOfCall>(Mutability::View, "The numbers of a validator's punished faults.", evidence_of),
    function::<I::penaltyOfCall>(Mutability::View, "What a fault of a validator would cost it now.", penalty),
];

fn submit(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::submitEvidenceCall>(call.args)?;
    let reporter = call.caller;
    let id = msg::submit_evidence(call, reporter, &args.publicKey.0, &args.voteA, &args.voteB)?;
    Ok(U256::from(id).abi_encode().into())
}

fn count(call: &mut NativeCall<'_>) -> Run {
    decode_args::<I::evidenceCountCall>(call.args)?;
    Ok(U256::from(call.next_evidence()?.saturating_sub(1)).abi_encode().into())
}

/// Beyond 64 bits there is no evidence.
fn id(value: U256) -> Result<u64, NativeError> {
    u64::try_from(value).map_err(|_| NativeError::revert(format!("there is no evidence {value}")))
}

fn evidence(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::evidenceAtCall>(call.args)?;
    let id = id(args.id)?;
    let e = call.evidence(id)?;
    let view = I::Evidence {
        id,
        kind: e.kind as u8,
        validator: e.operator,
        consensusAddress: FixedBytes(e.consensus.0),
        faultHeight: e.fault_height.0,
        height: e.height.0,
        age: e.age.0,
        share: e.share.0,
        repeats: e.repeats,
        slashed: e.split.slashed.to_u256(),
        burned: e.split.burned.to_u256(),
        treasury: e.split.treasury.to_u256(),
        reward: e.split.reward.to_u256(),
        reporter: e.reporter,
        jailedUntil: e.jailed_until.0,
        proof: e.proof,
    };
    Ok(I::evidenceAtCall::abi_encode_returns(&view).into())
}

fn evidence_of(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::evidenceOfCall>(call.args)?;
    let limit = usize::try_from(args.limit).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let found = SlashingRead::evidence_of(call, args.validator, u64::try_from(args.above).unwrap_or(u64::MAX), limit)?;
    let numbers: Vec<U256> = found.into_iter().map(U256::from).collect();
    Ok(I::evidenceOfCall::abi_encode_returns(&numbers).into())
}

fn penalty(call: &mut NativeCall<'_>) -> Run {
    let args = decode_args::<I::penaltyOfCall>(call.args)?;
    let kind = Kind::from_number(args.kind).ok_or(SlashingError::NoKind(args.kind))?;
    let params = SlashingParams::load(call)?;
    let day = defchain_staking::calendar(call)?.day_millis();
    let standing = call.standing(args.validator)?;
    let penalty = Penalty::of(&params, day, kind, standing.of(kind), call.env().age);
    Ok(I::penaltyOfCall::abi_encode_returns(&I::penaltyOfReturn { share: penalty.share.0, jail: penalty.jail }).into())
}
