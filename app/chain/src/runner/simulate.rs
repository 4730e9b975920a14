//! Blocks that are pretended, on top of a committed one (`eth_simulateV1`).

use alloy_consensus::{
    Header as EthHeader, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
    constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_WITHDRAWALS},
};
use alloy_eips::{eip2718::Encodable2718, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::{Signature, TxKind};
use defchain_base::{Address, B256, Bytes, StateError, StateReadExt, Timestamp, U256};
use defchain_evm::{
    BlockEnv, BlockOverrides, BlockSimulator, CallRequest, ExecError, SimOutcome, SimResult, SimRules, SimTx,
    StateOverrides, validity::InvalidTx,
};

use super::Runner;
use crate::{
    executor::{next_env, receipts_root},
    lifecycle::{self, Totals},
    params::PARAMS_KEY,
    reader::{ReadError, StateAt},
    records::{Header, Receipt},
    rules::V1,
    steps::Consensus,
};

/// Most blocks, those between the given ones included.
pub const MAX_BLOCKS: u64 = 256;
/// Milliseconds between pretended blocks that say nothing of their time: timestamps are whole seconds and must rise.
const BLOCK_MILLIS: u64 = 1_000;

/// A block to pretend.
#[derive(Debug, Clone, Default)]
pub struct SimBlockSpec {
    /// What is pretended about it.
    pub block: BlockOverrides,
    /// Accounts that are pretended from its beginning on.
    pub state: StateOverrides,
    /// What is executed in it.
    pub calls: Vec<CallRequest>,
}

/// A call in a pretended block.
#[derive(Debug, Clone)]
pub struct SimCall {
    /// As a transaction: nobody has signed it, so its signature is zero.
    pub tx: TxEnvelope,
    /// Who pretends to have sent it.
    pub from: Address,
    /// Wei per gas that it paid.
    pub price: u128,
    /// How it ended.
    pub outcome: SimOutcome,
}

/// A pretended block.
#[derive(Debug, Clone)]
pub struct SimBlock {
    /// Its header: the hash is that of an Ethereum header with these fields; there is no state root.
    pub header: Header,
    /// Its calls.
    pub calls: Vec<SimCall>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
}

/// Why nothing is pretended.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// State or headers cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// State cannot be read, or the time is up.
    #[error(transparent)]
    State(#[from] StateError),
    /// A call that could not stand in a block.
    #[error("block {block}, call {call}: {why}")]
    Call {
        /// Place of the block in the request.
        block: usize,
        /// Place of the call in the block.
        call: usize,
        /// The rule it breaks.
        why: InvalidTx,
    },
    /// Overrides of accounts.
    #[error("block {block}: {why}")]
    Overrides {
        /// Place of the block in the request.
        block: usize,
        /// What is wrong.
        why: InvalidTx,
    },
    /// Block numbers rise.
    #[error("block numbers must be in order: {found} <= {parent}")]
    Number {
        /// Asked for.
        found: u64,
        /// The block before.
        parent: u64,
    },
    /// Times rise.
    #[error("block timestamps must be in order: {found} <= {parent} (seconds, block {block})")]
    Time {
        /// Place of the block in the request.
        block: usize,
        /// Asked for.
        found: u64,
        /// The block before.
        parent: u64,
    },
    /// Too many.
    #[error("too many blocks: the last one asked for is {asked} after the base, limit {limit}")]
    Blocks {
        /// Distance of the last one.
        asked: u64,
        /// Most.
        limit: u64,
    },
}

impl Runner {
    /// Executes pretended blocks on the state after `base`. `gas_cap` bounds the gas of all calls together.
    ///
    /// # Errors
    /// The first thing that could not be; then nothing is answered at all.
    pub fn simulate(
        &self,
        base: &Header,
        state: StateAt,
        specs: Vec<SimBlockSpec>,
        rules: SimRules,
        gas_cap: u64,
    ) -> Result<Vec<SimBlock>, SimulateError> {
        let specs = in_order(base, specs)?;
        let params = state.read(&PARAMS_KEY)?.unwrap_or_default();
        let env = BlockEnv { chain_id: params.evm_chain_id, ..self.reader().env_of(base) };
        let validation = rules.validation;
        let blocks = BlockSimulator::new(state, env, &self.inner.registry, rules).map_err(state_error)?;
        let mut run = Run { runner: self, blocks, params, parent: base.clone(), validation, gas_cap };
        specs.into_iter().map(|(place, spec)| run.block(place, spec)).collect()
    }
}

/// Fills the gaps between numbers with empty blocks and gives every block its number and time.
fn in_order(base: &Header, specs: Vec<SimBlockSpec>) -> Result<Vec<(usize, SimBlockSpec)>, SimulateError> {
    let (mut number, mut seconds) = (base.height.0, base.time.seconds());
    let mut all = Vec::with_capacity(specs.len());
    for (place, mut spec) in specs.into_iter().enumerate() {
        let wanted = spec.block.number.unwrap_or_else(|| number.saturating_add(1));
        if wanted <= number {
            return Err(SimulateError::Number { found: wanted, parent: number });
        }
        let asked = wanted.saturating_sub(base.height.0);
        if asked > MAX_BLOCKS {
            return Err(SimulateError::Blocks { asked, limit: MAX_BLOCKS });
        }
        while number.saturating_add(1) < wanted {
            (number, seconds) = (number.saturating_add(1), seconds.saturating_add(BLOCK_MILLIS / 1_000));
            let block = BlockOverrides { number: Some(number), time: Some(seconds), ..BlockOverrides::default() };
            all.push((place, SimBlockSpec { block, ..SimBlockSpec::default() }));
        }
        let time = spec.block.time.unwrap_or_else(|| seconds.saturating_add(BLOCK_MILLIS / 1_000));
        if time <= seconds {
            return Err(SimulateError::Time { block: place, found: time, parent: seconds });
        }
        (number, seconds) = (wanted, time);
        spec.block = BlockOverrides { number: Some(number), time: Some(seconds), ..spec.block };
        all.push((place, spec));
    }
    Ok(all)
}

fn state_error(error: ExecError) -> SimulateError {
    match error {
        ExecError::State(error) => error.into(),
        ExecError::Invalid(why) => SimulateError::Overrides { block: 0, why },
    }
}

struct Run<'r> {
    runner: &'r Runner,
    blocks: BlockSimulator<StateAt>,
    params: crate::params::ChainParams,
    parent: Header,
    validation: bool,
    gas_cap: u64,
}

