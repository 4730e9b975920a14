//! The economy at the command line: keys and proofs, attestations, stakes, queries, time.
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
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};

use common::{Done, Home, Running, command, run};
use defchain_node::keys::{DEV_MNEMONIC, derive};
use serde_json::{Value, json};

const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

fn with_key(home: &Home, args: &[&str]) -> Done {
    run(home.command(args).env("DEFCHAIN_PRIVATE_KEY", FIRST_KEY), "")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

#[test]
fn a_bls_key_is_made_shown_moved_and_proved() {
    let home = Home::initialised();
    home.run(&["keys", "bls", "show"]).fails(1, &["keys bls new"]);
    let made = home.json(&["keys", "bls", "new"]);
    assert_eq!(bytes(&made["bls_key"]).len(), 96);
    assert_eq!(fs::metadata(home.file("config/bls_key.json")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(home.json(&["keys", "bls", "show"]), made);
    home.run(&["keys", "bls", "new"]).fails(1, &["bls_key.json", "exists"]);
    let secret = home.json(&["keys", "bls", "export"])["secret"].as_str().unwrap().to_owned();
    let other = Home::initialised();
    other.run_with(&["keys", "bls", "import"], "no secret").fails(1, &["64 hex digits"]);
    other.run_with(&["keys", "bls", "import"], &secret).ok();
    let prove = ["keys", "bls", "prove", "--operator", FIRST, "--evm-chain-id", "35679"];
    let proof = other.json(&prove);
    assert_eq!((&proof["bls_key"], proof["chain_id"].as_u64()), (&made["bls_key"], Some(35_679)));
    let operator = FIRST.parse().unwrap();
    let verify = |chain| {
        defchain_validators::pop::verify_bls(chain, operator, &bytes(&proof["bls_key"]), &bytes(&proof["proof"]))
    };
    assert!(verify(35_679).is_ok() && verify(3_567).is_err());
}

#[test]
fn a_validators_keys_come_with_proofs_that_the_chain_takes() {
    let home = Home::initialised();
    let keys = home.json(&["validator", "keys", "--operator", FIRST, "--evm-chain-id", "35679"]);
    let operator = FIRST.parse().unwrap();
    let consensus: [u8; 32] = bytes(&keys["consensus_key"]).try_into().unwrap();
    defchain_validators::pop::verify_consensus(35_679, operator, &consensus, &bytes(&keys["consensus_proof"])).unwrap();
    defchain_validators::pop::verify_bls(35_679, operator, &bytes(&keys["bls_key"]), &bytes(&keys["bls_proof"]))
        .unwrap();
    let cast = ["consensus_key", "consensus_proof", "bls_key", "bls_proof"].map(|name| keys[name].as_str().unwrap());
    assert_eq!(keys["cast"], cast.join(","));
    assert_eq!(keys["cast_send"], Value::Null);
    // The second time it is the same BLS key.
    let again = home.json(&["validator", "keys", "--operator", FIRST, "--evm-chain-id", "35679"]);
    assert_eq!(again, keys);
    Home::new().run(&["validator", "keys", "--operator", FIRST, "--evm-chain-id", "1"]).fails(3, &["init"]);
}

#[test]
fn an_attestation_is_signed_checked_and_found_out_when_it_was_changed() {
    let home = Home::initialised();
    let file = home.file("a.json");
    let path = file.to_str().unwrap();
    let sign = ["attest", "sign", "--validator", OTHER, "--country", "DE", "--evm-chain-id", "35679", "--out", path];
    let signed = with_key(&home, &[&["--json"][..], &sign].concat()).ok().json();
    assert_eq!(signed["verifier"].as_str().unwrap().to_lowercase(), FIRST.to_lowercase());
    with_key(&home, &sign).fails(1, &["a.json"]);
    assert_eq!(home.json(&["attest", "check", path]), signed);
    home.run(&["attest", "check", path]).ok().out.contains("Germany").then_some(()).expect("the country's name");
    let text = fs::read_to_string(&file).unwrap();
    for (from, to, part) in [
        ("\"DE\"", "\"FR\"", "something was changed"),
        ("35679", "3567", "something was changed"),
        ("\"DE\"", "\"HK\"", "HK is not one of the 195"),
    ] {
        fs::write(&file, text.replace(from, to)).unwrap();
        home.run(&["attest", "check", path]).fails(3, &["a.json", part]);
    }
    let country = |code: &str, more: &[&str]| {
        let line = ["attest", "sign", "--validator", OTHER, "--country", code, "--evm-chain-id", "35679"];
        with_key(&home, &[&line[..], more].concat())
    };
    country("TW", &[]).fails(3, &["TW is not one of the 195"]);
    country("DE", &["--for", "366d"]).fails(3, &["31622400 s", "1 to 31536000 s (365 days)"]);
    country("DE", &["--for", "soon"]).fails(2, &["no span of time"]);
    let data = home.json(&["attest", "data", "--validator", OTHER, "--country", "DE", "--evm-chain-id", "35679"]);
    assert_eq!((&data["primaryType"], &data["domain"]["chainId"]), (&json!("Attestation"), &json!(35_679)));
    // With what a registration needs, the whole line for cast is printed.
    fs::write(&file, &text).unwrap();
    let line =
        ["validator", "keys", "--operator", OTHER, "--evm-chain-id", "35679", "--attestation", path, "--moniker"];
    let keys = home.json(&[&line[..], &["Alpha"]].concat());
    let cast = keys["cast_send"].as_str().unwrap();
    assert!(
        cast.starts_with("cast send 0x0000000000000000000000000000000000000106 'register((string,(bytes2,"),
        "{cast}"
    );
    assert!(cast.contains("'(Alpha,(0x4445,") && cast.ends_with(",1000)'"), "{cast}");
    home.run(&[&line[..], &["A,b"]].concat()).fails(1, &["tx register"]);
}

struct Chain {
    _process: Running,
    home: Home,
    url: String,
}

impl Chain {
    fn start() -> Self {
        let home = Home::initialised();
        let mut line: Command = command();
        line.args(["--json", "dev", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Running::start(&mut line);
        let url = process.first_json()["rpc"].as_str().unwrap().to_owned();
        Self { _process: process, home, url }
    }

    fn tx(&self, args: &[&str]) -> Done {
        with_key(&self.home, &[&["--json", "tx", "--rpc", &self.url], args].concat())
    }

    fn query(&self, args: &[&str]) -> Value {
        self.home.json(&[&["query", "--rpc", &self.url], args].concat())
    }

    fn human(&self, args: &[&str]) -> String {
        self.home.run(&[&["query", "--rpc", &self.url], args].concat()).ok().out
    }

    fn warp(&self, span: &str) -> Done {
        self.home.run(&["--json", "dev", "warp", span, "--rpc", &self.url])
    }
}

#[test]
fn money_decays_as_the_clock_is_turned_and_stakes_do_not() {
    let chain = Chain::start();
    let staked = chain.tx(&["stake", "1000", "--years", "4", "--wait"]).ok().json();
    let events = staked["events"].as_array().unwrap();
    let stakes: Vec<_> = events.iter().filter(|event| event["event"] == "Staked").collect();
    assert_eq!(stakes.len(), 2, "{staked}");
    assert_eq!(stakes[0]["args"]["amount"], "990000000000000000000");
    let before = chain.query(&["balance", FIRST]);
    assert_eq!(before["decays"], true);
    chain.warp("1d").ok();
    assert_ne!(chain.query(&["balance", FIRST])["effective"], before["effective"]);
    let warped = chain.warp("7d").ok().json();
    assert!(warped["seconds"].as_u64().unwrap() >= 7 * 86_400, "{warped}");
    assert_eq!(chain.query(&["balance", FIRST])["effective"], "0x0");
    let positions = chain.query(&["positions", FIRST]);
    assert_eq!((positions.as_array().unwrap().len(), &positions[0]["years"]), (2, &json!(4)));
    let human = chain.human(&["positions", FIRST]);
    assert!(human.contains("990") && human.contains("runs"), "{human}");
    chain.warp("0s").fails(1, &["0 s"]);
    chain.warp("8x").fails(2, &["no span of time"]);
    chain.home.run(&["dev", "warp", "1d", "--rpc", "http://127.0.0.1:9"]).fails(4, &["127.0.0.1:9"]);
}

#[test]
fn every_query_answers_people_and_programs() {
    let chain = Chain::start();
    chain.tx(&["stake", "500", "--years", "12", "--wait"]).ok();
    let validators = chain.query(&["validators"]);
    let operator = validators["validators"][0]["operator"].as_str().unwrap().to_owned();
    chain.tx(&["delegate", &operator, "100", "--years", "12", "--wait"]).ok();
    for line in [
        &["supply"][..],
        &["balance", FIRST],
        &["portions", FIRST],
        &["forecast", FIRST],
        &["burns", "0", "latest"],
        &["commission", FIRST, OTHER, "100"],
        &["max-sendable", FIRST],
        &["max-sendable", FIRST, OTHER, "--gas", "21000"],
        &["positions", FIRST],
        &["unlocks", FIRST],
        &["unlocks", FIRST, "--position", "0"],
        &["delegations", FIRST],
        &["delegators", &operator],
        &["dividends", FIRST],
        &["months"],
        &["beta"],
        &["validators"],
        &["validator", &operator],
        &["epoch"],
        &["jurisdictions"],
        &["jurisdictions", "DE"],
        &["verifiers"],
        &["evidence"],
        &["proposals"],
        &["params"],
        &["events"],
    ] {
        let told = chain.human(line);
        assert!(!told.trim().is_empty() && !told.contains('{'), "{line:?}: {told}");
        assert!(!chain.query(line).is_null(), "{line:?}");
    }
    let supply = chain.human(&["supply"]);
    assert!(supply.contains("pool staking") && supply.contains("R(t)"), "{supply}");
    assert!(chain.human(&["commission", FIRST, OTHER, "100"]).contains("arrives      95 DEF"));
    assert!(chain.human(&["delegators", &operator]).contains("joining"));
    chain.home.run(&["query", "--rpc", &chain.url, "validator", OTHER]).fails(1, &["is no validator"]);
    chain.home.run(&["query", "--rpc", &chain.url, "jurisdictions", "XK"]).fails(1, &["XK is not one of the 195"]);
}

#[test]
fn refusals_of_the_chain_reach_the_command_line_with_their_figures() {
    let chain = Chain::start();
    chain.tx(&["stake", "0.5", "--years", "4"]).fails(1, &["500000000000000000", "1000000000000000000"]);
    chain.tx(&["stake", "1", "--years", "13"]).fails(2, &["1..=12"]);
    chain.tx(&["withdraw", "9"]).fails(1, &["9"]);
    chain.tx(&["delegate", OTHER, "5", "--years", "4"]).fails(1, &["validator"]);
    chain.tx(&["unjail"]).fails(1, &["is no validator"]);
    chain.tx(&["set-referrer", FIRST]).fails(1, &["cannot refer itself"]);
    chain.tx(&["claim", "commission", "--position", "3"]).fails(1, &["no position"]);
    chain.tx(&["set-commission", "5.123"]).fails(2, &["two decimals"]);
    let description = ["propose", "--description", "why"];
    let param = ["param", "staking", "unbinding_days", "400"];
    chain.tx(&[&description[..], &param].concat()).fails(1, &["unbinding_days", "400", "366"]);
    chain.tx(&[&description[..], &["burn-table", "100,0"]].concat()).fails(2, &["nine are needed"]);

    // A registration with everything but an accredited verifier.
    let file = chain.home.file("a.json");
    let path = file.to_str().unwrap();
    let sign = ["attest", "sign", "--validator", FIRST, "--country", "JP", "--rpc", &chain.url, "--out", path];
    with_key(&chain.home, &sign).ok();
    chain.home.run(&["keys", "bls", "new"]).ok();
    let register = ["register", "--moniker", "Alpha", "--commission", "10", "--attestation", path];
    chain.tx(&register).fails(1, &["is no accredited verifier"]);
    // One that is for somebody else is not even sent.
    let mut other = chain.home.command(&["tx", "--rpc", &chain.url]);
    let other_key = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    run(other.args(register).env("DEFCHAIN_PRIVATE_KEY", other_key), "").fails(1, &["the sender is", OTHER]);
}

/// Signs with an account of the development phrase.
fn as_account(home: &Home, index: u32, args: &[&str]) -> Done {
    let key = derive(DEV_MNEMONIC, index).unwrap().to_bytes().to_string();
    run(home.command(args).env("DEFCHAIN_PRIVATE_KEY", key), "")
}

#[test]
fn a_validator_registers_from_the_command_line_and_the_next_of_its_country_queues() {
    let chain = Chain::start();
    let operators = [0_u32, 1].map(|index| (index, derive(DEV_MNEMONIC, index).unwrap().address().to_string()));
    for ((index, operator), queued) in operators.iter().zip(["false", "true"]) {
        let home = Home::initialised();
        let tx = |args: &[&str]| as_account(&home, *index, &[&["--json", "tx", "--rpc", &chain.url], args].concat());
        let file = home.file("attestation.json");
        let path = file.to_str().unwrap();
        // Account 19 is the verifier of local chains.
        let sign = ["attest", "sign", "--validator", operator, "--country", "JP", "--rpc", &chain.url, "--out", path];
        as_account(&home, 19, &sign).ok();
        home.run(&["keys", "bls", "new"]).ok();
        let register = ["register", "--moniker", "Alpha", "--commission", "10", "--attestation", path, "--wait"];
        tx(&register).fails(1, &["10000000000000000000000"]);
        tx(&["stake", "10000", "--years", "4", "--wait"]).ok();
        let done = tx(&register).ok().json();
        let event = done["events"].as_array().unwrap().iter().find(|event| event["event"] == "Registered").unwrap();
        assert_eq!(event["args"]["queued"], queued, "{done}");
    }
    let (first, second) = (operators[0].1.to_lowercase(), operators[1].1.to_lowercase());
    let seat = chain.query(&["jurisdictions", "JP"]);
    assert_eq!((&seat[0]["operator"], &seat[0]["queue"]), (&json!(first), &json!([second])));
    let info = chain.query(&["validator", &first]);
    assert_eq!(
        (&info["country"], &info["status"], &info["commissionBps"]),
        (&json!("JP"), &json!("active"), &json!(1_000))
    );
    let human = chain.human(&["validator", &first]);
    assert!(human.contains("Alpha (JP), Japan") && human.contains("10.00 %"), "{human}");
    assert_eq!(chain.query(&["validator", &second])["status"], "queued");
}

#[test]
fn every_command_of_the_economy_has_an_example() {
    let home = Home::new();
    for group in [&["tx"][..], &["query"], &["keys", "bls"], &["attest"], &["validator"]] {
        let help = home.run(&[group, &["--help"]].concat()).ok().out;
        let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
        let older =
            ["help", "transfer", "call", "deploy", "raw", "status", "block", "account", "upgrade", "proposer", "tx"];
        for name in commands.lines().filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' '))) {
            let name = name.split_whitespace().next().unwrap();
            if !older.contains(&name) {
                let told = home.run(&[group, &[name, "--help"]].concat()).ok().out;
                assert!(told.contains("Example"), "{group:?} {name} has no example");
            }
        }
    }
}
