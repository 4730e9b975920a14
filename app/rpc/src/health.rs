//! `/health`, `/ready` and `/metrics`: for supervisors, load balancers and Prometheus.

use std::sync::Arc;

use alloy_primitives::B256;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    api::{Api, Cost, Deadline},
    context::SyncInfo,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    height: u64,
    hash: Option<B256>,
    /// Milliseconds since 1970.
    time: u64,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn state(api: &Api) -> Health {
    let (height, hash, time, missing) = match api.ctx.reader.latest() {
        Ok(head) => (head.height.0, Some(head.hash), head.time.0, None),
        Err(error) => (0, None, 0, Some(error.to_string())),
    };
    let reason = missing.or_else(|| catching_up((api.ctx.sync)(), height)).or_else(|| no_block(api, height));
    Health { height, hash, time, ready: reason.is_none(), reason }
}

fn catching_up(sync: SyncInfo, height: u64) -> Option<String> {
    if !sync.catching_up {
        return None;
    }
    Some(match sync.highest {
        Some(highest) => format!("catching up: block {height} of {highest}"),
        None => format!("catching up: block {height}"),
    })
}

/// Block 0 is synthetic (D8): before block 1 nothing was decided. A dev node may make blocks only when asked to.
fn no_block(api: &Api, height: u64) -> Option<String> {
    (height == 0 && api.config.dev_keys.is_empty()).then(|| "no block yet".to_owned())
}

/// 200 while the process lives.
pub(crate) async fn health(State(api): State<Arc<Api>>) -> Response {
    Json(state(&api)).into_response()
}

/// 200 when blocks are served and fresh, else 503 with the reason.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    let health = state(&api);
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// Prometheus text.
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let deadline = Deadline::after(api.config.request_timeout());
    let text = api.run(Cost::Read, deadline, |api| api.metrics.render(&(api.ctx.metrics)())).await;
    match text {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}
