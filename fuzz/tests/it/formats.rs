//! Frozen forms whose crates have no fixture of their own, and the table of all of them.

use std::{collections::BTreeSet, path::Path};

use alloy_primitives::{address, b256, hex};
use defchain_chain::genesis::{GenesisInput, KeyPower, validate};
use defchain_fuzz::{corpus, seeds::text, targets};
use defchain_node::keys::Keystore;
use defchain_store::{Store, StoreOptions};

/// Frozen: the hash is in every store and every snapshot, and decides who belongs to a network.
#[test]
fn the_hash_of_a_genesis_is_frozen() {
    let key = KeyPower { kind: "ed25519".to_owned(), key: text::KEY.to_vec(), power: 1_000 };
    for (name, hash) in [
        ("good-sample", b256!("a223274dfe085bf62cd0942c1318fbbb8d25c8c4edc981ec1ee13e97fd5216f4")),
        ("good-storage-and-pools", b256!("8421adac085043d74fad22ca3e1f6aa3465fb4727ec0c03693531a1a86efd60e")),
    ] {
        let app_state = std::fs::read(corpus::folder().join("app-state").join(name)).unwrap();
        let input = GenesisInput {
            chain_id: text::CHAIN,
            initial_height: 1,
            max_block_bytes: 8 << 20,
            time: 1_700_000_000,
            app_version: 0,
            validators: std::slice::from_ref(&key),
            app_state: &app_state,
        };
        assert_eq!(validate(&input).unwrap().hash(), hash, "{name}");
    }
}

/// Frozen: a program that writes another marker must bring older stores to its format.
#[test]
fn the_marker_of_a_new_store_is_frozen() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), StoreOptions::for_tests()).unwrap());
    assert_eq!(std::fs::read(folder.path().join("DEFCHAIN_STORE")).unwrap(), b"defchain-store 1\n");
}

/// The example of the format's own definition (Web3 Secret Storage), which every wallet's keystores resemble.
#[test]
fn a_keystore_of_the_format_s_own_definition_opens() {
    let file = serde_json::json!({
        "version": 3,
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": {
                "c": 262_144,
                "dklen": 32,
                "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        },
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("me.json"), file.to_string()).unwrap();
    let keystore = Keystore::new(folder.path().to_owned());
    let signer = keystore.unlock("me", "testpassword").unwrap();
    assert_eq!(signer.to_bytes().0, hex!("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"));
    assert_eq!(signer.address(), address!("008aeeda4d805471df9b2a5b0f38a0c3bcba786b"));
    let wrong = keystore.unlock("me", "another").unwrap_err().to_string();
    assert!(wrong.contains("wrong password"), "{wrong}");
}

/// A row of the table in docs/src/fuzzing.md.
struct Row<'a> {
    form: &'a str,
    fixture: &'a str,
    target: &'a str,
}

fn table(page: &str) -> Vec<Row<'_>> {
    let rows = page.split("## Frozen forms").nth(1).expect("the page has the table").lines();
    rows.filter(|line| line.starts_with("| ") && !line.starts_with("| form"))
        .map(|line| {
            let cells: Vec<&str> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            assert_eq!(cells.len(), 4, "{line}");
            Row { form: cells[0], fixture: cells[2], target: cells[3] }
        })
        .collect()
}

#[test]
fn every_frozen_form_of_the_table_has_its_fixture_and_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/src/fuzzing.md")).unwrap();
    let rows = table(&page);
    assert!(rows.len() > 30, "{} rows", rows.len());
    let names: BTreeSet<&str> = targets().iter().map(|target| target.name).collect();
    let mut listed = BTreeSet::new();
    for row in &rows {
        let (file, test) = row.fixture.split_once("::").unwrap_or_else(|| panic!("{}: {}", row.form, row.fixture));
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{}: {file}: {e}", row.form));
        assert!(source.contains(&format!("fn {test}(")), "{}: {file} has no test {test}", row.form);
        for target in row.target.split(", ").map(|name| name.trim_matches('`')).filter(|name| *name != "–") {
            assert!(names.contains(target), "{}: there is no target {target}", row.form);
            listed.insert(target);
        }
    }
    let missing: Vec<_> = names.difference(&listed).collect();
    assert!(missing.is_empty(), "the table has no row for {missing:?}");
}
