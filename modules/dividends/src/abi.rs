//! The Solidity interface, as Rust types. Its text is published in the folder `interfaces`.
#![allow(missing_docs, clippy::exhaustive_structs, reason = "made from Solidity")]

use alloy_sol_types::sol;

sol!("../../interfaces/IDividendCalculator.sol");
