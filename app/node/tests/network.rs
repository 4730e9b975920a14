//! Real networks: the binary behind the modified CometBFT. The ignored ones take minutes: `cargo xtask test-long`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256};
use defchain_abci::{RecordingReader, replay, types::response};
use defchain_base::{ConsensusAddress, Height, Power};
use defchain_chain::{Chain, ChainConfig, proposer};
use defchain_localnet::{Network, PortPlan, Rpc, Spec, create};
use defchain_sdk::Wallet;
use defchain_store::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);
const PHRASE: &str = "test test test test test test test test test test test junk";
const CHAIN_ID: u64 = 35_679;

/// The modified CometBFT with these build tags: the one that xtask built, else built now (warm: a moment).
fn cometbft(tags: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cometbft-config");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cometbft-{}", tags.replace(',', "-")));
    let status = Command::new("go")
        .current_dir(folder)
        .env("GOTOOLCHAIN", "local")
        .args(["run", "./cmd/build-cometbft", "--tags", tags, "--out"])
        .arg(&out)
        .status()
        .expect("Go is needed to build the modified CometBFT");
    assert!(status.success(), "the modified CometBFT does not build");
    out
}

fn honest() -> PathBuf {
    cometbft("pod", "DEFCHAIN_COMETBFT")
}

fn spec(folder: &TempDir, powers: &[u64]) -> Spec {
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), app, &honest(), powers.to_vec());
    // These tests compare balances to the wei and do not mean the economy.
    spec.economy = "plain".to_owned();
    spec.ports = PortPlan::Free;
    spec
}

fn start(spec: &Spec) -> Network {
    Network::start(&spec.dir, &spec.app, create(spec).unwrap()).unwrap()
}

/// Transfers to everybody in turn, until stopped.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    fn start(urls: Vec<String>, account: u32) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (stop.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            let wallet = Wallet::from_mnemonic(PHRASE, account, CHAIN_ID).unwrap();
            let rpcs: Vec<Rpc> = urls.into_iter().map(Rpc::new).collect();
            let mut nonce = 0;
            while !stopped.load(Ordering::SeqCst) {
                let raw = transfer(&wallet, nonce);
                // A node that is down right now is no reason to stop: the next one takes it.
                let taken = rpcs.iter().any(|rpc| match rpc.call("eth_sendRawTransaction", json!([raw])) {
                    Ok(_) => true,
                    Err(error) => error.to_string().contains("already known"),
                });
                if taken {
                    nonce += 1;
                    count.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.sent.load(Ordering::SeqCst)
    }
}

fn transfer(wallet: &Wallet, nonce: u64) -> String {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::with_last_byte(u8::try_from(nonce % 200).unwrap() + 20)),
        value: U256::from(nonce + 1),
        ..Default::default()
    };
    wallet.sign(tx).unwrap().raw.to_string()
}

/// The state root at each height, on each validator, must be the same.
fn assert_equal_hashes(network: &Network, up_to: u64) {
    for height in 0..=up_to {
        let which = format!("0x{height:x}");
        let tips: Vec<_> = (0..network.nodes.len()).map(|i| network.rpc(i).block(&which).unwrap()).collect();
        assert!(tips[0].is_some(), "node0 lacks block {height}");
        for (i, tip) in tips.iter().enumerate() {
            assert_eq!(tip, &tips[0], "block {height} of node{i}");
        }
    }
}

fn newest(network: &Network) -> u64 {
    network.tips().into_iter().flatten().map(|t| t.height).max().unwrap_or(0)
}

