//! 0x…0103: what an account can spend now (YP 2.2.5, D20).

use defchain_base::{
    Bytes,
    native::{Function, Host, Mutability, NativeCall, NativeError, Role, SystemEntry},
    system,
};

/// The entry of 0x…0103.
pub const ENTRY: SystemEntry = SystemEntry {
    address: system::EFFECTIVE_BALANCE,
    name: "EffectiveBalance",
    summary: "What an account can spend now, decay taken off; for a pool, its balance.",
    interface: "interface IEffectiveBalance {
    /// Wei that `account` can spend at this block, what this transaction moved included.
    function getEffectiveBalance(address account) external view returns (uint256);
}",
    role: Role::Active(&[Function {
        signature: "getEffectiveBalance(address)",
        selector: [0xe4, 0x5a, 0xa0, 0x98],
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
