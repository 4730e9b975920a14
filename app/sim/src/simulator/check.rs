//! What must hold after every block, computed apart from the application's own arithmetic.

use std::collections::BTreeMap;

use defchain_base::{
    Address, AgeMillis, B256, BlockEnv, ConsensusAddress, Height, StateKey, StateRead, Substore, U256,
    read_exact_value, system::Pool,
};
use defchain_chain::{Chain, StateAt, records::Header};
use defchain_pod_model::rules;
use defchain_token::{
    AccountRecord, BurnTable, TokenParams,
    keys::{AmountRecord, PoolKey, SupplyKey},
    state::TokenRead,
};

use super::{
    audit::Digest, comet::Comet, economy::Economy, failure::Wrong, run::Counts, stream::Stream, traffic::CHAIN_ID,
};

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
    /// What the economy did.
    economy: Economy,
    /// Contracts that were created since they were last asked for, with their creators.
    created: Vec<(Address, Address)>,
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

/// Of the newest block: its state, CometBFT's sets.
type Newest<'a> = (&'a StateAt, &'a Comet);

impl Checks {
    /// Transactions in the blocks that were looked at.
    #[must_use]
    pub const fn seen(&self) -> &Counts {
        &self.seen
    }

    /// Contracts that came into being, with their creators.
    pub fn take_created(&mut self) -> Vec<(Address, Address)> {
        core::mem::take(&mut self.created)
    }

    /// The newest block of a replica: money and nonces of its state, every module's invariants, CometBFT's sets, and what a
    /// reader finds of it.
    pub fn newest(&mut self, chain: &Chain, comet: &Comet) -> Result<(), Wrong> {
        let (header, state) = chain.reader().latest_state().map_err(unreadable)?;
        let height = header.height.0;
        for missed in self.counted + 1..height {
            self.block(chain, missed, None)?;
        }
        self.block(chain, height, Some((&state, comet)))?;
        let accounts = accounts(&state)?;
        self.money(&state, &header, &accounts)?;
        modules(&state, &header)?;
        sets(&state, height, comet)?;
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
        header: &Header,
        accounts: &BTreeMap<Address, AccountRecord>,
    ) -> Result<(), Wrong> {
        let height = header.height.0;
        let amount = |key: Vec<u8>, substore| -> Result<U256, Wrong> {
            let Some(raw) = state.get_raw(substore, &key).map_err(unreadable)? else { return Ok(U256::ZERO) };
            Ok(read_exact_value::<AmountRecord>(&raw).map_err(unreadable)?.0.to_u256())
        };
        let supply = amount(SupplyKey.to_key(), SupplyKey::SUBSTORE)?;
        let mut sum = U256::ZERO;
        for pool in Pool::ALL {
            sum += amount(PoolKey(pool).to_key(), PoolKey::SUBSTORE)?;
        }
        let params = state.token_params().map_err(unreadable)?;
        for (address, record) in accounts {
            sum += nominal(address, record, &params, header.age)?;
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
    fn block(&mut self, chain: &Chain, height: u64, newest: Option<Newest<'_>>) -> Result<(), Wrong> {
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
            self.economy.block(&block, newest.map(|(state, _)| state))?;
            if let Some((state, comet)) = newest {
                self.economy.state(&block, state, comet)?;
            }
            for receipt in &block.receipts {
                self.seen.included += 1;
                self.seen.failed += u64::from(!receipt.success);
                self.seen.created += u64::from(receipt.contract.is_some());
                self.seen.logged += u64::from(!receipt.logs.is_empty());
                self.seen.delegated += u64::from(receipt.kind == 4);
            }
            for (tx, receipt) in block.txs.iter().zip(&block.receipts) {
                self.created.extend(receipt.contract.filter(|_| receipt.success).map(|contract| (tx.sender, contract)));
                let nonce = tx.tx.nonce();
                if self.used.insert(tx.sender, nonce).is_some_and(|before| nonce <= before) {
                    return Err(broken(format!("block {height} has nonce {nonce} of {} again", tx.sender)));
                }
            }
        }
        Ok(())
    }
}

/// Σ of an account's portions by the model's arithmetic: `floor(O × R[day last settled] / 100)`, and what must hold of them
/// (D12, D13, YP INV-4 and INV-5).
fn nominal(address: &Address, record: &AccountRecord, params: &TokenParams, age: AgeMillis) -> Result<U256, Wrong> {
    let (mut sum, mut last, mut spendable) = (U256::ZERO, AgeMillis(0), 0);
    for portion in record.portions.as_slice() {
        let table = if portion.table == u16::MAX {
            BurnTable::PLAIN
        } else {
            let version = params.tables.get(usize::from(portion.table));
            version.ok_or_else(|| broken(format!("{address}: no burn table {}", portion.table)))?.preserved
        };
        let rate = |day: u8| u128::from(table.0.get(usize::from(day.min(8))).copied().unwrap_or(0));
        let worth = |day: u8| rules::floor(portion.original.wei(), rate(day), 100);
        let lived = age.0.saturating_sub(portion.received_at.0) / (u64::from(params.day_seconds) * 1_000);
        let lived = u8::try_from(lived.min(8)).unwrap_or(8);
        if portion.received_at > age || portion.received_at < last || portion.settled_day > lived {
            return Err(broken(format!("{address} at age {age:?} has a portion out of place: {portion:?}")));
        }
        if worth(lived) > worth(portion.settled_day) {
            return Err(broken(format!("{address}: a portion grows: {portion:?}")));
        }
        last = portion.received_at;
        sum += U256::from(worth(portion.settled_day));
        spendable += worth(lived);
    }
    let found = record.effective_balance(params, age).map_err(unreadable)?.wei();
    if found != spendable {
        return Err(Wrong::Rule(format!("D11: {address} is worth {found} wei, by its portions {spendable}")));
    }
    Ok(sum)
}

/// Every module's own invariants.
fn modules(state: &StateAt, header: &Header) -> Result<(), Wrong> {
    let env = BlockEnv {
        chain_id: CHAIN_ID,
        height: header.height,
        time: header.time,
        age: header.age,
        ..BlockEnv::default()
    };
    let found = defchain_chain::broken_invariants(state, &env).map_err(unreadable)?;
    if found.is_empty() { Ok(()) } else { Err(broken(found.join("; "))) }
}

/// CometBFT's sets of this height and the two above it are the application's (D28), and each has a power of 10^18.
fn sets(state: &StateAt, height: u64, comet: &Comet) -> Result<(), Wrong> {
    for at in height + 1..=height + 2 {
        let own = defchain_chain::set_at(state, Height(at)).map_err(unreadable)?;
        let own: BTreeMap<ConsensusAddress, u64> =
            own.iter().map(|(address, record)| (*address, record.power.0)).collect();
        let theirs: BTreeMap<ConsensusAddress, u64> = comet.at(at).iter().map(|(a, power)| (*a, power.0)).collect();
        if own != theirs {
            return Err(broken(format!("the set of height {at} is {own:?}, CometBFT has {theirs:?}")));
        }
        let total: u64 = theirs.values().sum();
        if total != 1_000_000_000_000_000_000 {
            return Err(broken(format!("the set of height {at} has power {total}, not 10^18 (D27)")));
        }
    }
    Ok(())
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
