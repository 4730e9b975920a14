//! What the records in the column families look like. Each begins with a version byte; the forms are frozen by the
//! tests below, because a node opens what an older build wrote.

use bytes::Bytes;
use defchain_base::{B256, CodecError, Decode, Encode, Height, Reader};

use crate::tree::{NodeKey, StaleNode};

const V1: u8 = 1;

/// Most hashes or terms in one block's index record: far above any block, so that only damage reaches it.
const INDEX_LIMIT: usize = 1 << 24;

/// A newest value: version byte, then the value as it is.
pub(crate) fn put_value(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len().saturating_add(1));
    out.push(V1);
    out.extend_from_slice(value);
    out
}

pub(crate) fn value(record: &[u8]) -> Result<&[u8], CodecError> {
    let mut reader = Reader::new(record);
    reader.version(V1, "value record")?;
    reader.take(reader.left(), "value record")
}

/// A value in history: version byte, 0 for a deletion or 1 followed by the value.
pub(crate) fn put_past_value(value: Option<&[u8]>) -> Vec<u8> {
    match value {
        None => vec![V1, 0],
        Some(value) => {
            let mut out = Vec::with_capacity(value.len().saturating_add(2));
            out.extend_from_slice(&[V1, 1]);
            out.extend_from_slice(value);
            out
        }
    }
}

pub(crate) fn past_value(record: &[u8]) -> Result<Option<Bytes>, CodecError> {
    const WHAT: &str = "history record";
    let mut reader = Reader::new(record);
    reader.version(V1, WHAT)?;
    match reader.u8(WHAT)? {
        0 => reader.finish().map(|()| None),
        1 => Ok(Some(Bytes::copy_from_slice(reader.take(reader.left(), WHAT)?))),
        _ => Err(CodecError::NotCanonical(WHAT)),
    }
}

/// What a height committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeightRecord {
    pub app_hash: B256,
    pub roots: [B256; 5],
    pub versions: [u64; 5],
}

impl Encode for HeightRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        out.extend_from_slice(self.app_hash.as_slice());
        for (root, version) in self.roots.iter().zip(self.versions) {
            out.extend_from_slice(root.as_slice());
            out.extend_from_slice(&version.to_be_bytes());
        }
    }
}

impl Decode for HeightRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "height record";
        input.version(V1, WHAT)?;
        let app_hash = B256::from(input.array(WHAT)?);
        let (mut roots, mut versions) = ([B256::ZERO; 5], [0; 5]);
        for (root, version) in roots.iter_mut().zip(versions.iter_mut()) {
            *root = B256::from(input.array(WHAT)?);
            *version = input.u64(WHAT)?;
        }
        Ok(Self { app_hash, roots, versions })
    }
}

/// Which chain the store is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainRecord {
    pub genesis_hash: B256,
    pub chain_id: String,
}

impl Encode for ChainRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        out.extend_from_slice(self.genesis_hash.as_slice());
        put_bytes(out, self.chain_id.as_bytes());
    }
}

impl Decode for ChainRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "chain record";
        input.version(V1, WHAT)?;
        let genesis_hash = B256::from(input.array(WHAT)?);
        let chain_id = String::from_utf8(input.bytes(1 << 16, WHAT)?.to_vec())
            .map_err(|e| CodecError::Invalid { what: WHAT, why: e.to_string() })?;
        Ok(Self { genesis_hash, chain_id })
    }
}

/// What a height put into the indexes: what must go when the height goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IndexRecord {
    pub block_hash: B256,
    pub tx_hashes: Vec<B256>,
    pub terms: Vec<B256>,
}

impl Encode for IndexRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(V1);
        out.extend_from_slice(self.block_hash.as_slice());
        for list in [&self.tx_hashes, &self.terms] {
            out.extend_from_slice(&u32::try_from(list.len()).unwrap_or(u32::MAX).to_be_bytes());
            for item in list {
                out.extend_from_slice(item.as_slice());
            }
        }
    }
}

impl Decode for IndexRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "index record";
        input.version(V1, WHAT)?;
        let block_hash = B256::from(input.array(WHAT)?);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            let count = input.count(INDEX_LIMIT, WHAT)?;
            // Not reserved by the count: damage must not allocate.
            for _ in 0..count {
                list.push(B256::from(input.array(WHAT)?));
            }
        }
        let [tx_hashes, terms] = lists;
        Ok(Self { block_hash, tx_hashes, terms })
    }
}

/// Where a block hash points.
pub(crate) fn put_block_location(height: Height) -> [u8; 9] {
    let mut out = [V1; 9];
    for (to, from) in out.iter_mut().skip(1).zip(height.0.to_be_bytes()) {
        *to = from;
    }
    out
}

pub(crate) fn block_location(record: &[u8]) -> Result<Height, CodecError> {
    const WHAT: &str = "block location";
    let mut reader = Reader::new(record);
    reader.version(V1, WHAT)?;
    let height = reader.u64(WHAT)?;
    reader.finish()?;
    Ok(Height(height))
}

/// Where a transaction hash points.
pub(crate) fn put_tx_location(height: Height, index: u32) -> Vec<u8> {
    let mut out = put_block_location(height).to_vec();
    out.extend_from_slice(&index.to_be_bytes());
    out
}

pub(crate) fn tx_location(record: &[u8]) -> Result<(Height, u32), CodecError> {
    const WHAT: &str = "transaction location";
    let mut reader = Reader::new(record);
    reader.version(V1, WHAT)?;
    let height = reader.u64(WHAT)?;
    let index = reader.u32(WHAT)?;
    reader.finish()?;
    Ok((Height(height), index))
}

