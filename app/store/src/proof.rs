//! The app hash (D6) and proofs of state under it.

use defchain_base::{B256, CodecError, Decode, Encode, Reader, Substore};
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, InnerSpec, LeafOp, LengthOp,
    NonExistenceProof, ProofSpec, commitment_proof::Proof,
};
use prost_013::Message;
use sha2::{Digest, Sha256};

use crate::{error::ProofError, tree::EMPTY_ROOT};

/// Longest encoding of a proof that is read: two neighbours of 256 steps each stay far below.
const MAX_PROOF_BYTES: usize = 1 << 20;

const V1: u8 = 1;

/// The app hash over the five roots, in the order of names: a Merkle tree as RFC 6962 draws it, whose leaves are
/// (name, root) pairs in the form of ICS23's Tendermint specification.
pub(crate) fn app_hash(roots: &[B256; 5]) -> B256 {
    let leaves: Vec<[u8; 32]> = Substore::ALL.into_iter().zip(roots).map(|(s, root)| pair_hash(s, root)).collect();
    B256::from(merkle(&leaves))
}

/// The roots of five empty trees.
pub(crate) const EMPTY_ROOTS: [B256; 5] = [B256::new(EMPTY_ROOT); 5];

fn pair_hash(substore: Substore, root: &B256) -> [u8; 32] {
    let name = substore.name().as_bytes();
    // Both lengths are below 128, so each varint is one byte.
    Sha256::new()
        .chain_update([0, u8::try_from(name.len()).unwrap_or(0)])
        .chain_update(name)
        .chain_update([32])
        .chain_update(Sha256::digest(root))
        .finalize()
        .into()
}

fn merkle(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split_point(leaves.len()));
            Sha256::new().chain_update([1]).chain_update(merkle(left)).chain_update(merkle(right)).finalize().into()
        }
    }
}

/// The greatest power of two below `n`, which is at least 2.
const fn split_point(n: usize) -> usize {
    n.div_ceil(2).next_power_of_two()
}

/// The steps from a leaf up to the root.
fn path_to_root(leaves: &[[u8; 32]], at: usize) -> Vec<InnerOp> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let split = split_point(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut path, prefix, suffix) = if at < split {
        (path_to_root(left, at), vec![1], merkle(right).to_vec())
    } else {
        (path_to_root(right, at.saturating_sub(split)), [&[1], merkle(left).as_slice()].concat(), Vec::new())
    };
    path.push(InnerOp { hash: HashOp::Sha256.into(), prefix, suffix });
    path
}

/// That a substore has this root under the app hash of these roots.
pub(crate) fn prove_root(roots: &[B256; 5], substore: Substore) -> CommitmentProof {
    let leaves: Vec<[u8; 32]> = Substore::ALL.into_iter().zip(roots).map(|(s, root)| pair_hash(s, root)).collect();
    let at = substore as usize;
    exists(ExistenceProof {
        key: substore.name().as_bytes().to_vec(),
        value: roots.get(at).map(|root| root.to_vec()).unwrap_or_default(),
        leaf: ics23::tendermint_spec().leaf_spec,
        path: path_to_root(&leaves, at),
    })
}

const fn exists(proof: ExistenceProof) -> CommitmentProof {
    CommitmentProof { proof: Some(Proof::Exist(proof)) }
}

/// A proof that a key has a value, or none, under an app hash (D6): one proof inside the substore's tree, one from its
/// root to the app hash. Both are ICS23 proofs; an empty tree has no inner proof, its root says it all.
#[derive(Debug, Clone, PartialEq)]
pub struct StateProof {
    pub(crate) inner: Option<CommitmentProof>,
    pub(crate) outer: CommitmentProof,
}

impl StateProof {
    /// Protobuf bytes of the ICS23 proof inside the substore; `None` when its tree is empty.
    #[must_use]
    pub fn inner_bytes(&self) -> Option<Vec<u8>> {
        self.inner.as_ref().map(Message::encode_to_vec)
    }

