//! Snapshots, impersonation, the pool, and what the node says of itself.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, B256, U64, U128};
use defchain_chain::Block;
use defchain_mempool::Pool;
use serde::Deserialize;
use serde_json::json as value;

use super::{Figure, node};
use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::next_env,
};

pub(super) const METHODS: &[Method] = &[
    Method::new("evm_snapshot", Cost::Read, snapshot),
    Method::new("anvil_snapshot", Cost::Read, snapshot),
    Method::new("evm_revert", Cost::Heavy, revert),
    Method::new("anvil_revert", Cost::Heavy, revert),
    Method::new("anvil_rollback", Cost::Heavy, rollback),
    Method::new("anvil_reset", Cost::Heavy, reset),
    Method::new("hardhat_reset", Cost::Heavy, reset),
    Method::new("anvil_impersonateAccount", Cost::Read, impersonate),
    Method::new("hardhat_impersonateAccount", Cost::Read, impersonate),
    Method::new("anvil_stopImpersonatingAccount", Cost::Read, stop_impersonating),
    Method::new("hardhat_stopImpersonatingAccount", Cost::Read, stop_impersonating),
    Method::new("anvil_autoImpersonateAccount", Cost::Read, auto_impersonate),
    Method::new("hardhat_autoImpersonateAccount", Cost::Read, auto_impersonate),
    Method::new("anvil_dropTransaction", Cost::Read, drop_transaction),
    Method::new("hardhat_dropTransaction", Cost::Read, drop_transaction),
    Method::new("anvil_dropAllTransactions", Cost::Read, drop_all),
    Method::new("hardhat_dropAllTransactions", Cost::Read, drop_all),
    Method::new("anvil_removePoolTransactions", Cost::Read, drop_of_sender),
    Method::new("anvil_nodeInfo", Cost::Read, node_info),
    Method::new("anvil_metadata", Cost::Read, metadata),
    Method::new("hardhat_metadata", Cost::Read, metadata),
    Method::new("anvil_setLoggingEnabled", Cost::Quick, set_logging),
    Method::new("hardhat_setLoggingEnabled", Cost::Quick, set_logging),
    Method::new("anvil_enableTraces", Cost::Quick, enable_traces),
    Method::new("anvil_setRpcUrl", Cost::Quick, set_rpc_url),
    Method::new("anvil_setChainId", Cost::Quick, set_chain_id),
];

const NO_FORKING: &str = "this chain does not fork another: it begins with its own genesis. \
                          To bring state along, use anvil_loadState or `defchain-app dev --load-state`";

fn snapshot(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U64::from(node(api)?.snapshot()?))
}

fn revert(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: Figure = params.required("snapshot id")?;
    params.end()?;
    // A number that was never given is no snapshot's, however large.
    let id = u64::try_from(id.0).unwrap_or(u64::MAX);
    let Some(removed) = node(api)?.watch(|dev| dev.revert(id))? else { return json(&false) };
    taken_back(api, &removed)?;
    json(&true)
}

fn rollback(api: &Api, mut params: Params<'_>) -> RpcResult {
    let blocks: Option<Figure> = params.optional("blocks")?;
    params.end()?;
    let blocks = blocks.map_or(Ok(1), |figure| figure.small(0, "blocks"))?;
    let removed = node(api)?.watch(|dev| dev.rollback(blocks))?;
    taken_back(api, &removed)?;
    json(&())
}

#[derive(Deserialize)]
struct ResetOptions {
    #[serde(default)]
    forking: Option<serde_json::Value>,
}

fn reset(api: &Api, mut params: Params<'_>) -> RpcResult {
    let options: Option<ResetOptions> = params.optional("options")?;
    params.end()?;
    // viem sends `forking` with both fields empty when asked for a plain reset.
    let forking = options.and_then(|options| options.forking);
    if forking.is_some_and(|forking| forking.get("jsonRpcUrl").is_some_and(|url| !url.is_null())) {
        return Err(RpcError::Unsupported(NO_FORKING.to_owned()));
    }
    let removed = node(api)?.watch(|dev| dev.reset())?;
    taken_back(api, &removed)?;
    json(&())
}

