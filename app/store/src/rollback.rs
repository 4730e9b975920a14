//! Cutting the store back to an older height, and off below one.

use std::collections::BTreeSet;

use defchain_base::{Height, Substore};

use crate::{
    blocks,
    columns::{self, Column},
    db::Batch,
    error::StoreError,
    records,
    snapshot::{CommitInfo, Moment, TreeNodes, tree_at},
    store::{Store, info},
    tree::{Node, NodeSource, StaleNode},
};

impl Store {
    /// Makes an older height the newest again: values from history, everything later removed, in one atomic batch. The
    /// chain goes on from there as it did the first time. States taken before stay readable.
    ///
    /// # Errors
    /// When the height is not held, or the database fails or is damaged; nothing is changed then.
    pub fn rollback_to(&self, height: Height) -> Result<CommitInfo, StoreError> {
        let _writer = self.0.writer.lock();
        let moment = self.moment();
        let newest = moment.info.clone().ok_or(StoreError::Empty)?;
        let record = moment.record(height)?;
        if height == newest.height {
            return Ok(newest);
        }
        let db = &self.0.db;
        let mut batch = db.batch(0);
        for substore in Substore::ALL {
            let version = tree_at(&record.roots, &record.versions, substore).version;
            if newest.tree(substore).version == version {
                continue;
            }
            for key in changed_since(&moment, substore, height, newest.height, version)? {
                restore(&moment, &mut batch, substore, &key, version)?;
            }
            let from = columns::nodes_from(substore, version.saturating_add(1));
            batch.delete_range(db, Column::Nodes, &from, &columns::substore_end(substore))?;
        }
        for later in height.0.saturating_add(1)..=newest.height.0 {
            let later = Height(later);
            for substore in Substore::ALL {
                batch.delete(db, Column::Stale, &columns::stale(later, substore))?;
            }
            batch.delete(db, Column::Heights, &columns::height(later))?;
            blocks::remove(&moment, &mut batch, later)?;
        }
        db.write(batch)?;
        let (generation, epoch) = (moment.generation.saturating_add(1), moment.epoch.saturating_add(1));
        self.0.values.reset(generation);
        self.0.nodes.reset(epoch);
        let info = info(height, record, newest.chain_id, newest.genesis_hash);
        self.publish(Some(info.clone()), generation, epoch);
        tracing::info!(from = newest.height.0, to = height.0, app_hash = %info.app_hash, "store rolled back");
        Ok(info)
    }

    /// Forgets the heights below `keep`: their records, index entries, tree nodes and values that no later height uses.
    /// Works block by block and may run beside commits; an interruption loses nothing. Returns how many heights went.
    ///
    /// # Errors
    /// When `keep` is above the newest height, or the database fails or is damaged.
    pub fn prune(&self, keep: Height) -> Result<u64, StoreError> {
        let mut gone = 0u64;
        loop {
            let moment = self.moment();
            let (oldest, newest) = moment.heights()?;
            if keep > newest {
                return Err(StoreError::NotHeld { height: keep, oldest, newest });
            }
            if oldest >= keep {
                return Ok(gone);
            }
            let mut batch = self.0.db.batch(0);
            // What this block and the next replaced serves no height from the next one on.
            forget_replaced(&moment, &mut batch, oldest)?;
            forget_replaced(&moment, &mut batch, oldest.next())?;
            batch.delete(&self.0.db, Column::Heights, &columns::height(oldest))?;
            blocks::remove(&moment, &mut batch, oldest)?;
            // Commits went on meanwhile, which takes nothing from what was read here; a rollback may have.
            let _writer = self.0.writer.lock();
            let now = self.moment();
            if now.epoch == moment.epoch {
                self.0.db.write_lazily(batch)?;
                self.publish(now.info.clone(), now.generation, now.epoch);
                gone = gone.saturating_add(1);
                self.0.metrics.pruned(1);
            }
        }
    }
}

