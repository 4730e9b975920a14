//! Transactions.

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_rpc_types_eth::Transaction;
use defchain_base::tx::{RecoveredTx, SignedNativeTx, TxBody};
use defchain_chain::records::Header;
use serde::Serialize;

/// Where a transaction stands, or that it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In the pool.
    Pending,
    /// In the block that would come next: it has a number, but no hash yet.
    Next {
        /// Its header.
        header: &'a Header,
        /// Its place among the transactions.
        index: usize,
        /// What would be paid, wei per gas.
        gas_price: u128,
    },
    /// In a block.
    In {
        /// Its header.
        header: &'a Header,
        /// Its place among the transactions.
        index: usize,
        /// What was paid, wei per gas.
        gas_price: u128,
    },
}

impl Place<'_> {
    const fn block_hash(&self) -> Option<B256> {
        match self {
            Self::In { header, .. } => Some(header.hash),
            Self::Pending | Self::Next { .. } => None,
        }
    }
}

/// A transaction as `eth_getTransactionByHash` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum TxView {
    /// Types 0, 1, 2, 4.
    Ethereum(Box<Transaction<TxEnvelope>>),
    /// Types 100, 101, 102.
    Native(Box<NativeView>),
}

/// A native transaction: the fields of a type 2 transaction as far as they exist, and its payload as input.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NativeView {
    #[serde(rename = "type")]
    kind: U64,
    hash: B256,
    from: Address,
    to: Address,
    chain_id: U64,
    nonce: U64,
    gas: U64,
    gas_price: U128,
    max_fee_per_gas: U128,
    max_priority_fee_per_gas: U128,
    value: U256,
    input: Bytes,
    r: U256,
    s: U256,
    y_parity: U64,
    v: U64,
    block_hash: Option<B256>,
    block_number: Option<U64>,
    transaction_index: Option<U64>,
}

impl TxView {
    /// As seen from its place.
    pub fn new(tx: &RecoveredTx, place: Place<'_>) -> Self {
        match tx.tx.body() {
            TxBody::Ethereum(envelope) => Self::Ethereum(Box::new(ethereum(envelope, tx.sender, place))),
            TxBody::Native(native) => Self::Native(Box::new(native_view(native, tx, place))),
        }
    }
}

pub(crate) fn ethereum(envelope: &TxEnvelope, sender: Address, place: Place<'_>) -> Transaction<TxEnvelope> {
    let inner = Recovered::new_unchecked(envelope.clone(), sender);
    match place {
        Place::Pending => Transaction {
            inner,
            block_hash: None,
            block_number: None,
            transaction_index: None,
            // As geth: the most that may be paid, while nothing is.
            effective_gas_price: Some(envelope.max_fee_per_gas()),
            block_timestamp: None,
        },
        Place::Next { header, index, gas_price } | Place::In { header, index, gas_price } => Transaction {
            inner,
            block_hash: place.block_hash(),
            block_number: Some(header.height.0),
            transaction_index: u64::try_from(index).ok(),
            effective_gas_price: Some(gas_price),
            block_timestamp: Some(header.time.seconds()),
        },
    }
}

fn native_view(native: &SignedNativeTx, tx: &RecoveredTx, place: Place<'_>) -> NativeView {
    let (signature, fields) = (&native.signature, &native.tx);
    let parity = U64::from(u8::from(signature.v()));
    let (header, index, gas_price) = match place {
        Place::Pending => (None, None, fields.max_fee_per_gas),
        Place::Next { header, index, gas_price } | Place::In { header, index, gas_price } => {
            (Some(header), Some(U64::from(index)), gas_price)
        }
    };
    NativeView {
        kind: U64::from(fields.kind as u8),
        hash: tx.tx.hash(),
        from: tx.sender,
        to: fields.kind.system_address(),
        chain_id: U64::from(fields.chain_id),
        nonce: U64::from(fields.nonce),
        gas: U64::from(fields.gas_limit),
        gas_price: U128::from(gas_price),
        max_fee_per_gas: U128::from(fields.max_fee_per_gas),
        max_priority_fee_per_gas: U128::from(fields.max_priority_fee_per_gas),
        value: defchain_evm::value_of(&tx.tx, &defchain_chain::registry()),
        input: fields.payload.clone(),
        r: signature.r(),
        s: signature.s(),
        y_parity: parity,
        v: parity,
        block_hash: place.block_hash(),
        block_number: header.map(|h| U64::from(h.height.0)),
        transaction_index: index,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_eips::eip2718::Encodable2718;
    use alloy_primitives::TxKind;
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;
    use defchain_base::{Height, tx};

    use super::*;

    fn transfer() -> RecoveredTx {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
        let body = TxEip1559 {
            chain_id: 35_679,
            nonce: 3,
            gas_limit: 21_000,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(9)),
            value: U256::from(10),
            ..TxEip1559::default()
        };
        let signature = key.sign_hash_sync(&body.signature_hash()).unwrap();
        let raw = TxEnvelope::from(body.into_signed(signature)).encoded_2718();
        tx::decode(raw.into(), tx::MAX_TX_BYTES).unwrap().into_recovered().unwrap()
    }

    #[test]
    fn a_waiting_transaction_has_no_block() {
        let json = serde_json::to_value(TxView::new(&transfer(), Place::Pending)).unwrap();
        assert!(json["blockHash"].is_null() && json["blockNumber"].is_null() && json["transactionIndex"].is_null());
        assert_eq!(json["from"], serde_json::to_value(transfer().sender).unwrap());
        assert_eq!(json["hash"], transfer().tx.hash().to_string());
        // What a legacy tool reads; the maximum while nothing is paid yet.
        assert_eq!(json["gasPrice"], "0x77359400");
    }

    #[test]
    fn a_transaction_of_a_block_says_where_and_at_what_price() {
        let header = Header { height: Height(6), hash: B256::repeat_byte(4), ..Header::default() };
        let view = TxView::new(&transfer(), Place::In { header: &header, index: 2, gas_price: 1_000_000_001 });
        let json = serde_json::to_value(view).unwrap();
        assert_eq!(json["blockNumber"], "0x6");
        assert_eq!(json["transactionIndex"], "0x2");
        assert_eq!(json["gasPrice"], "0x3b9aca01");
        let read: Transaction = serde_json::from_value(json).unwrap();
        assert_eq!(read.block_hash, Some(B256::repeat_byte(4)));
    }
}
