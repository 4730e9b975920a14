use alloy_primitives::U256;
use defchain_base::BlockEnv;
use revm::{
    context::{BlockEnv as RevmBlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
};

use crate::validity::{Limits, SPEC};

/// The limits by which [`crate::validity::check_static`] judges in a block of an active chain (D32).
#[must_use]
pub const fn limits(env: &BlockEnv) -> Limits {
    Limits { chain_id: env.chain_id, block_gas: env.gas_limit, latched: false }
}

pub(crate) fn to_revm(env: &BlockEnv) -> RevmBlockEnv {
    RevmBlockEnv {
        number: U256::from(env.height.0),
        beneficiary: env.beneficiary,
        timestamp: U256::from(env.time.seconds()),
        gas_limit: env.gas_limit,
        basefee: env.base_fee,
        difficulty: U256::ZERO,
        prevrandao: Some(env.prev_randao),
        // This chain carries no blobs: excess 0, price 1 (D8).
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}

pub(crate) fn cfg(env: &BlockEnv) -> CfgEnv {
    CfgEnv::new_with_spec(SPEC).with_chain_id(env.chain_id).enable_tx_chain_id_check()
}
