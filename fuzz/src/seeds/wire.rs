//! Transactions of every type, lists of them, and what must not be one.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use defchain_abci::{
    Call,
    envelope::{InjectedEnvelope, VoteExtension},
    types::{
        Request, RequestEcho, RequestFinalizeBlock, RequestInsertTx, RequestOfferSnapshot, RequestReapTxs, Response,
        ResponseEcho, ResponseInsertTx, Snapshot, request, response,
    },
};
use defchain_base::{
    payload,
    tx::{NativeKind, NativeTx},
};
use prost::Message;

use super::{Made, chain::key, made};

const CHAIN_ID: u64 = 35_679;
const GWEI: u128 = 1_000_000_000;

fn signed<T>(key: &PrivateKeySigner, tx: T) -> Vec<u8>
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("a signature");
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

/// One wei to the contract.
#[must_use]
pub fn transfer(key: &PrivateKeySigner, nonce: u64) -> Vec<u8> {
    signed(key, fee_market(nonce))
}

fn fee_market(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 50_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(super::chain::CONTRACT),
        value: U256::from(1),
        ..TxEip1559::default()
    }
}

fn list() -> AccessList {
    let item = |byte| AccessListItem {
        address: Address::repeat_byte(byte),
        storage_keys: vec![B256::repeat_byte(byte), B256::ZERO],
    };
    AccessList(vec![item(7), item(8)])
}

fn native(kind: NativeKind) -> Vec<u8> {
    let tx = NativeTx {
        kind,
        chain_id: CHAIN_ID,
        nonce: 3,
        max_priority_fee_per_gas: 1,
        max_fee_per_gas: 2 * GWEI,
        gas_limit: 100_000,
        payload: Bytes::from_static(b"operation"),
    };
    let signature = key(2).sign_hash_sync(&tx.signature_hash()).expect("a signature");
    tx.into_signed(signature).encoded()
}

fn transactions() -> Vec<(&'static str, Vec<u8>)> {
    let legacy = |chain_id| TxLegacy {
        chain_id,
        gas_price: 10 * GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        ..TxLegacy::default()
    };
    let access = TxEip2930 { chain_id: CHAIN_ID, gas_limit: 60_000, access_list: list(), ..TxEip2930::default() };
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: Address::repeat_byte(5), nonce: 1 };
    let authority = key(3).sign_hash_sync(&authorization.signature_hash()).expect("a signature");
    let delegation = TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 90_000,
        to: Address::repeat_byte(6),
        authorization_list: vec![authorization.into_signed(authority)],
        access_list: list(),
        ..TxEip7702::default()
    };
    vec![
        ("legacy", signed(&key(1), legacy(Some(CHAIN_ID)))),
        ("legacy-unprotected", signed(&key(1), legacy(None))),
        ("access-list", signed(&key(1), access)),
        ("fee-market", transfer(&key(1), 7)),
        ("creation", signed(&key(1), TxEip1559 { to: TxKind::Create, input: vec![0x5f; 40].into(), ..fee_market(0) })),
        ("delegation", signed(&key(1), delegation)),
        ("staking", native(NativeKind::Staking)),
        ("trading", native(NativeKind::Trading)),
        ("compute", native(NativeKind::Compute)),
    ]
}

fn items(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![u8::try_from(parts.len()).expect("few items")];
    for (at, part) in parts.iter().enumerate() {
        if at + 1 < parts.len() {
            out.extend(u16::try_from(part.len()).expect("a short item").to_be_bytes());
        }
        out.extend_from_slice(part);
    }
    out
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(message.len() as u64, &mut out);
    out.extend_from_slice(message);
    out
}

/// What the encoders write.
pub(super) fn good() -> Vec<Made> {
    let txs: Vec<Bytes> = transactions().into_iter().map(|(_, raw)| raw.into()).collect();
    let none: [Bytes; 0] = [];
    let mut all: Vec<Made> = transactions().into_iter().map(|(name, raw)| made("tx", name, raw)).collect();
    let envelope = InjectedEnvelope::default().encode();
    let filled = payload::encode(txs.iter());
    all.extend([
        made("payload", "empty", payload::encode(none.iter())),
        made("payload", "every-type", filled.clone()),
        made("bundle", "empty", payload::encode_bundle(none.iter())),
        made("bundle", "every-type", payload::encode_bundle(txs.iter())),
        made("stored-txs", "every-type", defchain_chain::payload::encode_stored(txs.iter())),
        made("block-items", "empty", items(&[&envelope, &payload::encode(none.iter())])),
        made("block-items", "every-type", items(&[&envelope, &filled])),
        made("envelope", "empty", envelope),
        made("vote-extension", "empty", VoteExtension::default().encode()),
    ]);
    all.extend(abci());
    all
}

