//! Nodes that join a running network: from a snapshot, or by executing every block. The long one runs with
//! `cargo xtask test-long`.
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
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use defchain_localnet::{DEV_ACCOUNTS, Network, Node, PortPlan, Spec, add_follower, create, node_id};
use defchain_sdk::Wallet;
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);
const PHRASE: &str = "test test test test test test test test test test test junk";
const CHAIN_ID: u64 = 35_679;
/// Answers every call with the number of the block.
const NUMBER_CODE: &str = "0x6009600c60003960096000f34360005260206000f3";

fn cometbft() -> PathBuf {
    if let Some(path) = std::env::var_os("DEFCHAIN_COMETBFT") {
        return path.into();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cometbft-config");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cometbft-pod");
    let status = Command::new("go")
        .current_dir(folder)
        .env("GOTOOLCHAIN", "local")
        .args(["run", "./cmd/build-cometbft", "--out"])
        .arg(&out)
        .status()
        .expect("Go is needed to build the modified CometBFT");
    assert!(status.success(), "the modified CometBFT does not build");
    out
}

fn spec(folder: &TempDir, powers: &[u64], interval: u64) -> Spec {
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), app, &cometbft(), powers.to_vec());
    // These tests compare balances to the wei and do not mean the economy.
    spec.economy = "plain".to_owned();
    spec.ports = PortPlan::Free;
    let setting = |key: &str, value: String| (key.to_owned(), value);
    spec.app_config.push(setting("snapshots.interval", interval.to_string()));
    spec.app_config.push(setting("snapshots.keep", "50".to_owned()));
    spec.app_config.push(setting("snapshots.chunk_kib", "1".to_owned()));
    // The least that CometBFT takes; peers tell of their snapshots within it.
    spec.comet_config.push(setting("statesync.discovery_time", "5s".to_owned()));
    spec
}

