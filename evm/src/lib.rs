//! The EVM behind our own small surface. (Crate doc: to be completed by the crate's owner.)
pub mod validity;
