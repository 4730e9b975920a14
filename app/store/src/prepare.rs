//! From a block's changes to new trees, without writing anything.

use std::sync::Arc;

use bytes::Bytes;
use defchain_base::{B256, Height, StateDelta, StateRead, Substore};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    columns::{self, Column},
    db::{Batch, Db},
    error::StoreError,
    options::Updater,
    proof::{EMPTY_ROOTS, app_hash},
    records,
    snapshot::{CommitInfo, Moment, Snapshot, TreeNodes},
    tree::{Change, Node, NodeKey, StaleNode, TreeAt, TreeUpdate, TreeUpdater, reference::Reference, update::OneWalk},
};

/// From how many changes on a substore's values are hashed on all threads.
const PARALLEL_FROM: usize = 256;

/// A block's trees and writes, ready to be committed. Made by [`crate::Store::prepare`].
pub struct Prepared {
    pub(crate) base: Option<CommitInfo>,
    /// Which run of the store it was prepared in: a rollback makes it void.
    pub(crate) epoch: u64,
    pub(crate) app_hash: B256,
    pub(crate) roots: [B256; 5],
    pub(crate) versions: [u64; 5],
    pub(crate) batch: Batch,
    /// New values by flat key, for the value cache.
    pub(crate) values: Vec<(Vec<u8>, Option<Bytes>)>,
    /// Records of new inner nodes, for the node cache, and the keys of those they replace.
    pub(crate) nodes: Vec<(Substore, NodeKey, Bytes)>,
    pub(crate) stale: Vec<(Substore, NodeKey)>,
}

impl Prepared {
    /// The app hash after the block.
    #[must_use]
    pub const fn app_hash(&self) -> B256 {
        self.app_hash
    }

    /// The substores' roots after the block, in the order of names.
    #[must_use]
    pub const fn roots(&self) -> &[B256; 5] {
        &self.roots
    }

    /// The root of a substore after the block.
    #[must_use]
    pub fn root(&self, substore: Substore) -> B256 {
        self.roots.get(substore as usize).copied().unwrap_or_default()
    }

    /// The height it will be committed at.
    #[must_use]
    pub fn height(&self) -> Height {
        next_height(self.base.as_ref())
    }

    /// Records and bytes that the state will write.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.batch.len(), self.batch.bytes())
    }
}

impl core::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prepared")
            .field("height", &self.height())
            .field("app_hash", &self.app_hash)
            .finish_non_exhaustive()
    }
}

pub(crate) fn next_height(base: Option<&CommitInfo>) -> Height {
    base.map_or(Height(0), |info| info.height.next())
}

/// One substore's part.
struct Part {
    substore: Substore,
    tree: TreeAt,
    /// Flat key, history key and history record of each change, in the order of keys.
    values: Vec<ValueWrite>,
    stale: Vec<StaleNode>,
    nodes: Vec<NodeWrite>,
}

struct ValueWrite {
    flat_key: Vec<u8>,
    value: Option<Bytes>,
    record: Option<Vec<u8>>,
    past_key: Vec<u8>,
    past: Vec<u8>,
}

struct NodeWrite {
    key: NodeKey,
    column_key: Vec<u8>,
    record: Bytes,
    leaf: bool,
}

pub(crate) fn prepare(moment: &Arc<Moment>, delta: &StateDelta, updater: Updater) -> Result<Prepared, StoreError> {
    let base = moment.info.clone();
    let (mut roots, mut versions) = base.as_ref().map_or((EMPTY_ROOTS, [0; 5]), |info| (info.roots, info.versions));
    let parts: Vec<Part> = Substore::ALL
        .into_par_iter()
        .map(|substore| part(moment, substore, delta, updater))
        .collect::<Result<Vec<_>, StoreError>>()?
        .into_iter()
        .flatten()
        .collect();
    for part in &parts {
        let at = part.substore as usize;
        if let (Some(root), Some(version)) = (roots.get_mut(at), versions.get_mut(at)) {
            *root = B256::from(part.tree.root);
            *version = part.tree.version;
        }
    }
    let height = next_height(base.as_ref());
    let db = moment.view.db();
    let bytes = parts.iter().map(Part::bytes).fold(0, usize::saturating_add);
    let mut prepared = Prepared {
        app_hash: app_hash(&roots),
        roots,
        versions,
        batch: db.batch(bytes),
        values: Vec::new(),
        nodes: Vec::new(),
        stale: Vec::new(),
        epoch: moment.epoch,
        base,
    };
    for part in parts {
        part.write(db, &mut prepared, height)?;
    }
    Ok(prepared)
}

