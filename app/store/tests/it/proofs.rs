//! Proofs of state under the app hash.

use bytes::Bytes;
use defchain_base::{Encode, Height, StateDelta, StateRead, Substore, read_exact_value};
use defchain_store::{ProofError, StateProof, StoreError};

use crate::{commit, grow, key, open};

#[test]
fn every_key_at_every_height_is_proven_present_or_absent() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let states = grow(&store, 1, 14);
    for (height, (state, info)) in (0..).zip(&states) {
        for substore in Substore::ALL {
            for n in (0..100).step_by(7) {
                let key = key(n);
                let value = state.get_raw(substore, &key).unwrap();
                let proof = store.prove(Height(height), substore, &key).unwrap();
                assert_eq!(proof.root(), Some(info.root(substore)));
                proof.verify(&info.app_hash, substore, &key, value.as_deref()).unwrap();
                // The opposite claim, another value, another key, another substore, another state: none is shown.
                let other = value.as_deref().map_or(Some(&b"v"[..]), |_| None);
                assert!(proof.verify(&info.app_hash, substore, &key, other).is_err());
                assert!(proof.verify(&info.app_hash, substore, &key, Some(b"other")).is_err());
                let elsewhere = if substore == Substore::Evm { Substore::Def } else { Substore::Evm };
                assert!(matches!(
                    proof.verify(&info.app_hash, elsewhere, &key, value.as_deref()),
                    Err(ProofError::NotUnderAppHash { .. })
                ));
                let next = &states[(usize::try_from(height).unwrap() + 5) % states.len()].1;
                assert!(proof.verify(&next.app_hash, substore, &key, value.as_deref()).is_err());
                if let Some(value) = &value {
                    assert!(proof.verify(&info.app_hash, substore, &crate::key(n + 1), Some(value)).is_err());
                }
            }
        }
    }
}

/// Changes one byte at a time: what still decodes must not prove anything.
#[test]
fn a_proof_with_any_byte_changed_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (state, info) = grow(&store, 1, 14).pop().unwrap();
    let present = (0..90).map(key).find(|k| state.get_raw(Substore::Evm, k).unwrap().is_some()).unwrap();
    let absent = (0..90).map(key).find(|k| state.get_raw(Substore::Evm, k).unwrap().is_none()).unwrap();
    for key in [present, absent] {
        let value = state.get_raw(Substore::Evm, &key).unwrap();
        let proof = store.prove(Height(14), Substore::Evm, &key).unwrap();
        let bytes = proof.to_bytes();
        assert_eq!(read_exact_value::<StateProof>(&bytes).unwrap(), proof);
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                if let Ok(changed) = read_exact_value::<StateProof>(&bytes) {
                    let shown = changed.verify(&info.app_hash, Substore::Evm, &key, value.as_deref());
                    assert!(shown.is_err(), "byte {at} ^ {flip} of {}", bytes.len());
                }
            }
        }
        for cut in 0..bytes.len() {
            assert!(read_exact_value::<StateProof>(&bytes[..cut]).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(read_exact_value::<StateProof>(&longer).is_err());
    }
}

#[test]
fn an_empty_substore_proves_that_nothing_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let info = commit(&store, &StateDelta::default());
    let proof = store.prove(Height(0), Substore::Trade, b"k").unwrap();
    assert!(proof.inner_bytes().is_none());
    proof.verify(&info.app_hash, Substore::Trade, b"k", None).unwrap();
    assert!(proof.verify(&info.app_hash, Substore::Trade, b"k", Some(b"v")).is_err());
    // Without its inner proof, a proof of a substore that is not empty shows nothing.
    let mut delta = StateDelta::default();
    delta.set(Substore::Trade, b"k".to_vec(), Some(Bytes::from_static(b"v")));
    let info = commit(&store, &delta);
    let proof = store.prove(Height(1), Substore::Trade, b"other").unwrap();
    let mut bytes = vec![1, 0, 0, 0, 0];
    let outer = proof.outer_bytes();
    bytes.extend_from_slice(&u32::try_from(outer.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&outer);
    let stripped: StateProof = read_exact_value(&bytes).unwrap();
    assert!(stripped.verify(&info.app_hash, Substore::Trade, b"k", None).is_err());
}

#[test]
fn a_tree_of_one_leaf_proves_it_and_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut delta = StateDelta::default();
    delta.set(Substore::Ai, b"only".to_vec(), Some(Bytes::from_static(b"v")));
    let info = commit(&store, &delta);
    let at = |key: &[u8]| store.prove(Height(0), Substore::Ai, key).unwrap();
    at(b"only").verify(&info.app_hash, Substore::Ai, b"only", Some(b"v")).unwrap();
    for n in 0..20u8 {
        at(&[n]).verify(&info.app_hash, Substore::Ai, &[n], None).unwrap();
        assert!(at(&[n]).verify(&info.app_hash, Substore::Ai, b"only", None).is_err());
    }
}

#[test]
fn what_cannot_be_proven_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(store.prove(Height(0), Substore::Evm, b"k"), Err(StoreError::Empty)));
    grow(&store, 1, 3);
    assert!(matches!(store.prove(Height(4), Substore::Evm, b"k"), Err(StoreError::NotHeld { .. })));
    assert!(matches!(store.prove(Height(3), Substore::Evm, b""), Err(StoreError::EmptyEntry { .. })));
}
