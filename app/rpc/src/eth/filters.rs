//! Filters that are polled: `eth_newFilter` and its like.
//!
//! A filter is a cursor, nothing is collected for it: a poll reads what came since the last one. A filter that nobody
//! polls is forgotten after a while.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use defchain_base::Height;
use defchain_chain::Block;
use parking_lot::Mutex;

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::logs,
    id::random_id,
    methods::Method,
    params::Params,
    types::{LogView, Place, TxView},
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_newFilter", Cost::Read, new_filter),
    Method::new("eth_newBlockFilter", Cost::Quick, new_block_filter),
    Method::new("eth_newPendingTransactionFilter", Cost::Quick, new_pending_filter),
    Method::new("eth_getFilterChanges", Cost::Heavy, changes),
    Method::new("eth_getFilterLogs", Cost::Heavy, filter_logs),
    Method::new("eth_uninstallFilter", Cost::Quick, uninstall),
];

/// Hashes that one poll of a block filter returns; the next poll goes on.
const MAX_BLOCK_HASHES: u64 = 10_000;

/// What a filter follows, and from where it goes on.
enum Follows {
    Blocks {
        next: Height,
    },
    /// `removed`: logs that were told and are gone since (development chains).
    Logs {
        filter: Box<Filter>,
        next: Height,
        removed: Vec<LogView>,
    },
    Pending {
        next: u64,
        full: bool,
    },
}

struct Entry {
    follows: Follows,
    polled: Instant,
}

/// The filters of all callers.
pub(crate) struct Filters {
    limit: usize,
    lifetime: Duration,
    // Each has a lock of its own: two polls of one filter never return the same event, and none waits for another's.
    entries: Mutex<BTreeMap<String, Arc<Mutex<Entry>>>>,
}

impl Filters {
    pub fn new(limit: usize, lifetime: Duration) -> Self {
        Self { limit, lifetime, entries: Mutex::default() }
    }

    fn install(&self, follows: Follows) -> Result<String, RpcError> {
        self.expire();
        let mut entries = self.entries.lock();
        if entries.len() >= self.limit {
            return Err(RpcError::Limit(format!(
                "too many filters: {} are installed, limit {} (rpc.max_filters); uninstall some, \
                 or wait: unused ones are forgotten after {} s",
                entries.len(),
                self.limit,
                self.lifetime.as_secs()
            )));
        }
        let id = random_id()?;
        entries.insert(id.clone(), Arc::new(Mutex::new(Entry { follows, polled: Instant::now() })));
        Ok(id)
    }

    fn get(&self, id: &str) -> Result<Arc<Mutex<Entry>>, RpcError> {
        let missing = || {
            RpcError::Refused(format!(
                "filter not found: {id} was never installed, was uninstalled, or was not polled for {} s",
                self.lifetime.as_secs()
            ))
        };
        self.entries.lock().get(id).cloned().ok_or_else(missing)
    }

    fn remove(&self, id: &str) -> bool {
        self.entries.lock().remove(id).is_some()
    }

    /// Blocks were taken back, and `newest` is what is left: filters go on after it, and those that told logs of a
    /// block in `removed` will say that they are gone, as many as one answer holds.
    pub fn taken_back(&self, removed: &[Arc<Block>], newest: Height, most: usize) {
        let entries: Vec<_> = self.entries.lock().values().cloned().collect();
        for entry in entries {
            match &mut entry.lock().follows {
                Follows::Blocks { next } => *next = (*next).min(newest.next()),
                Follows::Logs { filter, next, removed: gone } => {
                    let (from, to) = (filter.get_from_block().unwrap_or(0), filter.get_to_block().unwrap_or(u64::MAX));
                    let told = removed.iter().filter(|block| block.header.height < *next);
                    for block in told.filter(|block| (from..=to).contains(&block.header.height.0)) {
                        gone.extend(logs::logs_of_block(block, filter));
                    }
                    gone.truncate(most);
                    *next = (*next).min(newest.next());
                }
                Follows::Pending { .. } => {}
            }
        }
    }

    /// Forgets what nobody polls. A filter in use is locked and stays.
    pub fn expire(&self) {
        let lifetime = self.lifetime;
        self.entries.lock().retain(|_, entry| entry.try_lock().is_none_or(|entry| entry.polled.elapsed() < lifetime));
    }
}

fn new_filter(api: &Api, mut params: Params<'_>) -> RpcResult {
    let filter: Filter = params.required("filter")?;
    params.end()?;
    logs::check(&filter)?;
    if let FilterBlockOption::AtBlockHash(_) = filter.block_option {
        return Err(RpcError::argument(0, "filter", "a filter follows new blocks; blockHash is for eth_getLogs"));
    }
    let next = api.ctx.reader.latest()?.height.next();
    json(&api.filters.install(Follows::Logs { filter: Box::new(filter), next, removed: Vec::new() })?)
}

