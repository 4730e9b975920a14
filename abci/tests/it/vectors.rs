//! CometBFT's own encodings (made by its Go types in `cometbft-config/wire`) against our types.

use bytes::Bytes;
use defchain_abci::types::*;
use defchain_abci::{Call, FrameReader, FrameWriter, decode_request, decode_response};
use prost::Message;
use serde_json::Value;

use crate::describe;

const VECTORS: &str = include_str!("../../../cometbft-config/testdata/abci_vectors.json");

struct Vector {
    name: String,
    is_request: bool,
    call: String,
    bytes: Vec<u8>,
    fields: Value,
}

fn vectors() -> Vec<Vector> {
    let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    all.into_iter()
        .map(|v| Vector {
            name: v["name"].as_str().unwrap().to_owned(),
            is_request: match v["kind"].as_str().unwrap() {
                "request" => true,
                "response" => false,
                other => panic!("kind {other}"),
            },
            call: v["call"].as_str().unwrap().to_owned(),
            bytes: hex::decode(v["hex"].as_str().unwrap()).unwrap(),
            fields: v["fields"].clone(),
        })
        .collect()
}

/// Reads the message off the wire and returns it without its prefix; nothing may follow.
fn unframe(bytes: &[u8]) -> Bytes {
    let mut reader = FrameReader::new(bytes, bytes.len());
    let message = reader.read().unwrap().unwrap();
    assert!(reader.read().unwrap().is_none());
    message
}

fn frame(message: &impl Message) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = FrameWriter::new(&mut out, usize::MAX);
    writer.push(message).unwrap();
    writer.flush().unwrap();
    out
}

#[test]
fn every_field_of_every_message_of_cometbft_is_understood_and_encoded_back_to_its_bytes() {
    for vector in vectors() {
        let message = unframe(&vector.bytes);
        let (call, fields, again) = if vector.is_request {
            let value = decode_request(message).expect(&vector.name);
            let fields = describe::request(&value);
            (Some(value.call()), fields, frame(&Request::from(value)))
        } else {
            let value = decode_response(message).expect(&vector.name);
            let fields = describe::response(&value);
            (value.call(), fields, frame(&Response::from(value)))
        };
        assert_eq!(call.map_or("exception", Call::label), vector.call, "{}", vector.name);
        assert_eq!(fields, vector.fields, "{}", vector.name);
        assert_eq!(hex::encode(again), hex::encode(&vector.bytes), "{}", vector.name);
    }
}

#[test]
fn cometbft_has_no_call_that_the_vectors_leave_out() {
    let all = vectors();
    for state in ["filled", "empty"] {
        for call in Call::ALL {
            for kind in ["request", "response"] {
                let name = format!("{kind}/{}/{state}", call.label());
                assert!(all.iter().any(|vector| vector.name == name), "{name} is missing");
            }
        }
    }
}

#[test]
fn the_authority_param_that_our_types_do_not_have_does_no_harm() {
    // CometBFT v0.40 sends ConsensusParams.authority (field 6) in every InitChain, empty unless genesis names one.
    let params = [&[0x22, 2, 8, 7][..], &[0x32, 4, 0x0a, 2, b'h', b'i']].concat();
    let mut inner = vec![0x1a, params.len() as u8];
    inner.extend(params);
    let mut outer = vec![0x2a, inner.len() as u8];
    outer.extend(inner);
    let request::Value::InitChain(request) = decode_request(outer.into()).unwrap() else {
        panic!("another call");
    };
    assert_eq!(request.consensus_params.unwrap().version.unwrap().app, 7);
}
