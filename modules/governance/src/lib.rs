//! Decisions by those who have bound themselves longest: proposals, votes by PoD weight, execution (D36a).
//!
//! ```text
//!  propose (1,000 DEF) ─▶ Voting, 7 days ─┬─ no quorum, or not above its share ─▶ NoQuorum, Rejected: deposit back
//!    checked: could it be executed now?   ├─ a third vetoes ───────────────────▶ Vetoed: deposit burned
//!                                         └─ passed: deposit back ─▶ Passed, 48 h ─▶ end of a block: checked again
//!                                                                       │                ├─▶ Executed
//!                             fewer than 5 of 9 signers (treasury only) ▼                └─▶ Failed, with the reason
//!                                        Expired ◀─ 14 days ─ AwaitingSigners ─ fifth approval ─▶ Executed
//! ```
//!
//! # Rules
//! - **Who votes.** An account, with the PoD weight of its positions that were opened before the vote (strictly: not in the
//!   same block). The weight is that of the moment of voting, and a vote may be changed until the end. See
//!   [`msg::vote`] for why no token votes twice.
//! - **What it takes.** At least 1/3 of β_PoD at the start must vote, abstentions included. With at least 1/3 of what voted against
//!   its being asked, the deposit burns; without a quorum a veto burns nothing, or one small voter could burn what nobody else
//!   looked at. Otherwise it passes with more than 1/2 of yes among yes, no and veto; more than 2/3 for slashing, verifiers, the
//!   treasury and its signers. These shares are no parameters ([`params`]).
//! - **β_PoD at the start**, because the positions that may vote are those of the start: later stakes can neither vote nor raise
//!   the quorum against a vote.
//! - **What it can do.** [`Action`]: set a parameter within its bounds, change the burn table, the list of addresses that do not
//!   decay, and the list of verifiers, spend pools, punish censorship, elect signers, schedule an upgrade, say something. A
//!   parameter is opaque here, `{module, key, bytes}`: the application decodes it ([`Executor`]). Each action is checked when it is
//!   proposed and again when it is executed ([`execute`]).
//! - **The treasury** is spent with 5 approvals of 9 signers beside the vote. Only signers in office count, at the moment of
//!   execution. Approvals may be given as soon as the proposal is open.
//!
//! # Emergency (YP 8.5.3)
//! "Emergency mechanism to reduce burn rate", as protection against hyper-deflation, is [`Action::LowerBurn`]: a burn table that on
//! no day preserves less than the one in force, so that it can only leave people more than they count on. Nobody needs a
//! long warning of that, so the vote takes 24 hours and the timelock 2. What is lost in deliberation is made up for by the bar: more
//! than 2/3, with the same quorum. D11 bounds it: whatever is preserved, after eight days nothing is. What it costs, smaller
//! dividends and a slower burn, is undone by an ordinary proposal, which no emergency can bring: only that one can burn more.
//!
//! # Limits
//! A deposit is 1,000 DEF, so at most 21,000 proposals can be open at once, whatever their makers want; each costs a block one step
//! at its end and one at its execution, and a block takes [`params::MAX_STEPS_PER_BLOCK`] steps, oldest deadline first. A deposit does not
//! decay while it is held: who opens senseless proposals to shelter money from the burn risks all of it to a veto.
//!
//! # Invariants
//! - INV-GOV-01: the pool of governance holds the deposits of the proposals that are voted on, and nothing else.
//! - INV-GOV-02: a proposal's sums are those of its votes.
//! - INV-GOV-03: the queue holds each pending proposal once, at its due time, and nothing else.
//! - INV-GOV-04: there are no signers or nine different ones.
//! - INV-GOV-05: the parameters are within their bounds.
//! - INV-GOV-06: a vote is due at its end.
//! - INV-GOV-07: a proposal's status is what its votes decided.

pub mod abi;
mod action;
mod electorate;
mod error;
mod events;
pub mod execute;
pub mod genesis;
pub mod invariants;
pub mod keys;
pub mod lifecycle;
pub mod msg;
pub mod params;
mod proposal;
pub mod query;
pub mod state;
mod tally;
#[cfg(test)]
mod tests;

pub use abi::{INTERFACE, entry};
pub use action::{Action, Rule};
pub use error::GovernanceError;
pub use execute::{Executor, Verdict, check_module, set_module};
pub use params::GovernanceParams;
pub use proposal::{Addresses, Choice, Progress, Proposal, Status, Tally, Vote};
pub use state::{GovernanceRead, GovernanceWrite};
pub use tally::Outcome;