/// Replays a recording on a new database with so many threads; returns the app hash of each height.
fn replayed(recording: &Path, config: &Path, threads: usize) -> BTreeMap<i64, B256> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { sync: false, ..StoreOptions::default() };
        let store = Store::open(folder.path().join("app"), options).unwrap();
        let config = ChainConfig { genesis_dir: Some(config.to_owned()), ..ChainConfig::default() };
        let chain = Chain::open(store, config).unwrap();
        let reader = RecordingReader::open(recording, 128 << 20).unwrap();
        let mut hashes = BTreeMap::new();
        replay(&chain, reader, |recorded, fresh| {
            if let (response::Value::FinalizeBlock(was), response::Value::FinalizeBlock(is)) =
                (&recorded.response, fresh)
            {
                let height = i64::try_from(hashes.len()).unwrap() + 1;
                assert_eq!(was.app_hash, is.app_hash, "app hash of block {height} with {threads} threads");
                hashes.insert(height, B256::from_slice(&is.app_hash));
            }
            Ok::<(), defchain_abci::Error>(())
        })
        .unwrap();
        chain.shutdown();
        hashes
    })
}

/// Shown by 1, 3 and 5: agreement, resuming, kill -9 of either half, replay of a recording.
#[test]
fn a_network_survives_kills_resumes_and_replays_to_the_same_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(&folder, &[19, 24, 27, 30]);
    spec.record = true;
    let network = start(&spec);
    network.wait_height(3, PATIENCE).unwrap();
    let urls = network.nodes.iter().map(|n| n.rpc_url()).collect();
    let load = Load::start(urls, 0);

    let (app, comet) = network.halves(1);
    assert!(app.is_some() && comet.is_some(), "both halves run");
    network.kill_9(app.unwrap()).unwrap();
    let before = network.rpc(0).tip().unwrap().height;
    network.wait(PATIENCE, "the others go on", |n| n.rpc(0).tip().is_ok_and(|t| t.height >= before + 5)).unwrap();
    let here = newest(&network);
    network.wait(PATIENCE, "node1 returns", |n| n.rpc(1).tip().is_ok_and(|t| t.height >= here)).unwrap();

    let (_, comet) = network.halves(2);
    network.kill_9(comet.unwrap()).unwrap();
    let before = network.rpc(0).tip().unwrap().height;
    network.wait(PATIENCE, "the others go on", |n| n.rpc(0).tip().is_ok_and(|t| t.height >= before + 5)).unwrap();
    let here = newest(&network);
    network.wait(PATIENCE, "node2 returns", |n| n.rpc(2).tip().is_ok_and(|t| t.height >= here)).unwrap();

    let sent = load.end();
    assert!(sent >= 20, "only {sent} transfers were sent");
    let sender = Wallet::from_mnemonic(PHRASE, 0, CHAIN_ID).unwrap().address();
    network
        .wait(PATIENCE, "every transfer is in a block", |n| {
            let nonce = n.rpc(3).call("eth_getTransactionCount", json!([sender, "latest"]));
            nonce.is_ok_and(|v| v.as_str() == Some(format!("0x{sent:x}").as_str()))
        })
        .unwrap();
    let last = newest(&network);
    network.wait_height(last, PATIENCE).unwrap();
    assert_equal_hashes(&network, last);
    let nodes = network.nodes.clone();
    network.stop().unwrap();

    let network = Network::start(&spec.dir, &spec.app, nodes).unwrap();
    let tips = network.wait_height(last + 2, PATIENCE).unwrap();
    assert!(tips.iter().all(|tip| tip == &tips[0]), "the network resumes where it was: {tips:?}");
    assert_equal_hashes(&network, last);
    let config = network.nodes[0].home.join("config");
    let recording = network.nodes[0].recording();
    network.stop().unwrap();

    let one = replayed(&recording, &config, 1);
    let two = replayed(&recording, &config, 2);
    assert!(one.len() as u64 >= last, "{} heights recorded, {last} made", one.len());
    assert_eq!(one, two);
}

/// A validator's power and address from CometBFT.
fn validators(network: &Network) -> Vec<(ConsensusAddress, Power)> {
    let answer = network.comet(0, "/validators?per_page=100").unwrap();
    let set = answer["validators"].as_array().unwrap();
    set.iter()
        .map(|v| {
            let address = serde_json::from_value(v["address"].clone()).unwrap();
            (address, Power(v["voting_power"].as_str().unwrap().parse().unwrap()))
        })
        .collect()
}

