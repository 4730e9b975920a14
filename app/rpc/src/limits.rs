//! Who may connect, and how long a silent connection is kept.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, timeout},
};

use crate::config::RpcConfig;

/// Whether the Host header names this node. A page that reaches a local node by a name of its own does not.
pub(crate) fn host_allowed(config: &RpcConfig, uri: &Uri, headers: &HeaderMap) -> Result<(), String> {
    let from_header = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(host) = uri.host().or(from_header) else {
        // HTTP/1.0 without the header: no browser.
        return Ok(());
    };
    let name = without_port(host).to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let listed = config.allowed_hosts.iter().any(|h| h == "*" || h.eq_ignore_ascii_case(&name));
    if listed || bare.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(format!("host {name:?} is not allowed: add it to rpc.allowed_hosts if this node is meant\n"))
}

/// Whether a WebSocket connection may come from that page. CORS does not apply to WebSocket: browsers send the origin
/// and leave the decision to us.
pub(crate) fn origin_allowed(config: &RpcConfig, headers: &HeaderMap) -> Result<(), String> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let own = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
    if own || config.cors_origins.iter().any(|o| o == "*" || o.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(format!("origin {origin:?} is not allowed: add it to rpc.cors_origins\n"))
}

/// Whether the body says that it is JSON. A form of a foreign page cannot say so without asking first (CORS).
pub(crate) fn content_type_allowed(value: Option<&HeaderValue>) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "application/json" | "application/json-rpc" | "application/jsonrequest") {
        return Ok(());
    }
    Err(format!("content type is {text:?}, must be application/json\n"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // `[::1]:8545` and `name:8545`, but not the bare `::1`.
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

/// Bytes that a client must take within `rpc.write_timeout_ms`. Who takes fewer would hold its answer for hours.
const LEAST_PROGRESS: usize = 64 * 1024;

/// How many connections are open, in all and from each address.
pub(crate) struct Doors {
    all: usize,
    each: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// Why a connection finds no room: the limit's name, and what the peer is told.
pub(crate) struct NoRoom {
    pub limit: &'static str,
    pub why: String,
}

/// Held by a connection while it lives.
pub(crate) struct Seat {
    doors: Arc<Doors>,
    address: IpAddr,
}

impl Doors {
    pub fn new(config: &RpcConfig) -> Arc<Self> {
        Arc::new(Self { all: config.max_connections, each: config.max_connections_per_ip, open: Mutex::default() })
    }

    /// Lets a connection in, or says why not.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Seat, NoRoom> {
        let address = one_client(peer);
        let mut open = self.open.lock();
        if open.all >= self.all {
            let why = format!("this node serves {} connections at a time (rpc.max_connections)", self.all);
            return Err(NoRoom { limit: "max_connections", why });
        }
        let held = open.by_address.entry(address).or_default();
        if *held >= self.each {
            let why = format!(
                "this node serves {} connections of one address at a time (rpc.max_connections_per_ip), {address} has \
                 {held}",
                self.each
            );
            return Err(NoRoom { limit: "max_connections_per_ip", why });
        }
        *held += 1;
        open.all += 1;
        Ok(Seat { doors: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.doors.open.lock();
        open.all = open.all.saturating_sub(1);
        if let Some(held) = open.by_address.get_mut(&self.address) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// The address that counts: a client of IPv6 has a whole /64 to choose from.
fn one_client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// A connection that counts against the limits while it lives, and fails when nothing moves for too long.
pub(crate) struct Conn {
    stream: TcpStream,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    patience: Duration,
    /// Runs while the peer does not take what is written: when it ends, and what was taken since it began.
    stall: Option<(Pin<Box<Sleep>>, usize)>,
    _seat: Seat,
}

impl Conn {
    pub fn new(stream: TcpStream, config: &RpcConfig, seat: Seat) -> Self {
        let idle = config.idle_timeout();
        let silence = Box::pin(sleep(idle));
        Self { stream, idle, silence, patience: config.write_timeout(), stall: None, _seat: seat }
    }

    /// Moves the end of patience after bytes came, or fails when it is reached.
    fn judge_read(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if polled.is_ready() {
            self.heard();
            return polled;
        }
        match self.silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "idle connection"))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn heard(&mut self) {
        let until = Instant::now() + self.idle;
        self.silence.as_mut().reset(until);
    }

    /// Fails when the peer takes too little for too long.
    fn judge_write(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = &polled {
            // Who takes what is sent is not idle.
            self.heard();
            if let Some((_, taken)) = &mut self.stall {
                *taken = taken.saturating_add(*written);
                if *taken >= LEAST_PROGRESS {
                    self.stall = None;
                }
            }
        }
        if polled.is_ready() {
            return polled;
        }
        let (end, _) = self.stall.get_or_insert_with(|| (Box::pin(sleep(self.patience)), 0));
        match end.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "slow reader"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.judge_read(cx, polled)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge_write(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge_write(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called when everything is written: nobody is waited for.
        self.stall = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Tells a peer that there is no room, and lets it go.
pub(crate) async fn turn_away(mut stream: TcpStream, why: &str) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let body = format!("{why}; try again later\n");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let talk = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What the peer sent is read, so that closing does not reset the connection before it read our answer.
        let mut request = [0_u8; 4096];
        while stream.read(&mut request).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    drop(timeout(PATIENCE, talk).await);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn host(config: &RpcConfig, value: &str) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, value.parse().unwrap());
        host_allowed(config, &Uri::from_static("/"), &headers)
    }

    #[test]
    fn names_must_be_listed_and_addresses_need_not() {
        let config = RpcConfig { allowed_hosts: vec!["node.example".to_owned()], ..RpcConfig::default() };
        for ok in ["node.example", "NODE.example:8545", "127.0.0.1:8545", "10.1.2.3", "[::1]:8545", "[::1]"] {
            assert!(host(&config, ok).is_ok(), "{ok}");
        }
        for bad in ["evil.example", "node.example.evil", "localhost"] {
            let error = host(&config, bad).unwrap_err();
            assert!(error.contains(bad) && error.contains("allowed_hosts"), "{error}");
        }
        let any = RpcConfig { allowed_hosts: vec!["*".to_owned()], ..RpcConfig::default() };
        assert!(host(&any, "whatever").is_ok());
    }

    #[test]
    fn a_page_of_another_origin_gets_no_websocket_unless_listed() {
        let config = RpcConfig { cors_origins: vec!["https://app.example".to_owned()], ..RpcConfig::default() };
        let check = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8545"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            origin_allowed(&config, &headers)
        };
        assert!(check(None).is_ok());
        assert!(check(Some("https://app.example")).is_ok());
        assert!(check(Some("http://localhost:8545")).is_ok());
        assert!(check(Some("https://evil.example")).unwrap_err().contains("evil.example"));
    }

    #[test]
    fn a_form_is_no_request() {
        let check = |text: &'static str| content_type_allowed(Some(&HeaderValue::from_static(text)));
        assert!(check("application/json; charset=utf-8").is_ok());
        assert!(content_type_allowed(None).is_ok());
        assert!(check("text/plain").unwrap_err().contains("text/plain"));
        assert!(check("application/x-www-form-urlencoded").is_err());
    }

    #[test]
    fn connections_are_counted_in_all_and_by_address_and_given_back() {
        let doors = Doors::new(&RpcConfig { max_connections: 3, max_connections_per_ip: 2, ..RpcConfig::default() });
        let enter = |address: &str| doors.enter(address.parse().unwrap()).map_err(|no| (no.limit, no.why));
        let first = enter("10.0.0.1").unwrap();
        let _second = enter("::ffff:10.0.0.1").unwrap();
        let (limit, why) = enter("10.0.0.1").err().unwrap();
        assert_eq!(limit, "max_connections_per_ip");
        assert!(why.contains("2 connections of one address") && why.contains("10.0.0.1 has 2"), "{why}");
        let _third = enter("10.0.0.2").unwrap();
        let (limit, why) = enter("10.0.0.3").err().unwrap();
        assert_eq!(limit, "max_connections");
        assert!(why.contains("3 connections"), "{why}");
        drop(first);
        drop(enter("10.0.0.1").unwrap());
        assert_eq!(doors.open.lock().all, 2);
        assert_eq!(doors.open.lock().by_address.len(), 2);
    }

    #[test]
    fn neighbours_of_ipv6_count_as_one_client() {
        let one = |text: &str| one_client(text.parse().unwrap());
        assert_eq!(one("2001:db8:1:2::5"), one("2001:db8:1:2:ffff::1"));
        assert_ne!(one("2001:db8:1:2::5"), one("2001:db8:1:3::5"));
        assert_eq!(one("::ffff:1.2.3.4"), one("1.2.3.4"));
    }
}
