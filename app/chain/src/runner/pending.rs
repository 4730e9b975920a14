//! The block that would come next, if it were proposed now.
//!
//! Built as PrepareProposal builds: from the pool, each transaction executed before it is taken, with the begin- and
//! end-of-block steps. Who proposes is the draw of round 0 (D33). One is built at a time and kept while the newest
//! block, the pool and the second are the same, so that all who ask about "pending" see one block. After each build there
//! is a rest of [`REST`] times its length, so that it takes its share of a core however often it is asked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use defchain_base::{ConsensusAddress, Overlay, Power, Timestamp, tx::RecoveredTx};
use defchain_evm::BlockEnv;
use parking_lot::Mutex;

use super::Runner;
use crate::{
    block::{BlockError, BlockInputs},
    chain::Inner,
    declared::Declared,
    executor::{receipts_root, transactions_root},
    keys::validators,
    proposer,
    reader::{ReadError, StateAt},
    records::{Header, Receipt},
    shared::Head,
};

/// Longest time that filling may take: less than a proposer takes, as nobody's block depends on it.
const BUILD_TIME: Duration = Duration::from_millis(100);
/// After a block took so long to build, as many times that passes before the next one is built.
const REST: u32 = 4;

/// The next block as far as it can be known.
pub struct PendingBlock {
    /// Its header: without hash, state root and size, which only a decided block has.
    pub header: Header,
    /// Its transactions.
    pub txs: Vec<Arc<RecoveredTx>>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// What its transactions saw.
    pub env: BlockEnv,
    /// The state after it.
    pub state: StateAt,
    /// The block before it.
    pub parent: Arc<Header>,
}

/// The pending block that was built last.
#[derive(Default)]
pub struct PendingCell(Mutex<Option<Kept>>);

struct Kept {
    block: Arc<PendingBlock>,
    generation: u64,
    /// What a development chain's driver had declared: an edit makes another block.
    declared: Arc<Declared>,
    asked_at: Timestamp,
    started: Instant,
    ended: Instant,
}

impl Kept {
    /// Whether it is what would be built now.
    fn is_fresh(&self, head: &Head, generation: u64, declared: &Arc<Declared>, now: Timestamp) -> bool {
        self.block.parent.hash == head.header.hash
            && self.generation == generation
            && Arc::ptr_eq(&self.declared, declared)
            && self.asked_at.seconds() == now.seconds()
    }
}

impl Runner {
    /// The block that would come next at `now`.
    ///
    /// # Errors
    /// [`ReadError::NotStarted`] before genesis; when state cannot be read.
    pub fn pending(&self, now: Timestamp) -> Result<Arc<PendingBlock>, ReadError> {
        let asked = Instant::now();
        let mut cell = self.inner.pending.0.lock();
        let head = self.inner.shared.head().ok_or(ReadError::NotStarted)?;
        if let Some(kept) = &*cell {
            let (generation, declared) = (self.inner.pool.generation(), self.inner.shared.declared());
            // What was begun after the question is an answer to it, even if the pool has changed since.
            let since = kept.started >= asked && kept.block.parent.hash == head.header.hash;
            if since || kept.is_fresh(&head, generation, &declared, now) {
                return Ok(kept.block.clone());
            }
            // Who asks while the chain is busy waits a little, so that building takes its share and no more.
            let rest = kept.ended.duration_since(kept.started).saturating_mul(REST);
            std::thread::sleep(rest.saturating_sub(kept.ended.elapsed()));
        }
        let head = self.inner.shared.head().ok_or(ReadError::NotStarted)?;
        let (generation, declared) = (self.inner.pool.generation(), self.inner.shared.declared());
        let started = Instant::now();
        let block = Arc::new(self.inner.build_pending(&head, now)?);
        let ended = Instant::now();
        *cell = Some(Kept { block: block.clone(), generation, declared, asked_at: now, started, ended });
        Ok(block)
    }
}

impl Inner {
    fn build_pending(&self, head: &Head, now: Timestamp) -> Result<PendingBlock, ReadError> {
        let parent = &head.header;
        let set: Vec<(ConsensusAddress, Power)> =
            validators(&head.snapshot)?.into_iter().map(|(address, record)| (address, record.power)).collect();
        let inputs = BlockInputs {
            height: parent.height.next(),
            time: now.max(Timestamp(parent.time.0.saturating_add(1))),
            proposer: proposer::draw(&set, parent.height.next(), 0, &parent.hash).unwrap_or_default(),
            items: Vec::new(),
            last_commit: Default::default(),
            misbehavior: Vec::new(),
            next_validators_hash: Default::default(),
        };
        let mut run = self.begin_block(head, &inputs).map_err(read_error)?;
        let room = usize::try_from(head.params.max_payload_bytes).unwrap_or(usize::MAX);
        self.fill(&mut run, &head.params, room, BUILD_TIME).map_err(read_error)?;
        let env = run.env();
        let executed = run.finish()?;
        let mut header = executed.header;
        header.transactions_root = transactions_root(&executed.txs);
        (header.receipts_root, header.logs_bloom) = receipts_root(&executed.receipts);
        let state = Overlay::with_delta(StateAt::Latest(head.snapshot.clone()), executed.delta);
        Ok(PendingBlock {
            header,
            txs: executed.txs,
            receipts: executed.receipts,
            env,
            state: StateAt::Edited(Arc::new(state)),
            parent: parent.clone(),
        })
    }
}

fn read_error(error: BlockError) -> ReadError {
    match error {
        BlockError::State(error) => error.into(),
        BlockError::Store(error) => error.into(),
        BlockError::Upgrade(error) => error.into(),
        BlockError::NotStarted => ReadError::NotStarted,
        other => defchain_base::StateError::Invariant(other.to_string()).into(),
    }
}
