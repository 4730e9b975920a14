use std::sync::Arc;

use defchain_base::{Address, Height, Timestamp, tx::RecoveredTx};
use defchain_evm::validity::{Demand, Limits, Sender};

use crate::{Unjudged, ViewError};

/// What the pool asks about the chain: one committed snapshot, and what the next block will be like.
///
/// A view is immutable: after a commit the chain hands over a new one ([`crate::Pool::on_commit`]). It is read by many
/// threads at once.
pub trait PoolView: Send + Sync {
    /// Limits, base fee, height and time of the next block. Asked once per view.
    fn context(&self) -> PoolContext;

    /// The account as of the time that the next block would have, since balances decay.
    ///
    /// # Errors
    /// When state cannot be read.
    fn sender(&self, address: &Address) -> Result<Sender, ViewError>;

    /// What a transaction asks of its sender beside gas, as the next block would see it (D17).
    ///
    /// # Errors
    /// When no block could carry it, or state cannot be read.
    fn demand(&self, tx: &RecoveredTx) -> Result<Demand, Unjudged>;

    /// Executes a transaction on a throw-away copy of the state: what its sender cannot pay may be released by it (D26a).
    ///
    /// # Errors
    /// When the next block could not carry it first, or state cannot be read.
    fn try_out(&self, tx: &RecoveredTx) -> Result<(), Unjudged>;
}

/// The block that would come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolContext {
    /// What the chain allows a transaction.
    pub limits: Limits,
    /// Base fee of the next block, wei per gas.
    pub base_fee: u64,
    /// Height of the last committed block.
    pub height: Height,
    /// Time at which senders are judged.
    pub time: Timestamp,
}

/// A view with its place in the row of commits.
pub(crate) struct Tip {
    /// Rises by one with each commit: what was judged under another number is judged again.
    pub seq: u64,
    pub context: PoolContext,
    pub view: Arc<dyn PoolView>,
}

impl Tip {
    pub fn new(seq: u64, view: Arc<dyn PoolView>) -> Arc<Self> {
        Arc::new(Self { seq, context: view.context(), view })
    }
}
