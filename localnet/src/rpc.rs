use std::time::Duration;

use serde_json::{Value, json};

/// Why a node gave no answer.
#[derive(Debug)]
pub enum RpcError {
    /// Nobody there, or no JSON.
    Transport(String),
    /// The node's own error: code and message.
    Answer(i64, String),
}

impl core::fmt::Display for RpcError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Transport(why) => f.write_str(why),
            Self::Answer(code, message) => write!(f, "error {code}: {message}"),
        }
    }
}

impl std::error::Error for RpcError {}

/// The newest block of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// Height.
    pub height: u64,
    /// Block hash.
    pub hash: String,
    /// App hash after it.
    pub state_root: String,
    /// Transactions in it.
    pub txs: usize,
}

/// Asks a node, blocking, with a short patience.
#[derive(Debug, Clone)]
pub struct Rpc {
    url: String,
    agent: ureq::Agent,
}

impl Rpc {
    /// For a node's RPC address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self::with_patience(url, Duration::from_secs(10))
    }

    /// For a node that may not answer: an error after `patience`.
    #[must_use]
    pub fn with_patience(url: impl Into<String>, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(patience)).http_status_as_error(false).build();
        Self { url: url.into(), agent: config.into() }
    }

    /// One call.
    ///
    /// # Errors
    /// When nobody answers, or with the node's error.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let transport = |e: ureq::Error| RpcError::Transport(format!("{}: {e}", self.url));
        let mut response = self.agent.post(&self.url).send_json(request).map_err(transport)?;
        let mut answer: Value = response.body_mut().read_json().map_err(transport)?;
        if let Some(error) = answer.get("error").filter(|e| !e.is_null()) {
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            return Err(RpcError::Answer(error.get("code").and_then(Value::as_i64).unwrap_or(0), message.to_owned()));
        }
        Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// A GET whose answer is JSON, for CometBFT's RPC.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn get(&self, path: &str) -> Result<Value, RpcError> {
        let url = format!("{}{path}", self.url);
        let transport = |e: ureq::Error| RpcError::Transport(format!("{url}: {e}"));
        let mut response = self.agent.get(&url).call().map_err(transport)?;
        let mut answer: Value = response.body_mut().read_json().map_err(transport)?;
        Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// Newest block.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn tip(&self) -> Result<Tip, RpcError> {
        self.block("latest").and_then(|b| b.ok_or_else(|| RpcError::Transport("no block yet".to_owned())))
    }

    /// A block by number (0x…) or tag.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn block(&self, which: &str) -> Result<Option<Tip>, RpcError> {
        let block = self.call("eth_getBlockByNumber", json!([which, false]))?;
        if block.is_null() {
            return Ok(None);
        }
        let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let height = u64::from_str_radix(text("number").trim_start_matches("0x"), 16)
            .map_err(|e| RpcError::Transport(format!("block number {:?}: {e}", text("number"))))?;
        let txs = block.get("transactions").and_then(Value::as_array).map_or(0, Vec::len);
        Ok(Some(Tip { height, hash: text("hash"), state_root: text("stateRoot"), txs }))
    }
}