/// Block hash, header's proposer, and the round of the commit that decided it.
fn decided(network: &Network, height: u64) -> (B256, ConsensusAddress, u64) {
    let commit = network.comet(0, &format!("/commit?height={height}")).unwrap();
    let signed = &commit["signed_header"];
    let proposer = serde_json::from_value(signed["header"]["proposer_address"].clone()).unwrap();
    let hash = signed["commit"]["block_id"]["hash"].as_str().unwrap().parse().unwrap();
    let round = match &signed["commit"]["round"] {
        Value::Number(n) => n.as_u64().unwrap(),
        other => other.as_str().unwrap().parse().unwrap(),
    };
    (hash, proposer, round)
}

/// Every proposer is the Rust draw of a round not above its commit's. Returns how often each proposed.
fn check_draws(network: &Network, blocks: u64) -> BTreeMap<ConsensusAddress, u64> {
    let set = validators(network);
    let mut previous = proposer::genesis_hash("deflation-local-1");
    let mut counts = BTreeMap::new();
    for height in 1..=blocks {
        let (hash, named, round) = decided(network, height);
        let fits = (0..=round).any(|r| proposer::draw(&set, Height(height), r, &previous) == Some(named));
        assert!(fits, "block {height}: {named} is no draw of rounds 0 to {round}");
        *counts.entry(named).or_insert(0) += 1;
        previous = hash;
    }
    counts
}

#[test]
fn every_proposer_is_the_rust_draw() {
    let folder = tempfile::tempdir().unwrap();
    let network = start(&spec(&folder, &[19, 24, 27, 30]));
    network.wait_height(41, PATIENCE).unwrap();
    check_draws(&network, 40);
    network.stop().unwrap();
}

/// Shown by 4: counts fit the weights.
#[test]
#[ignore = "2,000 blocks take six minutes: cargo xtask test-long"]
fn proposer_counts_of_two_thousand_blocks_fit_the_weights() {
    const BLOCKS: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let network = start(&spec(&folder, &[19, 24, 27, 30]));
    network.wait_height(BLOCKS + 1, Duration::from_secs(1_800)).unwrap();
    let counts = check_draws(&network, BLOCKS);
    let set = validators(&network);
    let total: u64 = set.iter().map(|(_, power)| power.0).sum();
    let mut chi = 0.0;
    for (address, power) in &set {
        let expected = BLOCKS as f64 * power.0 as f64 / total as f64;
        let observed = *counts.get(address).unwrap_or(&0) as f64;
        chi += (observed - expected).powi(2) / expected;
        println!("{address}: proposed {observed} of {BLOCKS}, expected {expected:.1}");
    }
    println!("chi-square {chi:.2} with 3 degrees of freedom; 11.34 is p = 0.01");
    assert!(chi < 11.34, "chi-square {chi}");
    network.stop().unwrap();
}

/// Shown by 4: who names another in the header is voted down, and the network goes on.
#[test]
#[ignore = "builds another CometBFT: cargo xtask test-long"]
fn a_proposer_that_names_another_is_voted_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(&folder, &[25, 25, 25, 25]);
    let liar = cometbft("pod,pod_byzantine", "DEFCHAIN_COMETBFT_BYZANTINE");
    spec.cometbft = vec![honest(), honest(), honest(), liar];
    let network = start(&spec);
    let blocks = 80;
    network.wait_height(blocks + 1, Duration::from_secs(600)).unwrap();
    // Every header that got through names a draw: no lie did.
    let counts = check_draws(&network, blocks);
    let log = |i: usize| std::fs::read_to_string(network.nodes[i].log_dir().join("cometbft.log")).unwrap();
    let lies = log(3).matches("byzantine: naming another proposer").count();
    let refused = log(0).matches("the header names a proposer who was not drawn").count();
    println!("{lies} lies told, node0 refused {refused}; blocks by proposer {counts:?}");
    assert!(lies > 0 && refused > 0, "{lies} lies, {refused} refused");
    network.stop().unwrap();
}
