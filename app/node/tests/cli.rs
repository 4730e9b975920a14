//! The commands that end by themselves, through the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use common::{Home, cometbft, operator, run};
use serde_json::{Value, json};

const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PHRASE: &str = "test test test test test test test test test test test junk";

fn comet(home: &Home, what: &str) -> String {
    let out = Command::new(cometbft()).arg(what).arg("--home").arg(&home.path).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn cometbft_accepts_the_keys_that_init_makes() {
    let home = Home::new();
    let made = home.json(&["init", "tester", "--chain-id", "deflation-local-1"]);
    assert_eq!(comet(&home, "show-node-id"), made["node_id"].as_str().unwrap());
    let shown: Value = serde_json::from_str(&comet(&home, "show-validator")).unwrap();
    assert_eq!(shown, made["consensus_key"]);
    for secret in ["config/priv_validator_key.json", "config/node_key.json"] {
        assert_eq!(fs::metadata(home.file(secret)).unwrap().mode() & 0o777, 0o600, "{secret}");
    }
    assert!(home.read("config/config.toml").contains("moniker = \"tester\""));
}

#[test]
fn init_overwrites_nothing() {
    let home = Home::initialised();
    let key = home.read("config/priv_validator_key.json");
    home.run(&["init", "x", "--chain-id", "deflation-local-1"]).fails(1, &["exists", "overwrites nothing", "--home"]);
    assert_eq!(home.read("config/priv_validator_key.json"), key);
}

#[test]
fn init_refuses_names_before_it_writes_anything() {
    let home = Home::new();
    home.run(&["init", "x", "--chain-id", "with space"]).fails(3, &["\"with space\"", "such as deflation-local-1"]);
    home.run(&["init", &"x".repeat(71), "--chain-id", "deflation-local-1"]).fails(3, &["71 bytes", "at most 70"]);
    home.run(&["init", "x"]).fails(2, &["--chain-id"]);
    assert!(!home.path.exists());
}

/// Four strangers, each with a home of his own, who exchange nothing but files.
fn strangers(folder: &std::path::Path) -> Vec<Home> {
    let coordinator = Home::initialised();
    coordinator.run(&["genesis", "add-account", FIRST, "100000"]).ok();
    coordinator.run(&["genesis", "add-account", &operator(9), "0.5"]).ok();
    let draft = coordinator.file("config/genesis.json");
    let mut homes = vec![coordinator];
    for i in 1..4 {
        let home = Home::new();
        home.run(&["init", &format!("stranger-{i}"), "--genesis", draft.to_str().unwrap()]).ok();
        homes.push(home);
    }
    for (home, (i, weight)) in homes.iter().zip((0_u8..).zip([19, 24, 27, 30])) {
        let out = folder.join(format!("declaration-{}.json", 9 - i));
        let stake = format!("{weight}000");
        let country = ["DE", "BR", "JP", "KE"][usize::from(i)];
        let line =
            ["genesis", "add-validator", "--operator", &operator(i), "--country", country, "--stake", &stake, "--out"];
        home.run(&[&line[..], &[out.to_str().unwrap()]].concat()).ok();
    }
    homes
}

#[test]
fn four_strangers_put_the_same_genesis_together() {
    let folder = tempfile::tempdir().unwrap();
    let homes = strangers(folder.path());
    let mut files: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path().to_str().unwrap().to_owned()).collect();
    files.sort();
    let mut hashes = Vec::new();
    for home in &homes {
        // Each names the files in another order.
        files.rotate_left(1);
        let mut line = vec!["genesis", "collect"];
        line.extend(files.iter().map(String::as_str));
        let collected = home.json(&line);
        let checked = home.json(&["genesis", "validate"]);
        assert_eq!((&checked["validators"], &checked["accounts"]), (&json!(4), &json!(2)));
        let hash = home.json(&["genesis", "hash"]);
        assert_eq!(hash["sha256"], collected["sha256"]);
        hashes.push(hash);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    let genesis = homes[0].genesis();
    let power = |v: &Value| v["power"].as_str().unwrap().parse::<u64>().unwrap();
    let mut powers: Vec<u64> = genesis["validators"].as_array().unwrap().iter().map(power).collect();
    assert_eq!(powers.iter().sum::<u64>(), 1_000_000_000_000_000_000);
    powers.sort_unstable();
    assert_eq!(powers, [19, 24, 27, 30].map(|percent| percent * 10_000_000_000_000_000));
    // CometBFT reads the file too: it prints the chain's own validator from it.
    comet(&homes[0], "show-validator");
    homes[0].run(&["genesis", "collect", folder.path().to_str().unwrap()]).fails(3, &["put together already"]);
}

#[test]
fn collect_names_every_bad_declaration_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let homes = strangers(folder.path());
    let change = |name: &str, field: &str, value: Value| {
        let path = folder.path().join(name);
        let mut declaration: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        declaration[field] = value;
        fs::write(path, declaration.to_string()).unwrap();
    };
    change("declaration-9.json", "stake", json!("1000000000000000000000000"));
    change("declaration-8.json", "chain_id", json!("deflation-1"));
    fs::write(folder.path().join("declaration-1.json"), "{").unwrap();
    let before = homes[0].read("config/genesis.json");
    homes[0].run(&["genesis", "collect", folder.path().to_str().unwrap()]).fails(
        3,
        &[
            "declaration-9.json.proof: is not this key's signature",
            "declaration-8.json.chain_id: is deflation-1, this genesis is of deflation-local-1",
            "declaration-1.json: is not JSON",
        ],
    );
    let (a, b) = (folder.path().join("declaration-6.json"), folder.path().join("declaration-b.json"));
    fs::copy(&a, &b).unwrap();
    let both = [a.to_str().unwrap(), b.to_str().unwrap()];
    homes[0].run(&["genesis", "collect", both[0], both[1]]).fails(3, &["declare the same consensus key"]);
    assert_eq!(homes[0].read("config/genesis.json"), before);
}

