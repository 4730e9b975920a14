//! Ethereum's own tools against the binary: `tests/clients` says what they do. Against dev they are part of every test
//! run; `cargo xtask test-clients` adds a localnet.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
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

/// Runs every script that stands in `tests/clients/scripts` against a chain.
fn run_scripts(url: &str, kind: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
    let mut names: Vec<String> = std::fs::read_dir(folder.join("scripts"))
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".js").map(str::to_owned))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no scripts in {}", folder.display());
    let output = Command::new("node")
        .current_dir(&folder)
        .arg("run.js")
        .args(&names)
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
        "scripts {names:?} against {url}: {}; the first FAILED above is the one to read",
        output.status
    );
}

#[test]
fn tools_work_against_dev() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(env!("CARGO_BIN_EXE_defchain-app"))
        .args(["dev", "--quiet", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _dev = Dev(child);
    let url = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while Rpc::new(&url).tip().is_err() {
        assert!(Instant::now() < deadline, "dev does not answer at {url}");
        std::thread::sleep(Duration::from_millis(20));
    }
    run_scripts(&url, "dev");
}

#[test]
#[ignore = "needs CometBFT: cargo xtask test-clients"]
fn tools_work_against_a_localnet() {
    let cometbft = std::env::var_os("DEFCHAIN_COMETBFT").expect("run this by cargo xtask test-clients");
    let folder = tempfile::tempdir().unwrap();
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), app, Path::new(&cometbft), vec![19, 24, 27, 30]);
    spec.ports = PortPlan::Free;
    let network = Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap();
    network.wait_height(2, Duration::from_secs(90)).unwrap();
    run_scripts(&network.nodes.first().unwrap().rpc_url(), "localnet");
    network.stop().unwrap();
}
