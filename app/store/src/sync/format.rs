//! What a manifest and a chunk look like. Frozen by the tests below: nodes of different builds exchange them.

use bytes::Bytes;
use defchain_base::{B256, CodecError, Decode, Encode, Height, Reader, Substore, read_exact_value};
use sha2::{Digest, Sha256};

use super::SnapshotError;
use crate::{
    proof::app_hash,
    tree::{Child, Internal},
};

/// The format's number, as ABCI's snapshots carry it.
pub const FORMAT: u32 = 1;
/// Most bytes of a chunk. CometBFT takes messages of 16 MB.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;
/// Most chunks of a snapshot: 256 GiB at the usual size.
pub const MAX_CHUNKS: usize = 1 << 16;
/// Most bytes of a manifest. CometBFT takes 4 MB.
pub const MAX_MANIFEST_BYTES: usize = 3 << 20;
const _: () = assert!(MAX_CHUNKS * 32 + MAX_BLOCK_BYTES + MAX_CHAIN_ID + 1024 < MAX_MANIFEST_BYTES);
const _: () = assert!(MAX_ENTRY_BYTES + MAX_EDGE_BYTES < MAX_CHUNK_BYTES / 2);

const V1: u8 = 1;
const MAX_CHAIN_ID: usize = 256;
/// Most bytes of a block's record in a manifest; a header has below one thousand.
const MAX_BLOCK_BYTES: usize = 64 << 10;
/// Most bytes of key and value together: code of a contract is the largest value there is.
pub(crate) const MAX_ENTRY_BYTES: usize = 2 << 20;
/// Most inner nodes on a path.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most bytes of a right edge: at each depth two bitmaps and fifteen hashes.
const MAX_EDGE_BYTES: usize = 1 + MAX_DEPTH * (4 + 15 * 32);

/// What a snapshot is of, and what its chunks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The block after which this was the state.
    pub height: Height,
    /// The substores' roots, in the order of names.
    pub roots: [B256; 5],
    /// The chain's id.
    pub chain_id: String,
    /// Hash of the chain's genesis.
    pub genesis_hash: B256,
    /// Hash of the block (D7).
    pub block_hash: B256,
    /// The block's header as it is stored. The store does not look into it; whoever restores must check it against the
    /// state.
    pub header: Vec<u8>,
    /// SHA-256 of each chunk.
    pub chunks: Vec<B256>,
}

impl Manifest {
    /// Reads a manifest of at most [`MAX_MANIFEST_BYTES`].
    ///
    /// # Errors
    /// When the bytes are not exactly one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            let (found, limit) = (bytes.len() as u64, MAX_MANIFEST_BYTES as u64);
            return Err(SnapshotError::Manifest(CodecError::Limit { what: "manifest", found, limit }));
        }
        read_exact_value(bytes).map_err(SnapshotError::Manifest)
    }

    /// What the snapshot is known by: SHA-256 of the manifest.
    #[must_use]
    pub fn hash(&self) -> B256 {
        B256::new(Sha256::digest(self.to_bytes()).into())
    }

    /// The app hash that the roots make.
    #[must_use]
    pub fn app_hash(&self) -> B256 {
        app_hash(&self.roots)
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// Refuses a manifest of another state than the trusted one.
    ///
    /// # Errors
    /// [`SnapshotError::AppHash`].
    pub fn check(&self, trusted: &B256) -> Result<(), SnapshotError> {
        let found = self.app_hash();
        if found == *trusted {
            return Ok(());
        }
        Err(SnapshotError::AppHash { height: self.height, found, trusted: *trusted })
    }

    pub(crate) fn root(&self, substore: Substore) -> B256 {
        self.roots.get(substore as usize).copied().unwrap_or_default()
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

impl Encode for Manifest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        out.extend_from_slice(&self.height.0.to_be_bytes());
        for root in &self.roots {
            out.extend_from_slice(root.as_slice());
        }
        put_bytes(out, self.chain_id.as_bytes());
        out.extend_from_slice(self.genesis_hash.as_slice());
        out.extend_from_slice(self.block_hash.as_slice());
        put_bytes(out, &self.header);
        out.extend_from_slice(&self.chunk_count().to_be_bytes());
        for chunk in &self.chunks {
            out.extend_from_slice(chunk.as_slice());
        }
    }
}

