//! The newest committed block, shared with everyone who reads.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use defchain_base::{Address, StateError, Timestamp};
use defchain_evm::BlockEnv;
use defchain_store::Snapshot;
use tokio::sync::broadcast;

use crate::{
    declared::Declared, executor::next_env, params::ChainParams, reader::Block, records::Header, rules::Rules,
    upgrade::UpgradeError,
};

/// Blocks that a subscriber may lag behind before it is told that it missed some.
const EVENT_BUFFER: usize = 256;

/// The newest commit: header, state and params of one height, never mixed.
pub(crate) struct Head {
    pub(crate) header: Arc<Header>,
    pub(crate) snapshot: Snapshot,
    pub(crate) params: ChainParams,
    /// Whether enough validators have been active (D32); until then money does not age.
    pub(crate) active: bool,
    /// The rules of the block after it.
    pub(crate) next: Result<&'static Rules, UpgradeError>,
}

impl Head {
    /// The head of a commit.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub(crate) fn new(
        header: Arc<Header>,
        snapshot: Snapshot,
        params: ChainParams,
        next: Result<&'static Rules, UpgradeError>,
    ) -> Result<Self, StateError> {
        let active = defchain_validators::is_active(&snapshot)?;
        Ok(Self { header, snapshot, params, active, next })
    }

    /// The environment of the block after it.
    pub(crate) fn next_env(&self, rules: &Rules, time: Timestamp, beneficiary: Address) -> BlockEnv {
        let mut env = next_env(&self.params, rules, &self.header, time, beneficiary);
        if !self.active {
            env.age = self.header.age;
        }
        env
    }

    /// The rules of the next block.
    pub(crate) fn next(&self) -> Result<&'static Rules, UpgradeError> {
        self.next.clone()
    }
}

/// What commits publish and readers take.
pub(crate) struct Shared {
    head: ArcSwapOption<Head>,
    /// Of a development chain's driver; empty on a network.
    declared: ArcSwap<Declared>,
    blocks: broadcast::Sender<Arc<Block>>,
}

impl Shared {
    pub(crate) fn new(head: Option<Head>) -> Self {
        Self {
            head: ArcSwapOption::from(head.map(Arc::new)),
            declared: ArcSwap::default(),
            blocks: broadcast::channel(EVENT_BUFFER).0,
        }
    }

    pub(crate) fn declared(&self) -> Arc<Declared> {
        self.declared.load_full()
    }

    pub(crate) fn declare(&self, declared: Declared) {
        self.declared.store(Arc::new(declared));
    }

    pub(crate) fn head(&self) -> Option<Arc<Head>> {
        self.head.load_full()
    }

    pub(crate) fn latest_header(&self) -> Option<Arc<Header>> {
        self.head.load().as_ref().map(|head| head.header.clone())
    }

    pub(crate) fn params(&self) -> ChainParams {
        self.head.load().as_ref().map(|head| head.params).unwrap_or_default()
    }

    /// Nothing is committed (any more).
    pub(crate) fn clear_head(&self) {
        self.head.store(None);
    }

    pub(crate) fn set_head(&self, head: Head) {
        self.head.store(Some(Arc::new(head)));
    }

    /// Tells subscribers; nobody listening is no error, and a slow one lags by itself.
    pub(crate) fn announce(&self, block: Arc<Block>) {
        drop(self.blocks.send(block));
    }

    pub(crate) fn has_listeners(&self) -> bool {
        self.blocks.receiver_count() > 0
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Block>> {
        self.blocks.subscribe()
    }
}
