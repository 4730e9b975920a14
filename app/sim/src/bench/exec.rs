//! Admission, execution and commit of blocks in one process, without CometBFT and without RPC: what the application
//! alone can do, and where its time goes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes};
use anyhow::{Context, Result, ensure};
use defchain_abci::{
    Application,
    types::{Misbehavior, RequestFinalizeBlock, RequestPrepareProposal, RequestProcessProposal},
};
use defchain_base::{Height, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis, block_hash},
    genesis::{AppState, GenesisAccount},
};
use defchain_store::{Store, StoreOptions};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use tendermint_proto::google::protobuf::Timestamp as ProtoTime;

use super::{
    load::CHAIN_ID,
    network::{Money, accounts_file, temporary},
};
use crate::load::{Accounts, TransferPlan, Work, sign_ahead};

/// Room of a payload: the limit of the chain's parameters decides.
const MAX_TX_BYTES: i64 = 64 * 1024 * 1024;
const GENESIS_TIME: Timestamp = Timestamp(1_800_000_000_000);
const BLOCK_MILLIS: u64 = 500;

/// What to do.
#[derive(Debug, Clone)]
pub struct ExecPlan {
    /// What the transactions do.
    pub work: Work,
    /// Accounts that send.
    pub senders: u64,
    /// Accounts in state.
    pub accounts: u64,
    /// Blocks that are measured, after two that are not.
    pub blocks: u64,
    /// Transfers of each.
    pub block_size: u64,
    /// Whether commits wait for the disk.
    pub sync: bool,
    /// How money behaves.
    pub money: Money,
    /// Where the temporary folder is made.
    pub under: Option<std::path::PathBuf>,
}

/// What came out. Times are for all measured blocks, seconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ExecFigures {
    /// Transfers per second of the sum of all stages, one after the other.
    pub transfers_per_s: f64,
    /// Transfers.
    pub transfers: u64,
    /// Into the pool: decoding, recovery of signatures on all cores, judging.
    pub admit_s: f64,
    /// PrepareProposal: choosing and executing; updating the trees begins.
    pub prepare_s: f64,
    /// ProcessProposal of the node's own proposal: comparing it.
    pub process_s: f64,
    /// FinalizeBlock: the rest of the trees and roots.
    pub finalize_s: f64,
    /// Commit: one synced batch, and the pool's update.
    pub commit_s: f64,
    /// The same blocks on a second node that has never seen the transactions: ProcessProposal with recovery.
    pub cold_process_s: f64,
    /// FinalizeBlock there.
    pub cold_finalize_s: f64,
    /// Commit there.
    pub cold_commit_s: f64,
    /// Seconds of genesis with all accounts.
    pub genesis_s: f64,
}

/// Runs the blocks.
///
/// # Errors
/// When the chain cannot be opened or refuses a transfer.
pub fn run(plan: &ExecPlan) -> Result<ExecFigures> {
    let accounts = Accounts::derive(plan.senders, plan.accounts)?;
    let transfers = TransferPlan {
        work: plan.work,
        chain_id: CHAIN_ID,
        count: plan.block_size * (plan.blocks + 2),
        batch: plan.block_size,
        lanes: 1,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 100_000_000,
        value: plan.work.value(),
    };
    let lanes = sign_ahead(&accounts, &transfers)?;
    let contracts = plan.work.contracts(&accounts)?;
    let under = plan.under.as_deref();
    let state = AppState { token: plan.money.params(), ..AppState::default() };
    let genesis = BenchGenesis::single(state);
    let bench = Bench::open(BenchPlan { accounts: &accounts, contracts, genesis, sync: plan.sync, under })?;
    let mut figures = ExecFigures { genesis_s: bench.genesis.as_secs_f64(), ..ExecFigures::default() };
    for (number, batch) in lanes.iter().flat_map(|lane| &lane.batches).enumerate() {
        let times = bench.run(raw_transactions(&batch.body)?, plan.block_size, true)?;
        // Caches are cold and files young in the first blocks.
        if number >= 2 {
            figures.add(&times.stages, &times.cold, plan.block_size);
        }
    }
    figures.transfers_per_s = figures.transfers as f64 / figures.stages_s();
    bench.close();
    Ok(figures)
}

/// Two applications in this process: one proposes, the other follows and has never seen the transactions.
pub(super) struct Bench {
    proposer: Node,
    other: Node,
    /// How long genesis took on one of them.
    pub genesis: Duration,
    _folder: TempDir,
}

/// What they begin with.
pub(super) struct BenchPlan<'a> {
    pub accounts: &'a Accounts,
    /// Contracts beside the accounts.
    pub contracts: Vec<GenesisAccount>,
    /// Everything else.
    pub genesis: BenchGenesis,
    /// Whether commits wait for the disk.
    pub sync: bool,
    pub under: Option<&'a Path>,
}

/// A chain's genesis without its accounts.
pub(super) struct BenchGenesis(pub DevGenesis);

