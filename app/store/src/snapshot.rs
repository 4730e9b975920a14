//! State as of a block: the newest from flat values, an older one from history.

use std::sync::Arc;

use bytes::Bytes;
use defchain_base::{B256, CodecError, Height, StateError, StateRead, Substore, read_exact_value};

use crate::{
    cache::{NodeCache, ValueCache},
    columns::{self, Column},
    db::View,
    error::StoreError,
    records::{self, HeightRecord},
    tree::{Node, NodeKey, NodeSource, TreeAt},
};

/// What a committed block left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its height; 0 is the genesis state.
    pub height: Height,
    /// Merkle root over the substores' roots (D6).
    pub app_hash: B256,
    /// Root of each substore, in the order of names.
    pub roots: [B256; 5],
    /// Version of each substore's tree: how many blocks changed it.
    pub versions: [u64; 5],
    /// The chain's id.
    pub chain_id: String,
    /// Hash of the chain's genesis.
    pub genesis_hash: B256,
}

impl CommitInfo {
    /// The root of a substore.
    #[must_use]
    pub fn root(&self, substore: Substore) -> B256 {
        self.roots.get(substore as usize).copied().unwrap_or_default()
    }

    pub(crate) fn tree(&self, substore: Substore) -> TreeAt {
        tree_at(&self.roots, &self.versions, substore)
    }
}

pub(crate) fn tree_at(roots: &[B256; 5], versions: &[u64; 5], substore: Substore) -> TreeAt {
    let at = substore as usize;
    TreeAt {
        version: versions.get(at).copied().unwrap_or_default(),
        root: roots.get(at).copied().unwrap_or_default().0,
    }
}

/// The store as one commit left it.
pub(crate) struct Moment {
    pub view: View,
    pub info: Option<CommitInfo>,
    /// Which state the value cache must be at to speak for this one.
    pub generation: u64,
    /// Which run of the node cache belongs to it.
    pub epoch: u64,
    pub values: Arc<ValueCache>,
    pub nodes: Arc<NodeCache>,
}

impl Moment {
    /// The height record, or why it is not there.
    pub(crate) fn record(&self, height: Height) -> Result<HeightRecord, StoreError> {
        let newest = self.info.as_ref().ok_or(StoreError::Empty)?.height;
        if let Some(record) = self.view.get(Column::Heights, &columns::height(height))? {
            return read_exact_value(&record).map_err(|e| StoreError::record("height record", &e));
        }
        let (oldest, _) = self.heights()?;
        if height >= oldest && height <= newest {
            return Err(StoreError::corrupt(format!("record of height {height}"), "it is missing"));
        }
        Err(StoreError::NotHeld { height, oldest, newest })
    }

    /// Oldest and newest height held.
    pub(crate) fn heights(&self) -> Result<(Height, Height), StoreError> {
        let (first, last) = self.view.ends(Column::Heights)?.ok_or(StoreError::Empty)?;
        let parse = |key: &[u8]| columns::parse_height(key).map_err(|e| StoreError::record("height record", &e));
        Ok((parse(&first)?, parse(&last)?))
    }

    fn read_flat(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let flat_key = columns::flat(substore, key);
        if let Some(known) = self.values.get(self.generation, &flat_key) {
            return Ok(known);
        }
        let value = match self.view.get(Column::Flat, &flat_key).map_err(|e| at_key(e, substore, key))? {
            None => None,
            Some(record) => {
                Some(Bytes::copy_from_slice(records::value(&record).map_err(|e| corrupt(substore, key, e))?))
            }
        };
        self.values.learn(self.generation, flat_key, value.clone());
        Ok(value)
    }

    fn range_flat(
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
        let mut cursor = self.view.cursor(Column::Flat, &columns::flat(substore, to))?;
        cursor.seek(&columns::flat(substore, from)).map_err(|e| at_key(e, substore, from))?;
        while found.len() < limit {
            let Some((key, record)) = cursor.item() else { break };
            let key = Bytes::copy_from_slice(key.get(1..).unwrap_or_default());
            let value = records::value(record).map_err(|e| corrupt(substore, &key, e))?;
            found.push((key, Bytes::copy_from_slice(value)));
            cursor.next().map_err(|e| at_key(e, substore, from))?;
        }
        Ok(found)
    }

    /// The value of a key at a version of its tree.
    pub(crate) fn read_history(
        &self,
        substore: Substore,
        key: &[u8],
        version: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let mut end = columns::history_group(substore, key);
        end.extend_from_slice(&[0xff; 9]);
        let mut cursor = self.view.cursor(Column::History, &end)?;
        cursor.seek(&columns::history(substore, key, version))?;
        match cursor.item() {
            None => Ok(None),
            Some((_, record)) => Ok(records::past_value(record).map_err(|e| corrupt(substore, key, e))?),
        }
    }

