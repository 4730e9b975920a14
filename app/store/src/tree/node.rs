use core::num::NonZeroU64;

use bytes::Bytes;
use defchain_base::{CodecError, Reader};
use sha2::{Digest, Sha256};

use super::Hash;

/// Root of a tree without leaves, and the hash of an empty place.
pub(crate) const EMPTY_ROOT: Hash = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// What stands before a leaf's hashes.
pub(crate) const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
/// What stands before an inner node's hashes.
pub(crate) const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";

const V1: u8 = 1;
const INTERNAL: u8 = 1;
const LEAF: u8 = 2;

/// A child as its parent knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub hash: Hash,
    /// The version that wrote the child.
    pub version: u64,
    /// Leaves below, or 1 when the child is a leaf: an inner node has always two or more.
    pub leaves: NonZeroU64,
}

impl Child {
    /// A leaf, of which only the hash matters.
    pub(crate) const fn leaf(hash: Hash) -> Self {
        Self { hash, version: 0, leaves: NonZeroU64::MIN }
    }

    /// An inner node, of which only the hash matters.
    pub(crate) fn opaque(hash: Hash) -> Self {
        Self::inner(hash, 0, 2)
    }

    /// An inner node, which has two leaves or more.
    pub(crate) fn inner(hash: Hash, version: u64, leaves: u64) -> Self {
        Self { hash, version, leaves: NonZeroU64::MIN.saturating_add(leaves.max(2).saturating_sub(1)) }
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.leaves == NonZeroU64::MIN
    }
}

/// An inner node: four levels of a binary tree, with sixteen places at the bottom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Internal {
    pub children: [Option<Child>; 16],
}

/// A leaf, with the key that jmt only knows hashed: a proof of absence shows the keys beside the gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub key_hash: Hash,
    pub value_hash: Hash,
    pub key: Bytes,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Internal(Box<Internal>),
    Leaf(Leaf),
}

/// A subtree of an inner node, seen from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Empty,
    /// Nothing but one leaf: it stands in for the whole subtree.
    OneLeaf(Hash),
    Mixed(Hash),
}

impl Part {
    const fn hash(self) -> Hash {
        match self {
            Self::Empty => EMPTY_ROOT,
            Self::OneLeaf(hash) | Self::Mixed(hash) => hash,
        }
    }

    fn of(places: &[Option<Child>]) -> Self {
        match places {
            [] | [None] => Self::Empty,
            [Some(child)] if child.is_leaf() => Self::OneLeaf(child.hash),
            [Some(child)] => Self::Mixed(child.hash),
            _ => {
                let (left, right) = places.split_at(places.len() / 2);
                match (Self::of(left), Self::of(right)) {
                    (Self::Empty, Self::Empty) => Self::Empty,
                    (Self::Empty, Self::OneLeaf(hash)) | (Self::OneLeaf(hash), Self::Empty) => Self::OneLeaf(hash),
                    (left, right) => Self::Mixed(hash_pair(&left.hash(), &right.hash())),
                }
            }
        }
    }
}

fn hash_pair(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(INNER_PREFIX).chain_update(left).chain_update(right).finalize().into()
}

impl Internal {
    pub(crate) fn hash(&self) -> Hash {
        Part::of(&self.children).hash()
    }

    pub(crate) fn child(&self, nibble: u8) -> Option<&Child> {
        self.children.get(usize::from(nibble)).and_then(Option::as_ref)
    }

    /// The children with their nibbles, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Child)> {
        (0u8..).zip(&self.children).filter_map(|(nibble, child)| child.as_ref().map(|c| (nibble, c)))
    }

    pub(crate) fn leaves(&self) -> u64 {
        self.iter().fold(0, |sum, (_, child)| sum.saturating_add(child.leaves.get()))
    }
}

impl Leaf {
    pub(crate) fn hash(&self) -> Hash {
        leaf_hash(&self.key_hash, &self.value_hash)
    }
}

/// The hash of a leaf.
pub(crate) fn leaf_hash(key_hash: &Hash, value_hash: &Hash) -> Hash {
    Sha256::new().chain_update(LEAF_PREFIX).chain_update(key_hash).chain_update(value_hash).finalize().into()
}

impl Node {
    pub(crate) fn hash(&self) -> Hash {
        match self {
            Self::Internal(node) => node.hash(),
            Self::Leaf(leaf) => leaf.hash(),
        }
    }

    /// The record: version, kind, then for an inner node two bitmaps (places taken, leaves) and per child hash, version
    /// and, unless it is a leaf, the count of leaves; for a leaf the hash of its value and its key.
    pub(crate) fn to_record(&self) -> Vec<u8> {
        match self {
            Self::Internal(node) => {
                // A hash and, of the two counts, mostly four bytes at most.
                let mut out = Vec::with_capacity(node.iter().count().saturating_mul(37).saturating_add(6));
                out.extend_from_slice(&[V1, INTERNAL]);
                let (mut taken, mut leaf) = (0u16, 0u16);
                for (nibble, child) in node.iter() {
                    let bit = 1u16.checked_shl(u32::from(nibble)).unwrap_or(0);
                    taken |= bit;
                    if child.is_leaf() {
                        leaf |= bit;
                    }
                }
                out.extend_from_slice(&taken.to_be_bytes());
                out.extend_from_slice(&leaf.to_be_bytes());
                for (_, child) in node.iter() {
                    out.extend_from_slice(&child.hash);
                    put_varint(&mut out, child.version);
                    if !child.is_leaf() {
                        put_varint(&mut out, child.leaves.get());
                    }
                }
                out
            }
            Self::Leaf(leaf) => {
                let mut out = Vec::with_capacity(leaf.key.len().saturating_add(34));
                out.extend_from_slice(&[V1, LEAF]);
                out.extend_from_slice(&leaf.value_hash);
                out.extend_from_slice(&leaf.key);
                out
            }
        }
    }

