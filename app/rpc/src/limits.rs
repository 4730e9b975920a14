//! Who may connect, and how long a silent connection is kept.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
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

/// A connection that counts against the limit while it lives and fails when nothing moves for too long.
pub(crate) struct Conn {
    stream: TcpStream,
    idle: Duration,
    sleep: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
}

impl Conn {
    pub fn new(stream: TcpStream, idle: Duration, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, idle, sleep: Box::pin(sleep(idle)), _slot: slot }
    }

    /// Moves the end of patience after progress, or fails when it is reached.
    fn judge<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            let until = Instant::now() + self.idle;
            self.sleep.as_mut().reset(until);
            return polled;
        }
        match self.sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "idle connection"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.judge(cx, polled)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Tells a peer that there is no room, and lets it go.
pub(crate) async fn turn_away(mut stream: TcpStream, limit: usize) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let body = format!("this node serves {limit} connections at a time (rpc.max_connections); try again later\n");
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
}