fn part(
    moment: &Arc<Moment>,
    substore: Substore,
    delta: &StateDelta,
    updater: Updater,
) -> Result<Option<Part>, StoreError> {
    let mut changes = real_changes(moment, substore, delta)?;
    if changes.is_empty() {
        return Ok(None);
    }
    let base = moment.info.as_ref().map_or(TreeAt { version: 0, root: crate::tree::EMPTY_ROOT }, |i| i.tree(substore));
    let version = base.version.saturating_add(1);
    let values = changes
        .par_iter()
        .with_min_len(PARALLEL_FROM)
        .map(|change| ValueWrite {
            flat_key: columns::flat(substore, &change.key),
            value: change.value.clone(),
            record: change.value.as_deref().map(records::put_value),
            past_key: columns::history(substore, &change.key, version),
            past: records::put_past_value(change.value.as_deref()),
        })
        .collect();
    changes.sort_unstable_by_key(|change| change.key_hash);
    let source = TreeNodes { moment, substore };
    let TreeUpdate { root, mut nodes, stale } = match updater {
        Updater::OneWalk => OneWalk.update(&source, base, &changes)?,
        Updater::Reference => Reference.update(&source, base, &changes)?,
    };
    nodes.par_sort_unstable_by_key(|(path, _)| *path);
    let nodes = nodes
        .par_iter()
        .with_min_len(PARALLEL_FROM)
        .map(|(path, node)| {
            let key = NodeKey { version, path: *path };
            let leaf = matches!(node, Node::Leaf(_));
            NodeWrite { key, column_key: columns::node(substore, &key), record: node.to_record().into(), leaf }
        })
        .collect();
    Ok(Some(Part { substore, tree: TreeAt { version, root }, values, stale, nodes }))
}

impl Part {
    /// About what its records take in a batch.
    fn bytes(&self) -> usize {
        let values = self
            .values
            .iter()
            .map(|w| [w.flat_key.len(), w.record.as_ref().map_or(0, Vec::len), w.past_key.len(), w.past.len(), 12]);
        let nodes = self.nodes.iter().map(|w| [w.column_key.len(), w.record.len(), 6, 0, 0]);
        let stale = self.stale.len().saturating_mul(8);
        values.chain(nodes).flatten().fold(stale, usize::saturating_add)
    }

    fn write(self, db: &Arc<Db>, prepared: &mut Prepared, height: Height) -> Result<(), StoreError> {
        let Self { substore, tree: _, values, stale, nodes } = self;
        let batch = &mut prepared.batch;
        batch.put_all(db, Column::Flat, values.iter().map(|w| (w.flat_key.as_slice(), w.record.as_deref())))?;
        batch.put_all(db, Column::History, values.iter().map(|w| (w.past_key.as_slice(), Some(w.past.as_slice()))))?;
        batch.put_all(db, Column::Nodes, nodes.iter().map(|w| (w.column_key.as_slice(), Some(w.record.as_ref()))))?;
        batch.put(db, Column::Stale, &columns::stale(height, substore), &records::put_stale(&stale))?;
        prepared.values.extend(values.into_iter().map(|w| (w.flat_key, w.value)));
        let inner = nodes.into_iter().filter(|w| !w.leaf);
        prepared.nodes.extend(inner.map(|w| (substore, w.key, w.record)));
        let inner = stale.into_iter().filter(|stale| !stale.leaf);
        prepared.stale.extend(inner.map(|stale| (substore, stale.key)));
        Ok(())
    }
}

/// The changes that change something, with hashes. What a block wrote as it was moves no tree: a tree's version counts
/// the blocks that changed it, and history holds changes only.
fn real_changes(moment: &Arc<Moment>, substore: Substore, delta: &StateDelta) -> Result<Vec<Change>, StoreError> {
    let Some(changes) = delta.of(substore) else { return Ok(Vec::new()) };
    let snapshot = Snapshot(moment.clone());
    let real = |(key, new): (&Vec<u8>, &Option<Bytes>)| -> Result<Option<Change>, StoreError> {
        if key.is_empty() || new.as_ref().is_some_and(Bytes::is_empty) {
            return Err(StoreError::EmptyEntry { substore, key: hex::encode(key) });
        }
        let old = snapshot.get_raw(substore, key)?;
        if old == *new {
            return Ok(None);
        }
        Ok(Some(Change {
            key_hash: Sha256::digest(key).into(),
            key: Bytes::copy_from_slice(key),
            old: old.map(|value| Sha256::digest(value).into()),
            new: new.as_ref().map(|value| Sha256::digest(value).into()),
            value: new.clone(),
        }))
    };
    if changes.len() < PARALLEL_FROM {
        return changes.iter().filter_map(|change| real(change).transpose()).collect();
    }
    changes.par_iter().filter_map(|change| real(change).transpose()).collect()
}
