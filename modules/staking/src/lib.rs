//! staking: under construction.

pub mod abi;
mod book;
mod cache;
pub mod compact;
mod desk;
mod entry;
mod error;
pub mod genesis;
pub mod invariants;
pub mod keys;
pub mod lifecycle;
mod math;
pub mod msg;
mod params;
mod position;
pub mod query;
pub mod records;
mod share;
mod terms;
mod validator;

pub use book::{Accumulators, Book, BookId, Sides};
pub use compact::compact;
pub use desk::{Desk, Lifted};
pub use entry::{FUNCTIONS, INTERFACE, POD_WEIGHT_ENTRY, POSITIONS_ENTRY};
pub use error::StakingError;
pub use lifecycle::calendar;
pub use msg::{
    PositionIds, bind, bind_own, close, extend, open_bound, release_own, restake, set_own_minimum, stake, unbind, unlock,
    withdraw, withdraw_part,
};
pub use params::StakingParams;
pub use position::{AtSnapshot, Bond, Position, PositionId, Unlocking};
pub use query::{
    Weights, beta, beta_pod, book_weights, counted_weights, own_bound, pod_weight, unclaimed_income,
};
pub use terms::{Class, Classes, MAX_YEARS, Terms};
pub use validator::{Fraction, add_income, claim_all_rewards, claim_rewards, rewards, slash, start_epoch};
