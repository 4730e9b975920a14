//! The clock of blocks. Tools give and take whole seconds; block times are milliseconds.

use super::{Figure, node};
use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::new("evm_increaseTime", Cost::Read, increase),
    Method::new("anvil_increaseTime", Cost::Read, increase),
    Method::new("evm_setNextBlockTimestamp", Cost::Read, set_next),
    Method::new("anvil_setNextBlockTimestamp", Cost::Read, set_next),
    Method::new("evm_setTime", Cost::Read, set),
    Method::new("anvil_setTime", Cost::Read, set),
    Method::new("evm_setBlockTimestampInterval", Cost::Read, set_step),
    Method::new("anvil_setBlockTimestampInterval", Cost::Read, set_step),
    Method::new("evm_removeBlockTimestampInterval", Cost::Read, remove_step),
    Method::new("anvil_removeBlockTimestampInterval", Cost::Read, remove_step),
    Method::new("anvil_getGenesisTime", Cost::Read, genesis_time),
];

fn seconds(mut params: Params<'_>, name: &'static str) -> Result<u64, RpcError> {
    let figure: Figure = params.required(name)?;
    params.end()?;
    figure.small(0, name)
}

fn increase(api: &Api, params: Params<'_>) -> RpcResult {
    let by = seconds(params, "seconds")?;
    json(&node(api)?.increase_time(by)?)
}

fn set_next(api: &Api, params: Params<'_>) -> RpcResult {
    let to = seconds(params, "timestamp")?;
    node(api)?.set_next_time(to)?;
    json(&())
}

fn set(api: &Api, params: Params<'_>) -> RpcResult {
    let to = seconds(params, "timestamp")?;
    json(&node(api)?.set_time(to)?)
}

fn set_step(api: &Api, params: Params<'_>) -> RpcResult {
    let step = seconds(params, "seconds")?;
    node(api)?.set_time_step(Some(step))?;
    json(&())
}

fn remove_step(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&node(api)?.set_time_step(None)?)
}

fn genesis_time(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let genesis = api.ctx.reader.header(defchain_base::Height(0))?;
    json(&genesis.map(|header| header.time.seconds()))
}
