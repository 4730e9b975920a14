//! Runs one block on a fork of state, for whichever call needs it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alloy_consensus::{Eip658Value, Receipt as EthReceipt, ReceiptWithBloom};
use alloy_primitives::{BloomInput, Log};
use alloy_rlp::Encodable as _;
use defchain_base::{
    Address, AgeMillis, B256, Bloom, Bytes, ConsensusAddress, Height, StateDelta, StateError, Timestamp, keccak256,
    tx::RecoveredTx,
};
use defchain_evm::{BlockEnv, ExecError, Executor, Registry, TxOutcome};
use defchain_store::{Prepared, Snapshot, Store, StoreError};

use crate::{
    block::{BlockError, BlockInputs},
    chain::Inner,
    declared::Declared,
    keys::{ValidatorRecord, set_at},
    lifecycle::{self, Began, PowerUpdate, Totals},
    notices::{self, Rejected, Signer},
    params::ChainParams,
    payload::decode_envelope,
    records::{Header, Receipt},
    rules::Rules,
    shared::Head,
    steps::Consensus,
    upgrade::Upgrades,
};

/// The environment of the block after `parent`.
pub(crate) fn next_env(
    params: &ChainParams,
    rules: &Rules,
    parent: &Header,
    time: Timestamp,
    beneficiary: Address,
) -> BlockEnv {
    let height = parent.height.next();
    let elapsed = time.millis_since(parent.time);
    // The age clock of D3: a halted chain ages nobody.
    let drift = if parent.height == Height(0) { 0 } else { elapsed.min(params.max_block_drift_ms) };
    let base_fee = if parent.height == Height(0) {
        params.initial_base_fee.max(params.min_base_fee)
    } else {
        defchain_evm::next_base_fee(parent.base_fee, parent.gas_used, parent.gas_limit, params.min_base_fee, elapsed)
    };
    BlockEnv {
        chain_id: params.evm_chain_id,
        height,
        time,
        age: AgeMillis(parent.age.0.saturating_add(drift)),
        beneficiary,
        gas_limit: params.block_gas_limit,
        base_fee,
        prev_randao: prev_randao(rules, height, &parent.hash),
    }
}

/// D8: keccak("prevrandao" ‖ be64(height) ‖ previous block hash); the rules may change the first part.
fn prev_randao(rules: &Rules, height: Height, parent: &B256) -> B256 {
    let mut input = rules.prev_randao_domain.to_vec();
    input.extend_from_slice(&height.0.to_be_bytes());
    input.extend_from_slice(parent.as_slice());
    keccak256(input)
}

impl Inner {
    /// Begins the block of these inputs on `head`.
    pub(crate) fn begin_block(&self, head: &Head, inputs: &BlockInputs) -> Result<BlockRun, BlockError> {
        let mut consensus = Consensus::of(&inputs.last_commit, &inputs.misbehavior);
        consensus.rejected = self.rejected(head, inputs)?;
        self.begin_with(head, inputs, consensus)
    }

    /// The same for a decided block (D8b): an injected commit that proves nothing is no reason to stop.
    pub(crate) fn begin_decided(&self, head: &Head, inputs: &BlockInputs) -> Result<BlockRun, BlockError> {
        let mut consensus = Consensus::of(&inputs.last_commit, &inputs.misbehavior);
        consensus.rejected = match self.rejected(head, inputs) {
            Err(BlockError::Injected(why)) => {
                tracing::error!(height = %inputs.height, %why, "the decided block's injected commit is not good");
                Vec::new()
            }
            found => found?,
        };
        self.begin_with(head, inputs, consensus)
    }

    fn begin_with(&self, head: &Head, inputs: &BlockInputs, consensus: Consensus) -> Result<BlockRun, BlockError> {
        let upgrades = &self.config.upgrades;
        BlockRun::begin(
            head,
            &self.registry,
            upgrades,
            inputs.time,
            inputs.proposer,
            &self.shared.declared(),
            consensus,
        )
    }
}

impl Inner {
    /// What the injected commit proves (D35). Not asked of a block in preparation, which has no items yet.
    fn rejected(&self, head: &Head, inputs: &BlockInputs) -> Result<Vec<Rejected>, BlockError> {
        let Ok(envelope) = decode_envelope(&inputs.items) else { return Ok(Vec::new()) };
        let Some(commit) = envelope.commit() else { return Ok(Vec::new()) };
        let signers = self.signers(head)?;
        notices::count(commit, head.header.height, &self.chain_id(), &signers).map_err(BlockError::Injected)
    }

