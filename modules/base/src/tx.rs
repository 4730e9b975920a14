//! Transactions: decoding, hashing, recovering the signer.
//!
//! Accepted forms (D8): Ethereum types 0 (with EIP-155 replay protection), 1, 2 and 4, and the native types 100, 101
//! and 102. The hash of a transaction is the keccak of its bytes as signed and sent. Types that their module does not
//! yet serve decode all the same, so that the refusal can name them; [`SignedTx::check_served`] refuses them.

mod native;
mod recover;
mod unsigned;

use alloy_consensus::{Transaction, TxEnvelope, Typed2718};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};

pub use native::{NativeKind, NativeTx, SignedNativeTx};
pub use recover::recover_signer;
pub use unsigned::unsigned_signature;

/// The greatest size of one transaction: what public Ethereum nodes relay.
pub const MAX_TX_BYTES: usize = 128 * 1024;

/// Why bytes are not an acceptable transaction. Codes are stable: clients may match on them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Not a transaction at all.
    #[error("undecodable transaction of {bytes} bytes: {why}")]
    Undecodable {
        /// Size of the input.
        bytes: usize,
        /// What the decoder found.
        why: String,
    },
    /// The bytes decode, but are not the canonical encoding (D8b).
    #[error("not the canonical encoding of transaction {0}")]
    NotCanonical(B256),
    /// Larger than [`MAX_TX_BYTES`] or the limit given.
    #[error("oversized transaction: {bytes} bytes, limit {limit}")]
    Oversized {
        /// Size of the input.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// Type 3 (D8).
    #[error("blob transactions (type 3) are not supported: this chain carries no blobs")]
    Blob,
    /// A type byte nobody defined.
    #[error("transaction type {0} is not supported (supported: 0, 1, 2, 4, 100)")]
    UnknownType(u8),
    /// A native type whose module does not exist yet (D8).
    #[error("native transaction type {0} is not active on this chain")]
    NativeInactive(u8),
    /// Signed for another chain.
    #[error("transaction is for chain {found}, this is chain {expected}")]
    WrongChain {
        /// What was signed.
        found: u64,
        /// This chain.
        expected: u64,
    },
    /// A legacy transaction without chain id could be replayed from any other chain.
    #[error("only replay-protected (EIP-155) transactions are accepted: sign for chain {0}")]
    Unprotected(u64),
    /// `s` in the upper half of the curve order (EIP-2).
    #[error("malleable signature: s is above half the curve order")]
    Malleable,
    /// No public key fits.
    #[error("invalid signature: no signer can be recovered")]
    Signature,
}

impl TxError {
    /// The stable numeric code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Undecodable { .. } => 101,
            Self::NotCanonical(_) => 102,
            Self::Oversized { .. } => 103,
            Self::Blob => 104,
            Self::UnknownType(_) => 105,
            Self::NativeInactive(_) => 106,
            Self::WrongChain { .. } => 107,
            Self::Unprotected(_) => 108,
            Self::Malleable => 109,
            Self::Signature => 110,
        }
    }
}

/// The content of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxBody {
    /// Types 0, 1, 2, 4.
    Ethereum(TxEnvelope),
    /// Types 100, 101, 102.
    Native(SignedNativeTx),
}

/// A decoded transaction with its bytes and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    hash: B256,
    raw: Bytes,
    body: TxBody,
}

/// A transaction whose signer is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredTx {
    /// The transaction.
    pub tx: SignedTx,
    /// Who signed it.
    pub sender: Address,
}

/// Decodes one transaction of at most `limit` bytes.
///
/// # Errors
/// When the bytes are too many, not a transaction, of a refused type, or not canonical.
pub fn decode(raw: Bytes, limit: usize) -> Result<SignedTx, TxError> {
    if raw.len() > limit {
        return Err(TxError::Oversized { bytes: raw.len(), limit });
    }
    let undecodable = |why: String| TxError::Undecodable { bytes: raw.len(), why };
    let body = match raw.first() {
        None => return Err(undecodable("no bytes".to_owned())),
        Some(1 | 2 | 4 | 0xc0..) => {
            let mut input = raw.as_ref();
            let envelope = TxEnvelope::decode_2718(&mut input).map_err(|e| undecodable(e.to_string()))?;
            if !input.is_empty() {
                return Err(undecodable(format!("{} bytes follow the transaction", input.len())));
            }
            TxBody::Ethereum(envelope)
        }
        Some(3) => return Err(TxError::Blob),
        Some(&kind @ 100..=102) => TxBody::Native(SignedNativeTx::decode(kind, &raw).map_err(undecodable)?),
        Some(&other) => return Err(TxError::UnknownType(other)),
    };
    let hash = keccak256(&raw);
    let encoded = match &body {
        TxBody::Ethereum(envelope) => envelope.encoded_2718(),
        TxBody::Native(native) => native.encoded(),
    };
    if encoded != raw.as_ref() {
        return Err(TxError::NotCanonical(hash));
    }
    Ok(SignedTx { hash, raw, body })
}

