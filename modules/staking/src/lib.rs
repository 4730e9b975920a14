//! staking: under construction.
