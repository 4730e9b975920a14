//! From the bytes of a request to the bytes of its answer.
//!
//! ```text
//!  body ──▶ calls ──▶ runs of calls that can share a thread ──▶ blocking thread ──▶ one buffer ──▶ one write
//!                     (neighbouring eth_sendRawTransaction go to the pool together)
//! ```
//!
//! Calls of a batch are answered in order. A call never borrows from another thread: its parameters are a slice of
//! the request's bytes, shared, not copied.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::DeserializeSeed};
use serde_json::value::RawValue;

use crate::{
    absent,
    api::{Api, Deadline},
    def,
    error::{RpcError, RpcResult},
    eth,
    held::Held,
    methods::Method,
    metrics::{UNKNOWN, UNREADABLE},
    params::{AtMost, Params},
    session::Session,
};

const SEND_RAW: &str = "eth_sendRawTransaction";
/// How long the calls of one request keep a thread before other requests have their turn.
const TURN: Duration = Duration::from_millis(200);

/// A request object on the wire.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// Tells `"id": null`, which is answered, from no id, which is not.
fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

/// What serves a call.
enum Target {
    /// An ordinary method.
    Method(&'static Method),
    /// Waits for a block.
    SendSync,
    /// Changes the connection's subscriptions.
    Subscribe,
    Unsubscribe,
    /// The same for what happens in the chain's own modules.
    SubscribeNative,
    UnsubscribeNative,
    /// Nobody, and why.
    Nobody(RpcError),
}

impl Target {
    /// How metrics name it.
    const fn name(&self) -> &'static str {
        match self {
            Self::Method(method) => method.name,
            Self::SendSync => "eth_sendRawTransactionSync",
            Self::Subscribe => "eth_subscribe",
            Self::Unsubscribe => "eth_unsubscribe",
            Self::SubscribeNative => "def_subscribe",
            Self::UnsubscribeNative => "def_unsubscribe",
            Self::Nobody(RpcError::MethodNotFound(_)) => UNKNOWN,
            Self::Nobody(_) => UNREADABLE,
        }
    }
}

/// One call, free of the request it came in.
struct Call {
    /// As it is echoed; `None` for a notification, which nobody answers.
    id: Option<Bytes>,
    target: Target,
    params: Bytes,
}

/// An answer, with its place on the ledger.
pub(crate) struct Reply {
    pub bytes: Vec<u8>,
    pub held: Held,
}

impl Reply {
    /// Bytes that leave the ledger when the last copy of them is gone: when they are sent.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// As [`serve`], for who takes the answer at once.
pub(crate) async fn answer(api: &Arc<Api>, session: Option<&Session>, body: Bytes) -> Option<Vec<u8>> {
    serve(api, session, body).await.map(|reply| reply.bytes)
}

/// Answers a request. `None` when nothing is to be answered: all were notifications.
pub(crate) async fn serve(api: &Arc<Api>, session: Option<&Session>, body: Bytes) -> Option<Reply> {
    let deadline = Deadline::after(api.config.request_timeout());
    let limit = api.config.max_response_bytes;
    let held = Held::nothing(&api.ledger);
    let mut out = Output { bytes: Vec::new(), held, before: 0, limit, count: 0, batch: false };
    match parse(api, &body) {
        Err(error) => {
            api.metrics.answered(UNREADABLE, Some(&error));
            out.push(b"null", Err(error));
        }
        Ok((calls, batch)) => {
            out.batch = batch;
            run_all(api, session, calls, deadline, &mut out).await;
        }
    }
    out.finish()
}

/// Reads the calls of a request, and whether it is a batch.
fn parse(api: &Api, body: &Bytes) -> Result<(Vec<Call>, bool), RpcError> {
    let not_json = |e: serde_json::Error| RpcError::Parse(e.to_string());
    let depth = depth(body);
    if depth > api.config.max_depth {
        return Err(RpcError::Limit(format!(
            "nested too deeply: {depth} levels, limit {} (rpc.max_depth)",
            api.config.max_depth
        )));
    }
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    if first != Some(&b'[') {
        let whole: &RawValue = serde_json::from_slice(body).map_err(not_json)?;
        return Ok((vec![read_call(api, body, whole)], false));
    }
    let mut input = serde_json::Deserializer::from_slice(body);
    let listed = AtMost(api.config.max_batch).deserialize(&mut input).map_err(not_json)?;
    input.end().map_err(not_json)?;
    if listed.total == 0 {
        return Err(RpcError::InvalidRequest("empty batch".to_owned()));
    }
    if listed.total > listed.items.len() {
        return Err(RpcError::Limit(format!(
            "batch too large: {} calls, limit {} (rpc.max_batch)",
            listed.total, api.config.max_batch
        )));
    }
    Ok((listed.items.into_iter().map(|item| read_call(api, body, item)).collect(), true))
}

/// How deep lists and objects are nested, before anything is made of them.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut most) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in bytes {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'[' | b'{') => {
                depth = depth.saturating_add(1);
                most = most.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Reads one call. What is wrong with it becomes its answer.
fn read_call(api: &Api, body: &Bytes, raw: &RawValue) -> Call {
    let nobody = |id: Option<Bytes>, error| Call { id, target: Target::Nobody(error), params: Bytes::new() };
    let null = || Some(Bytes::from_static(b"null"));
    let wire: Wire<'_> = match serde_json::from_str(raw.get()) {
        Ok(wire) => wire,
        Err(e) => return nobody(null(), RpcError::InvalidRequest(e.to_string())),
    };
    let id = wire.id.map(|id| body.slice_ref(id.get().as_bytes()));
    if id.as_ref().is_some_and(|id| matches!(id.first(), Some(b'{' | b'['))) {
        return nobody(null(), RpcError::InvalidRequest("the id must be a string, a number or null".to_owned()));
    }
    if wire.jsonrpc.as_deref() != Some("2.0") {
        return nobody(id.or_else(null), RpcError::InvalidRequest("jsonrpc must be \"2.0\"".to_owned()));
    }
    let Some(name) = wire.method else {
        return nobody(id.or_else(null), RpcError::InvalidRequest("no method".to_owned()));
    };
    let target = match name.as_ref() {
        "eth_sendRawTransactionSync" => Target::SendSync,
        "eth_subscribe" => Target::Subscribe,
        "eth_unsubscribe" => Target::Unsubscribe,
        "def_subscribe" => Target::SubscribeNative,
        "def_unsubscribe" => Target::UnsubscribeNative,
        name => match api.method(name) {
            Some(method) => Target::Method(method),
            None => {
                // A development chain is not told to become one.
                let advice = absent::advice(name).filter(|text| api.ctx.dev.is_none() || *text != absent::DEV_ONLY);
                Target::Nobody(RpcError::no_method(&shortened(name), advice))
            }
        },
    };
    Call { id, target, params: wire.params.map(|p| body.slice_ref(p.get().as_bytes())).unwrap_or_default() }
}

