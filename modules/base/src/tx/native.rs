//! The native transaction envelope: types 100 (staking), 101 (trading) and 102 (confidential compute).
//!
//! ```text
//! type ‖ rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit, payload, y_parity, r, s])
//! ```
//!
//! The signature covers `keccak(type ‖ rlp([chain_id … payload]))`. The payload belongs to the module (D10: the
//! compact form of what a call to its system address does).

use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};

use crate::system;

/// Which module a native transaction speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NativeKind {
    /// Staking operations.
    Staking = 100,
    /// Trading operations.
    Trading = 101,
    /// Requests for confidential compute.
    Compute = 102,
}

impl NativeKind {
    /// The kind of that type byte.
    #[must_use]
    pub const fn from_type(kind: u8) -> Option<Self> {
        match kind {
            100 => Some(Self::Staking),
            101 => Some(Self::Trading),
            102 => Some(Self::Compute),
            _ => None,
        }
    }

    /// The system address that performs the same operations (D10).
    #[must_use]
    pub const fn system_address(self) -> Address {
        match self {
            Self::Staking => system::STAKING,
            Self::Trading => system::TRADING,
            Self::Compute => system::CONFIDENTIAL_COMPUTE,
        }
    }
}

/// A native transaction without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeTx {
    /// Its module.
    pub kind: NativeKind,
    /// Chain it is for.
    pub chain_id: u64,
    /// Sender's sequence number.
    pub nonce: u64,
    /// Most tip per gas, in wei.
    pub max_priority_fee_per_gas: u128,
    /// Most paid per gas, in wei.
    pub max_fee_per_gas: u128,
    /// Most gas it may use.
    pub gas_limit: u64,
    /// What the module is asked to do.
    pub payload: Bytes,
}

/// A native transaction with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNativeTx {
    /// What is signed.
    pub tx: NativeTx,
    /// By whom, recoverable.
    pub signature: Signature,
}

impl NativeTx {
    fn fields_len(&self) -> usize {
        [
            self.chain_id.length(),
            self.nonce.length(),
            self.max_priority_fee_per_gas.length(),
            self.max_fee_per_gas.length(),
            self.gas_limit.length(),
            self.payload.length(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        self.chain_id.encode(out);
        self.nonce.encode(out);
        self.max_priority_fee_per_gas.encode(out);
        self.max_fee_per_gas.encode(out);
        self.gas_limit.encode(out);
        self.payload.encode(out);
    }

    /// What the signature covers.
    #[must_use]
    pub fn signature_hash(&self) -> B256 {
        let mut out = vec![self.kind as u8];
        Header { list: true, payload_length: self.fields_len() }.encode(&mut out);
        self.encode_fields(&mut out);
        keccak256(out)
    }

    /// With a signature.
    #[must_use]
    pub const fn into_signed(self, signature: Signature) -> SignedNativeTx {
        SignedNativeTx { tx: self, signature }
    }
}

impl SignedNativeTx {
    /// The bytes that are sent and hashed.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let (r, s) = (self.signature.r(), self.signature.s());
        let parity = u8::from(self.signature.v());
        let payload_length =
            [self.tx.fields_len(), parity.length(), r.length(), s.length()].into_iter().fold(0, usize::saturating_add);
        let mut out = vec![self.tx.kind as u8];
        Header { list: true, payload_length }.encode(&mut out);
        self.tx.encode_fields(&mut out);
        parity.encode(&mut out);
        r.encode(&mut out);
        s.encode(&mut out);
        out
    }

    pub(super) fn decode(kind: u8, raw: &[u8]) -> Result<Self, String> {
        let kind = NativeKind::from_type(kind).ok_or_else(|| format!("type {kind} is not native"))?;
        let mut input = raw.split_first().map_or(raw, |(_, rest)| rest);
        let fields = &mut Header::decode_bytes(&mut input, true).map_err(|e| e.to_string())?;
        if !input.is_empty() {
            return Err(format!("{} bytes follow the transaction", input.len()));
        }
        let signed = Self::decode_fields(kind, fields).map_err(|e| e.to_string())?;
        if fields.is_empty() { Ok(signed) } else { Err("more than nine fields".to_owned()) }
    }

    fn decode_fields(kind: NativeKind, fields: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let tx = NativeTx {
            kind,
            chain_id: Decodable::decode(fields)?,
            nonce: Decodable::decode(fields)?,
            max_priority_fee_per_gas: Decodable::decode(fields)?,
            max_fee_per_gas: Decodable::decode(fields)?,
            gas_limit: Decodable::decode(fields)?,
            payload: Decodable::decode(fields)?,
        };
        let parity: u8 = Decodable::decode(fields)?;
        if parity > 1 {
            return Err(alloy_rlp::Error::Custom("y_parity is neither 0 nor 1"));
        }
        let r: U256 = Decodable::decode(fields)?;
        let s: U256 = Decodable::decode(fields)?;
        Ok(tx.into_signed(Signature::new(r, s, parity == 1)))
    }
}
