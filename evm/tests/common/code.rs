//! Programs for the EVM, byte by byte.

use alloy_primitives::{Address, U256};

pub const CALL: u8 = 0xf1;
pub const CALLCODE: u8 = 0xf2;
pub const DELEGATECALL: u8 = 0xf4;
pub const STATICCALL: u8 = 0xfa;
pub const RETURN: u8 = 0xf3;
pub const REVERT: u8 = 0xfd;
pub const INVALID: u8 = 0xfe;

/// Calls `word 0` with value `word 1` and the rest of its input by `op`, then ends by `end` with the call's success
/// as a word and its returned data.
pub fn relay(op: u8, end: u8) -> Vec<u8> {
    let mut code = vec![
        0x60, 0x40, 0x36, 0x03, // size = CALLDATASIZE - 64
        0x80, 0x60, 0x40, 0x60, 0x00, 0x37, // CALLDATACOPY(0, 64, size)
        0x60, 0x00, 0x60, 0x00, // out size, out offset
        0x82, 0x60, 0x00, // in size, in offset
    ];
    if op == CALL || op == CALLCODE {
        code.extend([0x60, 0x20, 0x35]); // value
    }
    code.extend([0x60, 0x00, 0x35, 0x5a, op]); // address, GAS
    code.extend([0x60, 0x00, 0x52]); // MSTORE(0, success)
    code.extend([0x3d, 0x60, 0x00, 0x60, 0x20, 0x3e]); // RETURNDATACOPY(32, 0, RETURNDATASIZE)
    code.extend([0x3d, 0x60, 0x20, 0x01, 0x60, 0x00, end]);
    code
}

/// Input for [`relay`].
pub fn relay_input(to: Address, value: u128, data: &[u8]) -> Vec<u8> {
    [to.into_word().as_slice(), &U256::from(value).to_be_bytes::<32>(), data].concat()
}

/// Adds one to slot 0.
pub const COUNTER: &[u8] = &[0x60, 0x00, 0x54, 0x60, 0x01, 0x01, 0x60, 0x00, 0x55, 0x00];

/// Leaves everything to the address in `word 0`.
pub const BEQUEATH: &[u8] = &[0x60, 0x00, 0x35, 0xff];

/// Called without value it destroys itself for the origin's benefit, with value it keeps it.
pub const FRAGILE: &[u8] = &[0x34, 0x60, 0x06, 0x57, 0x32, 0xff, 0x5b, 0x00];

/// Returns the hash of block `word 0`.
pub const BLOCK_HASH: &[u8] = &[0x60, 0x00, 0x35, 0x40, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3];

/// Returns the balance of `word 0`.
pub const BALANCE: &[u8] = &[0x60, 0x00, 0x35, 0x31, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3];

/// Creates a contract from its input with all value, calls it without value, then with half of what it holds.
pub fn create_and_call() -> Vec<u8> {
    let mut code = vec![0x36, 0x60, 0x00, 0x60, 0x00, 0x37]; // CALLDATACOPY(0, 0, size)
    code.extend([0x36, 0x60, 0x00, 0x60, 0x00, 0xf0]); // CREATE(0, 0, size) with value 0
    code.extend([0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x00]); // no output, no input, no value
    code.extend([0x85, 0x5a, CALL, 0x50]);
    code.extend([0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x02, 0x47, 0x04]); // value: SELFBALANCE / 2
    code.extend([0x85, 0x5a, CALL, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, RETURN]);
    code
}

/// Creates (CREATE2 with salt 0 when asked) a contract from its input with all its value and returns the address.
pub fn factory(create2: bool) -> Vec<u8> {
    let mut code = vec![0x36, 0x60, 0x00, 0x60, 0x00, 0x37]; // CALLDATACOPY(0, 0, size)
    if create2 {
        code.extend([0x60, 0x00]); // salt
    }
    code.extend([0x36, 0x60, 0x00, 0x34, if create2 { 0xf5 } else { 0xf0 }]);
    code.extend([0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, RETURN]);
    code
}

/// Init code that deploys `runtime`.
pub fn init(runtime: &[u8]) -> Vec<u8> {
    let len = u16::try_from(runtime.len()).unwrap().to_be_bytes();
    let mut code = vec![0x61, len[0], len[1], 0x80, 0x60, 0x0c, 0x60, 0x00, 0x39, 0x60, 0x00, RETURN];
    code.extend(runtime);
    code
}
