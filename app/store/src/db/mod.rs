//! The seam between the store and what keeps its bytes: RocksDB, or a model of a disk in memory.
//!
//! ```text
//!   store · prepare · rollback ──▶ Db ─┬─▶ rocks: files, a write-ahead log, checksums
//!                View · Cursor · Batch └─▶ model: versions in memory, durable when synced, fails by plan
//! ```
//!
//! Both promise the same: a batch is written whole or not at all, a synced write takes every earlier one along, and a
//! view shows the database as it was. Which one it is, is one predictable branch per call, beside microseconds of work.

mod model;
mod rocks;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use rocksdb::{DBPinnableSlice, DBRawIteratorWithThreadMode, SnapshotWithThreadMode, WriteBatch};

use self::{
    model::{ModelCursor, ModelDb, ModelView, Op},
    rocks::{Rocks, RocksDb, from_rocks},
};
use crate::{columns::Column, error::StoreError, options::StoreOptions};

pub use model::{ModelDisk, WriteFault, WriteRecord};

/// The open database.
pub(crate) enum Db {
    Rocks(RocksDb),
    Model(ModelDb),
}

impl Db {
    pub(crate) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        RocksDb::open(path, options).map(Self::Rocks)
    }

    pub(crate) fn on_model(disk: &ModelDisk, options: &StoreOptions) -> Self {
        Self::Model(ModelDb::open(disk, options.sync))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Rocks(rocks) => rocks.path(),
            Self::Model(_) => Path::new("(in memory)"),
        }
    }

    /// Starts a batch that will hold about so many bytes.
    pub(crate) fn batch(&self, bytes: usize) -> Batch {
        match self {
            Self::Rocks(_) => Batch::Rocks(WriteBatch::with_capacity_bytes(bytes)),
            Self::Model(_) => Batch::Model(Vec::new()),
        }
    }

    /// Writes a batch whole or not at all, and durably when the store was opened so.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), StoreError> {
        match (self, batch) {
            (Self::Rocks(rocks), Batch::Rocks(batch)) => rocks.write(batch, rocks.syncs()),
            (Self::Model(model), Batch::Model(ops)) => model.write(ops, model.syncs()),
            _ => Err(foreign_batch()),
        }
    }

    /// As [`Self::write`] without waiting for the disk: for work that may be done again after a crash.
    pub(crate) fn write_lazily(&self, batch: Batch) -> Result<(), StoreError> {
        match (self, batch) {
            (Self::Rocks(rocks), Batch::Rocks(batch)) => rocks.write(batch, false),
            (Self::Model(model), Batch::Model(ops)) => model.write(ops, false),
            _ => Err(foreign_batch()),
        }
    }

    /// Moves what is in memory into files.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        match self {
            Self::Rocks(rocks) => rocks.flush(),
            Self::Model(_) => Ok(()),
        }
    }

    pub(crate) fn property(&self, column: Column, name: &str) -> Result<u64, StoreError> {
        match self {
            Self::Rocks(rocks) => rocks.property(column, name),
            Self::Model(_) => Ok(0),
        }
    }
}

fn foreign_batch() -> StoreError {
    StoreError::Database { what: "writing a batch", why: "it was made for another database".to_owned() }
}

/// Writes that happen together.
pub(crate) enum Batch {
    Rocks(WriteBatch),
    Model(Vec<Op>),
}

impl Batch {
    pub(crate) fn put(&mut self, db: &Db, column: Column, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.put_all(db, column, core::iter::once((key, Some(value))))
    }

