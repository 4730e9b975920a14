//! `eth_getLogs`: through the index where the filter names an address or topic, block by block where it does not.

use std::{collections::BTreeSet, sync::Arc};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, Log};
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use defchain_base::Height;
use defchain_chain::records::Header;

use crate::{
    api::{Api, Cost, Deadline},
    error::{RpcError, RpcResult, json},
    eth::block::receipts_of,
    methods::Method,
    params::Params,
    tags::{header_by_hash, not_before_oldest},
    types::{LogView, logs_of},
};

pub(crate) const METHODS: &[Method] = &[Method::new("eth_getLogs", Cost::Heavy, get_logs)];

/// Most alternatives of an address or topic position, as geth.
const MAX_ALTERNATIVES: usize = 1_000;
/// Up to so many terms of a position are looked up in the index; above, it is cheaper to look at the blocks.
const MAX_INDEX_TERMS: usize = 64;

fn get_logs(api: &Api, mut params: Params<'_>) -> RpcResult {
    let filter: Filter = params.required("filter")?;
    params.end()?;
    json(&query(api, &filter)?)
}

/// The logs that match a filter, within its own block range.
pub(crate) fn query(api: &Api, filter: &Filter) -> Result<Vec<LogView>, RpcError> {
    check(filter)?;
    if let FilterBlockOption::AtBlockHash(hash) = filter.block_option {
        let header = header_by_hash(api, &hash)?;
        let header = header.ok_or_else(|| RpcError::Refused(format!("unknown block: no block has hash {hash}")))?;
        let mut found = Vec::new();
        collect(api, &header, filter, &mut found)?;
        return within_results(api, found, header.height, header.height);
    }
    let Some((from, to)) = range(api, filter)? else { return Ok(Vec::new()) };
    let blocks = to.0.saturating_sub(from.0).saturating_add(1);
    if blocks > api.config.max_log_range {
        return Err(RpcError::Limit(format!(
            "block range too large: {blocks} blocks from {:#x} to {:#x}, limit {} (rpc.max_log_range); \
             ask for parts of it",
            from.0, to.0, api.config.max_log_range
        )));
    }
    let scan = scan(api, filter, from, to)?;
    match scan.more_from {
        None => Ok(scan.logs),
        Some(next) => Err(too_many(api, from, next.prev())),
    }
}

