//! State traits and the journaled overlay.

use std::collections::BTreeMap;

use alloy_primitives::hex;
use bytes::Bytes;

use crate::{
    codec::{Decode, Encode, read_exact_value},
    error::{CodecError, StateError},
};

/// The named parts of state, each with its own tree (D6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Substore {
    /// Confidential compute (YP aiRoot).
    Ai = 0,
    /// Stakes, dividends, pools, validators, governance (YP deflationRoot).
    Def = 1,
    /// Accounts, code hashes, contract storage.
    Evm = 2,
    /// Params, bridge, validator-set and chain records.
    Sys = 3,
    /// Trading (YP tradingRoot).
    Trade = 4,
}

impl Substore {
    /// All of them, in the order of their names: the order of leaves under the app hash.
    pub const ALL: [Self; 5] = [Self::Ai, Self::Def, Self::Evm, Self::Sys, Self::Trade];

    /// The name, as it stands in proofs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ai => "ai",
            Self::Def => "def",
            Self::Evm => "evm",
            Self::Sys => "sys",
            Self::Trade => "trade",
        }
    }

    /// The substore of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

impl core::fmt::Display for Substore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// A typed key: where a value lives and what it is. Defined only in its module's `keys.rs`.
pub trait StateKey {
    /// What the key holds.
    type Value: Encode + Decode;
    /// Where it lives.
    const SUBSTORE: Substore;

    /// Appends the key's bytes.
    fn encode_key(&self, out: &mut Vec<u8>);

    /// The key's bytes.
    fn to_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(56);
        self.encode_key(&mut out);
        out
    }
}

/// Reads state as bytes.
pub trait StateRead {
    /// The value at `key`, if there is one.
    ///
    /// # Errors
    /// When the backing store fails or finds damage.
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError>;

    /// Up to `limit` entries with `from <= key < to`, ascending.
    ///
    /// # Errors
    /// When the backing store fails or finds damage.
    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError>;
}

/// Writes state as bytes.
pub trait StateWrite: StateRead {
    /// Sets the value at `key`.
    ///
    /// # Errors
    /// Under a static call.
    fn put_raw(&mut self, substore: Substore, key: Vec<u8>, value: Bytes) -> Result<(), StateError>;

    /// Removes the value at `key`; an absent key stays absent.
    ///
    /// # Errors
    /// Under a static call.
    fn delete_raw(&mut self, substore: Substore, key: Vec<u8>) -> Result<(), StateError>;
}

/// Typed reads.
pub trait StateReadExt: StateRead {
    /// The value at a typed key.
    ///
    /// # Errors
    /// When the store fails or the bytes do not decode.
    fn read<K: StateKey>(&self, key: &K) -> Result<Option<K::Value>, StateError> {
        let raw_key = key.to_key();
        match self.get_raw(K::SUBSTORE, &raw_key)? {
            None => Ok(None),
            Some(bytes) => read_exact_value(&bytes).map(Some).map_err(|source| corrupt(K::SUBSTORE, &raw_key, source)),
        }
    }
}

impl<S: StateRead + ?Sized> StateReadExt for S {}

/// Typed writes.
pub trait StateWriteExt: StateWrite {
    /// Sets the value at a typed key.
    ///
    /// # Errors
    /// Under a static call.
    fn write<K: StateKey>(&mut self, key: &K, value: &K::Value) -> Result<(), StateError> {
        self.put_raw(K::SUBSTORE, key.to_key(), value.to_bytes().into())
    }

    /// Removes the value at a typed key.
    ///
    /// # Errors
    /// Under a static call.
    fn remove<K: StateKey>(&mut self, key: &K) -> Result<(), StateError> {
        self.delete_raw(K::SUBSTORE, key.to_key())
    }
}

impl<S: StateWrite + ?Sized> StateWriteExt for S {}

fn corrupt(substore: Substore, key: &[u8], source: CodecError) -> StateError {
    StateError::Corrupt { substore, key: hex::encode(key), source }
}

macro_rules! delegate_read {
    ($($ty:ty),*) => {$(
        impl<S: StateRead + ?Sized> StateRead for $ty {
            fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
                (**self).get_raw(substore, key)
            }

            fn range_raw(
                &self,
                substore: Substore,
                from: &[u8],
                to: &[u8],
                limit: usize,
            ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
                (**self).range_raw(substore, from, to, limit)
            }
        }
    )*};
}

delegate_read!(&S, &mut S, std::sync::Arc<S>, Box<S>);

impl<S: StateWrite + ?Sized> StateWrite for &mut S {
    fn put_raw(&mut self, substore: Substore, key: Vec<u8>, value: Bytes) -> Result<(), StateError> {
        (**self).put_raw(substore, key, value)
    }

    fn delete_raw(&mut self, substore: Substore, key: Vec<u8>) -> Result<(), StateError> {
        (**self).delete_raw(substore, key)
    }
}

/// A state with nothing in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyState;

impl StateRead for EmptyState {
    fn get_raw(&self, _: Substore, _: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }

    fn range_raw(&self, _: Substore, _: &[u8], _: &[u8], _: usize) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        Ok(Vec::new())
    }
}

