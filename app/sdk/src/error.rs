use core::time::Duration;

use alloy_primitives::{B256, Bytes};
use serde::Deserialize;
use serde_json::Value;

/// The error object of a JSON-RPC answer: the node understood the request and refused it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RpcError {
    /// -32700 to -32000 as JSON-RPC says; 3 when the EVM reverted.
    pub code: i64,
    /// In words.
    #[serde(default)]
    pub message: String,
    /// What else the node says.
    #[serde(default)]
    pub data: Option<Value>,
}

impl RpcError {
    /// What a reverted call returned: ABI-encoded reason or custom error.
    #[must_use]
    pub fn revert_data(&self) -> Option<Bytes> {
        if self.code != 3 {
            return None;
        }
        self.data.as_ref()?.as_str()?.parse().ok()
    }

    /// The stable number of the rule that a refused transaction breaks (the book's page "Error codes").
    #[must_use]
    pub fn rule(&self) -> Option<u64> {
        self.data.as_ref()?.get("rule")?.as_u64()
    }
}

impl core::fmt::Display for RpcError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (code {}", self.message, self.code)?;
        match self.rule() {
            Some(rule) => write!(f, ", rule {rule})"),
            None => f.write_str(")"),
        }
    }
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SdkError {
    /// The address of the node is no URL this client can use.
    #[error("{url:?} is no address of a node: {why}; write http://host:port")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers.
    #[error("cannot reach the node at {url}: {why}; is it running?")]
    Unreachable {
        /// Where.
        url: String,
        /// What the operating system says.
        why: String,
    },
    /// The connection broke after it had been made: whether the node acted on the request is not known.
    #[error("{method}: the connection to {url} broke: {why}")]
    Broken {
        /// Where.
        url: String,
        /// What was called.
        method: String,
        /// What went wrong.
        why: String,
    },
    /// No answer in time.
    #[error("{method}: no answer from {url} within {} ms", .after.as_millis())]
    Timeout {
        /// Where.
        url: String,
        /// What was called.
        method: String,
        /// The limit.
        after: Duration,
    },
    /// Not the answer of a JSON-RPC server.
    #[error("{method}: {url} answered HTTP status {status}: {body}")]
    Http {
        /// Where.
        url: String,
        /// What was called.
        method: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The answer is larger than this client reads.
    #[error("{method}: the answer is larger than {limit} bytes; ask for less at a time")]
    TooLarge {
        /// What was called.
        method: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is not what the method returns.
    #[error("{method}: cannot read the answer: {why}")]
    Answer {
        /// What was called.
        method: String,
        /// What is wrong with it.
        why: String,
    },
    /// The node refused.
    #[error("{method}: {error}")]
    Rpc {
        /// What was called.
        method: String,
        /// Its words.
        error: RpcError,
    },
    /// A parameter cannot be written as JSON.
    #[error("{method}: parameters: {why}")]
    Params {
        /// What was called.
        method: String,
        /// What is wrong.
        why: String,
    },
    /// What was asked for does not exist on that node.
    #[error("{what} is not known to the node")]
    Unknown {
        /// What.
        what: String,
    },
    /// No block has taken the transaction yet.
    #[error(
        "transaction {hash} is in no block after {} ms; it may still wait in the pool (txpool_content), or have been \
         replaced",
        .waited.as_millis()
    )]
    NotMined {
        /// Which.
        hash: B256,
        /// How long was waited.
        waited: Duration,
    },
    /// A key, phrase or transaction that the wallet cannot use.
    #[error("wallet: {0}")]
    Wallet(String),
    /// The runtime behind [`crate::Blocking`] could not be made.
    #[error("cannot start the runtime of a blocking client: {0}")]
    Runtime(String),
}

impl SdkError {
    /// The node's error object, when it was the node that refused.
    #[must_use]
    pub const fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn error(json: &str) -> RpcError {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_revert_gives_its_data_and_nothing_else_does() {
        let reverted = error(r#"{"code":3,"message":"execution reverted","data":"0x08c379a0"}"#);
        assert_eq!(reverted.revert_data().unwrap().as_ref(), [0x08, 0xc3, 0x79, 0xa0]);
        assert_eq!(error(r#"{"code":-32000,"message":"no","data":"0x08"}"#).revert_data(), None);
        assert_eq!(error(r#"{"code":3,"message":"no","data":null}"#).revert_data(), None);
    }

    #[test]
    fn the_rule_of_a_refused_transaction_stands_in_its_message() {
        let refused = error(r#"{"code":-32000,"message":"nonce too low","data":{"rule":201}}"#);
        assert_eq!(refused.rule(), Some(201));
        assert_eq!(refused.to_string(), "nonce too low (code -32000, rule 201)");
        assert_eq!(error(r#"{"code":-32601,"message":"no such method"}"#).to_string(), "no such method (code -32601)");
    }
}
