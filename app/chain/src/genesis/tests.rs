#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::fs;

use defchain_base::{Address, Amount, system::Pool};
use serde_json::{Value, json};

use super::*;

const MIB: i64 = 1024 * 1024;

/// Keys of four validators; ed25519 keys are points, so they come from the library.
fn keys() -> Vec<KeyPower> {
    (1..=4_u8)
        .map(|i| {
            let secret = ed25519_consensus::SigningKey::from([i; 32]);
            KeyPower { kind: "ed25519".into(), key: secret.verification_key().to_bytes().to_vec(), power: 10 }
        })
        .collect()
}

fn operator(i: u8) -> Address {
    Address::repeat_byte(0xa0 + i)
}

fn good_state() -> Value {
    let validators: Vec<_> = keys()
        .iter()
        .zip(1..)
        .map(|(key, i)| {
            let operator = operator(i);
            let key = key.key.clone().try_into().unwrap();
            let validator = crate::driver::dev_validator(usize::from(i), key, operator);
            GenesisValidator { moniker: "m".to_owned(), ..validator }
        })
        .collect();
    let accounts: Vec<_> = (1..=3_u8)
        .rev()
        .map(|i| json!({"address": Address::repeat_byte(i), "balance": "1000000000000000000"}))
        .collect();
    json!({"params": {"evm_chain_id": 35679}, "pod": {"validators": validators}, "accounts": accounts})
}

fn check_with(
    chain_id: &str,
    max_block_bytes: i64,
    keys: &[KeyPower],
    state: &str,
) -> Result<ValidatedGenesis, GenesisErrors> {
    validate(&GenesisInput {
        chain_id,
        initial_height: 1,
        max_block_bytes,
        app_version: 0,
        time: 1_700_000_000,
        validators: keys,
        app_state: state.as_bytes(),
    })
}

fn check(state: &Value) -> Result<ValidatedGenesis, GenesisErrors> {
    check_with("deflation-local-1", 8 * MIB, &keys(), &state.to_string())
}

/// The places of all mistakes.
#[track_caller]
fn places(result: Result<ValidatedGenesis, GenesisErrors>) -> Vec<String> {
    result.unwrap_err().0.list().iter().map(|p| p.at.clone()).collect()
}

#[test]
fn a_good_genesis_comes_out_in_one_order() {
    let genesis = check(&good_state()).unwrap();
    assert!(genesis.accounts.is_sorted_by_key(|a| a.address));
    assert!(genesis.validators.is_sorted_by_key(|v| v.address));
    assert_eq!(genesis.validators.len(), 4);
    assert_eq!(genesis.supply, Amount::from_def(40_003));
    for (key, i) in keys().iter().zip(1..) {
        let found = genesis.validators.iter().find(|v| v.key[..] == key.key[..]).unwrap();
        assert_eq!((found.operator, found.power.0), (operator(i), 250_000_000_000_000_000));
    }
}

