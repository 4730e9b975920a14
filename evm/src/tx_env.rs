//! Transactions in revm's dress.

use alloy_consensus::{Transaction, TxEnvelope, Typed2718};
use alloy_eips::eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization};
use alloy_primitives::{Address, U256};
use defchain_base::tx::{NativeTx, recover_signer};
use revm::{context::TxEnv, context_interface::either::Either};

use crate::demand::Ask;

/// An Ethereum transaction of types 0, 1, 2 or 4.
pub(crate) fn tx_env(tx: &TxEnvelope, sender: Address, chain_id: u64) -> TxEnv {
    TxEnv {
        tx_type: tx.ty(),
        caller: sender,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: Transaction::kind(tx),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: recover_all(tx.authorization_list().unwrap_or_default(), chain_id),
    }
}

/// A native transaction as the call that does the same (D10). Its fees are those of type 2.
pub(crate) fn native_env(tx: &NativeTx, sender: Address, ask: Ask) -> TxEnv {
    TxEnv {
        tx_type: 2,
        caller: sender,
        gas_limit: tx.gas_limit,
        gas_price: tx.max_fee_per_gas,
        kind: ask.to,
        value: ask.value,
        data: ask.input,
        nonce: tx.nonce,
        chain_id: Some(tx.chain_id),
        gas_priority_fee: Some(tx.max_priority_fee_per_gas),
        ..TxEnv::default()
    }
}

/// Recovers authorities with the C library. One that names another chain or the last nonce is skipped by EIP-7702
/// before its signature is looked at, so it is not recovered.
pub(crate) fn recover_all(
    list: &[SignedAuthorization],
    chain_id: u64,
) -> Vec<Either<SignedAuthorization, RecoveredAuthorization>> {
    list.iter().map(|signed| Either::Right(recover(signed, chain_id))).collect()
}

fn recover(signed: &SignedAuthorization, chain_id: u64) -> RecoveredAuthorization {
    let authorization = signed.inner().clone();
    let ours = signed.chain_id.is_zero() || signed.chain_id == U256::from(chain_id);
    let authority = (ours && signed.nonce != u64::MAX)
        .then(|| {
            let signature = signed.signature().ok()?;
            recover_signer(signed.signature_hash(), &signature).ok()
        })
        .flatten();
    let authority = authority.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(authorization, authority)
}
