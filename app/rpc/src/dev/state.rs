//! State set by hand, fees and gas of blocks, and dumps.

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use defchain_chain::driver::{Edit, StateDump};

use super::{Figure, node};
use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::new("anvil_setBalance", Cost::Read, set_balance),
    Method::new("hardhat_setBalance", Cost::Read, set_balance),
    Method::new("evm_setAccountBalance", Cost::Read, set_balance),
    Method::new("anvil_addBalance", Cost::Read, add_balance),
    Method::new("hardhat_addBalance", Cost::Read, add_balance),
    Method::new("anvil_setNonce", Cost::Read, set_nonce),
    Method::new("hardhat_setNonce", Cost::Read, set_nonce),
    Method::new("evm_setAccountNonce", Cost::Read, set_nonce),
    Method::new("anvil_setCode", Cost::Read, set_code),
    Method::new("hardhat_setCode", Cost::Read, set_code),
    Method::new("evm_setAccountCode", Cost::Read, set_code),
    Method::new("anvil_setStorageAt", Cost::Read, set_storage),
    Method::new("hardhat_setStorageAt", Cost::Read, set_storage),
    Method::new("evm_setAccountStorageAt", Cost::Read, set_storage),
    Method::new("evm_setBlockGasLimit", Cost::Read, set_gas_limit),
    Method::new("anvil_setBlockGasLimit", Cost::Read, set_gas_limit),
    Method::new("anvil_setMinGasPrice", Cost::Read, set_min_gas_price),
    Method::new("hardhat_setMinGasPrice", Cost::Read, set_min_gas_price),
    Method::new("anvil_setNextBlockBaseFeePerGas", Cost::Read, set_next_base_fee),
    Method::new("hardhat_setNextBlockBaseFeePerGas", Cost::Read, set_next_base_fee),
    Method::new("anvil_setCoinbase", Cost::Read, set_coinbase),
    Method::new("hardhat_setCoinbase", Cost::Read, set_coinbase),
    Method::new("anvil_setPrevRandao", Cost::Read, set_prev_randao),
    Method::new("hardhat_setPrevRandao", Cost::Read, set_prev_randao),
    Method::new("anvil_dumpState", Cost::Heavy, dump),
    Method::new("hardhat_dumpState", Cost::Heavy, dump),
    Method::new("anvil_loadState", Cost::Heavy, load),
    Method::new("hardhat_loadState", Cost::Heavy, load),
];

fn edit(api: &Api, edit: Edit) -> Result<(), RpcError> {
    Ok(node(api)?.watch(|dev| dev.edit(&[edit]))?)
}

/// An address and a figure.
fn pair(mut params: Params<'_>, name: &'static str) -> Result<(Address, Figure), RpcError> {
    let address = params.required("address")?;
    let figure = params.required(name)?;
    params.end()?;
    Ok((address, figure))
}

fn figure(mut params: Params<'_>, name: &'static str) -> Result<Figure, RpcError> {
    let figure = params.required(name)?;
    params.end()?;
    Ok(figure)
}

fn set_balance(api: &Api, params: Params<'_>) -> RpcResult {
    let (address, wei) = pair(params, "balance")?;
    edit(api, Edit::Balance(address, wei.0))?;
    json(&())
}

fn add_balance(api: &Api, params: Params<'_>) -> RpcResult {
    let (address, wei) = pair(params, "balance")?;
    edit(api, Edit::AddBalance(address, wei.0))?;
    json(&())
}

fn set_nonce(api: &Api, params: Params<'_>) -> RpcResult {
    let (address, nonce) = pair(params, "nonce")?;
    edit(api, Edit::Nonce(address, nonce.small(1, "nonce")?))?;
    json(&())
}

fn set_code(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let code: Bytes = params.required("code")?;
    params.end()?;
    edit(api, Edit::Code(address, code))?;
    json(&())
}

fn set_storage(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let slot: Figure = params.required("slot")?;
    let value: String = params.required("value")?;
    params.end()?;
    let value = word(&value).map_err(|why| RpcError::argument(2, "value", why))?;
    edit(api, Edit::Storage(address, slot.0, value))?;
    json(&true)
}

/// A word of 32 bytes: a value shorter than that is more likely a mistake than meant, as Hardhat and anvil think too.
fn word(text: &str) -> Result<U256, String> {
    let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text:?} does not begin with 0x"))?;
    if digits.len() != 64 {
        return Err(format!("{} hex digits, must be 64 (a word of 32 bytes)", digits.len()));
    }
    hex::decode(digits).map(|bytes| U256::from_be_slice(&bytes)).map_err(|e| e.to_string())
}

fn set_gas_limit(api: &Api, params: Params<'_>) -> RpcResult {
    let gas = figure(params, "gas limit")?.small(0, "gas limit")?;
    edit(api, Edit::GasLimit(gas))?;
    json(&true)
}

fn set_min_gas_price(api: &Api, params: Params<'_>) -> RpcResult {
    let fee = figure(params, "wei per gas")?.small(0, "wei per gas")?;
    edit(api, Edit::MinBaseFee(fee))?;
    json(&())
}

fn set_next_base_fee(api: &Api, params: Params<'_>) -> RpcResult {
    let fee = figure(params, "wei per gas")?;
    node(api)?.set_next_base_fee(fee.0)?;
    json(&())
}

fn set_coinbase(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    params.end()?;
    node(api)?.set_coinbase(address)?;
    json(&())
}

fn set_prev_randao(api: &Api, mut params: Params<'_>) -> RpcResult {
    let value: B256 = params.required("value")?;
    params.end()?;
    node(api)?.set_prev_randao(value)?;
    json(&())
}

fn dump(api: &Api, mut params: Params<'_>) -> RpcResult {
    // anvil takes a flag for historical states here; a dump is of the newest.
    let _: Option<bool> = params.optional("historical states")?;
    params.end()?;
    let dump = node(api)?.dump()?;
    let text =
        serde_json::to_vec(&dump).map_err(|e| RpcError::Internal(format!("the dump does not serialise: {e}")))?;
    json(&Bytes::from(text))
}

fn load(api: &Api, mut params: Params<'_>) -> RpcResult {
    let bytes: Bytes = params.required("state dump")?;
    params.end()?;
    let dump = StateDump::parse(&bytes)?;
    node(api)?.watch(|dev| dev.load(&dump))?;
    json(&true)
}
