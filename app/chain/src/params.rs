//! Parameters of the chain itself, in `sys`, with defaults and bounds.

use defchain_base::{module_params, params::ParamsKey};

/// The newest rules that this build executes; what is in force stands in state ([`crate::upgrade`]).
pub const APP_VERSION: u64 = crate::rules::NEWEST_VERSION;

/// The greatest `max_payload_bytes`.
pub const MAX_PAYLOAD_BYTES: u64 = 32 * 1024 * 1024;

module_params! {
    /// Governed parameters of blocks and fees. "Param" in DECISIONS means: here or in a module's own, never a constant.
    #[derive(Copy)]
    pub struct ChainParams in "chain" {
        /// EVM chain id (D5).
        evm_chain_id: u64 = 35_679, 1 ..= u32::MAX as u128, "";
        /// Gas of a block (D8a). Any transaction that EIP-7825 allows fits.
        block_gas_limit: u64 = 400_000_000, 16_777_216 ..= 10_000_000_000, "gas";
        /// Most bytes of a block's payload. CometBFT's own `block.max_bytes` must leave room for it.
        max_payload_bytes: u64 = 4_194_304, 262_144 ..= MAX_PAYLOAD_BYTES as u128, "bytes";
        /// Lowest base fee, wei per gas (D8a).
        min_base_fee: u64 = 1_000_000_000, 1 ..= 1_000_000_000_000_000, "wei per gas";
        /// Base fee of block 1, wei per gas.
        initial_base_fee: u64 = 1_000_000_000, 1 ..= 1_000_000_000_000_000, "wei per gas";
        /// Most milliseconds by which one block advances the age clock (D3).
        max_block_drift_ms: u64 = 600_000, 1_000 ..= 86_400_000, "milliseconds";
    }
    check |p| (p.initial_base_fee < p.min_base_fee).then(|| {
        format!("initial_base_fee is {}, must be at least min_base_fee {}", p.initial_base_fee, p.min_base_fee)
    });
}

/// Where [`ChainParams`] lives: `params/chain` in `sys`.
pub const PARAMS_KEY: ParamsKey<ChainParams> = ParamsKey::key();
