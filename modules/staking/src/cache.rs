//! Records that one operation reads and changes, written once at its end.

use std::collections::BTreeMap;

use defchain_base::{StateError, StateKey, StateRead, StateReadExt, StateWrite, StateWriteExt};

/// A record as it is stored and as it is to be.
#[derive(Debug, Clone)]
struct Entry<V> {
    before: Option<V>,
    now: Option<V>,
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) struct Cache<K: StateKey> {
    entries: BTreeMap<K, Entry<K::Value>>,
}

impl<K: StateKey> Default for Cache<K> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<K: StateKey + Ord + Copy> Cache<K>
where
    K::Value: Clone + PartialEq,
{
    /// The record as it is to be, read on first use.
    pub(crate) fn get<S: StateRead + ?Sized>(
        &mut self,
        state: &S,
        key: K,
    ) -> Result<&mut Option<K::Value>, StateError> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        Ok(match self.entries.entry(key) {
            Occupied(entry) => &mut entry.into_mut().now,
            Vacant(entry) => {
                let before = state.read(&key)?;
                &mut entry.insert(Entry { now: before.clone(), before }).now
            }
        })
    }

    /// The record, made when there is none.
    pub(crate) fn or_default<S: StateRead + ?Sized>(&mut self, state: &S, key: K) -> Result<&mut K::Value, StateError>
    where
        K::Value: Default,
    {
        Ok(self.get(state, key)?.get_or_insert_default())
    }

    /// Sets a record that is known to be absent, or removes one that is known to be there, without reading it.
    pub(crate) fn replace(&mut self, key: K, before: Option<K::Value>, now: Option<K::Value>) {
        self.entries.entry(key).or_insert(Entry { before, now: None }).now = now;
    }

    /// Records with what they were.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &Option<K::Value>, &mut Option<K::Value>)> {
        self.entries.iter_mut().map(|(key, entry)| (key, &entry.before, &mut entry.now))
    }

    /// Writes what changed and forgets all. `gone` says which records need not be kept.
    pub(crate) fn flush<S: StateWrite + ?Sized>(
        &mut self,
        state: &mut S,
        gone: impl Fn(&K::Value) -> bool,
    ) -> Result<(), StateError> {
        for (key, Entry { before, now }) in core::mem::take(&mut self.entries) {
            match now.filter(|v| !gone(v)) {
                Some(value) if before.as_ref() != Some(&value) => state.write(&key, &value)?,
                None if before.is_some() => state.remove(&key)?,
                _ => {}
            }
        }
        Ok(())
    }
}
