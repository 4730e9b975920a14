use defchain_abci::types::{RequestInfo, ResponseInfo};

use super::raw_height;
use crate::{
    chain::{Inner, halt},
    upgrade,
};

impl Inner {
    /// Where this node stands: CometBFT replays the blocks above it.
    pub(super) fn info(&self, request: &RequestInfo) -> ResponseInfo {
        if self.shared.declared().dev {
            halt("Info", &"this is a development chain: its state can be edited by hand, so no network may have it");
        }
        tracing::info!(cometbft = request.version, abci = request.abci_version, "CometBFT connected");
        let (height, app_hash) = match self.store.latest() {
            // Genesis alone is height 0: CometBFT then calls InitChain, which recognises its own genesis.
            Some(commit) if commit.height.0 > 0 => (raw_height(commit.height), commit.app_hash.to_vec()),
            _ => (0, Vec::new()),
        };
        // Of the newest state, not of this program: CometBFT compares it with the headers after state sync.
        let app_version = match upgrade::version(&self.store.snapshot()) {
            Ok(version) => version,
            Err(error) => halt("Info", &error),
        };
        ResponseInfo {
            data: "defchain-app".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version,
            last_block_height: height,
            last_block_app_hash: app_hash.into(),
        }
    }
}