impl Decode for Manifest {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "snapshot manifest";
        input.version(V1, WHAT)?;
        let height = Height(input.u64(WHAT)?);
        let mut roots = [B256::ZERO; 5];
        for root in &mut roots {
            *root = B256::new(input.array(WHAT)?);
        }
        let chain_id = String::from_utf8(input.bytes(MAX_CHAIN_ID, "chain id")?.to_vec())
            .map_err(|e| CodecError::Invalid { what: WHAT, why: e.to_string() })?;
        let genesis_hash = B256::new(input.array(WHAT)?);
        let block_hash = B256::new(input.array(WHAT)?);
        let header = input.bytes(MAX_BLOCK_BYTES, "header in a manifest")?.to_vec();
        let count = input.count(MAX_CHUNKS, "chunks")?;
        // Not reserved by the count: a lie must not allocate.
        let mut chunks = Vec::new();
        for _ in 0..count {
            chunks.push(B256::new(input.array(WHAT)?));
        }
        Ok(Self { height, roots, chain_id, genesis_hash, block_hash, header, chunks })
    }
}

/// At each inner node from the root to a chunk's last entry, the children right of the way.
pub(crate) type RightEdge = Vec<Internal>;

/// Entries of one substore, ascending by key hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub substore: Substore,
    pub entries: Vec<(Bytes, Bytes)>,
    pub edge: RightEdge,
}

/// Writes a chunk entry by entry.
pub(crate) struct ChunkWriter {
    out: Vec<u8>,
    count: u32,
}

/// Version, substore, count.
const HEAD_BYTES: usize = 6;

impl ChunkWriter {
    pub(crate) fn new(substore: Substore, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.extend_from_slice(&[V1, substore as u8, 0, 0, 0, 0]);
        Self { out, count: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Appends an entry; the caller keeps to [`MAX_ENTRY_BYTES`].
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.out.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.out.extend_from_slice(key);
        put_bytes(&mut self.out, value);
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn finish(mut self, edge: &[Internal]) -> Vec<u8> {
        for (to, from) in self.out.iter_mut().take(HEAD_BYTES).skip(2).zip(self.count.to_be_bytes()) {
            *to = from;
        }
        self.out.push(u8::try_from(edge.len()).unwrap_or(u8::MAX));
        for node in edge {
            let (mut taken, mut leaf) = (0u16, 0u16);
            for (nibble, child) in node.iter() {
                let bit = 1u16.checked_shl(u32::from(nibble)).unwrap_or(0);
                taken |= bit;
                if child.is_leaf() {
                    leaf |= bit;
                }
            }
            self.out.extend_from_slice(&taken.to_be_bytes());
            self.out.extend_from_slice(&leaf.to_be_bytes());
            for (_, child) in node.iter() {
                self.out.extend_from_slice(&child.hash);
            }
        }
        self.out
    }
}

impl Chunk {
    pub(crate) fn from_bytes(bytes: &Bytes) -> Result<Self, CodecError> {
        const WHAT: &str = "snapshot chunk";
        let mut input = Reader::new(bytes);
        input.version(V1, WHAT)?;
        let number = input.u8(WHAT)?;
        let substore = Substore::ALL.into_iter().find(|s| *s as u8 == number);
        let substore =
            substore.ok_or_else(|| CodecError::Invalid { what: WHAT, why: format!("no substore {number}") })?;
        let count = input.count(bytes.len(), "entries in a chunk")?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let key = usize::from(input.u16(WHAT)?);
            let key = input.take(key, "key in a chunk")?;
            let value = input.bytes(MAX_ENTRY_BYTES, "value in a chunk")?;
            if key.is_empty() || value.is_empty() {
                return Err(CodecError::Invalid { what: WHAT, why: "an empty key or value".to_owned() });
            }
            entries.push((bytes.slice_ref(key), bytes.slice_ref(value)));
        }
        let depth = usize::from(input.u8(WHAT)?);
        if depth > MAX_DEPTH {
            return Err(CodecError::Limit { what: "depth of an edge", found: depth as u64, limit: MAX_DEPTH as u64 });
        }
        let mut edge = Vec::with_capacity(depth);
        for _ in 0..depth {
            edge.push(decode_right(&mut input)?);
        }
        input.finish()?;
        Ok(Self { substore, entries, edge })
    }
}

fn decode_right(input: &mut Reader<'_>) -> Result<Internal, CodecError> {
    const WHAT: &str = "edge of a chunk";
    let (taken, leaf) = (input.u16(WHAT)?, input.u16(WHAT)?);
    if leaf & !taken != 0 {
        return Err(CodecError::NotCanonical(WHAT));
    }
    let mut node = Internal::default();
    for (nibble, place) in (0u32..).zip(&mut node.children) {
        let bit = 1u16.checked_shl(nibble).unwrap_or(0);
        if taken & bit != 0 {
            let hash = input.array(WHAT)?;
            *place = Some(if leaf & bit != 0 { Child::leaf(hash) } else { Child::opaque(hash) });
        }
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            height: Height(258),
            roots: [1, 2, 3, 4, 5].map(B256::repeat_byte),
            chain_id: "dev".to_owned(),
            genesis_hash: B256::repeat_byte(7),
            block_hash: B256::repeat_byte(8),
            header: b"head".to_vec(),
            chunks: vec![B256::repeat_byte(9), B256::repeat_byte(10)],
        }
    }

