//! What CometBFT sends, and what travels through it.

use std::cell::RefCell;

use bytes::Bytes;
use defchain_abci::{
    FrameReader, RecordingReader, decode_request, decode_response,
    envelope::{InjectedEnvelope, VoteExtension},
    types::{Request, Response},
};
use prost::Message;
use tempfile::NamedTempFile;

use crate::{Form, Memory, Target, Verdict, same};

/// The reader's buffer and its first allocation.
const STREAM: Memory = Memory { base: 3 << 20, per_byte: 64 };
const LIMIT: usize = 16 * 1024;

pub(super) const TARGETS: &[Target] = &[
    Target::own("envelope", Form::Whole, |data| {
        let envelope = InjectedEnvelope::decode(data, 1024).map_err(|error| error.to_string())?;
        same(&envelope.encode(), data);
        Ok(())
    }),
    Target::own("vote-extension", Form::Whole, |data| {
        let extension = VoteExtension::decode(data, 1024).map_err(|error| error.to_string())?;
        same(&extension.encode(), data);
        Ok(())
    }),
    Target::own("abci-request", Form::Open, request).memory(Memory { base: 64 << 10, per_byte: 96 }),
    Target::own("abci-response", Form::Open, response).memory(Memory { base: 64 << 10, per_byte: 96 }),
    Target::own("abci-frames", Form::Open, frames).memory(STREAM),
    Target::own("abci-recording", Form::Open, recording).memory(STREAM).rounds(400),
];

/// Protobuf has many encodings of a value; ours of what was understood must mean the same.
fn request(data: &[u8]) -> Verdict {
    let value = decode_request(Bytes::copy_from_slice(data)).map_err(|error| error.to_string())?;
    let again = Request::from(value.clone()).encode_to_vec();
    assert_eq!(decode_request(again.into()).expect("what we encode decodes"), value);
    Ok(())
}

fn response(data: &[u8]) -> Verdict {
    let value = decode_response(Bytes::copy_from_slice(data)).map_err(|error| error.to_string())?;
    let again = Response::from(value.clone()).encode_to_vec();
    assert_eq!(decode_response(again.into()).expect("what we encode decodes"), value);
    Ok(())
}

/// A stream: each message in it is within the limit, and the messages with their lengths are the stream.
fn frames(data: &[u8]) -> Verdict {
    let mut reader = FrameReader::new(data, LIMIT);
    let mut again = Vec::new();
    loop {
        match reader.read().map_err(|error| error.to_string())? {
            None => break,
            Some(message) => {
                assert!(message.len() <= LIMIT, "{} bytes were read, the limit is {LIMIT}", message.len());
                prost::encoding::encode_varint(message.len() as u64, &mut again);
                again.extend_from_slice(&message);
            }
        }
    }
    same(&again, data);
    Ok(())
}

/// A recording's reader takes a path. After an error it yields nothing more.
fn recording(data: &[u8]) -> Verdict {
    thread_local!(static FILE: RefCell<Option<NamedTempFile>> = const { RefCell::new(None) });
    FILE.with_borrow_mut(|file| {
        let file = file.get_or_insert_with(|| NamedTempFile::new().expect("a temporary file"));
        std::fs::write(file.path(), data).expect("a temporary file");
        let mut reader = RecordingReader::open(file.path(), LIMIT).map_err(|error| error.to_string())?;
        let refused = reader.by_ref().find_map(Result::err);
        assert!(refused.is_none() || reader.next().is_none(), "it ends with its first error");
        refused.map_or(Ok(()), |error| Err(error.to_string()))
    })
}
