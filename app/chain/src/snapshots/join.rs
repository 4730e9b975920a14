//! Taking a snapshot in.

use bytes::Bytes;
use defchain_base::{B256, Encode, StateReadExt, Substore, read_exact_value};
use defchain_store::{
    CommitInfo, SnapshotError, Store,
    sync::{FORMAT, Manifest, Restore},
};

use super::ChainIdentity;
use crate::{keys::ChainHeadKey, records::Header};

/// A snapshot as ABCI offers it.
pub(crate) struct Offer<'a> {
    pub(crate) height: u64,
    pub(crate) format: u32,
    pub(crate) chunks: u32,
    pub(crate) hash: &'a [u8],
    pub(crate) metadata: &'a [u8],
}

/// Why a snapshot is not taken, and what CometBFT shall do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A format of another release: no snapshot of it.
    #[error("format {found} is unknown, this program takes {FORMAT}")]
    Format {
        /// The offered one.
        found: u32,
    },
    /// It contradicts itself, the trusted app hash or this chain: whoever offers it is not believed again.
    #[error("{0}")]
    False(String),
    /// This node cannot take any.
    #[error(transparent)]
    Ours(SnapshotError),
}

/// A snapshot that is being taken in.
#[derive(Debug)]
pub(crate) struct Joining {
    restore: Restore,
    header: Header,
    /// Whether the state, as far as it is there, vouches for `header`.
    header_checked: bool,
}

impl Joining {
    /// Judges an offer against the app hash that CometBFT verified, and begins or goes on.
    pub(crate) fn begin(
        store: &Store,
        offer: &Offer<'_>,
        trusted: &[u8],
        identity: Option<&ChainIdentity>,
    ) -> Result<Self, Refusal> {
        if offer.format != FORMAT {
            return Err(Refusal::Format { found: offer.format });
        }
        let manifest = Manifest::from_bytes(offer.metadata).map_err(|e| Refusal::False(e.to_string()))?;
        let header = judge(&manifest, offer, trusted, identity).map_err(Refusal::False)?;
        let restore = store.restore(manifest).map_err(Refusal::Ours)?;
        Ok(Self { restore, header, header_checked: false })
    }

    pub(crate) const fn manifest(&self) -> &Manifest {
        self.restore.manifest()
    }

    /// The chunk that comes next.
    pub(crate) const fn next_chunk(&self) -> u32 {
        self.restore.next_chunk()
    }

    /// Takes a chunk; what is returned is the commit that the last one completes.
    pub(crate) fn apply(&mut self, index: u32, chunk: &Bytes) -> Result<Option<CommitInfo>, SnapshotError> {
        // A restore that goes on after a restart has these chunks; CometBFT does not know it.
        if index >= self.restore.next_chunk() {
            self.restore.apply(index, chunk)?;
        }
        if !self.header_checked && self.restore.has_all_of(Substore::Sys) {
            self.check_header(index)?;
            self.header_checked = true;
        }
        let last = index.saturating_add(1) == self.manifest().chunk_count();
        if last && self.restore.is_complete() { self.restore.finish().map(Some) } else { Ok(None) }
    }

    /// The block's record came with the manifest, which nobody verified. The state holds its digest.
    fn check_header(&self, index: u32) -> Result<(), SnapshotError> {
        let not_in_state = |why: String| SnapshotError::NotInState { index, why };
        let head = self.restore.state().read(&ChainHeadKey).map_err(|e| not_in_state(e.to_string()))?;
        let head = head.ok_or_else(|| not_in_state("it has no chain head".to_owned()))?;
        let found = self.header.digest();
        if found == head.header {
            return Ok(());
        }
        Err(not_in_state(format!(
            "the header of block {} has digest {found}, the state names {}",
            self.header.height, head.header
        )))
    }
}

/// The header that the manifest carries, if nothing in the offer is false by itself.
fn judge(
    manifest: &Manifest,
    offer: &Offer<'_>,
    trusted: &[u8],
    identity: Option<&ChainIdentity>,
) -> Result<Header, String> {
    if (manifest.height.0, manifest.chunk_count()) != (offer.height, offer.chunks) {
        return Err(format!(
            "it is announced as height {} in {} chunks, its manifest says height {} in {}",
            offer.height,
            offer.chunks,
            manifest.height,
            manifest.chunk_count()
        ));
    }
    if manifest.hash().as_slice() != offer.hash {
        return Err(format!("its manifest hashes to {}, announced is 0x{}", manifest.hash(), hex::encode(offer.hash)));
    }
    if manifest.chunks.is_empty() {
        return Err("it has no chunks".to_owned());
    }
    let trusted = B256::try_from(trusted).map_err(|_| format!("the trusted app hash has {} bytes", trusted.len()))?;
    manifest.check(&trusted).map_err(|e| e.to_string())?;
    match identity {
        Some(own) if own.chain_id != manifest.chain_id || own.genesis_hash != manifest.genesis_hash => {
            return Err(format!(
                "it is of chain {:?} with genesis {}, this node is of {:?} with {}",
                manifest.chain_id, manifest.genesis_hash, own.chain_id, own.genesis_hash
            ));
        }
        Some(_) => {}
        None => tracing::warn!("no genesis file: the chain's identity is taken from the snapshot"),
    }
    let header: Header = read_exact_value(&manifest.header).map_err(|e| format!("its header: {e}"))?;
    let own = (header.height, header.hash, header.state_root, header.substore_roots);
    if own != (manifest.height, manifest.block_hash, trusted, manifest.roots) || header.to_bytes() != manifest.header {
        return Err(format!(
            "its header is of block {} ({}) with state root {}, the manifest is of block {} ({}) with {trusted}",
            header.height, header.hash, header.state_root, manifest.height, manifest.block_hash
        ));
    }
    Ok(header)
}
