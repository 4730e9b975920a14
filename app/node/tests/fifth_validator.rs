//! A localnet with the short economy: somebody registers for a new country and gets power, a second one queues behind it, and
//! a copied key costs a share of the stake, the seat's power and a term in jail (D27, D28, D30, D31, D34).
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

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use common::{Done, cometbft, command, run, wait_for};
use defchain_localnet::{Network, Node, PortPlan, Spec, add_follower, create};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);
/// Accounts 1, 2 and 19 of the development phrase; the last one attests on local chains.
const FIRST: (&str, &str) = (
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
);
const SECOND: (&str, &str) = (
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
);
const VERIFIER_KEY: &str = "0xdf57089febbacf7ba0bc227dafbffa9fc08a93fdc68e1e42411a14efcf23656e";
const TREASURY: &str = "0x0000000000000000000000000000000000000113";

struct Rig {
    network: Network,
    spec: Spec,
    url: String,
}

impl Rig {
    fn tool(&self, home: &Path, key: &str, args: &[&str]) -> Done {
        let mut command = command();
        command.env("DEFCHAIN_PRIVATE_KEY", key).arg("--json").arg("--home").arg(home).args(args);
        run(command.args(["--rpc", &self.url]), "")
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        self.network.rpc(0).call(method, params).unwrap()
    }

    fn amount(&self, method: &str, params: Value) -> u128 {
        u128::from_str_radix(self.ask(method, params).as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    fn supply(&self) -> u128 {
        let supply = self.ask("def_getTotalSupply", json!([]));
        u128::from_str_radix(supply["totalSupply"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Powers in CometBFT, ascending.
    fn powers(&self) -> Vec<u64> {
        let set = self.network.comet(0, "/validators").unwrap();
        let list = set["result"]["validators"].as_array().or(set["validators"].as_array()).unwrap().clone();
        let mut powers: Vec<u64> = list.iter().map(|v| v["voting_power"].as_str().unwrap().parse().unwrap()).collect();
        powers.sort_unstable();
        powers
    }

    fn status(&self, operator: &str) -> Option<String> {
        let all = self.ask("def_getValidators", json!([]));
        let found = all["validators"]
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["operator"].as_str().unwrap().eq_ignore_ascii_case(operator));
        found.map(|v| v["status"].as_str().unwrap().to_owned())
    }

    /// Stakes, has itself attested for France, and registers with the keys of a home.
    fn register(&self, node: &Node, (operator, key): (&str, &str), stake: &str, moniker: &str) {
        self.tool(&node.home, key, &["tx", "stake", stake, "--years", "4", "--wait"]).ok();
        let bls = ["--json", "--home", node.home.to_str().unwrap(), "keys", "bls", "new"];
        run(command().args(bls), "").ok();
        let attestation = node.home.join("attestation.json");
        let file = attestation.to_str().unwrap();
        let sign = ["attest", "sign", "--validator", operator, "--country", "FR", "--out", file];
        self.tool(&node.home, VERIFIER_KEY, &sign).ok();
        let register = ["tx", "register", "--moniker", moniker, "--commission", "10", "--attestation", file, "--wait"];
        self.tool(&node.home, key, &register).ok();
    }
}

fn start(folder: &tempfile::TempDir) -> Rig {
    let app = Path::new(env!("CARGO_BIN_EXE_defchain-app"));
    let mut spec = Spec::localnet(folder.path(), app, cometbft(), vec![19, 24, 27, 30]);
    spec.economy = "short".to_owned();
    spec.ports = PortPlan::Free;
    let network = Network::start(&spec.dir, &spec.app, create(&spec).unwrap()).unwrap();
    network.wait_height(2, PATIENCE).unwrap();
    let url = network.nodes[0].rpc_url();
    Rig { network, spec, url }
}

#[test]
fn a_fifth_validator_gets_power_a_second_of_its_country_queues_and_a_copied_key_is_slashed() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = start(&folder);
    let before = rig.supply();
    // D27: powers follow the stakes of genesis, to 10^18 in all.
    assert_eq!(rig.powers(), [19, 24, 27, 30].map(|percent| percent * 10_000_000_000_000_000));

    let fifth = add_follower(&rig.spec, &rig.network.nodes).unwrap();
    rig.register(&fifth, SECOND, "15000", "Fifth");
    let joined = rig.network.join(fifth.clone()).unwrap();
    wait_for("CometBFT's fifth power", PATIENCE, || (rig.powers().len() == 5).then_some(()));
    assert_eq!(rig.powers().iter().sum::<u64>(), 1_000_000_000_000_000_000);
    assert_eq!(rig.status(SECOND.0).as_deref(), Some("active"));

    // D31: a second candidate for the same country waits.
    let other = add_follower(&rig.spec, &rig.network.nodes).unwrap();
    rig.register(&other, FIRST, "12000", "Second");
    assert_eq!(rig.status(FIRST.0).as_deref(), Some("queued"));
    assert_eq!(rig.powers().len(), 5);

    // The key on a second machine: the lock that keeps it from being used twice on this one is taken away.
    let nodes = [rig.network.nodes.clone(), vec![other]].concat();
    let copy = add_follower(&rig.spec, &nodes).unwrap();
    let key = "config/priv_validator_key.json";
    fs::copy(fifth.home.join(key), copy.home.join(key)).unwrap();
    let address: Value = serde_json::from_slice(&fs::read(fifth.home.join(key)).unwrap()).unwrap();
    let user = fs::metadata("/proc/self").unwrap().uid();
    let lock = format!("/tmp/defchain-{user}/consensus-key-{}.lock", address["address"].as_str().unwrap());
    fs::remove_file(lock).unwrap();
    let treasury = rig.amount("eth_getBalance", json!([TREASURY, "latest"]));
    rig.network.join(copy).unwrap();
    let evidence = wait_for("evidence", PATIENCE, || {
        rig.ask("def_getEvidence", json!([])).as_array().and_then(|list| list.first().cloned())
    });
    assert_eq!(evidence["kind"], "doubleSign");
    assert!(evidence["operator"].as_str().unwrap().eq_ignore_ascii_case(SECOND.0));
    assert_eq!(evidence["shareBps"], 500);
    // 5 % of 15,000 DEF: half burned, 30 % to the treasury, the reporter's share burned, as nobody reported (D34).
    let wei =
        |field: &str| u128::from_str_radix(evidence[field].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let def = 1_000_000_000_000_000_000_u128;
    assert_eq!((wei("slashed"), wei("treasury"), wei("reward")), (750 * def, 225 * def, 0));
    assert!(rig.amount("eth_getBalance", json!([TREASURY, "latest"])) >= treasury + 225 * def);
    assert_eq!(rig.status(SECOND.0).as_deref(), Some("jailed"));
    wait_for("the removal in CometBFT", PATIENCE, || (rig.powers().len() == 4).then_some(()));
    assert_eq!(rig.powers().iter().sum::<u64>(), 1_000_000_000_000_000_000);
    assert!(rig.supply() < before, "total supply never rises (D4)");

    // Everybody agrees on all of it, the fifth node too.
    let height = rig.network.tips()[0].as_ref().unwrap().height;
    rig.network
        .wait(PATIENCE, "the fifth node", |network| network.rpc(joined).tip().is_ok_and(|tip| tip.height >= height))
        .unwrap();
    let block = |i: usize| rig.network.rpc(i).block(&format!("{height:#x}")).unwrap();
    for i in [1, 2, 3, joined] {
        assert_eq!(block(i), block(0), "node{i}");
    }
    rig.network.stop().unwrap();
}