    fn range_history(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
        version: u64,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let mut found = Vec::new();
        if from >= to {
            return Ok(found);
        }
        let mut cursor = self.view.cursor(Column::History, &columns::history_group(substore, to))?;
        cursor.seek(&columns::history_group(substore, from))?;
        while found.len() < limit {
            let Some((at, record)) = cursor.item() else { break };
            let (key, written) = columns::parse_history(at).map_err(|e| StoreError::record("history key", &e))?;
            if written > version {
                cursor.seek(&columns::history(substore, &key, version))?;
                continue;
            }
            if let Some(value) = records::past_value(record).map_err(|e| corrupt(substore, &key, e))? {
                found.push((Bytes::from(key.clone()), value));
            }
            let mut next = columns::history_group(substore, &key);
            next.extend_from_slice(&[0xff; 9]);
            cursor.seek(&next)?;
        }
        Ok(found)
    }
}

fn corrupt(substore: Substore, key: &[u8], source: CodecError) -> StateError {
    StateError::Corrupt { substore, key: hex::encode(key), source }
}

/// Names the key where a block of the database is damaged.
fn at_key(error: StoreError, substore: Substore, key: &[u8]) -> StateError {
    match error {
        StoreError::Corrupt { why, .. } => corrupt(substore, key, CodecError::Invalid { what: "database block", why }),
        other => other.into(),
    }
}

/// The nodes of one tree: memory, then disk.
pub(crate) struct TreeNodes<'a> {
    pub moment: &'a Moment,
    pub substore: Substore,
}

impl NodeSource for TreeNodes<'_> {
    fn node(&self, key: &NodeKey) -> Result<Node, StoreError> {
        let moment = self.moment;
        let name = || format!("node {:?} of version {} in tree {}", key.path, key.version, self.substore);
        let decode = |record: &[u8]| Node::from_record(record).map_err(|e| StoreError::record(&name(), &e));
        if let Some(record) = moment.nodes.get(moment.epoch, self.substore, key) {
            return decode(&record);
        }
        let record = moment.view.get(Column::Nodes, &columns::node(self.substore, key))?;
        let record = record.ok_or_else(|| StoreError::corrupt(name(), "it is missing"))?;
        let node = decode(&record)?;
        if matches!(node, Node::Internal(_)) {
            moment.nodes.put(moment.epoch, self.substore, *key, Bytes::copy_from_slice(&record));
        }
        Ok(node)
    }
}

/// The newest committed state at the time it was taken; blocks committed later do not show. Cheap to clone.
#[derive(Clone)]
pub struct Snapshot(pub(crate) Arc<Moment>);

impl Snapshot {
    /// What was committed last; `None` before genesis.
    #[must_use]
    pub fn info(&self) -> Option<&CommitInfo> {
        self.0.info.as_ref()
    }

    /// The height of this state; `None` before genesis.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        self.info().map(|info| info.height)
    }
}

impl core::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Snapshot").field("height", &self.height()).finish_non_exhaustive()
    }
}

impl StateRead for Snapshot {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.0.read_flat(substore, key)
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        self.0.range_flat(substore, from, to, limit)
    }
}

/// The state after an older block. Cheap to clone; pruning and rollback do not touch it once taken.
#[derive(Clone)]
pub struct HistoricState {
    moment: Arc<Moment>,
    height: Height,
    record: HeightRecord,
}

impl HistoricState {
    pub(crate) fn new(moment: Arc<Moment>, height: Height) -> Result<Self, StoreError> {
        let record = moment.record(height)?;
        Ok(Self { moment, height, record })
    }

    /// The block after which this was the state.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.height
    }

    /// The app hash of this state.
    #[must_use]
    pub const fn app_hash(&self) -> B256 {
        self.record.app_hash
    }

    fn version(&self, substore: Substore) -> u64 {
        tree_at(&self.record.roots, &self.record.versions, substore).version
    }
}

impl core::fmt::Debug for HistoricState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HistoricState").field("height", &self.height).finish_non_exhaustive()
    }
}

impl StateRead for HistoricState {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let value = self.moment.read_history(substore, key, self.version(substore));
        value.map_err(|e| at_key(e, substore, key))
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        let found = self.moment.range_history(substore, from, to, limit, self.version(substore));
        found.map_err(|e| at_key(e, substore, from))
    }
}
