//! `eth_subscribe`, `eth_unsubscribe`, and the notices that follow.

use std::sync::Arc;

use alloy_rpc_types_eth::Filter;
use serde::Deserialize;

use crate::{
    api::Api,
    error::{RpcError, RpcResult, json},
    eth::logs,
    hub::{HeadEvent, PendingEvent},
    params::Params,
    session::{Session, Subscription},
    types::{Place, TxView},
};

/// The second parameter of `newPendingTransactions`.
#[derive(Deserialize)]
#[serde(untagged)]
enum PendingOption {
    Full(bool),
    Named {
        #[serde(default, rename = "includeTransactions")]
        include_transactions: bool,
    },
}

/// Adds a subscription to the connection.
pub(crate) fn subscribe(_: &Arc<Api>, session: &Session, params: &[u8]) -> RpcResult {
    let mut params = Params::parse(params)?;
    let kind: String = params.required("subscription")?;
    let subscription = match kind.as_str() {
        "newHeads" => Subscription::NewHeads,
        "syncing" => Subscription::Syncing,
        "logs" => {
            let filter: Filter = params.optional("filter")?.unwrap_or_default();
            logs::check(&filter)?;
            Subscription::Logs(Box::new(filter))
        }
        "newPendingTransactions" => {
            let full = match params.optional::<PendingOption>("full transactions")? {
                Some(PendingOption::Full(full) | PendingOption::Named { include_transactions: full }) => full,
                None => false,
            };
            Subscription::Pending { full }
        }
        other => {
            return Err(RpcError::InvalidParams(format!(
                "no {other:?} subscription in eth namespace; there are newHeads, logs, newPendingTransactions, syncing"
            )));
        }
    };
    params.end()?;
    json(&session.subscribe(subscription)?)
}

/// Removes a subscription of the connection.
pub(crate) fn unsubscribe(session: &Session, params: &[u8]) -> RpcResult {
    let mut params = Params::parse(params)?;
    let id: String = params.required("subscription id")?;
    params.end()?;
    if session.unsubscribe(&id) { json(&true) } else { Err(RpcError::Refused(format!("subscription not found: {id}"))) }
}

fn notice(id: &str, result: &str) -> Vec<u8> {
    notice_of("eth_subscription", id, result)
}

fn notice_of(method: &str, id: &str, result: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(result.len().saturating_add(128));
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":{\"subscription\":\"");
    // Ids are ours: hex digits, nothing to escape.
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    out.extend_from_slice(result.as_bytes());
    out.extend_from_slice(b"}}");
    out
}

/// What a new block means to a connection: its header, then its logs. Made one by one: the logs of a full block for a hundred
/// subscriptions would be gigabytes.
pub(crate) fn head_notices(session: &Session, head: Arc<HeadEvent>) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
    let (mut heads, mut filters, mut native) = (Vec::new(), Vec::new(), Vec::new());
    for (id, subscription) in session.active() {
        match subscription {
            // What is gone is told by its logs; the head that follows tells the rest.
            Subscription::NewHeads if head.block.removed => {}
            Subscription::NewHeads => heads.push(id),
            Subscription::Logs(filter) => filters.push((id, filter)),
            Subscription::Native(wanted) => native.push((id, wanted)),
            Subscription::Pending { .. } | Subscription::Syncing => {}
        }
    }
    let (of_block, of_modules) = (head.clone(), head.clone());
    let told = heads.into_iter().map(move |id| notice(&id, head.header.get()));
    let modules = native.into_iter().flat_map(move |(id, wanted)| {
        let results = wanted.results(of_modules.clone());
        results.into_iter().map(move |result| notice_of("def_subscription", &id, &result))
    });
    told.chain(filters.into_iter().flat_map(move |(id, filter)| {
        let logs = logs::logs_of_block(&of_block.block, &filter);
        logs.into_iter().filter_map(move |log| json(&log).ok().map(|log| notice(&id, log.get())))
    }))
    .chain(modules)
}

/// What new pending transactions mean to a connection.
pub(crate) fn pending_notices(session: &Session, txs: PendingEvent) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
    let wanted = session.active().into_iter().filter_map(|(id, subscription)| match subscription {
        Subscription::Pending { full } => Some((id, full)),
        _ => None,
    });
    wanted.flat_map(move |(id, full)| {
        let txs = txs.clone();
        (0..txs.len()).filter_map(move |n| {
            let tx = txs.get(n)?;
            let result = if full { json(&TxView::new(tx, Place::Pending)) } else { json(&tx.tx.hash()) };
            result.ok().map(|result| notice(&id, result.get()))
        })
    })
}

/// What a change of catching up means to a connection.
pub(crate) fn syncing_notices(session: &Session, catching_up: bool) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
    let result = if catching_up { "{\"syncing\":true}" } else { "false" };
    let wanted = session.active().into_iter().filter(|(_, sub)| matches!(sub, Subscription::Syncing));
    wanted.map(move |(id, _)| notice(&id, result))
}
