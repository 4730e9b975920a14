//! Files of a node's home that may come from elsewhere.

use std::{cell::RefCell, fs};

use alloy_primitives::keccak256;
use defchain_node::{
    config,
    fuzzing::{decode_state, encode_state},
    keys::{Keystore, cost},
};
use tempfile::TempDir;

use crate::{Form, Target, Verdict, same};

pub(super) const TARGETS: &[Target] = &[
    Target::own("config", Form::Text, configuration).rounds(400),
    Target::own("keystore", Form::Text, keystore).rounds(1_000),
    Target::own("dev-state", Form::Whole, dev_state),
];

/// What a password may cost here: mutated files that ask for more are judged, not opened.
const CHEAP: u64 = 256 * 1024;

fn configuration(data: &[u8]) -> Verdict {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let config = config::parse(text, std::iter::empty()).map_err(|errors| errors.to_string())?;
    let written = config::render(&config);
    let again = config::parse(&written, std::iter::empty()).expect("what we write reads");
    assert_eq!(config::render(&again), written);
    Ok(())
}

fn keystore(data: &[u8]) -> Verdict {
    thread_local!(static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) });
    let cost = std::str::from_utf8(data).map_err(|error| error.to_string()).and_then(cost::check);
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a temporary folder")).path();
        fs::write(folder.join("me.json"), data).expect("a temporary file");
        let keystore = Keystore::new(folder.to_owned());
        let found = keystore.find("me").map_err(|error| format!("{error:#}"));
        if !matches!(cost, Ok(cost) if cost > CHEAP) {
            // A password that costs nothing is tried; one that costs too much is refused before it costs anything.
            let opened = keystore.unlock("me", "wrong password");
            assert!(opened.is_err() || (cost.is_ok() && found.is_ok()), "a file was opened that was refused");
        }
        found.and(cost).map(|_| ())
    })
}

/// The files of a development chain. The checksum is put right, so that mutations get behind it.
fn dev_state(data: &[u8]) -> Verdict {
    let body = data.get(..data.len().saturating_sub(32)).unwrap_or_default();
    let sealed = [body, keccak256(body).as_slice()].concat();
    if sealed != data {
        assert!(decode_state(data).is_err(), "a wrong checksum was taken");
    }
    let files = decode_state(&sealed).map_err(|error| format!("{error:#}"))?;
    same(&encode_state(&files).expect("what was read can be written"), &sealed);
    assert!(files.iter().all(|(name, _)| name.is_relative()), "a name leads outside");
    if sealed == data { Ok(()) } else { Err("its checksum is wrong".to_owned()) }
}