impl Run<'_> {
    fn block(&mut self, place: usize, spec: SimBlockSpec) -> Result<SimBlock, SimulateError> {
        let env = self.env(&spec.block);
        let env = self.blocks.set_block(env, &spec.block);
        let upgrades = &self.runner.inner.config.upgrades;
        lifecycle::begin(self.blocks.overlay_mut(), &env, &self.parent.hash, upgrades, &Consensus::default())?;
        self.blocks.overlay_mut().commit();
        self.blocks.pretend(&spec.state).map_err(|error| match error {
            ExecError::Invalid(why) => SimulateError::Overrides { block: place, why },
            ExecError::State(error) => error.into(),
        })?;
        let (mut totals, mut receipts, mut calls) = (Totals::default(), Vec::new(), Vec::new());
        for (index, request) in spec.calls.iter().enumerate() {
            let left = env.gas_limit.saturating_sub(totals.gas_used).min(self.gas_cap);
            let done = self.blocks.call(request, left).map_err(|error| match error {
                ExecError::Invalid(why) => SimulateError::Call { block: place, call: index, why },
                ExecError::State(error) => error.into(),
            })?;
            self.gas_cap = self.gas_cap.saturating_sub(done.effect.gas_used);
            calls.push(count(&mut totals, &mut receipts, env.chain_id, done)?);
        }
        let operator = (env.beneficiary != Address::ZERO).then_some(env.beneficiary);
        totals.burned = lifecycle::end(self.blocks.overlay_mut(), &env, operator, &totals)?.burned;
        let mut header = self.header(&env, &totals, calls.len());
        let raw: Vec<Bytes> = calls.iter().map(|call| call.tx.encoded_2718().into()).collect();
        header.size = raw.iter().map(|raw| raw.len() as u64).fold(0, u64::saturating_add);
        header.transactions_root =
            alloy_trie::root::ordered_trie_root_with_encoder(&raw, |raw, out| out.extend_from_slice(raw));
        (header.receipts_root, header.logs_bloom) = receipts_root(&receipts);
        header.hash = hash(&header);
        self.parent = header.clone();
        Ok(SimBlock { header, calls, receipts })
    }

    /// The environment of the next block before overrides.
    fn env(&self, block: &BlockOverrides) -> BlockEnv {
        let time = Timestamp(block.time.unwrap_or_default().saturating_mul(1_000));
        // prevRandao of a pretended block means nothing: the first rules serve.
        let env = next_env(&self.params, &V1, &self.parent, time, self.parent.beneficiary);
        // Calls that name no price are free, unless the chain's rules are asked for.
        BlockEnv { base_fee: if self.validation { env.base_fee } else { 0 }, ..env }
    }

    fn header(&self, env: &BlockEnv, totals: &Totals, count: usize) -> Header {
        Header {
            height: env.height,
            parent_hash: self.parent.hash,
            time: env.time,
            age: env.age,
            beneficiary: env.beneficiary,
            gas_limit: env.gas_limit,
            gas_used: totals.gas_used,
            base_fee: env.base_fee,
            prev_randao: env.prev_randao,
            tx_count: u32::try_from(count).unwrap_or(u32::MAX),
            total_power: self.parent.total_power,
            burned: totals.burned,
            ..Header::default()
        }
    }
}

