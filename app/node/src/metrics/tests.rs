#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, fs};

use defchain_abci::Call;
use defchain_base::Timestamp;
use defchain_chain::{
    ChainConfig,
    driver::{DevDriver, DevGenesis},
    genesis::{AppState, GenesisAccount},
};
use defchain_rpc::{RpcConfig, RpcContext, RpcServer};
use defchain_store::{Store, StoreOptions};

use super::*;

const PAGE: &str = include_str!("../../../../docs/src/monitoring.md");
const ALERTS: &str = include_str!("../../../../ops/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../../ops/prometheus/alerts.test.yml");
const DASHBOARD: &str = include_str!("../../../../ops/grafana/dashboards/defchain.json");

/// What a node behind CometBFT serves, made without CometBFT: a block, a record of the supervisor, a view of CometBFT.
fn served() -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store"), StoreOptions::default()).unwrap();
    let chain = Chain::open(store, ChainConfig::default()).unwrap();
    let address = alloy_primitives::Address::repeat_byte(1);
    let account = GenesisAccount {
        address,
        balance: crate::commands::parse_amount("1").unwrap(),
        nonce: 0,
        code: Default::default(),
        storage: Default::default(),
    };
    let state = AppState { accounts: vec![account], ..AppState::default() };
    let genesis = DevGenesis::single("metrics-1", Timestamp(1_700_000_000_000), address, state);
    let driver = DevDriver::start(chain.clone(), &genesis).unwrap();
    driver.block(Timestamp(1_700_000_001_000)).unwrap();
    let record = r#"{"supervisor":null,"app":null,"cometbft":null,"starts":3}"#;
    fs::write(folder.path().join("supervisor.json"), record).unwrap();
    assert!(chain.pool().add_local(alloy_primitives::Bytes::from_static(&[1])).is_err());
    let metrics = Arc::new(NodeMetrics::default());
    let duration = std::time::Duration::from_millis(1);
    metrics.call_finished(&FinishedCall { connection: 1, call: Call::Commit, duration, request: &[], response: &[] });
    metrics.surround(folder.path().to_owned(), Some(Arc::default()));
    let mut context = RpcContext::of_chain(&chain, "test");
    context.metrics = Arc::new(move || metrics.render(&chain));
    let config = RpcConfig { addr: "127.0.0.1:0".parse().unwrap(), max_batch: 1, ..RpcConfig::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let rpc = RpcServer::start(config, context).await.unwrap();
        // A call, and a batch that is too large: what is empty is not served.
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
        for body in [call.to_owned(), format!("[{call},{call}]")] {
            let request = reqwest::Client::new().post(format!("http://{}", rpc.local_addr())).body(body);
            let answer = request.header("content-type", "application/json").send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
        }
        let text = (rpc.metrics())();
        rpc.shutdown().await;
        text
    })
}

/// Kind and description of every metric in a text, by the name that a sample of it has; histograms by their base name.
fn described(text: &str) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    let mut help = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            rest.split_once(' ').unwrap().1.trim_end_matches('.').clone_into(&mut help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            assert!(found.insert(name, (kind.to_owned(), help.clone())).is_none(), "twice: {line}");
        }
    }
    found
}

/// Words of a text that begin with `prefix`.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(move |word| word.starts_with(prefix))
}

/// Queries only: descriptions may name whatever they like.
fn queries() -> String {
    let board: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut text = ALERTS.to_owned();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            text.push_str(target["expr"].as_str().unwrap());
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_page_lists_every_metric_with_its_description_and_no_other() {
    let rows: Vec<String> = described(&served())
        .into_iter()
        .map(|(name, (kind, help))| format!("| `{name}` | {kind} | {help} |"))
        .collect();
    let listed: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `defchain_")).collect();
    assert_eq!(listed, rows, "docs/src/monitoring.md must hold these rows:\n{}\n", rows.join("\n"));
}

#[test]
fn names_carry_units_and_descriptions_say_them() {
    for (name, (kind, help)) in described(&served()) {
        let base = name.trim_end_matches("_total");
        for (ending, unit) in [("_seconds", "seconds"), ("_bytes", "bytes"), ("_wei", "wei")] {
            assert!(!base.ends_with(ending) || help.contains(unit), "{name}: {help:?} does not name its unit");
        }
        assert!(kind != "histogram" || base.ends_with("_seconds"), "{name} has no unit");
        assert!(!help.is_empty(), "{name} has no description");
    }
}

#[test]
fn a_metric_of_the_dashboard_or_an_alert_is_one_that_a_node_serves() {
    let served = described(&served());
    let queries = queries();
    let mut asked = 0;
    for name in words(&queries, "defchain_") {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let known = served.get(name).is_some_and(|(kind, _)| kind != "histogram")
            || served.get(base).is_some_and(|(kind, _)| kind == "histogram" && base != name);
        assert!(known, "{name} is asked for, and no node serves it");
        asked += 1;
    }
    assert!(asked > 60, "only {asked} names were found: the test looks in the wrong place");
    for name in words(&queries, "cometbft_") {
        // A test with a real CometBFT asks it for what the page lists (tests/supervised.rs).
        assert!(PAGE.contains(&format!("| `{name}` |")), "{name} is asked for, and the page does not list it");
    }
}

#[test]
fn every_alert_is_explained_and_has_a_test_in_which_it_fires() {
    let names: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        assert!(PAGE.contains(&format!("| `{name}` |")), "docs/src/monitoring.md does not explain {name}");
        let fires = ALERT_TESTS.split("alertname: ").skip(1).any(|case| {
            case.strip_prefix(name).is_some_and(|rest| {
                let expected = rest.trim_start();
                expected.starts_with("exp_alerts:") && !expected.starts_with("exp_alerts: []")
            })
        });
        assert!(fires, "no test in alerts.test.yml lets {name} fire");
    }
    let explained = PAGE.lines().filter(|line| line.starts_with("| `Defchain")).count();
    assert_eq!(explained, names.len(), "the page explains alerts that do not exist");
}
