//! Judging chunks, without writing anything.

use bytes::Bytes;
use defchain_base::{B256, Substore};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    MAX_CHUNK_BYTES, Manifest, ORDER, SnapshotError,
    edge::{Builder, Nodes},
    format::Chunk,
};
use crate::tree::{EMPTY_ROOT, Leaf};

/// Entries from which on their hashes are computed on all threads.
const PARALLEL_FROM: usize = 512;

/// How far a snapshot was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next chunk.
    pub next: u32,
    /// Place in [`ORDER`] of the substore that the next chunk is of.
    pub at: u8,
    pub builder: Builder,
}

/// What a chunk adds to the state.
pub(crate) struct Verified {
    pub substore: Substore,
    pub entries: Vec<(Bytes, Bytes)>,
    pub nodes: Nodes,
    pub progress: Progress,
}

/// Judges the chunks of a snapshot one after the other against the roots of its manifest.
#[derive(Debug, Clone)]
pub struct Verifier {
    pub(super) manifest: Manifest,
    pub(super) progress: Progress,
    entries: u64,
}

impl Verifier {
    /// For a manifest that was checked against a trusted app hash ([`Manifest::check`]).
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        let at = next_with_entries(&manifest, 0);
        Self::at(manifest, Progress { next: 0, at, builder: Builder::default() })
    }

    pub(super) const fn at(manifest: Manifest, progress: Progress) -> Self {
        Self { manifest, progress, entries: 0 }
    }

    /// What is verified.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The chunk that comes next.
    #[must_use]
    pub const fn next_chunk(&self) -> u32 {
        self.progress.next
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unfinished().is_none() && self.progress.next == self.manifest.chunk_count()
    }

    /// Whether all entries of a substore were seen.
    #[must_use]
    pub fn has_all_of(&self, substore: Substore) -> bool {
        ORDER.iter().position(|s| *s == substore).is_some_and(|place| place < usize::from(self.progress.at))
    }

    /// How many entries were verified by this verifier.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Judges the next chunk and goes on.
    ///
    /// # Errors
    /// What is wrong with it; the verifier stays where it was.
    pub fn accept(&mut self, index: u32, bytes: &Bytes) -> Result<(), SnapshotError> {
        let verified = self.judge(index, bytes)?;
        self.advance(verified.progress, verified.entries.len());
        Ok(())
    }

    pub(super) fn advance(&mut self, progress: Progress, entries: usize) {
        self.progress = progress;
        self.entries = self.entries.saturating_add(entries as u64);
    }

    /// Judges a chunk and says what it adds.
    pub(super) fn judge(&self, index: u32, bytes: &Bytes) -> Result<Verified, SnapshotError> {
        let chunks = self.manifest.chunk_count();
        if index != self.progress.next || index >= chunks {
            return Err(SnapshotError::Order { expected: self.progress.next, found: index, chunks });
        }
        if bytes.len() > MAX_CHUNK_BYTES {
            return Err(SnapshotError::TooLarge { index, bytes: bytes.len() });
        }
        let found = B256::new(Sha256::digest(bytes).into());
        let listed = self.manifest.chunks.get(usize::try_from(index).unwrap_or(usize::MAX)).copied();
        let listed = listed.unwrap_or_default();
        if found != listed {
            return Err(SnapshotError::Altered { index, bytes: bytes.len(), found, listed });
        }
        let chunk = Chunk::from_bytes(bytes).map_err(|why| SnapshotError::Chunk { index, why })?;
        let verified = self.add(chunk).map_err(|why| SnapshotError::NotInState { index, why })?;
        let last = verified.progress.next == chunks;
        match ORDER.get(usize::from(verified.progress.at)) {
            Some(substore) if last => Err(SnapshotError::Incomplete { last: index, substore: *substore }),
            None if !last => Err(SnapshotError::NotInState {
                index,
                why: format!("the state is complete with it, but the manifest lists {chunks} chunks"),
            }),
            _ => Ok(verified),
        }
    }

    fn add(&self, chunk: Chunk) -> Result<Verified, String> {
        let Chunk { substore, entries, edge } = chunk;
        let expected = self.unfinished();
        if expected != Some(substore) {
            let expected = expected.map_or("nothing", |s| s.name());
            return Err(format!("it holds entries of {substore} where those of {expected} are next"));
        }
        if entries.is_empty() {
            return Err("it has no entries".to_owned());
        }
        let leaf = |(key, value): &(Bytes, Bytes)| Leaf {
            key_hash: Sha256::digest(key).into(),
            value_hash: Sha256::digest(value).into(),
            key: key.clone(),
        };
        let leaves: Vec<Leaf> = entries.par_iter().with_min_len(PARALLEL_FROM).map(leaf).collect();
        let mut builder = self.progress.builder.clone();
        let mut nodes = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            builder.push(leaf, &mut nodes)?;
        }
        let root = self.manifest.root(substore);
        let made = B256::new(builder.root_with(&edge)?);
        if made != root {
            return Err(format!("with it the root of {substore} is {made}, it must be {root}"));
        }
        let mut progress = Progress { next: self.progress.next.saturating_add(1), at: self.progress.at, builder };
        if edge.iter().all(|right| right.iter().next().is_none()) {
            let whole = core::mem::take(&mut progress.builder).finish(&mut nodes);
            if whole != root.0 {
                return Err(format!("the tree of {substore} ends with root {}, not {root}", B256::new(whole)));
            }
            progress.at = next_with_entries(&self.manifest, progress.at.saturating_add(1));
        }
        Ok(Verified { substore, entries, nodes, progress })
    }

    fn unfinished(&self) -> Option<Substore> {
        ORDER.get(usize::from(self.progress.at)).copied()
    }
}

/// The first place in [`ORDER`] from `from` on whose tree is not empty.
fn next_with_entries(manifest: &Manifest, from: u8) -> u8 {
    let empty = |place: &u8| {
        ORDER.get(usize::from(*place)).is_some_and(|substore| manifest.root(*substore) == B256::new(EMPTY_ROOT))
    };
    from.saturating_add(u8::try_from((from..).take_while(empty).count()).unwrap_or(0))
}
