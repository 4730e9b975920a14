use std::{cmp::Reverse, collections::BTreeSet};

use defchain_base::Address;

use crate::entry::{Entry, Price};

/// Least first; among equals the one seen last, since who came first stays.
type Key = (u128, Reverse<u64>, Address);

/// Lane tails by price, whatever the base fee is.
///
/// A transaction's price at base fee `b` is `min(tip, cap − b)`. The least of many such minima is the lesser of the least
/// tip and the least cap − b, so two orders that never change answer for every base fee.
#[derive(Default)]
pub(crate) struct FeeIndex {
    by_tip: BTreeSet<Key>,
    by_cap: BTreeSet<Key>,
}

impl FeeIndex {
    pub fn insert(&mut self, entry: &Entry) {
        self.by_tip.insert((entry.tip_cap, Reverse(entry.seen_nanos), entry.sender()));
        self.by_cap.insert((entry.fee_cap, Reverse(entry.seen_nanos), entry.sender()));
    }

    pub fn remove(&mut self, entry: &Entry) {
        self.by_tip.remove(&(entry.tip_cap, Reverse(entry.seen_nanos), entry.sender()));
        self.by_cap.remove(&(entry.fee_cap, Reverse(entry.seen_nanos), entry.sender()));
    }

    /// The cheapest tail at that base fee, and whose it is.
    pub fn cheapest(&self, base_fee: u64) -> Option<(Price, Address)> {
        let (tip, _, by_tip) = self.by_tip.first()?;
        let (cap, _, by_cap) = self.by_cap.first()?;
        let (tip, left) = (Some(*tip), cap.checked_sub(u128::from(base_fee)));
        Some(if left < tip { (left, *by_cap) } else { (tip, *by_tip) })
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.by_tip.len(), self.by_cap.len());
        self.by_tip.len()
    }
}