/// Adds a call to the sums of its block.
fn count(totals: &mut Totals, receipts: &mut Vec<Receipt>, chain_id: u64, done: SimTx) -> Result<SimCall, StateError> {
    let SimTx { request, outcome, effect } = done;
    totals.gas_used = totals.gas_used.saturating_add(effect.gas_used);
    totals.base_fees = totals.base_fees.checked_add(effect.base_fee)?;
    totals.tips = totals.tips.checked_add(effect.tip)?;
    totals.shares = totals.shares.plus(effect.shares)?;
    let from = request.from.unwrap_or_default();
    let kind = request.tx_type();
    let to = request.to;
    let tx = envelope(request, chain_id);
    receipts.push(Receipt {
        kind,
        success: outcome.result == SimResult::Success,
        gas_used: effect.gas_used,
        cumulative_gas_used: totals.gas_used,
        effective_gas_price: effect.effective_gas_price,
        from,
        to,
        contract: effect.created,
        tx_hash: *tx.tx_hash(),
        logs: effect.logs,
    });
    Ok(SimCall { tx, from, price: effect.effective_gas_price, outcome })
}

/// The call as a transaction with a signature of zeros.
fn envelope(r: CallRequest, chain_id: u64) -> TxEnvelope {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let (kind, fee_cap) = (r.tx_type(), r.fee_cap());
    let to = r.to.map_or(TxKind::Create, TxKind::Call);
    let (nonce, gas_limit) = (r.nonce.unwrap_or_default(), r.gas.unwrap_or_default());
    let (value, input, access_list) = (r.value, r.data, r.access_list.unwrap_or_default());
    let max_priority_fee_per_gas = r.max_priority_fee_per_gas.unwrap_or_default();
    match kind {
        0 => TxLegacy { chain_id: Some(chain_id), nonce, gas_price: fee_cap, gas_limit, to, value, input }
            .into_signed(signature)
            .into(),
        1 => TxEip2930 { chain_id, nonce, gas_price: fee_cap, gas_limit, to, value, input, access_list }
            .into_signed(signature)
            .into(),
        4 => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee_cap,
            max_priority_fee_per_gas,
            to: r.to.unwrap_or_default(),
            value,
            access_list,
            authorization_list: r.authorization_list,
            input,
        }
        .into_signed(signature)
        .into(),
        _ => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee_cap,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(signature)
        .into(),
    }
}

/// The hash that Ethereum would give a header with these fields.
fn hash(header: &Header) -> B256 {
    EthHeader {
        parent_hash: header.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: header.beneficiary,
        state_root: header.state_root,
        transactions_root: header.transactions_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        number: header.height.0,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.time.seconds(),
        mix_hash: header.prev_randao,
        base_fee_per_gas: Some(header.base_fee),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..EthHeader::default()
    }
    .hash_slow()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use defchain_base::Height;

    use super::*;

    fn at(number: Option<u64>, time: Option<u64>) -> SimBlockSpec {
        SimBlockSpec { block: BlockOverrides { number, time, ..BlockOverrides::default() }, ..SimBlockSpec::default() }
    }

    fn base() -> Header {
        Header { height: Height(10), time: Timestamp(100_900), ..Header::default() }
    }

    fn places(specs: Vec<SimBlockSpec>) -> Vec<(u64, u64)> {
        let all = in_order(&base(), specs).unwrap();
        all.iter().map(|(_, spec)| (spec.block.number.unwrap(), spec.block.time.unwrap())).collect()
    }

    #[test]
    fn gaps_are_filled_and_time_rises_by_a_second() {
        assert_eq!(places(vec![at(None, None), at(None, None)]), [(11, 101), (12, 102)]);
        assert_eq!(places(vec![at(Some(13), Some(200)), at(None, None)]), [(11, 101), (12, 102), (13, 200), (14, 201)]);
    }

    #[test]
    fn what_does_not_rise_or_is_too_far_is_refused_with_figures() {
        let refuse = |specs| in_order(&base(), specs).unwrap_err().to_string();
        assert_eq!(refuse(vec![at(Some(10), None)]), "block numbers must be in order: 10 <= 10");
        assert!(refuse(vec![at(None, Some(100))]).contains("100 <= 100"));
        // The blocks in between need their seconds too.
        assert!(refuse(vec![at(Some(13), Some(102))]).contains("102 <= 102"));
        assert!(refuse(vec![at(Some(267), None)]).contains("257 after the base, limit 256"));
    }
}
