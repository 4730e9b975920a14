//! Admission: screen, recover, judge, put into the lane. The same steps for RPC and gossip.

use std::sync::Arc;

use defchain_base::{
    B256, Bytes, keccak256,
    tx::{MAX_TX_BYTES, RecoveredTx, SignedTx, TxError, decode},
};
use defchain_evm::validity::{self, Sender};
use rayon::prelude::*;

use crate::{
    FirstSeen, Origin, Pool, PoolError, Unjudged,
    entry::{Draft, Entry},
    pool::{LOCK_CHUNK, Shared},
    view::Tip,
};

/// How often a transaction is judged again because a block was committed meanwhile, before the next commit is kept
/// waiting for it.
const FREE_TRIES: u32 = 3;
/// Signatures per parallel task: some 300 µs of work, so that handing it over costs little.
const RECOVER_CHUNK: usize = 8;
/// Hashes per parallel task.
const HASH_CHUNK: usize = 256;

/// A transaction judged valid against the commit of that number.
pub(crate) struct Judged {
    entry: Arc<Entry>,
    sender: Sender,
    seq: u64,
}

impl Pool {
    /// Takes a transaction from this node's RPC. Called by many threads at once.
    ///
    /// # Errors
    /// Why it is not taken; the pool is unchanged then.
    pub fn add_local(&self, raw: Bytes) -> Result<B256, PoolError> {
        let shared = self.shared();
        let seen = shared.clock.now();
        shared.judge_raw(raw, Origin::Local, seen).and_then(|judged| shared.admit(judged)).inspect_err(|e| {
            shared.counters.refuse(e);
        })
    }

    /// Takes a transaction that nobody signed, for the sender it names: what a development chain does for accounts that
    /// it impersonates. A network's node never calls this, and no other node would take the transaction.
    ///
    /// # Errors
    /// Why it is not taken; a signed one is refused as such.
    pub fn add_unsigned(&self, raw: Bytes) -> Result<B256, PoolError> {
        let shared = self.shared();
        let tip = shared.tip();
        let tx = decode(raw, MAX_TX_BYTES)?;
        shared.screen(&tx, &tip)?;
        let recovered = tx.into_unsigned().ok_or(TxError::Signature)?;
        let draft = Draft { tx: Arc::new(recovered), origin: Origin::Local, first_seen: shared.clock.now() };
        let judged = shared.judge(draft, &tip)?;
        shared.admit(judged)
    }

    /// Takes many at once, in their order; their signatures are recovered in parallel.
    #[must_use]
    pub fn add_many(&self, raws: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        let shared = self.shared();
        let seen = shared.clock.now();
        let judged: Vec<_> = raws
            .into_par_iter()
            .with_min_len(RECOVER_CHUNK)
            .map(|raw| shared.judge_raw(raw, Origin::Local, seen))
            .collect();
        shared.admit_all(judged)
    }

    /// Decodes a block's transactions and finds their signers: from the pool, from memory, or recovered in parallel.
    #[must_use]
    pub fn recover_all(&self, raws: &[Bytes]) -> Vec<Result<Arc<RecoveredTx>, TxError>> {
        self.shared().recover_all(raws)
    }
}

impl Shared {
    /// All but the lane, under no lock.
    pub fn judge_raw(&self, raw: Bytes, origin: Origin, seen: FirstSeen) -> Result<Judged, PoolError> {
        if self.queue.is_closed() {
            return Err(PoolError::ShuttingDown);
        }
        let tip = self.tip();
        let tx = decode(raw, MAX_TX_BYTES)?;
        self.screen(&tx, &tip)?;
        let sender = self.senders.recover(&tx)?;
        let draft = Draft { tx: Arc::new(RecoveredTx { tx, sender }), origin, first_seen: seen };
        self.judge(draft, &tip)
    }

    /// Refuses what can be refused without knowing the signer.
    fn screen(&self, tx: &SignedTx, tip: &Tip) -> Result<(), PoolError> {
        validity::check_static(tx, &tip.context.limits)?;
        let base_fee = tip.context.base_fee;
        let price = tx.effective_tip(base_fee);
        if price.is_none() {
            return Err(PoolError::BelowBaseFee { max_fee: tx.max_fee_per_gas(), base_fee });
        }
        let state = self.state.lock();
        if state.get(&tx.hash()).is_some() {
            return Err(PoolError::AlreadyKnown(tx.hash()));
        }
        state.check_full(tx.raw().len(), price)
    }

