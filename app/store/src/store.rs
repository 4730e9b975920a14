//! Opening a store, and committing to it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::Instant,
};

use defchain_base::{B256, Encode, Height, StateDelta, Substore, read_exact_value};
use jmt::Sha256Jmt;
use parking_lot::{Mutex, RwLock};

use crate::{
    blocks::{self, ChainRecords},
    cache::{NodeCache, ValueCache},
    columns::{self, BlockPart, CHAIN_KEY, Column},
    db::{Db, ModelDisk, View},
    error::StoreError,
    format,
    metrics::Metrics,
    options::{StoreOptions, Updater},
    prepare::{Prepared, prepare},
    proof::{StateProof, app_hash, prove_root},
    records::{ChainRecord, HeightRecord},
    snapshot::{CommitInfo, HistoricState, Moment, Snapshot, TreeNodes, tree_at},
    sync,
    tree::{
        NibblePath, NodeKey, NodeSource,
        reference::{JmtReader, from_anyhow},
    },
};

/// Where RocksDB's files lie.
const DATABASE: &str = "db";

/// State, blocks and indexes of a chain on disk. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub db: Arc<Db>,
    pub values: Arc<ValueCache>,
    pub nodes: Arc<NodeCache>,
    /// What readers see; replaced whole after each commit.
    pub current: RwLock<Arc<Moment>>,
    /// Held by whoever writes.
    pub writer: Mutex<()>,
    pub metrics: Metrics,
    updater: Updater,
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.0.db.path())
            .field("height", &self.snapshot().height())
            .finish_non_exhaustive()
    }
}

/// How much a column family takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUsage {
    /// Its name.
    pub name: &'static str,
    /// Bytes in files.
    pub file_bytes: u64,
    /// Bytes not yet in files.
    pub memory_bytes: u64,
    /// How many records, estimated.
    pub records: u64,
}

impl Store {
    /// Opens the store in a directory, which is made when it is not there.
    ///
    /// # Errors
    /// When the directory is in use, holds something else or another format, or when the newest record is damaged.
    pub fn open(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let found = format::claim(path, format::FORMATS)?;
        let db = Db::open(&path.join(DATABASE), &options)?;
        format::migrate(path, &db, found, format::FORMATS)?;
        Self::over(db, &options)
    }

    /// Opens a store on a disk in memory, for the simulator and tests: same code above, and crashes at will.
    ///
    /// # Errors
    /// When the newest record is damaged, or the disk's power is out.
    pub fn open_on_model(disk: &ModelDisk, options: StoreOptions) -> Result<Self, StoreError> {
        Self::over(Db::on_model(disk, &options), &options)
    }

    fn over(db: Db, options: &StoreOptions) -> Result<Self, StoreError> {
        let db = Arc::new(db);
        let values = Arc::new(ValueCache::new(options.value_cache_bytes()));
        let nodes = Arc::new(NodeCache::new(options.node_cache_bytes()));
        let mut moment = Moment {
            view: View::new(db.clone()),
            info: None,
            generation: 0,
            epoch: 0,
            values: values.clone(),
            nodes: nodes.clone(),
        };
        moment.info = newest(&moment)?;
        match &moment.info {
            Some(info) => tracing::info!(height = info.height.0, app_hash = %info.app_hash, "store opened"),
            None => match sync::unfinished(&moment.view)? {
                Some((height, chunks, of)) => {
                    tracing::info!(height = height.0, chunks, of, "store opened with an unfinished restore");
                }
                None => tracing::info!("store opened, empty"),
            },
        }
        let current = RwLock::new(Arc::new(moment));
        let (writer, metrics) = (Mutex::new(()), Metrics::default());
        let inner = Inner { db, values, nodes, current, writer, metrics, updater: options.updater };
        Ok(Self(Arc::new(inner)))
    }

    /// What was committed last; `None` before genesis.
    #[must_use]
    pub fn latest(&self) -> Option<CommitInfo> {
        self.moment().info.clone()
    }

