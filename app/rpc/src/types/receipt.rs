//! Receipts.

use alloy_primitives::{Address, B256, Bloom, U64, U128};
use defchain_chain::records::{Header, Receipt};
use serde::Serialize;

use super::{LogView, log::LogPlace};

/// A receipt as `eth_getTransactionReceipt` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptView {
    #[serde(rename = "type")]
    kind: U64,
    status: U64,
    cumulative_gas_used: U64,
    logs: Vec<LogView>,
    logs_bloom: Bloom,
    transaction_hash: B256,
    transaction_index: U64,
    block_hash: B256,
    block_number: U64,
    gas_used: U64,
    effective_gas_price: U128,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
}

impl ReceiptView {
    /// The receipt at `index` of a block; `None` beyond its end.
    pub fn at(header: &Header, receipts: &[Receipt], index: usize) -> Option<Self> {
        let receipt = receipts.get(index)?;
        let first_log = receipts.iter().take(index).map(|r| r.logs.len()).sum::<usize>();
        Some(Self::new(header, receipt, index, first_log))
    }

    /// Every receipt of a block.
    pub fn all(header: &Header, receipts: &[Receipt]) -> Vec<Self> {
        let mut first_log = 0;
        let view = |(index, receipt): (usize, &Receipt)| {
            let view = Self::new(header, receipt, index, first_log);
            first_log += receipt.logs.len();
            view
        };
        receipts.iter().enumerate().map(view).collect()
    }

    fn new(header: &Header, receipt: &Receipt, index: usize, first_log: usize) -> Self {
        let mut logs_bloom = Bloom::ZERO;
        let mut logs = Vec::with_capacity(receipt.logs.len());
        for (offset, log) in receipt.logs.iter().enumerate() {
            logs_bloom.accrue_log(log);
            let place = LogPlace { tx_index: index, log_index: first_log + offset };
            logs.push(LogView::new(header, receipt, log, place));
        }
        Self {
            kind: U64::from(receipt.kind),
            status: U64::from(u8::from(receipt.success)),
            cumulative_gas_used: U64::from(receipt.cumulative_gas_used),
            logs,
            logs_bloom,
            transaction_hash: receipt.tx_hash,
            transaction_index: U64::from(index),
            block_hash: header.hash,
            block_number: U64::from(header.height.0),
            gas_used: U64::from(receipt.gas_used),
            effective_gas_price: U128::from(receipt.effective_gas_price),
            from: receipt.from,
            to: receipt.to,
            contract_address: receipt.contract,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use alloy_primitives::{Bytes, Log};
    use defchain_base::{Height, Timestamp};

    use super::*;
    use crate::types::logs_of;

    fn receipt(kind: u8, logs: usize) -> Receipt {
        let log = |i: usize| {
            let topic = B256::repeat_byte(u8::try_from(i).unwrap());
            Log::new_unchecked(Address::repeat_byte(7), vec![topic], Bytes::from_static(b"data"))
        };
        Receipt {
            kind,
            success: true,
            gas_used: 30_000,
            cumulative_gas_used: 60_000,
            effective_gas_price: 2_000_000_000,
            from: Address::repeat_byte(1),
            to: None,
            contract: Some(Address::repeat_byte(2)),
            tx_hash: B256::repeat_byte(kind),
            logs: (0..logs).map(log).collect(),
        }
    }

    fn header() -> Header {
        Header { height: Height(5), hash: B256::repeat_byte(8), time: Timestamp(5_500), ..Header::default() }
    }

    #[test]
    fn log_indices_count_over_the_block_and_survive_filtering() {
        let (header, receipts) = (header(), [receipt(0, 2), receipt(1, 0), receipt(2, 3)]);
        let all = serde_json::to_value(ReceiptView::all(&header, &receipts)).unwrap();
        let single = serde_json::to_value(ReceiptView::at(&header, &receipts, 2).unwrap()).unwrap();
        assert_eq!(all[2], single);
        assert_eq!(single["logs"][0]["logIndex"], "0x2");
        assert_eq!(single["logs"][2]["logIndex"], "0x4");
        assert_eq!(single["logs"][2]["transactionIndex"], "0x2");
        let wanted = B256::repeat_byte(2);
        let found: Vec<_> = logs_of(&header, &receipts, |log| log.topics().contains(&wanted)).collect();
        assert_eq!(serde_json::to_value(found).unwrap()[0], single["logs"][2]);
        assert!(ReceiptView::at(&header, &receipts, 3).is_none());
    }

    #[test]
    fn a_receipt_reads_as_ethereum_tools_read_it() {
        for kind in [0, 1, 2, 4] {
            let view = ReceiptView::at(&header(), &[receipt(kind, 1)], 0).unwrap();
            let json = serde_json::to_value(view).unwrap();
            let read: alloy_rpc_types_eth::TransactionReceipt = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(u8::from(read.inner.tx_type()), kind);
            assert!(read.inner.status());
            assert_eq!(read.gas_used, 30_000);
            assert_eq!(read.inner.cumulative_gas_used(), 60_000);
            assert_eq!(read.contract_address, Some(Address::repeat_byte(2)));
            assert_eq!(read.inner.logs()[0].block_timestamp, Some(5));
            let bloom: Bloom = read.inner.logs().iter().map(|log| &log.inner).collect();
            assert_eq!(*read.inner.logs_bloom(), bloom);
            // A creation says `to: null`, it does not leave it out.
            assert!(json.as_object().unwrap().contains_key("to"));
        }
    }
}
