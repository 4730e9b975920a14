//! The supply, the pools, and what each block burned (D4).

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::U64;
use defchain_base::{Amount, Height, system::Pool};
use defchain_rpc_types::{BurnHistory, BurnedBlock, Supply};
use defchain_token::state::TokenRead;

use crate::{
    api::{Api, Cost},
    def::{seconds, wei},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{header_by_id, not_found, view_at},
};

pub(super) const METHODS: &[Method] = &[
    Method::new("def_getTotalSupply", Cost::Read, total_supply),
    Method::new("def_getDividendPoolBalance", Cost::Read, dividend_pool),
    Method::new("def_getBurnHistory", Cost::Heavy, burn_history),
];

/// What the paper's formula has and this chain has not.
const NOTE: &str = "R(t) of YP 8.5.2 is zero: no reward is ever minted. Validators and stakers are paid from existing DEF, \
                    and the supply falls by what is burned (D4).";

fn total_supply(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let supply = view.state.total_supply()?;
    let pools = Pool::ALL.into_iter().map(|pool| Ok((pool, view.state.pool(pool)?)));
    let pools = pools.collect::<Result<Vec<_>, RpcError>>()?;
    let held = pools.iter().try_fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount))?;
    json(&Supply {
        height: U64::from(view.header.height.0),
        timestamp: seconds(view.header.time),
        total_supply: wei(supply),
        accounts: wei(supply.checked_sub(held)?),
        pools: pools.into_iter().map(|(pool, amount)| (pool.name().to_owned(), wei(amount))).collect(),
        burned: wei(view.header.burned),
        reward_issuance: wei(Amount::ZERO),
        note: NOTE.to_owned(),
    })
}

fn dividend_pool(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    json(&wei(view_at(api, id)?.state.pool(Pool::Dividend)?))
}

/// The height of a block that a range begins or ends with.
fn height_of(api: &Api, tag: BlockNumberOrTag) -> Result<Height, RpcError> {
    let id = BlockId::Number(if tag.is_pending() { BlockNumberOrTag::Latest } else { tag });
    match header_by_id(api, id)? {
        Some(header) => Ok(header.height),
        None => Err(not_found(api, id)?),
    }
}

fn burn_history(api: &Api, mut params: Params<'_>) -> RpcResult {
    let from: BlockNumberOrTag = params.required("from")?;
    let to: Option<BlockNumberOrTag> = params.optional("to")?;
    params.end()?;
    let (from, to) = (height_of(api, from)?, height_of(api, to.unwrap_or_default())?);
    if from > to {
        return Err(RpcError::InvalidParams(format!("from {:#x} is after to {:#x}", from.0, to.0)));
    }
    let (count, limit) = (to.0.saturating_sub(from.0).saturating_add(1), api.config.max_log_range);
    if count > limit {
        return Err(RpcError::Limit(format!(
            "range too large: {count} blocks from {:#x} to {:#x}, limit {limit} (rpc.max_log_range)",
            from.0, to.0
        )));
    }
    let mut blocks = Vec::new();
    let mut total = Amount::ZERO;
    for height in from.0..=to.0 {
        let Some(header) = api.ctx.reader.header(Height(height))? else {
            return Err(RpcError::Refused(format!("block {height:#x} is no longer held; ask an archive node")));
        };
        if header.burned.is_zero() {
            continue;
        }
        total = total.checked_add(header.burned)?;
        let (height, timestamp) = (U64::from(height), seconds(header.time));
        blocks.push(BurnedBlock { height, timestamp, burned: wei(header.burned) });
    }
    json(&BurnHistory { from: U64::from(from.0), to: U64::from(to.0), total: wei(total), blocks })
}
