//! The system addresses of this chain, in the order of D10, then the pools. The application replaces what is reserved
//! here by its modules' own entries ([`Registry::new`]: a later entry replaces an earlier one).

use defchain_base::{
    native::{Registry, Role, SystemEntry},
    system::{self as at, Pool},
};
use defchain_token::{deflation_multiplier, effective_balance, token};

const fn reserved(address: alloy_primitives::Address, name: &'static str, summary: &'static str) -> SystemEntry {
    SystemEntry { address, name, summary, interface: "", role: Role::Reserved, compact: None }
}

const fn pool(pool: Pool, name: &'static str, summary: &'static str) -> SystemEntry {
    SystemEntry { address: pool.address(), name, summary, interface: "", role: Role::Pool, compact: None }
}

/// The registry of [`ENTRIES`]: without the modules that the application adds.
#[must_use]
pub fn base_registry() -> Registry {
    Registry::new(ENTRIES.iter().copied())
}

/// Every system address; those whose module is none of this crate's dependencies are reserved.
pub const ENTRIES: &[SystemEntry] = &[
    deflation_multiplier::ENTRY,
    reserved(at::POD_WEIGHT, "PoDWeight", "PoD weight of an account (YP 2.2.5)."),
    reserved(at::STAKING_POSITIONS, "StakingPositions", "Staking positions of an account (YP 2.2.5)."),
    effective_balance::ENTRY,
    reserved(at::DIVIDEND_CALCULATOR, "DividendCalculator", "Dividends that can be claimed (YP 2.2.5)."),
    reserved(at::STAKING, "Staking", "Stake, withdraw, claim (D22 to D26)."),
    reserved(at::VALIDATORS, "Validators", "Register a validator, delegate (D31, D36)."),
    token::ENTRY,
    reserved(at::BRIDGE, "Bridge", "Deposits and withdrawals."),
    reserved(at::GOVERNANCE, "Governance", "Proposals and votes (D36a)."),
    reserved(at::TRADING, "Trading", "Orders and margin (D37)."),
    reserved(at::CONFIDENTIAL_COMPUTE, "ConfidentialCompute", "Requests for confidential compute."),
    reserved(at::ASSETS, "Assets", "Assets beside DEF (D40)."),
    reserved(at::MIGRATION, "Migration", "Migration from the old token."),
    pool(Pool::Dividend, "DividendPool", "Balance of the dividend pool (D26)."),
    pool(Pool::Technical, "TechnicalPool", "Balance of the technical pool."),
    pool(Pool::Marketing, "MarketingPool", "Balance of the marketing pool."),
    pool(Pool::Treasury, "Treasury", "Balance of the treasury."),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use alloy_primitives::keccak256;

    use super::*;
    use defchain_base::native::Mutability;

    /// `function name(type a, type b) external view returns (…);` as `name(type,type)` with its keywords.
    fn solidity_functions(interface: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let words = interface.lines().filter(|line| !line.trim_start().starts_with("//"));
        let interface = words.collect::<Vec<_>>().join("\n");
        for part in interface.split("function ").skip(1) {
            let (name, rest) = part.split_once('(').unwrap();
            let (args, rest) = rest.split_once(')').unwrap();
            let types: Vec<&str> = args.split(',').filter_map(|a| a.split_whitespace().next()).collect();
            let (modifiers, _) = rest.split_once(';').unwrap();
            found.push((format!("{}({})", name.trim(), types.join(",")), modifiers.to_owned()));
        }
        found
    }

    #[test]
    fn every_selector_is_the_hash_of_its_signature_and_stands_in_the_interface() {
        for entry in ENTRIES {
            let solidity = solidity_functions(entry.interface);
            let functions = entry.functions();
            assert_eq!(solidity.len(), functions.len(), "{}", entry.name);
            for f in functions {
                assert_eq!(f.selector, keccak256(f.signature)[..4], "{}", f.signature);
                let (_, modifiers) = solidity.iter().find(|(s, _)| s == f.signature).unwrap();
                assert!(modifiers.contains("external"));
                assert_eq!(modifiers.contains("view"), f.mutability == Mutability::View, "{}", f.signature);
                assert_eq!(modifiers.contains("payable"), f.mutability == Mutability::Payable, "{}", f.signature);
            }
        }
    }

    #[test]
    fn each_address_is_reserved_and_stands_once() {
        let registry = base_registry();
        assert_eq!(registry.entries().count(), ENTRIES.len());
        assert!(registry.entries().all(|e| at::is_reserved(&e.address) && !e.name.is_empty() && !e.summary.is_empty()));
    }

    #[test]
    fn the_documentation_names_every_address_and_function() {
        let docs = base_registry().documentation();
        for entry in ENTRIES {
            assert!(docs.contains(&entry.address.to_string()), "{}", entry.name);
            assert!(entry.functions().iter().all(|f| docs.contains(f.signature)));
        }
    }
}
