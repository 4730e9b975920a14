//! What must hold after every block, computed apart from the application's own arithmetic.

use std::collections::BTreeMap;

use defchain_base::{Address, B256, Height, StateKey, StateRead, Substore, U256, read_exact_value, system::Pool};
use defchain_chain::Chain;
use defchain_token::{
    AccountRecord,
    keys::{AmountRecord, PoolKey, SupplyKey},
};

use super::{audit::Digest, failure::Wrong, run::Counts, stream::Stream};

/// More records than a substore of a run can have.
const ALL: usize = 1 << 20;

/// What was seen of earlier blocks.
#[derive(Debug, Default)]
pub struct Checks {
    /// Supply after the height that was looked at last, and what later blocks said they burned.
    supply: Option<(u64, U256)>,
    /// Burned by height, from headers.
    burned: BTreeMap<u64, U256>,
    /// Greatest nonce seen of each account, and at which height.
    nonces: BTreeMap<Address, (u64, u64)>,
    /// Nonce of the last transaction of each sender.
    used: BTreeMap<Address, u64>,
    /// The newest block whose transactions are in `used`.
    counted: u64,
    /// Transactions in the blocks that were looked at.
    seen: Counts,
}

fn broken(why: String) -> Wrong {
    Wrong::Invariant(why)
}

fn unreadable(why: impl core::fmt::Display) -> Wrong {
    Wrong::Invariant(format!("unreadable: {why}"))
}

/// A hash over what the store keeps of a block.
pub fn records_digest(chain: &Chain, height: u64) -> Result<u64, Wrong> {
    let (store, height) = (chain.store(), Height(height));
    let parts = [store.header(height), store.txs(height), store.receipts(height), store.extra(height)];
    let mut digest = Digest::default();
    for part in parts {
        let part = part.map_err(unreadable)?.ok_or_else(|| broken(format!("block {height} has no record")))?;
        digest = digest.bytes(&part);
    }
    Ok(digest.get())
}

/// A hash over the whole newest state, as it lies on disk.
pub fn state_digest(chain: &Chain) -> Result<u64, Wrong> {
    let (_, state) = chain.reader().latest_state().map_err(unreadable)?;
    let mut digest = Digest::default();
    for substore in Substore::ALL {
        let records = state.range_raw(substore, &[], &[0xff; 40], ALL).map_err(unreadable)?;
        digest = digest.number(records.len() as u64);
        for (key, value) in &records {
            digest = digest.bytes(key).bytes(value);
        }
    }
    Ok(digest.get())
}

impl Checks {
    /// Transactions in the blocks that were looked at.
    #[must_use]
    pub const fn seen(&self) -> &Counts {
        &self.seen
    }

    /// The newest block of a replica: money and nonces of its state, and what a reader finds of it.
    pub fn newest(&mut self, chain: &Chain) -> Result<(), Wrong> {
        let (header, state) = chain.reader().latest_state().map_err(unreadable)?;
        let height = header.height.0;
        for missed in self.counted + 1..height {
            self.block(chain, missed)?;
        }
        self.block(chain, height)?;
        let accounts = accounts(&state)?;
        self.money(&state, height, &accounts)?;
        for (address, record) in &accounts {
            let seen = self.nonces.get(address).copied().unwrap_or_default();
            if record.nonce < seen.0 && height >= seen.1 {
                let what = format!("nonce of {address} is {}, at height {} it was {}", record.nonce, seen.1, seen.0);
                return Err(broken(what));
            }
            if height >= seen.1 {
                self.nonces.insert(*address, (record.nonce, height));
            }
        }
        if self.counted == height {
            for (sender, last) in &self.used {
                let nonce = accounts.get(sender).map_or(0, |record| record.nonce);
                if nonce <= *last {
                    return Err(broken(format!("{sender} sent nonce {last}, its account is at {nonce}")));
                }
            }
        }
        Ok(())
    }

    /// Σ balances + Σ pools = supply, and no block changes the supply but by what it says it burned.
    fn money(
        &mut self,
        state: &impl StateRead,
        height: u64,
        accounts: &BTreeMap<Address, AccountRecord>,
    ) -> Result<(), Wrong> {
        let amount = |key: Vec<u8>, substore| -> Result<U256, Wrong> {
            let Some(raw) = state.get_raw(substore, &key).map_err(unreadable)? else { return Ok(U256::ZERO) };
            Ok(read_exact_value::<AmountRecord>(&raw).map_err(unreadable)?.0.to_u256())
        };
        let supply = amount(SupplyKey.to_key(), SupplyKey::SUBSTORE)?;
        let mut sum = U256::ZERO;
        for pool in Pool::ALL {
            sum += amount(PoolKey(pool).to_key(), PoolKey::SUBSTORE)?;
        }
        // Money of the first network does not age: a portion is worth what it was.
        for portion in accounts.values().flat_map(|record| record.portions.as_slice()) {
            sum += portion.original.to_u256();
        }
        if sum != supply {
            return Err(broken(format!("balances and pools are {sum} wei, the supply is {supply}")));
        }
        if let Some((seen, before)) = self.supply.filter(|(seen, _)| *seen < height) {
            let blocks = seen + 1..=height;
            let burned: Vec<_> = self.burned.range(blocks.clone()).map(|(_, wei)| *wei).collect();
            let all = u64::try_from(burned.len()).unwrap_or(0) == height - seen;
            let left = burned.iter().fold(before, |left, wei| left.saturating_sub(*wei));
            if all && left != supply {
                let what =
                    format!("the supply after {blocks:?} is {supply} wei, {before} less what they burned is {left}");
                return Err(broken(what));
            }
        }
        self.supply = Some((height, supply));
        Ok(())
    }

