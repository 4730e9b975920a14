//! The node's own figures in Prometheus' text format, and the port that serves them.

use std::{
    fmt::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, http::header, response::IntoResponse, routing::get};
use defchain_abci::{FinishedCall, Observer};
use defchain_chain::Chain;
use tokio::net::TcpListener;

/// Upper bounds of the time classes, in microseconds.
const CLASSES: [u64; 8] = [100, 1_000, 5_000, 20_000, 100_000, 500_000, 2_000_000, 10_000_000];

/// Times of one ABCI call.
#[derive(Debug, Default)]
struct Times {
    /// How many took at most the class' bound; the last class is everything above.
    classes: [AtomicU64; 9],
    micros: AtomicU64,
}

/// Figures that no other part keeps.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    calls: parking_lot::Mutex<std::collections::BTreeMap<String, Arc<Times>>>,
    connections: AtomicU64,
}

impl Observer for NodeMetrics {
    fn connection_opened(&self, _connection: u64) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    fn connection_closed(&self, _connection: u64) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    fn call_finished(&self, finished: &FinishedCall<'_>) {
        let times = self.calls.lock().entry(finished.call.to_string()).or_default().clone();
        let micros = u64::try_from(finished.duration.as_micros()).unwrap_or(u64::MAX);
        let class = CLASSES.iter().position(|bound| micros <= *bound).unwrap_or(CLASSES.len());
        if let Some(count) = times.classes.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        times.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP defchain_{name} {help}\n# TYPE defchain_{name} {kind}");
}

fn value(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "defchain_{name}{labels} {value}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, figure: impl std::fmt::Display) {
    metric(out, name, kind, help);
    value(out, name, "", figure);
}

impl NodeMetrics {
    /// All figures of a node.
    #[must_use]
    pub fn render(&self, chain: &Chain) -> String {
        let mut out = String::new();
        metric(&mut out, "build_info", "gauge", "Version and commit of the program.");
        let labels = format!("{{version=\"{}\",commit=\"{}\"}}", crate::version::VERSION, crate::version::COMMIT);
        value(&mut out, "build_info", &labels, 1);
        if let Ok(header) = chain.reader().latest() {
            single(&mut out, "height", "gauge", "Newest committed block.", header.height.0);
            let seconds = header.time.0 / 1_000;
            single(&mut out, "block_time_seconds", "gauge", "Time of the newest block, since 1970.", seconds);
            single(&mut out, "block_transactions", "gauge", "Transactions of the newest block.", header.tx_count);
            single(&mut out, "block_gas_used", "gauge", "Gas used by the newest block.", header.gas_used);
            single(&mut out, "base_fee_wei", "gauge", "Base fee of the newest block, wei per gas.", header.base_fee);
        }
        self.pool(&mut out, chain);
        let open = self.connections.load(Ordering::Relaxed);
        single(&mut out, "abci_connections", "gauge", "Open connections of CometBFT; 4 is whole.", open);
        self.abci(&mut out);
        if let Ok(columns) = chain.store().disk_usage() {
            metric(&mut out, "store_bytes", "gauge", "Bytes in files by column family.");
            for column in columns {
                value(&mut out, "store_bytes", &format!("{{column=\"{}\"}}", column.name), column.file_bytes);
            }
        }
        out
    }

    fn pool(&self, out: &mut String, chain: &Chain) {
        let pool = chain.pool().metrics();
        single(out, "pool_pending", "gauge", "Executable transactions.", pool.pending);
        single(out, "pool_queued", "gauge", "Transactions behind a nonce gap.", pool.queued);
        single(out, "pool_bytes", "gauge", "Bytes of waiting transactions.", pool.bytes);
        single(out, "pool_gossip_queue_bytes", "gauge", "Bytes of bundles not judged yet.", pool.gossip_queue_bytes);
        single(out, "pool_recoveries_total", "counter", "Signatures recovered.", pool.recoveries);
        single(out, "pool_bundles_received_total", "counter", "Bundles of other nodes.", pool.bundles_received);
        metric(out, "pool_transactions_total", "counter", "What became of transactions.");
        for (fate, count) in [
            ("admitted", pool.admitted),
            ("replaced", pool.replaced),
            ("evicted", pool.evicted),
            ("expired", pool.expired),
            ("used", pool.used),
            ("unpayable", pool.unpayable),
            ("offered", pool.offered),
        ] {
            value(out, "pool_transactions_total", &format!("{{fate=\"{fate}\"}}"), count);
        }
        metric(out, "pool_refused_total", "counter", "Transactions refused, by code.");
        for (code, count) in pool.refused {
            value(out, "pool_refused_total", &format!("{{code=\"{code}\"}}"), count);
        }
    }

    fn abci(&self, out: &mut String) {
        let name = "abci_call_seconds";
        metric(out, name, "histogram", "Time of ABCI calls inside the application.");
        let calls = self.calls.lock().clone();
        for (call, times) in calls {
            let mut below = 0;
            for (count, bound) in times.classes.iter().zip(CLASSES) {
                below += count.load(Ordering::Relaxed);
                let label = format!("_bucket{{call=\"{call}\",le=\"{}\"}}", Duration::from_micros(bound).as_secs_f64());
                value(out, name, &label, below);
            }
            below += times.classes.last().map_or(0, |count| count.load(Ordering::Relaxed));
            value(out, name, &format!("_bucket{{call=\"{call}\",le=\"+Inf\"}}"), below);
            let seconds = Duration::from_micros(times.micros.load(Ordering::Relaxed)).as_secs_f64();
            value(out, name, &format!("_sum{{call=\"{call}\"}}"), seconds);
            value(out, name, &format!("_count{{call=\"{call}\"}}"), below);
        }
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
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
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
