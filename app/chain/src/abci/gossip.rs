//! InsertTx and ReapTxs: CometBFT's `app` mempool carries our bundles between nodes.

use defchain_abci::types::{RequestInsertTx, RequestReapTxs, ResponseInsertTx, ResponseReapTxs};
use defchain_base::Bytes;

use crate::chain::Inner;

impl Inner {
    /// Queues a bundle; decoding and recovery happen elsewhere, for this runs in the peer's receive thread.
    pub(super) fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        ResponseInsertTx { code: self.pool.insert_bundle(Bytes::from(request.tx)).code() }
    }

    /// Bundles to gossip.
    pub(super) fn reap_txs(&self, request: &RequestReapTxs) -> ResponseReapTxs {
        // 0 means no limit.
        let unlimited = |n: u64| if n == 0 { u64::MAX } else { n };
        let bundles = self.pool.reap_bundles(unlimited(request.max_bytes), unlimited(request.max_gas));
        ResponseReapTxs { txs: bundles.into_iter().map(|bundle| bundle.0).collect() }
    }
}