    /// The set that voted on the newest block.
    pub(crate) fn signers(&self, head: &Head) -> Result<BTreeMap<ConsensusAddress, Signer>, BlockError> {
        let signer = |record: ValidatorRecord| Signer { key: record.pub_key, power: record.power.0 };
        Ok(set_at(&head.snapshot, head.header.height)?
            .into_iter()
            .map(|(address, record)| (address, signer(record)))
            .collect())
    }

    /// CometBFT's chain id.
    pub(crate) fn chain_id(&self) -> String {
        self.store.latest().map(|commit| commit.chain_id).unwrap_or_default()
    }
}

/// A block in work.
pub(crate) struct BlockRun {
    executor: Executor<Snapshot>,
    env: BlockEnv,
    parent: Arc<Header>,
    proposer: ConsensusAddress,
    operator: Option<Address>,
    total_power: u64,
    txs: Vec<Arc<RecoveredTx>>,
    receipts: Vec<Receipt>,
    totals: Totals,
    upgraded: Option<u64>,
    consensus: Consensus,
    events: Vec<Log>,
}

/// An executed block whose trees are not yet updated.
pub(crate) struct Executed {
    pub(crate) header: Header,
    pub(crate) txs: Vec<Arc<RecoveredTx>>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) delta: StateDelta,
    upgraded: Option<u64>,
    consensus: Consensus,
    pub(crate) events: Vec<Log>,
    updates: Vec<PowerUpdate>,
}

/// An executed block, ready to be committed once its hash is decided.
pub(crate) struct Sealed {
    pub(crate) header: Header,
    pub(crate) txs: Vec<Arc<RecoveredTx>>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) prepared: Prepared,
    /// The app version that came into force with this block, if one did.
    pub(crate) upgraded: Option<u64>,
    /// What CometBFT told it.
    pub(crate) consensus: Consensus,
    /// What its own steps did (D21).
    pub(crate) events: Vec<Log>,
    /// Changes of CometBFT's validator set.
    pub(crate) updates: Vec<PowerUpdate>,
}

impl BlockRun {
    /// Forks the newest state and runs the begin-of-block steps.
    pub(crate) fn begin(
        head: &Head,
        registry: &Registry,
        upgrades: &Upgrades,
        time: Timestamp,
        proposer: ConsensusAddress,
        declared: &Declared,
        consensus: Consensus,
    ) -> Result<Self, BlockError> {
        let rules = head.next()?;
        let snapshot = head.snapshot.clone();
        let set = set_at(&snapshot, head.header.height.next())?;
        let operator = set.iter().find(|(address, _)| *address == proposer).map(|(_, record)| record.operator);
        let operator = operator.map(|operator| declared.coinbase.unwrap_or(operator));
        let total_power = set.iter().fold(0u64, |sum, (_, record)| sum.saturating_add(record.power.0));
        let env = head.next_env(rules, time, operator.unwrap_or_default());
        let env = declared.apply(&head.header, env);
        // A development chain's edits come before everything else; there are none on a network.
        let edits = declared.edits(&head.header.hash).map(|edited| edited.delta().clone()).unwrap_or_default();
        let mut overlay = defchain_base::Overlay::with_delta(snapshot, edits);
        let Began { upgraded, events, burned } =
            lifecycle::begin(&mut overlay, &env, &head.header.hash, upgrades, &consensus)?;
        overlay.commit();
        let mut executor = Executor::new(overlay, env, registry)?;
        if declared.dev {
            executor.allow_unsigned();
        }
        executor.set_latched(!head.active);
        Ok(Self {
            executor,
            env,
            parent: head.header.clone(),
            proposer,
            operator,
            total_power,
            txs: Vec::new(),
            receipts: Vec::new(),
            totals: Totals { burned, ..Totals::default() },
            upgraded,
            consensus,
            events,
        })
    }

    /// What transactions see of this block.
    pub(crate) const fn env(&self) -> BlockEnv {
        self.env
    }

    /// Base fee of this block, wei per gas.
    pub(crate) const fn base_fee(&self) -> u64 {
        self.env.base_fee
    }

    /// Gas that the block still has.
    pub(crate) const fn gas_left(&self) -> u64 {
        self.env.gas_limit.saturating_sub(self.totals.gas_used)
    }

