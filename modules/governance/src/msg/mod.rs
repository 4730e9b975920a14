//! What users send.

pub mod approve;
pub mod propose;
pub mod vote;
