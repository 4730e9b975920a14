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
    let mut out = Vec::with_capacity(result.len().saturating_add(128));
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"");
    // Ids are ours: hex digits, nothing to escape.
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    out.extend_from_slice(result.as_bytes());
    out.extend_from_slice(b"}}");
    out
}

/// What a new block means to a connection: its header, then its logs.
pub(crate) fn head_notices(session: &Session, head: &HeadEvent) -> Vec<Vec<u8>> {
    let mut notices = Vec::new();
    let mut later = Vec::new();
    for (id, subscription) in session.active() {
        match subscription {
            // What is gone is told by its logs; the head that follows tells the rest.
            Subscription::NewHeads if head.block.removed => {}
            Subscription::NewHeads => notices.push(notice(&id, head.header.get())),
            Subscription::Logs(filter) => {
                let logs = logs::logs_of_block(&head.block, &filter);
                later.extend(logs.iter().filter_map(|log| json(log).ok()).map(|log| notice(&id, log.get())));
            }
            Subscription::Pending { .. } | Subscription::Syncing => {}
        }
    }
    notices.append(&mut later);
    notices
}

/// What new pending transactions mean to a connection.
pub(crate) fn pending_notices(session: &Session, txs: &PendingEvent) -> Vec<Vec<u8>> {
    let mut notices = Vec::new();
    for (id, subscription) in session.active() {
        let Subscription::Pending { full } = subscription else { continue };
        for tx in txs.iter() {
            let result = if full { json(&TxView::new(tx, Place::Pending)) } else { json(&tx.tx.hash()) };
            notices.extend(result.ok().map(|result| notice(&id, result.get())));
        }
    }
    notices
}

/// What a change of catching up means to a connection.
pub(crate) fn syncing_notices(session: &Session, catching_up: bool) -> Vec<Vec<u8>> {
    let result = if catching_up { "{\"syncing\":true}" } else { "false" };
    let wanted = session.active().into_iter().filter(|(_, sub)| matches!(sub, Subscription::Syncing));
    wanted.map(|(id, _)| notice(&id, result)).collect()
}
