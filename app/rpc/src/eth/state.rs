//! Accounts: balance, code, storage, nonce.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, U64, U256, hex};
use defchain_evm::state::EvmRead;
use defchain_token::state::TokenRead;

use crate::{
    api::{Api, Cost},
    config::BalanceMode,
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::view_at,
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_getBalance", Cost::Read, get_balance),
    Method::new("eth_getCode", Cost::Read, get_code),
    Method::new("eth_getStorageAt", Cost::Read, get_storage_at),
    Method::new("eth_getTransactionCount", Cost::Read, get_transaction_count),
    Method::new("eth_getProof", Cost::Quick, get_proof),
];

fn get_balance(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let view = view_at(api, id)?;
    let balance = match api.config.balance {
        BalanceMode::Nominal => view.state.nominal_balance(&address)?,
        BalanceMode::Effective => view.state.effective_balance(&address, view.age())?,
    };
    json(&balance.to_u256())
}

fn get_code(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    json(&view_at(api, id)?.state.code(&address)?)
}

fn get_storage_at(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let slot: String = params.required("slot")?;
    let slot = parse_slot(&slot).map_err(|why| RpcError::argument(1, "slot", why))?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    let word = view_at(api, id)?.state.storage(address, slot)?;
    json(&B256::from(word))
}

/// A slot as tools write it: a quantity, or data of up to 32 bytes.
fn parse_slot(text: &str) -> Result<U256, String> {
    let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text:?} does not begin with 0x"))?;
    if digits.is_empty() || digits.len() > 64 {
        return Err(format!("{} hex digits, must be 1 to 64", digits.len()));
    }
    let bytes = hex::decode(format!("{digits:0>64}")).map_err(|e| e.to_string())?;
    Ok(U256::from_be_slice(&bytes))
}

fn get_transaction_count(api: &Api, mut params: Params<'_>) -> RpcResult {
    let address: Address = params.required("address")?;
    let id: Option<BlockId> = params.optional("block")?;
    params.end()?;
    if id == Some(BlockId::Number(BlockNumberOrTag::Pending)) {
        let nonce = api.ctx.pool.pending_nonce(&address).map_err(|e| RpcError::Internal(e.to_string()))?;
        return json(&U64::from(nonce));
    }
    let account = view_at(api, id)?.state.account(&address)?;
    json(&U64::from(account.map_or(0, |record| record.nonce)))
}

fn get_proof(_: &Api, _: Params<'_>) -> RpcResult {
    Err(RpcError::Unsupported(
        "eth_getProof is not supported: state is kept in Jellyfish Merkle trees, not in Ethereum's; \
         use def_getProof(block, {\"account\": …, \"slot\": …}), whose proofs check against stateRoot"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_slot_is_a_quantity_or_data() {
        for (text, slot) in [("0x0", 0_u64), ("0x00", 0), ("0x1ff", 0x1ff), (&format!("0x{:064x}", 7), 7)] {
            assert_eq!(parse_slot(text).unwrap(), U256::from(slot), "{text}");
        }
        for bad in ["", "7", "0x", "0xzz", &format!("0x{:065x}", 7)] {
            assert!(parse_slot(bad).is_err(), "{bad}");
        }
    }
}
