//! Ids of filters and subscriptions: random, so that nobody guesses another's.

use alloy_primitives::hex;

use crate::error::RpcError;

/// 128 random bits as a hex string.
pub(crate) fn random_id() -> Result<String, RpcError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| RpcError::Internal(format!("the system gives no randomness: {e}")))?;
    Ok(hex::encode_prefixed(bytes))
}
