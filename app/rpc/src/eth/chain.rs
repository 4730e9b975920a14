//! Who we are and where we stand: `eth_chainId`, `eth_blockNumber`, `eth_syncing`, `eth_accounts`.

use alloy_primitives::{Address, U64};
use serde_json::json as value;

use crate::{
    api::{Api, Cost},
    error::{RpcResult, json},
    methods::Method,
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_chainId", Cost::Quick, chain_id),
    Method::new("eth_blockNumber", Cost::Quick, block_number),
    Method::new("eth_syncing", Cost::Quick, syncing),
    Method::new("eth_accounts", Cost::Quick, accounts),
];

fn chain_id(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U64::from(api.ctx.reader.params().evm_chain_id))
}

fn block_number(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U64::from(api.ctx.reader.latest()?.height.0))
}

fn syncing(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let sync = (api.ctx.sync)();
    if !sync.catching_up {
        return json(&false);
    }
    let current = api.ctx.reader.latest().map_or(0, |head| head.height.0);
    json(&value!({
        "startingBlock": U64::from(sync.starting),
        "currentBlock": U64::from(current),
        "highestBlock": U64::from(sync.highest.unwrap_or(current).max(current)),
    }))
}

fn accounts(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&api.config.dev_keys.iter().map(alloy_signer::Signer::address).collect::<Vec<Address>>())
}
