//! Two conflicting votes: the proof of double signing, as CometBFT itself judges it.
//!
//! What a validator signs is `CanonicalVote` with its length before it: type, height, round, block id (absent for nil), timestamp,
//! chain id. Index, address and vote extension are not signed. Signatures follow ZIP-215, as CometBFT's do: any other rule could
//! refuse a signature that made a block.

use defchain_base::{B256, ConsensusAddress, Height, keccak256};
use ed25519_consensus::{Signature, VerificationKey};
use prost::Message;

use crate::{SlashingError, params::MAX_VOTE_BYTES};

const PREVOTE: i32 = 1;
const PRECOMMIT: i32 = 2;
/// Length of a block hash.
const HASH_BYTES: usize = 32;

/// `tendermint.types.Vote`.
#[derive(Clone, PartialEq, Message)]
pub struct Vote {
    /// 1 prevote, 2 precommit.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// Height.
    #[prost(int64, tag = "2")]
    pub height: i64,
    /// Round.
    #[prost(int32, tag = "3")]
    pub round: i32,
    /// For which block; empty for nil.
    #[prost(message, optional, tag = "4")]
    pub block_id: Option<BlockId>,
    /// When, by the validator.
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Timestamp>,
    /// Consensus address.
    #[prost(bytes = "vec", tag = "6")]
    pub validator_address: Vec<u8>,
    /// Place in the set; not signed.
    #[prost(int32, tag = "7")]
    pub validator_index: i32,
    /// Ed25519.
    #[prost(bytes = "vec", tag = "8")]
    pub signature: Vec<u8>,
    /// Vote extension; signed on its own.
    #[prost(bytes = "vec", tag = "9")]
    pub extension: Vec<u8>,
    /// Its signature.
    #[prost(bytes = "vec", tag = "10")]
    pub extension_signature: Vec<u8>,
}

/// `tendermint.types.BlockID`, and its canonical form, which has the same fields.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct BlockId {
    /// Block hash.
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// Parts of the block.
    #[prost(message, optional, tag = "2")]
    pub parts: Option<PartSetHeader>,
}

/// `tendermint.types.PartSetHeader`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PartSetHeader {
    /// How many.
    #[prost(uint32, tag = "1")]
    pub total: u32,
    /// Root over them.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    /// Seconds since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Of the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `tendermint.types.CanonicalVote`.
#[derive(Clone, PartialEq, Message)]
struct CanonicalVote {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(message, optional, tag = "4")]
    block_id: Option<BlockId>,
    #[prost(message, optional, tag = "5")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "6")]
    chain_id: String,
}

/// Double signing that is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Whose key.
    pub address: ConsensusAddress,
    /// Where.
    pub height: Height,
    /// keccak256 of both votes' sign bytes, ascending: the same whichever vote came first.
    pub hash: B256,
}

impl BlockId {
    fn is_nil(&self) -> bool {
        self.hash.is_empty() && self.parts.as_ref().is_none_or(|p| p.total == 0 && p.hash.is_empty())
    }

    fn is_complete(&self) -> bool {
        let parts = self.parts.as_ref().is_some_and(|p| p.total > 0 && p.hash.len() == HASH_BYTES);
        self.hash.len() == HASH_BYTES && parts
    }
}

impl Vote {
    /// Decodes a vote; only its one encoding, with nothing unknown in it (D8b).
    fn read(which: char, bytes: &[u8]) -> Result<Self, SlashingError> {
        let bad = |why: String| SlashingError::Vote { which, why };
        if bytes.len() > MAX_VOTE_BYTES {
            return Err(bad(format!("{} bytes, at most {MAX_VOTE_BYTES}: leave the extension out", bytes.len())));
        }
        let vote = Self::decode(bytes).map_err(|e| bad(format!("{} bytes do not decode: {e}", bytes.len())))?;
        if vote.encode_to_vec() != bytes {
            return Err(bad(format!("{} bytes are not the one encoding of their content", bytes.len())));
        }
        if vote.kind != PREVOTE && vote.kind != PRECOMMIT {
            return Err(bad(format!("type {}: 1 prevote, 2 precommit", vote.kind)));
        }
        if vote.height < 1 || vote.round < 0 {
            return Err(bad(format!("height {} and round {}: from 1 and from 0", vote.height, vote.round)));
        }
        if vote.timestamp.is_none() {
            return Err(bad("it has no timestamp".to_owned()));
        }
        if vote.block_id.as_ref().is_some_and(|id| !id.is_nil() && !id.is_complete()) {
            return Err(bad("its block id is neither nil nor complete".to_owned()));
        }
        if vote.signature.len() != 64 {
            return Err(bad(format!("a signature of {} bytes: 64", vote.signature.len())));
        }
        Ok(vote)
    }

    /// The block it is for; none for nil.
    fn block(&self) -> Option<&BlockId> {
        self.block_id.as_ref().filter(|id| !id.is_nil())
    }

    /// What its validator signed.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &str) -> Vec<u8> {
        let canonical = CanonicalVote {
            kind: self.kind,
            height: self.height,
            round: i64::from(self.round),
            block_id: self.block().cloned(),
            timestamp: self.timestamp,
            chain_id: chain_id.to_owned(),
        };
        canonical.encode_length_delimited_to_vec()
    }

    fn verify(
        &self,
        which: char,
        key: &VerificationKey,
        address: ConsensusAddress,
        chain_id: &str,
    ) -> Result<Vec<u8>, SlashingError> {
        if self.validator_address != address.0 {
            let found = alloy_primitives::hex::encode_upper(&self.validator_address);
            return Err(SlashingError::OtherKey { which, found, expected: address });
        }
        let bytes = self.sign_bytes(chain_id);
        Signature::try_from(self.signature.as_slice())
            .and_then(|signature| key.verify(&signature, &bytes))
            .map_err(|_| SlashingError::Signature { which, address, chain_id: chain_id.to_owned() })?;
        Ok(bytes)
    }
}

/// Verifies that the owner of `public_key` signed both votes on this chain, and that they conflict.
///
/// # Errors
/// When either is no vote, of another key or chain, or both may be cast.
pub fn verify(chain_id: &str, public_key: &[u8; 32], a: &[u8], b: &[u8]) -> Result<Proof, SlashingError> {
    let (first, second) = (Vote::read('A', a)?, Vote::read('B', b)?);
    let place = |v: &Vote| (v.height, v.round, v.kind);
    if place(&first) != place(&second) {
        return Err(SlashingError::NoConflict(format!(
            "height, round and type are {:?} and {:?}; they must be the same",
            place(&first),
            place(&second)
        )));
    }
    if first.block() == second.block() {
        return Err(SlashingError::NoConflict("both are for the same block".to_owned()));
    }
    let address = ConsensusAddress::of_ed25519(public_key);
    let key = VerificationKey::try_from(*public_key).map_err(|_| SlashingError::UnknownKey(address))?;
    let mut signed = [first.verify('A', &key, address, chain_id)?, second.verify('B', &key, address, chain_id)?];
    signed.sort_unstable();
    let height = Height(u64::try_from(first.height).unwrap_or(0));
    Ok(Proof { address, height, hash: keccak256(signed.concat()) })
}
