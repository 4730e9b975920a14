//! 0x…0100: the share of value preserved (YP 2.2.5, 4.1.2), beside P256VERIFY (D9).

use alloy_sol_types::SolCall;
use defchain_base::{
    AgeMillis, Bytes, U256,
    native::{Function, Mutability, NativeCall, NativeError, Role, SystemEntry},
    system,
};

use crate::{abi::IDeflationMultiplier, state::TokenRead};

/// A percent with 18 decimals.
const PERCENT: U256 = U256::from_limbs([10_000_000_000_000_000, 0, 0, 0]);

/// The entry of 0x…0100.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::DEFLATION_MULTIPLIER,
    name: "DeflationMultiplier",
    summary: "Share of value that is preserved of money received at a time. Any other input is P256VERIFY (EIP-7951).",
    interface: include_str!("../../../interfaces/IDeflationMultiplier.sol"),
    role: Role::ActiveOverPrecompile(&[Function {
        signature: IDeflationMultiplier::getDeflationMultiplierCall::SIGNATURE,
        selector: IDeflationMultiplier::getDeflationMultiplierCall::SELECTOR,
        mutability: Mutability::View,
        gas: 200,
        releases: false,
        summary: "Share preserved now of money received at a time, with 18 decimals.",
        run,
    }]),
    compact: None,
};

/// By the table in force at that time and whole days of header time since then. A chain that stood still aged less:
/// the age clock, not this view, decides what a portion is worth (D3). A future timestamp has preserved all.
fn run(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let received = call.word(0)?;
    let env = *call.env();
    let seconds = U256::from(env.time.seconds()).saturating_sub(received);
    let millis = u64::try_from(seconds).unwrap_or(u64::MAX).saturating_mul(1_000);
    let then = AgeMillis(env.age.0.saturating_sub(millis));
    let params = call.token_params()?;
    let day = params.age_in_days(AgeMillis(0), AgeMillis(millis));
    let table = params.table(params.version_at(then)).map_err(|e| NativeError::State(e.into()))?;
    let multiplier = U256::from(table.preserved(day)).saturating_mul(PERCENT);
    Ok(multiplier.to_be_bytes::<32>().into())
}
