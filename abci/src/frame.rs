//! Messages on the wire: an unsigned varint with the length, then so many bytes (CometBFT's `protoio`).

use std::io::{self, BufRead, BufReader, Read, Write};

use bytes::Bytes;
use prost::Message;

use crate::error::Error;

/// Cap of one message. A block is at most 8 MiB here; the genesis state that `InitChain` carries is the largest.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 128 * MIB;

const MIB: usize = 1024 * 1024;
/// Requests are small or large, seldom between: a smaller buffer costs system calls for gossip, a larger one
/// copies what could be read in place.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// What is allocated on the word of a length prefix alone. Beyond it memory doubles with what has arrived.
const FIRST_ALLOCATION_BYTES: usize = MIB;
/// Answers are sent when so much has gathered, flush or no flush.
const SEND_AT_BYTES: usize = 256 * 1024;
/// The write buffer goes back to the allocator after a message above this.
const KEEP_BUFFER_BYTES: usize = 4 * MIB;
/// A `u64` has at most so many bytes as a varint.
const MAX_PREFIX_BYTES: usize = 10;

const _: () = assert!(SEND_AT_BYTES <= KEEP_BUFFER_BYTES);

/// Reads messages one by one.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: BufReader<R>,
    limit: usize,
}

impl<R: Read> FrameReader<R> {
    /// A reader that refuses messages above `limit` bytes.
    pub fn new(inner: R, limit: usize) -> Self {
        Self { inner: BufReader::with_capacity(READ_BUFFER_BYTES, inner), limit }
    }

    /// Whether the next message is already here in full, so that reading it cannot block.
    pub fn has_whole_frame(&self) -> bool {
        let buffered = self.inner.buffer();
        let mut rest = buffered;
        match prost::encoding::decode_varint(&mut rest) {
            Ok(len) => len <= rest.len() as u64,
            Err(_) => false,
        }
    }

    /// The next message without its prefix; `None` when the other end closed between two messages.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::LengthPrefix`], [`Error::Torn`], [`Error::Io`]. After any of them the stream
    /// has lost its place and must be closed.
    pub fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(len) = self.read_prefix()? else { return Ok(None) };
        let wanted = match usize::try_from(len) {
            Ok(wanted) if wanted <= self.limit => wanted,
            _ => return Err(Error::TooLarge { bytes: len, limit: self.limit, verb: "read" }),
        };
        let mut message = Vec::with_capacity(wanted.min(FIRST_ALLOCATION_BYTES));
        (&mut self.inner)
            .take(len)
            .read_to_end(&mut message)
            .map_err(|source| Error::Io { doing: "reading a message", source })?;
        if message.len() < wanted {
            return Err(Error::Torn { got: message.len() as u64, want: len });
        }
        Ok(Some(message.into()))
    }

    fn read_prefix(&mut self) -> Result<Option<u64>, Error> {
        let mut prefix = Vec::with_capacity(MAX_PREFIX_BYTES);
        loop {
            let Some(byte) = self.read_byte()? else {
                return match prefix.len() as u64 {
                    0 => Ok(None),
                    got => Err(Error::Torn { got, want: got.saturating_add(1) }),
                };
            };
            prefix.push(byte);
            if byte & 0x80 == 0 {
                break;
            }
            if prefix.len() == MAX_PREFIX_BYTES {
                return Err(bad_prefix(&prefix));
            }
        }
        // Only the shortest form of a number is one: 0x80 0x00 is not zero here.
        let len = prost::encoding::decode_varint(&mut prefix.as_slice()).map_err(|_| bad_prefix(&prefix))?;
        if prost::encoding::encoded_len_varint(len) != prefix.len() {
            return Err(bad_prefix(&prefix));
        }
        Ok(Some(len))
    }

    fn read_byte(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.inner.fill_buf() {
                Ok(buffer) => {
                    let first = buffer.first().copied();
                    if first.is_some() {
                        self.inner.consume(1);
                    }
                    return Ok(first);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Io { doing: "reading a message", source }),
            }
        }
    }
}

