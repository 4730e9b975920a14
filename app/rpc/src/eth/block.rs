//! Blocks and their receipts.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use defchain_base::Height;
use defchain_chain::{Block, PendingBlock, records::Header};

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    tags::{header_by_hash, header_by_id, header_of, pending},
    types::{BlockView, HeaderView, Place, ReceiptView, TxView, header::TxList},
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_getBlockByHash", Cost::Read, by_hash),
    Method::new("eth_getBlockByNumber", Cost::Read, by_number),
    Method::new("eth_getHeaderByHash", Cost::Read, header_by_hash_method),
    Method::new("eth_getHeaderByNumber", Cost::Read, header_by_number),
    Method::new("eth_getBlockTransactionCountByHash", Cost::Read, count_by_hash),
    Method::new("eth_getBlockTransactionCountByNumber", Cost::Read, count_by_number),
    Method::new("eth_getUncleCountByBlockHash", Cost::Read, uncles_by_hash),
    Method::new("eth_getUncleCountByBlockNumber", Cost::Read, uncles_by_number),
    Method::new("eth_getUncleByBlockHashAndIndex", Cost::Quick, no_uncle_by_hash),
    Method::new("eth_getUncleByBlockNumberAndIndex", Cost::Quick, no_uncle_by_number),
    Method::new("eth_getBlockReceipts", Cost::Heavy, receipts),
];

fn by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("block hash")?;
    let full: Option<bool> = params.optional("full transactions")?;
    params.end()?;
    block(api, header_by_hash(api, &hash)?, full.unwrap_or(false))
}

fn by_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    let full: Option<bool> = params.optional("full transactions")?;
    params.end()?;
    if tag == BlockNumberOrTag::Pending {
        return pending_block(api, full.unwrap_or(false));
    }
    block(api, header_of(api, tag)?, full.unwrap_or(false))
}

pub(crate) fn block(api: &Api, header: Option<Arc<Header>>, full: bool) -> RpcResult {
    let Some(header) = header else { return json(&()) };
    let transactions = if header.tx_count == 0 {
        TxList::Hashes(Vec::new())
    } else if full {
        let block = whole(api, &header)?;
        TxList::Full((0..block.txs.len()).filter_map(|index| transaction(&block, index)).collect())
    } else {
        TxList::Hashes(receipts_of(api, &header)?.iter().map(|receipt| receipt.tx_hash).collect())
    };
    json(&BlockView {
        header: HeaderView::from(header.as_ref()),
        size: U64::from(header.size),
        uncles: [],
        withdrawals: [],
        transactions,
    })
}

/// The block that would come next, without what only a decided block has: hash and state root.
fn pending_block(api: &Api, full: bool) -> RpcResult {
    let pending = pending(api)?;
    let transactions = if full {
        TxList::Full((0..pending.txs.len()).filter_map(|index| pending_transaction(&pending, index)).collect())
    } else {
        TxList::Hashes(pending.receipts.iter().map(|receipt| receipt.tx_hash).collect())
    };
    json(&BlockView {
        header: HeaderView::pending(&pending.header),
        size: U64::from(pending.txs.iter().map(|tx| tx.tx.raw().len()).sum::<usize>()),
        uncles: [],
        withdrawals: [],
        transactions,
    })
}

/// The transaction at `index` of the block that would come next.
pub(crate) fn pending_transaction(pending: &PendingBlock, index: usize) -> Option<TxView> {
    let gas_price = pending.receipts.get(index)?.effective_gas_price;
    Some(TxView::new(pending.txs.get(index)?, Place::Next { header: &pending.header, index, gas_price }))
}

fn header_by_hash_method(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("block hash")?;
    params.end()?;
    json(&header_by_hash(api, &hash)?.map(|header| HeaderView::from(header.as_ref())))
}

fn header_by_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    params.end()?;
    if tag == BlockNumberOrTag::Pending {
        return json(&HeaderView::pending(&pending(api)?.header));
    }
    json(&header_of(api, tag)?.map(|header| HeaderView::from(header.as_ref())))
}

fn count_by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("block hash")?;
    params.end()?;
    json(&header_by_hash(api, &hash)?.map(|header| U64::from(header.tx_count)))
}

fn count_by_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    params.end()?;
    if tag == BlockNumberOrTag::Pending {
        return json(&U64::from(pending(api)?.txs.len()));
    }
    json(&header_of(api, tag)?.map(|header| U64::from(header.tx_count)))
}

fn uncles_by_hash(api: &Api, mut params: Params<'_>) -> RpcResult {
    let hash: B256 = params.required("block hash")?;
    params.end()?;
    json(&header_by_hash(api, &hash)?.map(|_| U64::ZERO))
}

fn uncles_by_number(api: &Api, mut params: Params<'_>) -> RpcResult {
    let tag: BlockNumberOrTag = params.required("block number")?;
    params.end()?;
    json(&header_of(api, tag)?.map(|_| U64::ZERO))
}

fn no_uncle_by_hash(_: &Api, mut params: Params<'_>) -> RpcResult {
    let _: B256 = params.required("block hash")?;
    let _: U64 = params.required("index")?;
    params.end()?;
    json(&())
}

fn no_uncle_by_number(_: &Api, mut params: Params<'_>) -> RpcResult {
    let _: BlockNumberOrTag = params.required("block number")?;
    let _: U64 = params.required("index")?;
    params.end()?;
    json(&())
}

fn receipts(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: BlockId = params.required("block")?;
    params.end()?;
    let Some(header) = header_by_id(api, id)? else { return json(&()) };
    json(&ReceiptView::all(&header, &receipts_of(api, &header)?))
}

/// The transaction at `index` of a block.
pub(crate) fn transaction(block: &Block, index: usize) -> Option<TxView> {
    let tx = block.txs.get(index)?;
    let gas_price = block.receipts.get(index)?.effective_gas_price;
    Some(TxView::new(tx, Place::In { header: &block.header, index, gas_price }))
}

/// The block of a header, from memory or the store.
pub(crate) fn whole(api: &Api, header: &Header) -> Result<Arc<Block>, RpcError> {
    if let Some(block) = api.recent.get(&header.hash) {
        return Ok(block);
    }
    let block = api.ctx.reader.block(header.height)?.filter(|block| block.header.hash == header.hash);
    let block = Arc::new(block.ok_or_else(|| no_longer_held(header.height))?);
    api.recent.put(block.clone());
    Ok(block)
}

/// The receipts of a header, from memory or the store.
pub(crate) fn receipts_of(api: &Api, header: &Header) -> Result<Receipts, RpcError> {
    if header.tx_count == 0 {
        return Ok(Receipts::Read(Vec::new()));
    }
    if let Some(block) = api.recent.get(&header.hash) {
        return Ok(Receipts::Shared(block));
    }
    let receipts = api.ctx.reader.receipts(header.height)?.ok_or_else(|| no_longer_held(header.height))?;
    Ok(Receipts::Read(receipts))
}

fn no_longer_held(height: Height) -> RpcError {
    RpcError::Refused(format!("the transactions of block {height} are no longer held by this node"))
}

/// Receipts that may be shared with other readers.
pub(crate) enum Receipts {
    Shared(Arc<Block>),
    Read(Vec<defchain_chain::records::Receipt>),
}

impl std::ops::Deref for Receipts {
    type Target = [defchain_chain::records::Receipt];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Shared(block) => &block.receipts,
            Self::Read(receipts) => receipts,
        }
    }
}
