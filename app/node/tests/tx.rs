//! `defchain-app tx` against a development chain: keystore, environment, remote signer.
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
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use common::{Done, Home, Running, command, free_ports, rpc, run};
use defchain_node::keys::{DEV_MNEMONIC, derive};
use serde_json::{Value, json};

const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// Stores its first argument in slot 0; reverts when it is called without data.
const STORE: &str = "6010600c60003960106000f3366008576000 80fd5b6004356000 5500";

struct Chain {
    process: Running,
    home: Home,
    url: String,
}

impl Chain {
    fn start() -> Self {
        let home = Home::initialised();
        let mut line: Command = command();
        line.args(["--json", "dev", "--plain-money", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Running::start(&mut line);
        let url = process.first_json()["rpc"].as_str().unwrap().to_owned();
        Self { process, home, url }
    }

    /// `tx` with these arguments, the first development key in the environment.
    fn tx(&self, args: &[&str]) -> Done {
        let mut line = self.home.command(&["--json", "tx", "--rpc", &self.url]);
        run(line.args(args).env("DEFCHAIN_PRIVATE_KEY", FIRST_KEY), "")
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        rpc(&self.url, method, params).unwrap()
    }

    fn balance(&self, of: &str) -> U256 {
        self.ask("eth_getBalance", json!([of, "latest"])).as_str().unwrap().parse().unwrap()
    }

    fn nonce(&self) -> u64 {
        common::quantity(&self.ask("eth_getTransactionCount", json!([FIRST, "latest"])))
    }
}

#[test]
fn money_is_sent_by_a_key_of_the_environment_and_by_one_of_the_keystore() {
    let chain = Chain::start();
    let before = chain.balance(OTHER);
    let sent = chain.tx(&["transfer", OTHER, "1.5", "--wait"]).ok().json();
    assert_eq!((&sent["status"], &sent["nonce"], &sent["gas_used"]), (&json!("included"), &json!(0), &json!(21_000)));
    assert_eq!(sent["from"].as_str().unwrap().to_lowercase(), FIRST.to_lowercase());
    let fee: u128 = sent["fee"].as_str().unwrap().parse().unwrap();
    let most: u128 = sent["max_fee_per_gas"].as_str().unwrap().parse().unwrap();
    assert!(fee > 0 && fee <= 21_000 * most);
    assert_eq!(chain.balance(OTHER) - before, U256::from(1_500_000_000_000_000_000_u128));

    let password = chain.home.folder.path().join("password");
    fs::write(&password, "correct horse\n").unwrap();
    let password = password.to_str().unwrap();
    chain.home.run_with(&["keys", "import", "me", "--password-file", password], FIRST_KEY).ok();
    let by_name =
        ["send", OTHER, "7wei", "--from", "me", "--password-file", password, "--tip", "2gwei", "--max-fee", "9gwei"];
    let sent = chain.tx(&by_name).ok().json();
    assert_eq!((&sent["status"], &sent["max_fee_per_gas"]), (&json!("sent"), &json!("9000000000")));
    assert_eq!((&sent["max_priority_fee_per_gas"], &sent["nonce"]), (&json!("2000000000"), &json!(1)));
    let status = chain.tx(&["status", sent["hash"].as_str().unwrap(), "--wait"]).ok().json();
    assert_eq!(status["status"], "included");
    fs::write(password, "wrong horse\n").unwrap();
    chain.tx(&by_name).fails(1, &["wrong password for me"]);
    assert_eq!(chain.nonce(), 2);
}

#[test]
fn a_dry_run_says_what_would_happen_and_sends_nothing() {
    let chain = Chain::start();
    let planned = chain.tx(&["transfer", OTHER, "1", "--dry-run"]).ok().json();
    assert_eq!(
        (&planned["dry_run"], &planned["gas_limit"], &planned["enough"]),
        (&json!(true), &json!(21_000), &json!(true))
    );
    let most: u128 = planned["most_wei"].as_str().unwrap().parse().unwrap();
    let price: u128 = planned["max_fee_per_gas"].as_str().unwrap().parse().unwrap();
    assert_eq!(most, 1_000_000_000_000_000_000 + 21_000 * price);
    assert_eq!(chain.nonce(), 0);
    let human = run(
        chain
            .home
            .command(&["tx", "--rpc", &chain.url, "transfer", OTHER, "1", "--dry-run"])
            .env("DEFCHAIN_PRIVATE_KEY", FIRST_KEY),
        "",
    );
    assert!(human.ok().out.contains("nothing was signed or sent"));
}

#[test]
fn a_contract_is_deployed_called_and_its_failure_is_an_error() {
    let chain = Chain::start();
    let code: String = STORE.split_whitespace().collect();
    let file = chain.home.folder.path().join("Store.json");
    fs::write(&file, json!({ "bytecode": { "object": code } }).to_string()).unwrap();
    let made = chain.tx(&["deploy", file.to_str().unwrap(), "--wait"]).ok().json();
    let contract = made["contract"].as_str().unwrap().to_owned();
    chain.tx(&["call", &contract, "--function", "set(uint256)", "42", "--wait"]).ok();
    let word = chain.ask("eth_getStorageAt", json!([contract, "0x0", "latest"]));
    assert_eq!(word.as_str().unwrap().parse::<U256>().unwrap(), U256::from(42));
    // What would revert is not sent; what was forced fails with its reason, and cost its gas.
    let nonce = chain.nonce();
    chain.tx(&["call", &contract, "--data", "0x"]).fails(1, &["eth_estimateGas", "revert"]);
    assert_eq!(chain.nonce(), nonce);
    chain
        .tx(&["call", &contract, "--data", "0x", "--gas-limit", "60000", "--wait"])
        .fails(1, &["and failed", "revert"]);
    assert_eq!(chain.nonce(), nonce + 1);
    chain.tx(&["call", &contract]).fails(2, &["--function"]);
    chain.tx(&["call", &contract, "--function", "set(uint256)"]).fails(1, &["takes 1 arguments, 0 are given"]);
}

#[test]
fn mistakes_are_named_before_anything_is_sent() {
    let mut chain = Chain::start();
    let mut nobody = chain.home.command(&["tx", "--rpc", &chain.url, "transfer", OTHER, "1"]);
    run(&mut nobody, "").fails(1, &["--from NAME", "--signer URL", "DEFCHAIN_PRIVATE_KEY"]);
    chain.tx(&["transfer", OTHER, "1e5"]).fails(2, &["such as 100000 or 0.5"]);
    chain
        .tx(&["transfer", OTHER, "1", "--max-fee", "1gwei", "--tip", "2gwei"])
        .fails(1, &["--tip 2000000000 is above --max-fee 1000000000"]);
    chain.tx(&["transfer", OTHER, "999999999"]).fails(1, &["insufficient"]);
    chain.tx(&["status", &format!("0x{}", "11".repeat(32))]).fails(1, &["knows no transaction"]);
    chain.tx(&["raw", "0x02"]).fails(1, &["eth_sendRawTransaction"]);
    chain.tx(&["transfer", OTHER, "1", "--signer", "http://127.0.0.1:1"]).fails(2, &["--from"]);
    let stuck = chain.tx(&["transfer", OTHER, "1", "--nonce", "9", "--gas-limit", "21000"]).ok().json();
    let hash = stuck["hash"].as_str().unwrap();
    assert_eq!(chain.tx(&["status", hash]).ok().json()["status"], "pending");
    chain.tx(&["status", hash, "--wait", "--timeout", "1"]).fails(1, &["is in no block after", "txpool_content"]);
    assert_eq!(chain.nonce(), 0);
    chain.process.send(nix::sys::signal::Signal::SIGTERM);
    chain.process.end(Duration::from_secs(20));
    chain.tx(&["transfer", OTHER, "1"]).fails(4, &["cannot reach the node", "--rpc names another"]);
}

/// A JSON-RPC signer; `sign` gets the request of eth_signTransaction and answers `result` or `error`.
fn signer(sign: impl Fn(&Value) -> Value + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(request["method"], "eth_signTransaction");
            let mut answer = sign(&request["params"][0]);
            answer["id"] = request["id"].clone();
            answer["jsonrpc"] = json!("2.0");
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            let mut stream = stream;
            stream.write_all((head + &text).as_bytes()).unwrap();
        }
    });
    url
}