impl BenchGenesis {
    /// One validator.
    pub fn single(state: AppState) -> Self {
        Self(DevGenesis::single("deflation-local-1", GENESIS_TIME, Address::repeat_byte(0xbe), state))
    }
}

/// What is peculiar about a block.
pub(super) struct Moment {
    /// Since the block before.
    pub step_millis: u64,
    /// What CometBFT reports.
    pub misbehavior: Vec<Misbehavior>,
}

impl Moment {
    /// Half a second after the block before, and nothing else.
    pub const NEXT: Self = Self { step_millis: BLOCK_MILLIS, misbehavior: Vec::new() };
}

/// How long a block took.
pub(super) struct Times {
    /// Admit, prepare, process, finalize, commit.
    pub stages: [Duration; 5],
    /// Process, finalize and commit on the other.
    pub cold: [Duration; 3],
}

impl Bench {
    pub fn open(plan: BenchPlan<'_>) -> Result<Self> {
        let folder = temporary(plan.under)?;
        let file = accounts_file(folder.path(), plan.accounts, plan.contracts)?;
        let BenchGenesis(mut genesis) = plan.genesis;
        genesis.app_state.accounts_file = Some(file);
        let started = Instant::now();
        let proposer = Node::open(folder.path(), "proposer", plan.sync, &genesis)?;
        let took = started.elapsed();
        let other = Node::open(folder.path(), "other", plan.sync, &genesis)?;
        Ok(Self { proposer, other, genesis: took, _folder: folder })
    }

    /// Runs one block of these transactions on both; `succeed`: a transaction that fails is an error.
    pub fn run(&self, raws: Vec<Bytes>, expected: u64, succeed: bool) -> Result<Times> {
        self.run_at(raws, expected, succeed, &Moment::NEXT)
    }

    /// The same at some other time than half a second later.
    pub fn run_at(&self, raws: Vec<Bytes>, expected: u64, succeed: bool, moment: &Moment) -> Result<Times> {
        let proposed = self.proposer.propose(raws, expected, moment)?;
        let cold = self.other.follow(&proposed, moment)?;
        if succeed {
            let block = self.other.driver.chain().reader().block(proposed.height)?.context("the block is gone")?;
            let failed = block.receipts.iter().filter(|receipt| !receipt.success).count();
            ensure!(failed == 0, "{failed} of {expected} transactions of block {} failed", proposed.height);
        }
        Ok(Times { stages: proposed.stages, cold })
    }

    /// The proposer's chain.
    pub const fn chain(&self) -> &Chain {
        self.proposer.driver.chain()
    }

    /// Gas of the newest block.
    pub fn gas_used(&self) -> Result<u64> {
        Ok(self.proposer.driver.chain().reader().latest()?.gas_used)
    }

    pub fn close(self) {
        self.proposer.close();
        self.other.close();
    }
}

impl ExecFigures {
    /// All stages of the proposer.
    #[must_use]
    pub fn stages_s(&self) -> f64 {
        self.admit_s + self.prepare_s + self.process_s + self.finalize_s + self.commit_s
    }

    /// All stages of a node that saw the transactions first in the block.
    #[must_use]
    pub fn cold_s(&self) -> f64 {
        self.cold_process_s + self.cold_finalize_s + self.cold_commit_s
    }

    fn add(&mut self, stages: &[Duration; 5], cold: &[Duration; 3], transfers: u64) {
        let own =
            [&mut self.admit_s, &mut self.prepare_s, &mut self.process_s, &mut self.finalize_s, &mut self.commit_s];
        own.into_iter().zip(stages).for_each(|(sum, time)| *sum += time.as_secs_f64());
        let cold_sums = [&mut self.cold_process_s, &mut self.cold_finalize_s, &mut self.cold_commit_s];
        cold_sums.into_iter().zip(cold).for_each(|(sum, time)| *sum += time.as_secs_f64());
        self.transfers += transfers;
    }
}

struct Node {
    driver: DevDriver,
}

struct Proposed {
    items: Vec<Bytes>,
    height: Height,
    time: Timestamp,
    /// Admit, prepare, process, finalize, commit.
    stages: [Duration; 5],
}

impl Node {
    fn open(folder: &std::path::Path, name: &str, sync: bool, genesis: &DevGenesis) -> Result<Self> {
        let store = Store::open(folder.join(name), StoreOptions { sync, ..StoreOptions::default() })?;
        let config = ChainConfig {
            genesis_dir: Some(folder.to_owned()),
            // The whole block, however long it takes: what is measured is work, not the deadline.
            build_time: Duration::from_secs(60),
            work_time: Duration::from_secs(600),
            ..ChainConfig::default()
        };
        Ok(Self { driver: DevDriver::start(Chain::open(store, config)?, genesis)? })
    }

    fn close(self) {
        self.driver.chain().shutdown();
    }

