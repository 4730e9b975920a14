//! A change of rules at an agreed height, through the ABCI calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{GWEI, Key, genesis};
use defchain_abci::{
    Application,
    types::{RequestFinalizeBlock, RequestInfo, ResponseFinalizeBlock},
};
use defchain_base::{Address, B256, Height, StateError, StateReadExt, StateWrite, StateWriteExt, Timestamp};
use defchain_chain::{
    Chain, ChainConfig,
    driver::{DevDriver, DevGenesis, block_hash},
    params::PARAMS_KEY,
    payload,
    rules::{Rules, Table, V1},
    upgrade::{UpgradeError, UpgradePlan, Upgrades, version},
};
use defchain_store::{Store, StoreOptions};
use tempfile::TempDir;

const HEIGHT: u64 = 5;

/// Visible in every base fee from the next block on.
fn dearer(state: &mut dyn StateWrite) -> Result<(), StateError> {
    let mut params = state.read(&PARAMS_KEY)?.expect("params");
    params.min_base_fee *= 3;
    state.write(&PARAMS_KEY, &params)
}

fn refuses(_: &mut dyn StateWrite) -> Result<(), StateError> {
    Err(StateError::Invariant("the migration found 3 where 4 belongs".to_owned()))
}

const V2: Rules = Rules { version: 2, name: "two", prev_randao_domain: b"two", migration: Some(dearer) };
const BROKEN: Rules = Rules { migration: Some(refuses), ..V2 };
static OLD: [Rules; 1] = [V1];
static NEW: [Rules; 2] = [V1, V2];
static WRONG: [Rules; 2] = [V1, BROKEN];

fn plan() -> UpgradePlan {
    UpgradePlan { height: Height(HEIGHT), app_version: 2, name: "two".to_owned() }
}

fn with(table: &'static [Rules], agreed: Option<UpgradePlan>) -> ChainConfig {
    ChainConfig { upgrades: Upgrades { table: Table::new(table), agreed }, ..ChainConfig::default() }
}

fn open(folder: &TempDir, config: ChainConfig) -> Result<Chain, defchain_chain::ChainError> {
    let options = StoreOptions { sync: false, ..StoreOptions::default() };
    Chain::open(Store::open(folder.path().join("store"), options).unwrap(), config)
}

fn driver(folder: &TempDir, genesis: &DevGenesis, config: ChainConfig) -> DevDriver {
    DevDriver::start(open(folder, config).unwrap(), genesis).unwrap()
}

fn planned() -> DevGenesis {
    let mut genesis = genesis(2);
    genesis.app_state.upgrade = Some(plan());
    genesis
}

/// The next block with one transfer in it.
fn block(driver: &DevDriver) -> B256 {
    let latest = driver.chain().reader().latest().unwrap();
    let raw = Key::new(0).transfer(latest.height.0, Address::repeat_byte(7), 5 * GWEI);
    driver.chain().pool().add_many(vec![raw]).remove(0).unwrap();
    driver.block(Timestamp(latest.time.0 + 1_000)).unwrap().state_root
}

fn app_version(chain: &Chain) -> u64 {
    chain.info(RequestInfo::default()).app_version
}

/// FinalizeBlock of the next height with no transactions, as CometBFT sends it in a replay.
fn finalize_empty(driver: &DevDriver) -> ResponseFinalizeBlock {
    let latest = driver.chain().reader().latest().unwrap();
    let proposer = driver.proposer(&latest).unwrap();
    let items = payload::encode_items([].into_iter()).map(|item| item.0).to_vec();
    let time = Timestamp(latest.time.0 + 1_000);
    let hash = block_hash(&latest.hash, latest.height.next(), time, &proposer, &items);
    driver.chain().finalize_block(RequestFinalizeBlock {
        txs: items,
        hash: hash.0.to_vec().into(),
        height: i64::try_from(latest.height.next().0).unwrap(),
        time: Some(tendermint_proto::google::protobuf::Timestamp {
            seconds: i64::try_from(time.seconds()).unwrap(),
            nanos: 0,
        }),
        proposer_address: proposer.0.to_vec().into(),
        decided_last_commit: Some(Default::default()),
        ..Default::default()
    })
}

