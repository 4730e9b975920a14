use alloy_primitives::{Address, B256};

use crate::{AgeMillis, Height, Timestamp};

/// A block as transactions and modules see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockEnv {
    /// EVM chain id (D5).
    pub chain_id: u64,
    /// Height: `NUMBER`.
    pub height: Height,
    /// Consensus time: `TIMESTAMP` shows its whole seconds (D3).
    pub time: Timestamp,
    /// The age clock, on which balances are judged (D3, D20).
    pub age: AgeMillis,
    /// The proposer's operator: `COINBASE` (D8).
    pub beneficiary: Address,
    /// Gas of the block.
    pub gas_limit: u64,
    /// Wei per gas.
    pub base_fee: u64,
    /// `PREVRANDAO` (D8).
    pub prev_randao: B256,
}
