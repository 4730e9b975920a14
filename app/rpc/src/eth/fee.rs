//! What to pay: gas price, tip, and the history they are judged by.

use std::{collections::BTreeMap, sync::Arc};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U64, U128};
use defchain_base::Height;
use defchain_chain::records::Header;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    api::{Api, Cost},
    error::{RpcError, RpcResult, json},
    eth::block::receipts_of,
    methods::Method,
    params::Params,
    tags::{header_of, next_env, not_found},
};

pub(crate) const METHODS: &[Method] = &[
    Method::new("eth_gasPrice", Cost::Read, gas_price),
    Method::new("eth_maxPriorityFeePerGas", Cost::Read, max_priority_fee),
    Method::new("eth_feeHistory", Cost::Heavy, fee_history),
    Method::new("eth_blobBaseFee", Cost::Quick, blob_base_fee),
];

/// Most blocks of a fee history.
const MAX_HISTORY: u64 = 1_024;
/// Most percentiles of a fee history.
const MAX_PERCENTILES: usize = 100;
/// Blocks that a suggestion looks back.
const SUGGEST_BLOCKS: u64 = 20;
/// No suggestion is higher, wei per gas: a block of one outlier must not empty wallets.
const MAX_SUGGESTION: u128 = 500_000_000_000;
/// (tip, gas) pairs that are remembered: some 32 MiB.
const MAX_REMEMBERED: usize = 1_000_000;

fn gas_price(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    let latest = api.ctx.reader.latest()?;
    let base_fee = u128::from(next_env(api, &latest)?.base_fee);
    json(&U128::from(base_fee.saturating_add(suggested_tip(api)?)))
}

fn max_priority_fee(api: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U128::from(suggested_tip(api)?))
}

/// No blobs: the price never rises from its floor (D8).
fn blob_base_fee(_: &Api, params: Params<'_>) -> RpcResult {
    params.end()?;
    json(&U64::ONE)
}

/// A tip with which a transaction is taken soon: the 60th percentile over recent blocks, where a block with room
/// counts with the least tip that is suggested.
pub(crate) fn suggested_tip(api: &Api) -> Result<u128, RpcError> {
    let latest = api.ctx.reader.latest()?;
    let least = u128::from(api.config.suggested_tip_wei);
    let mut tips = Vec::new();
    let first = latest.height.0.saturating_sub(SUGGEST_BLOCKS.saturating_sub(1)).max(1);
    for height in first..=latest.height.0 {
        let Some(header) = api.ctx.reader.header(Height(height))? else { continue };
        let has_room = header.gas_used < header.gas_limit / 10 * 9;
        tips.push(if has_room { least } else { api.fees.of(api, &header)?.percentile(60.0) });
    }
    tips.sort_unstable();
    let place = tips.len().saturating_mul(6) / 10;
    Ok(tips.get(place).copied().unwrap_or(least).clamp(least, MAX_SUGGESTION.max(least)))
}

/// Tips of a block by gas.
struct BlockFees {
    hash: B256,
    /// (tip in wei per gas, gas paid with it), ascending, equal tips together.
    tips: Vec<(u128, u64)>,
    gas_used: u64,
}

impl BlockFees {
    /// The tip at or below which that percentage of the block's gas was paid; 0 for an empty block.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentile of gas is a suggestion, not money"
    )]
    fn percentile(&self, percent: f64) -> u128 {
        let threshold = (self.gas_used as f64 * percent / 100.0) as u64;
        let mut sum = 0_u64;
        for (tip, gas) in &self.tips {
            sum = sum.saturating_add(*gas);
            if sum >= threshold {
                return *tip;
            }
        }
        self.tips.last().map_or(0, |(tip, _)| *tip)
    }
}

/// Fees of recent blocks, worked out once.
#[derive(Default)]
pub(crate) struct FeeCache {
    blocks: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    by_height: BTreeMap<Height, Arc<BlockFees>>,
    pairs: usize,
}

impl FeeCache {
    fn of(&self, api: &Api, header: &Header) -> Result<Arc<BlockFees>, RpcError> {
        let held = self.blocks.lock().by_height.get(&header.height).cloned();
        // A dev node can go back and build other blocks: the hash decides.
        if let Some(held) = held.filter(|fees| fees.hash == header.hash) {
            return Ok(held);
        }
        let mut by_tip: BTreeMap<u128, u64> = BTreeMap::new();
        for receipt in receipts_of(api, header)?.iter() {
            let tip = receipt.effective_gas_price.saturating_sub(u128::from(header.base_fee));
            let gas = by_tip.entry(tip).or_default();
            *gas = gas.saturating_add(receipt.gas_used);
        }
        let fees =
            Arc::new(BlockFees { hash: header.hash, tips: by_tip.into_iter().collect(), gas_used: header.gas_used });
        self.blocks.lock().remember(header.height, fees.clone());
        Ok(fees)
    }
}

impl Remembered {
    fn remember(&mut self, height: Height, fees: Arc<BlockFees>) {
        // One more for the block itself, so that empty ones count too.
        let size = |fees: &BlockFees| fees.tips.len().saturating_add(1);
        self.pairs = self.pairs.saturating_add(size(&fees));
        if let Some(old) = self.by_height.insert(height, fees) {
            self.pairs = self.pairs.saturating_sub(size(&old));
        }
        while self.pairs > MAX_REMEMBERED || self.by_height.len() > 2 * MAX_HISTORY as usize {
            let Some((_, oldest)) = self.by_height.pop_first() else { break };
            self.pairs = self.pairs.saturating_sub(size(&oldest));
        }
    }
}

