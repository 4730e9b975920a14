//! Types of the Solidity interface.
#![allow(missing_docs, reason = "generated from interfaces/IValidators.sol, which documents them")]

use alloy_primitives::{Address, B256, FixedBytes};
use alloy_sol_types::{SolEvent, sol};
use defchain_base::{ConsensusAddress, StateError, native::Host, native::encode_log, system};

sol! {
    #![sol(all_derives)]
    "../../interfaces/IValidators.sol"
}

pub(crate) use IValidators as events;

/// Emits an event of this module.
pub(crate) fn emit<H: Host + ?Sized, E: SolEvent>(host: &mut H, event: &E) -> Result<(), StateError> {
    host.emit(encode_log(system::VALIDATORS, event))
}

pub(crate) fn consensus(address: ConsensusAddress) -> FixedBytes<20> {
    FixedBytes(address.0)
}

pub(crate) fn country(country: defchain_geo::Country) -> FixedBytes<2> {
    FixedBytes(country.code())
}

pub(crate) const fn key(key: [u8; 32]) -> B256 {
    B256::new(key)
}

/// No operator.
pub(crate) const NOBODY: Address = Address::ZERO;