/// Keys that the blocks after `height` changed. A key that was put has a leaf of a later version; one that was deleted
/// had a leaf that a later block replaced. Leaves that only moved come along, which does no harm.
fn changed_since(
    moment: &Moment,
    substore: Substore,
    height: Height,
    newest: Height,
    version: u64,
) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let mut keys = BTreeSet::new();
    let mut cursor = moment.view.cursor(Column::Nodes, &columns::substore_end(substore))?;
    cursor.seek(&columns::nodes_from(substore, version.saturating_add(1)))?;
    while let Some((_, record)) = cursor.item() {
        if let Node::Leaf(leaf) = Node::from_record(record).map_err(|e| StoreError::record("tree node", &e))? {
            keys.insert(leaf.key.to_vec());
        }
        cursor.next()?;
    }
    for later in height.0.saturating_add(1)..=newest.0 {
        for stale in replaced_in(moment, substore, Height(later))? {
            if stale.leaf && stale.key.version <= version {
                keys.insert(leaf_key(moment, substore, &stale)?);
            }
        }
    }
    Ok(keys)
}

/// Gives a key the value it had at a version, and forgets the later ones.
fn restore(moment: &Moment, batch: &mut Batch, substore: Substore, key: &[u8], version: u64) -> Result<(), StoreError> {
    let db = moment.view.db();
    match moment.read_history(substore, key, version)? {
        Some(value) => batch.put(db, Column::Flat, &columns::flat(substore, key), &records::put_value(&value))?,
        None => batch.delete(db, Column::Flat, &columns::flat(substore, key))?,
    }
    let mut cursor = moment.view.cursor(Column::History, &columns::history(substore, key, version))?;
    cursor.seek(&columns::history(substore, key, u64::MAX))?;
    while let Some((at, _)) = cursor.item() {
        batch.delete(db, Column::History, at)?;
        cursor.next()?;
    }
    Ok(())
}

/// Removes the nodes that a block replaced, and the values that its values replaced.
fn forget_replaced(moment: &Moment, batch: &mut Batch, height: Height) -> Result<(), StoreError> {
    let db = moment.view.db();
    let record = moment.record(height)?;
    for substore in Substore::ALL {
        let version = tree_at(&record.roots, &record.versions, substore).version;
        let replaced = replaced_in(moment, substore, height)?;
        for stale in &replaced {
            if stale.leaf {
                let key = leaf_key(moment, substore, stale)?;
                forget_values_before(moment, batch, substore, &key, version)?;
            }
            batch.delete(db, Column::Nodes, &columns::node(substore, &stale.key))?;
        }
        batch.delete(db, Column::Stale, &columns::stale(height, substore))?;
    }
    Ok(())
}

/// If the key changed at this very version, what it was before is of no more use, nor is the mark of a deletion. A leaf
/// that only moved has no value of this version, and its value stays.
fn forget_values_before(
    moment: &Moment,
    batch: &mut Batch,
    substore: Substore,
    key: &[u8],
    version: u64,
) -> Result<(), StoreError> {
    let db = moment.view.db();
    let mut end = columns::history_group(substore, key);
    end.extend_from_slice(&[0xff; 9]);
    let at_version = columns::history(substore, key, version);
    let mut cursor = moment.view.cursor(Column::History, &end)?;
    cursor.seek(&at_version)?;
    let deletion = match cursor.item() {
        Some((at, record)) if at == at_version => {
            records::past_value(record).map_err(|e| StoreError::record("history record", &e))?.is_none()
        }
        _ => return Ok(()),
    };
    if deletion {
        batch.delete(db, Column::History, &at_version)?;
    }
    cursor.next()?;
    while let Some((at, _)) = cursor.item() {
        batch.delete(db, Column::History, at)?;
        cursor.next()?;
    }
    Ok(())
}

fn replaced_in(moment: &Moment, substore: Substore, height: Height) -> Result<Vec<StaleNode>, StoreError> {
    match moment.view.get(Column::Stale, &columns::stale(height, substore))? {
        None => Ok(Vec::new()),
        Some(record) => {
            records::stale(&record).map_err(|e| StoreError::record(&format!("stale list of height {height}"), &e))
        }
    }
}

fn leaf_key(moment: &Moment, substore: Substore, stale: &StaleNode) -> Result<Vec<u8>, StoreError> {
    match (TreeNodes { moment, substore }).node(&stale.key)? {
        Node::Leaf(leaf) => Ok(leaf.key.to_vec()),
        Node::Internal(_) => Err(StoreError::corrupt(
            format!("node {:?} of version {} in tree {substore}", stale.key.path, stale.key.version),
            "the stale list calls it a leaf, it is an inner node",
        )),
    }
}