    /// What a reader finds of a block agrees with its header, and its transactions use nonces in order.
    fn block(&mut self, chain: &Chain, height: u64) -> Result<(), Wrong> {
        let reader = chain.reader();
        let block = reader.block(Height(height)).map_err(unreadable)?;
        let block = block.ok_or_else(|| broken(format!("block {height} is not there")))?;
        let header = &block.header;
        if reader.height_of(&header.hash).map_err(unreadable)? != Some(Height(height)) {
            return Err(broken(format!("block hash {} does not lead to height {height}", header.hash)));
        }
        self.burned.insert(height, header.burned.to_u256());
        let gas: u64 = block.receipts.iter().map(|receipt| receipt.gas_used).sum();
        let last = block.receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used);
        if (gas, last) != (header.gas_used, header.gas_used) {
            let what = format!(
                "block {height}: receipts use {gas} gas, the last sums to {last}, the header says {}",
                header.gas_used
            );
            return Err(broken(what));
        }
        let mut places: BTreeMap<B256, u32> = BTreeMap::new();
        for (index, (tx, receipt)) in (0u32..).zip(block.txs.iter().zip(&block.receipts)) {
            let hash = tx.tx.hash();
            if hash != receipt.tx_hash || places.insert(hash, index).is_some() {
                return Err(broken(format!(
                    "block {height}: receipt {index} is of {}, not of {hash}",
                    receipt.tx_hash
                )));
            }
            if reader.tx_location(&hash).map_err(unreadable)? != Some((Height(height), index)) {
                return Err(broken(format!("transaction {hash} is not found at {height}/{index}")));
            }
            for term in receipt.logs.iter().flat_map(|log| log.data.topics()) {
                let found = reader.heights_with_term(term, Height(height), Height(height), 1).map_err(unreadable)?;
                if found != [Height(height)] {
                    return Err(broken(format!("the log topic {term} does not lead to block {height}")));
                }
            }
        }
        if height == self.counted + 1 {
            self.counted = height;
            for receipt in &block.receipts {
                self.seen.included += 1;
                self.seen.failed += u64::from(!receipt.success);
                self.seen.created += u64::from(receipt.contract.is_some());
                self.seen.logged += u64::from(!receipt.logs.is_empty());
                self.seen.delegated += u64::from(receipt.kind == 4);
            }
            for tx in &block.txs {
                let nonce = tx.tx.nonce();
                if self.used.insert(tx.sender, nonce).is_some_and(|before| nonce <= before) {
                    return Err(broken(format!("block {height} has nonce {nonce} of {} again", tx.sender)));
                }
            }
        }
        Ok(())
    }
}

fn accounts(state: &impl StateRead) -> Result<BTreeMap<Address, AccountRecord>, Wrong> {
    let records = state.range_raw(Substore::Evm, b"a", b"b", ALL).map_err(unreadable)?;
    let decode = |(key, value): (bytes::Bytes, bytes::Bytes)| {
        let address = key.get(1..).and_then(|raw| Address::try_from(raw).ok());
        let address = address.ok_or_else(|| broken(format!("an account's key has {} bytes", key.len())))?;
        Ok((address, read_exact_value::<AccountRecord>(&value).map_err(unreadable)?))
    };
    records.into_iter().map(decode).collect()
}

/// Some account's value at a height that was acknowledged is provable under the app hash that was answered.
pub fn provable(chain: &Chain, height: u64, app_hash: B256, stream: &mut Stream) -> Result<(), Wrong> {
    let lost = |why: String| Wrong::Lost(format!("height {height}, app hash {app_hash}: {why}"));
    let reader = chain.reader();
    let state = reader.state(Height(height)).map_err(|e| lost(e.to_string()))?;
    let from = [&b"a"[..], &stream.bytes(20)].concat();
    let mut found = state.range_raw(Substore::Evm, &from, b"b", 1).map_err(|e| lost(e.to_string()))?;
    if found.is_empty() {
        found = state.range_raw(Substore::Evm, b"a", b"b", 1).map_err(|e| lost(e.to_string()))?;
    }
    let (key, value) = match found.pop() {
        Some((key, value)) => (key.to_vec(), Some(value)),
        None => (from, None),
    };
    let proof = reader.prove(Height(height), Substore::Evm, &key).map_err(|e| lost(e.to_string()))?;
    proof.verify(&app_hash, Substore::Evm, &key, value.as_deref()).map_err(|e| lost(e.to_string()))
}
