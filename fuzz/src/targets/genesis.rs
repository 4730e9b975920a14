//! Genesis and the files around it: JSON that people write, and strangers send.

use std::{cell::RefCell, fs, path::Path};

use defchain_base::B256;
use defchain_chain::{
    driver::StateDump,
    genesis::{
        AccountsFile, GenesisErrors, GenesisInput, KeyPower, MAX_PROBLEMS, Problems, ValidatedGenesis, validate,
    },
};
use defchain_node::genesis::{
    declaration::verify_bytes,
    document::{Read, read_without_accounts},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{Form, Memory, Target, Verdict, seeds::text};

pub(super) const TARGETS: &[Target] = &[
    Target::own("app-state", Form::Text, |data| judge(data).map(|_| ())),
    Target::own("genesis-file", Form::Text, document),
    // The reader's buffer.
    Target::own("accounts-file", Form::Text, accounts).rounds(800).memory(Memory { base: 6 << 20, per_byte: 512 }),
    Target::own("declaration", Form::Text, declaration),
    Target::own("state-dump", Form::Text, dump),
];

fn judge(app_state: &[u8]) -> Result<ValidatedGenesis, String> {
    let key = KeyPower { kind: "ed25519".to_owned(), key: text::KEY.to_vec(), power: 1_000 };
    let input = GenesisInput {
        chain_id: text::CHAIN,
        initial_height: 1,
        max_block_bytes: 8 << 20,
        time: 1_700_000_000,
        app_version: 0,
        validators: &[key],
        app_state,
    };
    validate(&input).map_err(|errors| {
        bounded(&errors.0);
        errors.to_string()
    })
}

fn bounded(problems: &Problems) {
    assert!(!problems.is_empty(), "a refusal names a problem");
    assert!(problems.list().len() <= MAX_PROBLEMS, "no more than {MAX_PROBLEMS} problems are kept");
}

/// CometBFT's file. What is good is written in one way, and that way reads as the same.
fn document(data: &[u8]) -> Verdict {
    let read = |data: &[u8]| read_without_accounts(data).map_err(|errors| errors.to_string());
    let Read { document, problems, .. } = read(data)?;
    if !problems.is_empty() {
        bounded(&problems);
        return Err(GenesisErrors(problems).to_string());
    }
    let written = document.render().expect("a document is JSON");
    let again = read(written.as_bytes()).expect("what we write reads");
    assert!(again.problems.is_empty(), "what was good is written so that it is not: {:?}", again.problems);
    assert_eq!(again.document.render().expect("a document is JSON"), written);
    Ok(())
}

/// The accounts beside a genesis that names them by their hash.
fn accounts(data: &[u8]) -> Verdict {
    thread_local!(static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) });
    let lines = data.split_inclusive(|byte| *byte == b'\n').count();
    let file = AccountsFile { sha256: B256::new(Sha256::digest(data).into()), count: lines as u64 };
    let mut state: serde_json::Value = serde_json::from_str(&text::app_state()).expect("the sample is JSON");
    state["accounts_file"] = serde_json::to_value(&file).expect("JSON");
    let genesis = judge(state.to_string().as_bytes()).expect("the sample is good");
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a temporary folder")).path();
        let path = folder.join(file.name());
        fs::write(&path, data).expect("a temporary file");
        let reader = genesis.open_accounts_file(Some(folder)).expect("the file is there").expect("it is named");
        let mut taken = 0_usize;
        let mut refused = None;
        for item in reader {
            match item {
                Ok(_) => taken += 1,
                Err(errors) => refused = refused.or(Some(errors.to_string())),
            }
        }
        fs::remove_file(&path).expect("a temporary file");
        assert!(taken <= lines, "{taken} accounts in {lines} lines");
        refused.map_or(Ok(()), Err)
    })
}

fn declaration(data: &[u8]) -> Verdict {
    let mut problems = Problems::default();
    match verify_bytes(data, Path::new("declaration.json"), (text::CHAIN, 35_679), &mut problems) {
        Some(_) if problems.is_empty() => Ok(()),
        _ => {
            bounded(&problems);
            Err(GenesisErrors(problems).to_string())
        }
    }
}

fn dump(data: &[u8]) -> Verdict {
    let dump = StateDump::parse(data).map_err(|error| error.to_string())?;
    let again = serde_json::to_vec(&dump).expect("a dump is JSON");
    assert_eq!(StateDump::parse(&again).expect("what we write reads"), dump);
    Ok(())
}
