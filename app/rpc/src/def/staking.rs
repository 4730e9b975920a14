//! Positions, what unlocks, delegations, weights (D22 to D27, D36).

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64, U256};
use defchain_base::{AgeMillis, StateRead, Substore, params::ModuleParams};
use defchain_rpc_types::{Beta, Delegation, StakePosition, UnlockDay, UnlockSchedule};
use defchain_staking::{PositionId, StakingParams, keys, query, query::PositionInfo};

use crate::{
    api::{Api, Cost},
    def::{limit_of, seconds, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getStakingPositions", Cost::Read, positions),
    Method::new("def_getUnlockSchedule", Cost::Read, unlock_schedule),
    Method::new("def_getDelegations", Cost::Read, delegations),
    Method::new("def_getDelegators", Cost::Read, delegators),
    Method::new("def_getPoDWeight", Cost::Read, pod_weight),
    Method::new("def_getBeta", Cost::Read, beta),
];

/// Most positions of one answer of `def_getDelegators`.
const MAX_DELEGATORS: usize = 200;

fn age(age: Option<AgeMillis>) -> Option<U64> {
    age.map(|age| U64::from(age.0))
}

/// Amount × years while it runs (D27).
fn weight(position: &PositionInfo) -> U256 {
    if position.ended { U256::ZERO } else { wei(position.amount).saturating_mul(U256::from(position.years)) }
}

fn positions_of(view: &View, owner: Address) -> Result<Vec<PositionInfo>, RpcError> {
    Ok(query::position_infos(&view.state, owner)?)
}

fn positions(api: &Api, mut params: Params<'_>) -> RpcResult {
    let owner: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let found = positions_of(&view_at(api, id)?, owner)?;
    json(&found.iter().map(shown).collect::<Vec<_>>())
}

fn shown(p: &PositionInfo) -> StakePosition {
    StakePosition {
        id: p.id.0,
        initial_amount: wei(p.initial_amount),
        amount: wei(p.amount),
        finished_amount: wei(p.finished_amount),
        start_time: seconds(p.start),
        years: p.years,
        end_time: seconds(p.end),
        ended: p.ended,
        last_claimed: p.last_claimed.0,
        claimed_staking: wei(p.claimed_staking),
        claimed_dividends: wei(p.claimed_dividends),
        withdrawable: wei(p.withdrawable),
        unlocked: wei(p.unlocked),
        unlock_end: seconds(p.unlock_end),
        auto_compound: p.auto_compound,
        validator: p.validator,
        bond: p.bond.to_owned(),
        unbinding_until_age: age(p.unbinding_until),
        income: wei(p.income),
        weight: weight(p),
    }
}

fn unlock_schedule(api: &Api, mut params: Params<'_>) -> RpcResult {
    let owner: Address = params.required("address")?;
    let only: Option<u32> = params.optional("position")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let found = match only {
        Some(only) => vec![query::position(&view.state, owner, PositionId(only))?],
        None => positions_of(&view, owner)?,
    };
    let schedules = found.iter().map(|p| schedule(&view, owner, p, only.is_some()));
    json(&schedules.collect::<Result<Vec<_>, RpcError>>()?)
}

fn schedule(view: &View, owner: Address, p: &PositionInfo, in_full: bool) -> Result<UnlockSchedule, RpcError> {
    let days = if p.ended { query::unlock_schedule(&view.state, owner, p.id)? } else { Vec::new() };
    let next = days.iter().find(|(_, unlocked)| *unlocked > p.unlocked);
    let next_amount = next.map(|(_, unlocked)| unlocked.checked_sub(p.unlocked)).transpose()?;
    let day = |(at, unlocked): &(_, _)| UnlockDay { at: seconds(*at), unlocked: wei(*unlocked) };
    Ok(UnlockSchedule {
        id: p.id.0,
        end_time: seconds(p.end),
        ended: p.ended,
        amount: wei(p.amount),
        unlocked: wei(p.unlocked),
        locked: wei(p.amount.checked_sub(p.unlocked)?),
        unlock_end: seconds(p.unlock_end),
        next_at: next.map(|(at, _)| seconds(*at)),
        next_amount: next_amount.map(wei),
        days: in_full.then(|| days.iter().map(day).collect()),
    })
}

fn delegations(api: &Api, mut params: Params<'_>) -> RpcResult {
    let owner: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let found = positions_of(&view_at(api, id)?, owner)?;
    json(&found.iter().filter_map(|p| delegation(owner, p)).collect::<Vec<_>>())
}

fn delegation(owner: Address, p: &PositionInfo) -> Option<Delegation> {
    let validator = p.validator?;
    Some(Delegation {
        owner,
        id: p.id.0,
        validator,
        own: validator == owner,
        amount: wei(p.amount),
        years: p.years,
        weight: weight(p),
        bond: p.bond.to_owned(),
        unbinding_until_age: age(p.unbinding_until),
        income: wei(p.income),
    })
}

/// The positions in a validator's book, page by page.
fn delegators(api: &Api, mut params: Params<'_>) -> RpcResult {
    let operator: Address = params.required("validator")?;
    let after: Option<(Address, u32)> = params.optional("after")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(2, limit, MAX_DELEGATORS)?;
    let view = view_at(api, id)?;
    let (book, _) = query::book(&view.state, operator)?;
    let (mut from, to) = keys::range_of(&keys::members_of(book));
    if let Some((owner, id)) = after {
        from.extend(owner);
        from.extend(id.saturating_add(1).to_be_bytes());
    }
    let mut found = Vec::new();
    for (key, _) in view.state.range_raw(Substore::Def, &from, &to, limit)? {
        let (owner, id) = keys::read_member_key(&key).map_err(|e| RpcError::Internal(e.to_string()))?;
        found.extend(delegation(owner, &query::position(&view.state, owner, id)?));
    }
    json(&found)
}

fn pod_weight(api: &Api, mut params: Params<'_>) -> RpcResult {
    let account: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    json(&defchain_staking::pod_weight(&view_at(api, id)?.state, account, None)?)
}

fn beta(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let state = view_at(api, id)?.state;
    let (staked, positions) = query::staked(&state)?;
    json(&Beta {
        beta: defchain_staking::beta(&state)?,
        beta_pod: defchain_staking::beta_pod(&state)?,
        staked: wei(staked),
        positions: U64::from(positions),
        multipliers: StakingParams::load(&state)?.multipliers().to_vec(),
    })
}
