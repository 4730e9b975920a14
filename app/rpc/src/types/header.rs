//! Headers and blocks.

use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_WITHDRAWALS};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U64, U256};
use defchain_base::Substore;
use defchain_chain::records::Header;
use serde::Serialize;

use super::TxView;

/// A header: what Ethereum shows, then what YP 2.3.1 adds (D7).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeaderView {
    number: U64,
    /// Null for the pending block, as are nonce and miner.
    hash: Option<B256>,
    parent_hash: B256,
    nonce: Option<B64>,
    sha3_uncles: B256,
    logs_bloom: Bloom,
    transactions_root: B256,
    state_root: B256,
    receipts_root: B256,
    miner: Option<Address>,
    difficulty: U256,
    extra_data: Bytes,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    mix_hash: B256,
    base_fee_per_gas: U64,
    withdrawals_root: B256,
    blob_gas_used: U64,
    excess_blob_gas: U64,
    parent_beacon_block_root: B256,
    requests_hash: B256,
    deflation_root: B256,
    trading_root: B256,
    ai_root: B256,
    pod_weight_snapshot: U256,
}

impl From<&Header> for HeaderView {
    fn from(header: &Header) -> Self {
        let root = |substore: Substore| header.substore_roots.get(substore as usize).copied().unwrap_or_default();
        Self {
            number: U64::from(header.height.0),
            hash: Some(header.hash),
            parent_hash: header.parent_hash,
            nonce: Some(B64::ZERO),
            sha3_uncles: EMPTY_OMMER_ROOT_HASH,
            logs_bloom: header.logs_bloom,
            transactions_root: header.transactions_root,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            miner: Some(header.beneficiary),
            difficulty: U256::ZERO,
            extra_data: Bytes::new(),
            gas_limit: U64::from(header.gas_limit),
            gas_used: U64::from(header.gas_used),
            timestamp: U64::from(header.time.seconds()),
            mix_hash: header.prev_randao,
            base_fee_per_gas: U64::from(header.base_fee),
            withdrawals_root: EMPTY_WITHDRAWALS,
            // No blobs (D8).
            blob_gas_used: U64::ZERO,
            excess_blob_gas: U64::ZERO,
            parent_beacon_block_root: B256::ZERO,
            requests_hash: EMPTY_REQUESTS_HASH,
            deflation_root: root(Substore::Def),
            trading_root: root(Substore::Trade),
            ai_root: root(Substore::Ai),
            pod_weight_snapshot: U256::from(header.total_power),
        }
    }
}

impl HeaderView {
    /// A block that does not exist yet.
    pub fn pending(header: &Header) -> Self {
        Self { hash: None, nonce: None, miner: None, ..Self::from(header) }
    }
}

/// The transactions of a block, as asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum TxList {
    /// Hashes.
    Hashes(Vec<B256>),
    /// Whole.
    Full(Vec<TxView>),
}

/// A block.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BlockView {
    #[serde(flatten)]
    pub header: HeaderView,
    pub size: U64,
    pub uncles: [B256; 0],
    pub withdrawals: [B256; 0],
    pub transactions: TxList,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::{Height, Timestamp};

    use super::*;

    fn header() -> Header {
        Header {
            height: Height(17),
            hash: B256::repeat_byte(1),
            parent_hash: B256::repeat_byte(2),
            time: Timestamp(1_700_000_001_999),
            beneficiary: Address::repeat_byte(3),
            gas_limit: 400_000_000,
            gas_used: 21_000,
            base_fee: 1_000_000_000,
            state_root: B256::repeat_byte(4),
            substore_roots: [10, 11, 12, 13, 14].map(B256::repeat_byte),
            prev_randao: B256::repeat_byte(5),
            total_power: 100,
            ..Header::default()
        }
    }

    #[test]
    fn a_header_reads_as_ethereum_tools_read_it() {
        let json = serde_json::to_value(HeaderView::from(&header())).unwrap();
        let alloy: alloy_rpc_types_eth::Header = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(alloy.number, 17);
        assert_eq!(alloy.hash, B256::repeat_byte(1));
        // Whole seconds, cut off (D3).
        assert_eq!(alloy.timestamp, 1_700_000_001);
        assert_eq!(alloy.mix_hash, B256::repeat_byte(5));
        assert_eq!(alloy.base_fee_per_gas, Some(1_000_000_000));
        assert_eq!(alloy.beneficiary, Address::repeat_byte(3));
        for (field, expected) in [
            ("difficulty", "0x0"),
            ("gasUsed", "0x5208"),
            ("podWeightSnapshot", "0x64"),
            ("aiRoot", &B256::repeat_byte(10).to_string()),
            ("deflationRoot", &B256::repeat_byte(11).to_string()),
            ("tradingRoot", &B256::repeat_byte(14).to_string()),
            ("nonce", "0x0000000000000000"),
        ] {
            assert_eq!(json.get(field).unwrap(), expected, "{field}");
        }
    }

    #[test]
    fn a_block_reads_as_ethereum_tools_read_it() {
        let view = BlockView {
            header: HeaderView::from(&header()),
            size: U64::from(900),
            uncles: [],
            withdrawals: [],
            transactions: TxList::Hashes(vec![B256::repeat_byte(9)]),
        };
        let json = serde_json::to_value(view).unwrap();
        let block: alloy_rpc_types_eth::Block = serde_json::from_value(json).unwrap();
        assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), [B256::repeat_byte(9)]);
        assert!(block.withdrawals.unwrap().is_empty() && block.uncles.is_empty());
    }
}
