//! A WebSocket connection: requests in order, events in between.
//!
//! One task per connection. A request is answered before the next is read, so replies keep their order; events go on
//! while a request runs. A peer that does not take what is sent is disconnected: nothing is queued for it but the
//! rings of [`crate::hub`].

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::{
    FutureExt, SinkExt, StreamExt,
    future::BoxFuture,
    stream::{SplitSink, SplitStream},
};
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    api::Api,
    dispatch::{self, Reply},
    error::RpcError,
    eth::subscribe::{head_notices, pending_notices, syncing_notices},
    held::Held,
    hub::HeadEvent,
    metrics::UNREADABLE,
    session::Session,
};

/// Where messages go, and how long the peer may take to accept one.
struct Sink {
    socket: SplitSink<WebSocket, Message>,
    patience: Duration,
}

/// Why a connection ends.
enum End {
    /// The peer left, or its connection broke.
    Gone,
    /// We close it, and say why.
    Close(u16, Cow<'static, str>),
    /// As [`End::Close`], because the peer does not take what is sent.
    Slow(u16, Cow<'static, str>),
}

/// Serves a connection until it ends.
pub(crate) async fn serve(api: Arc<Api>, socket: WebSocket, stop: watch::Receiver<bool>) {
    let (socket, stream) = socket.split();
    let mut sink = Sink { socket, patience: api.config.write_timeout() };
    let end = talk(&api, &mut sink, stream, stop).await;
    if matches!(end, End::Slow(..)) {
        api.metrics.slow_readers.inc();
        api.metrics.limit_hit("write_timeout_ms");
    }
    if let End::Close(code, reason) | End::Slow(code, reason) = end {
        tracing::debug!(code, %reason, "closing a WebSocket connection");
        let frame = CloseFrame { code, reason: reason.as_ref().into() };
        // The peer may be the one that does not read: it gets no second chance.
        drop(tokio::time::timeout(Duration::from_secs(1), sink.socket.send(Message::Close(Some(frame)))).await);
    }
}

async fn talk(
    api: &Arc<Api>,
    sink: &mut Sink,
    mut stream: SplitStream<WebSocket>,
    mut stop: watch::Receiver<bool>,
) -> End {
    let session = Session::new(api.seats.clone());
    let (mut heads, mut pending, mut syncing) = (api.hub.heads(), api.hub.pending(), api.hub.syncing());
    let mut request: Option<BoxFuture<'_, Option<Reply>>> = None;
    let mut pings = tokio::time::interval(api.config.idle_timeout() / 3);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            biased;
            _ = stop.changed() => return End::Close(close_code::AWAY, "the node is stopping".into()),
            reply = next_reply(&mut request) => {
                request = None;
                let sent = match reply {
                    Some(Reply { bytes, held }) => {
                        let sent = send(sink, text(bytes)).await;
                        drop(held);
                        sent
                    }
                    None => Ok(()),
                };
                session.activate();
                sent
            }
            txs = pending.recv() => match txs {
                Ok(txs) => send_all(sink, pending_notices(&session, txs)).await,
                Err(error) => Err(lagged(&error)),
            },
            head = heads.recv() => match head {
                Ok(head) => send_head(&session, sink, head).await,
                Err(error) => Err(lagged(&error)),
            },
            changed = syncing.changed() => match changed {
                Ok(()) => {
                    let catching_up = *syncing.borrow_and_update();
                    send_all(sink, syncing_notices(&session, catching_up)).await
                }
                Err(_) => Err(End::Gone),
            },
            message = stream.next(), if request.is_none() => {
                heard = Instant::now();
                match read(message) {
                    Ok(Some(body)) => {
                        request = Some(reply(api, &session, body).boxed());
                        Ok(())
                    }
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > api.config.idle_timeout() && request.is_none() {
                    Err(End::Close(close_code::POLICY, "nothing was heard for rpc.idle_timeout_ms".into()))
                } else {
                    send(sink, Message::Ping(Bytes::new())).await
                }
            }
        };
        if let Err(end) = sent {
            return end;
        }
    }
}

/// Answers a request that is on the ledger meanwhile, or says that there is no room for it.
async fn reply(api: &Arc<Api>, session: &Session, body: Bytes) -> Option<Reply> {
    let mut held = Held::nothing(&api.ledger);
    match held.grow(body.len()) {
        Ok(()) => dispatch::serve(api, Some(session), body).await,
        Err(error) => Some(refusal(api, &error, held)),
    }
}

fn refusal(api: &Api, error: &RpcError, held: Held) -> Reply {
    api.metrics.answered(UNREADABLE, Some(error));
    let mut bytes = br#"{"jsonrpc":"2.0","id":null,"error":"#.to_vec();
    error.write(&mut bytes);
    bytes.push(b'}');
    Reply { bytes, held }
}

/// Waits for the answer of the request in work; for ever when there is none.
async fn next_reply(request: &mut Option<BoxFuture<'_, Option<Reply>>>) -> Option<Reply> {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

/// The request in a message, if it is one.
fn read(message: Option<Result<Message, axum::Error>>) -> Result<Option<Bytes>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.into())),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
        // The library answers pings.
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        Some(Err(error)) => {
            let text = error.to_string();
            if text.contains("too long") || text.contains("too large") || text.contains("too big") {
                Err(End::Close(close_code::SIZE, format!("{text} (rpc.max_body_bytes)").into()))
            } else {
                Err(End::Gone)
            }
        }
    }
}

async fn send_head(session: &Session, sink: &mut Sink, head: Arc<HeadEvent>) -> Result<(), End> {
    send_all(sink, head_notices(session, head)).await
}

/// One after the other: however much there is to say, one notice of it is in memory.
async fn send_all(sink: &mut Sink, notices: impl Iterator<Item = Vec<u8>>) -> Result<(), End> {
    for notice in notices {
        send(sink, text(notice)).await?;
    }
    Ok(())
}

async fn send(sink: &mut Sink, message: Message) -> Result<(), End> {
    match tokio::time::timeout(sink.patience, sink.socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => {
            let millis = sink.patience.as_millis();
            let why = format!("slow reader: a message was not taken within {millis} ms (rpc.write_timeout_ms)");
            Err(End::Slow(close_code::POLICY, why.into()))
        }
    }
}

fn text(bytes: Vec<u8>) -> Message {
    match axum::extract::ws::Utf8Bytes::try_from(bytes) {
        Ok(text) => Message::Text(text),
        // Every answer is JSON, built from JSON: this does not happen, and must not panic if it does.
        Err(_) => Message::text(
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"internal error: answer is not UTF-8"}}"#,
        ),
    }
}

fn lagged(error: &RecvError) -> End {
    match error {
        RecvError::Lagged(missed) => {
            End::Slow(close_code::AGAIN, format!("slow reader: {missed} events were missed; connect again").into())
        }
        RecvError::Closed => End::Close(close_code::AWAY, "the node is stopping".into()),
    }
}
