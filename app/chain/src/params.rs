//! Parameters of the chain itself, in `sys`, with defaults and bounds.

use defchain_base::{CodecError, Decode, Encode, Reader, StateKey, Substore};
use serde::{Deserialize, Serialize};

/// The newest rules that this build executes; what is in force stands in state ([`crate::upgrade`]).
pub const APP_VERSION: u64 = crate::rules::NEWEST_VERSION;

/// The greatest `max_payload_bytes`.
pub const MAX_PAYLOAD_BYTES: u64 = 32 * 1024 * 1024;

const VERSION: u8 = 1;

/// Governed parameters of blocks and fees. "Param" in DECISIONS means: here or in a module's own, never a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainParams {
    /// EVM chain id (D5).
    pub evm_chain_id: u64,
    /// Gas of a block (D8a).
    pub block_gas_limit: u64,
    /// Most bytes of a block's payload. CometBFT's own `block.max_bytes` must leave room for it.
    pub max_payload_bytes: u64,
    /// Lowest base fee, wei per gas (D8a).
    pub min_base_fee: u64,
    /// Base fee of block 1, wei per gas.
    pub initial_base_fee: u64,
    /// Most milliseconds by which one block advances the age clock (D3).
    pub max_block_drift_ms: u64,
}

impl Default for ChainParams {
    fn default() -> Self {
        Self {
            evm_chain_id: 35_679,
            block_gas_limit: 400_000_000,
            max_payload_bytes: 4 * 1024 * 1024,
            min_base_fee: 1_000_000_000,
            initial_base_fee: 1_000_000_000,
            max_block_drift_ms: 600_000,
        }
    }
}

/// A parameter with the range it may be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Its name in genesis.
    pub name: &'static str,
    /// What it is.
    pub value: u64,
    /// Least.
    pub min: u64,
    /// Greatest.
    pub max: u64,
    /// Its unit.
    pub unit: &'static str,
}

const fn bound(name: &'static str, value: u64, min: u64, max: u64, unit: &'static str) -> Bound {
    Bound { name, value, min, max, unit }
}

impl ChainParams {
    /// Every parameter with its bounds.
    #[must_use]
    pub const fn bounds(&self) -> [Bound; 6] {
        [
            bound("evm_chain_id", self.evm_chain_id, 1, u32::MAX as u64, ""),
            // Any transaction that EIP-7825 allows fits a block.
            bound("block_gas_limit", self.block_gas_limit, 1 << 24, 10_000_000_000, "gas"),
            bound("max_payload_bytes", self.max_payload_bytes, 256 * 1024, MAX_PAYLOAD_BYTES, "bytes"),
            bound("min_base_fee", self.min_base_fee, 1, 1_000_000_000_000_000, "wei per gas"),
            bound("initial_base_fee", self.initial_base_fee, self.min_base_fee, 1_000_000_000_000_000, "wei per gas"),
            bound("max_block_drift_ms", self.max_block_drift_ms, 1_000, 86_400_000, "milliseconds"),
        ]
    }

    /// Every parameter that is out of its bounds, said in words.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.bounds()
            .iter()
            .filter(|b| !(b.min..=b.max).contains(&b.value))
            .map(|b| format!("{} is {}, must be {} to {} {}", b.name, b.value, b.min, b.max, b.unit))
            .collect()
    }
}

impl Encode for ChainParams {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        for bound in self.bounds() {
            out.extend_from_slice(&bound.value.to_be_bytes());
        }
    }
}

impl Decode for ChainParams {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(VERSION, "chain params")?;
        Ok(Self {
            evm_chain_id: input.u64("evm_chain_id")?,
            block_gas_limit: input.u64("block_gas_limit")?,
            max_payload_bytes: input.u64("max_payload_bytes")?,
            min_base_fee: input.u64("min_base_fee")?,
            initial_base_fee: input.u64("initial_base_fee")?,
            max_block_drift_ms: input.u64("max_block_drift_ms")?,
        })
    }
}

/// Where [`ChainParams`] lives: `params/chain` in `sys`.
#[derive(Debug, Clone, Copy)]
pub struct ParamsKey;

impl StateKey for ParamsKey {
    type Value = ChainParams;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"params/chain");
    }
}