/// Refuses filters that would cost too much to hold or match.
pub(crate) fn check(filter: &Filter) -> Result<(), RpcError> {
    let positions = std::iter::once(("address", filter.address.len()))
        .chain(filter.topics.iter().map(|topic| ("topics of one position", topic.len())));
    for (what, count) in positions {
        if count > MAX_ALTERNATIVES {
            return Err(RpcError::Limit(format!("too many {what}: {count}, limit {MAX_ALTERNATIVES}")));
        }
    }
    let pending = |tag: Option<BlockNumberOrTag>| tag == Some(BlockNumberOrTag::Pending);
    match filter.block_option {
        FilterBlockOption::Range { from_block, to_block } if pending(from_block) || pending(to_block) => {
            Err(RpcError::InvalidParams("pending logs are not supported: logs exist once their block does".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The heights that a filter spans, cut at the newest block; `None` when it begins after it.
fn range(api: &Api, filter: &Filter) -> Result<Option<(Height, Height)>, RpcError> {
    let latest = api.ctx.reader.latest()?.height;
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else { return Ok(None) };
    let oldest = api.ctx.reader.oldest()?.unwrap_or_default();
    let height = |tag: Option<BlockNumberOrTag>| match tag {
        Some(BlockNumberOrTag::Number(number)) => Height(number),
        // All that this node has: a node that joined late or forgets has none before.
        Some(BlockNumberOrTag::Earliest) => oldest,
        _ => latest,
    };
    let (from, to) = (height(from_block), height(to_block));
    let both_named = matches!(from_block, Some(BlockNumberOrTag::Number(_))) && to_block.is_some();
    if from > to && (both_named || from <= latest) {
        return Err(RpcError::InvalidParams(format!(
            "invalid block range params: fromBlock {:#x} is after toBlock {:#x}",
            from.0, to.0
        )));
    }
    not_before_oldest(api, from)?;
    Ok((from <= latest).then(|| (from, to.min(latest))))
}

/// What a scan found.
pub(crate) struct Scan {
    pub logs: Vec<LogView>,
    /// Where it stopped, when it reached the limit of results.
    pub more_from: Option<Height>,
}

/// Logs of `from..=to` that match, until there are as many as one answer holds.
pub(crate) fn scan(api: &Api, filter: &Filter, from: Height, to: Height) -> Result<Scan, RpcError> {
    let deadline = Deadline::named(api.config.call_timeout(), "rpc.call_timeout_ms");
    let mut logs = Vec::new();
    for height in candidates(api, filter, from, to)? {
        deadline.check()?;
        let Some(header) = api.ctx.reader.header(height)? else { continue };
        let before = logs.len();
        collect(api, &header, filter, &mut logs)?;
        if logs.len() > api.config.max_log_results && before > 0 {
            logs.truncate(before);
            return Ok(Scan { logs, more_from: Some(height) });
        }
    }
    let logs = within_results(api, logs, from, to)?;
    Ok(Scan { logs, more_from: None })
}

fn within_results(api: &Api, logs: Vec<LogView>, from: Height, to: Height) -> Result<Vec<LogView>, RpcError> {
    if logs.len() > api.config.max_log_results { Err(too_many(api, from, to)) } else { Ok(logs) }
}

fn too_many(api: &Api, from: Height, to: Height) -> RpcError {
    RpcError::Limit(format!(
        "query returned more than {} results (rpc.max_log_results); try the block range [{:#x}, {:#x}] \
         or a narrower filter",
        api.config.max_log_results, from.0, to.0
    ))
}

fn collect(api: &Api, header: &Header, filter: &Filter, found: &mut Vec<LogView>) -> Result<(), RpcError> {
    if header.tx_count == 0 || !filter.matches_bloom(header.logs_bloom) {
        return Ok(());
    }
    let receipts = receipts_of(api, header)?;
    found.extend(logs_of(header, &receipts, |log| matches(filter, log)));
    Ok(())
}

/// Whether a log is one that the filter asks for.
pub(crate) fn matches(filter: &Filter, log: &Log) -> bool {
    filter.matches_address(log.address) && filter.matches_topics(log.data.topics())
}

/// The heights that may hold matching logs, ascending.
fn candidates(api: &Api, filter: &Filter, from: Height, to: Height) -> Result<Vec<Height>, RpcError> {
    let addresses: Vec<B256> = filter.address.iter().map(|address| address.into_word()).collect();
    let topics = filter.topics.iter().map(|topic| topic.iter().copied().collect::<Vec<B256>>());
    let mut held: Option<BTreeSet<Height>> = None;
    for terms in std::iter::once(addresses).chain(topics) {
        if terms.is_empty() || terms.len() > MAX_INDEX_TERMS {
            continue;
        }
        let found = with_any(api, &terms, from, to)?;
        held = Some(match held {
            None => found,
            Some(held) => held.intersection(&found).copied().collect(),
        });
    }
    Ok(match held {
        Some(heights) => heights.into_iter().collect(),
        None => (from.0..=to.0).map(Height).collect(),
    })
}

/// The heights whose logs carry any of the terms.
fn with_any(api: &Api, terms: &[B256], from: Height, to: Height) -> Result<BTreeSet<Height>, RpcError> {
    let blocks = usize::try_from(to.0.saturating_sub(from.0).saturating_add(1)).unwrap_or(usize::MAX);
    let mut heights = BTreeSet::new();
    for term in terms {
        heights.extend(api.ctx.reader.heights_with_term(term, from, to, blocks)?);
    }
    Ok(heights)
}

/// Matching logs of a block that is in memory.
pub(crate) fn logs_of_block(block: &Arc<defchain_chain::Block>, filter: &Filter) -> Vec<LogView> {
    if !filter.matches_bloom(block.header.logs_bloom) {
        return Vec::new();
    }
    let logs = logs_of(&block.header, &block.receipts, |log| matches(filter, log));
    if block.removed { logs.map(LogView::removed).collect() } else { logs.collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::{Address, Bytes};

    use super::*;

    #[test]
    fn too_many_alternatives_and_pending_logs_are_refused() {
        let topics: Vec<String> =
            (0..1_001_u64).map(|n| format!("\"{}\"", B256::from(alloy_primitives::U256::from(n)))).collect();
        let filter: Filter = serde_json::from_str(&format!(r#"{{"topics":[[{}]]}}"#, topics.join(","))).unwrap();
        let error = check(&filter).unwrap_err();
        assert_eq!(error.code(), -32005);
        assert!(error.to_string().contains("1001, limit 1000"), "{error}");
        let filter: Filter = serde_json::from_str(r#"{"fromBlock":"pending"}"#).unwrap();
        assert_eq!(check(&filter).unwrap_err().code(), -32602);
    }

    #[test]
    fn a_position_matches_any_of_its_topics_and_null_matches_all() {
        let word = B256::repeat_byte;
        let log = |topics: Vec<B256>| Log::new_unchecked(Address::repeat_byte(1), topics, Bytes::new());
        let filter: Filter =
            serde_json::from_str(&format!(r#"{{"topics":[null,["{}","{}"]]}}"#, word(2), word(3))).unwrap();
        assert!(matches(&filter, &log(vec![word(9), word(3)])));
        assert!(!matches(&filter, &log(vec![word(9), word(4)])));
        assert!(!matches(&filter, &log(vec![word(9)])));
        let other: Filter = serde_json::from_str(&format!(r#"{{"address":"{}"}}"#, Address::repeat_byte(2))).unwrap();
        assert!(!matches(&other, &log(vec![])));
    }
}
