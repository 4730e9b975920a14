//! Which block a parameter means.
//!
//! "latest", "safe" and "finalized" are one block: finality is immediate (YP 4.3.3). "earliest" is the synthetic block
//! 0 (D8). "pending" is the block that would come next, built from the pool: its state is that after it.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use defchain_base::{AgeMillis, Height, Timestamp};
use defchain_chain::{PendingBlock, StateAt, records::Header};
use defchain_evm::BlockEnv;

use crate::{api::Api, error::RpcError};

/// A block's state and the environment that calls on it see.
pub(crate) struct View {
    /// Of the pending block without hash and state root.
    pub header: Arc<Header>,
    pub state: StateAt,
    pub env: BlockEnv,
}

impl View {
    /// The age clock by which balances are judged.
    pub const fn age(&self) -> AgeMillis {
        self.env.age
    }
}

/// Header of a number or tag; `None` when there is no such block (yet). "pending" has no header.
pub(crate) fn header_of(api: &Api, tag: BlockNumberOrTag) -> Result<Option<Arc<Header>>, RpcError> {
    let reader = &api.ctx.reader;
    Ok(match tag {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Safe | BlockNumberOrTag::Finalized => Some(reader.latest()?),
        BlockNumberOrTag::Pending => None,
        BlockNumberOrTag::Earliest => held(api, Height(0))?,
        BlockNumberOrTag::Number(number) => held(api, Height(number))?,
    })
}

/// Header of a height. One that this node forgot, or never had because it joined later, is an error that says where its
/// blocks begin: nothing may be taken for "there is no such block".
fn held(api: &Api, height: Height) -> Result<Option<Arc<Header>>, RpcError> {
    let found = api.ctx.reader.header(height)?;
    if found.is_none() {
        not_before_oldest(api, height)?;
    }
    Ok(found)
}

/// Refuses a height below the oldest that this node has.
pub(crate) fn not_before_oldest(api: &Api, height: Height) -> Result<(), RpcError> {
    match api.ctx.reader.oldest()? {
        Some(oldest) if height < oldest => Err(RpcError::Refused(format!(
            "block {:#x} is no longer held: the oldest block of this node is {:#x} ({}); ask an archive node",
            height.0, oldest.0, oldest.0
        ))),
        _ => Ok(()),
    }
}

/// Header of a hash.
pub(crate) fn header_by_hash(api: &Api, hash: &alloy_primitives::B256) -> Result<Option<Arc<Header>>, RpcError> {
    match api.ctx.reader.height_of(hash)? {
        Some(height) => Ok(api.ctx.reader.header(height)?),
        None => Ok(None),
    }
}

/// Header of an id; `None` when there is no such block, or for "pending".
pub(crate) fn header_by_id(api: &Api, id: BlockId) -> Result<Option<Arc<Header>>, RpcError> {
    match id {
        // Every block we hold is canonical: there are no forks.
        BlockId::Hash(hash) => header_by_hash(api, &hash.block_hash),
        BlockId::Number(tag) => header_of(api, tag),
    }
}

/// State and environment of an id; "latest" when there is none.
pub(crate) fn view_at(api: &Api, id: Option<BlockId>) -> Result<View, RpcError> {
    let id = id.unwrap_or_default();
    if id == BlockId::pending() {
        let pending = pending(api)?;
        let header = Arc::new(pending.header.clone());
        return Ok(View { header, state: pending.state.clone(), env: pending.env });
    }
    let newest =
        matches!(id, BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Safe | BlockNumberOrTag::Finalized));
    if newest {
        // One commit gives both, whatever is committed meanwhile.
        let (header, state) = api.ctx.reader.latest_state()?;
        let env = api.ctx.reader.env_of(&header);
        return Ok(View { header, state, env });
    }
    let Some(header) = header_by_id(api, id)? else { return Err(not_found(api, id)?) };
    let state = api.ctx.reader.state(header.height)?;
    let env = api.ctx.reader.env_of(&header);
    Ok(View { header, state, env })
}

/// The block that would come next.
pub(crate) fn pending(api: &Api) -> Result<Arc<PendingBlock>, RpcError> {
    Ok(api.ctx.runner.pending((api.ctx.now)())?)
}

/// The environment of the block after `latest`, if it came now.
pub(crate) fn next_env(api: &Api, latest: &Header) -> Result<BlockEnv, RpcError> {
    let time = (api.ctx.now)().max(Timestamp(latest.time.0.saturating_add(1)));
    Ok(api.ctx.reader.next_env(time)?)
}

/// The error for a block that is not there, in geth's words and with our figures.
pub(crate) fn not_found(api: &Api, id: BlockId) -> Result<RpcError, RpcError> {
    let latest = api.ctx.reader.latest()?.height;
    Ok(RpcError::Refused(match id {
        BlockId::Hash(hash) => format!("header for hash not found: no block has hash {}", hash.block_hash),
        BlockId::Number(tag) => format!("header not found: there is no block {tag}, the newest is {:#x}", latest.0),
    }))
}