/// A state held in memory: what tests and tools put under an [`Overlay`].
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    maps: [BTreeMap<Vec<u8>, Bytes>; 5],
}

impl MemoryState {
    /// Applies a delta.
    pub fn apply(&mut self, delta: &StateDelta) {
        for (substore, changes) in delta.iter() {
            let Some(map) = self.maps.get_mut(substore as usize) else { continue };
            for (key, value) in changes {
                match value {
                    Some(value) => map.insert(key.clone(), value.clone()),
                    None => map.remove(key),
                };
            }
        }
    }

    /// Every entry of a substore, ascending.
    pub fn entries(&self, substore: Substore) -> impl Iterator<Item = (&Vec<u8>, &Bytes)> {
        self.maps.get(substore as usize).into_iter().flatten()
    }
}

impl StateRead for MemoryState {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.maps.get(substore as usize).and_then(|m| m.get(key)).cloned())
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        let Some(map) = self.maps.get(substore as usize) else { return Ok(Vec::new()) };
        Ok(bounded(map, from, to).take(limit).map(|(k, v)| (Bytes::copy_from_slice(k), v.clone())).collect())
    }
}

fn bounded<'m, V>(map: &'m BTreeMap<Vec<u8>, V>, from: &[u8], to: &[u8]) -> impl Iterator<Item = (&'m Vec<u8>, &'m V)> {
    use core::ops::Bound::{Excluded, Included};
    // An empty or inverted range would panic inside BTreeMap.
    let range = (from < to).then(|| map.range::<[u8], _>((Included(from), Excluded(to))));
    range.into_iter().flatten()
}

/// The changes of one substore in key order; `None` deletes.
pub type Changes = BTreeMap<Vec<u8>, Option<Bytes>>;

/// What a block changed: sorted, each key once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDelta {
    changes: [Changes; 5],
}

impl StateDelta {
    /// Each substore with its changes, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (Substore, &Changes)> {
        Substore::ALL.into_iter().zip(self.changes.iter())
    }

    /// The changes of one substore.
    #[must_use]
    pub fn of(&self, substore: Substore) -> Option<&Changes> {
        self.changes.get(substore as usize)
    }

    /// Records a change.
    pub fn set(&mut self, substore: Substore, key: Vec<u8>, value: Option<Bytes>) {
        if let Some(map) = self.changes.get_mut(substore as usize) {
            map.insert(key, value);
        }
    }

    /// How many keys change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.iter().map(BTreeMap::len).sum()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(BTreeMap::is_empty)
    }
}

/// A point to which an [`Overlay`] can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a checkpoint is there to be reverted to, or dropped with `commit`"]
pub struct Checkpoint(usize);

struct Undo {
    substore: Substore,
    key: Vec<u8>,
    before: Option<Option<Bytes>>,
}

/// Uncommitted changes over a base state, with an undo journal.
///
/// The EVM's frames open and close these checkpoints together with its own, so that a reverted frame undoes native
/// state exactly as it undoes storage.
pub struct Overlay<S> {
    base: S,
    delta: StateDelta,
    journal: Vec<Undo>,
    read_only: bool,
}

impl<S> core::fmt::Debug for Overlay<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Overlay").field("changes", &self.delta.len()).field("journal", &self.journal.len()).finish()
    }
}

impl<S: StateRead> Overlay<S> {
    /// An overlay without changes.
    pub fn new(base: S) -> Self {
        Self::with_delta(base, StateDelta::default())
    }

    /// An overlay that begins with these changes.
    pub const fn with_delta(base: S, delta: StateDelta) -> Self {
        Self { base, delta, journal: Vec::new(), read_only: false }
    }

    /// The state below.
    pub const fn base(&self) -> &S {
        &self.base
    }

    /// Marks the present state.
    pub const fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint(self.journal.len())
    }

    /// Undoes every write since `checkpoint`.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        while self.journal.len() > checkpoint.0 {
            let Some(undo) = self.journal.pop() else { break };
            if let Some(map) = self.delta.changes.get_mut(undo.substore as usize) {
                match undo.before {
                    Some(before) => map.insert(undo.key, before),
                    None => map.remove(&undo.key),
                };
            }
        }
    }

    /// Forgets how to undo: what was written stays. Only for the outermost checkpoint, at the end of a transaction.
    pub fn commit(&mut self) {
        self.journal.clear();
    }

    /// Refuses writes while `on` (a static call); returns what was set before.
    pub const fn set_read_only(&mut self, on: bool) -> bool {
        core::mem::replace(&mut self.read_only, on)
    }

    /// What changed so far.
    #[must_use]
    pub const fn delta(&self) -> &StateDelta {
        &self.delta
    }

    /// Ends with the changes.
    #[must_use]
    pub fn into_delta(self) -> StateDelta {
        self.delta
    }

    fn set(&mut self, substore: Substore, key: Vec<u8>, value: Option<Bytes>) -> Result<(), StateError> {
        if self.read_only {
            return Err(StateError::StaticWrite);
        }
        if let Some(map) = self.delta.changes.get_mut(substore as usize) {
            let before = map.insert(key.clone(), value);
            self.journal.push(Undo { substore, key, before });
        }
        Ok(())
    }
}

