//! An upgrade of a running network, from this program to the next: `cargo xtask test-long`. (The rules themselves are
//! tested in `app/chain/tests/upgrade.rs`, every time.)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use common::{Home, Running, cometbft, quantity, wait_for};
use defchain_localnet::{Node, PortPlan, Rpc, Spec, create};
use defchain_sdk::Wallet;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const HEIGHT: u64 = 30;
const PATIENCE: Duration = Duration::from_secs(180);
const PHRASE: &str = "test test test test test test test test test test test junk";

/// The program of the next release: from the environment, else built now.
fn next() -> PathBuf {
    if let Some(path) = std::env::var_os("DEFCHAIN_APP_NEXT") {
        return path.into();
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let line = ["build", "--package", "defchain-node", "--bin", "defchain-app-next", "--features", "next-version"];
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).args(line).args(["--message-format", "json-render-diagnostics"]);
    let built = build.stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success(), "the next release does not build");
    let messages = String::from_utf8(built.stdout).unwrap();
    let program = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let path = message["executable"].as_str()?.to_owned();
        path.ends_with("defchain-app-next").then_some(path)
    });
    program.expect("cargo names the program").into()
}

/// A genesis draft with the upgrade in it.
fn draft(folder: &Path) -> PathBuf {
    let home = Home::initialised();
    home.change_genesis(|genesis| {
        genesis["app_state"]["upgrade"] = json!({ "height": HEIGHT, "app_version": 2, "name": "next" });
    });
    let path = folder.join("draft.json");
    fs::copy(home.file("config/genesis.json"), &path).unwrap();
    path
}

fn start(node: &Node, app: &Path) -> Running {
    fs::create_dir_all(node.log_dir()).unwrap();
    let log = fs::File::options().create(true).append(true).open(node.log_dir().join("supervisor.log")).unwrap();
    let mut line = Command::new(app);
    line.arg("--home").arg(&node.home).args(["start", "--cometbft"]).arg(&node.cometbft);
    line.arg("--log-dir").arg(node.log_dir()).stdout(log.try_clone().unwrap()).stderr(log);
    Running::start(&mut line)
}

fn height(node: &Node) -> u64 {
    common::height(&node.rpc_url()).unwrap_or(0)
}

fn block(node: &Node, height: u64) -> Value {
    common::rpc(&node.rpc_url(), "eth_getBlockByNumber", json!([format!("{height:#x}"), false])).unwrap()
}

/// The app version in CometBFT's header of a block.
fn app_version(node: &Node, height: u64) -> String {
    let answer: Value = Rpc::new(node.comet_url()).get(&format!("/block?height={height}")).unwrap();
    answer["block"]["header"]["version"]["app"].as_str().unwrap_or("0").to_owned()
}

/// Transfers to whichever node takes them, until told to stop. Returns those that were taken, by nonce.
fn load(urls: Vec<String>, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<Value>> {
    std::thread::spawn(move || {
        let wallet = Wallet::from_mnemonic(PHRASE, 0, 35_679).unwrap();
        let mut sent: Vec<Value> = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let tx = TxEip1559 {
                nonce: sent.len() as u64,
                gas_limit: 21_000,
                max_fee_per_gas: 100_000_000_000,
                max_priority_fee_per_gas: 1_000_000_000,
                to: TxKind::Call(Address::repeat_byte(7)),
                value: U256::from(1),
                ..Default::default()
            };
            let raw = json!([wallet.sign(tx).unwrap().raw]);
            let taken = urls.iter().any(|url| match common::ask(url, "eth_sendRawTransaction", raw.clone()) {
                Some(answer) => {
                    answer.get("result").is_some() || answer["error"]["message"].to_string().contains("already known")
                }
                None => false,
            });
            if taken {
                sent.push(raw);
            }
            std::thread::sleep(Duration::from_millis(40));
        }
        sent
    })
}