#[test]
fn the_hash_depends_on_content_and_not_on_layout() {
    let state = good_state();
    let base = check(&state).unwrap().hash();
    let pretty = serde_json::to_string_pretty(&state).unwrap();
    assert_eq!(check_with("deflation-local-1", 8 * MIB, &keys(), &pretty).unwrap().hash(), base);
    let mut shuffled = state.clone();
    shuffled["accounts"].as_array_mut().unwrap().reverse();
    shuffled["pod"]["validators"].as_array_mut().unwrap().reverse();
    assert_eq!(check(&shuffled).unwrap().hash(), base);
    for (pointer, value) in [
        ("/accounts/0/balance", json!("2")),
        ("/accounts/0/nonce", json!(1)),
        ("/pod/validators/0/operator", json!(operator(9))),
        ("/pod/validators/0/moniker", json!("n")),
        ("/params/evm_chain_id", json!(35_679)),
    ] {
        let mut other = state.clone();
        if pointer.starts_with("/params") {
            other["params"]["min_base_fee"] = json!(7);
        } else if let Some(place) = other.pointer_mut(pointer) {
            *place = value;
        } else {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            other.pointer_mut(parent).unwrap()[field] = value;
        }
        assert_ne!(check(&other).unwrap().hash(), base, "{pointer}");
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let mut state = good_state();
    state["surprise"] = json!(1);
    state["params"]["block_gas_limit"] = json!(1);
    state["params"]["min_base_fee"] = json!("many");
    state["params"]["blok_gas"] = json!(1);
    // The validator of the key that is taken away below, and its neighbours in the file.
    state["pod"]["validators"][0]["operator"] = json!(Pool::Treasury.address());
    state["pod"]["validators"][1]["operator"] = json!(operator(3));
    state["pod"]["validators"][3]["stake"] = json!("9999999999999999999999");
    state["accounts"][0]["balance"] = json!("30000000000000000000000000");
    state["accounts"][1]["address"] = json!(Address::repeat_byte(3));
    state["accounts"][2]["balance"] = json!(5);
    let mut keys = keys();
    keys[2].power = 0;
    let result = check_with("deflation-1", MIB, &keys, &state.to_string());
    let text = result.clone().unwrap_err().to_string();
    let mut found = places(result);
    found.sort();
    for why in ["is nobody's account", "operator 0xA3", "9999999999999999999999 wei, the minimum is"] {
        assert!(text.contains(why), "{why}: {text}");
    }
    assert_eq!(
        found,
        [
            "app_state.accounts",
            "app_state.accounts[1]",
            "app_state.accounts[2]",
            "app_state.accounts[2].balance",
            "app_state.params",
            "app_state.params.blok_gas",
            "app_state.params.evm_chain_id",
            "app_state.params.min_base_fee",
            "app_state.pod.validators[0].operator",
            "app_state.pod.validators[0].operator",
            "app_state.pod.validators[2]",
            "app_state.pod.validators[3].stake",
            "app_state.surprise",
            "consensus_params.block.max_bytes",
            "validators[2].power",
        ],
        "{text}"
    );
    assert!(text.starts_with("the genesis has 15 mistakes:"), "{text}");
    assert!(text.contains("block_gas_limit is 1, must be 16777216 to"), "{text}");
    assert!(text.contains("above the limit of 21000000000000000000000000 wei"), "{text}");
    assert!(text.contains("there are block_gas_limit, evm_chain_id"), "{text}");
}

#[test]
fn chain_ids_belong_together() {
    let with = |chain_id: &str, evm: u64| {
        let mut state = good_state();
        state["params"]["evm_chain_id"] = json!(evm);
        check_with(chain_id, 8 * MIB, &keys(), &state.to_string())
    };
    for (chain_id, evm) in [
        ("deflation-1", 3567),
        ("deflation-2", 3567),
        ("deflation-test-1", 35_671),
        ("deflation-local-1", 35_679),
        ("deflation-dev-1", 35_679),
        ("my-net", 77),
    ] {
        assert!(with(chain_id, evm).is_ok(), "{chain_id} {evm}");
    }
    for (chain_id, evm) in [
        ("deflation-1", 35_679),
        ("deflation-local-1", 3567),
        ("deflation-test-9", 3567),
        ("my-net", 3567),
        ("my-net", 35_671),
    ] {
        assert_eq!(places(with(chain_id, evm)), ["app_state.params.evm_chain_id"], "{chain_id} {evm}");
    }
    for chain_id in ["", "with space", &"x".repeat(51), "ünï"] {
        assert_eq!(places(with(chain_id, 35_679)), ["chain_id"], "{chain_id}");
    }
}

#[test]
fn powers_and_keys_must_be_what_cometbft_takes() {
    let state = good_state().to_string();
    let with = |change: &dyn Fn(&mut Vec<KeyPower>)| {
        let mut keys = keys();
        change(&mut keys);
        check_with("deflation-local-1", 8 * MIB, &keys, &state)
    };
    assert_eq!(places(with(&|k| k[0].power = -1)), ["validators[0].power"]);
    assert_eq!(places(with(&|k| k[1].power = i64::MAX)), ["validators"]);
    let exactly = defchain_base::Power::MAX_TOTAL.0 as i64 - 30;
    assert!(with(&|k| k[1].power = exactly).is_ok());
    assert_eq!(places(with(&|k| k[1].power = exactly + 1)), ["validators"]);
    assert!(places(with(&|k| k[1].kind = "secp256k1".into())).contains(&"validators[1].pub_key".to_owned()));
    assert!(places(with(&|k| k[1].key.truncate(31))).contains(&"validators[1].pub_key".to_owned()));
    assert!(places(with(&|k| k[1] = k[0].clone())).contains(&"validators[1].pub_key".to_owned()));
    let empty = check_with("deflation-local-1", 8 * MIB, &[], &state).unwrap_err().to_string();
    assert!(empty.contains("somebody has to make blocks"), "{empty}");
}

#[test]
fn a_full_payload_must_fit_a_block_at_the_very_byte() {
    let needed = i64::try_from(needed_block_bytes(ChainParams::default().max_payload_bytes, 4)).unwrap();
    let state = good_state().to_string();
    assert!(check_with("deflation-local-1", needed, &keys(), &state).is_ok());
    assert!(check_with("deflation-local-1", -1, &keys(), &state).is_ok());
    for bytes in [needed - 1, 0, -2, 200 * MIB] {
        let result = check_with("deflation-local-1", bytes, &keys(), &state);
        assert_eq!(places(result), ["consensus_params.block.max_bytes"], "{bytes}");
    }
}

#[test]
fn accounts_stay_off_the_addresses_that_others_keep() {
    for address in [
        "0x0000000000000000000000000000000000000000",
        "0x0000000000000000000000000000000000000001",
        "0x0000000000000000000000000000000000000011",
        "0x0000000000000000000000000000000000000100",
        "0x00000000000000000000000000000000000001ff",
        "0x0000F90827F1C53a10cb7A02335B175320002935",
    ] {
        let mut state = good_state();
        state["accounts"][0]["address"] = json!(address);
        assert_eq!(places(check(&state)), ["app_state.accounts[0].address"], "{address}");
    }
    let mut state = good_state();
    state["accounts"][0]["address"] = json!("0x0000000000000000000000000000000000000012");
    assert!(check(&state).is_ok());
}

#[test]
fn code_storage_and_nonce_have_their_bounds() {
    let with = |field: &str, value: Value| {
        let mut state = good_state();
        state["accounts"][0][field] = value;
        check(&state)
    };
    let code = |bytes: usize, first: u8| json!(format!("0x{:02x}{}", first, "00".repeat(bytes - 1)));
    assert!(with("code", code(24_576, 0x60)).is_ok());
    assert_eq!(places(with("code", code(24_577, 0x60))), ["app_state.accounts[0].code"]);
    assert_eq!(places(with("code", code(24, 0xef))), ["app_state.accounts[0].code"]);
    assert!(with("code", json!(format!("0xef0100{}", "11".repeat(20)))).is_ok());
    assert_eq!(places(with("nonce", json!(u64::MAX))), ["app_state.accounts[0].nonce"]);
    let word = |n: u8| format!("0x{n:064x}");
    assert!(with("storage", json!({ word(0): word(1) })).is_ok());
    assert_eq!(places(with("storage", json!({ word(0): word(0) }))), ["app_state.accounts[0].storage"]);
    assert_eq!(places(with("balance", json!("0"))), ["app_state.accounts[0]"]);
}

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("defchain-genesis-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn account(byte: u8, def: u64) -> GenesisAccount {
    GenesisAccount {
        address: Address::repeat_byte(byte),
        balance: Amount::from_def(def),
        nonce: 0,
        code: Bytes::new(),
        storage: BTreeMap::new(),
    }
}

fn with_file(file: &AccountsFile) -> ValidatedGenesis {
    let mut state = good_state();
    state["accounts_file"] = serde_json::to_value(file).unwrap();
    check(&state).unwrap()
}

fn file_problems(folder: &Folder, file: &AccountsFile) -> String {
    let reader = with_file(file).open_accounts_file(Some(&folder.0)).unwrap().unwrap();
    let mut problems = Problems::default();
    reader.check(&mut problems);
    GenesisErrors(problems).to_string()
}

#[test]
fn an_accounts_file_is_read_account_by_account() {
    let folder = Folder::new("good");
    let accounts = [account(0x10, 1), account(0x20, 2)];
    let file = write_accounts_file(&folder.0, accounts.clone()).unwrap();
    let genesis = with_file(&file);
    let read: Result<Vec<_>, _> = genesis.open_accounts_file(Some(&folder.0)).unwrap().unwrap().collect();
    assert_eq!(read.unwrap(), accounts);
}

#[test]
fn an_accounts_file_must_be_the_one_that_genesis_names() {
    let folder = Folder::new("changed");
    let file = write_accounts_file(&folder.0, [account(0x10, 1)]).unwrap();
    let path = folder.0.join(file.name());
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str(&text.clone().replace("1010", "1111"));
    fs::write(&path, text).unwrap();
    let report = file_problems(&folder, &file);
    assert!(report.contains("has the SHA-256"), "{report}");
    assert!(report.contains("has 2 lines, genesis says 1"), "{report}");
    fs::remove_file(&path).unwrap();
    let missing = with_file(&file).open_accounts_file(Some(&folder.0)).err().unwrap().to_string();
    assert!(missing.contains(&file.name()) && missing.contains("cannot open"), "{missing}");
}

#[test]
fn an_accounts_file_is_reported_with_every_wrong_line() {
    let folder = Folder::new("lines");
    let inline = account(1, 1);
    let file = write_accounts_file(
        &folder.0,
        [account(0x20, 1), account(0x20, 1), account(0x10, 1), inline, account(0x30, 20_999_995)],
    )
    .unwrap();
    let report = file_problems(&folder, &file);
    let name = file.name();
    for expected in [
        format!("{name}:2: 0x2020"),
        format!("{name}:3: 0x1010"),
        format!("{name}:4: 0x0101010101010101010101010101010101010101 stands in app_state.accounts already"),
        "all accounts: hold 21040002000000000000000000 wei together".to_owned(),
    ] {
        assert!(report.contains(&expected), "{expected}\n{report}");
    }
    let path = folder.0.join(&name);
    fs::write(&path, "{\"address\": 1}\nnot json\n").unwrap();
    let report = file_problems(&folder, &file);
    assert!(report.contains(&format!("{name}:1: ")) && report.contains(&format!("{name}:2: ")), "{report}");
}

#[test]
fn app_state_survives_a_round_trip() {
    let state: AppState = serde_json::from_value(good_state()).unwrap();
    let text = serde_json::to_string(&state).unwrap();
    let genesis = check_with("deflation-local-1", 8 * MIB, &keys(), &text).unwrap();
    assert_eq!(genesis.params, state.params);
    assert_eq!(genesis.accounts.len(), state.accounts.len());
}
