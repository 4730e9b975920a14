//! The order in which ABCI 2.0 lets CometBFT call, checked for each replica.
//!
//! ```text
//!  connect ─▶ Info ─▶ [InitChain, only on a chain without blocks] ─▶ heights
//!  height   = rounds ─▶ FinalizeBlock ─▶ Commit
//!  round    = [Prepare, on the proposer] ─▶ [Process] ─▶ [ExtendVote, once a round] ─ VerifyVoteExtension …
//! ```
//!
//! So the simulator's findings are of the application, not of calls that no CometBFT would make.

use super::failure::Phase;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connected,
    Informed,
    Rounds,
    Finalized,
}

/// Where one replica's consensus connection stands.
#[derive(Debug, Clone)]
pub struct Order {
    stage: Stage,
    /// Newest committed height.
    committed: u64,
    /// Round at hand, and what was called in it.
    round: Option<u32>,
    prepared: bool,
    processed: bool,
    extended: bool,
}

impl Order {
    /// A new connection.
    #[must_use]
    pub const fn connected() -> Self {
        Self { stage: Stage::Connected, committed: 0, round: None, prepared: false, processed: false, extended: false }
    }

    /// What `Info` answered.
    pub const fn answered_info(&mut self, height: u64) {
        self.committed = height;
    }

    /// Notes a call, or says why it must not come now.
    ///
    /// # Errors
    /// In words.
    pub fn call(&mut self, phase: Phase, height: u64, round: u32) -> Result<(), String> {
        let next = self.committed + 1;
        let stage = self.stage;
        let fail = |why: &str| {
            Err(format!("{phase} for height {height} round {round} {why} (stage {stage:?}, next height {next})"))
        };
        match phase {
            Phase::Open | Phase::Crash | Phase::Check => Ok(()),
            Phase::Info if self.stage == Stage::Connected => {
                self.stage = Stage::Informed;
                Ok(())
            }
            Phase::Info => fail("comes twice on a connection"),
            Phase::InitChain if self.stage == Stage::Informed && self.committed == 0 => {
                self.stage = Stage::Rounds;
                Ok(())
            }
            Phase::InitChain => fail("comes on a chain that has started"),
            Phase::CheckTx | Phase::InsertTx | Phase::ReapTxs => {
                if matches!(self.stage, Stage::Rounds | Stage::Finalized) {
                    Ok(())
                } else {
                    fail("comes before the handshake")
                }
            }
            _ => {
                if self.stage == Stage::Informed && self.committed > 0 {
                    self.stage = Stage::Rounds;
                }
                if phase == Phase::Commit {
                    if self.stage != Stage::Finalized || height != next {
                        return fail("comes without FinalizeBlock");
                    }
                    *self = Self { stage: Stage::Rounds, committed: height, ..Self::connected() };
                    return Ok(());
                }
                if self.stage != Stage::Rounds {
                    return fail("comes outside a height");
                }
                if height != next {
                    return fail("is of another height");
                }
                if phase == Phase::Finalize {
                    self.stage = Stage::Finalized;
                    return Ok(());
                }
                self.in_round(phase, height, round)
            }
        }
    }

    fn in_round(&mut self, phase: Phase, height: u64, round: u32) -> Result<(), String> {
        if self.round.is_some_and(|at| round < at) {
            return Err(format!("{phase} for height {height} goes back to round {round} from {:?}", self.round));
        }
        if self.round != Some(round) {
            (self.prepared, self.processed, self.extended) = (false, false, false);
            self.round = Some(round);
        }
        let twice = match phase {
            Phase::Prepare if self.processed => return Err(format!("{phase} in round {round} after Process")),
            Phase::Prepare => core::mem::replace(&mut self.prepared, true),
            Phase::Process => core::mem::replace(&mut self.processed, true),
            Phase::ExtendVote if !self.processed => return Err(format!("{phase} in round {round} without Process")),
            Phase::ExtendVote => core::mem::replace(&mut self.extended, true),
            _ => false,
        };
        if twice { Err(format!("{phase} comes twice in round {round} of height {height}")) } else { Ok(()) }
    }

    /// The handshake is over: rounds may begin.
    pub fn handshake_done(&mut self) {
        if self.stage == Stage::Informed && self.committed > 0 {
            self.stage = Stage::Rounds;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn runs(calls: &[(Phase, u64, u32)]) -> Result<(), String> {
        let mut order = Order::connected();
        calls.iter().try_for_each(|(phase, height, round)| order.call(*phase, *height, *round))
    }

    #[test]
    fn heights_of_rounds_and_replay_are_let_through() {
        use Phase::{Commit, ExtendVote, Finalize, Info, InitChain, InsertTx, Prepare, Process, Verify};
        let start = [(Info, 0, 0), (InitChain, 0, 0), (InsertTx, 0, 0)];
        let rounds = [(Prepare, 1, 0), (Process, 1, 0), (Process, 1, 1), (ExtendVote, 1, 1), (Verify, 1, 1)];
        let decided = [(Finalize, 1, 1), (Commit, 1, 1), (Finalize, 2, 0), (Commit, 2, 0), (Process, 3, 0)];
        runs(&[&start[..], &rounds[..], &decided[..]].concat()).unwrap();
        let mut restarted = Order::connected();
        restarted.call(Info, 0, 0).unwrap();
        restarted.answered_info(7);
        restarted.call(Finalize, 8, 0).unwrap();
        restarted.call(Commit, 8, 0).unwrap();
    }

    #[test]
    fn what_no_cometbft_does_is_refused() {
        use Phase::{Commit, ExtendVote, Finalize, Info, InitChain, InsertTx, Prepare, Process};
        let start = [(Info, 0, 0), (InitChain, 0, 0)];
        for wrong in [
            &[(Commit, 1, 0)][..],
            &[(Finalize, 2, 0)],
            &[(Finalize, 1, 0), (Finalize, 1, 0)],
            &[(Finalize, 1, 0), (Process, 1, 1)],
            &[(Process, 1, 0), (Process, 1, 0)],
            &[(Process, 1, 0), (Prepare, 1, 0)],
            &[(Prepare, 1, 0), (ExtendVote, 1, 0)],
            &[(Process, 1, 1), (Process, 1, 0)],
            &[(Process, 1, 0), (ExtendVote, 1, 0), (ExtendVote, 1, 0)],
            &[(InitChain, 0, 0)],
            &[(Info, 0, 0)],
            &[(Finalize, 1, 0), (Commit, 1, 0), (Commit, 1, 0)],
        ] {
            assert!(runs(&[&start[..], wrong].concat()).is_err(), "{wrong:?}");
        }
        assert!(runs(&[(Prepare, 1, 0)]).is_err(), "before the handshake");
        assert!(runs(&[(InsertTx, 0, 0)]).is_err(), "before the handshake");
    }
}
