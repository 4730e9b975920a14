//! What a WebSocket connection is subscribed to.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy_rpc_types_eth::Filter;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use crate::{def::subscribe::Wanted, error::RpcError, id::random_id};

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
    /// What happens in the chain's own modules.
    Native(Wanted),
}

/// How many subscriptions there may be, and how many there are.
pub(crate) struct Seats {
    each: usize,
    all: usize,
    taken: AtomicUsize,
    shown: Gauge,
}

impl Seats {
    /// So many per connection and in all.
    pub fn new(each: usize, all: usize, shown: Gauge) -> Arc<Self> {
        Arc::new(Self { each, all, taken: AtomicUsize::new(0), shown })
    }

    fn take(&self) -> Result<(), RpcError> {
        let one_more = |taken: usize| taken.checked_add(1).filter(|sum| *sum <= self.all);
        if let Err(taken) = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            return Err(RpcError::Limit(format!(
                "too many subscriptions: all connections together have {taken}, limit {} (rpc.max_subscriptions)",
                self.all
            )));
        }
        self.shown.inc();
        Ok(())
    }

    fn leave(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::AcqRel);
        self.shown.dec_by(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// The subscriptions of a connection.
pub(crate) struct Session {
    seats: Arc<Seats>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    active: BTreeMap<String, Subscription>,
    /// Made, but the answer that names them is not sent yet: no event may overtake it.
    fresh: Vec<(String, Subscription)>,
}

impl Session {
    pub fn new(seats: Arc<Seats>) -> Self {
        Self { seats, inner: Mutex::default() }
    }

    /// Adds a subscription and returns its id.
    pub fn subscribe(&self, subscription: Subscription) -> Result<String, RpcError> {
        let mut inner = self.inner.lock();
        let held = inner.active.len().saturating_add(inner.fresh.len());
        if held >= self.seats.each {
            return Err(RpcError::Limit(format!(
                "too many subscriptions: this connection has {held}, limit {} (rpc.max_subscriptions_per_connection)",
                self.seats.each
            )));
        }
        let id = random_id()?;
        self.seats.take()?;
        inner.fresh.push((id.clone(), subscription));
        Ok(id)
    }

    /// Removes a subscription; false when there is none of that id.
    pub fn unsubscribe(&self, id: &str) -> bool {
        let mut inner = self.inner.lock();
        let held = inner.fresh.len();
        inner.fresh.retain(|(fresh, _)| fresh != id);
        let gone = inner.fresh.len() < held || inner.active.remove(id).is_some();
        if gone {
            self.seats.leave(1);
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
        self.seats.leave(held);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_subscription_takes_events_only_after_its_id_was_sent() {
        let count = Gauge::default();
        let session = Session::new(Seats::new(2, 9, count.clone()));
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
        let session = Session::new(Seats::new(1, 9, Gauge::default()));
        let id = session.subscribe(Subscription::Syncing).unwrap();
        let error = session.subscribe(Subscription::NewHeads).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("has 1, limit 1"), "{error}");
        assert!(session.unsubscribe(&id));
        session.subscribe(Subscription::NewHeads).unwrap();
    }

    #[test]
    fn all_connections_together_have_a_limit_and_one_that_ends_makes_room() {
        let seats = Seats::new(2, 3, Gauge::default());
        let (a, b) = (Session::new(seats.clone()), Session::new(seats));
        for session in [&a, &a, &b] {
            session.subscribe(Subscription::NewHeads).unwrap();
        }
        let error = b.subscribe(Subscription::NewHeads).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("together have 3, limit 3 (rpc.max_subscriptions)"), "{error}");
        drop(a);
        b.subscribe(Subscription::NewHeads).unwrap();
    }
}
