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
    /// What the economy did is not what the rules say, by the model's arithmetic.
    #[error("rule broken: {0}")]
    Rule(String),
    /// CometBFT would refuse what the application answered, and stop for good.
    #[error("CometBFT refuses the validator updates: {0}")]
    Comet(String),
    /// A replica cannot be opened.
    #[error("the replica does not open: {0}")]
    Open(String),
}

impl Wrong {
    /// Whether this is the same kind of wrong: the same invariant, the same difference, the same panic. Figures may differ.
    #[must_use]
    pub fn alike(&self, other: &Self) -> bool {
        let name = |wrong: &Self| -> String {
            let text = wrong.to_string();
            match text.find("INV-").or(text.find(": D").map(|at| at + 2)) {
                // The invariant's id, or the ruling's.
                Some(at) => text.chars().skip(at).take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect(),
                None => text.chars().filter(|c| !c.is_ascii_hexdigit()).take(40).collect(),
            }
        };
        core::mem::discriminant(self) == core::mem::discriminant(other) && name(self) == name(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_alike_by_what_is_broken_and_not_by_figures() {
        let broken = |what: &str| Wrong::Invariant(what.to_owned());
        assert!(broken("INV-TOKEN-01: 5 is not 6").alike(&broken("INV-TOKEN-01: 7 is not 9")));
        assert!(!broken("INV-TOKEN-01: 5 is not 6").alike(&broken("INV-TOKEN-02: 5 is not 6")));
        assert!(broken("the set of height 12 has power 3").alike(&broken("the set of height 7 has power 9")));
        assert!(!broken("x").alike(&Wrong::Lost("x".to_owned())));
    }
}