    /// The newest committed state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.moment())
    }

    /// The state after an older block.
    ///
    /// # Errors
    /// When the height is above the newest, or pruned.
    pub fn state_at(&self, height: Height) -> Result<HistoricState, StoreError> {
        HistoricState::new(self.moment(), height)
    }

    /// Oldest and newest height held; `None` before genesis.
    ///
    /// # Errors
    /// When the database fails.
    pub fn heights(&self) -> Result<Option<(Height, Height)>, StoreError> {
        match self.moment().heights() {
            Err(StoreError::Empty) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Refuses a store that belongs to another chain. A store without genesis belongs to any.
    ///
    /// # Errors
    /// [`StoreError::OtherChain`].
    pub fn check_chain(&self, chain_id: &str, genesis_hash: &B256) -> Result<(), StoreError> {
        match &self.moment().info {
            Some(info) if info.chain_id != chain_id || info.genesis_hash != *genesis_hash => {
                Err(StoreError::OtherChain {
                    held_chain: info.chain_id.clone(),
                    held_genesis: info.genesis_hash,
                    chain: chain_id.to_owned(),
                    genesis: *genesis_hash,
                })
            }
            _ => Ok(()),
        }
    }

    /// Works out what a block's changes make of the state that `on` describes (`None`: of nothing, at genesis), which
    /// must be the newest. Writes nothing; many may be prepared, one is committed.
    ///
    /// # Errors
    /// When `on` is not the newest commit, a key or value is empty, or the database fails or is damaged.
    pub fn prepare(&self, delta: &StateDelta, on: Option<&CommitInfo>) -> Result<Prepared, StoreError> {
        let moment = self.moment();
        if moment.info.as_ref() != on {
            let latest = moment.info.as_ref().map(|i| i.height);
            return Err(StoreError::NotOnTop { what: "prepare", on: on.map(|i| i.height), latest });
        }
        if on.is_none()
            && let Some((height, chunks, of)) = sync::unfinished(&View::new(self.0.db.clone()))?
        {
            return Err(StoreError::Unfinished { height, chunks, of });
        }
        let started = Instant::now();
        let prepared = prepare(&moment, delta, self.0.updater);
        self.0.metrics.tree_took(started.elapsed());
        prepared
    }

    /// Makes a prepared block the newest: state, trees, records and indexes in one atomic batch, on disk when this
    /// returns.
    ///
    /// # Errors
    /// When it does not continue the newest block, or the database fails; nothing is changed then.
    pub fn commit(&self, mut prepared: Prepared, records: ChainRecords) -> Result<CommitInfo, StoreError> {
        let started = Instant::now();
        let _writer = self.0.writer.lock();
        let moment = self.moment();
        if moment.info != prepared.base || moment.epoch != prepared.epoch {
            let (on, latest) = (prepared.base.map(|i| i.height), moment.info.as_ref().map(|i| i.height));
            return Err(StoreError::NotOnTop { what: "commit", on, latest });
        }
        let height = prepared.height();
        if records.height != height {
            return Err(StoreError::WrongHeight { found: records.height, expected: height });
        }
        let db = &self.0.db;
        let batch = &mut prepared.batch;
        blocks::write(db, batch, &records)?;
        let record = HeightRecord { app_hash: prepared.app_hash, roots: prepared.roots, versions: prepared.versions };
        batch.put(db, Column::Heights, &columns::height(height), &record.to_bytes())?;
        let (chain_id, genesis_hash) = match &prepared.base {
            Some(base) => (base.chain_id.clone(), base.genesis_hash),
            None => {
                let chain = ChainRecord { genesis_hash: records.genesis_hash, chain_id: records.chain_id };
                batch.put(db, Column::Meta, CHAIN_KEY, &chain.to_bytes())?;
                (chain.chain_id, chain.genesis_hash)
            }
        };
        let info = info(height, record, chain_id, genesis_hash);
        db.write(prepared.batch)?;
        let generation = moment.generation.saturating_add(1);
        self.0.values.advance(generation, prepared.values);
        for (substore, key, node) in prepared.nodes {
            self.0.nodes.put(moment.epoch, substore, key, node);
        }
        for (substore, key) in prepared.stale {
            self.0.nodes.remove(substore, &key);
        }
        self.publish(Some(info.clone()), generation, moment.epoch);
        self.0.metrics.commit_took(started.elapsed());
        Ok(info)
    }

    /// A proof that `key` has its value, or none, in the state after a block.
    ///
    /// # Errors
    /// When the height is not held, the key is empty, or the tree is damaged.
    pub fn prove(&self, height: Height, substore: Substore, key: &[u8]) -> Result<StateProof, StoreError> {
        if key.is_empty() {
            return Err(StoreError::EmptyEntry { substore, key: String::new() });
        }
        let moment = self.moment();
        let record = moment.record(height)?;
        let tree = tree_at(&record.roots, &record.versions, substore);
        let outer = prove_root(&record.roots, substore);
        let (value, inner) = if tree.is_empty() {
            (None, None)
        } else {
            let source = TreeNodes { moment: &moment, substore };
            let value_at = |key: &[u8]| moment.read_history(substore, key, tree.version);
            let reader = JmtReader::new(&source, tree, &value_at);
            // jmt unwraps where a sibling cannot be read: damage there must not take the thread along.
            let made = catch_unwind(AssertUnwindSafe(|| {
                Sha256Jmt::new(&reader).get_with_ics23_proof(key.to_vec(), tree.version)
            }));
            let what = || format!("tree {substore} of height {height}");
            let made =
                made.map_err(|_| StoreError::corrupt(what(), "a node on the way to the key is missing or damaged"))?;
            let (value, proof) = made.map_err(from_anyhow)?;
            (value, Some(proof))
        };
        let proof = StateProof { inner, outer };
        proof
            .verify(&record.app_hash, substore, key, value.as_deref())
            .map_err(|e| StoreError::corrupt(format!("tree {substore} of height {height}"), e))?;
        Ok(proof)
    }

    /// What each column family takes.
    ///
    /// # Errors
    /// When the database fails.
    pub fn disk_usage(&self) -> Result<Vec<ColumnUsage>, StoreError> {
        let db = &self.0.db;
        Column::ALL
            .into_iter()
            .map(|column| {
                Ok(ColumnUsage {
                    name: column.name(),
                    file_bytes: db.property(column, "rocksdb.total-sst-files-size")?,
                    memory_bytes: db.property(column, "rocksdb.cur-size-all-mem-tables")?,
                    records: db.property(column, "rocksdb.estimate-num-keys")?,
                })
            })
            .collect()
    }

    /// Moves what the log holds into files, so that [`Self::disk_usage`] counts it. Nothing depends on it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.0.db.flush()
    }

    pub(crate) fn moment(&self) -> Arc<Moment> {
        self.0.current.read().clone()
    }

    /// Shows readers the database as it is now.
    pub(crate) fn publish(&self, info: Option<CommitInfo>, generation: u64, epoch: u64) {
        let moment = Moment {
            view: View::new(self.0.db.clone()),
            info,
            generation,
            epoch,
            values: self.0.values.clone(),
            nodes: self.0.nodes.clone(),
        };
        let before = core::mem::replace(&mut *self.0.current.write(), Arc::new(moment));
        // Releasing a snapshot takes RocksDB's lock: not under ours.
        drop(before);
    }
}

