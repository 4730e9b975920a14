//! A disk in memory that loses what was not synced, for the simulator and tests.
//!
//! Each record keeps its versions, numbered by the batch that wrote them; a view is a number. A crash takes back whole
//! batches from the newest down to at most the last synced one, which is what RocksDB's log leaves behind: a batch is
//! written whole or not at all, and a torn end of the log loses the last ones. What is synced stays.
//!
//! ```text
//!   batch   1   2   3   4   5   6        crash: any of 3..=6 may be where the disk stands afterwards;
//!           ────synced──┘   not synced          a handle from before the crash gets errors only
//! ```
//!
//! Writes fail by plan ([`WriteFault`]): refused, or with the power going out before, within or after them. A handle
//! whose power is out answers every call with an error, as a killed process answers none.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use bytes::Bytes;
use parking_lot::RwLock;

use super::Ends;
use crate::{columns::Column, error::StoreError};

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// It fails and changes nothing, as on a full disk.
    Refused,
    /// The power goes out before it.
    PowerBefore,
    /// The power goes out when it is written and not synced: a crash may keep or lose it.
    PowerBeforeSync,
    /// The power goes out when it is durable, before the caller hears of it.
    PowerAfterSync,
}

/// A write that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRecord {
    /// Records put and deleted.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Whether it waited for the disk.
    pub synced: bool,
    /// A hash over columns, keys and values, in the order of the batch. For comparison, not for security.
    pub digest: u64,
}

/// Looks at each record of a batch before it is written, and may change (`Some`) or drop it (`None`): a planted fault.
type Tamper = Box<dyn FnMut(&'static str, &[u8], Bytes) -> Option<Bytes> + Send + Sync>;

/// A disk in memory. Clones are the same disk; [`crate::Store::open_on_model`] opens a store on it.
#[derive(Clone, Default)]
pub struct ModelDisk(Arc<RwLock<Disk>>);

#[derive(Default)]
struct Disk {
    columns: [BTreeMap<Vec<u8>, Vec<Version>>; Column::ALL.len()],
    /// Number of the newest batch.
    newest: u64,
    /// Up to which batch a crash loses nothing.
    synced: u64,
    /// Counts crashes: a handle of an earlier run is dead.
    run: u64,
    power_is_out: bool,
    reads_fail: bool,
    /// Syncs are acknowledged and not done: a planted fault.
    lies: bool,
    /// The fault of the write after so many more.
    plan: Option<(u64, WriteFault)>,
    tamper: Option<Tamper>,
    /// Which batches views stand on, and how many views each.
    views: BTreeMap<u64, usize>,
    log: Vec<WriteRecord>,
}

/// A record as one batch left it; `None` when it was deleted.
struct Version {
    batch: u64,
    value: Option<Bytes>,
}

impl core::fmt::Debug for ModelDisk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let disk = self.0.read();
        f.debug_struct("ModelDisk").field("newest", &disk.newest).field("synced", &disk.synced).finish_non_exhaustive()
    }
}

impl ModelDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has a write fail: the next one for `after` = 0. Replaces an earlier plan.
    pub fn plan(&self, after: u64, fault: WriteFault) {
        self.0.write().plan = Some((after, fault));
    }

    /// Takes a plan back, and says whether there was one that had not come true.
    pub fn unplan(&self) -> bool {
        self.0.write().plan.take().is_some()
    }

    /// From now on, or no longer, every read fails.
    pub fn fail_reads(&self, fail: bool) {
        self.0.write().reads_fail = fail;
    }

    /// From now on syncs are acknowledged without being done.
    pub fn lie(&self) {
        self.0.write().lies = true;
    }

    /// Has every record of later batches pass through `change`, which gets the column's name, key and value.
    pub fn tamper(&self, change: impl FnMut(&'static str, &[u8], Bytes) -> Option<Bytes> + Send + Sync + 'static) {
        self.0.write().tamper = Some(Box::new(change));
    }

    /// How many batches a crash may lose.
    #[must_use]
    pub fn unsynced(&self) -> u64 {
        let disk = self.0.read();
        disk.newest.saturating_sub(disk.synced)
    }

    /// Cuts the power and switches it on again: the last `lose` batches are gone, never one that was synced. Handles
    /// from before are dead; a store opened afterwards sees what is left. Returns how many batches went.
    pub fn crash(&self, lose: u64) -> u64 {
        let mut disk = self.0.write();
        let lost = lose.min(disk.newest.saturating_sub(disk.synced));
        let keep = disk.newest.saturating_sub(lost);
        if lost > 0 {
            for column in &mut disk.columns {
                column.retain(|_, versions| {
                    versions.retain(|version| version.batch <= keep);
                    !versions.is_empty()
                });
            }
        }
        disk.newest = keep;
        disk.synced = keep;
        disk.run = disk.run.saturating_add(1);
        disk.power_is_out = false;
        disk.reads_fail = false;
        disk.plan = None;
        disk.views.clear();
        lost
    }

    /// The writes since the last call.
    #[must_use]
    pub fn take_log(&self) -> Vec<WriteRecord> {
        core::mem::take(&mut self.0.write().log)
    }
}

