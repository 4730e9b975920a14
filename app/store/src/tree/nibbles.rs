use defchain_base::{CodecError, Reader};

use super::Hash;

/// Nibbles in a key hash.
pub(crate) const MAX_NIBBLES: u8 = 64;

/// The way from the root to a node, in steps of four bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NibblePath {
    // Unused nibbles are zero, so that derived order is the order of paths.
    bytes: Hash,
    len: u8,
}

impl NibblePath {
    pub(crate) const ROOT: Self = Self { bytes: [0; 32], len: 0 };

    /// The first `len` nibbles of a key hash; at most all 64.
    pub(crate) fn of(hash: &Hash, len: u8) -> Self {
        let len = len.min(MAX_NIBBLES);
        let mut path = Self { bytes: [0; 32], len };
        let whole = usize::from(len / 2);
        for (at, (to, from)) in path.bytes.iter_mut().zip(hash).enumerate() {
            if at < whole {
                *to = *from;
            } else if at == whole && len % 2 == 1 {
                *to = *from & 0xf0;
            }
        }
        path
    }

    pub(crate) const fn len(&self) -> u8 {
        self.len
    }

    /// One step further; a path of full length stays what it is, for no node lies below a whole key hash.
    pub(crate) fn child(mut self, nibble: u8) -> Self {
        if let Some(byte) = self.bytes.get_mut(usize::from(self.len / 2)) {
            *byte |= if self.len.is_multiple_of(2) { (nibble & 0xf) << 4 } else { nibble & 0xf };
            self.len = self.len.saturating_add(1);
        }
        self
    }

    pub(crate) fn nibbles(&self) -> impl Iterator<Item = u8> {
        (0..self.len).map(|at| nibble_at(&self.bytes, at))
    }

    fn used(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len.div_ceil(2))).unwrap_or(&self.bytes)
    }

    /// For the end of a key: bytes, then the number of nibbles, so that a path sorts beside its neighbours.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.used());
        out.push(self.len);
    }

    /// Reads what [`Self::encode`] wrote, when it is all that is left.
    #[cfg(test)]
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let Some((len, rest)) = bytes.split_last() else {
            return Err(CodecError::Short { what: "nibble path", needed: 1, left: 0 });
        };
        Self::checked(*len, rest)
    }

    /// For the middle of a record: the number of nibbles, then bytes.
    pub(crate) fn encode_sized(&self, out: &mut Vec<u8>) {
        out.push(self.len);
        out.extend_from_slice(self.used());
    }

    pub(crate) fn decode_sized(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let len = reader.u8("nibble path")?;
        let bytes = reader.take(usize::from(len.div_ceil(2)), "nibble path")?;
        Self::checked(len, bytes)
    }

    fn checked(len: u8, bytes: &[u8]) -> Result<Self, CodecError> {
        let wrong = CodecError::NotCanonical("nibble path");
        if len > MAX_NIBBLES || bytes.len() != usize::from(len.div_ceil(2)) {
            return Err(wrong);
        }
        let mut path = Self { bytes: [0; 32], len };
        for (to, from) in path.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        if len % 2 == 1 && bytes.last().is_some_and(|last| last & 0xf != 0) { Err(wrong) } else { Ok(path) }
    }
}

impl core::fmt::Debug for NibblePath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.nibbles().try_for_each(|n| write!(f, "{n:x}"))
    }
}

/// The nibble of a hash at a depth below 64; 0 beyond.
pub(crate) fn nibble_at(hash: &Hash, depth: u8) -> u8 {
    let byte = hash.get(usize::from(depth / 2)).copied().unwrap_or(0);
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_built_step_by_step_is_a_prefix_of_the_hash(hash: [u8; 32], len in 0..=64u8) {
            let mut path = NibblePath::ROOT;
            for depth in 0..len {
                path = path.child(nibble_at(&hash, depth));
            }
            prop_assert_eq!(path, NibblePath::of(&hash, len));
            let mut out = Vec::new();
            path.encode(&mut out);
            prop_assert_eq!(NibblePath::decode(&out).unwrap(), path);
            let mut sized = Vec::new();
            path.encode_sized(&mut sized);
            prop_assert_eq!(NibblePath::decode_sized(&mut Reader::new(&sized)).unwrap(), path);
        }

        #[test]
        fn a_decoded_path_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..36)) {
            if let Ok(path) = NibblePath::decode(&bytes) {
                let mut out = Vec::new();
                path.encode(&mut out);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