fn abci() -> Vec<Made> {
    let snapshot = Snapshot { height: 9, format: 1, chunks: 2, hash: vec![7; 32].into(), metadata: vec![8; 90].into() };
    let requests = [
        request::Value::Echo(RequestEcho { message: "hello".to_owned() }),
        request::Value::FinalizeBlock(RequestFinalizeBlock {
            txs: vec![vec![1].into(), vec![1, 0, 0, 0, 0].into()],
            hash: vec![3; 32].into(),
            height: 5,
            proposer_address: vec![4; 20].into(),
            ..Default::default()
        }),
        request::Value::OfferSnapshot(RequestOfferSnapshot { snapshot: Some(snapshot), app_hash: vec![5; 32].into() }),
        request::Value::InsertTx(RequestInsertTx { tx: vec![0xb1, 0, 0, 0, 0].into() }),
        request::Value::ReapTxs(RequestReapTxs { max_bytes: 262_144, max_gas: 30_000_000 }),
    ];
    let responses = [
        response::Value::Echo(ResponseEcho { message: "hello".to_owned() }),
        response::Value::InsertTx(ResponseInsertTx { code: 32_000 }),
    ];
    let mut all = Vec::new();
    let (mut stream, mut recording) = (Vec::new(), b"defchain ABCI recording 1\n".to_vec());
    for value in requests {
        let name = Call::label(value.call());
        let bytes = Request::from(value).encode_to_vec();
        stream.extend(frame(&bytes));
        all.push(made("abci-request", name, bytes));
    }
    for value in responses {
        let name = value.call().map_or("exception", Call::label);
        let bytes = Response::from(value).encode_to_vec();
        if name == "echo" {
            let request = Request::from(request::Value::Echo(RequestEcho { message: "hello".to_owned() }));
            recording.extend(frame(&request.encode_to_vec()));
            recording.extend(frame(&bytes));
        }
        all.push(made("abci-response", name, bytes));
    }
    all.push(made("abci-frames", "requests", stream));
    all.push(made("abci-recording", "echo", recording));
    all
}

/// What nobody's encoder writes.
pub(super) fn refused() -> Vec<Made> {
    let transfer = transfer(&key(1), 7);
    let blob = signed(&key(1), TxEip4844 { chain_id: CHAIN_ID, ..TxEip4844::default() });
    let lie = |version: u8| vec![version, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 7];
    let mut huge_item = vec![1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
    huge_item.extend([7; 40]);
    let mut recording = b"defchain ABCI recording 1\n".to_vec();
    recording.extend([0xff, 0xff, 0xff, 0x7f, 1]);
    vec![
        made("tx", "empty", []),
        made("tx", "blob", blob),
        made("tx", "unknown-type", [5, 1]),
        made("tx", "native-unknown-type", [103, 0xc0]),
        made("tx", "half", &transfer[..transfer.len() / 2]),
        made("tx", "trailing", [transfer.as_slice(), &[0]].concat()),
        made("tx", "list-of-lists", [[0xf8, 0xff].repeat(100), vec![0xc0; 100]].concat()),
        made("tx", "string-of-4-gib", [2, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xbb, 0xff, 0xff, 0xff, 0xff]),
        made("payload", "huge-count", lie(1)),
        made("payload", "huge-item", huge_item.clone()),
        made("payload", "is-a-bundle", lie(0xb1)),
        made("bundle", "huge-count", lie(0xb1)),
        made("stored-txs", "huge-count", lie(1)),
        made("block-items", "none", [0]),
        made("block-items", "swapped", items(&[&[1, 0, 0, 0, 0], &[1]])),
        made("block-items", "unknown-section", items(&[&[1, 0x0a, 0], &[1, 0, 0, 0, 0]])),
        made("envelope", "no-version", []),
        made("envelope", "another-version", [2]),
        made("envelope", "unknown-section", [1, 0x0a, 1, 7]),
        made("vote-extension", "unknown-section", [1, 0x22, 0]),
        made("vote-extension", "overlong-tag", [1, 0x8a, 0x80, 0x00]),
        made("abci-request", "end-block", [0x52, 0]),
        made("abci-request", "longer-than-it-is", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        made("abci-request", "nested-groups", [0x0b; 400]),
        made("abci-response", "end-block", [0x52, 0]),
        made("abci-frames", "huge-length", [0xff, 0xff, 0xff, 0xff, 0x0f, 1]),
        made("abci-frames", "overlong-length", [0x85, 0x80, 0x00]),
        made("abci-frames", "torn", [5, 1, 2]),
        made("abci-recording", "another-file", *b"defchain ABCI recording 2\n"),
        made("abci-recording", "huge-length", recording),
    ]
}
