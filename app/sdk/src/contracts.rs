//! Solidity interfaces of the system addresses, as the book and `interfaces/` publish them: call types, events, views, JSON ABI.

use alloy_json_abi::JsonAbi;

mod sources {
    #![allow(missing_docs, clippy::all, clippy::pedantic, clippy::restriction, reason = "made from interfaces/*.sol")]
    use alloy_sol_types::sol;

    sol!(
        #[sol(abi)]
        "../../interfaces/IDeflationMultiplier.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IDividendCalculator.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IEffectiveBalance.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IGovernance.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IPoDWeight.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/ISlashing.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IStaking.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IStakingPositions.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IToken.sol"
    );
    sol!(
        #[sol(abi)]
        "../../interfaces/IValidators.sol"
    );
}

pub use sources::{
    IDeflationMultiplier, IDividendCalculator, IEffectiveBalance, IGovernance, IPoDWeight, ISlashing, IStaking,
    IStakingPositions, IToken, IValidators,
};

/// Every interface by its name, with its JSON ABI: what `interfaces/abi/` publishes.
#[must_use]
pub fn abis() -> [(&'static str, JsonAbi); 10] {
    [
        ("IDeflationMultiplier", IDeflationMultiplier::abi::contract()),
        ("IDividendCalculator", IDividendCalculator::abi::contract()),
        ("IEffectiveBalance", IEffectiveBalance::abi::contract()),
        ("IGovernance", IGovernance::abi::contract()),
        ("IPoDWeight", IPoDWeight::abi::contract()),
        ("ISlashing", ISlashing::abi::contract()),
        ("IStaking", IStaking::abi::contract()),
        ("IStakingPositions", IStakingPositions::abi::contract()),
        ("IToken", IToken::abi::contract()),
        ("IValidators", IValidators::abi::contract()),
    ]
}