    /// Many records of one column; `None` deletes. In the order of keys RocksDB takes them fastest.
    pub(crate) fn put_all<'a>(
        &mut self,
        db: &Db,
        column: Column,
        records: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), StoreError> {
        match (self, db) {
            (Self::Rocks(batch), Db::Rocks(rocks)) => {
                let family = rocks.family(column)?;
                for (key, record) in records {
                    match record {
                        Some(record) => batch.put_cf(family, key, record),
                        None => batch.delete_cf(family, key),
                    }
                }
            }
            (Self::Model(ops), Db::Model(_)) => {
                ops.extend(records.map(|(key, record)| Op::set(column, key, record)));
            }
            _ => return Err(foreign_batch()),
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, db: &Db, column: Column, key: &[u8]) -> Result<(), StoreError> {
        self.put_all(db, column, core::iter::once((key, None)))
    }

    pub(crate) fn delete_range(&mut self, db: &Db, column: Column, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        match (self, db) {
            (Self::Rocks(batch), Db::Rocks(rocks)) => batch.delete_range_cf(rocks.family(column)?, from, to),
            (Self::Model(ops), Db::Model(_)) => {
                ops.push(Op::DeleteRange { column, from: from.to_vec(), to: to.to_vec() });
            }
            _ => return Err(foreign_batch()),
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Rocks(batch) => batch.len(),
            Self::Model(ops) => ops.len(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Rocks(batch) => batch.size_in_bytes(),
            Self::Model(ops) => ops.iter().map(Op::bytes).fold(0, usize::saturating_add),
        }
    }
}

/// The database at a moment: what is written later does not show.
pub(crate) struct View {
    // Dropped before `db`, on which it stands: fields drop in the order of their declaration.
    at: ViewAt,
    db: Arc<Db>,
}

enum ViewAt {
    Rocks(SnapshotWithThreadMode<'static, Rocks>),
    Model(ModelView),
}

impl View {
    #[allow(unsafe_code, reason = "a RocksDB snapshot borrows its database; here it travels with it")]
    pub(crate) fn new(db: Arc<Db>) -> Self {
        let at = match &*db {
            Db::Rocks(rocks) => {
                let snapshot = rocks.snapshot();
                // SAFETY: the snapshot borrows the database in `db`, which lies behind the `Arc` and so neither moves nor
                // drops while this view holds it; the field order drops the snapshot first, and nothing hands it out
                // with its lifetime.
                ViewAt::Rocks(unsafe {
                    core::mem::transmute::<SnapshotWithThreadMode<'_, Rocks>, SnapshotWithThreadMode<'static, Rocks>>(
                        snapshot,
                    )
                })
            }
            Db::Model(model) => ViewAt::Model(model.view()),
        };
        Self { at, db }
    }

    pub(crate) fn db(&self) -> &Arc<Db> {
        &self.db
    }

    /// One record. In RocksDB the block it comes from is checked against its checksum.
    pub(crate) fn get(&self, column: Column, key: &[u8]) -> Result<Option<Record<'_>>, StoreError> {
        match (&self.at, &*self.db) {
            (ViewAt::Rocks(snapshot), Db::Rocks(rocks)) => Ok(rocks.get(snapshot, column, key)?.map(Record::Rocks)),
            (ViewAt::Model(view), _) => Ok(view.get(column, key)?.map(Record::Model)),
            (ViewAt::Rocks(_), Db::Model(_)) => Err(foreign_batch()),
        }
    }

    /// A cursor over the keys below `to`.
    pub(crate) fn cursor(&self, column: Column, to: &[u8]) -> Result<Cursor<'_>, StoreError> {
        match (&self.at, &*self.db) {
            (ViewAt::Rocks(snapshot), Db::Rocks(rocks)) => {
                Ok(Cursor { column, at: CursorAt::Rocks(rocks.cursor(snapshot, column, to)?) })
            }
            (ViewAt::Model(view), _) => Ok(Cursor { column, at: CursorAt::Model(view.cursor(column, to)) }),
            (ViewAt::Rocks(_), Db::Model(_)) => Err(foreign_batch()),
        }
    }

    /// The first and the last key of a column.
    pub(crate) fn ends(&self, column: Column) -> Result<Option<Ends>, StoreError> {
        match (&self.at, &*self.db) {
            (ViewAt::Rocks(snapshot), Db::Rocks(rocks)) => rocks.ends(snapshot, column),
            (ViewAt::Model(view), _) => view.ends(column),
            (ViewAt::Rocks(_), Db::Model(_)) => Err(foreign_batch()),
        }
    }
}

/// First and last key.
pub(crate) type Ends = (Vec<u8>, Vec<u8>);

/// A record as the database holds it.
pub(crate) enum Record<'a> {
    Rocks(DBPinnableSlice<'a>),
    Model(Bytes),
}

impl core::ops::Deref for Record<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Rocks(slice) => slice,
            Self::Model(bytes) => bytes,
        }
    }
}

/// Walks a column upwards. `seek` and `next` fail when a block is damaged, instead of seeming to be at the end.
pub(crate) struct Cursor<'a> {
    column: Column,
    at: CursorAt<'a>,
}

enum CursorAt<'a> {
    Rocks(DBRawIteratorWithThreadMode<'a, Rocks>),
    Model(ModelCursor<'a>),
}

impl Cursor<'_> {
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        match &mut self.at {
            CursorAt::Rocks(raw) => {
                raw.seek(key);
                raw.status().map_err(|e| from_rocks(self.column.name(), &e))
            }
            CursorAt::Model(cursor) => cursor.seek(key),
        }
    }

    pub(crate) fn next(&mut self) -> Result<(), StoreError> {
        match &mut self.at {
            CursorAt::Rocks(raw) => {
                raw.next();
                raw.status().map_err(|e| from_rocks(self.column.name(), &e))
            }
            CursorAt::Model(cursor) => cursor.next(),
        }
    }

    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        match &self.at {
            CursorAt::Rocks(raw) => raw.item(),
            CursorAt::Model(cursor) => cursor.item(),
        }
    }
}
