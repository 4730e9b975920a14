//! What `def_*` methods answer: one definition for the server that writes it, the SDK that reads it, and the tests.
//!
//! ```text
//!   app/rpc ──Serialize──▶ JSON ──Deserialize──▶ app/sdk ─▶ CLI, tests, other programs
//! ```
//!
//! Invariants
//! - Quantities (wei, heights, seconds, milliseconds of the age clock, ids that grow) are hex with `0x`, as `eth_*` writes
//!   them. Small numbers with a bound of their own (days, years, percent, basis points, counts) are JSON numbers.
//! - Field names are camelCase. A field that does not apply is null, never left out.
//! - Money is in wei. Times are seconds since 1970, unless a name says `Age`: then milliseconds of the age clock (D3).

#![forbid(unsafe_code)]

mod governance;
mod money;
mod staking;
mod validators;

pub use governance::{AllParams, BlockEvents, BurnTableInfo, NativeEvent, ParamInfo, ProposalInfo, VoteInfo};
pub use money::{
    BalancePortion, BurnForecast, BurnHistory, BurnedBlock, DayOfBurning, MaxSendable, NextBurn, PaymentCommission,
    Supply,
};
pub use staking::{
    Beta, Delegation, DividendInfo, DividendMonth, PositionDividend, StakePosition, UnlockDay, UnlockSchedule,
};
pub use validators::{
    EpochInfo, EvidenceInfo, FaultRecord, Jurisdiction, Performance, ValidatorInfo, Validators, VerifierInfo,
};
