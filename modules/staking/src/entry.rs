//! The functions at the system addresses. Thin: decode, do, encode.

use alloy_sol_types::{SolCall, SolValue};
use defchain_base::{
    Amount, Bytes, U256,
    native::{Function, Host, Mutability, NativeCall, NativeError, Role, SystemEntry, decode_args},
    system,
};

use crate::{
    PositionId, PositionIds, StakingError,
    abi::{IPoDWeight, IStaking, IStakingPositions},
    msg::{self, position_id},
    query::{self, PositionInfo},
};

/// Gas of a call that writes, before its state access: what the rest of an operation costs.
const ACT: u64 = 3_000;
/// Of a call that reads.
const VIEW: u64 = 1_000;

/// Solidity interface of 0x…0105.
pub const INTERFACE: &str = include_str!("../../../interfaces/IStaking.sol");

/// The entry of 0x…0101.
pub const POD_WEIGHT_ENTRY: SystemEntry = SystemEntry {
    address: system::POD_WEIGHT,
    name: "PoDWeight",
    summary: "PoD weight of an account: amount times years over its running positions (D27).",
    interface: include_str!("../../../interfaces/IPoDWeight.sol"),
    role: Role::Active(&[Function {
        signature: IPoDWeight::calculatePoDWeightCall::SIGNATURE,
        selector: IPoDWeight::calculatePoDWeightCall::SELECTOR,
        mutability: Mutability::View,
        gas: VIEW,
        releases: false,
        summary: "Sum of amount times years over the running positions of an account.",
        run: calculate_pod_weight,
    }]),
    compact: None,
};

/// The entry of 0x…0102.
pub const POSITIONS_ENTRY: SystemEntry = SystemEntry {
    address: system::STAKING_POSITIONS,
    name: "StakingPositions",
    summary: "Staking positions of an account, as the paper's struct.",
    interface: include_str!("../../../interfaces/IStakingPositions.sol"),
    role: Role::Active(&[Function {
        signature: IStakingPositions::getStakingPositionsCall::SIGNATURE,
        selector: IStakingPositions::getStakingPositionsCall::SELECTOR,
        mutability: Mutability::View,
        gas: VIEW,
        releases: false,
        summary: "All open positions of an account, by ascending id.",
        run: get_staking_positions,
    }]),
    compact: None,
};

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

/// The staking functions of 0x…0105; `defchain-dividends` adds its own and exports the entry.
pub const FUNCTIONS: [Function; 12] = [
    function!(stakeCall, Payable, ACT, false, "Stakes the value sent for 1 to 12 years.", stake),
    function!(extendCall, Acting, ACT, false, "Gives a running position of the caller a longer term.", extend),
    function!(restakeCall, Acting, ACT, false, "Stakes anew what of an ended position has unlocked.", restake),
    function!(withdrawCall, Acting, ACT, true, "Pays the month's allowance of a running position.", withdraw),
    function!(withdrawPartCall, Acting, ACT, true, "Pays a part of the month's allowance.", withdraw_part),
    function!(
        withdrawForCall,
        Acting,
        ACT,
        false,
        "Pays the month's allowance to the owner of a position.",
        withdraw_for
    ),
    function!(unlockCall, Acting, ACT, true, "Pays what of an ended position has unlocked.", unlock),
    function!(unlockForCall, Acting, ACT, false, "Pays what has unlocked to the owner of a position.", unlock_for),
    function!(closeCall, Acting, ACT, false, "Closes a position that holds nothing.", close),
    function!(positionCall, View, VIEW, false, "Everything about an open position.", position),
    function!(positionIdsCall, View, VIEW, false, "Ids of the open positions of an owner.", position_ids),
    function!(
        totalsCall,
        View,
        VIEW,
        false,
        "Sums over all positions: staked, beta, beta of PoD, their number.",
        totals
    ),
];

fn word(value: impl Into<U256>) -> Bytes {
    value.into().to_be_bytes::<32>().into()
}

/// A number of years from outside; what does not fit is no term either.
fn years(number: U256) -> Result<u64, StakingError> {
    u64::try_from(number).map_err(|_| StakingError::HugeTerm(number))
}

fn ids(ids: PositionIds) -> Bytes {
    let second = ids.attention.map_or(U256::MAX, |id| U256::from(id.0));
    (U256::from(ids.main.0), second).abi_encode().into()
}

fn own_id(call: &NativeCall<'_>, id: U256) -> Result<PositionId, StakingError> {
    position_id(call.caller, id)
}

