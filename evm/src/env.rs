use alloy_primitives::{Address, B256, U256};
use defchain_base::{AgeMillis, Height, Timestamp};
use revm::{
    context::{BlockEnv as RevmBlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
};

use crate::validity::{Limits, SPEC};

/// A block as transactions see it.
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

impl BlockEnv {
    /// The limits by which [`crate::validity::check_static`] judges.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits { chain_id: self.chain_id, block_gas: self.gas_limit }
    }

    pub(crate) fn to_revm(self) -> RevmBlockEnv {
        RevmBlockEnv {
            number: U256::from(self.height.0),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.time.seconds()),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prev_randao),
            // This chain carries no blobs: excess 0, price 1 (D8).
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
            slot_num: 0,
        }
    }

    pub(crate) fn cfg(&self) -> CfgEnv {
        CfgEnv::new_with_spec(SPEC).with_chain_id(self.chain_id).enable_tx_chain_id_check()
    }
}
