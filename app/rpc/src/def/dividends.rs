//! Dividends: a month's pool, who shares in it, and what can be claimed (D26).

use alloy_eips::BlockId;
use alloy_primitives::Address;
use defchain_base::{Amount, Month};
use defchain_dividends::query;
use defchain_rpc_types::{DividendInfo, DividendMonth, PositionDividend};

use crate::{
    api::{Api, Cost},
    def::{limit_of, seconds, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::view_at,
};

pub(super) const METHODS: &[Method] =
    &[Method::new("def_getDividendInfo", Cost::Read, dividend_info), Method::new("def_getMonths", Cost::Read, months)];

/// Most months of one answer.
const MAX_MONTHS: usize = 100;

fn dividend_info(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let asked: Option<u32> = params.optional("month")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let present = query::month(&view.state)?;
    let month = asked.map_or(present, Month);
    if month > present {
        return Err(RpcError::argument(1, "month", format!("{}, the present month is {}", month.0, present.0)));
    }
    let snapshot = query::snapshot(&view.state, month)?;
    // Only the present month's dividends can be claimed: of older ones nothing is left to say about positions.
    let found = if month == present && snapshot.is_some() {
        query::dividend_infos(&view.state, address, view.env.time)?
    } else {
        Vec::new()
    };
    let claimable = found.iter().try_fold(Amount::ZERO, |sum, info| sum.checked_add(info.claimable))?;
    let position = |info: query::DividendInfo| PositionDividend {
        id: info.id.0,
        claimable: wei(info.claimable),
        claimed: wei(info.claimed),
        reason: info.reason,
    };
    json(&DividendInfo {
        address,
        month: month.0,
        present: month == present,
        pool: snapshot.as_ref().map(|s| wei(s.pool)),
        beta: snapshot.as_ref().map(|s| s.beta),
        claimable: wei(claimable),
        positions: found.into_iter().map(position).collect(),
    })
}

fn months(api: &Api, mut params: Params<'_>) -> RpcResult {
    let from: Option<u32> = params.optional("from")?;
    let limit: Option<usize> = params.optional("limit")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let limit = limit_of(1, limit, MAX_MONTHS)?;
    let state = view_at(api, id)?.state;
    let from = match from {
        Some(from) => from,
        // The last hundred running numbers; of `YYYYMM`, a year.
        None => query::month(&state)?.0.saturating_sub(99),
    };
    let month = |(month, s): (Month, defchain_dividends::Snapshot)| DividendMonth {
        month: month.0,
        time: seconds(s.time),
        pool: wei(s.pool),
        beta: s.beta,
        claimed: wei(s.claimed),
    };
    json(&query::months(&state, Month(from), limit)?.into_iter().map(month).collect::<Vec<_>>())
}
