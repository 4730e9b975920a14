//! `txpool_*`: what waits, by sender and nonce.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, TxKind, U64};
use defchain_base::tx::RecoveredTx;
use defchain_mempool::Content;
use serde::Serialize;

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    methods::Method,
    params::Params,
    types::{Place, TxView},
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("txpool_content", Cost::Heavy, content),
    Method::new("txpool_contentFrom", Cost::Read, content_from),
    Method::new("txpool_inspect", Cost::Heavy, inspect),
    Method::new("txpool_status", Cost::Read, status),
];

/// Most transactions that one answer lists.
const MAX_LISTED: usize = 10_000;

/// Transactions by nonce. Nonces are decimal, as geth writes them.
type ByNonce<T> = BTreeMap<String, T>;

#[derive(Serialize)]
struct Listed<T> {
    pending: BTreeMap<String, ByNonce<T>>,
    queued: BTreeMap<String, ByNonce<T>>,
}

#[derive(Serialize)]
struct ListedFrom {
    pending: ByNonce<TxView>,
    queued: ByNonce<TxView>,
}

#[derive(Serialize)]
struct Status {
    pending: U64,
    queued: U64,
}

fn by_nonce<T>(txs: &[Arc<RecoveredTx>], show: impl Fn(&RecoveredTx) -> T) -> ByNonce<T> {
    txs.iter().map(|tx| (tx.tx.nonce().to_string(), show(tx))).collect()
}

fn view(tx: &RecoveredTx) -> TxView {
    TxView::new(tx, Place::Pending)
}

fn list<T>(api: &Api, show: impl Fn(&RecoveredTx) -> T) -> Result<Listed<T>, RpcError> {
    let Content { senders, truncated } = api.ctx.pool.content(MAX_LISTED);
    if truncated {
        let status = api.ctx.pool.status();
        return Err(RpcError::Limit(format!(
            "the pool holds {} pending and {} queued transactions, at most about {MAX_LISTED} are listed; \
             use txpool_status or txpool_contentFrom",
            status.pending, status.queued
        )));
    }
    let mut listed = Listed { pending: BTreeMap::new(), queued: BTreeMap::new() };
    for content in senders {
        for (txs, lists) in [(&content.pending, &mut listed.pending), (&content.queued, &mut listed.queued)] {
            if !txs.is_empty() {
                // With checksum, as geth writes it.
                lists.insert(content.sender.to_string(), by_nonce(txs, &show));
            }
        }
    }
    Ok(listed)
}

fn content(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&list(api, view)?)
}

fn content_from(api: &Api, mut params: Params<'_>) -> RpcResult {
    let sender: Address = params.required("address")?;
    params.end()?;
    let content = api.ctx.pool.content_from(sender);
    json(&ListedFrom { pending: by_nonce(&content.pending, view), queued: by_nonce(&content.queued, view) })
}

fn inspect(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&list(api, summary)?)
}

/// geth's line for a transaction.
fn summary(tx: &RecoveredTx) -> String {
    let to = match tx.tx.to() {
        TxKind::Call(to) => to.to_string(),
        TxKind::Create => "contract creation".to_owned(),
    };
    format!("{to}: {} wei + {} gas × {} wei", tx.tx.value(), tx.tx.gas_limit(), tx.tx.max_fee_per_gas())
}

fn status(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let status = api.ctx.pool.status();
    json(&Status { pending: U64::from(status.pending), queued: U64::from(status.queued) })
}