    pub(crate) fn from_record(record: &[u8]) -> Result<Self, CodecError> {
        const WHAT: &str = "tree node";
        let mut reader = Reader::new(record);
        reader.version(V1, WHAT)?;
        match reader.u8(WHAT)? {
            INTERNAL => {
                let taken = reader.u16(WHAT)?;
                let leaf = reader.u16(WHAT)?;
                if leaf & !taken != 0 {
                    return Err(CodecError::NotCanonical(WHAT));
                }
                let mut node = Internal::default();
                for (nibble, place) in (0u32..).zip(&mut node.children) {
                    let bit = 1u16.checked_shl(nibble).unwrap_or(0);
                    if taken & bit == 0 {
                        continue;
                    }
                    let hash = reader.array(WHAT)?;
                    let version = varint(&mut reader)?;
                    let leaves = if leaf & bit != 0 { 1 } else { varint(&mut reader)? };
                    if leaf & bit == 0 && leaves < 2 {
                        return Err(CodecError::NotCanonical(WHAT));
                    }
                    *place = NonZeroU64::new(leaves).map(|leaves| Child { hash, version, leaves });
                }
                reader.finish()?;
                Ok(Self::Internal(Box::new(node)))
            }
            LEAF => {
                let value_hash = reader.array(WHAT)?;
                let key = Bytes::copy_from_slice(reader.take(reader.left(), WHAT)?);
                Ok(Self::Leaf(Leaf { key_hash: Sha256::digest(&key).into(), value_hash, key }))
            }
            kind => Err(CodecError::Invalid { what: WHAT, why: format!("unknown kind {kind}") }),
        }
    }
}

/// Little-endian groups of seven bits: versions and counts are small, and a node has sixteen of each.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

pub(crate) fn varint(reader: &mut Reader<'_>) -> Result<u64, CodecError> {
    const WHAT: &str = "varint";
    let mut value = 0u64;
    for shift in (0..70u32).step_by(7) {
        let byte = reader.u8(WHAT)?;
        let part = u64::from(byte & 0x7f);
        let shifted = part.checked_shl(shift).unwrap_or(0);
        if shifted.checked_shr(shift).unwrap_or(0) != part || (byte == 0 && shift > 0) {
            return Err(CodecError::NotCanonical(WHAT));
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(CodecError::NotCanonical(WHAT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn child(byte: u8, version: u64, leaves: u64) -> Child {
        Child { hash: [byte; 32], version, leaves: NonZeroU64::new(leaves).unwrap() }
    }

    #[test]
    fn node_records_keep_their_form() {
        let mut node = Internal::default();
        *node.children.first_mut().unwrap() = Some(child(0xaa, 1, 1));
        *node.children.last_mut().unwrap() = Some(child(0xbb, 300, 5));
        let record = Node::Internal(Box::new(node)).to_record();
        assert_eq!(hex::encode(&record), format!("010180010001{}01{}ac0205", "aa".repeat(32), "bb".repeat(32)));
        let key = Bytes::from_static(b"k");
        let leaf = Leaf { key_hash: Sha256::digest(&key).into(), value_hash: [9; 32], key };
        assert_eq!(hex::encode(Node::Leaf(leaf).to_record()), format!("0102{}6b", "09".repeat(32)));
    }

    proptest! {
        #[test]
        fn an_inner_node_comes_back_from_its_record(places in prop::collection::vec(prop::option::of((any::<u8>(), any::<u64>(), 1..1_000_000u64)), 16)) {
            let mut node = Internal::default();
            for (place, at) in node.children.iter_mut().zip(places) {
                *place = at.map(|(byte, version, leaves)| child(byte, version, leaves));
            }
            let node = Node::Internal(Box::new(node));
            prop_assert_eq!(Node::from_record(&node.to_record()).unwrap(), node);
        }

        #[test]
        fn a_decoded_node_has_one_record(bytes in prop::collection::vec(prop_oneof![Just(1u8), Just(0), Just(2), any::<u8>()], 0..120)) {
            if let Ok(node) = Node::from_record(&bytes) {
                prop_assert_eq!(node.to_record(), bytes);
            }
        }

        #[test]
        fn varints_have_one_form(value: u64, bytes in prop::collection::vec(any::<u8>(), 1..12)) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(varint(&mut Reader::new(&out)).unwrap(), value);
            let mut reader = Reader::new(&bytes);
            if let Ok(found) = varint(&mut reader) {
                let mut again = Vec::new();
                put_varint(&mut again, found);
                prop_assert_eq!(again.as_slice(), bytes.get(..bytes.len() - reader.left()).unwrap());
            }
        }
    }
}