#[test]
fn an_old_program_stops_before_the_height_and_a_new_one_goes_on_from_there() {
    let genesis = planned();
    let folder = tempfile::tempdir().unwrap();
    let old = driver(&folder, &genesis, with(&OLD, None));
    let ended = old.chain().ended();
    for height in 1..HEIGHT {
        assert_eq!(*ended.borrow(), None, "before block {height}");
        block(&old);
    }
    // The block before the upgrade is committed; the program says that it can make no other, and refuses to try.
    assert_eq!(*ended.borrow(), Some(UpgradeError::Needed { plan: plan(), newest: 1 }));
    let refused = catch_unwind(AssertUnwindSafe(|| finalize_empty(&old))).unwrap_err();
    let said = refused.downcast_ref::<String>().unwrap();
    assert!(said.contains("upgrade \"two\" to rules version 2 at block 5"), "{said}");
    assert_eq!(app_version(old.chain()), 1);
    let min = old.chain().reader().params().min_base_fee;
    old.chain().shutdown();
    drop((old, ended));
    // Started again, it says so at once.
    let again = open(&folder, with(&OLD, None)).err().unwrap().to_string();
    assert!(again.contains("install the defchain-app of that release"), "{again}");

    let new = driver(&folder, &genesis, with(&NEW, None));
    assert_eq!(app_version(new.chain()), 1);
    let randao = new.chain().reader().next_env(Timestamp(0)).unwrap().prev_randao;
    block(&new);
    let reader = new.chain().reader();
    assert_eq!(reader.latest().unwrap().height, Height(HEIGHT));
    assert_eq!(reader.latest().unwrap().prev_randao, randao, "the new rules hold in the block itself");
    assert_eq!(reader.params().min_base_fee, 3 * min);
    assert_eq!(app_version(new.chain()), 2);
    block(&new);
    assert_eq!(reader.latest().unwrap().base_fee, 3 * min, "migrated parameters hold from the next block on");
    // The past reads as it was.
    let before = reader.state(Height(HEIGHT - 1)).unwrap();
    assert_eq!((version(&before).unwrap(), before.read(&PARAMS_KEY).unwrap().unwrap().min_base_fee), (1, min));
    new.chain().shutdown();
    drop((new, reader, before));
    let late = open(&folder, with(&OLD, None)).err().unwrap().to_string();
    assert!(late.contains("under rules version 2") && late.contains("too old"), "{late}");
}

#[test]
fn a_replay_from_genesis_passes_the_height_to_the_same_hashes_whoever_planned_it() {
    let run = |genesis: &DevGenesis, agreed: Option<UpgradePlan>, programs: &[&'static [Rules]]| {
        let folder = tempfile::tempdir().unwrap();
        let mut hashes = Vec::new();
        for (i, table) in programs.iter().enumerate() {
            let node = driver(&folder, genesis, with(table, agreed.clone()));
            let until = if i + 1 == programs.len() { HEIGHT + 3 } else { HEIGHT - 1 };
            while node.chain().reader().latest().unwrap().height.0 < until {
                hashes.push(block(&node));
            }
            node.chain().shutdown();
        }
        hashes
    };
    let swapped = run(&planned(), None, &[&OLD, &NEW]);
    assert_eq!(swapped, run(&planned(), None, &[&NEW]), "a fifth node replays with the new program alone");
    let by_entry = run(&genesis(2), Some(plan()), &[&OLD, &NEW]);
    assert_eq!(by_entry, run(&genesis(2), Some(plan()), &[&NEW]));
    let never = run(&genesis(2), None, &[&NEW]);
    let first = usize::try_from(HEIGHT).unwrap() - 1;
    assert_eq!(never[..first], by_entry[..first], "an entry leaves no trace before its height");
    assert_ne!(never[first], by_entry[first], "without it the app hash of the height differs");
}

#[test]
fn cometbft_learns_the_version_with_the_block_that_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = driver(&folder, &planned(), with(&NEW, None));
    for height in 1..=HEIGHT + 1 {
        let updates = finalize_empty(&node).consensus_param_updates;
        node.chain().commit();
        match height {
            HEIGHT => {
                let updates = updates.unwrap();
                assert_eq!(updates.version.unwrap().app, 2);
                assert!(updates.block.is_none() && updates.evidence.is_none(), "nothing else changes");
            }
            _ => assert_eq!(updates, None, "block {height}"),
        }
    }
    node.chain().shutdown();
}

#[test]
fn a_migration_that_refuses_stops_the_node_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = driver(&folder, &planned(), with(&WRONG, None));
    for _ in 1..HEIGHT {
        block(&node);
    }
    let before = node.chain().reader().latest().unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| finalize_empty(&node))).unwrap_err();
    let said = refused.downcast_ref::<String>().unwrap();
    assert!(said.contains("the migration found 3 where 4 belongs"), "{said}");
    assert_eq!(node.chain().reader().latest().unwrap(), before);
    node.chain().shutdown();
}

#[test]
fn a_genesis_with_a_plan_or_pools_has_a_hash_of_its_own_and_a_plain_one_keeps_its() {
    let hash = |genesis: &DevGenesis| {
        let folder = tempfile::tempdir().unwrap();
        let node = driver(&folder, genesis, with(&NEW, None));
        let header = node.chain().reader().latest().unwrap();
        node.chain().shutdown();
        (header.hash, header.state_root)
    };
    let plain = hash(&genesis(2));
    let planned = hash(&planned());
    assert_ne!(plain.0, planned.0);
    assert_ne!(plain.1, planned.1);
}
