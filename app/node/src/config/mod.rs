//! `app.toml`: the node's own settings.
//!
//! ```text
//!   defaults ◀── app.toml ◀── DEFCHAIN_<SECTION>_<KEY> ◀── flags of `start`
//! ```
//!
//! The later wins. Every mistake is reported at once; a key that does not exist is refused with the nearest one that
//! does, because a misspelt limit would otherwise be no limit.

pub mod edit;
mod joining;
mod nearest;
mod sections;
mod template;
#[cfg(test)]
mod tests;

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use toml::{Table, Value};

pub use joining::{SnapshotSection, StateSyncSection};
pub use nearest::nearest;
pub use sections::{
    AbciConfig, AppConfig, ChainSection, CometConfig, LogConfig, LogFormat, MempoolConfig, MetricsConfig, StoreSection,
    UpgradeSection,
};
pub use template::render;

use crate::output::{EXIT_REFUSED, coded};

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} mistake{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// The environment's variable for a setting: `DEFCHAIN_RPC_ADDR` for `rpc.addr`.
#[must_use]
pub fn variable(section: &str, key: &str) -> String {
    format!("DEFCHAIN_{}_{}", section.to_uppercase(), key.to_uppercase())
}

/// The defaults as a table of sections.
pub(crate) fn defaults() -> Table {
    Table::try_from(AppConfig::default()).unwrap_or_default()
}

/// Every setting as (section, key, default).
pub(crate) fn settings() -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (section, keys) in defaults() {
        if let Value::Table(keys) = keys {
            all.extend(keys.into_iter().map(|(key, value)| (section.clone(), key, value)));
        }
    }
    all
}

/// Reads a configuration. `environment` are its variables.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, environment: impl Iterator<Item = (String, String)>) -> Result<AppConfig, ConfigErrors> {
    let given: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigErrors(vec![format!("not TOML: {}", error.to_string().trim_end())]))?;
    let mut reading = Reading { table: defaults(), problems: Vec::new() };
    for (section, keys) in given {
        match keys {
            Value::Table(keys) => keys.into_iter().for_each(|(key, value)| reading.set(&section, &key, value, "")),
            _ => reading.unknown(&section, ""),
        }
    }
    reading.environment(environment);
    let config = AppConfig::deserialize(reading.table).unwrap_or_default();
    reading.problems.extend(config.problems());
    if reading.problems.is_empty() { Ok(config) } else { Err(ConfigErrors(reading.problems)) }
}

struct Reading {
    table: Table,
    problems: Vec<String>,
}

impl Reading {
    /// Tries one setting on top of those read so far.
    fn set(&mut self, section: &str, key: &str, value: Value, from: &str) {
        let Some(place) = self.table.get_mut(section).and_then(|s| s.as_table_mut()).and_then(|s| s.get_mut(key))
        else {
            return self.unknown(&format!("{section}.{key}"), from);
        };
        let before = std::mem::replace(place, value);
        if let Err(error) = AppConfig::deserialize(self.table.clone()) {
            let why = error.message().to_owned();
            self.problems.push(format!("{section}.{key}{from}: {why}; the default is {}", template::literal(&before)));
            if let Some(place) = self.table.get_mut(section).and_then(|s| s.as_table_mut()).and_then(|s| s.get_mut(key))
            {
                *place = before;
            }
        }
    }

    fn unknown(&mut self, name: &str, from: &str) {
        self.problems.push(format!("{name}{from}: {}", unknown(name)));
    }

    fn environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        let settings = settings();
        let variables: Vec<(String, &(String, String, Value))> =
            settings.iter().map(|setting| (variable(&setting.0, &setting.1), setting)).collect();
        let mut given: Vec<_> = environment.filter(|(name, _)| names_a_section(name, &settings)).collect();
        given.sort();
        for (name, text) in given {
            match variables.iter().find(|(variable, _)| *variable == name) {
                Some((_, (section, key, default))) => {
                    self.set(section, key, edit::typed(&text, default), &format!(" (from {name})"));
                }
                None => {
                    let near = nearest(&name, variables.iter().map(|(variable, _)| variable.as_str()));
                    self.problems.push(format!("{name} (environment): no such setting; the nearest is {near}"));
                }
            }
        }
    }
}

/// Variables of `cargo xtask` and the tests that look like settings.
const NO_SETTINGS: [&str; 1] = ["DEFCHAIN_COMETBFT_BYZANTINE"];

fn names_a_section(variable: &str, settings: &[(String, String, Value)]) -> bool {
    if NO_SETTINGS.contains(&variable) {
        return false;
    }
    variable
        .strip_prefix("DEFCHAIN_")
        .and_then(|rest| rest.split_once('_'))
        .is_some_and(|(section, _)| settings.iter().any(|(known, ..)| known.to_uppercase() == section))
}

/// What to say of a setting that does not exist.
pub(crate) fn unknown(name: &str) -> String {
    let names: Vec<String> = settings().into_iter().map(|(section, key, _)| format!("{section}.{key}")).collect();
    format!("no such setting; the nearest is {}", nearest(name, names.iter().map(String::as_str)))
}

/// Reads `app.toml` with the process' environment.
///
/// # Errors
/// When it cannot be read, or everything that is wrong with it.
pub fn load(path: &Path) -> Result<AppConfig> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text, std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))))
        .map_err(|errors| coded(EXIT_REFUSED, format!("{}: {errors}", path.display())))
}

impl AppConfig {
    /// As JSON, for `config show --json`.
    ///
    /// # Errors
    /// Never, unless a section grows a field that JSON cannot hold.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::to_value(self)?)
    }
}
