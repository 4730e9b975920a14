//! What CometBFT alone knows: peers, and whether it is catching up. Asked over its RPC.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use defchain_chain::Chain;
use defchain_rpc::SyncInfo;
use serde_json::Value;
use toml_edit::DocumentMut;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was answered last.
#[derive(Debug, Default)]
pub struct CometView {
    answers: AtomicBool,
    catching_up: AtomicBool,
    peers: AtomicU32,
    /// Our height when catching up began.
    starting: AtomicU64,
}

impl CometView {
    /// How many peers there are.
    pub fn peers(&self) -> u32 {
        self.peers.load(Ordering::Relaxed)
    }

    /// Whether CometBFT answered when it was asked last.
    pub fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// How far the node is behind. CometBFT does not say how high the others are.
    pub fn sync(&self) -> SyncInfo {
        let catching_up = self.catching_up.load(Ordering::Relaxed);
        SyncInfo { catching_up, starting: self.starting.load(Ordering::Relaxed), highest: None }
    }
}

/// Watches the CometBFT whose configuration this is. None if it serves no RPC over TCP.
pub fn watch(config: &DocumentMut, chain: Chain) -> Option<Arc<CometView>> {
    let address = config.get("rpc")?.get("laddr")?.as_str()?;
    let host = address.strip_prefix("tcp://")?.replace("0.0.0.0", "127.0.0.1");
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().ok()?;
    let view = Arc::new(CometView::default());
    let watched = Arc::downgrade(&view);
    tokio::spawn(async move {
        loop {
            let Some(view) = watched.upgrade() else { return };
            let status = get(&client, &format!("http://{host}/status")).await;
            view.answers.store(status.is_some(), Ordering::Relaxed);
            if let Some(status) = status {
                let now = status.pointer("/result/sync_info/catching_up").and_then(Value::as_bool).unwrap_or(false);
                if now && !view.catching_up.swap(now, Ordering::Relaxed) {
                    let height = chain.store().latest().map_or(0, |commit| commit.height.0);
                    view.starting.store(height, Ordering::Relaxed);
                }
                view.catching_up.store(now, Ordering::Relaxed);
            }
            if let Some(net) = get(&client, &format!("http://{host}/net_info")).await {
                let peers = net.pointer("/result/n_peers").and_then(Value::as_str).and_then(|n| n.parse().ok());
                view.peers.store(peers.unwrap_or(0), Ordering::Relaxed);
            }
            drop(view);
            tokio::time::sleep(INTERVAL).await;
        }
    });
    Some(view)
}

/// CometBFT may not run yet: then there is no answer, and what was known stays.
async fn get(client: &reqwest::Client, url: &str) -> Option<Value> {
    client.get(url).send().await.ok()?.json().await.ok()
}
