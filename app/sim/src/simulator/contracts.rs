//! Small contracts that touch what a block's execution depends on, written in bytecode so that nothing compiles them.

use alloy_primitives::{Bytes, hex};

/// What a contract does, with its runtime code.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    /// Its name, for whoever reads a failing seed.
    #[allow(dead_code, reason = "names are for people")]
    pub name: &'static str,
    /// Runtime code.
    pub code: &'static [u8],
}

/// All of them. Each fits one byte of length, which [`creation`] relies on.
pub const CONTRACTS: [Contract; 9] = [
    // slot 0 += 1; log1(sum, topic 7)
    Contract { name: "counter", code: &hex!("5f54600101805f555f52600760205fa100") },
    // sstore(calldata[0..32], calldata[32..64])
    Contract { name: "mapping", code: &hex!("6020355f355500") },
    // sstore(0, calldata[0..32]), then revert
    Contract { name: "reverter", code: &hex!("5f355f555f5ffd") },
    // loop for ever
    Contract { name: "burner", code: &hex!("5b5f56") },
    // selfdestruct(calldata[0..32]): since Cancun it only moves the money
    Contract { name: "destructor", code: &hex!("5f35ff") },
    // create2(callvalue, calldata, salt 0), return the address
    Contract { name: "factory", code: &hex!("365f5f375f365f34f55f5260205ff3") },
    // call(calldata[0..32]) with all the value, and go on whatever it says
    Contract { name: "forwarder", code: &hex!("5f5f5f5f345f355af100") },
    // store time, number, prevrandao, coinbase, base fee, the caller's balance and the parent's hash
    Contract { name: "observer", code: &hex!("425f55436001554460025541600355486004553331600555600143034060065500") },
    // transient storage: tstore(0, tload(0) + 1), then sstore(1, tload(0)), mcopy and a log without topics
    Contract { name: "transient", code: &hex!("5f5c6001015f5d5f5c6001555f5c5f5260205f60205e60405fa000") },
];

/// Calls the address in calldata[0..32] with the rest of calldata and all the value, and fails when that fails.
pub const PROXY: &[u8] = &hex!("5f5f602036038060205f375f345f355af16017575f5ffd5b00");

/// Creation code that leaves `runtime` behind.
#[must_use]
pub fn creation(runtime: &[u8]) -> Bytes {
    let len = u8::try_from(runtime.len()).unwrap_or(u8::MAX);
    // codecopy(0, 10, len), return(0, len): the runtime follows these ten bytes.
    let mut code = vec![0x60, len, 0x60, 0x0a, 0x5f, 0x39, 0x60, len, 0x5f, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

/// Creation code that destroys what it creates in the same transaction, money and all, in favour of the caller.
pub const SHORT_LIVED: &[u8] = &hex!("33ff");
/// The same in favour of itself: the money burns.
pub const BURNS_ITS_MONEY: &[u8] = &hex!("30ff");
/// Creation code that fails.
pub const STILLBORN: &[u8] = &hex!("fe");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_fits_its_creation_code() {
        for contract in CONTRACTS {
            assert!(contract.code.len() < 256, "{}", contract.name);
            assert!(creation(contract.code).ends_with(contract.code));
        }
    }
}
