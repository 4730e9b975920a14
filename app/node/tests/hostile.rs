//! Callers who mean harm and disks that lie, against the real binary.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use common::{cometbft, command, run};
use defchain_localnet::{Network, PortPlan, Rpc, Spec, create};
use defchain_node::config::AppConfig;
use defchain_sdk::Wallet;
use defchain_store::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);
const PHRASE: &str = "test test test test test test test test test test test junk";
const CHAIN_ID: u64 = 35_679;

fn start(folder: &TempDir, powers: &[u64]) -> Network {
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), app, cometbft(), powers.to_vec());
    // These tests compare balances to the wei and do not mean the economy.
    spec.economy = "plain".to_owned();
    spec.ports = PortPlan::Free;
    Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap()
}

/// Every test of the repository by name.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if is_test && line.contains("fn ") {
                    let name = line.split("fn ").nth(1).unwrap().split('(').next().unwrap();
                    found.insert(name.to_owned());
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn the_page_of_limits_names_every_limit_of_rpc_and_mempool_with_a_test_that_exists() {
    /// Settings that limit nothing.
    const NO_LIMIT: [&str; 5] =
        ["rpc.addr", "rpc.cors_origins", "rpc.allowed_hosts", "rpc.balance", "rpc.suggested_tip_wei"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/src/limits.md")).unwrap();
    let mut existing = BTreeSet::new();
    for folder in ["app", "evm/src", "evm/tests", "modules"] {
        tests(&root.join(folder), &mut existing);
    }
    let mut named = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| Test |")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let of_row: Vec<&str> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!of_row.is_empty(), "no test beside: {line}");
        for test in of_row {
            assert!(existing.contains(test), "there is no test {test}: {line}");
        }
        if let Some(setting) = cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
            assert!(named.insert(setting.to_owned()), "{setting} has two rows");
        }
    }
    let config = toml::Value::try_from(AppConfig::default()).unwrap();
    let settings = ["rpc", "mempool"].into_iter().flat_map(|section| {
        let keys = config[section].as_table().unwrap().keys();
        keys.map(move |key| format!("{section}.{key}")).collect::<Vec<_>>()
    });
    let limits: BTreeSet<String> = settings.filter(|name| !NO_LIMIT.contains(&name.as_str())).collect();
    assert_eq!(named, limits);
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "sst")).collect()
}

#[test]
fn a_damaged_database_stops_the_node_with_its_place_and_exit_code_5() {
    let folder = tempfile::tempdir().unwrap();
    let network = start(&folder, &[1]);
    network.wait_height(5, PATIENCE).unwrap();
    let home = network.nodes[0].home.clone();
    network.stop().unwrap();
    let data = home.join("data/app");
    // What was in the log becomes tables when it is opened.
    drop(Store::open(&data, StoreOptions::default()).unwrap());
    let tables = tables(&data.join("db"));
    assert!(!tables.is_empty(), "no tables in {}", data.display());
    for table in tables {
        let mut bytes = fs::read(&table).unwrap();
        for at in (0..bytes.len().saturating_sub(64)).step_by(97) {
            bytes[at] ^= 0x55;
        }
        fs::write(&table, bytes).unwrap();
    }
    let mut start = command();
    start.arg("--home").arg(&home).args(["start", "--no-cometbft"]);
    let done = run(&mut start, "");
    // A table, or the manifest that names it.
    done.fails(5, &["orrupt", "data/app/db/"]);
}

/// Transfers at an even pace, so that blocks are never empty; how many were taken.
fn honest(url: &str, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let (rpc, stop) = (Rpc::new(url), stop.clone());
    std::thread::spawn(move || {
        let wallet = Wallet::from_mnemonic(PHRASE, 0, CHAIN_ID).unwrap();
        let mut nonce = 0;
        while !stop.load(Ordering::SeqCst) {
            if rpc.call("eth_sendRawTransaction", json!([transfer(&wallet, nonce)])).is_ok() {
                nonce += 1;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        nonce
    })
}

fn transfer(wallet: &Wallet, nonce: u64) -> String {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x55)),
        value: U256::from(1),
        ..Default::default()
    };
    wallet.sign(tx).unwrap().raw.to_string()
}