    /// Whether the proposer is of the set.
    pub(crate) const fn proposer_is_known(&self) -> bool {
        self.operator.is_some()
    }

    /// Executes one transaction and says how much gas it used; an invalid one changes nothing.
    pub(crate) fn apply(&mut self, tx: Arc<RecoveredTx>) -> Result<u64, ExecError> {
        let outcome = self.executor.execute(&tx, self.gas_left())?;
        let gas_used = outcome.gas_used;
        self.record(tx, outcome).map_err(ExecError::State)?;
        Ok(gas_used)
    }

    fn record(&mut self, tx: Arc<RecoveredTx>, outcome: TxOutcome) -> Result<(), StateError> {
        self.totals.gas_used = self.totals.gas_used.saturating_add(outcome.gas_used);
        self.totals.base_fees = self.totals.base_fees.checked_add(outcome.base_fee)?;
        self.totals.tips = self.totals.tips.checked_add(outcome.tip)?;
        self.totals.shares = self.totals.shares.plus(outcome.shares)?;
        self.receipts.push(Receipt {
            kind: tx.tx.kind(),
            success: outcome.success,
            gas_used: outcome.gas_used,
            cumulative_gas_used: self.totals.gas_used,
            effective_gas_price: outcome.effective_gas_price,
            from: tx.sender,
            to: tx.tx.to().to().copied(),
            contract: outcome.created,
            tx_hash: tx.tx.hash(),
            logs: outcome.logs,
        });
        self.txs.push(tx);
        Ok(())
    }

    /// Runs the end-of-block steps.
    pub(crate) fn finish(self) -> Result<Executed, StateError> {
        let mut overlay = self.executor.into_overlay();
        let ended = lifecycle::end(&mut overlay, &self.env, self.operator, &self.totals)?;
        let mut events = self.events;
        events.extend(ended.events);
        let header = Header {
            height: self.env.height,
            hash: B256::ZERO,
            parent_hash: self.parent.hash,
            time: self.env.time,
            age: self.env.age,
            proposer: self.proposer,
            beneficiary: self.env.beneficiary,
            gas_limit: self.env.gas_limit,
            gas_used: self.totals.gas_used,
            base_fee: self.env.base_fee,
            prev_randao: self.env.prev_randao,
            tx_count: u32::try_from(self.txs.len()).unwrap_or(u32::MAX),
            total_power: self.total_power,
            burned: ended.burned.checked_add(self.totals.burned)?,
            ..Header::default()
        };
        Ok(Executed {
            header,
            txs: self.txs,
            receipts: self.receipts,
            delta: overlay.into_delta(),
            upgraded: self.upgraded,
            consensus: self.consensus,
            events,
            updates: ended.updates,
        })
    }
}

impl Executed {
    /// With the size of the block whose items these are.
    pub(crate) fn with_size_of(mut self, items: &[bytes::Bytes]) -> Self {
        self.header.size = items.iter().map(|item| item.len() as u64).fold(0, u64::saturating_add);
        self
    }

    /// Updates the trees and computes the roots, on all cores; writes nothing. `hash` is the block's.
    pub(crate) fn seal(self, store: &Store, hash: B256) -> Result<Sealed, StoreError> {
        let Self { mut header, txs, receipts, mut delta, upgraded, consensus, events, updates } = self;
        header.hash = hash;
        let on = store.latest();
        let (transactions_root, (receipts_root, bloom)) =
            rayon::join(|| transactions_root(&txs), || receipts_root(&receipts));
        header.transactions_root = transactions_root;
        header.receipts_root = receipts_root;
        header.logs_bloom = bloom;
        // Of all above: so the state, and whoever trusts its app hash, vouches for the block's record.
        lifecycle::seal(&mut delta, &header, &events);
        let prepared = store.prepare(&delta, on.as_ref())?;
        header.state_root = prepared.app_hash();
        header.substore_roots = *prepared.roots();
        Ok(Sealed { header, txs, receipts, prepared, upgraded, consensus, events, updates })
    }
}

/// Ethereum's trie of the raw transactions by index (D7).
pub(crate) fn transactions_root(txs: &[Arc<RecoveredTx>]) -> B256 {
    let raw: Vec<&Bytes> = txs.iter().map(|tx| tx.tx.raw()).collect();
    alloy_trie::root::ordered_trie_root_with_encoder(&raw, |raw, out| out.extend_from_slice(raw))
}

