//! The port: HTTP, WebSocket, health, readiness, metrics.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::StreamExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{
    api::Api,
    config::RpcConfig,
    context::RpcContext,
    dispatch, health,
    held::Held,
    hub,
    limits::{Conn, Doors, NoRoom, content_type_allowed, host_allowed, origin_allowed, turn_away},
    ws,
};

/// How long connections may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(3);
/// Connections being told that there is no room; more are dropped without a word.
const MAX_TURNING_AWAY: usize = 64;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Settings.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
    /// The port.
    #[error("cannot listen on {addr}: {source}; is another node running? choose another rpc.addr")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The RPC server.
#[derive(Debug)]
pub struct RpcServer;

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct RpcHandle {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    metrics: MetricsText,
    api: AtRest,
}

/// The server's state, waited for at the end.
struct AtRest(Arc<Api>);

impl std::fmt::Debug for AtRest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// Renders the metrics of node and server.
#[derive(Clone)]
struct MetricsText(Arc<dyn Fn() -> String + Send + Sync>);

impl std::fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsText")
    }
}

#[derive(Clone)]
struct Shared {
    api: Arc<Api>,
    stop: watch::Receiver<bool>,
}

impl RpcServer {
    /// Listens and serves until the handle is shut down.
    ///
    /// # Errors
    /// When a setting is out of bounds or the port is taken.
    pub async fn start(config: RpcConfig, ctx: RpcContext) -> Result<RpcHandle, ServerError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ServerError::Config(problems));
        }
        let addr = config.addr;
        let listen = |source| ServerError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let api = Arc::new(Api::new(config, ctx));
        let of_api = api.clone();
        let metrics = MetricsText(Arc::new(move || of_api.metrics.render(&(of_api.ctx.metrics)())));
        let mut tasks = JoinSet::new();
        tasks.spawn(hub::run(api.clone(), stopped.clone()));
        tasks.spawn(accept(listener, Shared { api: api.clone(), stop: stopped }));
        tracing::info!(%addr, "RPC listens");
        Ok(RpcHandle { addr, stop, tasks, metrics, api: AtRest(api) })
    }
}

impl RpcHandle {
    /// Where it listens: the port that the system chose when 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// What `/metrics` answers, the node's metrics and the server's, for a port of their own.
    #[must_use]
    pub fn metrics(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        self.metrics.0.clone()
    }

    /// Stops: no new connection, WebSockets are told, requests in work get a few seconds.
    pub async fn shutdown(mut self) {
        // Nobody listening means that all has ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        // A call may outlive its connection; it reads the store that is closed next.
        self.api.0.quiet().await;
    }
}

/// Accepts connections until told to stop, then waits for those that are open.
async fn accept(listener: TcpListener, shared: Shared) {
    let config = &shared.api.config;
    let doors = Doors::new(config);
    let refusals = Arc::new(Semaphore::new(MAX_TURNING_AWAY));
    let app = TowerToHyperService::new(router(shared.clone()));
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    loop {
        let (stream, peer) = tokio::select! {
            _ = stop.changed() => break,
            // Ended connections are forgotten as they end.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: wait for connections to end.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        match doors.enter(peer.ip()) {
            Ok(seat) => {
                // Small answers go out at once. Failing to set it costs time, not correctness.
                drop(stream.set_nodelay(true));
                let conn = Conn::new(stream, config, seat);
                connections.spawn(serve(shared.clone(), conn, app.clone()));
            }
            Err(no_room) => refuse(&shared.api, stream, no_room, &refusals, &mut connections),
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::debug!("connections did not end in time and are cut");
    }
}

fn refuse(api: &Api, stream: TcpStream, no_room: NoRoom, refusals: &Arc<Semaphore>, connections: &mut JoinSet<()>) {
    api.metrics.turned_away(no_room.limit);
    if let Ok(slot) = refusals.clone().try_acquire_owned() {
        connections.spawn(async move {
            turn_away(stream, &no_room.why).await;
            drop(slot);
        });
    }
}

/// Serves one connection.
async fn serve(shared: Shared, conn: Conn, app: TowerToHyperService<Router>) {
    let Shared { api, mut stop } = shared;
    api.metrics.connections.inc();
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    let patience = Duration::from_millis(api.config.header_timeout_ms);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience).keep_alive(true);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(conn), app);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
    api.metrics.connections.dec();
}

fn router(shared: Shared) -> Router {
    let cors = cors(&shared.api.config);
    Router::new()
        .route("/", any(root))
        .route("/ws", any(root))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(cors)
        .layer(middleware::from_fn_with_state(shared.api.clone(), check_host))
        .with_state(shared)
}