/// One write of a batch.
pub(crate) enum Op {
    Set { column: Column, key: Vec<u8>, value: Option<Bytes> },
    DeleteRange { column: Column, from: Vec<u8>, to: Vec<u8> },
}

impl Op {
    pub(super) fn set(column: Column, key: &[u8], value: Option<&[u8]>) -> Self {
        Self::Set { column, key: key.to_vec(), value: value.map(Bytes::copy_from_slice) }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Set { key, value, .. } => key.len().saturating_add(value.as_ref().map_or(0, Bytes::len)),
            Self::DeleteRange { from, to, .. } => from.len().saturating_add(to.len()),
        }
    }

    fn digest(&self, digest: u64) -> u64 {
        match self {
            Self::Set { column, key, value: Some(value) } => mix(mix(mix(digest, &[0, *column as u8]), key), value),
            Self::Set { column, key, value: None } => mix(mix(digest, &[1, *column as u8]), key),
            Self::DeleteRange { column, from, to } => mix(mix(mix(digest, &[2, *column as u8]), from), to),
        }
    }
}

/// Takes bytes into a digest, with their length.
fn mix(digest: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |digest: u64, word: u64| {
        let product = u128::from(digest ^ word ^ ODD).wrapping_mul(u128::from(ODD | 1 << 63));
        (product as u64) ^ ((product >> 64) as u64).rotate_left(29)
    };
    let mut words = bytes.chunks_exact(8);
    let mut digest = step(digest, bytes.len() as u64);
    for word in &mut words {
        digest = step(digest, word.try_into().map_or(0, u64::from_le_bytes));
    }
    words.remainder().iter().fold(digest, |digest, byte| step(digest, u64::from(*byte)))
}

fn dark(what: &'static str) -> StoreError {
    StoreError::Database { what, why: "the power is out".to_owned() }
}

impl Disk {
    fn check(&self, run: u64, what: &'static str) -> Result<(), StoreError> {
        if self.power_is_out || self.run != run { Err(dark(what)) } else { Ok(()) }
    }

    fn fault(&mut self) -> Option<WriteFault> {
        let (after, fault) = self.plan?;
        self.plan = after.checked_sub(1).map(|after| (after, fault));
        if after == 0 { Some(fault) } else { None }
    }

    fn write(&mut self, ops: Vec<Op>, sync: bool) -> Result<(), StoreError> {
        const WHAT: &str = "writing a batch";
        let fault = self.fault();
        match fault {
            Some(WriteFault::Refused) => {
                return Err(StoreError::Database { what: WHAT, why: "no space left on device".to_owned() });
            }
            Some(WriteFault::PowerBefore) => {
                self.power_is_out = true;
                return Err(dark(WHAT));
            }
            _ => {}
        }
        self.log.push(WriteRecord {
            records: ops.len(),
            bytes: ops.iter().map(Op::bytes).fold(0, usize::saturating_add),
            synced: sync,
            digest: ops.iter().fold(0, |digest, op| op.digest(digest)),
        });
        self.newest = self.newest.saturating_add(1);
        for op in ops {
            self.apply(op);
        }
        if fault == Some(WriteFault::PowerBeforeSync) {
            self.power_is_out = true;
            return Err(dark(WHAT));
        }
        if sync && !self.lies {
            self.synced = self.newest;
        }
        if fault == Some(WriteFault::PowerAfterSync) {
            self.power_is_out = true;
            return Err(dark(WHAT));
        }
        Ok(())
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Set { column, key, value } => {
                let value = match (&mut self.tamper, value) {
                    (Some(tamper), Some(value)) => match tamper(column.name(), &key, value) {
                        Some(value) => Some(value),
                        None => return,
                    },
                    (_, value) => value,
                };
                self.set(column, key, value);
            }
            Op::DeleteRange { column, from, to } => {
                let Some(records) = self.columns.get(column as usize) else { return };
                let keys: Vec<_> = records.range(from..to).map(|(key, _)| key.clone()).collect();
                for key in keys {
                    self.set(column, key, None);
                }
            }
        }
    }

    fn set(&mut self, column: Column, key: Vec<u8>, value: Option<Bytes>) {
        // What neither a view nor a crash can bring back is forgotten: all before the newest version that is as old.
        let needed = self.views.keys().next().map_or(self.synced, |oldest| self.synced.min(*oldest));
        let batch = self.newest;
        let Some(records) = self.columns.get_mut(column as usize) else { return };
        if value.is_none() && !records.contains_key(&key) {
            return;
        }
        let versions = records.entry(key).or_default();
        if versions.last().is_some_and(|last| last.batch == batch) {
            versions.pop();
        }
        if let Some(floor) = versions.iter().rposition(|version| version.batch <= needed) {
            versions.drain(..floor);
        }
        versions.push(Version { batch, value });
    }
}

