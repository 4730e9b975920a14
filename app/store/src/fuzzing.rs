//! The fuzzer's doors to the decoders of what lies on disk and of chunks: each decodes, and encodes again what it
//! understood.

use bytes::Bytes;
use defchain_base::{CodecError, Decode, Encode, Substore, read_exact_value};

use crate::{
    columns,
    records::{self, ChainRecord, HeightRecord, IndexRecord},
    sync::{Chunk, ChunkWriter, RestoreRecord},
    tree::Node,
};

/// Decodes and encodes again.
pub type Again = fn(&[u8]) -> Result<Vec<u8>, CodecError>;

/// Every decoder of the store, by the name of its record.
pub const DECODERS: &[(&str, Again)] = &[
    ("value", |bytes| records::value(bytes).map(records::put_value)),
    ("past-value", |bytes| records::past_value(bytes).map(|value| records::put_past_value(value.as_deref()))),
    ("history-key", history_key),
    ("height-key", |bytes| columns::parse_height(bytes).map(|height| columns::height(height).to_vec())),
    ("tree-node", |bytes| Node::from_record(bytes).map(|node| node.to_record())),
    ("stale-list", |bytes| records::stale(bytes).map(|nodes| records::put_stale(&nodes))),
    ("block-location", |bytes| records::block_location(bytes).map(|at| records::put_block_location(at).to_vec())),
    ("tx-location", |bytes| records::tx_location(bytes).map(|(height, at)| records::put_tx_location(height, at))),
    ("height-record", again::<HeightRecord>),
    ("chain-record", again::<ChainRecord>),
    ("index-record", again::<IndexRecord>),
    ("restore-record", again::<RestoreRecord>),
    ("chunk", chunk),
];

fn again<T: Decode + Encode>(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    read_exact_value::<T>(bytes).map(|value| value.to_bytes())
}

/// The substore is not looked at when a key is taken apart: it stays as it is.
fn history_key(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let (key, version) = columns::parse_history(bytes)?;
    let mut out = columns::history(Substore::Ai, &key, version);
    if let (Some(to), Some(from)) = (out.first_mut(), bytes.first()) {
        *to = *from;
    }
    Ok(out)
}

fn chunk(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let chunk = Chunk::from_bytes(&Bytes::copy_from_slice(bytes))?;
    let mut writer = ChunkWriter::new(chunk.substore, bytes.len());
    for (key, value) in &chunk.entries {
        writer.add(key, value);
    }
    Ok(writer.finish(&chunk.edge))
}
