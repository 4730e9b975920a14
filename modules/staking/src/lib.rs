//! staking: under construction. The functions below are what other modules build on.

mod api;
mod error;
mod params;

pub use api::*;
pub use error::StakingError;
pub use params::StakingParams;
