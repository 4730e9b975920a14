//! `net_*`, `web3_*` and `rpc_modules`.

use std::collections::BTreeMap;

use alloy_primitives::{Bytes, U64, keccak256};

use crate::{
    api::{Api, Cost},
    error::{RpcResult, json},
    methods::Method,
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("net_version", Cost::Quick, version),
    Method::new("net_listening", Cost::Quick, listening),
    Method::new("net_peerCount", Cost::Quick, peer_count),
    Method::new("web3_clientVersion", Cost::Quick, client_version),
    Method::new("web3_sha3", Cost::Quick, sha3),
    Method::new("rpc_modules", Cost::Quick, modules),
];

fn version(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&api.ctx.reader.params().evm_chain_id.to_string())
}

fn listening(_: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&true)
}

fn peer_count(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U64::from((api.ctx.peers)()))
}

fn client_version(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&api.ctx.client_version)
}

fn sha3(_: &Api, mut params: Params<'_>) -> RpcResult {
    let data: Bytes = params.required("data")?;
    params.end()?;
    json(&keccak256(data))
}

/// Namespaces, as they are served, each in version 1.0.
fn modules(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let spaces = api.method_names().filter_map(|name| name.split_once('_')).map(|(space, _)| (space, "1.0"));
    json(&spaces.collect::<BTreeMap<_, _>>())
}
