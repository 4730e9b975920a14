//! CometBFT's `config.toml`: the template tuned for this chain, and changes to it.

use std::fs;

use anyhow::{Context, Result};
use toml_edit::DocumentMut;

use crate::home::Home;

/// Made by `cometbft-config` out of CometBFT's own defaults and our overrides.
pub const TEMPLATE: &str = include_str!("../../../../cometbft-config/templates/config.toml");

/// The template with a node's name in it.
///
/// # Errors
/// When the template is no TOML: a mistake of the build.
pub fn render(moniker: &str) -> Result<String> {
    let mut document: DocumentMut = TEMPLATE.parse().context("the template of config.toml")?;
    document.insert("moniker", toml_edit::value(moniker));
    Ok(document.to_string())
}

/// A setting of a home's `config.toml` as text.
///
/// # Errors
/// When the file cannot be read.
pub fn read(home: &Home) -> Result<DocumentMut> {
    let path = home.comet_toml();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| path.display().to_string())
}

/// Where CometBFT waits for a remote signer of the consensus key; none when it signs with the key in this home.
///
/// # Errors
/// When the file cannot be read.
pub fn remote_signer(home: &Home) -> Result<Option<String>> {
    let config = read(home)?;
    let address = config.get("priv_validator_laddr").and_then(|item| item.as_str()).unwrap_or_default();
    Ok((!address.is_empty()).then(|| address.to_owned()))
}
