//! What this program is.

use serde_json::{Value, json};

/// Git commit of the build; "unknown" outside a repository.
pub const COMMIT: &str = env!("DEFCHAIN_COMMIT");
/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// CometBFT's line whose ABCI this program speaks.
pub const ABCI_VERSION: &str = "2.0.0";

/// What `web3_clientVersion` says.
#[must_use]
pub fn client_version() -> String {
    format!("defchain-app/v{VERSION}-{COMMIT}/{}-{}/rust", std::env::consts::OS, std::env::consts::ARCH)
}

/// All of it.
#[must_use]
pub fn json() -> Value {
    json!({
        "version": VERSION,
        "commit": COMMIT,
        "app_version": defchain_chain::params::APP_VERSION,
        "abci_version": ABCI_VERSION,
        "cometbft": "0.40",
    })
}
