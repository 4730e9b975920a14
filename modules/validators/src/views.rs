//! View functions of 0x…0106.

use alloy_primitives::{Address, FixedBytes, U256};
use alloy_sol_types::SolCall;
use defchain_base::{
    Bytes, ConsensusAddress, StateError,
    native::{Host, NativeCall, NativeError, decode_args},
    params::ModuleParams,
};
use defchain_geo::{Country, GeoError, state::GeoRead};

use crate::{
    IValidators as abi, ValidatorParams, ValidatorsError,
    abi::{NOBODY, country as code, key},
    entry::position,
    epoch::attested_until,
    performance as counts,
    state::ValidatorsRead,
};

/// Most elements of a page.
const PAGE: usize = 50;

fn page(limit: U256) -> usize {
    usize::try_from(limit).unwrap_or(PAGE).min(PAGE)
}

fn parse(country: FixedBytes<2>) -> Result<Country, NativeError> {
    Country::new(country.0).map_err(|e: GeoError| ValidatorsError::from(e).into())
}

pub(crate) fn validator(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let operator = decode_args::<abi::validatorCall>(call.args)?.operator;
    let record = call.validator(operator)?.ok_or(ValidatorsError::NotFound(operator))?;
    let weights = defchain_staking::book_weights(call, operator)?;
    let found = abi::Validator {
        operator,
        country: code(record.country),
        status: record.status as u8,
        seat: call.seat(record.country)? == Some(operator),
        leaving: record.leaving,
        registeredAt: record.registered_at.0,
        consensusKey: key(record.consensus_key),
        nextKey: key(record.next_key.unwrap_or_default()),
        blsKey: record.bls_key.into(),
        commission: record.commission.0,
        attestation: record.attested.hash,
        verifier: record.attested.verifier,
        attestedUntil: attested_until(call, &record)?,
        jailKind: record.jail.map_or(0, |j| j.kind as u8),
        jailedUntil: record.jailed_until().0,
        ownStake: defchain_staking::own_bound(call, operator)?.to_u256(),
        ownWeight: weights.own,
        delegatedWeight: weights.delegated,
        power: call.latest_set()?.get(operator).map_or(0, |m| m.power),
        owed: call.commission_owed(operator)?.to_u256(),
        moniker: record.moniker,
    };
    Ok(abi::validatorCall::abi_encode_returns(&found).into())
}

pub(crate) fn operators(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::operatorsCall>(call.args)?;
    let found = call.validators_after(args.cursor, page(args.limit))?;
    call.elements(found.len())?;
    let found: Vec<Address> = found.into_iter().map(|(operator, _)| operator).collect();
    Ok(abi::operatorsCall::abi_encode_returns(&found).into())
}

pub(crate) fn seat_of(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let country = parse(decode_args::<abi::seatOfCall>(call.args)?.country)?;
    let found = call.seat(country)?.unwrap_or(NOBODY);
    Ok(abi::seatOfCall::abi_encode_returns(&found).into())
}

pub(crate) fn queue_of(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::queueOfCall>(call.args)?;
    let found = call.queue(parse(args.country)?, page(args.limit))?;
    call.elements(found.len())?;
    let found: Vec<Address> = found.into_iter().map(|q| q.operator).collect();
    Ok(abi::queueOfCall::abi_encode_returns(&found).into())
}

pub(crate) fn jurisdiction(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let country = parse(decode_args::<abi::jurisdictionCall>(call.args)?.country)?;
    Ok(abi::jurisdictionCall::abi_encode_returns(&country.name().to_owned()).into())
}

pub(crate) fn performance(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let operator = decode_args::<abi::performanceCall>(call.args)?.operator;
    let done = counts::of(call, operator, call.env().height)?;
    let found = abi::Performance {
        proposed: done.proposed,
        signed: done.signed,
        missed: done.missed,
        absent: done.down.is_some(),
        absentSince: done.down.map_or(0, |d| d.since.0),
    };
    Ok(abi::performanceCall::abi_encode_returns(&found).into())
}

pub(crate) fn operator_of(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let address = decode_args::<abi::operatorOfCall>(call.args)?.consensusAddress;
    let found = call.operator_of(ConsensusAddress(address.0))?.unwrap_or(NOBODY);
    Ok(abi::operatorOfCall::abi_encode_returns(&found).into())
}

pub(crate) fn voting_powers(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::votingPowersCall>(call.args)?;
    let set = call.latest_set()?;
    call.elements(set.0.len())?;
    let (operators, powers) = set.0.iter().map(|m| (m.operator, m.power)).unzip();
    let found = abi::votingPowersReturn { operatorList: operators, powers };
    Ok(abi::votingPowersCall::abi_encode_returns(&found).into())
}

pub(crate) fn epoch(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::epochCall>(call.args)?;
    let Some(epoch) = call.epoch()? else {
        return Err(NativeError::State(StateError::Invariant("there is no epoch: genesis was not applied".to_owned())));
    };
    let found = abi::epochReturn { number: epoch.number, start: epoch.start.0, end: epoch.end().0 };
    Ok(abi::epochCall::abi_encode_returns(&found).into())
}

pub(crate) fn chain_open(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::chainOpenCall>(call.args)?;
    let threshold = u64::from(ValidatorParams::load(call)?.activation_threshold);
    let found = abi::chainOpenReturn { open: call.latch()?.is_some(), threshold };
    Ok(abi::chainOpenCall::abi_encode_returns(&found).into())
}

pub(crate) fn rewards(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::rewardsCall>(call.args)?;
    let found = defchain_staking::rewards(call, args.owner, position(args.position)?)?;
    Ok(abi::rewardsCall::abi_encode_returns(&found.to_u256()).into())
}

pub(crate) fn verifier(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let account = decode_args::<abi::verifierCall>(call.args)?.account;
    let found = GeoRead::verifier(call, account)?;
    let accredited = found.as_ref().is_some_and(|v| v.removed_at.is_none());
    let found = abi::verifierReturn { accredited, name: found.map(|v| v.name).unwrap_or_default() };
    Ok(abi::verifierCall::abi_encode_returns(&found).into())
}

pub(crate) fn nonce_used(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::nonceUsedCall>(call.args)?;
    let used = call.used_nonce(args.account, args.nonce)?.is_some();
    Ok(abi::nonceUsedCall::abi_encode_returns(&used).into())
}

pub(crate) fn attestation_domain(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::attestationDomainCall>(call.args)?;
    let separator = defchain_geo::attestation::domain(call.env().chain_id).separator();
    Ok(abi::attestationDomainCall::abi_encode_returns(&separator).into())
}