/// Callers who mean harm, until stopped.
struct Hostile {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Hostile {
    fn each(&self, name: &str, mut work: impl FnMut(SocketAddr) + Send + 'static) -> std::thread::JoinHandle<()> {
        let (addr, stop, done) = (self.addr, self.stop.clone(), self.done.clone());
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread
            .spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    work(addr);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
            .unwrap()
    }

    /// A loop that posts the same body.
    fn posts(&self, name: &str, body: String) -> std::thread::JoinHandle<()> {
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        self.each(name, move |addr| {
            let request = client.post(format!("http://{addr}")).header("content-type", "application/json");
            // Refusals and cut connections are what it is about.
            drop(request.body(body.clone()).send().and_then(|answer| answer.bytes()));
        })
    }

    fn all(&self) -> Vec<std::thread::JoinHandle<()>> {
        let call = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let bomb = Address::repeat_byte(0x77).to_string();
        let bomb = call(
            "eth_call",
            json!([{"to": bomb, "gas": "0xffffffff"}, "latest", {(bomb.clone()): {"code": "0x5b5f56"}}]),
        );
        let sender = Wallet::from_mnemonic(PHRASE, 5, CHAIN_ID).unwrap();
        let queued: Vec<Value> =
            (0..1_000).map(|n| call("eth_sendRawTransaction", json!([transfer(&sender, 10 + n)]))).collect();
        let giant = format!("0x{}", "ff".repeat(2_400_000));
        let mut threads = vec![
            self.posts("nesting", "[".repeat(4 << 20)),
            self.posts("batch", json!(vec![call("eth_getBlockByNumber", json!(["latest", true])); 20_000]).to_string()),
            self.posts(
                "range",
                call("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "0xffffffff"}])).to_string(),
            ),
            self.posts("calldata", call("eth_call", json!([{"to": Address::ZERO, "input": giant}])).to_string()),
            self.posts("bombs", json!(vec![&bomb; 100]).to_string()),
            self.posts("one sender", json!(queued).to_string()),
            self.each("idle", idle),
            self.each("slow", trickle),
        ];
        threads.extend((0..4).map(|_| self.posts("bomb", bomb.to_string())));
        threads.extend((0..4).map(|_| self.each("unread", unread)));
        threads
    }
}

/// Two thousand sockets that say nothing.
fn idle(addr: SocketAddr) {
    let sockets: Vec<_> =
        (0..2_000).filter_map(|_| TcpStream::connect_timeout(&addr, Duration::from_secs(2)).ok()).collect();
    std::thread::sleep(Duration::from_secs(3));
    drop(sockets);
}

/// Requests whose headers and bodies come byte by byte.
fn trickle(addr: SocketAddr) {
    let mut sockets: Vec<_> = (0..50).filter_map(|_| TcpStream::connect(addr).ok()).collect();
    for socket in &mut sockets {
        let _ = socket.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\nx-slow: ");
    }
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        sockets.retain_mut(|socket| socket.write_all(b"a").is_ok());
    }
}

/// A WebSocket with many subscriptions whose notices nobody reads.
fn unread(addr: SocketAddr) {
    let Ok(mut socket) = TcpStream::connect(addr) else { return };
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let subscribe =
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newPendingTransactions", true]});
    let text = json!(vec![subscribe; 128]).to_string();
    // One masked text frame; a mask of zeros leaves it as it is.
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    let mut answer = [0; 512];
    if socket.write_all(upgrade.as_bytes()).is_ok() && socket.read(&mut answer).is_ok() {
        let _ = socket.write_all(&frame);
    }
    std::thread::sleep(Duration::from_secs(5));
}

/// Milliseconds between blocks in these heights, as CometBFT's headers say, ascending.
fn intervals(network: &Network, from: u64, to: u64) -> Vec<i64> {
    let mut times = Vec::new();
    for height in from..=to {
        let header = network.comet(0, &format!("/header?height={height}")).unwrap();
        let time = header.pointer("/result/header/time").or_else(|| header.pointer("/header/time")).unwrap();
        times.push(millis(time.as_str().unwrap()));
    }
    let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    gaps
}

/// Milliseconds within the day of a time such as 2026-01-01T12:34:56.789Z; a test does not run over midnight twice.
fn millis(time: &str) -> i64 {
    let clock = time.split_once('T').unwrap().1.trim_end_matches('Z');
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    ((parts[0] * 3_600.0 + parts[1] * 60.0 + parts[2]) * 1_000.0) as i64
}

fn percentile(sorted: &[i64], percent: usize) -> i64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn resident_mib(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

/// Lets so much time pass; heights before and after, and the most memory seen.
fn phase(network: &Network, seconds: u64) -> (u64, u64, u64) {
    let from = network.rpc(0).tip().unwrap().height;
    let app = network.halves(0).0.unwrap();
    let (end, mut most) = (Instant::now() + Duration::from_secs(seconds), 0);
    while Instant::now() < end {
        most = most.max(resident_mib(app));
        std::thread::sleep(Duration::from_millis(200));
    }
    // By CometBFT: the RPC port may have no room for us just now.
    let status = network.comet(0, "/status").unwrap();
    let height = status.pointer("/result/sync_info/latest_block_height");
    let height = height.or_else(|| status.pointer("/sync_info/latest_block_height")).unwrap();
    (from, height.as_str().unwrap().parse().unwrap(), most)
}

/// Callers have machines of their own: what they compute here must not be taken from the node. This thread, and those that
/// it starts from now on, run when nobody else wants to.
fn step_back() {
    let thread = fs::read_link("/proc/thread-self").unwrap();
    let id = thread.file_name().unwrap().to_owned();
    let done = std::process::Command::new("renice").args(["-n", "19", "-p"]).arg(id).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Long form: 40 s. It compares with its own quiet phase, which needs a machine that does nothing else.
#[test]
#[ignore = "compares the pace of blocks, which needs a quiet machine: cargo xtask test-long"]
fn hostile_callers_do_not_slow_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let network = start(&folder, &[1]);
    network.wait_height(3, PATIENCE).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let url = network.nodes[0].rpc_url();
    let sending = honest(&url, &stop);
    let quiet = phase(&network, 20);
    step_back();
    let hostile = Hostile {
        addr: url.trim_start_matches("http://").parse().unwrap(),
        stop: stop.clone(),
        done: Arc::new(AtomicU64::new(0)),
    };
    let threads = hostile.all();
    let (from, to, most) = phase(&network, 20);
    stop.store(true, Ordering::SeqCst);
    let sent = sending.join().unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let (calm, attacked) = (intervals(&network, quiet.0, quiet.1), intervals(&network, from, to));
    let done = hostile.done.load(Ordering::SeqCst);
    let figures = format!(
        "{} quiet blocks: p50 {} ms, p99 {} ms, {} MiB; {} blocks under attack: p50 {} ms, p99 {} ms, {most} MiB; \
         {done} hostile requests, {sent} honest transfers",
        calm.len(),
        percentile(&calm, 50),
        percentile(&calm, 99),
        quiet.2,
        attacked.len(),
        percentile(&attacked, 50),
        percentile(&attacked, 99),
    );
    println!("{figures}");
    assert!(done > 50, "{figures}");
    assert!(percentile(&attacked, 99) <= 2 * percentile(&calm, 99), "{figures}");
    assert!(most < 1_024, "{figures}");
    // The node answers as before.
    assert!(network.rpc(0).tip().is_ok());
    network.stop().unwrap();
}