fn new_block_filter(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let next = api.ctx.reader.latest()?.height.next();
    json(&api.filters.install(Follows::Blocks { next })?)
}

fn new_pending_filter(api: &Api, mut params: Params<'_>) -> RpcResult {
    let full: Option<bool> = params.optional("full transactions")?;
    params.end()?;
    json(&api.filters.install(Follows::Pending { next: api.hub.pending_end(), full: full.unwrap_or(false) })?)
}

fn uninstall(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: String = params.required("filter id")?;
    params.end()?;
    json(&api.filters.remove(&id))
}

fn filter_logs(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: String = params.required("filter id")?;
    params.end()?;
    let entry = api.filters.get(&id)?;
    let mut entry = entry.lock();
    entry.polled = Instant::now();
    match &entry.follows {
        Follows::Logs { filter, .. } => json(&logs::query(api, filter)?),
        _ => Err(RpcError::InvalidParams(format!("filter {id} does not follow logs"))),
    }
}

fn changes(api: &Api, mut params: Params<'_>) -> RpcResult {
    let id: String = params.required("filter id")?;
    params.end()?;
    let entry = api.filters.get(&id)?;
    let mut entry = entry.lock();
    entry.polled = Instant::now();
    match &mut entry.follows {
        Follows::Blocks { next } => block_changes(api, next),
        Follows::Logs { filter, next, removed } => log_changes(api, filter, next, removed),
        Follows::Pending { next, full } => pending_changes(api, next, *full),
    }
}

/// The span from `next` to the newest block, at most `most` long; `None` when nothing is new.
fn news(api: &Api, next: &mut Height, most: u64) -> Result<Option<Height>, RpcError> {
    let latest = api.ctx.reader.latest()?.height;
    // A dev node may have gone back: go on from where it is now.
    *next = (*next).min(latest.next());
    if *next > latest {
        return Ok(None);
    }
    Ok(Some(latest.min(Height(next.0.saturating_add(most.saturating_sub(1))))))
}

fn block_changes(api: &Api, next: &mut Height) -> RpcResult {
    let mut hashes: Vec<B256> = Vec::new();
    if let Some(last) = news(api, next, MAX_BLOCK_HASHES)? {
        for height in next.0..=last.0 {
            hashes.extend(api.ctx.reader.header(Height(height))?.map(|header| header.hash));
        }
        *next = last.next();
    }
    json(&hashes)
}

fn log_changes(api: &Api, filter: &Filter, next: &mut Height, removed: &mut Vec<LogView>) -> RpcResult {
    if !removed.is_empty() {
        // What came in their place is told by the next poll.
        return json(&std::mem::take(removed));
    }
    let Some(last) = news(api, next, api.config.max_log_range)? else { return json(&[(); 0]) };
    // New blocks, but within the filter's own bounds.
    let from = Height(filter.get_from_block().unwrap_or(0)).max(*next);
    let to = Height(filter.get_to_block().unwrap_or(u64::MAX)).min(last);
    if from > to {
        *next = last.next();
        return json(&[(); 0]);
    }
    let scan = logs::scan(api, filter, from, to)?;
    // What one answer does not hold comes with the next poll.
    *next = scan.more_from.unwrap_or_else(|| last.next());
    json(&scan.logs)
}

fn pending_changes(api: &Api, next: &mut u64, full: bool) -> RpcResult {
    let (hashes, end, lost) = api.hub.pending_since(*next);
    *next = end;
    if lost > 0 {
        *next = end.saturating_sub(u64::try_from(hashes.len()).unwrap_or(u64::MAX));
        return Err(RpcError::Limit(format!(
            "{lost} pending transactions were missed: {} are held; poll more often, or subscribe",
            hashes.len()
        )));
    }
    if !full {
        return json(&hashes);
    }
    let held = hashes.iter().filter_map(|hash| api.ctx.pool.get(hash));
    json(&held.map(|held| TxView::new(&held.tx, Place::Pending)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn blocks() -> Follows {
        Follows::Blocks { next: Height(1) }
    }

    #[test]
    fn there_is_a_limit_with_figures_and_uninstalling_makes_room() {
        let filters = Filters::new(2, Duration::from_secs(300));
        let first = filters.install(blocks()).unwrap();
        filters.install(blocks()).unwrap();
        let error = filters.install(blocks()).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("2 are installed, limit 2"), "{error}");
        assert!(filters.remove(&first) && !filters.remove(&first));
        filters.install(blocks()).unwrap();
    }

    #[test]
    fn a_filter_that_nobody_polls_is_forgotten_but_not_one_in_use() {
        let filters = Filters::new(9, Duration::ZERO);
        let id = filters.install(blocks()).unwrap();
        let entry = filters.get(&id).unwrap();
        let held = entry.lock();
        filters.expire();
        assert!(filters.get(&id).is_ok());
        drop(held);
        filters.expire();
        let error = filters.get(&id).err().unwrap().to_string();
        assert!(error.starts_with("filter not found"), "{error}");
    }
}
