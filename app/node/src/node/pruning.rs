//! Forgets blocks and states below the retention window, beside the chain's work.

use std::time::Duration;

use defchain_base::Height;
use defchain_store::Store;

const INTERVAL: Duration = Duration::from_secs(10);

/// Starts pruning to the newest `retain` blocks; 0 keeps all.
pub fn start(runtime: &tokio::runtime::Runtime, store: Store, retain: u64) {
    if retain == 0 {
        return;
    }
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let store = store.clone();
            let pruned = tokio::task::spawn_blocking(move || match store.latest().map(|commit| commit.height.0) {
                Some(newest) if newest > retain => store.prune(Height(newest - retain)),
                _ => Ok(0),
            });
            match pruned.await {
                Ok(Ok(0)) => {}
                Ok(Ok(blocks)) => tracing::debug!(blocks, "pruned"),
                Ok(Err(error)) => tracing::warn!(%error, "blocks could not be pruned; tried again later"),
                // The runtime ends.
                Err(_) => return,
            }
        }
    });
}