#[test]
fn validate_reports_every_mistake_of_a_genesis_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = &strangers(folder.path())[0];
    home.run(&["genesis", "collect", folder.path().to_str().unwrap()]).ok();
    home.change_genesis(|genesis| {
        genesis["surprise"] = json!(1);
        genesis["genesis_time"] = json!("yesterday");
        genesis["initial_height"] = json!(1);
        genesis["consensus_params"]["block"]["max_bytes"] = json!("1000");
        genesis["validators"][0]["power"] = json!("0");
        genesis["validators"][1]["address"] = json!("00".repeat(20));
        genesis["app_state"]["params"]["evm_chain_id"] = json!(3567);
        genesis["app_state"]["accounts"][0]["address"] = json!("0x0000000000000000000000000000000000000105");
        genesis["app_state"]["accounts"][1]["balance"] = json!("21000000000000000000000001");
    });
    let parts = [
        "surprise: is not a field here",
        "genesis_time: is \"yesterday\"",
        "initial_height: is 1, must be a whole number in quotes",
        "consensus_params.block.max_bytes: is 1000, but",
        "validators[0].power: is 0",
        "validators[1].address: is 0000000000000000000000000000000000000000, the key's is",
        "app_state.params.evm_chain_id: is 3567, but chain_id deflation-local-1 has 35679",
        "app_state.accounts[0].address",
        "app_state.accounts: hold 211000005",
    ];
    home.run(&["genesis", "validate"]).fails(3, &parts);
    let error: Value = serde_json::from_str(&home.run(&["--json", "genesis", "validate"]).fails(3, &[]).err).unwrap();
    assert_eq!(error["code"], 3);
    home.run(&["genesis", "validate", "/nonexistent.json"]).fails(1, &["cannot read /nonexistent.json"]);
}

