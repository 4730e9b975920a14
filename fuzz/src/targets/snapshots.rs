//! What a joining node takes from strangers, and proofs.

use std::{cell::RefCell, sync::LazyLock};

use bytes::Bytes;
use defchain_base::{B256, Encode, Substore, read_exact_value};
use defchain_store::{
    StateProof,
    sync::{Manifest, SnapshotFolder, Verifier},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{Form, Memory, Target, Verdict, same, seeds::snapshots::Sample};

/// A node's sixteen places and the hashes of sixteen children make little input much.
const TREES: Memory = Memory { base: 1 << 20, per_byte: 512 };

pub(super) const TARGETS: &[Target] = &[
    Target::own("manifest", Form::Whole, manifest),
    Target::own("chunk-judged", Form::Open, chunk).memory(TREES),
    Target::own("snapshot-file", Form::Whole, file).memory(Memory { base: 4 << 20, per_byte: 512 }).rounds(400),
    Target::own("state-proof", Form::Whole, proof).memory(Memory { base: 1 << 20, per_byte: 256 }),
];

static SAMPLE: LazyLock<Sample> = LazyLock::new(Sample::make);

fn manifest(data: &[u8]) -> Verdict {
    let manifest = Manifest::from_bytes(data).map_err(|error| error.to_string())?;
    same(&manifest.to_bytes(), data);
    assert_eq!(manifest.hash(), B256::new(Sha256::digest(data).into()));
    assert!(manifest.check(&B256::ZERO).is_err(), "nobody knows roots that make the hash zero");
    Ok(())
}

/// A chunk that its manifest lists, against the roots of a real state: the forger's case. What is taken of it is in the
/// state.
fn chunk(data: &[u8]) -> Verdict {
    let listed = B256::new(Sha256::digest(data).into());
    let mut manifest = SAMPLE.manifest.clone();
    let first = manifest.chunks.first_mut().expect("the sample has chunks");
    let honest = *first == listed;
    *first = listed;
    let mut verifier = Verifier::new(manifest);
    let before = verifier.next_chunk();
    match verifier.accept(0, &Bytes::copy_from_slice(data)) {
        Ok(()) => {
            // Another cut of the same state would be no forgery, but no mutation finds its hashes.
            assert!(honest, "a chunk was taken that is no chunk of this state");
            Ok(())
        }
        Err(error) => {
            assert_eq!(verifier.next_chunk(), before, "the verifier stays where it was");
            assert!(!error.is_ours(), "{error}");
            Err(error.to_string())
        }
    }
}

/// An exported snapshot, against the app hash that it must have.
fn file(data: &[u8]) -> Verdict {
    thread_local!(static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) });
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a temporary folder"));
        let (path, target) = (folder.path().join("file"), folder.path().join("snapshots"));
        std::fs::write(&path, data).expect("a temporary file");
        let snapshots = SnapshotFolder::new(&target);
        let taken = snapshots.import(&path, &SAMPLE.manifest.app_hash());
        let left = snapshots.heights().expect("a temporary folder");
        if target.exists() {
            let names = std::fs::read_dir(&target).expect("a temporary folder").count();
            assert_eq!(names, left.len(), "nothing half made is left behind");
            std::fs::remove_dir_all(&target).expect("a temporary folder");
        }
        match taken {
            Ok(manifest) => {
                assert_eq!(left, [manifest.height]);
                // The app hash vouches for the state alone; for the block's record the chain does, with the state.
                assert_eq!((manifest.roots, &manifest.chunks), (SAMPLE.manifest.roots, &SAMPLE.manifest.chunks));
                Ok(())
            }
            Err(error) => {
                assert!(left.is_empty(), "nothing of a refused file is kept");
                Err(error.to_string())
            }
        }
    })
}

/// A proof from anybody. Whatever it is, it shows of the sample's state only what is so.
fn proof(data: &[u8]) -> Verdict {
    let proof = read_exact_value::<StateProof>(data).map_err(|error| error.to_string())?;
    same(&proof.to_bytes(), data);
    let app_hash = SAMPLE.manifest.app_hash();
    for (substore, key, value) in &SAMPLE.facts {
        let lie = Some(&b"another value"[..]).filter(|_| value.is_none());
        assert!(proof.verify(&app_hash, *substore, key, lie).is_err(), "it shows what is not so");
        // May hold or not.
        let _ = proof.verify(&app_hash, *substore, key, value.as_deref());
    }
    let _ = proof.verify(&proof.root().unwrap_or_default(), Substore::Evm, b"key", None);
    Ok(())
}
