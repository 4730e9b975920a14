//! `eth_sendRawTransactionSync` (EIP-7966): send, and answer with the receipt.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use crate::{
    api::{Api, Cost, Deadline},
    error::{RpcError, RpcResult, json},
    eth::tx::{raw_param, receipt_of},
    params::Params,
};

/// Sends a transaction and waits for its block, at most as long as asked for and allowed.
pub(crate) async fn run(api: &Arc<Api>, params: Bytes, deadline: Deadline) -> RpcResult {
    let (raw, wait) = read(api, &params)?;
    // Before it is sent: its block must not be missed.
    let mut heads = api.hub.heads();
    let until = Instant::now() + wait;
    let hash = api.run(Cost::Read, deadline, move |api| api.ctx.pool.add_local(raw).map_err(RpcError::from)).await??;
    loop {
        let found = api.run(Cost::Read, deadline, move |api| receipt_of(api, &hash)).await??;
        if let Some(receipt) = found {
            return json(&receipt);
        }
        match tokio::time::timeout_at(until, heads.recv()).await {
            // A block came, or several: look again.
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) => return Err(RpcError::Internal("the server is stopping".to_owned())),
            Err(_) => {
                let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                return Err(RpcError::SyncTimeout { millis, hash });
            }
        }
    }
}

fn read(api: &Api, params: &[u8]) -> Result<(alloy_primitives::Bytes, Duration), RpcError> {
    let mut params = Params::parse(params)?;
    let raw = raw_param(&mut params)?;
    let asked: Option<u64> = params.optional("timeout in milliseconds")?;
    params.end()?;
    let most = api.config.max_sync_wait_ms;
    Ok((raw, Duration::from_millis(asked.unwrap_or(most).min(most))))
}
