//! A consensus key must never sign twice: what this node remembers of its signatures beside CometBFT's own record.
//!
//! CometBFT refuses to sign at or below what `data/priv_validator_state.json` says. A record that was deleted, emptied
//! or restored from a backup makes it forget. So the supervisor keeps a second record, the mark, in the folder of the
//! key itself (`config/signed.json`), and CometBFT is not started on a record below it.
//!
//! The mark follows some seconds behind, so it catches a restored or lost record, not a race between two machines:
//! against that there are the locks of [`super::child`], on one machine, and the operator's care or a remote signer.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::{Context, Result};
use defchain_base::ConsensusAddress;
use serde::{Deserialize, Serialize};

use crate::{
    home::{Home, replace},
    output::{EXIT_DATA, coded},
};

/// A place in consensus, in the order in which a key walks through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signed {
    /// Height.
    #[serde(with = "text")]
    pub height: i64,
    /// Round.
    pub round: i32,
    /// 1 proposal, 2 prevote, 3 precommit.
    pub step: i8,
}

impl std::fmt::Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "height {}, round {}, step {}", self.height, self.round, self.step)
    }
}

/// CometBFT writes heights as text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(height: &i64, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(height)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
        let text = String::deserialize(input)?;
        text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no height")))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    address: ConsensusAddress,
    #[serde(flatten)]
    signed: Signed,
}

/// Watches one key's record.
#[derive(Debug)]
pub struct Guard {
    home: Home,
    address: ConsensusAddress,
    mark: Option<Signed>,
}

impl Guard {
    /// Judges the record before CometBFT may use the key.
    ///
    /// # Errors
    /// When the record is missing, unreadable, or behind what this key is known to have signed.
    pub fn check(home: &Home, address: ConsensusAddress) -> Result<Self> {
        let mut guard = Self { home: home.clone(), address, mark: None };
        guard.mark = guard.read_mark()?;
        let record = home.validator_state();
        let found = guard.read_record()?;
        let refuse = |what: String| {
            coded(
                EXIT_DATA,
                format!(
                    "{what}. Starting could make consensus key {address} sign twice, for which validators are punished. \
                     If the key runs or ran on another machine, stop it there and bring its {} here; if not, restore the \
                     newest copy of that file. Only when you are certain that the network is at a lower height than the \
                     record (it was started anew), remove {}",
                    record.display(),
                    guard.mark_file().display()
                ),
            )
        };
        match (found, guard.mark) {
            (None, Some(mark)) => {
                Err(refuse(format!("{} is missing, but the key has signed at {mark}", record.display())))
            }
            (None, None) => {
                Err(refuse(format!("{} is missing, so nobody knows what the key has signed", record.display())))
            }
            (Some(found), Some(mark)) if found < mark => {
                Err(refuse(format!("{} says {found}, but the key has signed at {mark}", record.display())))
            }
            (Some(found), _) => {
                guard.note(found)?;
                Ok(guard)
            }
        }
    }

    /// Takes over what the key has signed meanwhile. A record that CometBFT is writing right now is read the next time.
    pub fn follow(&mut self) {
        let Ok(Some(found)) = self.read_record() else { return };
        if let Err(error) = self.note(found) {
            tracing::warn!(error = format!("{error:#}"), "cannot note what the consensus key has signed");
        }
    }

    fn mark_file(&self) -> PathBuf {
        self.home.config_dir().join("signed.json")
    }

    fn note(&mut self, found: Signed) -> Result<()> {
        if self.mark.is_some_and(|mark| mark >= found) || found == Signed::default() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&Mark { address: self.address, signed: found })?;
        // Whole or not at all, the first time too: half a mark, left by a full disk or a kill, is refused at the start.
        replace(&self.mark_file(), text.as_bytes())?;
        self.mark = Some(found);
        Ok(())
    }

    /// The mark of this key; another key's says nothing about it.
    fn read_mark(&self) -> Result<Option<Signed>> {
        let file = self.mark_file();
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let mark: Mark = serde_json::from_slice(&bytes)
            .map_err(|error| coded(EXIT_DATA, format!("{} is damaged ({error}): restore it", file.display())))?;
        Ok((mark.address == self.address).then_some(mark.signed))
    }

    fn read_record(&self) -> Result<Option<Signed>> {
        let file = self.home.validator_state();
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let found = serde_json::from_slice(&bytes)
            .map_err(|error| coded(EXIT_DATA, format!("{} is damaged ({error}): restore it", file.display())))?;
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path()).unwrap();
        fs::create_dir_all(home.config_dir()).unwrap();
        fs::create_dir_all(home.data_dir()).unwrap();
        (folder, home)
    }

    fn record(home: &Home, height: i64, round: i32, step: i8) {
        let text =
            format!("{{\"height\": \"{height}\", \"round\": {round}, \"step\": {step}, \"signature\": \"eA==\"}}");
        fs::write(home.validator_state(), text).unwrap();
    }

    const KEY: ConsensusAddress = ConsensusAddress([7; 20]);

    #[test]
    fn a_record_that_was_lost_emptied_or_restored_is_refused_with_the_figures() {
        let (_folder, home) = home();
        record(&home, 0, 0, 0);
        let mut guard = Guard::check(&home, KEY).unwrap();
        assert!(!guard.mark_file().exists(), "a key that has signed nothing has no mark");
        record(&home, 41, 0, 3);
        guard.follow();
        record(&home, 41, 1, 2);
        guard.follow();
        Guard::check(&home, KEY).unwrap();
        for (bad, part) in
            [((41, 0, 3), "height 41, round 0, step 3"), ((0, 0, 0), "height 0"), ((40, 9, 3), "height 40")]
        {
            record(&home, bad.0, bad.1, bad.2);
            let said = Guard::check(&home, KEY).unwrap_err();
            assert_eq!(crate::output::exit_code(&said), EXIT_DATA);
            let said = said.to_string();
            assert!(said.contains(part) && said.contains("signed at height 41, round 1, step 2"), "{said}");
        }
        fs::remove_file(home.validator_state()).unwrap();
        let said = Guard::check(&home, KEY).unwrap_err().to_string();
        assert!(said.contains("is missing, but the key has signed at height 41"), "{said}");
        // Another key begins at its own record.
        record(&home, 0, 0, 0);
        Guard::check(&home, ConsensusAddress([8; 20])).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_never_taken_for_nothing_signed() {
        let (_folder, home) = home();
        assert!(Guard::check(&home, KEY).unwrap_err().to_string().contains("nobody knows what the key has signed"));
        fs::write(home.validator_state(), "{\"height\": \"x\"").unwrap();
        assert!(Guard::check(&home, KEY).unwrap_err().to_string().contains("is damaged"));
        record(&home, 5, 0, 1);
        fs::write(home.config_dir().join("signed.json"), "").unwrap();
        assert!(Guard::check(&home, KEY).unwrap_err().to_string().contains("signed.json is damaged"));
    }
}