impl SignedTx {
    /// Keccak of the bytes.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// The bytes as signed and sent.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The content.
    #[must_use]
    pub const fn body(&self) -> &TxBody {
        &self.body
    }

    /// The Ethereum envelope, unless the transaction is native.
    #[must_use]
    pub const fn ethereum(&self) -> Option<&TxEnvelope> {
        match &self.body {
            TxBody::Ethereum(envelope) => Some(envelope),
            TxBody::Native(_) => None,
        }
    }

    /// EIP-2718 type.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match &self.body {
            TxBody::Ethereum(e) => e.ty(),
            TxBody::Native(n) => n.tx.kind as u8,
        }
    }

    /// Sender's sequence number.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        match &self.body {
            TxBody::Ethereum(e) => e.nonce(),
            TxBody::Native(n) => n.tx.nonce,
        }
    }

    /// Most gas it may use.
    #[must_use]
    pub fn gas_limit(&self) -> u64 {
        match &self.body {
            TxBody::Ethereum(e) => e.gas_limit(),
            TxBody::Native(n) => n.tx.gas_limit,
        }
    }

    /// Most that is paid for a unit of gas, in wei (the gas price of types 0 and 1).
    #[must_use]
    pub fn max_fee_per_gas(&self) -> u128 {
        match &self.body {
            TxBody::Ethereum(e) => e.max_fee_per_gas(),
            TxBody::Native(n) => n.tx.max_fee_per_gas,
        }
    }

    /// Most tip for a unit of gas, in wei; the gas price for types 0 and 1.
    #[must_use]
    pub fn max_priority_fee_per_gas(&self) -> u128 {
        match &self.body {
            TxBody::Ethereum(e) => e.max_priority_fee_per_gas().unwrap_or_else(|| e.max_fee_per_gas()),
            TxBody::Native(n) => n.tx.max_priority_fee_per_gas,
        }
    }

    /// Tip per gas at that base fee, in wei; `None` when the transaction does not reach the base fee.
    #[must_use]
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        let left = self.max_fee_per_gas().checked_sub(u128::from(base_fee))?;
        Some(left.min(self.max_priority_fee_per_gas()))
    }

    /// Native money it carries.
    #[must_use]
    pub fn value(&self) -> U256 {
        match &self.body {
            TxBody::Ethereum(e) => e.value(),
            TxBody::Native(_) => U256::ZERO,
        }
    }

    /// To whom; creation for `Create`.
    #[must_use]
    pub fn to(&self) -> TxKind {
        match &self.body {
            TxBody::Ethereum(e) => Transaction::kind(e),
            TxBody::Native(n) => TxKind::Call(n.tx.kind.system_address()),
        }
    }

    /// Chain it was signed for.
    #[must_use]
    pub fn chain_id(&self) -> Option<u64> {
        match &self.body {
            TxBody::Ethereum(e) => e.chain_id(),
            TxBody::Native(n) => Some(n.tx.chain_id),
        }
    }

    /// Refuses what was not signed for `chain_id`.
    ///
    /// # Errors
    /// [`TxError::WrongChain`] or [`TxError::Unprotected`].
    pub fn check_chain(&self, chain_id: u64) -> Result<(), TxError> {
        match self.chain_id() {
            Some(found) if found == chain_id => Ok(()),
            Some(found) => Err(TxError::WrongChain { found, expected: chain_id }),
            None => Err(TxError::Unprotected(chain_id)),
        }
    }

    /// Refuses native types whose modules do not exist yet; staking's (100) does.
    ///
    /// # Errors
    /// [`TxError::NativeInactive`].
    pub fn check_served(&self) -> Result<(), TxError> {
        match &self.body {
            TxBody::Ethereum(_) => Ok(()),
            TxBody::Native(n) if n.tx.kind == NativeKind::Staking => Ok(()),
            TxBody::Native(n) => Err(TxError::NativeInactive(n.tx.kind as u8)),
        }
    }

    /// Recovers the signer: the dearest step of admission, some 40 µs.
    ///
    /// # Errors
    /// When the signature is malleable or fits no key.
    pub fn recover(&self) -> Result<Address, TxError> {
        match &self.body {
            TxBody::Ethereum(e) => recover_signer(e.signature_hash(), e.signature()),
            TxBody::Native(n) => recover_signer(n.tx.signature_hash(), &n.signature),
        }
    }

    /// With its signer.
    ///
    /// # Errors
    /// When the signature is malleable or fits no key.
    pub fn into_recovered(self) -> Result<RecoveredTx, TxError> {
        let sender = self.recover()?;
        Ok(RecoveredTx { tx: self, sender })
    }
}

#[cfg(test)]
mod tests;
