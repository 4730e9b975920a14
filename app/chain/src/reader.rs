//! What RPC, the CLI and tests may know of the chain: committed blocks, receipts and state, never the block in work.
//!
//! A reader sees committed blocks only: a height becomes visible when its batch is durable, so RPC never shows what a
//! crash could take back. "latest", "safe" and "finalized" are the same block: finality is immediate (YP 4.3.3).

use std::sync::Arc;

use alloy_primitives::Log;

use defchain_base::{B256, Height, Overlay, StateError, StateRead, Timestamp, read_exact_value, tx::RecoveredTx};
use defchain_evm::BlockEnv;
use defchain_store::{HistoricState, Snapshot, StateProof, Store, StoreError};

use crate::{
    declared::Edits,
    params::ChainParams,
    records::{Header, Receipt, Receipts},
    steps::BlockExtra,
    upgrade::UpgradeError,
};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed, is damaged, or no longer holds the height.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// State failed or is damaged.
    #[error(transparent)]
    State(#[from] StateError),
    /// A stored record does not decode.
    #[error("stored {what} of block {height} does not decode: {why}")]
    Corrupt {
        /// Which record.
        what: &'static str,
        /// Of which block.
        height: Height,
        /// What the decoder found.
        why: String,
    },
    /// This program lacks the rules of the next block.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The chain has no genesis yet.
    #[error("the chain has not started: no genesis block")]
    NotStarted,
    /// Above the newest block.
    #[error("block {asked} is not there: the newest is {latest}")]
    Future {
        /// What was asked for.
        asked: Height,
        /// Newest committed.
        latest: Height,
    },
}

/// A committed block with its transactions and receipts (same length, same order).
#[derive(Debug, Clone)]
pub struct Block {
    /// Header.
    pub header: Arc<Header>,
    /// Executed transactions.
    pub txs: Vec<RecoveredTx>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// What the block's own steps did (D21).
    pub events: Vec<Log>,
    /// Whether this is the news that a development chain took the block back. A network's blocks are final.
    pub removed: bool,
}

/// State as of a block.
#[derive(Clone)]
pub enum StateAt {
    /// The newest block: reads from the flat family.
    Latest(Snapshot),
    /// An older one: reads from history.
    Historic(HistoricState),
    /// With what was set by hand on a development chain.
    Edited(Arc<Overlay<StateAt>>),
}

impl StateRead for StateAt {
    fn get_raw(&self, substore: defchain_base::Substore, key: &[u8]) -> Result<Option<bytes::Bytes>, StateError> {
        match self {
            Self::Latest(s) => s.get_raw(substore, key),
            Self::Historic(s) => s.get_raw(substore, key),
            Self::Edited(s) => s.get_raw(substore, key),
        }
    }

    fn range_raw(
        &self,
        substore: defchain_base::Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>, StateError> {
        match self {
            Self::Latest(s) => s.range_raw(substore, from, to, limit),
            Self::Historic(s) => s.range_raw(substore, from, to, limit),
            Self::Edited(s) => s.range_raw(substore, from, to, limit),
        }
    }
}

/// Reads committed blocks and state. Cheap to clone; every call sees the newest commit.
#[derive(Clone)]
pub struct Reader {
    pub(crate) store: Store,
    pub(crate) shared: Arc<crate::shared::Shared>,
}

impl Reader {
    /// Newest committed header.
    ///
    /// # Errors
    /// [`ReadError::NotStarted`] before genesis.
    pub fn latest(&self) -> Result<Arc<Header>, ReadError> {
        self.shared.latest_header().ok_or(ReadError::NotStarted)
    }

    /// Header of a height; `None` above the newest or below the oldest held.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn header(&self, height: Height) -> Result<Option<Arc<Header>>, ReadError> {
        if let Some(latest) = self.shared.latest_header() {
            if latest.height == height {
                return Ok(Some(latest));
            }
            if height > latest.height {
                return Ok(None);
            }
        }
        let Some(bytes) = self.store.header(height)? else { return Ok(None) };
        decode("header", height, &bytes).map(Arc::new).map(Some)
    }

    /// The oldest height whose state and header are held; `None` before genesis.
    ///
    /// # Errors
    /// When the store fails.
    pub fn oldest(&self) -> Result<Option<Height>, ReadError> {
        Ok(self.store.heights()?.map(|(oldest, _)| oldest))
    }