#[test]
fn accounts_are_added_once_and_within_the_supply() {
    let home = Home::initialised();
    home.run(&["genesis", "add-account", FIRST, "100000"]).ok();
    home.run(&["genesis", "add-account", FIRST, "1"]).fails(3, &["stands at app_state.accounts[0] already"]);
    home.run(&["genesis", "add-account", &operator(1), "20900000.000000000000000001"]).fails(3, &["above the limit"]);
    home.run(&["genesis", "add-account", &operator(1), "1e5"]).fails(1, &["\"1e5\"", "such as 100000 or 0.5"]);
    let genesis = home.genesis();
    assert_eq!(genesis["app_state"]["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn keys_are_made_shown_and_unlocked_with_their_password_only() {
    let home = Home::initialised();
    let password = home.folder.path().join("password");
    fs::write(&password, "correct horse\n").unwrap();
    let password = password.to_str().unwrap();
    let made = home.json(&["keys", "new", "alice", "--words", "24", "--password-file", password]);
    assert_eq!(made["mnemonic"].as_str().unwrap().split(' ').count(), 24);
    let imported = home.run_with(&["--json", "keys", "import", "bob", "--password-file", password], PHRASE).ok().json();
    assert_eq!(imported["address"].as_str().unwrap().to_lowercase(), FIRST.to_lowercase());
    let key = home.json(&["keys", "export", "bob", "--password-file", password]);
    assert_eq!(key["private_key"], FIRST_KEY);
    home.run_with(&["keys", "import", "carol", "--password-file", password], FIRST_KEY).ok();
    let names: Vec<Value> =
        home.json(&["keys", "list"]).as_array().unwrap().iter().map(|k| k["name"].clone()).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    let wrong = home.folder.path().join("wrong");
    fs::write(&wrong, "wrong horse\n").unwrap();
    home.run(&["keys", "export", "bob", "--password-file", wrong.to_str().unwrap()])
        .fails(1, &["wrong password for bob"]);
    home.run(&["keys", "export", "bob"]).fails(1, &["give --password-file"]);
    home.run_with(&["keys", "import", "bob", "--password-file", password], PHRASE).fails(1, &["already"]);
    home.run_with(&["keys", "import", "dave", "--password-file", password], "zebra zebra").fails(1, &["2 words given"]);
    home.run(&["keys", "show", "nobody"]).fails(1, &["there are: alice, bob, carol"]);
    fs::write(&wrong, "short\n").unwrap();
    home.run(&["keys", "new", "eve", "--password-file", wrong.to_str().unwrap()])
        .fails(1, &["5 characters, at least 8"]);
    let derived = home.run_with(&["--json", "keys", "derive", "--count", "2", "--private-keys"], PHRASE).ok().json();
    assert_eq!(derived[0]["private_key"], FIRST_KEY);
    assert_eq!(derived[1]["path"], "m/44'/60'/0'/0/1");
}

#[test]
fn settings_are_read_changed_and_checked() {
    let home = Home::initialised();
    assert_eq!(home.json(&["config", "get", "rpc.addr"]), "127.0.0.1:8545");
    home.run(&["config", "set", "rpc.addr", "0.0.0.0:1234", "mempool.max_per_sender", "7"]).ok();
    let text = home.read("config/app.toml");
    assert!(text.contains("# Most transactions of one sender.\nmax_per_sender = 7\n"), "{text}");
    assert_eq!(home.json(&["config", "show"])["rpc"]["addr"], "0.0.0.0:1234");
    home.run(&["config", "set", "rpc.adr", "x"]).fails(1, &["the nearest is rpc.addr"]);
    home.run(&["config", "set", "rpc.max_batch", "0"]).fails(3, &["nothing was changed", "must be 1 to 100000 calls"]);
    home.run(&["config", "set", "rpc.max_batch"]).fails(2, &["2 values required"]);
    assert_eq!(home.read("config/app.toml"), text);
    let mut command = home.command(&["config", "get", "rpc.max_batch"]);
    assert_eq!(run(command.env("DEFCHAIN_RPC_MAX_BATCH", "55"), "").ok().out, "55\n");
    home.run(&["config", "--comet", "set", "p2p.laddr", "tcp://127.0.0.1:1"]).ok();
    assert_eq!(home.run(&["config", "--comet", "get", "p2p.laddr"]).ok().out, "tcp://127.0.0.1:1\n");
    home.run(&["config", "--comet", "set", "p2p.ladr", "x"]).fails(1, &["the nearest is p2p.laddr"]);
    home.run(&["config", "--comet", "validate"]).ok();
    home.run(&["config", "validate"]).ok();
    fs::write(home.file("config/app.toml"), "[rpc]\nadr = 1\nmax_batch = -1\n[log]\nformat = \"xml\"\n").unwrap();
    home.run(&["config", "validate"]).fails(3, &["3 mistakes", "rpc.adr", "rpc.max_batch", "log.format"]);
    fs::write(home.file("config/app.toml"), "[rpc").unwrap();
    home.run(&["config", "validate"]).fails(3, &["is not TOML"]);
}

#[test]
fn the_program_says_what_it_is() {
    let version = common::run(common::command().args(["--json", "version"]), "").ok().json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["app_version"].is_u64() && version["commit"].is_string());
    for shell in ["bash", "zsh", "fish"] {
        let script = common::run(common::command().args(["completions", shell]), "").ok().out;
        assert!(script.contains("rollback") && script.contains("add-validator"), "{shell}");
    }
    let wrong = common::run(common::command().args(["strat"]), "");
    wrong.fails(2, &["unrecognized subcommand 'strat'", "start"]);
    let help = common::run(common::command().args(["--help"]), "").ok().out;
    assert!(help.contains("Exit codes") && !help.contains("run-child"), "{help}");
}

#[test]
fn a_question_to_nobody_says_where_it_was_asked() {
    let [port] = common::free_ports();
    let url = format!("http://127.0.0.1:{port}");
    let home = Home::new();
    home.run(&["query", "--rpc", &url, "status"]).fails(4, &[&url, "is the node running?", "--rpc"]);
    home.run(&["query", "--comet-rpc", &url, "upgrade"]).fails(4, &["--comet-rpc"]);
    home.run(&["query", "--rpc", "https://example.org", "status"]).fails(1, &["begins with http://"]);
}