impl axum::extract::FromRef<Shared> for Arc<Api> {
    fn from_ref(shared: &Shared) -> Self {
        shared.api.clone()
    }
}

fn cors(config: &RpcConfig) -> CorsLayer {
    let origins = if config.cors_origins.iter().any(|o| o == "*") {
        AllowOrigin::from(Any)
    } else {
        AllowOrigin::list(config.cors_origins.iter().filter_map(|o| HeaderValue::from_str(o).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Verb::GET, Verb::POST])
        .allow_headers([header::CONTENT_TYPE])
        .max_age(Duration::from_secs(600))
}

async fn check_host(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match host_allowed(&api.config, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// `POST` is a request, `GET` with an upgrade a WebSocket, any other `GET` a hint.
async fn root(
    State(shared): State<Shared>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
    verb: Verb,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if verb == Verb::POST {
        return post(&shared.api, &headers, body).await;
    }
    match upgrade {
        Ok(upgrade) => connect(shared, upgrade, &headers),
        Err(_) if verb == Verb::GET => {
            "DeflationChain JSON-RPC: POST requests here, or connect by WebSocket. See /health, /ready, /metrics.\n"
                .into_response()
        }
        Err(_) => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, POST")], "use POST\n").into_response(),
    }
}

fn connect(shared: Shared, upgrade: WebSocketUpgrade, headers: &HeaderMap) -> Response {
    if let Err(why) = origin_allowed(&shared.api.config, headers) {
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let limit = shared.api.config.max_body_bytes;
    upgrade.max_message_size(limit).max_frame_size(limit).on_upgrade(move |socket| async move {
        shared.api.metrics.websockets.inc();
        ws::serve(shared.api.clone(), socket, shared.stop).await;
        shared.api.metrics.websockets.dec();
    })
}

async fn post(api: &Arc<Api>, headers: &HeaderMap, body: Body) -> Response {
    if let Err(why) = content_type_allowed(headers.get(header::CONTENT_TYPE)) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
    }
    let mut held = Held::nothing(&api.ledger);
    let body = match read_body(api, headers, body, &mut held).await {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    match dispatch::serve(api, None, body).await {
        Some(reply) => json_response(reply.into_bytes()),
        // Only notifications: nothing to say.
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The whole body, or the answer that refuses it. What is read is on the ledger as it comes, whatever was announced.
async fn read_body(api: &Api, headers: &HeaderMap, body: Body, held: &mut Held) -> Result<Bytes, Box<Response>> {
    let refuse = |status: StatusCode, setting, why: String| {
        api.metrics.limit_hit(setting);
        // What follows of the body is not read: the connection ends.
        Box::new((status, [(header::CONNECTION, "close")], why).into_response())
    };
    let limit = api.config.max_body_bytes;
    let too_large = |size: &str| {
        let why = format!("request too large: {size} bytes, limit {limit} (rpc.max_body_bytes)\n");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "max_body_bytes", why)
    };
    if let Some(announced) = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok())
        && announced.parse::<usize>().is_ok_and(|size| size > limit)
    {
        return Err(too_large(announced));
    }
    let reading = async {
        let mut parts = body.into_data_stream();
        let mut whole = Bytes::new();
        let mut grown: Vec<u8> = Vec::new();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| {
                let why = format!("the request cannot be read: {error}\n");
                Box::new((StatusCode::BAD_REQUEST, why).into_response())
            })?;
            let size = whole.len() + grown.len() + part.len();
            if size > limit {
                return Err(too_large(&format!("at least {size}")));
            }
            held.grow(part.len())
                .map_err(|why| refuse(StatusCode::SERVICE_UNAVAILABLE, "max_held_bytes", format!("{why}\n")))?;
            // Most bodies come in one part and are not copied.
            if grown.is_empty() && whole.is_empty() {
                whole = part;
                continue;
            }
            grown.extend_from_slice(&std::mem::take(&mut whole));
            grown.extend_from_slice(&part);
        }
        Ok(if grown.is_empty() { whole } else { Bytes::from(grown) })
    };
    let patience = Duration::from_millis(api.config.body_timeout_ms);
    tokio::time::timeout(patience, reading).await.unwrap_or_else(|_| {
        let millis = api.config.body_timeout_ms;
        let why = format!("the request did not arrive within {millis} ms (rpc.body_timeout_ms)\n");
        Err(refuse(StatusCode::REQUEST_TIMEOUT, "body_timeout_ms", why))
    })
}

pub(crate) fn json_response(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}
