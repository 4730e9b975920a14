//! A small state, its snapshot and proofs of it.

use bytes::Bytes;
use defchain_base::{B256, Encode, Height, StateDelta, Substore};
use defchain_store::{
    ChainRecords, ModelDisk, StateProof, Store, StoreOptions,
    sync::{Manifest, SaveOptions, SnapshotFolder},
};

use super::{Made, made};

/// Small chunks of a small state.
const CHUNK_BYTES: usize = 700;
const HEIGHT: Height = Height(0);

/// A snapshot and what is so in its state.
pub struct Sample {
    /// Of the snapshot.
    pub manifest: Manifest,
    /// The chunks.
    pub chunks: Vec<Bytes>,
    /// The exported file.
    pub file: Vec<u8>,
    /// Keys with their values, and keys that have none.
    pub facts: Vec<(Substore, Vec<u8>, Option<Vec<u8>>)>,
    proofs: Vec<(String, StateProof)>,
}

fn key(n: u8) -> Vec<u8> {
    vec![b'k', n, n / 7]
}

impl Sample {
    /// Makes it, the same at every time.
    ///
    /// # Panics
    /// When the store fails.
    #[must_use]
    pub fn make() -> Self {
        let store = Store::open_on_model(&ModelDisk::default(), StoreOptions::for_tests()).expect("a store in memory");
        let mut delta = StateDelta::default();
        for n in 0..60_u8 {
            let substore = if n % 5 == 0 { Substore::Sys } else { Substore::Evm };
            delta.set(substore, key(n), Some(vec![1, n, 0xee].into()));
        }
        let prepared = store.prepare(&delta, None).expect("a block");
        let records = ChainRecords {
            height: HEIGHT,
            block_hash: B256::repeat_byte(1),
            header: b"a header as the store takes it".to_vec(),
            chain_id: "fuzz-1".to_owned(),
            genesis_hash: B256::repeat_byte(2),
            ..ChainRecords::default()
        };
        store.commit(prepared, records).expect("a block");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let snapshots = SnapshotFolder::new(folder.path().join("snapshots"));
        let options = SaveOptions { chunk_bytes: CHUNK_BYTES, ..SaveOptions::default() };
        let manifest = store.snapshot().save(&snapshots, options).expect("a snapshot");
        let chunks = (0..manifest.chunk_count())
            .map(|index| snapshots.chunk(HEIGHT, index).expect("a readable chunk").expect("a chunk"))
            .collect();
        let exported = folder.path().join("file");
        snapshots.export(HEIGHT, &exported).expect("an exported snapshot");
        let file = std::fs::read(exported).expect("an exported snapshot");
        let facts = vec![
            (Substore::Evm, key(1), Some(vec![1, 1, 0xee])),
            (Substore::Sys, key(5), Some(vec![1, 5, 0xee])),
            (Substore::Evm, key(200), None),
            (Substore::Trade, key(1), None),
        ];
        let proofs = facts
            .iter()
            .map(|(substore, key, value)| {
                let name = format!("{substore}-{}", if value.is_some() { "there" } else { "absent" });
                (name, store.prove(HEIGHT, *substore, key).expect("a proof"))
            })
            .collect();
        Self { manifest, chunks, file, facts, proofs }
    }
}

/// What the encoders write.
pub(super) fn good() -> Vec<Made> {
    let sample = Sample::make();
    let mut all = vec![
        made("manifest", "small-state", sample.manifest.to_bytes()),
        made("snapshot-file", "small-state", sample.file.clone()),
        made("chunk-judged", "first", sample.chunks[0].to_vec()),
        made("chunk", "first-of-small-state", sample.chunks[0].to_vec()),
        made("chunk", "last-of-small-state", sample.chunks[sample.chunks.len() - 1].to_vec()),
    ];
    all.extend(sample.proofs.iter().map(|(name, proof)| made("state-proof", name, proof.to_bytes())));
    all
}

/// What nobody's encoder writes.
pub(super) fn refused() -> Vec<Made> {
    let sample = Sample::make();
    let manifest = sample.manifest.to_bytes();
    // The count of chunks stands before the chunks.
    let count = manifest.len() - 32 * sample.chunks.len() - 4;
    let mut many = manifest.clone();
    many[count..count + 4].copy_from_slice(&[0, 1, 0, 0]);
    let mut forged = sample.chunks[0].to_vec();
    let middle = forged.len() / 4;
    forged[middle] ^= 1;
    let magic = sample.file.len().min(20);
    let mut announced = sample.file[..magic].to_vec();
    announced.extend([0, 0x30, 0, 0, 1]);
    let mut proof = sample.proofs[0].1.to_bytes();
    let last = proof.len() - 1;
    proof[last] ^= 1;
    // An unknown field behind the outer proof, with the length put right: protobuf alone would take it.
    let mut unknown = sample.proofs[3].1.to_bytes();
    unknown.extend([0x7a, 0]);
    let outer = u32::try_from(unknown.len() - 9).expect("a short proof");
    unknown[5..9].copy_from_slice(&outer.to_be_bytes());
    vec![
        made("manifest", "more-chunks-than-bytes", many),
        made("manifest", "half", &manifest[..manifest.len() / 2]),
        made("chunk-judged", "one-bit-forged", forged),
        made("chunk-judged", "second-comes-first", sample.chunks[1].to_vec()),
        made("chunk-judged", "empty", []),
        made("snapshot-file", "announces-3-mib", announced),
        made("snapshot-file", "half", &sample.file[..sample.file.len() / 2]),
        made("snapshot-file", "trailing", [sample.file.as_slice(), &[0]].concat()),
        made("state-proof", "unknown-field", unknown),
        made("state-proof", "huge-length", [1, 0xff, 0xff, 0xff, 0xff]),
        made("state-proof", "no-outer-proof", [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ]
}