    fn judge(&self, draft: Draft, tip: &Tip) -> Result<Judged, PoolError> {
        let (tx, address) = (&draft.tx.tx, draft.tx.sender);
        let unjudged = |e| match e {
            Unjudged::Invalid(e) => PoolError::Invalid(e),
            Unjudged::View(source) => PoolError::State { address, source },
        };
        let sender = tip.view.sender(&address).map_err(|source| PoolError::State { address, source })?;
        validity::check_nonce_not_used(tx, address, &sender)?;
        let demand = tip.view.demand(&draft.tx).map_err(unjudged)?;
        let mut self_paid = false;
        if let Err(refused) = validity::check_payer(tx, address, &sender, &demand, tip.context.base_fee) {
            if !validity::may_pay_itself(&refused, &demand, tx.gas_limit()) {
                return Err(refused.into());
            }
            // It has to be the sender's next: only then can anybody say what it would release (D26a).
            tip.view.try_out(&draft.tx).map_err(unjudged)?;
            self_paid = true;
        }
        let nanos = self.clock.nanos(draft.first_seen.instant);
        let entry = Entry::new(draft, demand, self_paid, nanos)?;
        Ok(Judged { entry, sender, seq: tip.seq })
    }

    /// Puts a judged transaction into its lane; judges it again if a block was committed since.
    fn admit(&self, mut judged: Judged) -> Result<B256, PoolError> {
        let mut tries = 0_u32;
        loop {
            // While this is held the tip stays what it is, so the round that holds it is the last.
            let _quiet = (tries >= FREE_TRIES).then(|| self.commit.lock());
            tries = tries.saturating_add(1);
            let tip = self.tip();
            if tip.seq != judged.seq {
                judged = self.judge(judged.entry.draft(), &tip)?;
            }
            if let Some(result) = self.with_state(|state| admit_one(state, &judged, &tip, self.clock.now_nanos())) {
                return result;
            }
        }
    }

    /// Puts many into their lanes in their order, a bounded number under one lock.
    pub fn admit_all(&self, judged: Vec<Result<Judged, PoolError>>) -> Vec<Result<B256, PoolError>> {
        let mut results = Vec::with_capacity(judged.len());
        let mut judged = judged.into_iter().peekable();
        while judged.peek().is_some() {
            let tip = self.tip();
            let now = self.clock.now_nanos();
            let chunk: Vec<_> = judged.by_ref().take(LOCK_CHUNK).collect();
            let tried: Vec<_> = self.with_state(|state| {
                chunk.into_iter().map(|judged| judged.map(|j| (admit_one(state, &j, &tip, now), j))).collect()
            });
            results.extend(tried.into_iter().map(|tried| match tried {
                Ok((Some(result), _)) => result,
                Ok((None, stale)) => self.admit(stale),
                Err(refused) => Err(refused),
            }));
        }
        for error in results.iter().filter_map(|r| r.as_ref().err()) {
            self.counters.refuse(error);
        }
        results
    }

    /// As [`Pool::recover_all`].
    fn recover_all(&self, raws: &[Bytes]) -> Vec<Result<Arc<RecoveredTx>, TxError>> {
        let hashes: Vec<B256> = raws.par_iter().with_min_len(HASH_CHUNK).map(keccak256).collect();
        let known = self.find_all(&hashes);
        raws.par_iter()
            .zip(known)
            .with_min_len(RECOVER_CHUNK)
            .map(|(raw, known)| match known {
                Some(tx) => Ok(tx),
                None => {
                    let tx = decode(raw.clone(), MAX_TX_BYTES)?;
                    let sender = self.senders.recover(&tx)?;
                    Ok(Arc::new(RecoveredTx { tx, sender }))
                }
            })
            .collect()
    }

    /// What the pool holds under each of these hashes.
    pub fn find_all(&self, hashes: &[B256]) -> Vec<Option<Arc<RecoveredTx>>> {
        let mut found = Vec::with_capacity(hashes.len());
        for chunk in hashes.chunks(LOCK_CHUNK) {
            let state = self.state.lock();
            found.extend(chunk.iter().map(|hash| state.get(hash).map(|entry| Arc::clone(&entry.tx))));
        }
        found
    }
}

/// `None` when the lanes follow another commit than the one it was judged against.
fn admit_one(state: &mut crate::state::State, judged: &Judged, tip: &Tip, now: u64) -> Option<Result<B256, PoolError>> {
    if state.seq != judged.seq || tip.seq != judged.seq {
        return None;
    }
    let entry = Arc::clone(&judged.entry);
    let hash = entry.hash();
    Some(state.admit(entry, &judged.sender, now).map(|()| hash))
}
