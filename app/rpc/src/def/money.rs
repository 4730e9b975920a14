//! Balances: what can be spent, and the portions it consists of.

use alloy_eips::BlockId;
use alloy_primitives::{Address, U64};
use defchain_base::{AgeMillis, Amount, system::Pool};
use defchain_rpc_types::BalancePortion;
use defchain_token::{DAYS, Portion, TokenParams, state::TokenRead};

use crate::{
    api::{Api, Cost},
    def::{time_of_age, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{View, view_at},
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getEffectiveBalance", Cost::Read, effective_balance),
    Method::new("def_getBalancePortions", Cost::Read, balance_portions),
];

/// An account's portions with the rules they are under; a pool has none (D16).
pub(super) fn portions_of(view: &View, address: &Address) -> Result<(TokenParams, Vec<Portion>), RpcError> {
    let params = view.state.token_params()?;
    if Pool::by_address(address).is_some() {
        return Ok((params, Vec::new()));
    }
    let record = view.state.account(address)?.unwrap_or_default();
    Ok((params, record.portions.as_slice().to_vec()))
}

/// The moments at which a portion loses something after `now`, with what it is worth from each on.
pub(super) fn losses(
    params: &TokenParams,
    portion: &Portion,
    now: AgeMillis,
) -> Result<Vec<(AgeMillis, Amount)>, RpcError> {
    let mut found = Vec::new();
    let mut worth = portion.effective(params, now)?;
    for day in portion.day(params, now).saturating_add(1)..=DAYS {
        let at = AgeMillis(portion.received_at.0.saturating_add(u64::from(day).saturating_mul(params.day_millis())));
        let left = portion.effective(params, at)?;
        if left < worth {
            found.push((at, left));
        }
        worth = left;
    }
    Ok(found)
}

fn effective_balance(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    json(&wei(view.state.effective_balance(&address, view.age())?))
}

fn balance_portions(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let (rules, portions) = portions_of(&view, &address)?;
    let shown = portions.iter().map(|portion| shown(&view, &rules, portion)).collect::<Result<Vec<_>, _>>()?;
    json(&shown)
}

fn shown(view: &View, rules: &TokenParams, portion: &Portion) -> Result<BalancePortion, RpcError> {
    let now = view.age();
    let days = portion.day(rules, now);
    let losses = losses(rules, portion, now)?;
    let end = losses.last().filter(|(_, left)| left.is_zero());
    Ok(BalancePortion {
        original: wei(portion.original),
        effective: wei(portion.effective(rules, now)?),
        nominal: wei(portion.nominal(rules)?),
        received_age: U64::from(portion.received_at.0),
        received_at: time_of_age(view, portion.received_at),
        days,
        settled_day: portion.settled_day,
        table: portion.table,
        preserved: rules.table(portion.table)?.preserved(days),
        next_burn_at: losses.first().map(|(at, _)| time_of_age(view, *at)),
        expires_at: end.map(|(at, _)| time_of_age(view, *at)),
    })
}
