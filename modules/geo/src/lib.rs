//! One validator per jurisdiction: which jurisdictions there are, and who vouches that a validator stands in one (D29, D30).
//!
//! ```text
//!  governance ─ add_verifier / remove_verifier ─▶ list of verifiers
//!                                                     │
//!  verifier ── signs EIP-712 Attestation ─▶ accept ───┴─▶ nonce used; hash, verifier, expiry to the validator's record
//!                                           valid_until ─▶ asked at every epoch boundary by the validators module
//! ```
//!
//! - [`Country`]: one of the 195, from one table; any other code is refused with the reason.
//! - [`Attestation`]: what a verifier signs; [`attestation`] has its hash, the JSON for wallets, recovery.
//! - [`accept`]: the check at registration and re-verification. What is known of the verification itself stays with the
//!   verifier: the chain keeps country, hash, verifier and expiry (YP 3.1.2, privacy).
//!
//! Seats, queues, expiry and jail are the validators module's; this one knows nothing of them.
//!
//! Invariants
//! - INV-GEO-01: parameters are within their bounds.
//! - INV-GEO-02: a verifier was added before now, and removed after it was added.
//! - A value of [`Country`] is in the table: nothing else constructs or decodes one.
//! - A nonce is accepted once per verifier, for ever.

pub mod attestation;
mod error;
pub mod events;
pub mod genesis;
pub mod invariants;
mod jurisdictions;
pub mod keys;
mod msg;
mod params;
pub mod state;
mod table;

pub use attestation::Attestation;
pub use error::GeoError;
pub use jurisdictions::{Country, JURISDICTIONS};
pub use keys::Verifier;
pub use msg::{Accepted, accept, add_verifier, check, remove_verifier, valid_until};
pub use params::GeoParams;
