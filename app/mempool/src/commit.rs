use std::{collections::HashMap, sync::Arc};

use defchain_base::{Address, B256};
use defchain_evm::validity::Sender;
use rayon::prelude::*;

use crate::{
    Pool, PoolView, Unjudged,
    pool::{LOCK_CHUNK, Shared},
    view::Tip,
};

/// Old transactions looked at with each commit.
const EXPIRE_PER_COMMIT: usize = 1_024;
/// Senders read per parallel task.
const READ_CHUNK: usize = 64;

/// A transaction that a block carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Included {
    /// Who signed it.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub hash: B256,
}

impl Pool {
    /// Follows a committed block: `view` is the state after it. Drops what was included or whose nonce is used, judges
    /// the senders of the block again, and those whose transactions a proposal refused. Costs what the block holds, not
    /// what the pool holds.
    pub fn on_commit(&self, included: &[Included], view: Arc<dyn PoolView>) {
        let shared = self.shared();
        let _one_at_a_time = shared.commit.lock();
        let tip = shared.advance(view);
        let mut touched = shared.drop_included(included);
        touched.extend(shared.take_suspects());
        shared.rejudge(&touched, &tip);
        shared.with_state(|state| state.expire(shared.clock.now_nanos(), EXPIRE_PER_COMMIT));
    }

    /// Notes accounts whose nonce or code a block changed though they sent nothing in it (EIP-7702 authorities): the next
    /// [`Self::on_commit`] judges them again.
    pub fn touch(&self, accounts: impl IntoIterator<Item = Address>) {
        self.shared().state.lock().suspects.extend(accounts);
    }

    /// Judges everything again, after the chain was taken back to an earlier state (dev).
    pub fn rebase(&self, view: Arc<dyn PoolView>) {
        let shared = self.shared();
        let _one_at_a_time = shared.commit.lock();
        let tip = shared.advance(view);
        let all: Vec<Address> = shared.state.lock().lanes().map(|(address, _)| *address).collect();
        shared.rejudge(&all, &tip);
    }

    /// Takes one transaction out; those of its sender after it wait for the gap.
    pub fn remove(&self, hash: &B256) -> bool {
        self.shared().with_state(|state| {
            let Some((sender, nonce)) = state.get(hash).map(|entry| (entry.sender(), entry.nonce())) else {
                return false;
            };
            state.unlink(sender, nonce).is_some()
        })
    }

    /// Empties the pool.
    pub fn clear(&self) {
        self.shared().state.lock().clear();
    }
}

impl Shared {
    /// From now on everything is judged against `view`.
    fn advance(&self, view: Arc<dyn PoolView>) -> Arc<Tip> {
        let tip = Tip::new(self.tip().seq.wrapping_add(1), view);
        let mut state = self.state.lock();
        state.seq = tip.seq;
        state.base_fee = tip.context.base_fee;
        *self.tip.write() = Arc::clone(&tip);
        tip
    }

    fn take_suspects(&self) -> Vec<Address> {
        let mut state = self.state.lock();
        let mut suspects = core::mem::take(&mut state.suspects);
        suspects.retain(|address| state.lane(address).is_some());
        suspects.into_iter().collect()
    }

    /// Lets lanes follow the nonces that the block used; gives back the senders who have more in the pool.
    fn drop_included(&self, included: &[Included]) -> Vec<Address> {
        let mut next: HashMap<Address, u64> = HashMap::with_capacity(included.len());
        for tx in included {
            let after = tx.nonce.saturating_add(1);
            next.entry(tx.sender).and_modify(|next| *next = after.max(*next)).or_insert(after);
        }
        let mut left = Vec::new();
        // In the block's order, which is nearly that of the indexes: neighbours are removed after each other, which costs
        // a third of what removal at random places does.
        let mut lanes =
            included.iter().filter_map(|tx| next.remove(&tx.sender).map(|next| (tx.sender, next))).peekable();
        while lanes.peek().is_some() {
            self.with_state(|state| {
                for (address, next) in lanes.by_ref().take(LOCK_CHUNK) {
                    // An admission since may have moved it there, or even an earlier report of this block.
                    let next = state.lane(&address).map_or(next, |lane| next.max(lane.next()));
                    if state.follow(address, next) {
                        left.push(address);
                    }
                }
            });
        }
        left
    }

    /// Reads these senders outside the lock, and drops what no longer holds.
    fn rejudge(&self, addresses: &[Address], tip: &Tip) {
        let read: Vec<(Address, Option<Sender>)> = addresses
            .par_iter()
            .with_min_len(READ_CHUNK)
            .map(|address| match tip.view.sender(address) {
                Ok(sender) => (*address, Some(sender)),
                Err(error) => {
                    tracing::warn!(%address, %error, "a sender could not be read: its transactions stay as they are");
                    (*address, None)
                }
            })
            .collect();
        for chunk in read.chunks(LOCK_CHUNK) {
            self.with_state(|state| {
                for (address, sender) in chunk {
                    if let Some(sender) = sender {
                        state.rejudge(*address, sender);
                    }
                }
            });
        }
        self.retry_self_paid(addresses, tip);
    }

    /// Tries again what pays for itself (D26a): there is at most one of them a sender, and few senders have one.
    fn retry_self_paid(&self, addresses: &[Address], tip: &Tip) {
        for chunk in addresses.chunks(LOCK_CHUNK) {
            let held: Vec<_> = {
                let state = self.state.lock();
                chunk.iter().flat_map(|address| state.self_paid(address)).collect()
            };
            for entry in held {
                if matches!(tip.view.try_out(&entry.tx), Err(Unjudged::Invalid(_))) {
                    self.with_state(|state| state.drop_unpayable(&entry));
                }
            }
        }
    }
}
