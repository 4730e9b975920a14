//! The functions of 0x…0106 (D10): decode, call the message, encode.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use defchain_base::{
    Bytes,
    native::{Function, Mutability, NativeCall, NativeError, Role, SystemEntry, decode_args},
    system,
};
use defchain_geo::{Attestation, Country};
use defchain_staking::PositionId;

use crate::{IValidators as abi, Registration, ValidatorsError, msg, views};

/// The Solidity interface, as published.
pub const INTERFACE: &str = include_str!("../../../interfaces/IValidators.sol");

/// The entry of 0x…0106. The application merges the functions of slashing into it.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::VALIDATORS,
    name: "Validators",
    summary: "Registration, keys, commission, delegation, income and jail of validators; one for each jurisdiction.",
    interface: INTERFACE,
    role: Role::Active(FUNCTIONS),
    compact: None,
};

macro_rules! functions {
    ($($call:ident, $kind:ident, $gas:literal, $releases:literal, $summary:literal, $run:path;)*) => {
        /// Every function of the interface.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            signature: abi::$call::SIGNATURE,
            selector: abi::$call::SELECTOR,
            mutability: Mutability::$kind,
            gas: $gas,
            releases: $releases,
            summary: $summary,
            run: $run,
        },)*];
    };
}

// Gas beside state access: two pairings and a curve hash for BLS, a curve operation each for ed25519 and secp256k1, priced
// as Ethereum's precompiles price the like.
functions! {
    registerCall, Acting, 220_000, false, "Registers the sender as its country's validator.", register;
    attestCall, Acting, 10_000, false, "Brings a new attestation.", attest;
    rotateKeyCall, Acting, 15_000, false, "Announces a new consensus key.", rotate_key;
    setCommissionCall, Acting, 1_000, false, "Sets the commission.", set_commission;
    unjailCall, Acting, 1_000, false, "Leaves jail.", unjail;
    exitCall, Acting, 1_000, false, "Leaves the validator set.", exit;
    delegateCall, Payable, 1_000, false, "Stakes and binds to a validator.", delegate;
    bindCall, Acting, 1_000, false, "Binds a position to a validator.", bind;
    unbindCall, Acting, 1_000, false, "Begins to unbind a position.", unbind;
    claimRewardsCall, Acting, 1_000, true, "Pays a position's income to its owner.", claim_rewards;
    claimAllRewardsCall, Acting, 1_000, true, "Pays the income of all positions of the sender.", claim_all_rewards;
    claimCommissionCall, Acting, 1_000, true, "Pays an operator's commission to it.", claim_commission;
    validatorCall, View, 1_000, false, "A validator.", views::validator;
    operatorsCall, View, 500, false, "Operators, page by page.", views::operators;
    seatOfCall, View, 200, false, "Who holds a country's seat.", views::seat_of;
    queueOfCall, View, 500, false, "Candidates for a country's seat.", views::queue_of;
    jurisdictionCall, View, 200, false, "Name of a jurisdiction.", views::jurisdiction;
    performanceCall, View, 500, false, "What a validator did.", views::performance;
    operatorOfCall, View, 200, false, "Whose a consensus address is, or was.", views::operator_of;
    votingPowersCall, View, 1_000, false, "The newest set with its powers.", views::voting_powers;
    epochCall, View, 200, false, "The present epoch.", views::epoch;
    chainOpenCall, View, 200, false, "Whether the chain is open.", views::chain_open;
    rewardsCall, View, 500, false, "Income of a position that can be claimed.", views::rewards;
    verifierCall, View, 200, false, "Whether an address may attest.", views::verifier;
    nonceUsedCall, View, 200, false, "Whether a verifier has used a nonce.", views::nonce_used;
    attestationDomainCall, View, 500, false, "The EIP-712 domain separator of attestations.", views::attestation_domain;
}

pub(crate) fn position(id: U256) -> Result<PositionId, ValidatorsError> {
    u32::try_from(id).map(PositionId).map_err(|_| ValidatorsError::NoPosition(id.to_string()))
}

fn attestation(validator: Address, from: &abi::SignedAttestation) -> Result<Attestation, ValidatorsError> {
    Ok(Attestation {
        validator,
        country: Country::new(from.country.0)?,
        verification_date: from.verificationDate,
        expiration_date: from.expirationDate,
        nonce: from.nonce,
    })
}

fn register(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let abi::Registration { moniker, attestation: signed, consensusKey, consensusProof, blsKey, blsProof, commission } =
        decode_args::<abi::registerCall>(call.args)?.registration;
    let operator = call.caller;
    let new = Registration {
        moniker,
        attestation: attestation(operator, &signed)?,
        signature: signed.signature.to_vec(),
        consensus_key: consensusKey.0,
        consensus_proof: consensusProof.to_vec(),
        bls_key: blsKey.to_vec(),
        bls_proof: blsProof.to_vec(),
        commission: u64::from(commission),
    };
    let queued = msg::register(call, operator, &new)?;
    Ok(abi::registerCall::abi_encode_returns(&queued).into())
}