/// A name for a message: as long as any that exists, not as long as the request.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 64;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(LONGEST).collect();
    short.push('…');
    short
}

/// Runs calls in order; neighbours that only need a thread share one.
async fn run_all(api: &Arc<Api>, session: Option<&Session>, calls: Vec<Call>, deadline: Deadline, out: &mut Output) {
    let mut group: Vec<(Call, &'static Method)> = Vec::new();
    for call in calls {
        if let Target::Method(method) = call.target {
            group.push((call, method));
            continue;
        }
        run_group(api, std::mem::take(&mut group), deadline, out).await;
        let started = Instant::now();
        let result = match &call.target {
            Target::Nobody(error) => Err(error.clone()),
            Target::SendSync => eth::send_sync::run(api, call.params.clone(), deadline).await,
            Target::Subscribe => match session {
                Some(session) => eth::subscribe::subscribe(api, session, &call.params),
                None => Err(no_session("eth_subscribe")),
            },
            Target::SubscribeNative => match session {
                Some(session) => def::subscribe::subscribe(session, &call.params),
                None => Err(no_session("def_subscribe")),
            },
            Target::Unsubscribe | Target::UnsubscribeNative => match session {
                Some(session) => eth::subscribe::unsubscribe(session, &call.params),
                None => Err(no_session("eth_subscribe")),
            },
            Target::Method(_) => Err(RpcError::Internal("call was not grouped".to_owned())),
        };
        api.metrics.answered(call.target.name(), result.as_ref().err());
        if !matches!(call.target, Target::Nobody(_)) {
            api.metrics.took(call.target.name(), started.elapsed());
        }
        out.answer(&call.id, result);
    }
    run_group(api, group, deadline, out).await;
}

fn no_session(name: &str) -> RpcError {
    RpcError::no_method(&format!("{name} over HTTP (notifications not supported)"), Some("connect by WebSocket"))
}

/// Runs neighbouring calls on one thread and appends their answers. Long runs give the thread up now and then, so that one
/// batch does not keep everybody waiting.
async fn run_group(api: &Arc<Api>, group: Vec<(Call, &'static Method)>, deadline: Deadline, out: &mut Output) {
    let Some(cost) = group.iter().map(|(_, method)| method.cost).max() else { return };
    let group = Arc::new(group);
    let mut done = 0_usize;
    while done < group.len() {
        let mut part = out.part();
        let mine = group.clone();
        let turn = api.run(cost, deadline, move |api| {
            let left = mine.get(done..).unwrap_or_default();
            let ran = run_here(api, left, deadline, &mut part);
            (part, ran)
        });
        match turn.await {
            Ok((part, ran)) => {
                out.append(part);
                done = done.saturating_add(ran);
            }
            Err(error) => {
                for (call, method) in group.iter().skip(done) {
                    api.metrics.answered(method.name, Some(&error));
                    out.answer(&call.id, Err(error.clone()));
                }
                return;
            }
        }
    }
}

/// Runs calls one after the other until the turn is over, and says how many; runs of raw transactions go to the pool at
/// once.
fn run_here(api: &Api, group: &[(Call, &'static Method)], deadline: Deadline, out: &mut Output) -> usize {
    let begun = Instant::now();
    let mut rest = group;
    while let Some(((call, method), tail)) = rest.split_first() {
        let run = rest.iter().take_while(|(_, m)| m.name == SEND_RAW).count();
        if rest.len() < group.len() && begun.elapsed() > TURN {
            break;
        }
        if run > 1 {
            let (senders, tail) = rest.split_at(run);
            rest = tail;
            send_many(api, senders, deadline, out);
            continue;
        }
        rest = tail;
        let started = Instant::now();
        let result = check_room(deadline, out).and_then(|()| (method.run)(api, Params::parse(&call.params)?));
        api.metrics.took(method.name, started.elapsed());
        api.metrics.answered(method.name, result.as_ref().err());
        out.answer(&call.id, result);
    }
    group.len().saturating_sub(rest.len())
}

/// A call whose answer would not be read is not worth running.
fn check_room(deadline: Deadline, out: &Output) -> Result<(), RpcError> {
    deadline.check()?;
    if out.is_full() { Err(RpcError::ResponseTooLarge { limit: out.limit }) } else { Ok(()) }
}

fn send_many(api: &Api, calls: &[(Call, &'static Method)], deadline: Deadline, out: &mut Output) {
    if let Err(error) = check_room(deadline, out) {
        for (call, _) in calls {
            api.metrics.answered(SEND_RAW, Some(&error));
            out.answer(&call.id, Err(error.clone()));
        }
        return;
    }
    let started = Instant::now();
    let results = eth::tx::send_raw_many(api, calls.iter().map(|(call, _)| call.params.as_ref()));
    api.metrics.took_together(SEND_RAW, calls.len(), started.elapsed());
    for ((call, _), result) in calls.iter().zip(results) {
        api.metrics.answered(SEND_RAW, result.as_ref().err());
        out.answer(&call.id, result);
    }
}

/// The answer, or a part of it, as it grows.
struct Output {
    bytes: Vec<u8>,
    /// Room for the results in `bytes`. Errors are short and as many as calls: they need none.
    held: Held,
    /// Bytes of the parts before this one.
    before: usize,
    limit: usize,
    count: usize,
    batch: bool,
}

impl Output {
    /// An empty part that goes on where this one stands.
    fn part(&self) -> Self {
        Self {
            bytes: Vec::new(),
            held: self.held.empty(),
            before: self.size(),
            limit: self.limit,
            count: self.count,
            batch: self.batch,
        }
    }

    /// Takes a part back.
    fn append(&mut self, part: Self) {
        if self.bytes.is_empty() {
            self.bytes = part.bytes;
        } else {
            self.bytes.extend_from_slice(&part.bytes);
        }
        self.held.join(part.held);
        self.count = part.count;
    }

    fn size(&self) -> usize {
        self.before.saturating_add(self.bytes.len())
    }

    fn is_full(&self) -> bool {
        self.size() >= self.limit
    }

    /// Answers a call, unless it is a notification.
    fn answer(&mut self, id: &Option<Bytes>, result: RpcResult) {
        if let Some(id) = id {
            self.push(id, result);
        }
    }

    fn push(&mut self, id: &[u8], result: RpcResult) {
        if self.batch {
            self.bytes.push(if self.count == 0 { b'[' } else { b',' });
        }
        self.count += 1;
        self.bytes.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        self.bytes.extend_from_slice(id);
        let result = result.and_then(|value| {
            let size = self.size().saturating_add(value.get().len());
            if size > self.limit {
                return Err(RpcError::ResponseTooLarge { limit: self.limit });
            }
            self.held.grow(value.get().len()).map(|()| value)
        });
        match result {
            Ok(value) => {
                self.bytes.extend_from_slice(b",\"result\":");
                self.bytes.extend_from_slice(value.get().as_bytes());
            }
            Err(error) => {
                self.bytes.extend_from_slice(b",\"error\":");
                error.write(&mut self.bytes);
            }
        }
        self.bytes.push(b'}');
    }

    fn finish(mut self) -> Option<Reply> {
        if self.count == 0 {
            return None;
        }
        if self.batch {
            self.bytes.push(b']');
        }
        Some(Reply { bytes: self.bytes, held: self.held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_lists_and_objects_but_no_brackets_in_strings() {
        for (text, expected) in [
            ("5", 0),
            ("[]", 1),
            (r#"{"a":[{"b":[]}]}"#, 4),
            (r#"["[[[[", "\"[[", "\\"]"#, 1),
            ("[[]][[[", 3),
            ("]]]][", 1),
        ] {
            assert_eq!(depth(text.as_bytes()), expected, "{text}");
        }
    }
}
