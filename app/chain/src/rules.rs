//! The rules of each version of the application, in one table.
//!
//! A block is executed under exactly one version. What differs between versions is a field of [`Rules`], read where it
//! is needed; no code asks "is this version 3 or later". A program carries the rules of every version it can execute,
//! so that a node that replays from genesis walks through all of them ([`crate::upgrade`] says when they change).

use defchain_base::{StateError, StateWrite};

/// What a genesis starts with unless it says otherwise (`consensus_params.version.app` of 0 means this).
pub const FIRST_VERSION: u64 = 1;

/// Rewrites state once, at the beginning of the block with which a version comes into force.
pub type Migration = fn(&mut dyn StateWrite) -> Result<(), StateError>;

/// One version of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The app version in CometBFT's headers.
    pub version: u64,
    /// For people.
    pub name: &'static str,
    /// What prevRandao's hash begins with (D8).
    pub prev_randao_domain: &'static [u8],
    /// What it does to the state of the version before it; none for the first.
    pub migration: Option<Migration>,
}

/// Version 1: what this chain starts with.
pub const V1: Rules =
    Rules { version: FIRST_VERSION, name: "genesis", prev_randao_domain: b"prevrandao", migration: None };

/// For tests of upgrades with real processes: a version whose rules and migration both show.
#[cfg(feature = "next-version")]
const V2: Rules =
    Rules { version: 2, name: "next", prev_randao_domain: b"prevrandao/2", migration: Some(double_the_least_base_fee) };

/// The migration of the tests' version 2: visible in the base fee of every block from the next on.
#[cfg(feature = "next-version")]
fn double_the_least_base_fee(state: &mut dyn StateWrite) -> Result<(), StateError> {
    use defchain_base::{StateReadExt, StateWriteExt};

    use crate::params::PARAMS_KEY;
    let params = state.read(&PARAMS_KEY)?;
    let mut params = params.ok_or_else(|| StateError::Invariant("no chain parameters to migrate".to_owned()))?;
    params.min_base_fee = params.min_base_fee.saturating_mul(2);
    state.write(&PARAMS_KEY, &params)
}

/// Every version that this program executes, ascending and without a gap.
pub const VERSIONS: &[Rules] = &[
    V1,
    #[cfg(feature = "next-version")]
    V2,
];

/// The newest of them.
pub const NEWEST_VERSION: u64 = newest(VERSIONS);

/// The greatest version of a table; the first version for an empty one.
const fn newest(versions: &[Rules]) -> u64 {
    match versions {
        [.., last] => last.version,
        [] => FIRST_VERSION,
    }
}

/// The least version of a table; the first version for an empty one.
const fn oldest(versions: &[Rules]) -> u64 {
    match versions {
        [first, ..] => first.version,
        [] => FIRST_VERSION,
    }
}

/// The versions that a program knows.
#[derive(Debug, Clone, Copy)]
pub struct Table(&'static [Rules]);

impl Default for Table {
    fn default() -> Self {
        Self(VERSIONS)
    }
}

impl Table {
    /// A table of other versions, for tests; ascending and without a gap.
    #[must_use]
    pub const fn new(versions: &'static [Rules]) -> Self {
        Self(versions)
    }

    /// The rules of a version; none if this program does not know it.
    #[must_use]
    pub fn get(self, version: u64) -> Option<&'static Rules> {
        self.0.iter().find(|rules| rules.version == version)
    }

    /// The least version.
    #[must_use]
    pub const fn oldest(self) -> u64 {
        oldest(self.0)
    }

    /// The greatest version.
    #[must_use]
    pub const fn newest(self) -> u64 {
        newest(self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn versions_ascend_without_a_gap_and_only_the_first_migrates_nothing() {
        for pair in VERSIONS.windows(2) {
            assert_eq!(pair[1].version, pair[0].version + 1);
            assert!(pair[1].migration.is_some() || pair[1].prev_randao_domain != pair[0].prev_randao_domain);
        }
        assert_eq!(VERSIONS[0].version, FIRST_VERSION);
        assert_eq!(Table::default().newest(), NEWEST_VERSION);
        assert!(Table::default().get(NEWEST_VERSION + 1).is_none());
    }
}