/// The mark of a log term: only its key matters.
pub(crate) const TERM_MARK: [u8; 1] = [V1];

/// The nodes that one block replaced in one tree.
pub(crate) fn put_stale(nodes: &[StaleNode]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nodes.len().saturating_mul(8).saturating_add(5));
    out.push(V1);
    out.extend_from_slice(&u32::try_from(nodes.len()).unwrap_or(u32::MAX).to_be_bytes());
    for stale in nodes {
        out.push(u8::from(stale.leaf));
        crate::tree::put_varint(&mut out, stale.key.version);
        stale.key.path.encode_sized(&mut out);
    }
    out
}

pub(crate) fn stale(record: &[u8]) -> Result<Vec<StaleNode>, CodecError> {
    const WHAT: &str = "stale list";
    let mut reader = Reader::new(record);
    reader.version(V1, WHAT)?;
    let count = reader.count(INDEX_LIMIT, WHAT)?;
    let mut nodes = Vec::new();
    for _ in 0..count {
        let leaf = match reader.u8(WHAT)? {
            0 => false,
            1 => true,
            _ => return Err(CodecError::NotCanonical(WHAT)),
        };
        let version = crate::tree::varint(&mut reader)?;
        let path = crate::tree::NibblePath::decode_sized(&mut reader)?;
        nodes.push(StaleNode { key: NodeKey { version, path }, leaf });
    }
    reader.finish()?;
    Ok(nodes)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_base::read_exact_value;
    use proptest::prelude::*;

    use super::*;
    use crate::tree::NibblePath;

    #[test]
    fn records_keep_their_form() {
        assert_eq!(hex::encode(put_value(b"ab")), "016162");
        assert_eq!(hex::encode(put_past_value(None)), "0100");
        assert_eq!(hex::encode(put_past_value(Some(b"ab"))), "01016162");
        assert_eq!(hex::encode(put_block_location(Height(258))), "010000000000000102");
        assert_eq!(hex::encode(put_tx_location(Height(258), 3)), "01000000000000010200000003");
        let stale_nodes = [
            StaleNode { key: NodeKey { version: 300, path: NibblePath::of(&[0xab; 32], 3) }, leaf: true },
            StaleNode { key: NodeKey { version: 1, path: NibblePath::ROOT }, leaf: false },
        ];
        assert_eq!(hex::encode(put_stale(&stale_nodes)), "0100000002".to_owned() + "01ac0203aba0" + "000100");
        let chain = ChainRecord { genesis_hash: B256::repeat_byte(7), chain_id: "dev".into() };
        assert_eq!(hex::encode(chain.to_bytes()), format!("01{}00000003646576", "07".repeat(32)));
        let height = HeightRecord {
            app_hash: B256::repeat_byte(1),
            roots: [2, 3, 4, 5, 6].map(B256::repeat_byte),
            versions: [0, 1, 2, 3, 4],
        };
        let roots: String = (0..5).map(|i| format!("{}{i:016x}", format!("{:02x}", i + 2).repeat(32))).collect();
        assert_eq!(hex::encode(height.to_bytes()), format!("01{}{roots}", "01".repeat(32)));
        let index = IndexRecord {
            block_hash: B256::repeat_byte(1),
            tx_hashes: vec![B256::repeat_byte(2)],
            terms: vec![B256::repeat_byte(3), B256::repeat_byte(4)],
        };
        let lists = format!("00000001{}00000002{}{}", "02".repeat(32), "03".repeat(32), "04".repeat(32));
        assert_eq!(hex::encode(index.to_bytes()), format!("01{}{lists}", "01".repeat(32)));
    }

    #[test]
    fn records_of_another_version_are_refused() {
        assert!(matches!(value(&[2, 7]), Err(CodecError::Version { version: 2, .. })));
        assert!(matches!(past_value(&[0, 1]), Err(CodecError::Version { version: 0, .. })));
        assert!(matches!(read_exact_value::<HeightRecord>(&[9; 233]), Err(CodecError::Version { version: 9, .. })));
        assert!(matches!(value(&[]), Err(CodecError::Short { .. })));
        assert!(matches!(past_value(&[1, 2]), Err(CodecError::NotCanonical(_))));
        assert!(matches!(past_value(&[1, 0, 0]), Err(CodecError::Trailing(1))));
    }

    proptest! {
        #[test]
        fn whatever_decodes_was_encoded_so(bytes in prop::collection::vec(prop_oneof![Just(1u8), Just(0), any::<u8>()], 0..300)) {
            if let Ok(found) = value(&bytes) { prop_assert_eq!(put_value(found), bytes.clone()); }
            if let Ok(found) = past_value(&bytes) { prop_assert_eq!(put_past_value(found.as_deref()), bytes.clone()); }
            if let Ok(found) = stale(&bytes) { prop_assert_eq!(put_stale(&found), bytes.clone()); }
            if let Ok(found) = block_location(&bytes) { prop_assert_eq!(put_block_location(found).to_vec(), bytes.clone()); }
            if let Ok((height, index)) = tx_location(&bytes) { prop_assert_eq!(put_tx_location(height, index), bytes.clone()); }
            if let Ok(found) = read_exact_value::<HeightRecord>(&bytes) { prop_assert_eq!(found.to_bytes(), bytes.clone()); }
            if let Ok(found) = read_exact_value::<ChainRecord>(&bytes) { prop_assert_eq!(found.to_bytes(), bytes.clone()); }
            if let Ok(found) = read_exact_value::<IndexRecord>(&bytes) { prop_assert_eq!(found.to_bytes(), bytes); }
        }
    }
}