/// Ethereum's trie of the receipts by index (D7), and the union of their blooms.
pub(crate) fn receipts_root(receipts: &[Receipt]) -> (B256, Bloom) {
    let mut bits = BloomBits::default();
    let mut all = Bloom::ZERO;
    let encoded: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| {
            let bloom = bits.of(&receipt.logs);
            all |= bloom;
            encode_receipt(receipt, bloom)
        })
        .collect();
    let root =
        alloy_trie::root::ordered_trie_root_with_encoder(&encoded, |receipt, out| out.extend_from_slice(receipt));
    (root, all)
}

/// The receipt in Ethereum's consensus form: EIP-2718, of native transactions (100) with their own type byte.
#[must_use]
pub fn ethereum_receipt(receipt: &Receipt) -> Bytes {
    encode_receipt(receipt, BloomBits::default().of(&receipt.logs)).into()
}

fn encode_receipt(receipt: &Receipt, bloom: Bloom) -> Vec<u8> {
    let inner = EthReceipt {
        status: Eip658Value::Eip658(receipt.success),
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: receipt.logs.clone(),
    };
    let mut out = Vec::with_capacity(512);
    if receipt.kind != 0 {
        out.push(receipt.kind);
    }
    ReceiptWithBloom::new(inner, bloom).encode(&mut out);
    out
}

/// Blooms of what was met before in a block: every payment's log has the same address and first topic, and three keccaks
/// for each of them would cost more than executing it.
#[derive(Default)]
struct BloomBits(HashMap<Vec<u8>, Bloom>);

/// Most terms remembered; others are hashed again.
const BLOOM_TERMS: usize = 4_096;

impl BloomBits {
    fn of(&mut self, logs: &[Log]) -> Bloom {
        logs.iter().fold(Bloom::ZERO, |bloom, log| {
            let topics = log.data.topics().iter().map(|topic| topic.as_slice());
            topics.fold(bloom | self.term(log.address.as_slice()), |bloom, topic| bloom | self.term(topic))
        })
    }

    fn term(&mut self, term: &[u8]) -> Bloom {
        if let Some(known) = self.0.get(term) {
            return *known;
        }
        let mut bloom = Bloom::ZERO;
        bloom.accrue(BloomInput::Raw(term));
        if self.0.len() < BLOOM_TERMS {
            self.0.insert(term.to_vec(), bloom);
        }
        bloom
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_consensus::{ReceiptEnvelope, TxReceipt};
    use alloy_eips::eip2718::Encodable2718;

    use super::*;

    fn receipt(kind: u8) -> Receipt {
        let log = |n: u8| Log::new_unchecked(Address::repeat_byte(n), vec![B256::repeat_byte(n)], vec![n].into());
        Receipt {
            kind,
            success: true,
            cumulative_gas_used: 7,
            logs: vec![log(1), log(2), log(1)],
            gas_used: 7,
            effective_gas_price: 1,
            from: Address::ZERO,
            to: None,
            contract: None,
            tx_hash: B256::ZERO,
        }
    }

    #[test]
    fn receipts_are_ethereum_s_and_a_native_one_has_its_own_type() {
        let plain = |kind| {
            let Receipt { success, cumulative_gas_used, logs, .. } = receipt(kind);
            EthReceipt { status: Eip658Value::Eip658(success), cumulative_gas_used, logs }.with_bloom()
        };
        let of = |kind: u8| ethereum_receipt(&receipt(kind)).to_vec();
        assert_eq!(of(0), ReceiptEnvelope::Legacy(plain(0)).encoded_2718());
        assert_eq!(of(1), ReceiptEnvelope::Eip2930(plain(1)).encoded_2718());
        assert_eq!(of(2), ReceiptEnvelope::Eip1559(plain(2)).encoded_2718());
        assert_eq!(of(4), ReceiptEnvelope::Eip7702(plain(4)).encoded_2718());
        assert_eq!(of(100).split_first().unwrap(), (&100, of(0).as_slice()));
        let envelopes = [ReceiptEnvelope::Eip1559(plain(2)), ReceiptEnvelope::Legacy(plain(0))];
        let (root, bloom) = receipts_root(&[receipt(2), receipt(0)]);
        assert_eq!(root, alloy_consensus::proofs::calculate_receipt_root(&envelopes));
        assert_eq!(bloom, plain(0).bloom());
    }
}
