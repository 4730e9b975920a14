//! The outer `Request` and `Response` of CometBFT v0.40, which has two more calls than tendermint-proto's, and
//! their strict decoding. Inner messages are tendermint-proto's own types.
//!
//! One difference remains inside: v0.40's `ConsensusParams` has a field 6 (`authority`, an opaque string that
//! CometBFT never reads). tendermint-proto does not know it and drops it on decoding. We do not use it.

use bytes::{Buf, Bytes};
use prost::Message;
use tendermint_proto::v0_38::abci as inner;

use crate::call::Call;
use crate::error::Error;

/// The outer request: exactly one call.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    /// The call; never absent on the wire.
    #[prost(oneof = "request::Value", tags = "1, 2, 3, 5, 6, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22")]
    pub value: Option<request::Value>,
}

/// What an outer [`Request`] may hold.
pub mod request {
    #![allow(missing_docs, reason = "each variant is the call of its name")]
    #![allow(
        clippy::large_enum_variant,
        reason = "one lives per connection at a time; the derive has no boxed form for foreign types"
    )]
    use super::inner;

    /// One call.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        #[prost(message, tag = "1")]
        Echo(inner::RequestEcho),
        #[prost(message, tag = "2")]
        Flush(inner::RequestFlush),
        #[prost(message, tag = "3")]
        Info(inner::RequestInfo),
        #[prost(message, tag = "5")]
        InitChain(inner::RequestInitChain),
        #[prost(message, tag = "6")]
        Query(inner::RequestQuery),
        #[prost(message, tag = "8")]
        CheckTx(inner::RequestCheckTx),
        #[prost(message, tag = "11")]
        Commit(inner::RequestCommit),
        #[prost(message, tag = "12")]
        ListSnapshots(inner::RequestListSnapshots),
        #[prost(message, tag = "13")]
        OfferSnapshot(inner::RequestOfferSnapshot),
        #[prost(message, tag = "14")]
        LoadSnapshotChunk(inner::RequestLoadSnapshotChunk),
        #[prost(message, tag = "15")]
        ApplySnapshotChunk(inner::RequestApplySnapshotChunk),
        #[prost(message, tag = "16")]
        PrepareProposal(inner::RequestPrepareProposal),
        #[prost(message, tag = "17")]
        ProcessProposal(inner::RequestProcessProposal),
        #[prost(message, tag = "18")]
        ExtendVote(inner::RequestExtendVote),
        #[prost(message, tag = "19")]
        VerifyVoteExtension(inner::RequestVerifyVoteExtension),
        #[prost(message, tag = "20")]
        FinalizeBlock(inner::RequestFinalizeBlock),
        #[prost(message, tag = "21")]
        InsertTx(super::RequestInsertTx),
        #[prost(message, tag = "22")]
        ReapTxs(super::RequestReapTxs),
    }
}

/// The outer response: the answer to one call, or an exception.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    /// The answer; never absent on the wire.
    #[prost(oneof = "response::Value", tags = "1, 2, 3, 4, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23")]
    pub value: Option<response::Value>,
}

/// What an outer [`Response`] may hold.
pub mod response {
    #![allow(missing_docs, reason = "each variant answers the call of its name")]
    #![allow(
        clippy::large_enum_variant,
        reason = "one lives per connection at a time; the derive has no boxed form for foreign types"
    )]
    use super::inner;

    /// One answer.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// Ends the connection: CometBFT stops when it reads one.
        #[prost(message, tag = "1")]
        Exception(inner::ResponseException),
        #[prost(message, tag = "2")]
        Echo(inner::ResponseEcho),
        #[prost(message, tag = "3")]
        Flush(inner::ResponseFlush),
        #[prost(message, tag = "4")]
        Info(inner::ResponseInfo),
        #[prost(message, tag = "6")]
        InitChain(inner::ResponseInitChain),
        #[prost(message, tag = "7")]
        Query(inner::ResponseQuery),
        #[prost(message, tag = "9")]
        CheckTx(inner::ResponseCheckTx),
        #[prost(message, tag = "12")]
        Commit(inner::ResponseCommit),
        #[prost(message, tag = "13")]
        ListSnapshots(inner::ResponseListSnapshots),
        #[prost(message, tag = "14")]
        OfferSnapshot(inner::ResponseOfferSnapshot),
        #[prost(message, tag = "15")]
        LoadSnapshotChunk(inner::ResponseLoadSnapshotChunk),
        #[prost(message, tag = "16")]
        ApplySnapshotChunk(inner::ResponseApplySnapshotChunk),
        #[prost(message, tag = "17")]
        PrepareProposal(inner::ResponsePrepareProposal),
        #[prost(message, tag = "18")]
        ProcessProposal(inner::ResponseProcessProposal),
        #[prost(message, tag = "19")]
        ExtendVote(inner::ResponseExtendVote),
        #[prost(message, tag = "20")]
        VerifyVoteExtension(inner::ResponseVerifyVoteExtension),
        #[prost(message, tag = "21")]
        FinalizeBlock(inner::ResponseFinalizeBlock),
        #[prost(message, tag = "22")]
        InsertTx(super::ResponseInsertTx),
        #[prost(message, tag = "23")]
        ReapTxs(super::ResponseReapTxs),
    }
}

