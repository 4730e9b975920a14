//! Events, emitted from 0x…0106. They stand in `IValidators.sol` too; a test of the validators crate holds them equal.
#![allow(missing_docs, reason = "generated from Solidity")]

use alloy_sol_types::sol;

sol! {
    /// Governance accredited a verifier.
    event VerifierAdded(address indexed verifier, string name);
    /// Governance removed a verifier; what it attested holds until `attestationsUntil` (seconds since 1970) at most.
    event VerifierRemoved(address indexed verifier, uint64 attestationsUntil);
}
