//! The Solidity interfaces of this module's addresses.
#![allow(missing_docs, reason = "the words stand in the Solidity sources")]

use alloy_sol_types::sol;

sol!("../../interfaces/IToken.sol");
sol!("../../interfaces/IEffectiveBalance.sol");
sol!("../../interfaces/IDeflationMultiplier.sol");