/// CometBFT's `app` mempool hands over one item that a peer gossiped.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct RequestInsertTx {
    /// The item as gossiped: for us a bundle of transactions.
    #[prost(bytes = "bytes", tag = "1")]
    pub tx: Bytes,
}

/// CometBFT's `app` mempool asks for items to gossip.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub struct RequestReapTxs {
    /// At most so many bytes of items.
    #[prost(uint64, tag = "1")]
    pub max_bytes: u64,
    /// At most so much gas.
    #[prost(uint64, tag = "2")]
    pub max_gas: u64,
}

/// Whether the item was taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub struct ResponseInsertTx {
    /// 0: taken. 32,000 and above: CometBFT may offer it again. Any other: never again.
    #[prost(uint32, tag = "1")]
    pub code: u32,
}

/// The items to gossip.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ResponseReapTxs {
    /// Items in the order in which peers should get them.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub txs: Vec<Bytes>,
}

/// Pairs every variant with its call.
macro_rules! calls_of {
    ($($variant:ident)*) => {
        impl request::Value {
            /// Which call this is.
            pub fn call(&self) -> Call {
                match self { $(Self::$variant(_) => Call::$variant,)* }
            }
        }

        impl response::Value {
            /// Which call this answers; `None` for an exception.
            pub fn call(&self) -> Option<Call> {
                match self {
                    Self::Exception(_) => None,
                    $(Self::$variant(_) => Some(Call::$variant),)*
                }
            }
        }
    };
}

calls_of! {
    Echo Flush Info InitChain Query CheckTx Commit ListSnapshots OfferSnapshot LoadSnapshotChunk
    ApplySnapshotChunk PrepareProposal ProcessProposal ExtendVote VerifyVoteExtension FinalizeBlock
    InsertTx ReapTxs
}

impl From<request::Value> for Request {
    fn from(value: request::Value) -> Self {
        Self { value: Some(value) }
    }
}

impl From<response::Value> for Response {
    fn from(value: response::Value) -> Self {
        Self { value: Some(value) }
    }
}

/// Decodes one outer request, without its length prefix. `bytes` hold one call and nothing else.
///
/// # Errors
/// [`Error::UnknownCall`], [`Error::TrailingBytes`], [`Error::Undecodable`].
pub fn decode_request(bytes: Bytes) -> Result<request::Value, Error> {
    let name = outer_field(&bytes, "request", |field| Call::from_request_field(field).map(Call::name))?;
    let len = bytes.len();
    match Request::decode(bytes) {
        Ok(Request { value: Some(value) }) => Ok(value),
        Ok(Request { value: None }) => Err(Error::garbage("request", "it holds no call", len)),
        Err(source) => Err(Error::Undecodable { what: "request", name, bytes: len, source }),
    }
}

