//! Why a run ended early.

use core::fmt;

/// The calls of a replica that a run knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// The process starts: the store is opened.
    Open,
    /// `Info`.
    Info,
    /// `InitChain`.
    InitChain,
    /// `CheckTx`, or a transaction through RPC.
    CheckTx,
    /// `InsertTx`.
    InsertTx,
    /// `ReapTxs`.
    ReapTxs,
    /// `PrepareProposal`.
    Prepare,
    /// `ProcessProposal`.
    Process,
    /// `ExtendVote`.
    ExtendVote,
    /// `VerifyVoteExtension`.
    Verify,
    /// `FinalizeBlock`.
    Finalize,
    /// `Commit`.
    Commit,
    /// The process dies.
    Crash,
    /// A check of the run's own.
    Check,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("height {height}, {phase}, replica {replica}: {what}")]
pub struct Failure {
    /// Height.
    pub height: u64,
    /// In which call, or after which.
    pub phase: Phase,
    /// Whose.
    pub replica: usize,
    /// What is wrong.
    pub what: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Two replicas differ.
    #[error("{what} is {found}, other replicas have {expected}")]
    Differs {
        /// In what.
        what: &'static str,
        /// This replica's.
        found: String,
        /// The first replica's.
        expected: String,
    },
    /// The application panicked though nothing had failed under it.
    #[error("the application panicked: {0}")]
    Panicked(String),
    /// Something acknowledged is gone, or not provable.
    #[error("lost: {0}")]
    Lost(String),
    /// An invariant of state or of the index is broken.
    #[error("invariant broken: {0}")]
    Invariant(String),
    /// Calls came in an order that ABCI does not allow: a fault of the stand-in.
    #[error("ABCI's order is broken: {0}")]
    Order(String),
    /// A replica cannot be opened.
    #[error("the replica does not open: {0}")]
    Open(String),
}