    /// Protobuf bytes of the ICS23 proof of (name, root) under the app hash.
    #[must_use]
    pub fn outer_bytes(&self) -> Vec<u8> {
        self.outer.encode_to_vec()
    }

    /// The substore's root that the proof claims.
    #[must_use]
    pub fn root(&self) -> Option<B256> {
        match &self.outer.proof {
            Some(Proof::Exist(exist)) => B256::try_from(exist.value.as_slice()).ok(),
            _ => None,
        }
    }

    /// Checks that `key` of `substore` has `value` (or none) in the state whose app hash is `app_hash`.
    ///
    /// Only the ics23 crate and two fixed specifications are used: nothing of the code that makes proofs.
    ///
    /// # Errors
    /// When the proof does not show it.
    pub fn verify(
        &self,
        app_hash: &B256,
        substore: Substore,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ProofError> {
        let root = self.root().ok_or_else(|| ProofError::Malformed("no 32-byte root in the outer proof".into()))?;
        let under = verify_exists(&self.outer, &ics23::tendermint_spec(), app_hash, substore.name().as_bytes(), &*root);
        if !under {
            return Err(ProofError::NotUnderAppHash { substore, app_hash: *app_hash });
        }
        let (shown, claim) = match (value, &self.inner) {
            (Some(value), Some(inner)) => (verify_exists(inner, &tree_spec(), &root, key, value), "has that value"),
            (Some(_), None) => (false, "has that value"),
            (None, Some(inner)) => (verify_absent(inner, &tree_spec(), &root, key), "is absent"),
            (None, None) => (root == B256::new(EMPTY_ROOT), "is absent"),
        };
        if shown { Ok(()) } else { Err(ProofError::NotShown { substore, key: hex::encode(key), claim }) }
    }
}

impl Encode for StateProof {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        for bytes in [self.inner_bytes().unwrap_or_default(), self.outer_bytes()] {
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(&bytes);
        }
    }
}

impl Decode for StateProof {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "state proof";
        input.version(V1, WHAT)?;
        let inner = input.bytes(MAX_PROOF_BYTES, WHAT)?;
        let inner = if inner.is_empty() { None } else { Some(decode_proof(inner)?) };
        let outer = decode_proof(input.bytes(MAX_PROOF_BYTES, WHAT)?)?;
        Ok(Self { inner, outer })
    }
}

fn decode_proof(bytes: &[u8]) -> Result<CommitmentProof, CodecError> {
    const WHAT: &str = "ICS23 proof";
    let proof = CommitmentProof::decode(bytes).map_err(|e| CodecError::Invalid { what: WHAT, why: e.to_string() })?;
    // One encoding only (D8b): Protobuf alone would take fields in any order, and unknown ones.
    if proof.encode_to_vec() == bytes { Ok(proof) } else { Err(CodecError::NotCanonical(WHAT)) }
}

/// The shape of the trees: hashes of keys and values under a prefix, binary inner nodes with an empty child.
fn tree_spec() -> ProofSpec {
    let sha256 = i32::from(HashOp::Sha256);
    ProofSpec {
        leaf_spec: Some(LeafOp {
            hash: sha256,
            prehash_key: sha256,
            prehash_value: sha256,
            length: LengthOp::NoPrefix.into(),
            prefix: b"JMT::LeafNode".to_vec(),
        }),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 16,
            max_prefix_length: 16,
            empty_child: EMPTY_ROOT.to_vec(),
            hash: sha256,
        }),
        min_depth: 0,
        max_depth: 64,
        prehash_key_before_comparison: true,
    }
}

fn verify_exists(proof: &CommitmentProof, spec: &ProofSpec, root: &B256, key: &[u8], value: &[u8]) -> bool {
    // Batches and compressed batches are never made here, and their unpacking trusts its indexes.
    matches!(proof.proof, Some(Proof::Exist(_)))
        && ics23::verify_membership::<HostFunctionsManager>(proof, spec, &root.to_vec(), key, value)
}

