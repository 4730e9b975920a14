//! What a caller is told when a call fails. Codes and texts are those that Ethereum tools match on.

use std::borrow::Cow;

use alloy_primitives::{Bytes, hex};
use serde_json::value::RawValue;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// Not JSON.
    #[error("parse error: {0}")]
    Parse(String),
    /// JSON, but no request.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// Nobody serves it: its name and what to use in its place, from [`RpcError::no_method`].
    #[error("the method {0}")]
    MethodNotFound(String),
    /// A parameter is missing or wrong.
    #[error("{0}")]
    InvalidParams(String),
    /// The EVM reverted: code 3, with what it returned.
    #[error("{}", revert_message(.0))]
    Revert(Bytes),
    /// The chain refuses it: a transaction that is not valid, a block that is not there.
    #[error("{0}")]
    Refused(String),
    /// As [`RpcError::Refused`], with the stable code of the rule that was broken.
    #[error("{message}")]
    InvalidTx {
        /// Which rule.
        rule: u32,
        /// In words.
        message: String,
    },
    /// A limit of this server, with the figures.
    #[error("{0}")]
    Limit(String),
    /// The answer would be too large.
    #[error("response too large: above {limit} bytes (rpc.max_response_bytes); ask for less at a time")]
    ResponseTooLarge {
        /// The limit.
        limit: usize,
    },
    /// Out of time.
    #[error("request timed out after {millis} ms ({setting})")]
    Timeout {
        /// The limit.
        millis: u64,
        /// Which setting it is.
        setting: &'static str,
    },
    /// EIP-7966: accepted, but in no block yet.
    #[error("the transaction was accepted but is in no block after {millis} ms; ask for its receipt later")]
    SyncTimeout {
        /// How long was waited.
        millis: u64,
        /// Its hash.
        hash: alloy_primitives::B256,
    },
    /// A simulation that could not be: the codes are those of `eth_simulateV1`'s specification.
    #[error("{message}")]
    Simulate {
        /// Of the specification.
        code: i32,
        /// In words.
        message: String,
    },
    /// Known, but not served here, and what to use instead.
    #[error("{0}")]
    Unsupported(String),
    /// A fault of this node.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RpcError {
    /// The JSON-RPC code.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Parse(_) => -32700,
            Self::InvalidRequest(_) => -32600,
            Self::MethodNotFound(_) => -32601,
            Self::InvalidParams(_) => -32602,
            Self::Internal(_) => -32603,
            Self::Revert(_) => 3,
            Self::SyncTimeout { .. } => 4,
            Self::Refused(_) | Self::InvalidTx { .. } => -32000,
            Self::Timeout { .. } => -32002,
            Self::ResponseTooLarge { .. } => -32003,
            Self::Unsupported(_) => -32004,
            Self::Simulate { code, .. } => *code,
            Self::Limit(_) => -32005,
        }
    }

    /// The `data` member, as JSON.
    fn data(&self) -> Option<String> {
        match self {
            Self::Revert(output) => Some(format!("\"{}\"", hex::encode_prefixed(output))),
            Self::SyncTimeout { hash, .. } => Some(format!("\"{hash}\"")),
            Self::InvalidTx { rule, .. } => Some(format!("{{\"rule\":{rule}}}")),
            _ => None,
        }
    }

    /// Appends the error object.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let message = serde_json::to_string(&self.to_string()).unwrap_or_else(|_| "\"error\"".to_owned());
        out.extend_from_slice(format!("{{\"code\":{},\"message\":{message}", self.code()).as_bytes());
        if let Some(data) = self.data() {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data.as_bytes());
        }
        out.push(b'}');
    }

    /// A method that nobody serves, in geth's words, and what to use in its place.
    pub(crate) fn no_method(name: &str, advice: Option<&str>) -> Self {
        let advice = advice.map(|advice| format!(": {advice}")).unwrap_or_default();
        Self::MethodNotFound(format!("{name} does not exist/is not available{advice}"))
    }

    /// A parameter that does not parse.
    pub(crate) fn argument(index: usize, name: &str, why: impl core::fmt::Display) -> Self {
        Self::InvalidParams(format!("invalid argument {index}: {name}: {why}"))
    }
}