/// A block count as tools write it: a quantity or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Quantity(U64),
}

/// What `eth_feeHistory` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: U64,
    base_fee_per_gas: Vec<U64>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<U64>,
    blob_gas_used_ratio: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<U128>>>,
}

fn fee_history(api: &Api, mut params: Params<'_>) -> RpcResult {
    let count: Count = params.required("block count")?;
    let newest: BlockNumberOrTag = params.required("newest block")?;
    let percentiles: Option<Vec<f64>> = params.optional("reward percentiles")?;
    params.end()?;
    if let Some(percentiles) = &percentiles {
        check_percentiles(percentiles)?;
    }
    let count = match count {
        Count::Number(n) => n,
        Count::Quantity(n) => n.to::<u64>(),
    };
    let latest = api.ctx.reader.latest()?;
    let newest = match newest {
        BlockNumberOrTag::Pending => latest.clone(),
        tag => match header_of(api, tag)? {
            Some(header) => header,
            None => return Err(not_found(api, tag.into())?),
        },
    };
    json(&history(api, &latest, &newest, count.min(MAX_HISTORY), percentiles.as_deref())?)
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    let wrong = |why: String| Err(RpcError::argument(2, "reward percentiles", why));
    if percentiles.len() > MAX_PERCENTILES {
        return wrong(format!("{} of them, at most {MAX_PERCENTILES}", percentiles.len()));
    }
    if let Some(bad) = percentiles.iter().find(|p| !(0.0..=100.0).contains(*p)) {
        return wrong(format!("{bad} is not within 0 to 100"));
    }
    if !percentiles.is_sorted() {
        return wrong("must ascend".to_owned());
    }
    Ok(())
}

fn history(
    api: &Api,
    latest: &Header,
    newest: &Header,
    count: u64,
    percentiles: Option<&[f64]>,
) -> Result<FeeHistory, RpcError> {
    let count = count.min(newest.height.0.saturating_add(1));
    let mut history = FeeHistory {
        oldest_block: U64::ZERO,
        base_fee_per_gas: Vec::new(),
        gas_used_ratio: Vec::new(),
        base_fee_per_blob_gas: Vec::new(),
        blob_gas_used_ratio: Vec::new(),
        reward: percentiles.map(|_| Vec::new()),
    };
    if count == 0 {
        return Ok(history);
    }
    let oldest = newest.height.0.saturating_add(1).saturating_sub(count);
    history.oldest_block = U64::from(oldest);
    for height in oldest..=newest.height.0 {
        let Some(header) = api.ctx.reader.header(Height(height))? else {
            return Err(RpcError::Refused(format!("block {height} is no longer held by this node")));
        };
        history.push(api, &header, percentiles)?;
    }
    let next = if newest.height == latest.height { None } else { api.ctx.reader.header(newest.height.next())? };
    let next_base_fee = match next {
        Some(header) => header.base_fee,
        None => next_env(api, latest)?.base_fee,
    };
    history.base_fee_per_gas.push(U64::from(next_base_fee));
    history.base_fee_per_blob_gas.push(U64::ONE);
    Ok(history)
}

impl FeeHistory {
    #[allow(clippy::cast_precision_loss, reason = "the format asks for a ratio")]
    fn push(&mut self, api: &Api, header: &Header, percentiles: Option<&[f64]>) -> Result<(), RpcError> {
        self.base_fee_per_gas.push(U64::from(header.base_fee));
        let ratio = if header.gas_limit == 0 { 0.0 } else { header.gas_used as f64 / header.gas_limit as f64 };
        self.gas_used_ratio.push(ratio);
        self.base_fee_per_blob_gas.push(U64::ONE);
        self.blob_gas_used_ratio.push(0.0);
        if let (Some(percentiles), Some(rewards)) = (percentiles, self.reward.as_mut()) {
            let fees = api.fees.of(api, header)?;
            rewards.push(percentiles.iter().map(|p| U128::from(fees.percentile(*p))).collect());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(tips: &[(u128, u64)]) -> BlockFees {
        BlockFees { hash: B256::ZERO, tips: tips.to_vec(), gas_used: tips.iter().map(|(_, gas)| gas).sum() }
    }

    #[test]
    fn percentiles_weigh_tips_by_their_gas() {
        let block = fees(&[(1, 10), (5, 80), (9, 10)]);
        let found = [0.0, 10.0, 50.0, 90.0, 91.0, 100.0].map(|p| block.percentile(p));
        assert_eq!(found, [1, 1, 5, 5, 9, 9]);
        assert_eq!(fees(&[]).percentile(50.0), 0);
    }

    #[test]
    fn wrong_percentiles_are_refused_with_the_figure() {
        assert!(check_percentiles(&[0.0, 50.5, 100.0]).is_ok());
        for (bad, what) in
            [(vec![101.0], "101"), (vec![-1.0], "-1"), (vec![2.0, 1.0], "ascend"), (vec![1.0; 101], "101")]
        {
            let error = check_percentiles(&bad).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_memory_of_fees_is_bounded() {
        let mut held = Remembered::default();
        (0..5_000).for_each(|h| held.remember(Height(h), Arc::new(fees(&[(1, 1)]))));
        assert_eq!(held.by_height.len(), 2_048);
        assert_eq!(held.pairs, 4_096);
        held.remember(Height(5_000), Arc::new(fees(&vec![(1, 1); MAX_REMEMBERED])));
        assert!(held.pairs <= MAX_REMEMBERED + 1 && held.by_height.len() <= 1);
    }
}
