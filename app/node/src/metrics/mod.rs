//! The figures of a node for Prometheus, and the port that serves them.
//!
//! ```text
//!   store, chain ── register their own ──┐
//!   pool, process, CometBFT ── here ─────┼─▶ one registry a scrape ─▶ text ─▶ RPC adds its own ─▶ /metrics
//!   ABCI calls ── observed here ─────────┘
//! ```
//!
//! Names are `defchain_<part>_<what>_<unit>`, counters end in `_total`, units are seconds and bytes. Labels hold names of
//! ours only. docs/src/monitoring.md lists every metric; a test holds the page and a running node equal.

mod abci;
mod machine;
mod pool;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use anyhow::{Context, Result};
use axum::{Router, http::header, response::IntoResponse, routing::get};
use defchain_abci::{FinishedCall, Observer};
use defchain_chain::Chain;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::Registry,
};
use tokio::net::TcpListener;

use self::abci::AbciMetrics;
use crate::{node::CometView, version};

/// What Prometheus takes.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What only a node behind CometBFT has.
#[derive(Debug)]
struct Surroundings {
    /// Where data lies: the disk of interest, and the supervisor's record.
    data: PathBuf,
    comet: Option<Arc<CometView>>,
}

/// Figures that no other part keeps.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    abci: AbciMetrics,
    surroundings: OnceLock<Surroundings>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    commit: &'static str,
}

impl Observer for NodeMetrics {
    fn connection_opened(&self, connection: u64) {
        self.abci.connection_opened(connection);
    }

    fn connection_closed(&self, connection: u64) {
        self.abci.connection_closed(connection);
    }

    fn call_finished(&self, finished: &FinishedCall<'_>) {
        self.abci.call_finished(finished);
    }
}

impl NodeMetrics {
    /// Tells where the node's data lies and who watches CometBFT. Only the first telling counts.
    pub fn surround(&self, data: PathBuf, comet: Option<Arc<CometView>>) {
        drop(self.surroundings.set(Surroundings { data, comet }));
    }

    /// All figures of a node, RPC's apart.
    #[must_use]
    pub fn render(&self, chain: &Chain) -> String {
        let mut registry = Registry::with_prefix("defchain");
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: version::VERSION, commit: version::COMMIT }).set(1);
        registry.register("build_info", "Version and commit of the program; always 1", build);
        chain.register_metrics(&mut registry);
        pool::register(&chain.pool().metrics(), registry.sub_registry_with_prefix("pool"));
        machine::register_process(registry.sub_registry_with_prefix("process"));
        if let Some(around) = self.surroundings.get() {
            self.abci.register(registry.sub_registry_with_prefix("abci"));
            machine::register_disk(&around.data, registry.sub_registry_with_prefix("disk"));
            machine::register_supervisor(&around.data, registry.sub_registry_with_prefix("supervisor"));
            if let Some(comet) = &around.comet {
                let registry = registry.sub_registry_with_prefix("comet");
                registry.register("peers", "Peers that CometBFT is connected to", ConstGauge::new(comet.peers()));
                let help = "1 while CometBFT fetches old blocks, else 0";
                let catching_up = u64::from(comet.sync().catching_up);
                registry.register("catching_up", help, ConstGauge::new(catching_up));
                let help = "1 while CometBFT's RPC answers, else 0";
                registry.register("up", help, ConstGauge::new(u64::from(comet.answers())));
            }
        }
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            tracing::error!("the node's metrics cannot be rendered");
        }
        text
    }
}

/// Serves `/metrics` until the runtime ends.
///
/// # Errors
/// When the port is taken.
pub async fn serve(addr: SocketAddr, render: Arc<dyn Fn() -> String + Send + Sync>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(addr).await.with_context(|| {
        format!("cannot serve metrics on {addr}: choose another metrics.addr, or metrics.enabled = false")
    })?;
    let addr = listener.local_addr()?;
    let page = get(move || async move {
        let text = tokio::task::spawn_blocking(move || render()).await.unwrap_or_default();
        ([(header::CONTENT_TYPE, TYPE)], text).into_response()
    });
    let app = Router::new().route("/metrics", page);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    tracing::info!(%addr, "metrics are served");
    Ok(addr)
}
