//! Logs with their place in the chain.

use alloy_primitives::{Address, B256, Bytes, Log, U64};
use defchain_chain::records::{Header, Receipt};
use serde::Serialize;

/// A log as `eth_getLogs` and receipts show it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogView {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: B256,
    block_number: U64,
    block_timestamp: U64,
    transaction_hash: B256,
    transaction_index: U64,
    log_index: U64,
    removed: bool,
}

/// Where a log stands inside its block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogPlace {
    /// Of its transaction, among the block's transactions.
    pub tx_index: usize,
    /// Among the block's logs.
    pub log_index: usize,
}

impl LogView {
    /// A log of `receipt`.
    pub fn new(header: &Header, receipt: &Receipt, log: &Log, place: LogPlace) -> Self {
        Self {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.clone(),
            block_hash: header.hash,
            block_number: U64::from(header.height.0),
            block_timestamp: U64::from(header.time.seconds()),
            transaction_hash: receipt.tx_hash,
            transaction_index: U64::from(place.tx_index),
            log_index: U64::from(place.log_index),
            removed: false,
        }
    }

    /// The same log, gone: its block was taken back.
    pub fn removed(self) -> Self {
        Self { removed: true, ..self }
    }
}

/// The logs of a block for which `wanted` holds. Log indices count over the whole block.
pub(crate) fn logs_of<'a>(
    header: &'a Header,
    receipts: &'a [Receipt],
    wanted: impl Fn(&Log) -> bool + 'a,
) -> impl Iterator<Item = LogView> + 'a {
    receipts
        .iter()
        .enumerate()
        .flat_map(|(tx_index, receipt)| receipt.logs.iter().map(move |log| (tx_index, receipt, log)))
        .enumerate()
        .filter(move |(_, (_, _, log))| wanted(log))
        .map(|(log_index, (tx_index, receipt, log))| {
            LogView::new(header, receipt, log, LogPlace { tx_index, log_index })
        })
}