pub(crate) fn info(height: Height, record: HeightRecord, chain_id: String, genesis_hash: B256) -> CommitInfo {
    let HeightRecord { app_hash, roots, versions } = record;
    CommitInfo { height, app_hash, roots, versions, chain_id, genesis_hash }
}

/// The newest commit, checked: its app hash follows from its roots, its trees have these roots, its block is there.
fn newest(moment: &Moment) -> Result<Option<CommitInfo>, StoreError> {
    let chain = moment.view.get(Column::Meta, CHAIN_KEY)?;
    let Some((_, last)) = moment.view.ends(Column::Heights)? else {
        return match chain {
            None => Ok(None),
            Some(_) => Err(StoreError::corrupt("height records", "the chain has a genesis, but no height is recorded")),
        };
    };
    let chain = chain.ok_or_else(|| StoreError::corrupt("chain record", "it is missing"))?;
    let chain: ChainRecord = read_exact_value(&chain).map_err(|e| StoreError::record("chain record", &e))?;
    let height = columns::parse_height(&last).map_err(|e| StoreError::record("height record", &e))?;
    let record = moment
        .view
        .get(Column::Heights, &last)?
        .ok_or_else(|| StoreError::corrupt(format!("record of height {height}"), "it is missing"))?;
    let record: HeightRecord = read_exact_value(&record).map_err(|e| StoreError::record("height record", &e))?;
    let recomputed = app_hash(&record.roots);
    if recomputed != record.app_hash {
        let why = format!("app hash {} is recorded, its roots make {recomputed}", record.app_hash);
        return Err(StoreError::corrupt(format!("record of height {height}"), why));
    }
    for substore in Substore::ALL {
        let tree = tree_at(&record.roots, &record.versions, substore);
        if tree.is_empty() {
            continue;
        }
        let root = NodeKey { version: tree.version, path: NibblePath::ROOT };
        let found = TreeNodes { moment, substore }.node(&root)?.hash();
        if found != tree.root {
            let why = format!("its root node hashes to {}, {} is recorded", B256::from(found), B256::from(tree.root));
            return Err(StoreError::corrupt(format!("tree {substore} of height {height}"), why));
        }
    }
    if moment.view.get(Column::Blocks, &columns::block(BlockPart::Header, height))?.is_none() {
        return Err(StoreError::corrupt(format!("header of height {height}"), "it is missing"));
    }
    Ok(Some(info(height, record, chain.chain_id, chain.genesis_hash)))
}
