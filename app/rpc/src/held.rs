//! How many bytes of requests and answers the server holds, and that there are never more than allowed.
//!
//! Every connection may send a large request or leave a large answer unread. Each alone is bounded; this bounds them
//! together, so that a thousand of them do not add up to the machine's memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prometheus_client::metrics::gauge::Gauge;

use crate::error::RpcError;

/// The bytes held for all callers.
pub(crate) struct Ledger {
    limit: usize,
    held: AtomicUsize,
    shown: Gauge,
}

impl Ledger {
    pub fn new(limit: usize, shown: Gauge) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0), shown })
    }

    fn show(&self, held: usize) {
        self.shown.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    fn add(&self, bytes: usize) -> Result<(), RpcError> {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.limit);
        match self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(before) => {
                self.show(before.saturating_add(bytes));
                Ok(())
            }
            Err(held) => Err(RpcError::Limit(format!(
                "no memory to spare: {held} bytes are held for callers, {bytes} more would be above {} \
                 (rpc.max_held_bytes); try again",
                self.limit
            ))),
        }
    }

    fn remove(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Ordering::AcqRel);
        self.show(before.saturating_sub(bytes));
    }
}

/// A part of the ledger; given back when dropped.
pub(crate) struct Held {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Held {
    pub fn nothing(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: ledger.clone(), bytes: 0 }
    }

    /// Another one on the same ledger.
    pub fn empty(&self) -> Self {
        Self::nothing(&self.ledger)
    }

    /// Takes so many more, or none.
    pub fn grow(&mut self, bytes: usize) -> Result<(), RpcError> {
        self.ledger.add(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Takes over what another holds.
    pub fn join(&mut self, mut other: Self) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ledger.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_held_never_exceeds_the_limit_and_is_given_back() {
        let shown = Gauge::default();
        let ledger = Ledger::new(100, shown.clone());
        let (mut a, mut b) = (Held::nothing(&ledger), Held::nothing(&ledger));
        a.grow(60).unwrap();
        let error = b.grow(41).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("60 bytes are held for callers, 41 more would be above 100"), "{error}");
        b.grow(40).unwrap();
        a.join(b);
        assert_eq!(shown.get(), 100);
        assert!(Held::nothing(&ledger).grow(usize::MAX).is_err());
        drop(a);
        assert_eq!(shown.get(), 0);
        Held::nothing(&ledger).grow(100).unwrap();
    }
}