fn at(versions: &[Version], batch: u64) -> Option<&Bytes> {
    versions.iter().rev().find(|version| version.batch <= batch)?.value.as_ref()
}

/// A process's handle of the disk.
pub(crate) struct ModelDb {
    disk: ModelDisk,
    run: u64,
    sync: bool,
}

impl ModelDb {
    pub(super) fn open(disk: &ModelDisk, sync: bool) -> Self {
        let run = disk.0.read().run;
        Self { disk: disk.clone(), run, sync }
    }

    pub(super) const fn syncs(&self) -> bool {
        self.sync
    }

    pub(super) fn write(&self, ops: Vec<Op>, sync: bool) -> Result<(), StoreError> {
        let mut disk = self.disk.0.write();
        disk.check(self.run, "writing a batch")?;
        disk.write(ops, sync)
    }

    pub(super) fn view(&self) -> ModelView {
        let mut disk = self.disk.0.write();
        let batch = disk.newest;
        if disk.run == self.run {
            let count = disk.views.entry(batch).or_default();
            *count = count.saturating_add(1);
        }
        ModelView { disk: self.disk.clone(), run: self.run, batch }
    }
}

/// The disk as a batch left it.
pub(crate) struct ModelView {
    disk: ModelDisk,
    run: u64,
    batch: u64,
}

impl Drop for ModelView {
    fn drop(&mut self) {
        let mut disk = self.disk.0.write();
        if disk.run != self.run {
            return;
        }
        if let Some(count) = disk.views.get_mut(&self.batch) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                disk.views.remove(&self.batch);
            }
        }
    }
}

impl ModelView {
    fn read<R>(
        &self,
        column: Column,
        read: impl FnOnce(&BTreeMap<Vec<u8>, Vec<Version>>) -> Option<R>,
    ) -> Result<Option<R>, StoreError> {
        let disk = self.disk.0.read();
        disk.check(self.run, column.name())?;
        if disk.reads_fail {
            return Err(StoreError::Database { what: column.name(), why: "input/output error".to_owned() });
        }
        Ok(disk.columns.get(column as usize).and_then(read))
    }

    pub(super) fn get(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(column, |records| records.get(key).and_then(|versions| at(versions, self.batch)).cloned())
    }

    pub(super) fn ends(&self, column: Column) -> Result<Option<Ends>, StoreError> {
        let held = |(key, versions): (&Vec<u8>, &Vec<Version>)| at(versions, self.batch).map(|_| key.clone());
        self.read(column, |records| records.iter().find_map(held).zip(records.iter().rev().find_map(held)))
    }

    pub(super) fn cursor(&self, column: Column, to: &[u8]) -> ModelCursor<'_> {
        ModelCursor { view: self, column, to: to.to_vec(), item: None }
    }
}

/// Walks a column of a view.
pub(crate) struct ModelCursor<'a> {
    view: &'a ModelView,
    column: Column,
    to: Vec<u8>,
    item: Option<(Vec<u8>, Bytes)>,
}

impl ModelCursor<'_> {
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.find(Bound::Included(key))
    }

    pub(super) fn next(&mut self) -> Result<(), StoreError> {
        match self.item.take() {
            Some((key, _)) => self.find(Bound::Excluded(&key)),
            None => Ok(()),
        }
    }

    pub(super) fn item(&self) -> Option<(&[u8], &[u8])> {
        self.item.as_ref().map(|(key, value)| (key.as_slice(), value.as_ref()))
    }

    fn find(&mut self, from: Bound<&[u8]>) -> Result<(), StoreError> {
        let (Bound::Included(start) | Bound::Excluded(start)) = from else { return Ok(()) };
        // An empty range, which BTreeMap would not take.
        if start >= self.to.as_slice() {
            self.item = None;
            return Ok(());
        }
        let (view, to) = (self.view, Bound::Excluded(self.to.as_slice()));
        self.item = view.read(self.column, |records| {
            records
                .range::<[u8], _>((from, to))
                .find_map(|(key, versions)| at(versions, view.batch).map(|value| (key.clone(), value.clone())))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
