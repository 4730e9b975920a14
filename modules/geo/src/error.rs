use defchain_base::{Address, CodecError, StateError};

/// Why geography refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeoError {
    /// Reading or writing state.
    #[error(transparent)]
    State(#[from] StateError),
    /// No jurisdiction (D29).
    #[error("{code} is not one of the 195 jurisdictions: {why}")]
    Jurisdiction {
        /// The code given.
        code: String,
        /// What it is instead.
        why: String,
    },
    /// Not 65 bytes of r, s, v, or s in the upper half of the order, or no key fits.
    #[error("the attestation's signature is no signature: {0}")]
    Signature(String),
    /// Signed by nobody who may attest. A signature for another validator or chain, or over other dates, ends here too:
    /// recovery then yields an unrelated address.
    #[error(
        "{signer} is no accredited verifier: either it never was, or it signed something else than this validator, country, \
         dates, nonce and chain id {chain_id}"
    )]
    UnknownVerifier {
        /// Whom the signature leads to.
        signer: Address,
        /// The chain the attestation would be for.
        chain_id: u64,
    },
    /// Signed by one who was a verifier.
    #[error("verifier {verifier} was removed at {removed_at} (seconds since 1970) and attests no more")]
    RemovedVerifier {
        /// Who signed.
        verifier: Address,
        /// When governance removed it.
        removed_at: u64,
    },
    /// D30: a nonce once per verifier.
    #[error("verifier {verifier} has used nonce {nonce} already: ask for a new attestation")]
    NonceUsed {
        /// Who signed.
        verifier: Address,
        /// The nonce, in hex.
        nonce: String,
    },
    /// The date of verification lies ahead.
    #[error("verified at {verified_at}, but it is {now} (seconds since 1970)")]
    FromTheFuture {
        /// As attested.
        verified_at: u64,
        /// Consensus time.
        now: u64,
    },
    /// Over.
    #[error("the attestation expired at {expires_at}, it is {now} (seconds since 1970): get verified again")]
    Expired {
        /// As attested.
        expires_at: u64,
        /// Consensus time.
        now: u64,
    },
    /// D30: at most 365 days.
    #[error("the attestation runs from {verified_at} to {expires_at}, {length} s; it must be 1 to {limit} s long")]
    Length {
        /// As attested.
        verified_at: u64,
        /// As attested.
        expires_at: u64,
        /// Between the two; negative shows as 0.
        length: u64,
        /// The parameter `max_validity`.
        limit: u64,
    },
    /// A list of verifiers that would not change.
    #[error("verifier {0} is accredited already")]
    AlreadyVerifier(Address),
    /// A list of verifiers that would not change.
    #[error("{0} is no accredited verifier, so it cannot be removed")]
    NotVerifier(Address),
    /// More verifiers than the list takes.
    #[error("{count} verifiers are listed, the limit is {limit}: remove one first")]
    TooManyVerifiers {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A verifier's name.
    #[error("a verifier's name has {found} bytes, at most {limit} and no control characters are taken")]
    Name {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

impl From<GeoError> for StateError {
    fn from(e: GeoError) -> Self {
        match e {
            GeoError::State(e) => e,
            other => Self::Invariant(other.to_string()),
        }
    }
}

pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> CodecError {
    CodecError::Invalid { what, why: why.into() }
}