fn bad_prefix(bytes: &[u8]) -> Error {
    Error::LengthPrefix { prefix: to_hex(bytes) }
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("0x");
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Gathers messages and sends them together.
#[derive(Debug)]
pub struct FrameWriter<W> {
    inner: W,
    limit: usize,
    buffer: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    /// A writer that refuses messages above `limit` bytes.
    pub fn new(inner: W, limit: usize) -> Self {
        Self { inner, limit, buffer: Vec::new() }
    }

    /// Appends a message and returns its encoding without the prefix. It leaves with the next [`Self::flush`], or
    /// earlier when much has gathered.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with nothing appended, or [`Error::Io`].
    pub fn push(&mut self, message: &impl Message) -> Result<&[u8], Error> {
        if self.buffer.len() >= SEND_AT_BYTES {
            self.flush()?;
        }
        let len = message.encoded_len();
        if len > self.limit {
            return Err(Error::TooLarge { bytes: len as u64, limit: self.limit, verb: "sent" });
        }
        self.buffer.reserve(len.saturating_add(MAX_PREFIX_BYTES));
        prost::encoding::encode_varint(len as u64, &mut self.buffer);
        let start = self.buffer.len();
        message.encode_raw(&mut self.buffer);
        Ok(self.buffer.get(start..).unwrap_or_default())
    }

    /// Sends what has gathered.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let sent = self.inner.write_all(&self.buffer).and_then(|()| self.inner.flush());
        self.buffer.clear();
        self.buffer.shrink_to(KEEP_BUFFER_BYTES);
        sent.map_err(|source| Error::Io { doing: "sending a message", source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;
    use tendermint_proto::v0_38::abci::RequestEcho;

    /// Gives at most `step` bytes at a time and keeps the most that was asked of it at once.
    struct Trickle<'a> {
        data: &'a [u8],
        step: usize,
        asked: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.asked = self.asked.max(out.len());
            let n = out.len().min(self.step);
            (&mut self.data).take(n as u64).read(out)
        }
    }

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for body in bodies {
            prost::encoding::encode_varint(body.len() as u64, &mut out);
            out.extend_from_slice(body);
        }
        out
    }

    #[test]
    fn messages_of_every_size_are_read_exactly_however_the_bytes_arrive() {
        let large = vec![3_u8; 3 * READ_BUFFER_BYTES + 17];
        let bodies: [&[u8]; 4] = [b"", b"a", &large, b"end"];
        let data = framed(&bodies);
        for step in [1, 7, READ_BUFFER_BYTES, usize::MAX] {
            let mut reader = FrameReader::new(Trickle { data: &data, step, asked: 0 }, large.len());
            for body in bodies {
                assert_eq!(reader.read().unwrap().unwrap(), body);
            }
            assert!(reader.read().unwrap().is_none());
        }
    }

    #[test]
    fn a_message_at_the_limit_passes_and_one_byte_more_is_refused_with_both_figures() {
        let data = framed(&[&[0; 100]]);
        assert_eq!(FrameReader::new(&data[..], 100).read().unwrap().unwrap().len(), 100);
        let error = FrameReader::new(&data[..], 99).read().unwrap_err();
        assert!(matches!(error, Error::TooLarge { bytes: 100, limit: 99, .. }), "{error}");

        let mut writer = FrameWriter::new(Vec::new(), 5);
        let short = RequestEcho { message: "abc".into() };
        assert_eq!(writer.push(&short).unwrap(), b"\x0a\x03abc");
        let error = writer.push(&RequestEcho { message: "abcd".into() }).unwrap_err();
        assert!(matches!(error, Error::TooLarge { bytes: 6, limit: 5, .. }), "{error}");
        writer.flush().unwrap();
        assert_eq!(writer.inner, b"\x05\x0a\x03abc", "the refused message left no trace");
    }

    #[test]
    fn a_lying_length_allocates_no_more_than_arrives() {
        let mut data = Vec::new();
        prost::encoding::encode_varint(DEFAULT_MAX_MESSAGE_BYTES as u64, &mut data);
        data.extend_from_slice(&[1; 1000]);
        let arriving = Trickle { data: &data, step: usize::MAX, asked: 0 };
        let mut reader = FrameReader::new(arriving, DEFAULT_MAX_MESSAGE_BYTES);
        let error = reader.read().unwrap_err();
        assert!(
            matches!(error, Error::Torn { got: 1000, want } if want == DEFAULT_MAX_MESSAGE_BYTES as u64),
            "{error}"
        );
        // Room is offered to the socket only as far as it has been allocated.
        assert!(reader.inner.get_ref().asked <= FIRST_ALLOCATION_BYTES);
    }

    #[test]
    fn broken_and_overlong_prefixes_are_refused() {
        for prefix in [&[0x80, 0x00][..], &[0xff; 10], &[0x85, 0x80, 0x00]] {
            let error = FrameReader::new(prefix, 100).read().unwrap_err();
            assert!(matches!(error, Error::LengthPrefix { .. }), "{prefix:02x?}: {error}");
        }
        let error = FrameReader::new(&[0x80][..], 100).read().unwrap_err();
        assert!(matches!(error, Error::Torn { got: 1, .. }), "{error}");
        // u64::MAX is a canonical varint, only too large.
        let mut most = Vec::new();
        prost::encoding::encode_varint(u64::MAX, &mut most);
        let error = FrameReader::new(&most[..], 100).read().unwrap_err();
        assert!(matches!(error, Error::TooLarge { bytes: u64::MAX, .. }), "{error}");
    }

    #[test]
    fn a_whole_frame_in_the_buffer_is_known_without_reading() {
        let data = framed(&[b"one", b"two"]);
        let mut reader = FrameReader::new(&data[..data.len() - 1], 100);
        assert!(!reader.has_whole_frame(), "nothing is buffered yet");
        reader.read().unwrap().unwrap();
        assert!(!reader.has_whole_frame(), "the second one lacks a byte");
        let mut reader = FrameReader::new(&data[..], 100);
        reader.read().unwrap().unwrap();
        assert!(reader.has_whole_frame());
    }

    #[test]
    fn much_gathered_output_is_sent_before_a_flush() {
        let mut writer = FrameWriter::new(Vec::new(), MIB);
        let message = RequestEcho { message: "x".repeat(SEND_AT_BYTES) };
        writer.push(&message).unwrap();
        assert!(writer.inner.is_empty());
        writer.push(&message).unwrap();
        assert!(writer.inner.len() > SEND_AT_BYTES);
        writer.flush().unwrap();
        assert!(writer.inner.len() > 2 * SEND_AT_BYTES);
    }
}
