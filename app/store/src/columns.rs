//! Column families and their keys. Everything that decides where a record lies is in this file.

use defchain_base::{B256, CodecError, Height, Reader, Substore};

use crate::tree::NodeKey;

/// A column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// substore ‖ key → newest value.
    Flat,
    /// substore ‖ escaped key ‖ !version → the value since that tree version, or that it was deleted.
    History,
    /// substore ‖ version ‖ nibble path → tree node.
    Nodes,
    /// height ‖ substore → keys of the nodes that the block replaced.
    Stale,
    /// height → app hash, roots, tree versions.
    Heights,
    /// kind ‖ height → header, payload, receipts, extra, index.
    Blocks,
    /// tag ‖ hash → height (and index).
    Hashes,
    /// term ‖ height → mark.
    Terms,
    /// name → chain id, genesis hash.
    Meta,
}

impl Column {
    pub(crate) const ALL: [Self; 9] = [
        Self::Flat,
        Self::History,
        Self::Nodes,
        Self::Stale,
        Self::Heights,
        Self::Blocks,
        Self::Hashes,
        Self::Terms,
        Self::Meta,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::History => "history",
            Self::Nodes => "nodes",
            Self::Stale => "stale",
            Self::Heights => "heights",
            Self::Blocks => "blocks",
            Self::Hashes => "hashes",
            Self::Terms => "terms",
            Self::Meta => "meta",
        }
    }
}

/// What the block column holds, one record of each kind per height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BlockPart {
    Header = 0,
    Txs = 1,
    Receipts = 2,
    Extra = 3,
    Index = 4,
}

impl BlockPart {
    pub(crate) const ALL: [Self; 5] = [Self::Header, Self::Txs, Self::Receipts, Self::Extra, Self::Index];
}

/// The key of the chain's identity in [`Column::Meta`].
pub(crate) const CHAIN_KEY: &[u8] = b"chain";
/// How far an unfinished restore got, in [`Column::Meta`].
pub(crate) const RESTORE_KEY: &[u8] = b"restore";

pub(crate) fn flat(substore: Substore, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len().saturating_add(1));
    out.push(substore as u8);
    out.extend_from_slice(key);
    out
}

/// Substore and key, in an encoding that keeps the order of keys and that no other key's encoding begins with: zero
/// bytes become 00 ff, the end is 00 00.
pub(crate) fn history_group(substore: Substore, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len().saturating_add(24));
    out.push(substore as u8);
    for byte in key {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
    out
}

/// A history key: newer versions sort first, so one seek finds the newest that is not above a version.
pub(crate) fn history(substore: Substore, key: &[u8], version: u64) -> Vec<u8> {
    let mut out = history_group(substore, key);
    out.extend_from_slice(&(!version).to_be_bytes());
    out
}

/// The raw key and version in a history key.
pub(crate) fn parse_history(bytes: &[u8]) -> Result<(Vec<u8>, u64), CodecError> {
    const WHAT: &str = "history key";
    let mut reader = Reader::new(bytes);
    reader.u8(WHAT)?;
    let mut key = Vec::with_capacity(bytes.len());
    loop {
        match reader.u8(WHAT)? {
            0 => match reader.u8(WHAT)? {
                0 => break,
                0xff => key.push(0),
                _ => return Err(CodecError::NotCanonical(WHAT)),
            },
            byte => key.push(byte),
        }
    }
    let version = !reader.u64(WHAT)?;
    reader.finish()?;
    Ok((key, version))
}

pub(crate) fn node(substore: Substore, key: &NodeKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(20);
    out.push(substore as u8);
    out.extend_from_slice(&key.version.to_be_bytes());
    key.path.encode(&mut out);
    out
}

/// Where the nodes of a substore's version begin.
pub(crate) fn nodes_from(substore: Substore, version: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(9);
    out.push(substore as u8);
    out.extend_from_slice(&version.to_be_bytes());
    out
}

/// Where the substore ends in a column whose keys begin with it.
pub(crate) fn substore_end(substore: Substore) -> Vec<u8> {
    vec![(substore as u8).saturating_add(1)]
}

pub(crate) fn stale(height: Height, substore: Substore) -> Vec<u8> {
    let mut out = Vec::with_capacity(9);
    out.extend_from_slice(&height.0.to_be_bytes());
    out.push(substore as u8);
    out
}

pub(crate) const fn height(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

pub(crate) fn parse_height(bytes: &[u8]) -> Result<Height, CodecError> {
    let mut reader = Reader::new(bytes);
    let height = reader.u64("height key")?;
    reader.finish()?;
    Ok(Height(height))
}

pub(crate) fn block(part: BlockPart, height: Height) -> [u8; 9] {
    let mut out = [part as u8; 9];
    for (to, from) in out.iter_mut().skip(1).zip(height.0.to_be_bytes()) {
        *to = from;
    }
    out
}

pub(crate) fn block_hash(hash: &B256) -> [u8; 33] {
    tagged(0, hash)
}

pub(crate) fn tx_hash(hash: &B256) -> [u8; 33] {
    tagged(1, hash)
}

fn tagged(tag: u8, hash: &B256) -> [u8; 33] {
    let mut out = [tag; 33];
    for (to, from) in out.iter_mut().skip(1).zip(hash.iter()) {
        *to = *from;
    }
    out
}

pub(crate) fn term(term: &B256, height: Height) -> [u8; 40] {
    let mut out = [0; 40];
    for (to, from) in out.iter_mut().zip(term.iter().copied().chain(height.0.to_be_bytes())) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::tree::NibblePath;

    #[test]
    fn keys_keep_their_shape() {
        assert_eq!(hex::encode(flat(Substore::Def, &[0xab, 0])), "01ab00");
        assert_eq!(hex::encode(history(Substore::Evm, &[0xab, 0, 1], 5)), "02ab00ff010000fffffffffffffffa");
        let path = NibblePath::of(&[0xab; 32], 3);
        assert_eq!(hex::encode(node(Substore::Trade, &NodeKey { version: 258, path })), "040000000000000102aba003");
        assert_eq!(hex::encode(stale(Height(7), Substore::Sys)), "000000000000000703");
        assert_eq!(hex::encode(block(BlockPart::Receipts, Height(7))), "020000000000000007");
        assert_eq!(hex::encode(block_hash(&B256::repeat_byte(9))), format!("00{}", "09".repeat(32)));
        assert_eq!(hex::encode(tx_hash(&B256::repeat_byte(9))), format!("01{}", "09".repeat(32)));
        assert_eq!(hex::encode(term(&B256::repeat_byte(9), Height(7))), format!("{}0000000000000007", "09".repeat(32)));
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff), any::<u8>()], 0..6)
    }

    proptest! {
        #[test]
        fn history_keys_sort_by_key_then_newest_version_first(a in key(), b in key(), u in 0..9u64, v in 0..9u64) {
            let (x, y) = (history(Substore::Evm, &a, u), history(Substore::Evm, &b, v));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b).then(v.cmp(&u)));
            prop_assert_eq!(parse_history(&x).unwrap(), (a, u));
        }

        #[test]
        fn no_garbled_history_key_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((key, version)) = parse_history(&bytes) {
                let again = history(Substore::Ai, &key, version);
                prop_assert_eq!(again.get(1..), bytes.get(1..));
            }
        }
    }
}