/// Decodes one outer response, without its length prefix. `bytes` hold one answer and nothing else.
///
/// # Errors
/// As [`decode_request`].
pub fn decode_response(bytes: Bytes) -> Result<response::Value, Error> {
    let name = outer_field(&bytes, "response", |field| {
        if field == 1 { Some("Exception") } else { Call::from_response_field(field).map(Call::name) }
    })?;
    let len = bytes.len();
    match Response::decode(bytes) {
        Ok(Response { value: Some(value) }) => Ok(value),
        Ok(Response { value: None }) => Err(Error::garbage("response", "it holds no answer", len)),
        Err(source) => Err(Error::Undecodable { what: "response", name, bytes: len, source }),
    }
}

/// Protobuf would skip a field that it does not know and let a second value overwrite the first. Here either is a
/// sign of another protocol at the other end, so the outer message must be one known field that fills it.
fn outer_field(
    bytes: &Bytes,
    what: &'static str,
    known: impl Fn(u32) -> Option<&'static str>,
) -> Result<&'static str, Error> {
    let total = bytes.len();
    let mut rest = bytes.as_ref();
    let (field, wire_type) = prost::encoding::decode_key(&mut rest)
        .map_err(|_| Error::garbage(what, "it does not begin with a protobuf field", total))?;
    let Some(name) = known(field) else {
        return Err(Error::UnknownCall { what, field, bytes: total });
    };
    if wire_type != prost::encoding::WireType::LengthDelimited {
        return Err(Error::garbage(what, "its call is not a message", total));
    }
    let len = prost::encoding::decode_varint(&mut rest)
        .map_err(|_| Error::garbage(what, "its call has a broken length", total))?;
    let held = rest.remaining() as u64;
    if len > held {
        return Err(Error::garbage(what, "its call is longer than the message", total));
    }
    match held.saturating_sub(len) {
        0 => Ok(name),
        extra => Err(Error::TrailingBytes { what, name, extra, bytes: total }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    fn encoded(value: request::Value) -> Vec<u8> {
        Request::from(value).encode_to_vec()
    }

    #[test]
    fn a_decoded_transaction_is_a_slice_of_the_message_and_no_copy() {
        let tx = Bytes::from(vec![7_u8; 4096]);
        let message = Bytes::from(encoded(request::Value::InsertTx(RequestInsertTx { tx })));
        let range = message.as_ptr_range();
        let request::Value::InsertTx(decoded) = decode_request(message).unwrap() else {
            panic!("another call");
        };
        assert!(range.contains(&decoded.tx.as_ptr()));
    }

    #[test]
    fn bytes_after_the_call_are_refused() {
        let mut bytes = encoded(request::Value::Echo(inner::RequestEcho { message: "hi".into() }));
        bytes.extend_from_slice(&[0x12, 0]); // a Flush behind the Echo
        let total = bytes.len();
        let error = decode_request(bytes.into()).unwrap_err();
        assert!(
            matches!(error, Error::TrailingBytes { name: "Echo", extra: 2, bytes, .. } if bytes == total),
            "{error}"
        );
    }

    #[test]
    fn a_call_of_another_abci_version_is_named_by_its_field() {
        let error = decode_request(Bytes::from_static(&[0x52, 0])).unwrap_err(); // 10: EndBlock
        assert!(matches!(error, Error::UnknownCall { field: 10, .. }), "{error}");
        let error = decode_response(Bytes::from_static(&[0x52, 0])).unwrap_err();
        assert!(matches!(error, Error::UnknownCall { field: 10, .. }), "{error}");
    }

    #[test]
    fn garbage_is_refused_with_what_is_wrong() {
        for (bytes, reason) in [
            (&b""[..], "does not begin with a protobuf field"),
            (&[0xff; 12][..], "does not begin with a protobuf field"),
            (&[0x08, 1][..], "not a message"),
            (&[0x0a, 0x80][..], "broken length"),
            (&[0x0a, 5, 1][..], "longer than the message"),
        ] {
            let error = decode_request(Bytes::copy_from_slice(bytes)).unwrap_err().to_string();
            assert!(error.contains(reason), "{bytes:02x?}: {error}");
        }
        // A well-formed outer field around an inner message that is none.
        let error = decode_request(Bytes::from_static(&[0x0a, 2, 0x0a, 9])).unwrap_err();
        assert!(matches!(error, Error::Undecodable { name: "Echo", bytes: 4, .. }), "{error}");
    }
}
