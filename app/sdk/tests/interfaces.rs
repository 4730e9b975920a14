//! `interfaces/abi/*.json` is what the Solidity interfaces say. `DEFCHAIN_WRITE=1 cargo test -p defchain-sdk --test interfaces`
//! writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../interfaces")
}

fn names(folder: &PathBuf, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn every_interface_has_its_json_abi() {
    let (sources, published) = (folder(), folder().join("abi"));
    let write = std::env::var_os("DEFCHAIN_WRITE").is_some();
    for (name, abi) in defchain_sdk::contracts::abis() {
        let made = format!("{}\n", serde_json::to_string_pretty(&abi).unwrap());
        let path = published.join(format!("{name}.json"));
        if write {
            fs::create_dir_all(&published).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == made, "{} is not what {name}.sol says: write it anew (see this file's head)", path.display());
        // Who reads it back gets the same functions.
        assert_eq!(serde_json::from_str::<alloy_json_abi::JsonAbi>(&found).unwrap(), abi);
    }
    assert_eq!(names(&sources, ".sol"), names(&published, ".json"));
}

#[test]
fn the_json_abi_names_what_solidity_names() {
    let abis = defchain_sdk::contracts::abis();
    let (_, validators) = abis.iter().find(|(name, _)| *name == "IValidators").unwrap();
    let register = &validators.function("register").unwrap()[0];
    assert_eq!(
        register.signature(),
        "register((string,(bytes2,uint64,uint64,uint256,bytes),bytes32,bytes,bytes,bytes,uint16))"
    );
    assert_eq!(register.inputs[0].components[0].name, "moniker");
    assert!(validators.event("PowerChanged").unwrap()[0].inputs[0].indexed);
}