/// Tells whoever polls that blocks are gone; subscribers hear it from the chain.
fn taken_back(api: &Api, removed: &[Arc<Block>]) -> Result<(), RpcError> {
    let newest = api.ctx.reader.latest()?.height;
    api.filters.taken_back(removed, newest, api.config.max_log_results);
    // So that whoever sends next has its transaction made into a block at once, as before.
    super::settle(api);
    Ok(())
}

fn address(mut params: Params<'_>) -> Result<Address, RpcError> {
    let address = params.required("address")?;
    params.end()?;
    Ok(address)
}

fn impersonate(api: &Api, params: Params<'_>) -> RpcResult {
    let address = address(params)?;
    node(api)?.impersonate(address)?;
    json(&())
}

fn stop_impersonating(api: &Api, params: Params<'_>) -> RpcResult {
    let address = address(params)?;
    node(api)?.stop_impersonating(&address);
    json(&())
}

fn auto_impersonate(api: &Api, mut params: Params<'_>) -> RpcResult {
    let on: bool = params.required("whether every account is impersonated")?;
    params.end()?;
    node(api)?.auto_impersonate(on);
    json(&())
}

fn pool(api: &Api) -> Result<&Pool, RpcError> {
    node(api).map(|dev| dev.chain().pool())
}

fn drop_transaction(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("transaction hash")?;
    params.end()?;
    json(&pool(api)?.remove(&hash))
}

fn drop_all(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    pool(api)?.clear();
    json(&())
}

fn drop_of_sender(api: &Api, params: Params<'_>) -> RpcResult {
    let sender = address(params)?;
    let held = pool(api)?.content_from(sender);
    // The last first: those before it never have a gap.
    for tx in held.pending.iter().chain(&held.queued).rev() {
        pool(api)?.remove(&tx.tx.hash());
    }
    json(&())
}

fn node_info(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    node(api)?;
    let latest = api.ctx.reader.latest()?;
    let next = next_env(api, &latest)?;
    let price = u128::from(next.base_fee).saturating_add(u128::from(api.config.suggested_tip_wei));
    json(&value!({
        "currentBlockNumber": U64::from(latest.height.0),
        "currentBlockTimestamp": latest.time.seconds(),
        "currentBlockHash": latest.hash,
        "hardFork": "Osaka",
        "transactionOrder": "fees",
        "environment": {
            "baseFee": U64::from(next.base_fee),
            "chainId": next.chain_id,
            "gasLimit": U64::from(next.gas_limit),
            "gasPrice": U128::from(price),
        },
        "forkConfig": { "forkUrl": null, "forkBlockNumber": null, "forkRetryBackoff": null },
    }))
}

fn metadata(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let info = node(api)?.info();
    let latest = api.ctx.reader.latest()?;
    let snapshots: BTreeMap<String, (u64, B256)> =
        info.snapshots.iter().map(|(id, height, hash)| (format!("{id:#x}"), (*height, *hash))).collect();
    json(&value!({
        "clientVersion": api.ctx.client_version,
        "clientSemver": env!("CARGO_PKG_VERSION"),
        "clientCommitSha": null,
        "chainId": api.ctx.reader.params().evm_chain_id,
        "instanceId": info.instance,
        "latestBlockNumber": latest.height.0,
        "latestBlockHash": latest.hash,
        "forkedNetwork": null,
        "snapshots": snapshots,
    }))
}

/// There is no log of calls to switch: accepted, so that scripts run.
fn set_logging(api: &Api, mut params: Params<'_>) -> RpcResult {
    let _: bool = params.required("whether calls are logged")?;
    params.end()?;
    node(api)?;
    json(&())
}

/// Traces are always to be had (`debug_traceTransaction`).
fn enable_traces(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    node(api)?;
    json(&())
}

fn set_rpc_url(_: &Api, mut params: Params<'_>) -> RpcResult {
    let _: String = params.required("url")?;
    params.end()?;
    Err(RpcError::Unsupported(NO_FORKING.to_owned()))
}

fn set_chain_id(api: &Api, mut params: Params<'_>) -> RpcResult {
    let asked: Figure = params.required("chain id")?;
    params.end()?;
    let ours = api.ctx.reader.params().evm_chain_id;
    if asked.0 == alloy_primitives::U256::from(ours) {
        return json(&());
    }
    Err(RpcError::Unsupported(format!(
        "the chain id is {ours} from genesis on: start with `defchain-app dev --chain-id {}` for another",
        asked.0
    )))
}
