//! What operators rely on: keys that sign once, signals, systemd, remote signers, exports.
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
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use common::{Home, Running, cometbft, free_ports, height, operator, run, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// One validator's home, ready to start.
fn validator() -> (Home, String) {
    let home = Home::initialised();
    let declaration = home.folder.path().join("d.json");
    let declaration = declaration.to_str().unwrap();
    home.run(&["genesis", "add-account", FIRST, "1000"]).ok();
    home.run(&["genesis", "add-validator", "--operator", &operator(1), "--country", "DE", "--out", declaration]).ok();
    home.run(&["genesis", "collect", declaration]).ok();
    let url = set_ports(&home);
    (home, url)
}

fn set_ports(home: &Home) -> String {
    let [rpc, metrics, comet_rpc, p2p, comet_metrics] = free_ports();
    let local = |port: u16| format!("127.0.0.1:{port}");
    home.run(&["config", "set", "rpc.addr", &local(rpc), "metrics.addr", &local(metrics)]).ok();
    let tcp = |port: u16| format!("tcp://127.0.0.1:{port}");
    let line = ["config", "--comet", "set", "rpc.laddr", &tcp(comet_rpc), "p2p.laddr", &tcp(p2p)];
    home.run(&[&line[..], &["instrumentation.prometheus_listen_addr", &local(comet_metrics)]].concat()).ok();
    format!("http://127.0.0.1:{rpc}")
}

fn start_command(home: &Home) -> Command {
    let mut command = home.command(&["start", "--cometbft", cometbft().to_str().unwrap()]);
    let log = fs::File::options().create(true).append(true).open(log(home)).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn log(home: &Home) -> PathBuf {
    home.folder.path().join("log")
}

#[track_caller]
fn reaches(url: &str, goal: u64) {
    wait_for("a height", PATIENCE, || height(url).filter(|h| *h >= goal));
}

#[track_caller]
fn stops(process: &mut Running) {
    process.send(Signal::SIGTERM);
    assert_eq!(process.end(PATIENCE), Some(0));
}

#[test]
fn systemd_hears_when_both_halves_run_and_a_graceful_stop_leaves_no_error_in_the_log() {
    let (home, url) = validator();
    let socket = home.folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut process = Running::start(start_command(&home).env("NOTIFY_SOCKET", &socket));
    let mut bytes = [0; 200];
    let length = manager.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(b"READY=1\n"), "{:?}", String::from_utf8_lossy(&bytes[..length]));
    reaches(&url, 3);
    stops(&mut process);
    let length = manager.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(b"STOPPING=1\n"), "{:?}", String::from_utf8_lossy(&bytes[..length]));
    let text = fs::read_to_string(log(&home)).unwrap();
    let ours: Vec<&str> = text.lines().filter(|line| !line.starts_with("cometbft")).collect();
    assert!(ours.iter().any(|line| line.contains("both halves run")), "{text}");
    let errors: Vec<_> = ours.iter().filter(|line| line.contains("ERROR") || line.contains("error:")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_key_whose_record_is_lost_or_older_than_its_signatures_does_not_start() {
    let (home, url) = validator();
    let mut process = Running::start(&mut start_command(&home));
    reaches(&url, 2);
    let backup = home.read("data/priv_validator_state.json");
    reaches(&url, 6);
    stops(&mut process);
    let mark: Value = serde_json::from_str(&home.read("config/signed.json")).unwrap();
    assert!(mark["height"].as_str().unwrap().parse::<u64>().unwrap() >= 6, "{mark}");
    let record = home.file("data/priv_validator_state.json");
    let newest = fs::read(&record).unwrap();
    let refused = |parts: &[&str]| {
        let line = ["start", "--cometbft", cometbft().to_str().unwrap()];
        run(&mut home.command(&line), "").fails(5, parts);
    };
    fs::write(&record, backup).unwrap();
    refused(&["but the key has signed at height", "sign twice", "restore the newest copy"]);
    fs::remove_file(&record).unwrap();
    refused(&["is missing, but the key has signed at height"]);
    fs::write(&record, newest).unwrap();
    let mut process = Running::start(&mut start_command(&home));
    reaches(&url, 8);
    stops(&mut process);
}

#[test]
fn an_export_starts_a_new_chain_with_the_same_money_code_and_storage() {
    let (home, url) = validator();
    let mut process = Running::start(&mut start_command(&home));
    reaches(&url, 1);
    let tx = |args: &[&str]| {
        let mut line = home.command(&["--json", "tx", "--rpc", &url]);
        run(line.args(args).env("DEFCHAIN_PRIVATE_KEY", FIRST_KEY), "").ok().json()
    };
    // Money for an ordinary address, for one that nobody can spend from, and a contract with storage.
    let friend = "0x00000000000000000000000000000000000F00d5";
    tx(&["transfer", friend, "3.25", "--wait"]);
    tx(&["transfer", "0x0000000000000000000000000000000000000000", "0.5", "--wait"]);
    let code = "6010600c60003960106000f336600857600080fd5b60043560005500";
    let contract = tx(&["deploy", code, "--wait"])["contract"].as_str().unwrap().to_owned();
    tx(&["call", &contract, "--function", "set(uint256)", "4242", "--wait"]);
    let seen = |url: &str| -> Vec<Value> {
        let ask = |method: &str, params: Value| common::rpc(url, method, params).unwrap();
        let mut all = Vec::new();
        let pools = ["0x0000000000000000000000000000000000000110", "0x0000000000000000000000000000000000000113"];
        let zero = "0x0000000000000000000000000000000000000000";
        for address in [FIRST, friend, zero, &contract].into_iter().chain(pools) {
            all.push(ask("eth_getBalance", json!([address, "latest"])));
        }
        all.push(ask("eth_getTransactionCount", json!([FIRST, "latest"])));
        all.push(ask("eth_getCode", json!([contract, "latest"])));
        all.push(ask("eth_getStorageAt", json!([contract, "0x0", "latest"])));
        all
    };
    let before = seen(&url);
    assert!(before.iter().all(|value| value != "0x0" && value != "0x") || before[3] == "0x0", "{before:?}");
    stops(&mut process);

    let out = home.folder.path().join("new");
    let out = out.to_str().unwrap();
    let made = home.json(&["export", "--out", out]);
    assert_eq!(made["chain_id"], "deflation-local-2");
    home.run(&["export", "--out", out]).fails(1, &["exists, and nothing is overwritten"]);
    home.run(&["export", "--height", "99999", "--out", out]).fails(1, &["99999"]);
    let genesis: Value =
        serde_json::from_str(&fs::read_to_string(Path::new(out).join("genesis.json")).unwrap()).unwrap();
    assert_eq!(genesis["app_state"]["stranded"].as_object().unwrap().len(), 1);
    assert!(genesis["app_state"]["pools"]["dividend"].is_string(), "{genesis}");
    let lines = home.run(&["export", "--format", "ndjson"]).ok().out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["kind"], &lines[0]["supply"]), (&json!("state"), &made["supply"]));
    assert_eq!(lines.last().unwrap()["accounts"], made["accounts"]);
    assert_eq!(lines.len() as u64, made["accounts"].as_u64().unwrap() + 2);

    // The same validator, on the new chain.
    let new = Home::new();
    new.run(&["init", "tester", "--genesis", Path::new(out).join("genesis.json").to_str().unwrap()]).ok();
    fs::copy(home.file("config/priv_validator_key.json"), new.file("config/priv_validator_key.json")).unwrap();
    let url = set_ports(&new);
    let mut process = Running::start(&mut start_command(&new));
    reaches(&url, 1);
    // What rounding left of the validators' income is in the treasury now.
    let (mut after, mut before) = (seen(&url), before);
    let [more, held] = [&mut after, &mut before].map(|list| common::quantity(&list.remove(5)));
    assert!((held..held + 10).contains(&more), "treasury {held} and {more}");
    assert_eq!(after, before);
    stops(&mut process);
    let again = new.json(&["export", "--height", "0", "--out", new.folder.path().join("x").to_str().unwrap()]);
    assert_eq!(again["supply"], made["supply"]);
}

