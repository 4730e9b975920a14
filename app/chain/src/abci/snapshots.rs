//! State sync: what this node offers to joining ones, and how it joins itself.

use defchain_abci::types::{
    RequestApplySnapshotChunk, RequestLoadSnapshotChunk, RequestOfferSnapshot, ResponseApplySnapshotChunk,
    ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot,
    response_apply_snapshot_chunk::Result as Applied, response_offer_snapshot::Result as Offered,
};
use defchain_base::{Encode, Height};
use defchain_store::{SnapshotError, sync::FORMAT};
use tendermint_proto::v0_38::abci::Snapshot;

use crate::{
    chain::Inner,
    snapshots::{self, Joining, Offer, Refusal},
};

impl Inner {
    /// The newest snapshots in the folder.
    pub(super) fn list_snapshots(&self) -> ResponseListSnapshots {
        let manifests = self.snapshots.folder().map(|folder| snapshots::offered(&folder)).unwrap_or_default();
        let snapshots = manifests
            .iter()
            .map(|manifest| Snapshot {
                height: manifest.height.0,
                format: FORMAT,
                chunks: manifest.chunk_count(),
                hash: manifest.hash().to_vec().into(),
                metadata: manifest.to_bytes().into(),
            })
            .collect();
        ResponseListSnapshots { snapshots }
    }

    /// A chunk as it lies on disk; an empty answer tells the peer to ask somebody else.
    pub(super) fn load_snapshot_chunk(&self, request: &RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        let folder = self.snapshots.folder().filter(|_| request.format == FORMAT);
        let chunk = folder.and_then(|folder| {
            folder.chunk(Height(request.height), request.chunk).unwrap_or_else(|error| {
                tracing::warn!(height = request.height, chunk = request.chunk, %error, "a chunk cannot be served");
                None
            })
        });
        if chunk.is_some() {
            self.snapshots.served(Height(request.height));
        }
        ResponseLoadSnapshotChunk { chunk: chunk.unwrap_or_default() }
    }

    /// Judges a snapshot that peers offer. `app_hash` is what CometBFT's light client verified; nothing else is believed.
    pub(super) fn offer_snapshot(&self, request: &RequestOfferSnapshot) -> ResponseOfferSnapshot {
        let answer = |result: Offered| ResponseOfferSnapshot { result: result as i32 };
        let Some(snapshot) = &request.snapshot else { return answer(Offered::Reject) };
        let height = snapshot.height;
        let offer = Offer {
            height,
            format: snapshot.format,
            chunks: snapshot.chunks,
            hash: &snapshot.hash,
            metadata: &snapshot.metadata,
        };
        let mut joining = self.snapshots.joining.lock();
        *joining = None;
        match Joining::begin(&self.store, &offer, &request.app_hash, self.config.identity.as_ref()) {
            Ok(begun) => {
                let (chunks, next) = (snapshot.chunks, begun.next_chunk());
                tracing::info!(height, chunks, next, "joining from a snapshot");
                // A state restored before and not built on may just have been given up for this one.
                if self.store.latest().is_none() {
                    self.shared.clear_head();
                }
                *joining = Some(begun);
                answer(Offered::Accept)
            }
            Err(why @ Refusal::Format { .. }) => {
                tracing::warn!(height, %why, "snapshot refused");
                answer(Offered::RejectFormat)
            }
            Err(why @ Refusal::False(_)) => {
                tracing::warn!(height, %why, "snapshot refused, with all who offer it");
                answer(Offered::RejectSender)
            }
            Err(why @ Refusal::Ours(_)) => {
                tracing::error!(height, %why, "this node cannot take a snapshot");
                answer(Offered::Abort)
            }
        }
    }

    /// Verifies a chunk and keeps it. With the last one this node stands at the snapshot's height.
    pub(super) fn apply_snapshot_chunk(&self, request: &RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        let answer = |result: Applied| ResponseApplySnapshotChunk { result: result as i32, ..Default::default() };
        let (index, sender) = (request.index, request.sender.clone());
        let mut joining = self.snapshots.joining.lock();
        let Some(begun) = joining.as_mut() else {
            tracing::error!(index, sender, "a chunk came, but no snapshot was accepted");
            return answer(Applied::Abort);
        };
        let height = begun.manifest().height;
        match begun.apply(index, &request.chunk) {
            Ok(None) => {
                tracing::debug!(%height, index, sender, "chunk verified");
                answer(Applied::Accept)
            }
            Ok(Some(commit)) => {
                *joining = None;
                drop(joining);
                self.publish_genesis();
                tracing::info!(%height, app_hash = %commit.app_hash, "joined: the snapshot is whole");
                answer(Applied::Accept)
            }
            Err(why) if why.is_senders_fault() => {
                tracing::warn!(%height, index, sender, %why, "chunk refused, and its sender");
                ResponseApplySnapshotChunk {
                    result: Applied::Retry as i32,
                    refetch_chunks: vec![index],
                    reject_senders: vec![sender],
                }
            }
            Err(why @ SnapshotError::Order { .. }) => {
                tracing::warn!(%height, index, sender, %why, "chunks are asked for anew");
                answer(Applied::RetrySnapshot)
            }
            Err(why) if why.is_ours() => {
                tracing::error!(%height, index, %why, "the snapshot cannot be taken in");
                answer(Applied::Abort)
            }
            Err(why) => {
                tracing::warn!(%height, index, sender, %why, "the snapshot is false; it is dropped, and who sent the chunk");
                *joining = None;
                if let Err(error) = self.store.discard_restored() {
                    tracing::error!(%error, "what was taken of it cannot be removed");
                    return answer(Applied::Abort);
                }
                ResponseApplySnapshotChunk {
                    result: Applied::RejectSnapshot as i32,
                    refetch_chunks: Vec::new(),
                    reject_senders: vec![sender],
                }
            }
        }
    }
}
