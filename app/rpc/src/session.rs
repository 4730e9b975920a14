//! What a WebSocket connection is subscribed to.

use std::collections::BTreeMap;

use alloy_rpc_types_eth::Filter;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use crate::{error::RpcError, id::random_id};

/// A subscription.
#[derive(Debug, Clone)]
pub(crate) enum Subscription {
    /// Headers of new blocks.
    NewHeads,
    /// Logs of new blocks that match.
    Logs(Box<Filter>),
    /// Transactions that enter the pool: hashes, or whole.
    Pending {
        /// Whether whole.
        full: bool,
    },
    /// Whether the node is catching up.
    Syncing,
}

/// The subscriptions of a connection.
pub(crate) struct Session {
    limit: usize,
    /// Subscriptions of all sessions.
    count: Gauge,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    active: BTreeMap<String, Subscription>,
    /// Made, but the answer that names them is not sent yet: no event may overtake it.
    fresh: Vec<(String, Subscription)>,
}

impl Session {
    pub fn new(limit: usize, count: Gauge) -> Self {
        Self { limit, count, inner: Mutex::default() }
    }

    /// Adds a subscription and returns its id.
    pub fn subscribe(&self, subscription: Subscription) -> Result<String, RpcError> {
        let mut inner = self.inner.lock();
        let held = inner.active.len().saturating_add(inner.fresh.len());
        if held >= self.limit {
            return Err(RpcError::Limit(format!(
                "too many subscriptions: this connection has {held}, limit {} (rpc.max_subscriptions_per_connection)",
                self.limit
            )));
        }
        let id = random_id()?;
        inner.fresh.push((id.clone(), subscription));
        self.count.inc();
        Ok(id)
    }

    /// Removes a subscription; false when there is none of that id.
    pub fn unsubscribe(&self, id: &str) -> bool {
        let mut inner = self.inner.lock();
        let held = inner.fresh.len();
        inner.fresh.retain(|(fresh, _)| fresh != id);
        let gone = inner.fresh.len() < held || inner.active.remove(id).is_some();
        if gone {
            self.count.dec();
        }
        gone
    }

    /// Lets events flow to the subscriptions whose ids were sent.
    pub fn activate(&self) {
        let mut inner = self.inner.lock();
        let fresh = std::mem::take(&mut inner.fresh);
        inner.active.extend(fresh);
    }

    /// The subscriptions that take events.
    pub fn active(&self) -> Vec<(String, Subscription)> {
        self.inner.lock().active.iter().map(|(id, sub)| (id.clone(), sub.clone())).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        let held = inner.active.len().saturating_add(inner.fresh.len());
        self.count.dec_by(i64::try_from(held).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_subscription_takes_events_only_after_its_id_was_sent() {
        let count = Gauge::default();
        let session = Session::new(2, count.clone());
        let id = session.subscribe(Subscription::NewHeads).unwrap();
        assert!(session.active().is_empty());
        session.activate();
        assert_eq!(session.active().len(), 1);
        assert!(session.unsubscribe(&id) && !session.unsubscribe(&id));
        assert!(session.active().is_empty());
        session.subscribe(Subscription::Syncing).unwrap();
        assert_eq!(count.get(), 1);
        drop(session);
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn the_limit_counts_what_is_not_yet_active() {
        let session = Session::new(1, Gauge::default());
        let id = session.subscribe(Subscription::Syncing).unwrap();
        let error = session.subscribe(Subscription::NewHeads).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("has 1, limit 1"), "{error}");
        assert!(session.unsubscribe(&id));
        session.subscribe(Subscription::NewHeads).unwrap();
    }
}
