//! Taking a snapshot from a committed view, beside the chain's work.

use bytes::Bytes;
use defchain_base::{B256, Encode, Substore, read_exact_value};
use sha2::{Digest, Sha256};

use super::{
    MAX_CHUNK_BYTES, MAX_CHUNKS, Manifest, ORDER, SnapshotError, SnapshotFolder,
    folder::Partial,
    format::{ChunkWriter, MAX_DEPTH, MAX_ENTRY_BYTES},
};
use crate::{
    columns::{self, BlockPart, Column},
    error::StoreError,
    records::{self, IndexRecord},
    snapshot::{Moment, Snapshot},
    tree::{Hash, Internal, Leaf, NibblePath, Node, NodeKey},
};

/// How a snapshot is taken.
#[derive(Clone, Copy)]
pub struct SaveOptions<'a> {
    /// A chunk is closed when it has so many bytes. Nodes that use different sizes make different snapshots, and a
    /// joining node cannot mix their chunks.
    pub chunk_bytes: usize,
    /// Asked between chunks; true ends the work.
    pub stop: &'a dyn Fn() -> bool,
}

impl SaveOptions<'_> {
    /// The usual size of chunks.
    pub const CHUNK_BYTES: usize = 4 << 20;
}

impl Default for SaveOptions<'_> {
    fn default() -> Self {
        Self { chunk_bytes: Self::CHUNK_BYTES, stop: &|| false }
    }
}

impl core::fmt::Debug for SaveOptions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SaveOptions").field("chunk_bytes", &self.chunk_bytes).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Writes this state into a folder of snapshots: chunks, then the manifest, then the name that makes it visible.
    /// Commits go on meanwhile. A snapshot of the height that is already there is left as it is.
    ///
    /// # Errors
    /// When nothing is committed, the disk or the database fails, or it was stopped; nothing is left then.
    pub fn save(&self, folder: &SnapshotFolder, options: SaveOptions<'_>) -> Result<Manifest, SnapshotError> {
        let moment = &*self.0;
        let info = moment.info.as_ref().ok_or(StoreError::Empty)?;
        if let Some(there) = folder.find(info.height)? {
            return Ok(there);
        }
        let (header, block_hash) = block(moment, info.height)?;
        let mut save = Save {
            moment,
            partial: folder.partial(info.height)?,
            chunks: Vec::new(),
            chunk_bytes: options.chunk_bytes.clamp(1, MAX_CHUNK_BYTES / 2),
            stop: options.stop,
        };
        for substore in ORDER {
            let tree = info.tree(substore);
            if !tree.is_empty() {
                save.substore(substore, NodeKey { version: tree.version, path: NibblePath::ROOT })?;
            }
        }
        let manifest = Manifest {
            height: info.height,
            roots: info.roots,
            chain_id: info.chain_id.clone(),
            genesis_hash: info.genesis_hash,
            block_hash,
            header,
            chunks: save.chunks,
        };
        save.partial.publish(&manifest.to_bytes())?;
        Ok(manifest)
    }
}

/// Header and hash of the block, as they are stored.
fn block(moment: &Moment, height: defchain_base::Height) -> Result<(Vec<u8>, B256), StoreError> {
    let missing = |what: &str| StoreError::corrupt(format!("{what} of height {height}"), "it is missing");
    let part = |part| moment.view.get(Column::Blocks, &columns::block(part, height));
    let record = part(BlockPart::Header)?.ok_or_else(|| missing("header"))?;
    let header = records::value(&record).map_err(|e| StoreError::record("header", &e))?.to_vec();
    let record = part(BlockPart::Index)?.ok_or_else(|| missing("index record"))?;
    let index: IndexRecord = read_exact_value(&record).map_err(|e| StoreError::record("index record", &e))?;
    Ok((header, index.block_hash))
}

struct Save<'a> {
    moment: &'a Moment,
    partial: Partial,
    chunks: Vec<B256>,
    chunk_bytes: usize,
    stop: &'a dyn Fn() -> bool,
}

/// One open inner node of the walk.
struct Step {
    node: Box<Internal>,
    path: NibblePath,
    /// The nibble that is looked at next.
    next: u8,
}