impl From<defchain_chain::ReadError> for RpcError {
    fn from(error: defchain_chain::ReadError) -> Self {
        use defchain_chain::ReadError as E;
        use defchain_store::StoreError;
        match error {
            E::NotStarted | E::Future { .. } | E::Upgrade(_) | E::Store(StoreError::NotHeld { .. }) => {
                Self::Refused(error.to_string())
            }
            E::Store(_) | E::State(_) | E::Corrupt { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<defchain_base::StateError> for RpcError {
    fn from(error: defchain_base::StateError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<defchain_base::AmountError> for RpcError {
    fn from(error: defchain_base::AmountError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<defchain_token::TokenError> for RpcError {
    fn from(error: defchain_token::TokenError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A module's refusal in its own words; a failing store is a fault of this node.
macro_rules! refusals {
    ($($error:path),*) => {$(
        impl From<$error> for RpcError {
            fn from(error: $error) -> Self {
                use $error as E;
                match error {
                    E::State(error) => error.into(),
                    refusal => Self::Refused(refusal.to_string()),
                }
            }
        }
    )*};
}

refusals!(
    defchain_staking::StakingError,
    defchain_dividends::DividendError,
    defchain_validators::ValidatorsError,
    defchain_slashing::SlashingError,
    defchain_governance::GovernanceError
);

/// geth's words for a revert: the reason where there is one.
fn revert_message(output: &Bytes) -> Cow<'static, str> {
    match revert_reason(output) {
        Some(reason) => Cow::Owned(format!("execution reverted: {reason}")),
        None => Cow::Borrowed("execution reverted"),
    }
}

/// The reason of `Error(string)` or the meaning of `Panic(uint256)`.
fn revert_reason(output: &[u8]) -> Option<String> {
    use alloy_sol_types::{Panic, PanicKind, Revert, SolError};
    if let Ok(revert) = Revert::abi_decode(output) {
        return Some(revert.reason);
    }
    let panic = Panic::abi_decode(output).ok()?;
    let code = u32::try_from(panic.code).ok();
    Some(match code.and_then(PanicKind::from_number) {
        Some(kind) => kind.as_str().to_owned(),
        None => format!("unknown panic code: {:#x}", panic.code),
    })
}

/// A result in JSON, or why there is none.
pub(crate) type RpcResult = Result<Box<RawValue>, RpcError>;

/// Turns a result into JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> RpcResult {
    serde_json::value::to_raw_value(value).map_err(|e| RpcError::Internal(format!("result does not serialise: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_sol_types::{Panic, Revert, SolError};

    use super::*;

    fn written(error: &RpcError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_revert_has_code_3_its_reason_and_its_data() {
        let output: Bytes = Revert::from("no \"money\"").abi_encode().into();
        let expected = format!(r#"{{"code":3,"message":"execution reverted: no \"money\"","data":"{output}"}}"#);
        assert_eq!(written(&RpcError::Revert(output)), expected);
    }

    #[test]
    fn a_panic_is_said_in_words_and_a_custom_error_is_left_to_its_abi() {
        let overflow: Bytes = Panic::from(0x11_u64).abi_encode().into();
        assert!(RpcError::Revert(overflow).to_string().starts_with("execution reverted: "));
        assert_eq!(RpcError::Revert(Bytes::from_static(&[1, 2, 3, 4])).to_string(), "execution reverted");
        assert_eq!(
            written(&RpcError::Revert(Bytes::new())),
            r#"{"code":3,"message":"execution reverted","data":"0x"}"#
        );
    }

    #[test]
    fn codes_are_those_that_tools_know() {
        let text = String::new;
        let codes = [
            (RpcError::Parse(text()), -32700),
            (RpcError::InvalidRequest(text()), -32600),
            (RpcError::MethodNotFound(text()), -32601),
            (RpcError::InvalidParams(text()), -32602),
            (RpcError::Internal(text()), -32603),
            (RpcError::Refused(text()), -32000),
            (RpcError::Limit(text()), -32005),
        ];
        for (error, code) in codes {
            assert_eq!(error.code(), code, "{error:?}");
        }
    }

    #[test]
    fn a_refused_transaction_names_the_rule_it_breaks() {
        let error = RpcError::InvalidTx { rule: 201, message: "nonce too low: x".to_owned() };
        assert_eq!(written(&error), r#"{"code":-32000,"message":"nonce too low: x","data":{"rule":201}}"#);
    }
}
