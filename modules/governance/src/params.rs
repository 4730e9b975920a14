//! What governance may change about itself.
//!
//! The shares (a third, a half, two thirds) are no parameters: a majority that could lower the bar for its next decision would
//! have no bar.

use defchain_base::{Amount, module_params};

module_params! {
    /// Parameters of proposals (D36a). Days and hours are those of the calendar (D3), so that a network with a short economy
    /// decides as quickly as it lives.
    pub struct GovernanceParams in "governance" {
        /// What a proposal must send along, exactly.
        deposit: Amount = Amount::from_def(1_000), 100_000_000_000_000_000_000 ..= 100_000_000_000_000_000_000_000, "wei";
        /// How long a proposal is voted on.
        voting_days: u16 = 7, 3 ..= 30, "days";
        /// From the end of a vote to the execution of what it decided.
        timelock_hours: u16 = 48, 24 ..= 720, "hours";
        /// How long an emergency lowering of the burn rate is voted on (YP 8.5.3).
        emergency_voting_hours: u16 = 24, 12 ..= 168, "hours";
        /// From the end of that vote to its execution.
        emergency_timelock_hours: u16 = 2, 1 ..= 48, "hours";
        /// How long, after the timelock, a spending of the treasury waits for its fifth signer.
        signers_days: u16 = 14, 1 ..= 90, "days";
    }
}

/// Signers of the treasury.
pub const SIGNERS: usize = 9;
/// Of whom so many must approve a spending (D36a).
pub const APPROVALS: usize = 5;
/// Most due proposals a block takes up; what is left comes with the next block, oldest deadline first.
///
/// Opening a proposal costs gas and locks a deposit, so a block opens far fewer than fit; the queue is worked off all the same
/// if a thousand end together.
pub const MAX_STEPS_PER_BLOCK: usize = 16;
/// Longest description of a proposal.
pub const MAX_DESCRIPTION_BYTES: usize = 2_048;
/// Longest reason that is kept of a failed execution.
pub const MAX_REASON_BYTES: usize = 512;

const _: () = assert!(APPROVALS <= SIGNERS);
