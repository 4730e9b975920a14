//! Transactions: sending them and finding them.

use std::{borrow::Cow, sync::Arc};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, Bytes, U64, hex};
use defchain_chain::{Block, records::Header};
use defchain_mempool::PoolError;

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::block::{pending_transaction, receipts_of, transaction, whole},
    methods::Method,
    params::Params,
    tags::{header_by_hash, header_of, pending},
    types::{Place, ReceiptView, TxView},
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_sendRawTransaction", Cost::Read, send_raw),
    Method::new("eth_getTransactionByHash", Cost::Read, by_hash),
    Method::new("eth_getTransactionByBlockHashAndIndex", Cost::Read, by_block_hash),
    Method::new("eth_getTransactionByBlockNumberAndIndex", Cost::Read, by_block_number),
    Method::new("eth_getRawTransactionByHash", Cost::Read, raw_by_hash),
    Method::new("eth_getRawTransactionByBlockHashAndIndex", Cost::Read, raw_by_block_hash),
    Method::new("eth_getRawTransactionByBlockNumberAndIndex", Cost::Read, raw_by_block_number),
    Method::new("eth_getTransactionReceipt", Cost::Read, receipt),
];

/// Reads the raw transaction in `params`.
pub(crate) fn raw_param(params: &mut Params<'_>) -> Result<Bytes, RpcError> {
    let text: Cow<'_, str> = params.required("transaction")?;
    let digits =
        text.strip_prefix("0x").ok_or_else(|| RpcError::argument(0, "transaction", "hex string without 0x prefix"))?;
    hex::decode(digits).map(Bytes::from).map_err(|e| RpcError::argument(0, "transaction", e))
}

impl From<PoolError> for RpcError {
    fn from(error: PoolError) -> Self {
        match &error {
            PoolError::State { .. } | PoolError::Config { .. } | PoolError::Thread(_) => {
                Self::Internal(error.to_string())
            }
            _ => Self::InvalidTx { rule: error.code(), message: error.to_string() },
        }
    }
}

fn send_raw(api: &Api, mut params: Params<'_>) -> RpcResult {
    let raw = raw_param(&mut params)?;
    params.end()?;
    let hash = api.ctx.pool.add_local(raw)?;
    crate::dev::settle(api);
    json(&hash)
}

/// Sends the transaction of each of `params` in one go: their signatures are recovered in parallel.
pub(crate) fn send_raw_many<'a>(api: &Api, params: impl Iterator<Item = &'a [u8]>) -> Vec<RpcResult> {
    let read = |bytes: &'a [u8]| {
        let mut params = Params::parse(bytes)?;
        let raw = raw_param(&mut params)?;
        params.end().map(|()| raw)
    };
    let mut raws = Vec::new();
    let places: Vec<Result<(), RpcError>> = params.map(|bytes| read(bytes).map(|raw| raws.push(raw))).collect();
    let mut added = api.workers.parallel(|| api.ctx.pool.add_many(raws)).into_iter();
    let missing = || RpcError::Internal("the pool answered fewer transactions than it was given".to_owned());
    places
        .into_iter()
        .map(|place| place.and_then(|()| added.next().ok_or_else(missing)?.map_err(RpcError::from)))
        .map(|result| result.and_then(|hash| json(&hash)))
        .collect()
}

/// The block that holds a transaction, and its place in it.
pub(crate) fn find(api: &Api, hash: &B256) -> Result<Option<(Arc<Header>, usize)>, RpcError> {
    let Some((height, index)) = api.ctx.reader.tx_location(hash)? else { return Ok(None) };
    let header = api.ctx.reader.header(height)?;
    Ok(header.zip(usize::try_from(index).ok()))
}

fn by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("transaction hash")?;
    params.end()?;
    // The pool first: a transaction that is committed in between is then found in its block.
    let waiting = api.ctx.pool.get(&hash);
    if let Some((header, index)) = find(api, &hash)? {
        return json(&transaction(&*whole(api, &header)?, index));
    }
    json(&waiting.map(|held| TxView::new(&held.tx, Place::Pending)))
}

pub(crate) fn raw_by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("transaction hash")?;
    params.end()?;
    let waiting = api.ctx.pool.get(&hash);
    if let Some((header, index)) = find(api, &hash)? {
        return raw_at(&*whole(api, &header)?, index);
    }
    json(&waiting.map(|held| held.tx.tx.raw().clone()))
}

fn raw_at(block: &Block, index: usize) -> RpcResult {
    json(&block.txs.get(index).map(|tx| tx.tx.raw()))
}

/// What stands at a place of the block that `by` names; null when there is no such block or place.
fn at_place(api: &Api, header: Option<Arc<Header>>, index: U64, show: fn(&Block, usize) -> RpcResult) -> RpcResult {
    let Some(header) = header else { return json(&()) };
    let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    show(&*whole(api, &header)?, index)
}

fn show_tx(block: &Block, index: usize) -> RpcResult {
    json(&transaction(block, index))
}

fn hash_and_index(api: &Api, mut params: Params<'_>) -> Result<(Option<Arc<Header>>, U64), RpcError> {
    let hash: B256 = params.required("block hash")?;
    let index: U64 = params.required("index")?;
    params.end()?;
    Ok((header_by_hash(api, &hash)?, index))
}

fn number_and_index(api: &Api, mut params: Params<'_>) -> Result<(Option<Arc<Header>>, U64), RpcError> {
    let tag: BlockNumberOrTag = params.required("block number")?;
    let index: U64 = params.required("index")?;
    params.end()?;
    Ok((header_of(api, tag)?, index))
}

fn by_block_hash(api: &Api, params: Params<'_>) -> RpcResult {
    let (header, index) = hash_and_index(api, params)?;
    at_place(api, header, index, show_tx)
}

fn by_block_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    let index: U64 = params.required("index")?;
    params.end()?;
    if tag == BlockNumberOrTag::Pending {
        let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
        return json(&pending_transaction(&*pending(api)?, index));
    }
    at_place(api, header_of(api, tag)?, index, show_tx)
}

fn raw_by_block_hash(api: &Api, params: Params<'_>) -> RpcResult {
    let (header, index) = hash_and_index(api, params)?;
    at_place(api, header, index, raw_at)
}

fn raw_by_block_number(api: &Api, params: Params<'_>) -> RpcResult {
    let (header, index) = number_and_index(api, params)?;
    at_place(api, header, index, raw_at)
}

fn receipt(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("transaction hash")?;
    params.end()?;
    json(&receipt_of(api, &hash)?)
}

/// The receipt of a transaction; `None` while it waits or when it is unknown.
pub(crate) fn receipt_of(api: &Api, hash: &B256) -> Result<Option<ReceiptView>, RpcError> {
    let Some((header, index)) = find(api, hash)? else { return Ok(None) };
    Ok(ReceiptView::at(&header, &receipts_of(api, &header)?, index))
}
