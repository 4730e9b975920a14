//! 0x…0103: what an account can spend now (YP 2.2.5, D20).

use alloy_sol_types::SolCall;
use defchain_base::{
    Bytes,
    native::{Function, Host, Mutability, NativeCall, NativeError, Role, SystemEntry},
    system,
};

use crate::abi::IEffectiveBalance;

/// The entry of 0x…0103.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::EFFECTIVE_BALANCE,
    name: "EffectiveBalance",
    summary: "What an account can spend now, decay taken off; for a pool, its balance.",
    interface: include_str!("../../../interfaces/IEffectiveBalance.sol"),
    role: Role::Active(&[Function {
        signature: IEffectiveBalance::getEffectiveBalanceCall::SIGNATURE,
        selector: IEffectiveBalance::getEffectiveBalanceCall::SELECTOR,
        mutability: Mutability::View,
        gas: 100,
        releases: false,
        summary: "Wei that an account can spend now.",
        run,
    }]),
    compact: None,
};

fn run(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let account = call.address_arg(0)?;
    let balance = call.balance(account)?;
    Ok(balance.to_u256().to_be_bytes::<32>().into())
}
