//! Writing verified chunks into an empty store.

use bytes::Bytes;
use defchain_base::{
    B256, CodecError, Decode, Encode, Height, Reader, StateError, StateRead, Substore, read_exact_value,
};

use super::{
    MAX_CHUNKS, Manifest, ORDER, SnapshotError, Verifier,
    edge::{Builder, RESTORED_VERSION},
    format::MAX_DEPTH,
    verify::{Progress, Verified},
};
use crate::{
    columns::{self, BlockPart, CHAIN_KEY, Column, RESTORE_KEY},
    db::{Db, View},
    error::StoreError,
    records::{self, ChainRecord, HeightRecord, IndexRecord},
    snapshot::CommitInfo,
    store::{Store, info},
    tree::{EMPTY_ROOT, Node, NodeKey},
};

const V1: u8 = 1;
/// Longest node record: an inner node of sixteen children.
const MAX_NODE_BYTES: usize = 1 << 16;

/// How far a restore got: what makes it go on after a crash, and what marks the store as unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestoreRecord {
    height: Height,
    manifest: B256,
    chunks: u32,
    progress: Progress,
}

impl Encode for RestoreRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        out.extend_from_slice(&self.height.0.to_be_bytes());
        out.extend_from_slice(self.manifest.as_slice());
        out.extend_from_slice(&self.chunks.to_be_bytes());
        out.extend_from_slice(&self.progress.next.to_be_bytes());
        out.push(self.progress.at);
        let Builder { open, last } = &self.progress.builder;
        out.push(u8::try_from(open.len()).unwrap_or(u8::MAX));
        let last = last.iter().map(|leaf| Node::Leaf(leaf.clone()));
        let open = open.iter().map(|node| Node::Internal(Box::new(node.clone())));
        for node in open.chain(last) {
            let record = node.to_record();
            out.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(&record);
        }
    }
}

impl Decode for RestoreRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "restore record";
        input.version(V1, WHAT)?;
        let height = Height(input.u64(WHAT)?);
        let manifest = B256::new(input.array(WHAT)?);
        let chunks = input.u32(WHAT)?;
        let next = input.u32(WHAT)?;
        let at = input.u8(WHAT)?;
        let depth = usize::from(input.u8(WHAT)?);
        if depth > MAX_DEPTH || usize::from(at) > ORDER.len() || next > chunks || chunks as usize > MAX_CHUNKS {
            return Err(CodecError::NotCanonical(WHAT));
        }
        let mut builder = Builder::default();
        for _ in 0..depth {
            match Node::from_record(input.bytes(MAX_NODE_BYTES, WHAT)?)? {
                Node::Internal(node) => builder.open.push(*node),
                Node::Leaf(_) => return Err(CodecError::NotCanonical(WHAT)),
            }
        }
        if input.left() > 0 {
            match Node::from_record(input.bytes(MAX_NODE_BYTES, WHAT)?)? {
                Node::Leaf(leaf) => builder.last = Some(leaf),
                Node::Internal(_) => return Err(CodecError::NotCanonical(WHAT)),
            }
        }
        Ok(Self { height, manifest, chunks, progress: Progress { next, at, builder } })
    }
}

/// Height, verified chunks and all chunks of a restore that was begun in this database and not finished.
pub(crate) fn unfinished(view: &View) -> Result<Option<(Height, u32, u32)>, StoreError> {
    Ok(record(view)?.map(|found| (found.height, found.progress.next, found.chunks)))
}

fn record(view: &View) -> Result<Option<RestoreRecord>, StoreError> {
    let Some(bytes) = view.get(Column::Meta, RESTORE_KEY)? else { return Ok(None) };
    read_exact_value(&bytes).map(Some).map_err(|e| StoreError::record("restore record", &e))
}

impl Store {
    /// Begins to restore a snapshot, or goes on with it where a crash ended it. Parts of another snapshot are removed, and
    /// so is a state that was restored before and never built on.
    ///
    /// The manifest must have been checked against a trusted app hash ([`Manifest::check`]).
    ///
    /// # Errors
    /// When the store has blocks, or the database fails.
    pub fn restore(&self, manifest: Manifest) -> Result<Restore, SnapshotError> {
        let view = View::new(self.0.db.clone());
        if let Some(found) = record(&view)?
            && found.manifest == manifest.hash()
        {
            tracing::info!(
                height = manifest.height.0,
                chunks = found.progress.next,
                of = found.chunks,
                "restore goes on"
            );
            return Ok(Restore { store: self.clone(), verifier: Verifier::at(manifest, found.progress) });
        }
        self.discard_restored()?;
        let restore = Restore { store: self.clone(), verifier: Verifier::new(manifest) };
        let db = &self.0.db;
        let mut batch = db.batch(0);
        batch.put(db, Column::Meta, RESTORE_KEY, &restore.record(&restore.verifier.progress).to_bytes())?;
        db.write(batch)?;
        Ok(restore)
    }