impl<S: StateRead> StateRead for Overlay<S> {
    fn get_raw(&self, substore: Substore, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        match self.delta.of(substore).and_then(|m| m.get(key)) {
            Some(change) => Ok(change.clone()),
            None => self.base.get_raw(substore, key),
        }
    }

    fn range_raw(
        &self,
        substore: Substore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateError> {
        let Some(map) = self.delta.of(substore) else { return Ok(Vec::new()) };
        let deleted = bounded(map, from, to).filter(|(_, v)| v.is_none()).count();
        // Below, at most `deleted` entries are hidden by this overlay.
        let below = self.base.range_raw(substore, from, to, limit.saturating_add(deleted))?;
        let mut merged: BTreeMap<Bytes, Option<Bytes>> = below.into_iter().map(|(k, v)| (k, Some(v))).collect();
        for (key, value) in bounded(map, from, to) {
            merged.insert(Bytes::copy_from_slice(key), value.clone());
        }
        Ok(merged.into_iter().filter_map(|(k, v)| v.map(|v| (k, v))).take(limit).collect())
    }
}

impl<S: StateRead> StateWrite for Overlay<S> {
    fn put_raw(&mut self, substore: Substore, key: Vec<u8>, value: Bytes) -> Result<(), StateError> {
        self.set(substore, key, Some(value))
    }

    fn delete_raw(&mut self, substore: Substore, key: Vec<u8>) -> Result<(), StateError> {
        self.set(substore, key, None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Op {
        Put(u8, u8),
        Delete(u8),
        Open,
        Revert,
        Keep,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (0..12u8, any::<u8>()).prop_map(|(k, v)| Op::Put(k, v)),
            2 => (0..12u8).prop_map(Op::Delete),
            2 => Just(Op::Open),
            1 => Just(Op::Revert),
            1 => Just(Op::Keep),
        ]
    }

    fn base() -> MemoryState {
        let mut base = MemoryState::default();
        let mut delta = StateDelta::default();
        for k in (0..12u8).step_by(2) {
            delta.set(Substore::Def, vec![k], Some(Bytes::copy_from_slice(&[k])));
        }
        base.apply(&delta);
        base
    }

    proptest! {
        /// The model keeps whole copies of the map where the overlay keeps a journal.
        #[test]
        fn an_overlay_agrees_with_a_stack_of_whole_copies(ops in prop::collection::vec(op(), 0..80)) {
            let base = base();
            let mut model: BTreeMap<u8, u8> = (0..12u8).step_by(2).map(|k| (k, k)).collect();
            let mut stack = Vec::new();
            let mut overlay = Overlay::new(&base);
            for op in ops {
                match op {
                    Op::Put(k, v) => {
                        model.insert(k, v);
                        overlay.put_raw(Substore::Def, vec![k], Bytes::copy_from_slice(&[v])).unwrap();
                    }
                    Op::Delete(k) => {
                        model.remove(&k);
                        overlay.delete_raw(Substore::Def, vec![k]).unwrap();
                    }
                    Op::Open => stack.push((overlay.checkpoint(), model.clone())),
                    Op::Revert => if let Some((checkpoint, copy)) = stack.pop() {
                        overlay.revert(checkpoint);
                        model = copy;
                    },
                    Op::Keep => { stack.pop(); }
                }
            }
            for k in 0..12u8 {
                let found = overlay.get_raw(Substore::Def, &[k]).unwrap().map(|v| v[0]);
                prop_assert_eq!(found, model.get(&k).copied());
            }
            for limit in 0..14usize {
                let found: Vec<(u8, u8)> =
                    overlay.range_raw(Substore::Def, &[2], &[11], limit).unwrap().iter().map(|(k, v)| (k[0], v[0])).collect();
                let expected: Vec<(u8, u8)> = model.range(2..11).map(|(k, v)| (*k, *v)).take(limit).collect();
                prop_assert_eq!(found, expected);
            }
            let mut applied = base.clone();
            applied.apply(&overlay.into_delta());
            let after: Vec<(u8, u8)> = applied.entries(Substore::Def).map(|(k, v)| (k[0], v[0])).collect();
            prop_assert_eq!(after, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_written_under_a_static_call() {
        let mut overlay = Overlay::new(EmptyState);
        let before = overlay.set_read_only(true);
        assert_eq!(overlay.put_raw(Substore::Evm, vec![1], Bytes::new()), Err(StateError::StaticWrite));
        assert_eq!(overlay.delete_raw(Substore::Evm, vec![1]), Err(StateError::StaticWrite));
        overlay.set_read_only(before);
        overlay.put_raw(Substore::Evm, vec![1], Bytes::new()).unwrap();
    }

    #[test]
    fn substores_stand_in_the_order_of_their_names() {
        let names: Vec<_> = Substore::ALL.iter().map(|s| s.name()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        assert!(Substore::ALL.iter().enumerate().all(|(i, s)| *s as usize == i));
    }
}