fn verify_absent(proof: &CommitmentProof, spec: &ProofSpec, root: &B256, key: &[u8]) -> bool {
    match &proof.proof {
        // ics23 does not look at the key that the proof says it is for.
        Some(Proof::Nonexist(absence)) if absence.key == key && neighbours_part(absence) => {
            ics23::verify_non_membership::<HostFunctionsManager>(proof, spec, &root.to_vec(), key)
        }
        _ => false,
    }
}

/// Whether the ways to the two neighbours part before one of them ends. ics23 walks them down from the root until they
/// do, and panics when they never do.
fn neighbours_part(absence: &NonExistenceProof) -> bool {
    match (&absence.left, &absence.right) {
        (Some(left), Some(right)) => left
            .path
            .iter()
            .rev()
            .zip(right.path.iter().rev())
            .any(|(a, b)| a.prefix != b.prefix || a.suffix != b.suffix),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn our_tree_specification_is_that_of_jmt() {
        assert_eq!(tree_spec(), jmt::ics23_spec());
    }

    #[test]
    fn the_app_hash_of_five_empty_trees_is_frozen() {
        // Recomputed here from the definition, not with the functions above.
        let leaf = |name: &str| {
            let mut image = vec![0, u8::try_from(name.len()).unwrap()];
            image.extend_from_slice(name.as_bytes());
            image.push(32);
            image.extend_from_slice(&Sha256::digest(EMPTY_ROOT));
            Sha256::digest(image).to_vec()
        };
        let node = |l: Vec<u8>, r: Vec<u8>| Sha256::digest([vec![1], l, r].concat()).to_vec();
        let four = node(node(leaf("ai"), leaf("def")), node(leaf("evm"), leaf("sys")));
        let expected = node(four, leaf("trade"));
        assert_eq!(app_hash(&EMPTY_ROOTS).to_vec(), expected);
        assert_eq!(hex::encode(expected), "0c3ad6eabef2363e779354c5905fec5eeaf649c1bcfdcf0708fee5ec15e98c34");
    }

    #[test]
    fn every_root_is_proven_and_no_other() {
        let roots = [1, 2, 3, 4, 5].map(B256::repeat_byte);
        let hash = app_hash(&roots);
        for substore in Substore::ALL {
            let proof = prove_root(&roots, substore);
            let root = roots[substore as usize];
            let check = |hash: &B256, name: &str, root: &B256| {
                verify_exists(&proof, &ics23::tendermint_spec(), hash, name.as_bytes(), root.as_slice())
            };
            assert!(check(&hash, substore.name(), &root));
            assert!(!check(&hash, "other", &root));
            assert!(!check(&hash, substore.name(), &B256::repeat_byte(9)));
            assert!(!check(&B256::repeat_byte(9), substore.name(), &root));
        }
    }

    #[test]
    fn neighbours_that_never_part_are_refused_without_a_panic() {
        let op = InnerOp { hash: HashOp::Sha256.into(), prefix: b"JMT::IntrnalNode".to_vec(), suffix: vec![0; 32] };
        let leaf = tree_spec().leaf_spec;
        let side = |key: &[u8], path: Vec<InnerOp>| ExistenceProof {
            key: key.to_vec(),
            value: vec![1],
            leaf: leaf.clone(),
            path,
        };
        for path in [vec![], vec![op.clone()], vec![op.clone(), op]] {
            let absence = NonExistenceProof {
                key: b"k".to_vec(),
                left: Some(side(b"a", path.clone())),
                right: Some(side(b"b", path)),
            };
            let proof = CommitmentProof { proof: Some(Proof::Nonexist(absence)) };
            assert!(!verify_absent(&proof, &tree_spec(), &B256::ZERO, b"k"));
        }
    }
}