/// What a well-behaved signer makes of a request, with this key.
fn signed(request: &Value, key: &PrivateKeySigner, to: Option<&str>) -> String {
    let number =
        |field: &str| u128::from_str_radix(request[field].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let to: Address = to.or(request["to"].as_str()).unwrap().parse().unwrap();
    let tx = TxEip1559 {
        chain_id: u64::try_from(number("chainId")).unwrap(),
        nonce: u64::try_from(number("nonce")).unwrap(),
        gas_limit: u64::try_from(number("gas")).unwrap(),
        max_fee_per_gas: number("maxFeePerGas"),
        max_priority_fee_per_gas: number("maxPriorityFeePerGas"),
        to: TxKind::Call(to),
        value: U256::from(number("value")),
        input: request["data"].as_str().unwrap().parse().unwrap(),
        ..Default::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
    alloy_primitives::hex::encode_prefixed(TxEnvelope::from(tx.into_signed(signature)).encoded_2718())
}

#[test]
fn a_remote_signer_signs_what_it_is_asked_and_nothing_else_is_sent() {
    let chain = Chain::start();
    let key = || derive(DEV_MNEMONIC, 0).unwrap();
    let send = |url: &str| chain.tx(&["transfer", OTHER, "3wei", "--signer", url, "--from", FIRST, "--wait"]);
    // Web3Signer answers bytes, geth and clef an object.
    let bytes = signer(move |request| json!({ "result": signed(request, &key(), None) }));
    assert_eq!(send(&bytes).ok().json()["status"], "included");
    let object = signer(move |request| json!({ "result": { "raw": signed(request, &key(), None), "tx": {} } }));
    assert_eq!(send(&object).ok().json()["nonce"], 1);
    let thief = signer(
        move |request| json!({ "result": signed(request, &key(), Some("0x000000000000000000000000000000000000dEaD")) }),
    );
    send(&thief).fails(1, &["signed another transaction than it was asked for: it was not sent"]);
    let stranger = signer(|request| json!({ "result": signed(request, &derive(DEV_MNEMONIC, 5).unwrap(), None) }));
    send(&stranger).fails(1, &["it was asked to sign as 0xf39F", "not sent"]);
    let refuses = signer(|_| json!({ "error": { "code": -32000, "message": "denied by the operator" } }));
    send(&refuses).fails(1, &["denied by the operator"]);
    let babbles = signer(|_| json!({ "result": "0x02f8" }));
    send(&babbles).fails(1, &["answered 0x02f8"]);
    let [port] = free_ports();
    send(&format!("http://127.0.0.1:{port}")).fails(1, &["cannot reach"]);
    assert_eq!(chain.nonce(), 2);
}
