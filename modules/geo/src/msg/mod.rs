//! What changes geography.

mod accept;
mod verifiers;

pub use accept::{Accepted, accept, check, valid_until};
pub use verifiers::{add_verifier, remove_verifier};
