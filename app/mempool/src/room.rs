//! Bounds, and who goes when they are met.

use std::sync::Arc;

use crate::{
    PoolError,
    entry::{Entry, Price},
    state::State,
};

/// Most transactions that one newcomer may push out. It takes that many small ones to free the bytes of a large one.
const MAX_VICTIMS: usize = 1_024;

const _: () = assert!(
    MAX_VICTIMS * MIN_TX_BYTES >= defchain_base::tx::MAX_TX_BYTES / 2,
    "a newcomer of half the greatest size can displace the smallest transactions"
);
/// About the least a signed transaction takes.
pub(crate) const MIN_TX_BYTES: usize = 100;

enum Over {
    Nothing,
    Total,
    Queued,
}

impl State {
    /// Refuses what a full pool would not take, before anything dear is done for it.
    pub fn check_full(&self, bytes: usize, price: Price) -> Result<(), PoolError> {
        if self.len() < self.config.max_transactions && self.bytes().saturating_add(bytes) <= self.config.max_bytes {
            return Ok(());
        }
        match self.tails.cheapest(self.base_fee) {
            Some((lowest, _)) if price <= lowest => Err(self.full(price, lowest)),
            _ => Ok(()),
        }
    }

    fn full(&self, price: Price, lowest: Price) -> PoolError {
        PoolError::Full {
            transactions: self.len(),
            bytes: self.bytes(),
            tip: price.unwrap_or(0),
            lowest: lowest.unwrap_or(0),
        }
    }

    /// Makes room for `entry`, which takes the place of `held`, by evicting cheaper lane tails; or changes nothing.
    pub fn make_room(&mut self, entry: &Entry, held: Option<&Entry>, next: u64) -> Result<(), PoolError> {
        let mut victims = Vec::new();
        let result = loop {
            match self.find_victim(entry, held, next) {
                Ok(None) => break Ok(()),
                Ok(Some(_)) if victims.len() >= MAX_VICTIMS => {
                    let price = entry.price(self.base_fee);
                    break Err(self.full(price, price));
                }
                Ok(Some((victim, next))) => {
                    self.unlink(victim.sender(), victim.nonce());
                    victims.push((victim, next));
                }
                Err(refusal) => break Err(refusal),
            }
        };
        if result.is_ok() {
            self.tally.evicted = self.tally.evicted.saturating_add(u64::try_from(victims.len()).unwrap_or(u64::MAX));
        } else {
            for (victim, next) in victims.into_iter().rev() {
                self.link(victim, next);
            }
        }
        result
    }

    /// The transaction that has to go next, with its account's nonce; none when there is room.
    fn find_victim(
        &self,
        entry: &Entry,
        held: Option<&Entry>,
        next: u64,
    ) -> Result<Option<(Arc<Entry>, u64)>, PoolError> {
        let (address, nonce, price) = (entry.sender(), entry.nonce(), entry.price(self.base_fee));
        let lane = self.lane(&address);
        // A full lane gives up its own last transaction for an earlier one: who sent too far ahead is not locked out.
        if let Some(lane) = lane.filter(|lane| held.is_none() && lane.len() >= self.config.max_per_sender) {
            return match lane.tail().filter(|tail| tail.nonce() > nonce) {
                Some(tail) => Ok(Some((Arc::clone(tail), lane.next()))),
                None => Err(PoolError::AccountLimit { address, limit: self.config.max_per_sender }),
            };
        }
        let ready_end = lane.map_or(next, |lane| lane.ready_end());
        let cheapest = match self.over(entry, held, ready_end) {
            Over::Nothing => return Ok(None),
            Over::Total => self.tails.cheapest(self.base_fee),
            Over::Queued => self.queued_tails.cheapest(self.base_fee),
        };
        let refusal = || match self.over(entry, held, ready_end) {
            Over::Queued => PoolError::QueueFull { address, nonce, next: ready_end, limit: self.config.max_queued },
            _ => self.full(price, cheapest.map_or(price, |(lowest, _)| lowest)),
        };
        let Some((_, owner)) = cheapest.filter(|(lowest, _)| *lowest < price) else { return Err(refusal()) };
        let Some(lane) = self.lane(&owner) else { return Err(refusal()) };
        // Evicting one's own predecessor would only make a gap.
        match lane.tail().filter(|tail| owner != address || tail.nonce() > nonce) {
            Some(tail) => Ok(Some((Arc::clone(tail), lane.next()))),
            None => Err(refusal()),
        }
    }

    /// Which bound would be exceeded if `entry` came in.
    fn over(&self, entry: &Entry, held: Option<&Entry>, ready_end: u64) -> Over {
        let (count, bytes) = held.map_or((1, 0), |held| (0, held.bytes()));
        let bytes = self.bytes().saturating_add(entry.bytes()).saturating_sub(bytes);
        if self.len().saturating_add(count) > self.config.max_transactions || bytes > self.config.max_bytes {
            return Over::Total;
        }
        if held.is_none() && entry.nonce() > ready_end && self.queued() >= self.config.max_queued {
            return Over::Queued;
        }
        Over::Nothing
    }

    /// Evicts waiting transactions while there are too many: a removal may have cut a lane in two.
    pub fn trim_queued(&mut self) {
        while self.queued() > self.config.max_queued {
            let Some((_, owner)) = self.queued_tails.cheapest(self.base_fee) else { return };
            let Some(nonce) = self.lane(&owner).and_then(|lane| lane.tail()).map(|tail| tail.nonce()) else { return };
            self.unlink(owner, nonce);
            self.tally.evicted = self.tally.evicted.saturating_add(1);
        }
    }
}
