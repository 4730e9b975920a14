use std::{sync::Arc, time::Instant};

use alloy_consensus::Transaction;
use alloy_primitives::Log;
use defchain_abci::types::ResponseCommit;
use defchain_base::{
    Address, B256, Bytes, Encode, Height, StateReadExt,
    tx::{RecoveredTx, SignedTx},
};
use defchain_mempool::Included;
use defchain_store::ChainRecords;

use super::raw_height;
use crate::{
    budget::Stage,
    chain::{Inner, halt, load_head},
    executor::Sealed,
    params::PARAMS_KEY,
    payload::encode_stored,
    pool_view::View,
    reader::Block,
    records::{Header, Receipt, Receipts},
    shared::Head,
    steps::BlockExtra,
};

/// An executed block whose hash is decided.
pub(crate) struct Decided {
    pub(crate) sealed: Sealed,
}

impl Inner {
    /// Writes the decided block in one synced batch, then lets RPC and the pool see it.
    pub(super) fn commit(&self) -> ResponseCommit {
        let Some(Decided { sealed }) = self.decided.lock().take() else {
            halt("Commit", &"no block was finalized before it");
        };
        let started = Instant::now();
        let Sealed { header, txs, receipts, prepared, consensus, events, .. } = sealed;
        let raw: Vec<&Bytes> = txs.iter().map(|tx| tx.tx.raw()).collect();
        let stored_txs = encode_stored(raw.into_iter());
        let receipts = Receipts(receipts);
        let declared = self.shared.declared();
        let extra = BlockExtra { edits: declared.record(&header.parent_hash).into(), consensus, events };
        let records = ChainRecords { extra: extra.to_bytes(), ..records(&header, stored_txs, &receipts) };
        if let Err(error) = self.store.commit(prepared, records) {
            halt("Commit", &error);
        }
        let (height, gas) = (header.height, header.gas_used);
        self.publish(header, txs, receipts.0, extra.events);
        self.budget.learn(Stage::Commit, gas, started.elapsed());
        self.snapshots.committed(&self.store, height);
        ResponseCommit { retain_height: self.comet_retain_height(height) }
    }

    /// The oldest block that CometBFT shall keep; 0 keeps all: a node that joins by block sync needs them from somebody.
    /// What evidence may still need CometBFT keeps by itself.
    fn comet_retain_height(&self, newest: Height) -> i64 {
        match self.config.comet_retain {
            0 => 0,
            kept => raw_height(Height(newest.0.saturating_sub(kept))),
        }
    }

    fn publish(&self, header: Header, txs: Vec<Arc<RecoveredTx>>, receipts: Vec<Receipt>, events: Vec<Log>) {
        self.optimistic.clear();
        self.metrics.committed(&header, &receipts, self.shared.latest_header().as_deref());
        let header = Arc::new(header);
        self.set_head(header.clone());
        let included: Vec<Included> =
            txs.iter().map(|tx| Included { sender: tx.sender, nonce: tx.tx.nonce(), hash: tx.tx.hash() }).collect();
        self.pool.touch(txs.iter().flat_map(|tx| authorities(&tx.tx)));
        self.pool.on_commit(&included, View::new(&self.shared));
        if self.shared.has_listeners() {
            let txs = txs.into_iter().map(Arc::unwrap_or_clone).collect();
            self.shared.announce(Arc::new(Block { header, txs, receipts, events, removed: false }));
        }
    }

    fn set_head(&self, header: Arc<Header>) {
        let snapshot = self.store.snapshot();
        match snapshot.read(&PARAMS_KEY) {
            Ok(Some(params)) => match self.config.upgrades.next(&snapshot, header.height) {
                Ok(next) => match Head::new(header, snapshot, params, next) {
                    Ok(head) => self.new_head(head),
                    Err(error) => halt("Commit", &error),
                },
                Err(error) => halt("Commit", &error),
            },
            Ok(None) => halt("Commit", &"the committed state holds no chain parameters"),
            Err(error) => halt("Commit", &error),
        }
    }

    /// Shows a head to readers; says so when it is the last one that this program can make.
    fn new_head(&self, head: Head) {
        let end = head.next.as_ref().err().cloned();
        self.shared.set_head(head);
        if let Some(error) = end {
            tracing::warn!(%error, "this program's last block is committed");
            self.ended.send_replace(Some(error));
        }
    }

    /// After the store was cut back (development chains): nothing of the blocks above is left.
    pub(crate) fn publish_cut(&self) {
        self.optimistic.clear();
        *self.decided.lock() = None;
        self.publish_genesis();
    }

    /// After InitChain: the head is read back from the store.
    pub(super) fn publish_genesis(&self) {
        let Some(commit) = self.store.latest() else { return };
        match load_head(&self.store, &commit, &self.config.upgrades) {
            Ok(head) => self.new_head(head),
            Err(error) => halt("InitChain", &error),
        }
        self.pool.on_commit(&[], View::new(&self.shared));
    }
}

/// Accounts whose nonce and code a type-4 transaction may have changed: the pool judges them again.
fn authorities(tx: &SignedTx) -> Vec<Address> {
    let list = tx.ethereum().and_then(|envelope| envelope.authorization_list()).unwrap_or_default();
    list.iter().filter_map(|authorization| authorization.recover_authority().ok()).collect()
}

/// What the store keeps of a block, with its indexes.
pub(super) fn records(header: &Header, txs: Vec<u8>, receipts: &Receipts) -> ChainRecords {
    let mut log_terms = Vec::new();
    for log in receipts.0.iter().flat_map(|receipt| &receipt.logs) {
        log_terms.push(log.address.into_word());
        log_terms.extend_from_slice(log.data.topics());
    }
    log_terms.sort_unstable();
    log_terms.dedup();
    let tx_hashes: Vec<B256> = receipts.0.iter().map(|receipt| receipt.tx_hash).collect();
    ChainRecords {
        height: header.height,
        block_hash: header.hash,
        header: header.to_bytes(),
        txs,
        receipts: receipts.to_bytes(),
        tx_hashes,
        log_terms,
        ..Default::default()
    }
}