    /// Whether the only height is one that was restored and has no block on top.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_fresh_restore(&self) -> Result<bool, StoreError> {
        let moment = self.moment();
        let Some(info) = &moment.info else { return Ok(false) };
        let (oldest, newest) = moment.heights()?;
        // A genesis has a payload record, empty as it is; of a restored block there is the header only.
        let restored = moment.view.get(Column::Blocks, &columns::block(BlockPart::Txs, info.height))?.is_none();
        Ok(oldest == newest && restored)
    }

    /// Height, verified chunks and all chunks of a restore that is not finished.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unfinished_restore(&self) -> Result<Option<(Height, u32, u32)>, StoreError> {
        // What a restore writes is in no published view before its end.
        unfinished(&View::new(self.0.db.clone()))
    }

    /// Empties a store that holds no blocks of its own: parts of a restore, or a restored state without a block on top.
    ///
    /// # Errors
    /// When it has blocks, or the database fails.
    pub fn discard_restored(&self) -> Result<(), SnapshotError> {
        let _writer = self.0.writer.lock();
        let moment = self.moment();
        if let Some(info) = &moment.info
            && !self.is_fresh_restore()?
        {
            return Err(SnapshotError::NotEmpty { newest: info.height });
        }
        let db = &self.0.db;
        let mut batch = db.batch(0);
        for column in Column::ALL {
            // No key is longer than this nor begins with all ones.
            batch.delete_range(db, column, &[], &[0xff; 128])?;
        }
        db.write(batch)?;
        let (generation, epoch) = (moment.generation.saturating_add(1), moment.epoch.saturating_add(1));
        self.0.values.reset(generation);
        self.0.nodes.reset(epoch);
        self.publish(None, generation, epoch);
        Ok(())
    }
}

/// A restore in work.
pub struct Restore {
    store: Store,
    verifier: Verifier,
}

impl core::fmt::Debug for Restore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Restore")
            .field("height", &self.manifest().height)
            .field("next_chunk", &self.next_chunk())
            .finish_non_exhaustive()
    }
}

