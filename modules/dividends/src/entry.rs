//! The functions at the system addresses 0x…0104 and 0x…0105. Thin: decode, do, encode.

use alloy_sol_types::{SolCall, SolValue};
use defchain_base::{
    Bytes, Month, U256,
    native::{Function, Host, Mutability, NativeCall, NativeError, Role, SystemEntry, decode_args},
    system,
};
use defchain_staking::{abi::IStaking, msg::position_id};

use crate::{
    abi::IDividendCalculator,
    auto::set_auto_compound as set_auto,
    claim::{claim, claim_all, compound as compound_one},
    query,
};

const ACT: u64 = 3_000;
const VIEW: u64 = 1_000;

macro_rules! function {
    ($call:ident, $mutability:ident, $gas:ident, $releases:literal, $summary:literal, $run:ident) => {
        Function {
            signature: IStaking::$call::SIGNATURE,
            selector: IStaking::$call::SELECTOR,
            mutability: Mutability::$mutability,
            gas: $gas,
            releases: $releases,
            summary: $summary,
            run: $run,
        }
    };
}

const OWN: [Function; 9] = [
    function!(claimDividendsCall, Acting, ACT, true, "Pays the month's dividend of a position.", claim_dividends),
    function!(claimDividendsForCall, Acting, ACT, false, "Pays the month's dividend to a position's owner.", claim_for),
    function!(claimAllDividendsCall, Acting, ACT, true, "Pays the month's dividends of all positions.", claim_all_own),
    function!(
        claimAllDividendsForCall,
        Acting,
        ACT,
        false,
        "Pays all of the month's dividends to an owner.",
        claim_all_for
    ),
    function!(compoundCall, Acting, ACT, false, "Adds the month's dividend to its position.", compound),
    function!(compoundForCall, Acting, ACT, false, "Adds the month's dividend to anyone's position.", compound_for),
    function!(setAutoCompoundCall, Acting, ACT, false, "Switches auto-compounding of a position.", set_auto_compound),
    function!(dividendOfCall, View, VIEW, false, "This month's dividend that a position may claim now.", dividend_of),
    function!(monthOfCall, View, VIEW, false, "What was fixed at the begin of a month.", month_of),
];

const COUNT: usize = OWN.len() + defchain_staking::FUNCTIONS.len();

/// All functions of 0x…0105: staking's, then these.
static FUNCTIONS: [Function; COUNT] = all();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time, where it fails"
)]
const fn all() -> [Function; COUNT] {
    let mut out = [OWN[0]; COUNT];
    let first = defchain_staking::FUNCTIONS;
    let mut at = 0;
    while at < COUNT {
        out[at] = if at < first.len() { first[at] } else { OWN[at - first.len()] };
        at += 1;
    }
    out
}

/// The entry of 0x…0105.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::STAKING,
    name: "Staking",
    summary: "Staking positions and their dividends (D22 to D26a).",
    interface: defchain_staking::INTERFACE,
    role: Role::Active(&FUNCTIONS),
    compact: Some(defchain_staking::compact),
};

/// The entry of 0x…0104.
pub const CALCULATOR_ENTRY: SystemEntry = SystemEntry {
    address: system::DIVIDEND_CALCULATOR,
    name: "DividendCalculator",
    summary: "Dividends that the positions of an account may claim now.",
    interface: include_str!("../../../interfaces/IDividendCalculator.sol"),
    role: Role::Active(&[Function {
        signature: IDividendCalculator::calculateDividendsCall::SIGNATURE,
        selector: IDividendCalculator::calculateDividendsCall::SELECTOR,
        mutability: Mutability::View,
        gas: VIEW,
        releases: false,
        summary: "This month's dividend of each open position of an account.",
        run: calculate_dividends,
    }]),
    compact: None,
};

fn word(value: impl Into<U256>) -> Bytes {
    value.into().to_be_bytes::<32>().into()
}

fn claim_dividends(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::claimDividendsCall>(call.args)?;
    let (owner, id) = (call.caller, position_id(call.caller, args.id)?);
    Ok(word(claim(call, owner, id)?))
}

fn claim_for(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::claimDividendsForCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    Ok(word(claim(call, args.owner, id)?))
}

fn claim_all_own(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<IStaking::claimAllDividendsCall>(call.args)?;
    let owner = call.caller;
    Ok(word(claim_all(call, owner)?))
}

fn claim_all_for(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::claimAllDividendsForCall>(call.args)?;
    Ok(word(claim_all(call, args.owner)?))
}

fn compound(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::compoundCall>(call.args)?;
    let (owner, id) = (call.caller, position_id(call.caller, args.id)?);
    Ok(word(compound_one(call, owner, id)?))
}

fn compound_for(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::compoundForCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    Ok(word(compound_one(call, args.owner, id)?))
}

fn set_auto_compound(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::setAutoCompoundCall>(call.args)?;
    let (owner, id) = (call.caller, position_id(call.caller, args.id)?);
    set_auto(call, owner, id, args.on)?;
    Ok(Bytes::new())
}

fn dividend_of(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::dividendOfCall>(call.args)?;
    let (id, now) = (position_id(args.owner, args.id)?, call.env().time);
    Ok(word(query::dividend_of(call, args.owner, id, now)?))
}

fn month_of(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::monthOfCall>(call.args)?;
    let month = u32::try_from(args.month).unwrap_or(u32::MAX);
    let found = query::snapshot(call, Month(month))?.unwrap_or_default();
    let time = U256::from(found.time.seconds());
    Ok((found.pool.to_u256(), found.beta, found.claimed.to_u256(), time).abi_encode().into())
}

fn calculate_dividends(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let (account, now) = (call.address_arg(0)?, call.env().time);
    let found = query::dividends(call, account, now)?;
    call.elements(found.len())?;
    let amounts: Vec<U256> = found.into_iter().map(|(_, amount)| amount.to_u256()).collect();
    Ok(amounts.abi_encode().into())
}
