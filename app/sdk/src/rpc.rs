//! JSON-RPC 2.0 over HTTP: requests, batches, answers.

use core::time::Duration;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::error::{RpcError, SdkError};

/// How long a call may take, unless said otherwise: the node's own limit is 30 s.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(35);
/// The largest answer that is read. The node's default limit is 32 MiB.
pub const MAX_RESPONSE_BYTES: usize = 128 * 1024 * 1024;
/// How much of an unexpected body an error shows.
const SHOWN_BODY_BYTES: usize = 300;

/// One call of a batch.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which method.
    pub method: &'static str,
    /// Its parameters, a JSON array.
    pub params: Value,
}

/// Sends requests to one URL.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    url: Arc<str>,
    timeout: Duration,
    next_id: Arc<AtomicU64>,
}

#[derive(Serialize)]
struct Request<'a, P: ?Sized> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a P,
}

#[derive(Deserialize)]
struct Response<'a> {
    id: Value,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

impl Response<'_> {
    fn into_result<R: DeserializeOwned>(self, method: &str) -> Result<R, SdkError> {
        if let Some(error) = self.error {
            return Err(SdkError::Rpc { method: method.to_owned(), error });
        }
        // A result of null arrives as None.
        let json = self.result.map_or("null", RawValue::get);
        serde_json::from_str(json).map_err(|e| SdkError::Answer { method: method.to_owned(), why: e.to_string() })
    }
}

impl Transport {
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, SdkError> {
        let bad = |why: String| SdkError::Url { url: url.to_owned(), why };
        let parsed = reqwest::Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if parsed.scheme() != "http" {
            return Err(bad(format!("the scheme is {:?}", parsed.scheme())));
        }
        let http = reqwest::Client::builder()
            // A node is called directly: a proxy set for the web would not reach one on this machine.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(timeout.min(Duration::from_secs(5)))
            .timeout(timeout)
            .build()
            .map_err(|e| bad(with_sources(&e)))?;
        Ok(Self { http, url: url.into(), timeout, next_id: Arc::default() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn request<P: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        method: &str,
        params: &P,
    ) -> Result<R, SdkError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = serde_json::to_vec(&Request { jsonrpc: "2.0", id, method, params })
            .map_err(|e| SdkError::Params { method: method.to_owned(), why: e.to_string() })?;
        let answer = self.post(method, body.into()).await?;
        let response: Response<'_> = parse(method, &answer)?;
        if response.id.as_u64() != Some(id) && response.error.is_none() {
            let why = format!("it has the id {}, the request had {id}", response.id);
            return Err(SdkError::Answer { method: method.to_owned(), why });
        }
        response.into_result(method)
    }

    pub(crate) async fn batch<R: DeserializeOwned>(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<R, SdkError>>, SdkError> {
        let Some(first) = calls.first() else { return Ok(Vec::new()) };
        let method = format!("batch of {} calls ({}, …)", calls.len(), first.method);
        let count = u64::try_from(calls.len()).unwrap_or(u64::MAX);
        let base = self.next_id.fetch_add(count, Ordering::Relaxed);
        let requests: Vec<_> = (base..)
            .zip(calls)
            .map(|(id, call)| Request { jsonrpc: "2.0", id, method: call.method, params: &call.params })
            .collect();
        let body = serde_json::to_vec(&requests)
            .map_err(|e| SdkError::Params { method: method.clone(), why: e.to_string() })?;
        let answer = self.post(&method, body.into()).await?;
        // A batch that is refused as a whole is answered with one error object.
        if let Ok(Response { error: Some(error), .. }) = serde_json::from_slice::<Response<'_>>(&answer) {
            return Err(SdkError::Rpc { method, error });
        }
        let responses: Vec<Response<'_>> = parse(&method, &answer)?;
        let found = responses.len();
        let mut results: Vec<Option<Result<R, SdkError>>> = calls.iter().map(|_| None).collect();
        for response in responses {
            // Answers of a batch come in any order.
            let place = response.id.as_u64().and_then(|id| usize::try_from(id.checked_sub(base)?).ok());
            let Some((slot, call)) = place.and_then(|at| Some((results.get_mut(at)?, calls.get(at)?))) else {
                return Err(SdkError::Answer { method, why: format!("no call has the id {}", response.id) });
            };
            *slot = Some(response.into_result(call.method));
        }
        results
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| SdkError::Answer { why: format!("{found} answers to {} calls", calls.len()), method })
    }

    /// Posts a body and returns the answer's bytes.
    pub(crate) async fn post(&self, method: &str, body: Bytes) -> Result<Bytes, SdkError> {
        let request = self.http.post(&*self.url).header("content-type", "application/json").body(body);
        let mut response = request.send().await.map_err(|e| self.failed(method, &e))?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(method, &e))? {
            if answer.len().saturating_add(chunk.len()) > MAX_RESPONSE_BYTES {
                return Err(SdkError::TooLarge { method: method.to_owned(), limit: MAX_RESPONSE_BYTES });
            }
            answer.extend_from_slice(&chunk);
        }
        let status = response.status();
        // Some servers put the error object under a status of its own; it says more than the status.
        if !status.is_success() && serde_json::from_slice::<Response<'_>>(&answer).is_err() {
            return Err(SdkError::Http {
                url: self.url.to_string(),
                method: method.to_owned(),
                status: status.as_u16(),
                body: shown(&answer),
            });
        }
        Ok(answer.into())
    }

    fn failed(&self, method: &str, error: &reqwest::Error) -> SdkError {
        let (url, method) = (self.url.to_string(), method.to_owned());
        if error.is_connect() {
            SdkError::Unreachable { url, why: with_sources(error) }
        } else if error.is_timeout() {
            SdkError::Timeout { url, method, after: self.timeout }
        } else {
            SdkError::Broken { url, method, why: with_sources(error) }
        }
    }
}

/// The fuzzer's door: what an answer to a single call says.
#[doc(hidden)]
pub fn read_answer<R: DeserializeOwned>(method: &str, answer: &[u8]) -> Result<R, SdkError> {
    parse::<Response<'_>>(method, answer)?.into_result(method)
}

fn parse<'a, T: Deserialize<'a>>(method: &str, answer: &'a [u8]) -> Result<T, SdkError> {
    serde_json::from_slice(answer).map_err(|e| SdkError::Answer {
        method: method.to_owned(),
        why: format!("not JSON-RPC ({e}): {}", shown(answer)),
    })
}

fn shown(body: &[u8]) -> String {
    let (start, rest) = body.split_at(body.len().min(SHOWN_BODY_BYTES));
    let more = if rest.is_empty() { String::new() } else { format!("… ({} bytes)", body.len()) };
    format!("{}{more}", String::from_utf8_lossy(start))
}

/// reqwest keeps the cause that helps (connection refused) behind two layers that do not.
fn with_sources(error: &dyn core::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