    #[test]
    fn a_manifest_keeps_its_form() {
        let word = |byte: &str| byte.repeat(32);
        let roots: String = ["01", "02", "03", "04", "05"].map(word).concat();
        let expected = format!(
            "010000000000000102{roots}00000003646576{}{}0000000468656164{:08x}{}{}",
            word("07"),
            word("08"),
            2,
            word("09"),
            word("0a")
        );
        assert_eq!(hex::encode(manifest().to_bytes()), expected);
        assert_eq!(Manifest::from_bytes(&manifest().to_bytes()).unwrap(), manifest());
    }

    #[test]
    fn a_chunk_keeps_its_form() {
        let mut right = Internal::default();
        right.children[3] = Some(Child::leaf([0xaa; 32]));
        right.children[15] = Some(Child::opaque([0xbb; 32]));
        let mut writer = ChunkWriter::new(Substore::Evm, 0);
        writer.add(b"k", b"value");
        let bytes = writer.finish(&[right.clone(), Internal::default()]);
        let expected = format!(
            "010200000001{}{}02{}{}{}{}",
            "00016b",
            "0000000576616c7565",
            "80080008",
            "aa".repeat(32),
            "bb".repeat(32),
            "00000000"
        );
        assert_eq!(hex::encode(&bytes), expected);
        let chunk = Chunk::from_bytes(&bytes.into()).unwrap();
        assert_eq!(chunk.entries, [(Bytes::from_static(b"k"), Bytes::from_static(b"value"))]);
        assert_eq!((chunk.substore, chunk.edge), (Substore::Evm, vec![right, Internal::default()]));
    }

    #[test]
    fn what_is_too_long_or_empty_is_refused() {
        let mut many = manifest().to_bytes();
        many.resize(MAX_MANIFEST_BYTES + 1, 0);
        assert!(Manifest::from_bytes(&many).unwrap_err().to_string().contains("3145728"));
        let mut writer = ChunkWriter::new(Substore::Evm, 0);
        writer.add(b"k", b"");
        assert!(Chunk::from_bytes(&writer.finish(&[]).into()).unwrap_err().to_string().contains("empty"));
        let deep = vec![Internal::default(); 65];
        let found = Chunk::from_bytes(&ChunkWriter::new(Substore::Evm, 0).finish(&deep).into()).unwrap_err();
        assert!(found.to_string().contains("64"), "{found}");
    }

    proptest! {
        #[test]
        fn whatever_decodes_was_encoded_so(bytes in prop::collection::vec(prop_oneof![Just(1u8), Just(0), any::<u8>()], 0..400)) {
            if let Ok(found) = Manifest::from_bytes(&bytes) { prop_assert_eq!(found.to_bytes(), bytes.clone()); }
            if let Ok(found) = Chunk::from_bytes(&bytes.clone().into()) {
                let mut writer = ChunkWriter::new(found.substore, 0);
                for (key, value) in &found.entries { writer.add(key, value); }
                prop_assert_eq!(writer.finish(&found.edge), bytes);
            }
        }
    }
}