    fn propose(&self, raws: Vec<Bytes>, expected: u64, moment: &Moment) -> Result<Proposed> {
        let chain = self.driver.chain();
        let mut clock = Clock::start();
        for admitted in chain.pool().add_many(raws) {
            admitted.context("the pool refused a transfer")?;
        }
        let admit = clock.lap();
        let parent = chain.reader().latest()?;
        let (height, time) = (parent.height.next(), Timestamp(parent.time.0 + moment.step_millis));
        let proposer = self.driver.proposer(&parent)?;
        let address = || Bytes::copy_from_slice(&proposer.0).into();
        let local_last_commit = Some(self.driver.last_commit(&parent)?);
        let mut clock = Clock::start();
        let items: Vec<Bytes> = chain
            .prepare_proposal(RequestPrepareProposal {
                max_tx_bytes: MAX_TX_BYTES,
                height: i64::try_from(height.0)?,
                time: Some(proto_time(time)?),
                proposer_address: address(),
                local_last_commit,
                misbehavior: moment.misbehavior.clone(),
                ..Default::default()
            })
            .txs
            .into_iter()
            .map(Bytes)
            .collect();
        let prepare = clock.lap();
        let hash = block_hash(&parent.hash, height, time, &proposer, &plain(&items));
        let [process, finalize, commit] = self.run_block(&items, height, time, hash, moment)?;
        let found = u64::from(chain.reader().latest()?.tx_count);
        ensure!(found == expected, "block {height} has {found} transfers of {expected}: lower --block-size");
        Ok(Proposed { items, height, time, stages: [admit, prepare, process, finalize, commit] })
    }

    fn follow(&self, proposed: &Proposed, moment: &Moment) -> Result<[Duration; 3]> {
        let Proposed { items, height, time, .. } = proposed;
        let parent = self.driver.chain().reader().latest()?;
        let proposer = self.driver.proposer(&parent)?;
        let hash = block_hash(&parent.hash, *height, *time, &proposer, &plain(items));
        self.run_block(items, *height, *time, hash, moment)
    }

    /// Process, Finalize, Commit.
    fn run_block(
        &self,
        items: &[Bytes],
        height: Height,
        time: Timestamp,
        hash: alloy_primitives::B256,
        moment: &Moment,
    ) -> Result<[Duration; 3]> {
        let chain = self.driver.chain();
        let parent = chain.reader().latest()?;
        let proposer = self.driver.proposer(&parent)?;
        let (height_raw, proto) = (i64::try_from(height.0)?, proto_time(time)?);
        let last_commit = Some(self.driver.commit_below()?);
        let misbehavior = &moment.misbehavior;
        let mut clock = Clock::start();
        let answer = chain.process_proposal(RequestProcessProposal {
            txs: plain(items),
            hash: hash.0.to_vec().into(),
            height: height_raw,
            time: Some(proto),
            proposer_address: proposer.0.to_vec().into(),
            proposed_last_commit: last_commit.clone(),
            misbehavior: misbehavior.clone(),
            ..Default::default()
        });
        let process = clock.lap();
        ensure!(answer.status == 1, "block {height} was refused (status {})", answer.status);
        chain.finalize_block(RequestFinalizeBlock {
            txs: plain(items),
            hash: hash.0.to_vec().into(),
            height: height_raw,
            time: Some(proto),
            proposer_address: proposer.0.to_vec().into(),
            decided_last_commit: last_commit,
            misbehavior: misbehavior.clone(),
            ..Default::default()
        });
        let finalize = clock.lap();
        chain.commit();
        Ok([process, finalize, clock.lap()])
    }
}

struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let lap = self.0.elapsed();
        self.0 = Instant::now();
        lap
    }
}

fn plain(items: &[Bytes]) -> Vec<bytes::Bytes> {
    items.iter().map(|item| item.0.clone()).collect()
}

pub(super) fn proto_time(time: Timestamp) -> Result<ProtoTime> {
    let nanos = i32::try_from(time.0 % 1_000)? * 1_000_000;
    Ok(ProtoTime { seconds: i64::try_from(time.seconds())?, nanos })
}

/// The transactions of a request that was made for RPC.
fn raw_transactions(body: &[u8]) -> Result<Vec<Bytes>> {
    let calls: Vec<Value> = serde_json::from_slice(body)?;
    let raw = |call: &Value| {
        let text = call.pointer("/params/0").and_then(Value::as_str).context("a call without transaction")?;
        text.parse().context("a transaction that is not hex")
    };
    calls.iter().map(raw).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn blocks_of_transfers_run_through_every_stage_on_two_nodes() {
        let plan = ExecPlan {
            work: Work::Transfers,
            senders: 30,
            accounts: 100,
            blocks: 2,
            block_size: 50,
            sync: false,
            money: Money::Real,
            under: None,
        };
        let figures = run(&plan).unwrap();
        assert_eq!(figures.transfers, 100);
        assert!(figures.transfers_per_s > 0.0 && figures.cold_s() > 0.0);
    }
}
