//! Blocks on demand, and what makes them otherwise.

use std::time::Duration;

use alloy_primitives::U64;
use defchain_base::Height;
use defchain_chain::driver::Mining;
use serde::Deserialize;

use super::{Figure, node};
use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::block::block,
    methods::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::new("evm_mine", Cost::Heavy, evm_mine),
    Method::new("anvil_mine", Cost::Heavy, mine),
    Method::new("hardhat_mine", Cost::Heavy, mine),
    Method::new("evm_mine_detailed", Cost::Heavy, mine_detailed),
    Method::new("anvil_mine_detailed", Cost::Heavy, mine_detailed),
    Method::new("evm_setAutomine", Cost::Heavy, set_automine),
    Method::new("anvil_setAutomine", Cost::Heavy, set_automine),
    Method::new("anvil_getAutomine", Cost::Read, get_automine),
    Method::new("hardhat_getAutomine", Cost::Read, get_automine),
    Method::new("evm_setIntervalMining", Cost::Heavy, set_interval),
    Method::new("anvil_setIntervalMining", Cost::Heavy, set_interval),
    Method::new("anvil_getIntervalMining", Cost::Read, get_interval),
];

/// Most seconds between blocks: a day.
const MAX_INTERVAL_S: f64 = 86_400.0;
/// Blocks that `mine_detailed` shows: each with its transactions.
const MAX_DETAILED: u64 = 1_000;

/// What `evm_mine` is given: a timestamp, or options.
#[derive(Deserialize)]
#[serde(untagged)]
enum MineOptions {
    Options {
        #[serde(default)]
        timestamp: Option<Figure>,
        #[serde(default)]
        blocks: Option<Figure>,
    },
    Timestamp(Figure),
}

fn evm_mine(api: &Api, params: Params<'_>) -> RpcResult {
    mine_as_asked(api, params, u64::MAX)?;
    json(&"0x0")
}

fn mine_as_asked(api: &Api, mut params: Params<'_>, most: u64) -> Result<Vec<Height>, RpcError> {
    let options: Option<MineOptions> = params.optional("options")?;
    params.end()?;
    let (timestamp, blocks) = match options {
        None => (None, None),
        Some(MineOptions::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(MineOptions::Options { timestamp, blocks }) => (timestamp, blocks),
    };
    let timestamp = timestamp.map(|figure| figure.small(0, "timestamp")).transpose()?;
    let blocks = blocks.map_or(Ok(1), |figure| figure.small(0, "blocks"))?;
    if blocks > most {
        return Err(RpcError::argument(0, "blocks", format!("{blocks}, at most {most} are shown in detail")));
    }
    node(api)?.watch(|dev| {
        let mut made = Vec::new();
        let mut left = blocks;
        if let Some(timestamp) = timestamp.filter(|_| blocks > 0) {
            made = dev.mine_at(timestamp)?;
            left -= 1;
        }
        made.extend(dev.mine(left, Duration::ZERO)?);
        Ok(made)
    })
}

fn mine(api: &Api, mut params: Params<'_>) -> RpcResult {
    let blocks: Option<Figure> = params.optional("blocks")?;
    let interval: Option<Figure> = params.optional("interval in seconds")?;
    params.end()?;
    let blocks = blocks.map_or(Ok(1), |figure| figure.small(0, "blocks"))?;
    let interval = interval.map_or(Ok(0), |figure| figure.small(1, "interval in seconds"))?;
    node(api)?.watch(|dev| dev.mine(blocks, Duration::from_secs(interval)))?;
    json(&())
}

fn mine_detailed(api: &Api, params: Params<'_>) -> RpcResult {
    let made = mine_as_asked(api, params, MAX_DETAILED)?;
    let show = |height| block(api, api.ctx.reader.header(height)?, true);
    json(&made.into_iter().map(show).collect::<Result<Vec<_>, RpcError>>()?)
}

fn set_automine(api: &Api, mut params: Params<'_>) -> RpcResult {
    let on: bool = params.required("whether blocks are made with transactions")?;
    params.end()?;
    let dev = node(api)?;
    match (on, dev.mining()) {
        (true, _) => dev.watch(|dev| dev.set_mining(Mining::Auto))?,
        // What the clock makes goes on.
        (false, Mining::Auto) => dev.set_mining(Mining::Manual)?,
        (false, _) => {}
    }
    json(&())
}

fn get_automine(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&(node(api)?.mining() == Mining::Auto))
}

fn set_interval(api: &Api, mut params: Params<'_>) -> RpcResult {
    let interval: f64 = params.required("interval in seconds")?;
    params.end()?;
    if !(0.0..=MAX_INTERVAL_S).contains(&interval) {
        let why = format!("{interval} s, must be 0 (no blocks by the clock) to {MAX_INTERVAL_S}");
        return Err(RpcError::argument(0, "interval in seconds", why));
    }
    let interval = Duration::from_secs_f64(interval);
    let mining = match interval {
        Duration::ZERO => Mining::Manual,
        _ => Mining::Interval(interval.max(Duration::from_millis(1))),
    };
    node(api)?.set_mining(mining)?;
    json(&())
}

fn get_interval(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    match node(api)?.mining() {
        Mining::Interval(interval) if interval.subsec_millis() == 0 => json(&interval.as_secs()),
        Mining::Interval(interval) => json(&interval.as_secs_f64()),
        Mining::Auto | Mining::Manual => json(&None::<U64>),
    }
}
