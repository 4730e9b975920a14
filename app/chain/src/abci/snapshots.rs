//! State sync. This node offers no snapshots and takes none: it joins by block sync.

use defchain_abci::types::{
    RequestApplySnapshotChunk, RequestLoadSnapshotChunk, RequestOfferSnapshot, ResponseApplySnapshotChunk,
    ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot, response_apply_snapshot_chunk,
    response_offer_snapshot,
};

use crate::chain::Inner;

impl Inner {
    pub(super) fn list_snapshots(&self) -> ResponseListSnapshots {
        ResponseListSnapshots::default()
    }

    pub(super) fn offer_snapshot(&self, request: &RequestOfferSnapshot) -> ResponseOfferSnapshot {
        let height = request.snapshot.as_ref().map_or(0, |s| s.height);
        tracing::warn!(height, "snapshot refused: this version joins by block sync only");
        ResponseOfferSnapshot { result: response_offer_snapshot::Result::Abort as i32 }
    }

    pub(super) fn load_snapshot_chunk(&self, _request: &RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        ResponseLoadSnapshotChunk::default()
    }

    pub(super) fn apply_snapshot_chunk(&self, _request: &RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        ResponseApplySnapshotChunk { result: response_apply_snapshot_chunk::Result::Abort as i32, ..Default::default() }
    }
}