    /// A block with transactions and receipts; `None` as for [`Self::header`], and where the header alone is held.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn block(&self, height: Height) -> Result<Option<Block>, ReadError> {
        let Some(header) = self.header(height)? else { return Ok(None) };
        let receipts = match self.receipts(height)? {
            Some(receipts) => receipts,
            // The height of a snapshot that this node joined from: it has the header only.
            None if header.tx_count > 0 => return Ok(None),
            None => Vec::new(),
        };
        let txs = self.transactions(height, &receipts)?;
        let events = self.extra(height)?.events;
        Ok(Some(Block { header, txs, receipts, events, removed: false }))
    }

    /// Receipts of a height.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, ReadError> {
        if self.shared.latest_header().is_some_and(|latest| height > latest.height) {
            return Ok(None);
        }
        let Some(bytes) = self.store.receipts(height)? else { return Ok(None) };
        decode::<Receipts>("receipts", height, &bytes).map(|r| Some(r.0))
    }

    /// Transactions of a height; the senders stand in the receipts, so none is recovered again.
    fn transactions(&self, height: Height, receipts: &[Receipt]) -> Result<Vec<RecoveredTx>, ReadError> {
        let corrupt = |why: String| ReadError::Corrupt { what: "transactions", height, why };
        let Some(bytes) = self.store.txs(height)? else { return Ok(Vec::new()) };
        let items = crate::payload::decode_stored(&bytes.into()).map_err(|e| corrupt(e.to_string()))?;
        if items.len() != receipts.len() {
            return Err(corrupt(format!("{} transactions, {} receipts", items.len(), receipts.len())));
        }
        let mut txs = Vec::with_capacity(items.len());
        for (raw, receipt) in items.into_iter().zip(receipts) {
            let tx = defchain_base::tx::decode(raw, usize::MAX).map_err(|e| corrupt(e.to_string()))?;
            txs.push(RecoveredTx { tx, sender: receipt.from });
        }
        Ok(txs)
    }

    /// Height of a block hash.
    ///
    /// # Errors
    /// When the store fails.
    pub fn height_of(&self, hash: &B256) -> Result<Option<Height>, ReadError> {
        Ok(self.store.height_of_block(hash)?)
    }

    /// What a block's own steps did (D21): sweep, month, epoch, slashing. `None` as for [`Self::header`].
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn block_events(&self, height: Height) -> Result<Option<Vec<Log>>, ReadError> {
        if self.header(height)?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.extra(height)?.events))
    }

    /// What is stored with a block beside header, transactions and receipts; nothing for block 0, and for the block of
    /// a snapshot that this node joined from.
    pub(crate) fn extra(&self, height: Height) -> Result<BlockExtra, ReadError> {
        match self.store.extra(height)?.filter(|record| !record.is_empty()) {
            Some(record) => decode("extra", height, &record),
            None => Ok(BlockExtra::default()),
        }
    }

    /// Where a transaction stands.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tx_location(&self, hash: &B256) -> Result<Option<(Height, u32)>, ReadError> {
        Ok(self.store.tx_location(hash)?)
    }

    /// Heights in `from..=to` whose logs carry `term`: a topic, or an address padded to a word. At most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn heights_with_term(
        &self,
        term: &B256,
        from: Height,
        to: Height,
        limit: usize,
    ) -> Result<Vec<Height>, ReadError> {
        Ok(self.store.heights_with_term(term, from, to, limit)?)
    }

    /// State after a block.
    ///
    /// # Errors
    /// When the height is above the newest, or no longer held.
    pub fn state(&self, height: Height) -> Result<StateAt, ReadError> {
        let latest = self.latest()?;
        if height > latest.height {
            return Err(ReadError::Future { asked: height, latest: latest.height });
        }
        if height == latest.height {
            let (header, state) = self.latest_state()?;
            if header.height == height {
                return Ok(state);
            }
        }
        Ok(StateAt::Historic(self.store.state_at(height)?))
    }

    /// The newest state with its header, from one commit.
    ///
    /// # Errors
    /// [`ReadError::NotStarted`] before genesis.
    pub fn latest_state(&self) -> Result<(Arc<Header>, StateAt), ReadError> {
        let head = self.shared.head().ok_or(ReadError::NotStarted)?;
        let state = match self.shared.declared().edits(&head.header.hash) {
            Some(edited) => StateAt::Edited(edited.clone()),
            None => StateAt::Latest(head.snapshot.clone()),
        };
        Ok((head.header.clone(), state))
    }

    /// The state in which a committed block began: that after its parent, and on a development chain what was set by
    /// hand in between. Whoever executes a block again starts here.
    ///
    /// # Errors
    /// When the parent's height is not held, or the record of the edits is damaged.
    pub fn state_before(&self, height: Height) -> Result<StateAt, ReadError> {
        let parent = self.state(height.prev())?;
        let edits = self.extra(height)?.edits;
        if edits.is_empty() {
            return Ok(parent);
        }
        let Edits(delta) = decode("edits", height, &edits)?;
        Ok(StateAt::Edited(Arc::new(Overlay::with_delta(parent, delta))))
    }

    /// The environment in which a block ran: what `eth_call` at that block uses.
    #[must_use]
    pub fn env_of(&self, header: &Header) -> BlockEnv {
        BlockEnv {
            chain_id: self.params().evm_chain_id,
            height: header.height,
            time: header.time,
            age: header.age,
            beneficiary: header.beneficiary,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee,
            prev_randao: header.prev_randao,
        }
    }

    /// The environment the next block would have at `time`: what `pending` uses.
    ///
    /// # Errors
    /// [`ReadError::NotStarted`] before genesis; [`ReadError::Upgrade`] when this program cannot execute it.
    pub fn next_env(&self, time: Timestamp) -> Result<BlockEnv, ReadError> {
        let head = self.shared.head().ok_or(ReadError::NotStarted)?;
        let env = head.next_env(head.next()?, time, head.header.beneficiary);
        Ok(self.shared.declared().apply(&head.header, env))
    }

    /// Parameters as of the newest block.
    #[must_use]
    pub fn params(&self) -> ChainParams {
        self.shared.params()
    }

    /// A proof of a key against the app hash of `height`.
    ///
    /// # Errors
    /// When the height is no longer held.
    pub fn prove(
        &self,
        height: Height,
        substore: defchain_base::Substore,
        key: &[u8],
    ) -> Result<StateProof, ReadError> {
        Ok(self.store.prove(height, substore, key)?)
    }
}

fn decode<T: defchain_base::Decode>(what: &'static str, height: Height, bytes: &[u8]) -> Result<T, ReadError> {
    read_exact_value(bytes).map_err(|e| ReadError::Corrupt { what, height, why: e.to_string() })
}
