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
    tree::{
        Change, Internal, Node, NodeKey, StaleNode, TreeAt, TreeUpdate, TreeUpdater, reference::Reference,
        update::OneWalk,
    },
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
    /// New inner nodes, for the node cache, and the keys of those they replace.
    pub(crate) nodes: Vec<(Substore, NodeKey, Arc<Internal>)>,
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
    changes: Vec<Change>,
    update: TreeUpdate,
    /// Node records by key.
    records: Vec<(Vec<u8>, Vec<u8>)>,
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
            *root = B256::from(part.update.root);
            *version = part.tree.version;
        }
    }
    let height = next_height(base.as_ref());
    let db = moment.view.db();
    let mut prepared = Prepared {
        app_hash: app_hash(&roots),
        roots,
        versions,
        batch: db.batch(),
        values: Vec::new(),
        nodes: Vec::new(),
        stale: Vec::new(),
        epoch: moment.epoch,
        base,
    };
    for part in parts {
        write_part(db, &mut prepared, height, part)?;
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
    changes.sort_unstable_by(|a, b| a.key_hash.cmp(&b.key_hash));
    let base = moment.info.as_ref().map_or(TreeAt { version: 0, root: crate::tree::EMPTY_ROOT }, |i| i.tree(substore));
    let source = TreeNodes { moment, substore };
    let mut update = match updater {
        Updater::OneWalk => OneWalk.update(&source, base, &changes)?,
        Updater::Reference => Reference.update(&source, base, &changes)?,
    };
    let tree = TreeAt { version: base.version.saturating_add(1), root: update.root };
    // In the order of keys: RocksDB inserts neighbours faster.
    update.nodes.par_sort_unstable_by_key(|(path, _)| *path);
    let records = update
        .nodes
        .par_iter()
        .with_min_len(PARALLEL_FROM)
        .map(|(path, node)| {
            (columns::node(substore, &NodeKey { version: tree.version, path: *path }), node.to_record())
        })
        .collect();
    Ok(Some(Part { substore, tree, changes, update, records }))
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

fn write_part(db: &Arc<Db>, prepared: &mut Prepared, height: Height, part: Part) -> Result<(), StoreError> {
    let Part { substore, tree, changes, update, records } = part;
    let batch = &mut prepared.batch;
    for change in changes {
        let flat_key = columns::flat(substore, &change.key);
        match &change.value {
            Some(value) => batch.put(db, Column::Flat, &flat_key, &records::put_value(value))?,
            None => batch.delete(db, Column::Flat, &flat_key)?,
        }
        let past = records::put_past_value(change.value.as_deref());
        batch.put(db, Column::History, &columns::history(substore, &change.key, tree.version), &past)?;
        prepared.values.push((flat_key, change.value));
    }
    for (key, record) in records {
        batch.put(db, Column::Nodes, &key, &record)?;
    }
    batch.put(db, Column::Stale, &columns::stale(height, substore), &records::put_stale(&update.stale))?;
    for (path, node) in update.nodes {
        if let Node::Internal(internal) = node {
            prepared.nodes.push((substore, NodeKey { version: tree.version, path }, internal));
        }
    }
    let inner = update.stale.into_iter().filter(|stale| !stale.leaf);
    prepared.stale.extend(inner.map(|StaleNode { key, .. }| (substore, key)));
    Ok(())
}