/// The commands of a block of the operators' page that is marked for tests.
fn commands_of(mark: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(repository().join("docs/src/operators.md")).unwrap();
    let (_, after) = page.split_once(&format!("<!-- test: {mark} -->\n```bash\n")).expect("the page has the block");
    let (block, _) = after.split_once("```").unwrap();
    let words = |line: &str| line.split_whitespace().skip(1).map(|word| word.trim_matches('"').to_owned()).collect();
    block.lines().map(words).collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_sentry_layout_of_the_operators_page_is_configured_by_its_own_commands() {
    for (mark, expected) in [
        (
            "sentry layout, validator",
            ["pex = false", "unconditional_peer_ids = \"1111", "@10.0.0.12:26656\"", "addr_book_strict = false"],
        ),
        (
            "sentry layout, sentry",
            [
                "pex = true",
                "private_peer_ids = \"3333",
                "@10.0.0.10:26656\"",
                "external_address = \"tcp://203.0.113.11:26656\"",
            ],
        ),
    ] {
        let home = Home::initialised();
        let commands = commands_of(mark);
        assert!(commands.len() >= 4, "{commands:?}");
        for command in commands {
            home.run(&command.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        }
        home.run(&["config", "--comet", "validate"]).ok();
        let text = home.read("config/config.toml");
        for part in expected {
            assert!(text.contains(part), "{mark}: no {part} in {text}");
        }
        // CometBFT takes the file.
        let shown = Command::new(cometbft()).arg("show-node-id").arg("--home").arg(&home.path).output().unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    }
}

#[test]
fn the_systemd_unit_is_well_formed_and_knows_the_exit_codes() {
    use defchain_node::output::{
        EXIT_COMETBFT, EXIT_DATA, EXIT_DISK, EXIT_FAILURE, EXIT_HALTED, EXIT_REFUSED, EXIT_UPGRADE, EXIT_USAGE,
    };
    let unit = fs::read_to_string(repository().join("packaging/systemd/defchain.service")).unwrap();
    let prevented = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    let codes: Vec<u8> = prevented.split(' ').map(|code| code.parse().unwrap()).collect();
    assert_eq!(codes, [EXIT_USAGE, EXIT_REFUSED, EXIT_DATA, EXIT_UPGRADE, EXIT_HALTED]);
    let page = fs::read_to_string(repository().join("docs/src/operators.md")).unwrap();
    for code in [EXIT_FAILURE, EXIT_COMETBFT, EXIT_DISK].into_iter().chain(codes) {
        assert!(page.lines().any(|line| line.starts_with(&format!("| {code} |"))), "the page has no row for {code}");
    }
    // The programs that it names are not installed here: any others serve.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("defchain.service");
    fs::write(
        &file,
        unit.replace("/usr/bin/defchain-app", "/bin/true").replace("/usr/bin/cometbft-defchain", "/bin/true"),
    )
    .unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(said) => {
            assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr))
        }
        Err(error) => eprintln!("systemd-analyze is not here ({error}): the unit was not verified"),
    }
}

