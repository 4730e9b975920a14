//! `debug_*`: traces of transactions, calls and blocks, and the raw bytes of what has any.

mod raw;
mod trace;

use crate::{api::Cost, methods::Method};

pub(crate) const METHODS: &[Method] = &[
    Method::new("debug_traceTransaction", Cost::Heavy, trace::transaction),
    Method::new("debug_traceCall", Cost::Heavy, trace::call),
    Method::new("debug_traceBlockByNumber", Cost::Heavy, trace::block_by_number),
    Method::new("debug_traceBlockByHash", Cost::Heavy, trace::block_by_hash),
    Method::new("debug_getRawTransaction", Cost::Read, raw::transaction),
    Method::new("debug_getRawReceipts", Cost::Read, raw::receipts),
    Method::new("debug_getRawHeader", Cost::Quick, raw::header),
    Method::new("debug_getRawBlock", Cost::Quick, raw::block),
];
