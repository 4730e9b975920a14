//! `[state_sync]` of app.toml, written into CometBFT's config.toml.

use anyhow::{Context, Result};

use super::config;
use crate::{
    config::{StateSyncSection, edit},
    home::{Home, replace},
};

/// Puts the settings into `config.toml` when they ask for state sync; else leaves it as it is. CometBFT itself does not
/// look at them once it has blocks.
///
/// # Errors
/// When the file cannot be read or written.
pub fn apply(home: &Home, section: &StateSyncSection) -> Result<()> {
    if !section.enable {
        return Ok(());
    }
    let mut document = config::read(home)?;
    let before = document.to_string();
    let settings = [
        ("statesync.enable", "true".to_owned()),
        ("statesync.rpc_servers", section.rpc_servers.join(",")),
        ("statesync.trust_height", section.trust_height.to_string()),
        ("statesync.trust_hash", section.trust_hash.to_uppercase()),
        ("statesync.trust_period", format!("{}h0m0s", section.trust_period_h)),
    ];
    for (name, value) in settings {
        edit::set(&mut document, name, &value)?;
    }
    let after = document.to_string();
    if after != before {
        let path = home.comet_toml();
        replace(&path, after.as_bytes()).with_context(|| path.display().to_string())?;
        tracing::info!(file = %path.display(), "state sync settings written");
    }
    Ok(())
}
