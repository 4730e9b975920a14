//! From the chain's records to the JSON that Ethereum tools read.

pub(crate) mod header;
pub(crate) mod log;
pub(crate) mod receipt;
pub(crate) mod tx;

pub(crate) use header::{BlockView, HeaderView};
pub(crate) use log::{LogView, logs_of};
pub(crate) use receipt::ReceiptView;
pub(crate) use tx::{Place, TxView};