#[test]
#[ignore = "builds the program of the next release: cargo xtask test-long"]
fn four_validators_swap_programs_at_the_height_and_a_fifth_replays_through_it() {
    let next = next();
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), old, cometbft(), vec![19, 24, 27, 30]);
    spec.economy = "plain".to_owned();
    spec.ports = PortPlan::Free;
    spec.draft = Some(draft(folder.path()));
    let nodes = create(&spec).unwrap();
    // One operator is early: the next release executes the old rules until the height.
    let mut running: Vec<Running> =
        nodes.iter().map(|node| start(node, if node.index == 3 { &next } else { old })).collect();
    wait_for("the first blocks", PATIENCE, || nodes.iter().all(|node| height(node) >= 3).then_some(()));
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(nodes.iter().map(Node::rpc_url).collect(), stop.clone());

    // The old programs commit the block before it and end with a code that no service manager restarts.
    for (node, process) in nodes.iter().zip(&mut running).take(3) {
        assert_eq!(process.end(PATIENCE), Some(7), "node{}", node.index);
        let log = fs::read_to_string(node.log_dir().join("supervisor.log")).unwrap();
        let said =
            format!("block {} is committed and the upgrade \"next\" to rules version 2 at block {HEIGHT}", HEIGHT - 1);
        assert!(log.contains(&said), "{log}");
    }
    assert!(height(&nodes[3]) < HEIGHT, "a quarter of the power decides nothing");
    // Started again, an old program says so at once.
    assert_eq!(start(&nodes[0], old).end(PATIENCE), Some(7));
    for (node, process) in nodes.iter().zip(&mut running).take(3) {
        *process = start(node, &next);
    }
    wait_for("blocks under the new rules", PATIENCE, || {
        nodes.iter().all(|node| height(node) >= HEIGHT + 10).then_some(())
    });

    // A fifth node executes every block from genesis with the new program.
    let fifth = fifth(&spec, &nodes);
    let mut replaying = start(&fifth, &next);
    let goal = height(&nodes[0]);
    wait_for("the fifth node", PATIENCE, || (height(&fifth) >= goal).then_some(()));
    stop.store(true, Ordering::SeqCst);
    let sent = load.join().unwrap();
    assert!(sent.len() >= 20, "only {} transfers were sent", sent.len());
    wait_for("every transfer in a block", PATIENCE, || {
        let sender = Wallet::from_mnemonic(PHRASE, 0, 35_679).unwrap().address();
        let nonce = common::rpc(&nodes[1].rpc_url(), "eth_getTransactionCount", json!([sender, "latest"]))?;
        // What only the pool of a stopped program held is gone: its wallet sends it again.
        let Some(next) = sent.get(usize::try_from(quantity(&nonce)).unwrap()) else { return Some(()) };
        common::ask(&nodes[1].rpc_url(), "eth_sendRawTransaction", next.clone());
        None
    });
    for height in 0..=goal {
        let first = block(&nodes[0], height);
        for node in nodes.iter().skip(1).chain([&fifth]) {
            assert_eq!(block(node, height), first, "block {height} of node{}", node.index);
        }
    }
    // The migration doubled the least base fee, from the block after it on; headers carry the version from there too.
    let fee = |height| quantity(&block(&nodes[0], height)["baseFeePerGas"]);
    assert_eq!(fee(HEIGHT + 1), 2 * fee(HEIGHT - 1));
    assert_eq!([HEIGHT, HEIGHT + 1].map(|height| app_version(&nodes[0], height)), ["1", "2"]);
    for process in running.iter_mut().chain([&mut replaying]) {
        process.send(Signal::SIGTERM);
        assert_eq!(process.end(PATIENCE), Some(0));
    }
    // There is no way back: the store has the next release's format.
    assert_eq!(start(&nodes[0], old).end(PATIENCE), Some(5));
    let log = fs::read_to_string(nodes[0].log_dir().join("supervisor.log")).unwrap();
    assert!(log.contains("has format \"defchain-store 2\", this program knows \"defchain-store 1\""), "{log}");
}

/// A home beside the validators', with their genesis and addresses.
fn fifth(spec: &Spec, nodes: &[Node]) -> Node {
    let ports = defchain_localnet::free_ports(5).unwrap();
    let node = Node {
        index: 4,
        home: spec.dir.join("node4"),
        rpc: ports[0],
        comet_rpc: ports[1],
        p2p: ports[2],
        metrics: ports[3],
        comet_metrics: ports[4],
        ..nodes[0].clone()
    };
    let run = |args: &[&str]| {
        let mut line = common::command();
        common::run(line.arg("--home").arg(&node.home).args(args), "").ok();
    };
    run(&["init", "node4", "--genesis", nodes[0].home.join("config/genesis.json").to_str().unwrap()]);
    let text = fs::read_to_string(nodes[0].home.join("config/config.toml")).unwrap();
    let peers = text.lines().find_map(|line| line.strip_prefix("persistent_peers = \"")).unwrap().trim_end_matches('"');
    let tcp = |port: u16| format!("tcp://127.0.0.1:{port}");
    let comet_metrics = format!("127.0.0.1:{}", node.comet_metrics);
    run(&[
        "config",
        "--comet",
        "set",
        "rpc.laddr",
        &tcp(node.comet_rpc),
        "p2p.laddr",
        &tcp(node.p2p),
        "p2p.persistent_peers",
        peers,
    ]);
    run(&["config", "--comet", "set", "p2p.addr_book_strict", "false", "p2p.allow_duplicate_ip", "true"]);
    run(&["config", "--comet", "set", "instrumentation.prometheus_listen_addr", &comet_metrics]);
    let (rpc, metrics) = (format!("127.0.0.1:{}", node.rpc), format!("127.0.0.1:{}", node.metrics));
    run(&["config", "set", "rpc.addr", &rpc, "metrics.addr", &metrics]);
    node
}
