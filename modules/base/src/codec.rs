//! A small binary codec for state values and wire forms.
//!
//! Integers are big-endian and of fixed width, lists are preceded by a `u32` count, and every record starts with a
//! version byte. There is exactly one encoding of a value, so equality of bytes is equality of values.

use crate::{Amount, error::CodecError};

/// Writes a value's only encoding.
pub trait Encode {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The encoding as a new vector.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.encode(&mut out);
        out
    }
}

/// Reads a value from its only encoding.
pub trait Decode: Sized {
    /// Reads from the front of `input`.
    ///
    /// # Errors
    /// When the bytes are not the value's encoding.
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError>;
}

/// Reads a whole value; bytes that follow it are an error.
///
/// # Errors
/// When the bytes are not exactly one encoding.
pub fn read_exact_value<T: Decode>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// A cursor over input bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Ends reading.
    ///
    /// # Errors
    /// When bytes are left.
    pub const fn finish(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing(self.rest.len())) }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let Some((head, tail)) = self.rest.split_at_checked(n) else {
            return Err(CodecError::Short { what, needed: n, left: self.rest.len() });
        };
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let Some((head, tail)) = self.rest.split_first_chunk::<N>() else {
            return Err(CodecError::Short { what, needed: N, left: self.rest.len() });
        };
        self.rest = tail;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// When none is left.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        self.array::<1>(what).map(|[b]| b)
    }

    /// A version byte that must be `known`.
    ///
    /// # Errors
    /// When it is another.
    pub fn version(&mut self, known: u8, what: &'static str) -> Result<(), CodecError> {
        let version = self.u8(what)?;
        if version == known { Ok(()) } else { Err(CodecError::Version { what, version }) }
    }

    /// A `u16`.
    ///
    /// # Errors
    /// When fewer than 2 bytes are left.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, CodecError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// A `u32`.
    ///
    /// # Errors
    /// When fewer than 4 bytes are left.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// A `u64`.
    ///
    /// # Errors
    /// When fewer than 8 bytes are left.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// An amount: 16 bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn amount(&mut self, what: &'static str) -> Result<Amount, CodecError> {
        self.array(what).map(|b| Amount::from_wei(u128::from_be_bytes(b)))
    }

    /// A count or length of at most `limit`.
    ///
    /// # Errors
    /// When it is above the limit, or fewer than 4 bytes are left.
    pub fn count(&mut self, limit: usize, what: &'static str) -> Result<usize, CodecError> {
        let found = self.u32(what)?;
        let limit64 = u64::try_from(limit).unwrap_or(u64::MAX);
        match usize::try_from(found) {
            Ok(n) if n <= limit => Ok(n),
            _ => Err(CodecError::Limit { what, found: u64::from(found), limit: limit64 }),
        }
    }

    /// Bytes preceded by their length, of at most `limit`.
    ///
    /// # Errors
    /// When the length is above the limit or the bytes are not there.
    pub fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let n = self.count(limit, what)?;
        self.take(n, what)
    }
}
