//! Raw bytes. Transactions and receipts have Ethereum's form here; headers and blocks are CometBFT's.

use alloy_eips::BlockId;
use alloy_primitives::Bytes;
use defchain_chain::ethereum_receipt;

use crate::{
    api::Api,
    error::{RpcError, RpcResult, json},
    eth::block::receipts_of,
    params::Params,
    tags::{header_by_id, not_found},
};

/// The transaction's EIP-2718 bytes, in a block or waiting; null when it is unknown.
pub(super) fn transaction(api: &Api, params: Params<'_>) -> RpcResult {
    crate::eth::tx::raw_by_hash(api, params)
}

/// The receipts of a block as they stand under `receiptsRoot`.
pub(super) fn receipts(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: BlockId = params.required("block")?;
    params.end()?;
    let Some(header) = header_by_id(api, id)? else { return Err(not_found(api, id)?) };
    let receipts = receipts_of(api, &header)?;
    json(&receipts.iter().map(ethereum_receipt).collect::<Vec<Bytes>>())
}

pub(super) fn header(_: &Api, params: Params<'_>) -> RpcResult {
    no_bytes(params, "header", "eth_getHeaderByNumber")
}

pub(super) fn block(_: &Api, params: Params<'_>) -> RpcResult {
    no_bytes(params, "block", "eth_getBlockByNumber")
}

/// Bytes whose keccak is not the block's hash would only mislead.
fn no_bytes(mut params: Params<'_>, what: &str, instead: &str) -> RpcResult {
    let _: BlockId = params.required("block")?;
    params.end()?;
    Err(RpcError::Unsupported(format!(
        "there is no raw {what}: block hashes are CometBFT's, not the keccak of an RLP header; use {instead}, \
         debug_getRawTransaction and debug_getRawReceipts, or CometBFT's own /block"
    )))
}