/// `defchain-app` on a node's home; its answer.
fn app(node: &Node, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_defchain-app"))
        .args(["--json", "--home"])
        .arg(&node.home)
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn snapshot_heights(node: &Node) -> Vec<u64> {
    let entries = fs::read_dir(node.home.join("data/snapshots")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn log_of(node: &Node) -> String {
    fs::read_to_string(node.log_dir().join("app.log")).unwrap_or_default()
}

/// The height of the snapshot that a node joined from, by its log.
fn restored_at(log: &str) -> u64 {
    let line = log.lines().find(|line| line.contains("state restored")).unwrap();
    let digits = line.split("height=").nth(1).unwrap();
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Makes a node that joins from a snapshot, trusting what these nodes agree on.
fn joining(spec: &Spec, network: &Network, servers: &[String]) -> Node {
    let node = add_follower(spec, &network.nodes).unwrap();
    let mut line = vec!["trust", "--write"];
    for server in servers {
        line.extend(["--from", server]);
    }
    let told = app(&node, &line);
    assert!(told["trust_height"].as_u64().unwrap() > 0, "{told}");
    node
}

fn root(network: &Network, i: usize, height: u64) -> Value {
    let block = network.rpc(i).call("eth_getBlockByNumber", json!([format!("0x{height:x}"), false])).unwrap();
    block["stateRoot"].clone()
}

/// Wait until `i` has `height`, and compare its state root with node0's.
fn same_state(network: &Network, i: usize, height: u64) {
    network
        .wait(PATIENCE, &format!("node{i} at {height}"), |n| n.rpc(i).tip().is_ok_and(|tip| tip.height >= height))
        .unwrap();
    network.wait(PATIENCE, "node0 too", |n| n.rpc(0).tip().is_ok_and(|tip| tip.height >= height)).unwrap();
    let expected = root(network, 0, height);
    assert!(expected.is_string());
    assert_eq!(root(network, i, height), expected, "state of block {height} on node{i}");
}

/// What was before a joined node's time is refused with the figure of its oldest block.
fn refuses_the_past(network: &Network, i: usize, oldest: u64) {
    for (method, params) in [
        ("eth_getBalance", json!([DEV_ACCOUNTS[0], "0x1"])),
        ("eth_getBlockByNumber", json!(["0x1", false])),
        ("eth_call", json!([{ "to": DEV_ACCOUNTS[1] }, "0x1"])),
        ("eth_getStorageAt", json!([DEV_ACCOUNTS[0], "0x0", "0x1"])),
        ("eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "latest" }])),
        ("def_getProof", json!(["0x1", "sys", "0x68656164"])),
    ] {
        let error = network.rpc(i).call(method, params).unwrap_err().to_string();
        assert!(error.contains(&format!("{oldest:#x}")) && error.contains("oldest"), "{method}: {error}");
    }
}

#[test]
fn a_node_joins_from_a_snapshot_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(&folder, &[1], 6);
    let mut network = Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap();
    let seen = |n: &Network| !snapshot_heights(&n.nodes[0]).is_empty();
    network.wait(PATIENCE, "a snapshot", seen).unwrap();
    network.wait_height(snapshot_heights(&network.nodes[0])[0] + 2, PATIENCE).unwrap();
    // One node under two names: a network of one has no second witness.
    let port = network.nodes[0].comet_rpc;
    let servers = [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
    let node = joining(&spec, &network, &servers);
    let i = network.join(node).unwrap();
    let height = network.rpc(0).tip().unwrap().height + 3;
    same_state(&network, i, height);
    let log = log_of(&network.nodes[i]);
    assert!(log.contains("joined: the snapshot is whole"), "{log}");
    refuses_the_past(&network, i, restored_at(&log));
    let nodes = network.nodes.clone();
    network.stop().unwrap();
    travels_as_a_file(&spec, &nodes);
}

/// The state of a stopped node, as a file, becomes that of an empty home under the trusted hash only.
fn travels_as_a_file(spec: &Spec, nodes: &[Node]) {
    let file = spec.dir.join("state.snapshot").to_str().unwrap().to_owned();
    let made = app(&nodes[0], &["snapshot", "create"]);
    let exported = app(&nodes[0], &["snapshot", "export", &file]);
    assert_eq!((&exported["height"], &exported["app_hash"]), (&made["height"], &made["app_hash"]));
    let empty = add_follower(spec, nodes).unwrap();
    let wrong = Command::new(env!("CARGO_BIN_EXE_defchain-app"))
        .arg("--home")
        .arg(&empty.home)
        .args(["snapshot", "import", &file, "--app-hash", &format!("0x{}", "11".repeat(32))])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(3), "{}", String::from_utf8_lossy(&wrong.stderr));
    let hash = made["app_hash"].as_str().unwrap();
    let taken = app(&empty, &["snapshot", "import", &file, "--app-hash", hash, "--restore"]);
    assert_eq!((&taken["restored"], &taken["height"]), (&Value::Bool(true), &made["height"]));
    assert!(app(&empty, &["snapshot", "verify", "--app-hash", hash])["entries"].as_u64().unwrap() > 0);
    let again = app(&empty, &["snapshot", "list"]);
    assert_eq!(again[0]["hash"], made["hash"]);
}

fn deploy(network: &Network) -> String {
    let wallet = Wallet::from_mnemonic(PHRASE, 0, CHAIN_ID).unwrap();
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_limit: 200_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Create,
        input: alloy_primitives::hex::decode(NUMBER_CODE).unwrap().into(),
        ..Default::default()
    };
    let sent = wallet.sign(tx).unwrap();
    let hash = network.rpc(0).call("eth_sendRawTransaction", json!([sent.raw])).unwrap();
    let mut contract = None;
    network
        .wait(PATIENCE, "the contract", |n| {
            let receipt = n.rpc(0).call("eth_getTransactionReceipt", json!([hash])).unwrap_or_default();
            contract = receipt["contractAddress"].as_str().map(str::to_owned);
            contract.is_some()
        })
        .unwrap();
    contract.unwrap()
}

fn pay(network: &Network, account: u32, payments: u64) {
    let wallet = Wallet::from_mnemonic(PHRASE, account, CHAIN_ID).unwrap();
    for nonce in 0..payments {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(Address::from_word(alloy_primitives::keccak256(nonce.to_be_bytes()))),
            value: U256::from(nonce + 1),
            ..Default::default()
        };
        let raw = wallet.sign(tx).unwrap().raw;
        let at = usize::try_from(nonce).unwrap() % 4;
        network.rpc(at).call("eth_sendRawTransaction", json!([raw])).unwrap();
    }
}

/// Flips a byte in every chunk of every snapshot of these nodes, as soon as it is there, until dropped.
struct Tampering {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tampering {
    fn start(nodes: Vec<Node>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut done = BTreeSet::new();
            while !stopped.load(Ordering::SeqCst) {
                for node in &nodes {
                    for height in snapshot_heights(node) {
                        if done.insert((node.index, height)) {
                            tamper(&node.home.join(format!("data/snapshots/{height}")));
                        }
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Tampering {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

fn tamper(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("chunk-") {
            let mut bytes = fs::read(entry.path()).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(entry.path(), bytes).unwrap();
        }
    }
}

#[test]
#[ignore = "takes a minute or two: cargo xtask test-long"]
fn a_fifth_node_joins_from_honest_and_lying_peers_and_a_sixth_executes_every_block() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(&folder, &[19, 24, 27, 30], 30);
    let mut network = Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap();
    network.wait_height(1, PATIENCE).unwrap();
    let contract = deploy(&network);
    // Some hundreds of accounts, so that there are many chunks.
    pay(&network, 1, 400);
    let everywhere = |n: &Network| n.nodes.iter().all(|node| snapshot_heights(node).contains(&30));
    network.wait(PATIENCE, "a snapshot of height 30 on every validator", everywhere).unwrap();
    network.wait_height(33, PATIENCE).unwrap();
    let chunks = fs::read_dir(network.nodes[0].home.join("data/snapshots/30")).unwrap().count() - 1;
    assert!(chunks > 10, "{chunks} chunks are too few to come from everybody");
    let liars = [1, 2, 3];
    let tampering = Tampering::start(liars.iter().map(|i| network.nodes[*i].clone()).collect());

    let servers: Vec<String> = network.nodes.iter().take(2).map(Node::comet_url).collect();
    let fifth = joining(&spec, &network, &servers);
    let fifth = network.join(fifth).unwrap();
    let height = network.rpc(0).tip().unwrap().height + 3;
    same_state(&network, fifth, height);
    drop(tampering);
    let log = log_of(&network.nodes[fifth]);
    assert!(log.contains("joined: the snapshot is whole"), "{log}");
    let named = |i: usize| {
        let id = node_id(&network.nodes[i]).unwrap();
        log.lines().any(|line| line.contains("chunk refused, and its sender") && line.contains(&id))
    };
    assert!(liars.iter().any(|i| named(*i)), "no liar was named:\n{log}");
    assert!(!named(0), "the honest node was blamed:\n{log}");
    refuses_the_past(&network, fifth, restored_at(&log));

    let mut archive = spec.clone();
    archive.app_config.push(("store.retain_blocks".to_owned(), "0".to_owned()));
    let sixth = add_follower(&archive, &network.nodes).unwrap();
    let sixth = network.join(sixth).unwrap();
    let height = network.rpc(0).tip().unwrap().height + 3;
    same_state(&network, sixth, height);
    same_state(&network, fifth, height);
    let rpc = network.rpc(sixth);
    let number = rpc.call("eth_call", json!([{ "to": contract }, "0xa"])).unwrap();
    assert_eq!(number, format!("0x{:064x}", 10));
    let balance = rpc.call("eth_getBalance", json!([DEV_ACCOUNTS[0], "0xa"])).unwrap();
    assert_eq!(balance, network.rpc(0).call("eth_getBalance", json!([DEV_ACCOUNTS[0], "0xa"])).unwrap());
    network.stop().unwrap();
}
