//! The book's page of rules is true to the code: files and tests are there, every invariant is listed and checked somewhere.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust source of these folders, by path below the root.
fn sources(folders: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Cells of the page's rows that begin with this.
fn rows(begins: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join("docs/src/economy.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with(&format!("| {begins}")));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_ruling_of_the_page_lives_where_it_says_and_its_tests_are_there() {
    let sources = sources(&["abci", "app", "evm", "models", "modules"]);
    let tests: BTreeSet<&str> =
        sources.values().flat_map(|text| text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next())).collect();
    let rulings = rows("D");
    for row in &rulings {
        let [ruling, _, places, shown] = row.as_slice() else { panic!("{row:?} has no four cells") };
        assert!(code(places).next().is_some() && code(shown).next().is_some(), "{ruling}");
        for file in code(places) {
            assert!(sources.contains_key(file), "{ruling}: there is no {file}");
        }
        for test in code(shown) {
            assert!(tests.contains(test), "{ruling}: there is no test {test}");
        }
    }
    let listed: Vec<&str> = rulings.iter().map(|row| row[0].as_str()).collect();
    for needed in ["D2", "D3", "D4", "D17a", "D26a", "D36", "D36a", "D36b"] {
        assert!(listed.contains(&needed), "{needed} is not on the page");
    }
    let numbers: BTreeSet<u32> =
        listed.iter().filter_map(|r| r.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()).collect();
    assert!((11..=36).all(|n| numbers.contains(&n)), "{numbers:?}");
}

/// `INV-TOKEN-01` and the like in a text.
fn ids(text: &str) -> BTreeSet<String> {
    let id = |rest: &str| {
        let name: String = rest.chars().take_while(char::is_ascii_uppercase).collect();
        let digits: String = rest.chars().skip(name.len() + 1).take_while(char::is_ascii_digit).collect();
        (!name.is_empty() && rest[name.len()..].starts_with('-') && digits.len() == 2)
            .then(|| format!("INV-{name}-{digits}"))
    };
    text.split("INV-").skip(1).filter_map(id).collect()
}

#[test]
fn every_invariant_is_in_its_crate_s_doc_in_the_check_and_on_the_page() {
    let sources = sources(&["modules"]);
    let mut documented = BTreeSet::new();
    for (file, text) in sources.iter().filter(|(file, _)| file.ends_with("src/lib.rs")) {
        let doc: String = text.lines().filter(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
        let checked = ids(sources.get(&file.replace("lib.rs", "invariants.rs")).map_or("", String::as_str));
        for id in ids(&doc) {
            assert!(checked.contains(&id), "{file} promises {id}, invariants.rs does not check it");
            documented.insert(id);
        }
    }
    assert!(documented.len() > 30, "{documented:?}");
    let listed: BTreeSet<String> = rows("INV-").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(listed, documented, "left: the page, right: the crates' docs");
}
