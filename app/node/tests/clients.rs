//! Ethereum's own tools against the binary: `tests/clients` and `tests/projects` say what they do. Against dev they are
//! part of every test run, the projects only if their packages are there, which `cargo xtask test` finds out;
//! `cargo xtask test-clients` installs them and adds a localnet.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use defchain_localnet::{Network, PortPlan, Rpc, Spec, create};

/// A development chain that ends with the test.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A development chain, and where it answers.
fn dev() -> (Dev, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(env!("CARGO_BIN_EXE_defchain-app"))
        .args(["dev", "--quiet", "--plain-money", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let dev = Dev(child);
    let url = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while Rpc::new(&url).tip().is_err() {
        assert!(Instant::now() < deadline, "dev does not answer at {url}");
        std::thread::sleep(Duration::from_millis(20));
    }
    (dev, url)
}

/// A network of four validators in `folder`.
fn localnet(folder: &Path) -> (Network, String) {
    let cometbft = std::env::var_os("DEFCHAIN_COMETBFT").expect("run this by cargo xtask test-clients");
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder, app, Path::new(&cometbft), vec![19, 24, 27, 30]);
    spec.economy = "plain".to_owned();
    spec.ports = PortPlan::Free;
    let network = Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap();
    network.wait_height(2, Duration::from_secs(90)).unwrap();
    let url = network.nodes.first().unwrap().rpc_url();
    (network, url)
}

/// A folder of `tests`.
fn tests(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(folder)
}

/// Runs `run.js` of a folder of `tests` against a chain.
fn run_scripts(folder: &str, names: &[String], url: &str, kind: &str) {
    let output = Command::new("node")
        .current_dir(tests(folder))
        .arg("run.js")
        .args(names)
        .env("CHAIN_KIND", kind)
        .env("RPC_URL", url)
        .env("WS_URL", url.replace("http:", "ws:"))
        .output()
        .expect("Node.js 20 or newer is needed: install nodejs and npm");
    // Through the test's own output, which is shown when it fails.
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "tests/{folder} {names:?} against {url}: {}; the first FAILED above is the one to read",
        output.status
    );
}

/// Every script that stands in `tests/clients/scripts`.
fn scripts() -> Vec<String> {
    let folder = tests("clients/scripts");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".js").map(str::to_owned))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no scripts in {}", folder.display());
    names
}

/// Compilers and test runners use one folder: one project at a time.
static PROJECTS: Mutex<()> = Mutex::new(());

fn run_projects(url: &str, kind: &str) {
    run_scripts("projects", &["hardhat".to_owned(), "foundry".to_owned()], url, kind);
}

#[test]
fn tools_work_against_dev() {
    let (_dev, url) = dev();
    run_scripts("clients", &scripts(), &url, "dev");
}

#[test]
#[ignore = "needs CometBFT: cargo xtask test-clients"]
fn tools_work_against_a_localnet() {
    let folder = tempfile::tempdir().unwrap();
    let (network, url) = localnet(folder.path());
    run_scripts("clients", &scripts(), &url, "localnet");
    network.stop().unwrap();
}

#[test]
#[ignore = "installs 300 npm packages: cargo xtask test-clients"]
fn projects_work_against_dev() {
    let _one = PROJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let (_dev, url) = dev();
    run_projects(&url, "dev");
}

#[test]
#[ignore = "needs CometBFT and installs 300 npm packages: cargo xtask test-clients"]
fn projects_work_against_a_localnet() {
    let _one = PROJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let (network, url) = localnet(folder.path());
    run_projects(&url, "localnet");
    network.stop().unwrap();
}