fn stake(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::stakeCall>(call.args)?;
    let (owner, value) = (call.caller, call.value);
    Ok(ids(msg::stake(call, owner, value, years(args.numYears)?)?))
}

fn extend(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::extendCall>(call.args)?;
    let (owner, id) = (call.caller, own_id(call, args.id)?);
    msg::extend(call, owner, id, years(args.numYears)?)?;
    Ok(Bytes::new())
}

fn restake(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::restakeCall>(call.args)?;
    let (owner, id) = (call.caller, own_id(call, args.id)?);
    Ok(ids(msg::restake(call, owner, id, years(args.numYears)?)?))
}

fn withdraw(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::withdrawCall>(call.args)?;
    let (owner, id) = (call.caller, own_id(call, args.id)?);
    Ok(word(msg::withdraw(call, owner, id)?))
}

fn withdraw_part(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::withdrawPartCall>(call.args)?;
    let (owner, id) = (call.caller, own_id(call, args.id)?);
    let amount = Amount::try_from(args.amount)
        .map_err(|_| NativeError::revert(format!("the amount is {} wei: below 2^128", args.amount)))?;
    Ok(word(msg::withdraw_part(call, owner, id, amount)?))
}

fn withdraw_for(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::withdrawForCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    Ok(word(msg::withdraw(call, args.owner, id)?))
}

fn unlock(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::unlockCall>(call.args)?;
    let (owner, id) = (call.caller, own_id(call, args.id)?);
    Ok(word(msg::unlock(call, owner, id)?))
}

fn unlock_for(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::unlockForCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    Ok(word(msg::unlock(call, args.owner, id)?))
}

fn close(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::closeCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    msg::close(call, args.owner, id)?;
    Ok(Bytes::new())
}

fn position(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::positionCall>(call.args)?;
    let id = position_id(args.owner, args.id)?;
    Ok(solidity(&query::position(call, args.owner, id)?).abi_encode().into())
}

fn solidity(p: &PositionInfo) -> IStaking::Position {
    IStaking::Position {
        id: U256::from(p.id.0),
        initialAmount: p.initial_amount.to_u256(),
        amount: p.amount.to_u256(),
        finishedAmount: p.finished_amount.to_u256(),
        startTime: U256::from(p.start.seconds()),
        numYears: U256::from(p.years),
        endTime: U256::from(p.end.seconds()),
        lastClaimed: U256::from(p.last_claimed.0),
        claimedStaking: p.claimed_staking.to_u256(),
        claimedDividends: p.claimed_dividends.to_u256(),
        autoCompound: p.auto_compound,
        validator: p.validator.unwrap_or_default(),
        bond: U256::from(p.bond_number()),
        unbindingUntil: p.unbinding_until.map_or(U256::ZERO, |t| U256::from(t.0)),
        ended: p.ended,
        withdrawable: p.withdrawable.to_u256(),
        unlocked: p.unlocked.to_u256(),
        income: p.income.to_u256(),
    }
}

fn position_ids(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStaking::positionIdsCall>(call.args)?;
    let ids = crate::Desk::open(call)?.ids(call, args.owner)?;
    call.elements(ids.len())?;
    let ids: Vec<U256> = ids.into_iter().map(|id| U256::from(id.0)).collect();
    Ok(ids.abi_encode().into())
}

fn totals(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<IStaking::totalsCall>(call.args)?;
    let (staked, positions) = query::staked(call)?;
    let sums = (staked.to_u256(), query::beta(call)?, query::beta_pod(call)?, U256::from(positions));
    Ok(sums.abi_encode().into())
}

fn calculate_pod_weight(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let account = call.address_arg(0)?;
    Ok(word(query::pod_weight(call, account, None)?))
}

fn get_staking_positions(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<IStakingPositions::getStakingPositionsCall>(call.args)?;
    let found = query::position_infos(call, args.account)?;
    call.elements(found.len())?;
    let positions: Vec<IStakingPositions::StakePosition> = found
        .iter()
        .map(|p| IStakingPositions::StakePosition {
            initialAmount: p.initial_amount.to_u256(),
            amount: p.amount.to_u256(),
            finishedAmount: p.finished_amount.to_u256(),
            startTime: U256::from(p.start.seconds()),
            year: U256::from(p.years),
            lastClaimed: U256::from(p.last_claimed.0),
            claimedStaking: p.claimed_staking.to_u256(),
            claimedDividends: p.claimed_dividends.to_u256(),
        })
        .collect();
    Ok(positions.abi_encode().into())
}