#[test]
fn a_half_written_upgrade_entry_is_refused_with_every_figure() {
    let home = Home::initialised();
    home.run(&["config", "set", "upgrade.height", "1000"])
        .fails(3, &["upgrade.app_version is 0, must be above 1", "upgrade.name is \"\""]);
    home.run(&["config", "set", "upgrade.height", "1", "upgrade.app_version", "2", "upgrade.name", "v2"])
        .fails(3, &["upgrade.height is 1, must be 2 or more"]);
    home.run(&["config", "set", "upgrade.height", "1000", "upgrade.app_version", "2", "upgrade.name", "v2"]).ok();
    assert_eq!(home.json(&["config", "show"])["upgrade"]["height"], 1000);
    let (validator, _) = validator();
    validator.change_genesis(|genesis| {
        genesis["app_state"]["upgrade"] = json!({ "height": 1, "app_version": 1, "name": "" });
        genesis["app_state"]["pools"] = json!({ "nowhere": "5" });
        genesis["app_state"]["stranded"] = json!({ FIRST: "5" });
        genesis["consensus_params"]["version"]["app"] = json!("99");
    });
    let parts = [
        "app_state.upgrade: height is 1, must be 2 or more",
        "app_state.upgrade: app_version is 1, must be above 1",
        "app_state.pools.nowhere: is no pool; there are dividend, technical, marketing, treasury",
        "its money belongs into app_state.accounts",
        "consensus_params.version.app: is 99",
    ];
    validator.run(&["genesis", "validate"]).fails(3, &parts);
}

/// CometBFT's own example of a remote signer, built in the folder where the modified CometBFT was built.
fn remote_signer() -> PathBuf {
    if let Some(path) = std::env::var_os("DEFCHAIN_REMOTE_SIGNER") {
        return path.into();
    }
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cometbft-config");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("remote-signer");
    let mut go = Command::new("go");
    let built = go.current_dir(module).args(["run", "./cmd/build-cometbft", "--signer"]).arg(&out).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    out
}

#[test]
#[ignore = "builds a remote signer: cargo xtask test-long"]
fn a_validator_signs_through_a_remote_signer_and_holds_no_key() {
    let (home, url) = validator();
    // The key and its record move to the signer's machine.
    let vault = home.folder.path().join("vault");
    fs::create_dir(&vault).unwrap();
    let (key, state) = (vault.join("key.json"), vault.join("state.json"));
    fs::rename(home.file("config/priv_validator_key.json"), &key).unwrap();
    fs::rename(home.file("data/priv_validator_state.json"), &state).unwrap();
    let [port] = free_ports();
    let address = format!("tcp://127.0.0.1:{port}");
    home.run(&["config", "--comet", "set", "priv_validator_laddr", &address]).ok();
    let mut node = Running::start(&mut start_command(&home));
    let mut signer = Command::new(remote_signer());
    signer
        .args(["-addr", &address, "-chain-id", "deflation-local-1", "-priv-key"])
        .arg(&key)
        .arg("-priv-state")
        .arg(&state);
    let signer = Running::start(signer.stdout(Stdio::null()).stderr(Stdio::null()));
    reaches(&url, 5);
    let signed: Value = serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert!(signed["height"].as_str().unwrap().parse::<u64>().unwrap() >= 5, "{signed}");
    // Without its signer it makes no block, and goes on when the signer is back.
    drop(signer);
    std::thread::sleep(Duration::from_secs(2));
    let stood = height(&url).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(height(&url).unwrap_or(stood), stood);
    let mut signer = Command::new(remote_signer());
    signer
        .args(["-addr", &address, "-chain-id", "deflation-local-1", "-priv-key"])
        .arg(&key)
        .arg("-priv-state")
        .arg(&state);
    let _signer = Running::start(signer.stdout(Stdio::null()).stderr(Stdio::null()));
    reaches(&url, stood + 2);
    stops(&mut node);
}
