//! The Solidity interfaces, as Rust types. Their text is published in the folder `interfaces`.
#![allow(missing_docs, clippy::exhaustive_structs, clippy::too_many_arguments, reason = "made from Solidity")]

use alloy_sol_types::sol;

sol!("../../interfaces/IStaking.sol");
sol!("../../interfaces/IStakingPositions.sol");
sol!("../../interfaces/IPoDWeight.sol");