impl Restore {
    /// What is restored.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        self.verifier.manifest()
    }

    /// The chunk that comes next; those before are verified and on disk.
    #[must_use]
    pub const fn next_chunk(&self) -> u32 {
        self.verifier.next_chunk()
    }

    /// Whether all chunks are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.verifier.is_complete()
    }

    /// Whether a substore is there whole.
    #[must_use]
    pub fn has_all_of(&self, substore: Substore) -> bool {
        self.verifier.has_all_of(substore)
    }

    /// Verifies the next chunk and writes it, with the place where to go on, in one batch that is on disk when this returns.
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is kept then.
    pub fn apply(&mut self, index: u32, bytes: &Bytes) -> Result<(), SnapshotError> {
        let verified = self.verifier.judge(index, bytes)?;
        let count = verified.entries.len();
        let progress = self.write(verified, bytes.len())?;
        self.verifier.advance(progress, count);
        Ok(())
    }

    fn write(&self, verified: Verified, bytes: usize) -> Result<Progress, StoreError> {
        let Verified { substore, entries, mut nodes, progress } = verified;
        let db = &self.store.0.db;
        let mut batch = db.batch(bytes.saturating_mul(4));
        let value = |(key, value): &(Bytes, Bytes)| (columns::flat(substore, key), records::put_value(value));
        put(&mut batch, db, Column::Flat, entries.iter().map(value))?;
        let past = |(key, value): &(Bytes, Bytes)| {
            (columns::history(substore, key, RESTORED_VERSION), records::put_past_value(Some(value)))
        };
        put(&mut batch, db, Column::History, entries.iter().map(past))?;
        nodes.sort_unstable_by_key(|(path, _)| *path);
        let node = |(path, node): &(_, Node)| {
            (columns::node(substore, &NodeKey { version: RESTORED_VERSION, path: *path }), node.to_record())
        };
        put(&mut batch, db, Column::Nodes, nodes.iter().map(node))?;
        batch.put(db, Column::Meta, RESTORE_KEY, &self.record(&progress).to_bytes())?;
        let _writer = self.store.0.writer.lock();
        db.write(batch)?;
        Ok(progress)
    }

    fn record(&self, progress: &Progress) -> RestoreRecord {
        let manifest = self.manifest();
        RestoreRecord {
            height: manifest.height,
            manifest: manifest.hash(),
            chunks: manifest.chunk_count(),
            progress: progress.clone(),
        }
    }

    /// The state that was verified so far.
    #[must_use]
    pub fn state(&self) -> RestoredState {
        RestoredState(View::new(self.store.0.db.clone()))
    }

    /// Makes the restored state the store's only height. The caller has checked the manifest's header against the state.
    ///
    /// # Errors
    /// When chunks are missing, or the database fails; the restore can then be gone on with.
    pub fn finish(&self) -> Result<CommitInfo, SnapshotError> {
        let manifest = self.manifest();
        if !self.is_complete() {
            let (expected, chunks) = (self.next_chunk(), manifest.chunk_count());
            return Err(SnapshotError::Order { expected, found: chunks, chunks });
        }
        let (store, height) = (&self.store, manifest.height);
        let _writer = store.0.writer.lock();
        let db = &store.0.db;
        let mut batch = db.batch(0);
        let versions = manifest.roots.map(|root| if root == B256::new(EMPTY_ROOT) { 0 } else { RESTORED_VERSION });
        let record = HeightRecord { app_hash: manifest.app_hash(), roots: manifest.roots, versions };
        batch.put(db, Column::Heights, &columns::height(height), &record.to_bytes())?;
        let chain = ChainRecord { genesis_hash: manifest.genesis_hash, chain_id: manifest.chain_id.clone() };
        batch.put(db, Column::Meta, CHAIN_KEY, &chain.to_bytes())?;
        batch.delete(db, Column::Meta, RESTORE_KEY)?;
        let header = records::put_value(&manifest.header);
        batch.put(db, Column::Blocks, &columns::block(BlockPart::Header, height), &header)?;
        let index = IndexRecord { block_hash: manifest.block_hash, ..IndexRecord::default() };
        batch.put(db, Column::Blocks, &columns::block(BlockPart::Index, height), &index.to_bytes())?;
        let location = records::put_block_location(height);
        batch.put(db, Column::Hashes, &columns::block_hash(&manifest.block_hash), &location)?;
        db.write(batch)?;
        let moment = store.moment();
        let (generation, epoch) = (moment.generation.saturating_add(1), moment.epoch.saturating_add(1));
        store.0.values.reset(generation);
        store.0.nodes.reset(epoch);
        let info = info(height, record, chain.chain_id, chain.genesis_hash);
        store.publish(Some(info.clone()), generation, epoch);
        tracing::info!(height = height.0, app_hash = %info.app_hash, "state restored");
        Ok(info)
    }
}

fn put(
    batch: &mut crate::db::Batch,
    db: &Db,
    column: Column,
    records: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
) -> Result<(), StoreError> {
    let records: Vec<(Vec<u8>, Vec<u8>)> = records.collect();
    batch.put_all(db, column, records.iter().map(|(key, record)| (key.as_slice(), Some(record.as_slice()))))
}

/// Verified entries of an unfinished restore. A substore speaks for the state when it is there whole
/// ([`Restore::has_all_of`]).
pub struct RestoredState(View);

impl core::fmt::Debug for RestoredState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RestoredState").finish_non_exhaustive()
    }
}

impl StateRead for RestoredState {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let corrupt = |source| StateError::Corrupt { substore, key: hex::encode(key), source };
        match self.0.get(Column::Flat, &columns::flat(substore, key))? {
            None => Ok(None),
            Some(record) => Ok(Some(Bytes::copy_from_slice(records::value(&record).map_err(corrupt)?))),
        }
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        let mut found = Vec::new();
        if from >= to {
            return Ok(found);
        }
        let mut cursor = self.0.cursor(Column::Flat, &columns::flat(substore, to))?;
        cursor.seek(&columns::flat(substore, from))?;
        while found.len() < limit {
            let Some((key, record)) = cursor.item() else { break };
            let key = Bytes::copy_from_slice(key.get(1..).unwrap_or_default());
            let value = records::value(record).map_err(|source| StateError::Corrupt {
                substore,
                key: hex::encode(&key),
                source,
            })?;
            found.push((key, Bytes::copy_from_slice(value)));
            cursor.next()?;
        }
        Ok(found)
    }
}
