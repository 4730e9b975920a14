//! What a block's execution depends on, and why a proposal is refused.

use bytes::Bytes;
use defchain_abci::types::{CommitInfo, Misbehavior};
use defchain_base::{B256, ConsensusAddress, Height, StateError, Timestamp};
use defchain_evm::validity::InvalidTx;
use defchain_store::StoreError;

use crate::{payload::ItemError, upgrade::UpgradeError};

/// Everything that execution may look at beside the state. Two blocks with equal inputs have equal results, so a
/// result is kept by these and reused only when all of them agree.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockInputs {
    /// Height.
    pub height: Height,
    /// Header time.
    pub time: Timestamp,
    /// The header's proposer (D33: not the round's draw).
    pub proposer: ConsensusAddress,
    /// The block's items.
    pub items: Vec<Bytes>,
    /// Who signed the previous block.
    pub last_commit: CommitInfo,
    /// Evidence that CometBFT found.
    pub misbehavior: Vec<Misbehavior>,
    /// CometBFT's hash of the next set.
    pub next_validators_hash: Bytes,
}

/// Why a proposal is refused, or why a block cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// Its items.
    #[error(transparent)]
    Items(#[from] ItemError),
    /// The commit in its item 0.
    #[error("item 0: {0}")]
    Injected(String),
    /// A transaction that is invalid at its place (D8b).
    #[error("transaction {index} ({hash}) is invalid: {why}")]
    InvalidTx {
        /// Its place in the payload.
        index: usize,
        /// Its hash; zero when its bytes do not decode.
        hash: B256,
        /// The rule it breaks.
        why: InvalidTx,
    },
    /// The header names nobody of the set.
    #[error("proposer {0} is not a validator")]
    UnknownProposer(ConsensusAddress),
    /// Not the height that follows the newest block.
    #[error("block {found} does not follow the newest block {latest}")]
    Height {
        /// The block's.
        found: Height,
        /// Newest committed.
        latest: Height,
    },
    /// The chain has no genesis.
    #[error("the chain has not started: InitChain was not called")]
    NotStarted,
    /// This program lacks the rules of the block: fatal.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// State failed: fatal.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store failed: fatal.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BlockError {
    /// Whether the fault is this node's, so that it must stop rather than vote.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Upgrade(_) | Self::State(_) | Self::Store(_) | Self::NotStarted)
    }
}