fn attest(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let signed = decode_args::<abi::attestCall>(call.args)?.attestation;
    let operator = call.caller;
    let attestation = attestation(operator, &signed)?;
    msg::attest(call, operator, &attestation, &signed.signature)?;
    Ok(Bytes::new())
}

fn rotate_key(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::rotateKeyCall>(call.args)?;
    let operator = call.caller;
    msg::rotate_key(call, operator, &args.newKey.0, &args.proof)?;
    Ok(Bytes::new())
}

fn set_commission(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let bps = decode_args::<abi::setCommissionCall>(call.args)?.bps;
    let operator = call.caller;
    msg::set_commission(call, operator, u64::from(bps))?;
    Ok(Bytes::new())
}

fn unjail(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::unjailCall>(call.args)?;
    let operator = call.caller;
    let queued = msg::unjail(call, operator)?;
    Ok(abi::unjailCall::abi_encode_returns(&queued).into())
}

fn exit(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::exitCall>(call.args)?;
    let operator = call.caller;
    msg::exit(call, operator)?;
    Ok(Bytes::new())
}

fn delegate(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::delegateCall>(call.args)?;
    let (delegator, amount) = (call.caller, call.value);
    // What does not fit is no term either: staking says so.
    let years = u64::try_from(args.term).unwrap_or(u64::MAX);
    let ids = msg::delegate(call, delegator, args.operator, amount, years)?;
    Ok(abi::delegateCall::abi_encode_returns(&U256::from(ids.main.0)).into())
}

fn bind(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::bindCall>(call.args)?;
    let owner = call.caller;
    msg::bind(call, owner, position(args.position)?, args.operator)?;
    Ok(Bytes::new())
}

fn unbind(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::unbindCall>(call.args)?;
    let owner = call.caller;
    msg::unbind(call, owner, position(args.position)?)?;
    Ok(Bytes::new())
}

fn claim_rewards(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<abi::claimRewardsCall>(call.args)?;
    let paid = msg::claim_rewards(call, args.owner, position(args.position)?)?;
    Ok(abi::claimRewardsCall::abi_encode_returns(&paid.to_u256()).into())
}

fn claim_all_rewards(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    decode_args::<abi::claimAllRewardsCall>(call.args)?;
    let owner = call.caller;
    let paid = msg::claim_all_rewards(call, owner)?;
    Ok(abi::claimAllRewardsCall::abi_encode_returns(&paid.to_u256()).into())
}

fn claim_commission(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let operator = decode_args::<abi::claimCommissionCall>(call.args)?.operator;
    let paid = msg::claim_commission(call, operator)?;
    Ok(abi::claimCommissionCall::abi_encode_returns(&paid.to_u256()).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_sol_types::SolEvent;

    use super::*;

    #[test]
    fn every_function_of_the_interface_is_served_once() {
        let declared: BTreeSet<[u8; 4]> = abi::IValidatorsCalls::SELECTORS.iter().copied().collect();
        let served: BTreeSet<[u8; 4]> = FUNCTIONS.iter().map(|f| f.selector).collect();
        assert_eq!(declared, served);
        assert_eq!(served.len(), FUNCTIONS.len());
        for f in FUNCTIONS {
            let name = f.signature.split('(').next().unwrap_or_default();
            assert!(INTERFACE.contains(&format!("function {name}(")), "{name}");
        }
    }

    #[test]
    fn the_interface_states_the_mutability_of_each_function() {
        for f in FUNCTIONS {
            let name = f.signature.split('(').next().unwrap_or_default();
            let declaration = INTERFACE.split(&format!("function {name}(")).nth(1).unwrap_or_default();
            let declaration = declaration.split(';').next().unwrap_or_default();
            assert_eq!(declaration.contains(" view"), f.mutability == Mutability::View, "{name}");
            assert_eq!(declaration.contains(" payable"), f.mutability == Mutability::Payable, "{name}");
        }
    }

    #[test]
    fn the_events_of_geography_are_those_of_the_interface() {
        use defchain_geo::events;
        assert_eq!(events::VerifierAdded::SIGNATURE_HASH, abi::VerifierAdded::SIGNATURE_HASH);
        assert_eq!(events::VerifierRemoved::SIGNATURE_HASH, abi::VerifierRemoved::SIGNATURE_HASH);
        assert!(INTERFACE.contains("VerifierAdded(address indexed verifier, string name)"));
        assert!(INTERFACE.contains("VerifierRemoved(address indexed verifier, uint64 attestationsUntil)"));
    }
}