impl Save<'_> {
    /// Walks a tree from left to right. Nodes and values are read past the caches, which serve the chain's own work.
    fn substore(&mut self, substore: Substore, root: NodeKey) -> Result<(), SnapshotError> {
        let mut steps: Vec<Step> = Vec::new();
        let mut writer = self.writer(substore);
        let mut depth = 0;
        let mut visit = Some(root);
        loop {
            if let Some(key) = visit.take() {
                match self.node(substore, &key)? {
                    Node::Internal(node) if steps.len() < MAX_DEPTH => {
                        steps.push(Step { node, path: key.path, next: 0 });
                    }
                    Node::Internal(_) => {
                        let why = "an inner node below a whole key hash";
                        return Err(StoreError::corrupt(format!("node of tree {substore}"), why).into());
                    }
                    Node::Leaf(leaf) => {
                        let value = self.value(substore, &leaf)?;
                        add(&mut writer, substore, &leaf.key, &value)?;
                        depth = steps.len();
                        if writer.len() >= self.chunk_bytes {
                            let full = core::mem::replace(&mut writer, self.writer(substore));
                            self.chunk(&full.finish(&edge(&steps)))?;
                        }
                    }
                }
            }
            let Some(step) = steps.last_mut() else { break };
            let nibble = step.next;
            step.next = nibble.saturating_add(1);
            if nibble > 15 {
                steps.pop();
            } else if let Some(child) = step.node.child(nibble) {
                visit = Some(NodeKey { version: child.version, path: step.path.child(nibble) });
            }
        }
        if writer.is_empty() {
            return Ok(());
        }
        // Nothing is right of the last leaf.
        self.chunk(&writer.finish(&vec![Internal::default(); depth]))
    }

    fn writer(&self, substore: Substore) -> ChunkWriter {
        // The first chunk of a small substore is far below the usual size: grown, not reserved.
        ChunkWriter::new(substore, if substore == Substore::Evm { self.chunk_bytes } else { 0 })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if (self.stop)() {
            return Err(SnapshotError::Stopped);
        }
        if self.chunks.len() >= MAX_CHUNKS {
            return Err(SnapshotError::TooMany { chunk_bytes: self.chunk_bytes });
        }
        self.partial.chunk(u32::try_from(self.chunks.len()).unwrap_or(u32::MAX), bytes)?;
        self.chunks.push(B256::new(Sha256::digest(bytes).into()));
        Ok(())
    }

    fn node(&self, substore: Substore, key: &NodeKey) -> Result<Node, StoreError> {
        let name = || format!("node {:?} of version {} in tree {substore}", key.path, key.version);
        let record = self.moment.view.get(Column::Nodes, &columns::node(substore, key))?;
        let record = record.ok_or_else(|| StoreError::corrupt(name(), "it is missing"))?;
        Node::from_record(&record).map_err(|e| StoreError::record(&name(), &e))
    }

    fn value(&self, substore: Substore, leaf: &Leaf) -> Result<Bytes, StoreError> {
        let damaged =
            |why: &str| StoreError::corrupt(format!("{substore} value of key 0x{}", hex::encode(&leaf.key)), why);
        let record = self.moment.view.get(Column::Flat, &columns::flat(substore, &leaf.key))?;
        let record = record.ok_or_else(|| damaged("the tree has it, the flat values do not"))?;
        let value = records::value(&record).map_err(|e| damaged(&e.to_string()))?;
        let hash: Hash = Sha256::digest(value).into();
        // A snapshot of a damaged state would be refused by everybody who takes it.
        if hash != leaf.value_hash {
            return Err(damaged("the flat value is not the one the tree commits to"));
        }
        Ok(Bytes::copy_from_slice(value))
    }
}

fn add(writer: &mut ChunkWriter, substore: Substore, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
    let bytes = key.len().saturating_add(value.len());
    if bytes > MAX_ENTRY_BYTES || key.len() > usize::from(u16::MAX) {
        return Err(SnapshotError::Entry { substore, bytes });
    }
    writer.add(key, value);
    Ok(())
}

/// What lies right of the way that the walk has taken.
fn edge(steps: &[Step]) -> Vec<Internal> {
    let right_of = |step: &Step| {
        let mut right = Internal::default();
        for (nibble, child) in step.node.iter().filter(|(nibble, _)| *nibble >= step.next) {
            if let Some(place) = right.children.get_mut(usize::from(nibble)) {
                *place = Some(*child);
            }
        }
        right
    };
    steps.iter().map(right_of).collect()
}
