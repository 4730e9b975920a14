//! The `eth_*` methods.

pub(crate) mod access_list;
pub(crate) mod block;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod fee;
pub(crate) mod filters;
pub(crate) mod logs;
pub(crate) mod send_sync;
pub(crate) mod simulate;
pub(crate) mod state;
pub(crate) mod subscribe;
pub(crate) mod tx;
