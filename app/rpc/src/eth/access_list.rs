//! `eth_createAccessList`.

use alloy_eips::eip2930::AccessList;
use alloy_primitives::U64;
use defchain_evm::SimResult;
use serde::Serialize;

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::call::{Asked, exec_error, read},
    methods::Method,
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[Method::new("eth_createAccessList", Cost::Heavy, create)];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListView {
    access_list: AccessList,
    gas_used: U64,
    /// Why the call with this list fails, if it does: the list is what it touched until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn create(api: &Api, params: Params<'_>) -> RpcResult {
    let Asked { request, view, options } = read(api, params)?;
    let found = defchain_evm::access_list(&view.state, view.env, &api.registry, &request, &options)
        .map_err(|error| exec_error(api, error))?;
    let error = match found.outcome.result {
        SimResult::Success => None,
        SimResult::Revert => Some(RpcError::Revert(found.outcome.output).to_string()),
        SimResult::Halt { reason, .. } => Some(reason),
    };
    json(&ListView { access_list: found.list, gas_used: U64::from(found.outcome.gas_used), error })
}
