//! Transactions of type 100: the vectors that the book publishes, made anew from the code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use common::{CHAIN_ID, GWEI, Key};
use defchain_base::{
    Address, Amount,
    tx::{self, NativeKind, NativeTx, TxError},
};
use defchain_chain::registry;
use defchain_staking::compact::Operation;
use serde_json::{Value, json};

/// What the book shows; `DEFCHAIN_WRITE_VECTORS=1` writes it anew after a change that is meant.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/native-transactions.json");

fn vectors() -> Vec<Value> {
    let owner = Address::repeat_byte(0x11);
    let operations = [
        ("stake 10,000 DEF for 4 years", Operation::Stake { amount: Amount::from_def(10_000), years: 4 }),
        ("extend position 3 to 12 years", Operation::Extend { id: 3, years: 12 }),
        ("withdraw this month's part of position 3", Operation::Withdraw { id: 3 }),
        ("unlock position 300 of another owner", Operation::UnlockFor { owner, id: 300 }),
        ("claim all dividends", Operation::ClaimAllDividends),
        ("compound position 3 by itself from now on", Operation::SetAutoCompound { id: 3, on: true }),
    ];
    operations.into_iter().enumerate().map(|(n, (name, operation))| vector(n as u64, name, &operation)).collect()
}

fn vector(nonce: u64, name: &str, operation: &Operation) -> Value {
    let key = Key::new(1);
    let tx = NativeTx {
        kind: NativeKind::Staking,
        chain_id: CHAIN_ID,
        nonce,
        max_priority_fee_per_gas: GWEI,
        max_fee_per_gas: 3 * GWEI,
        gas_limit: 400_000,
        payload: operation.encoded().into(),
    };
    let signing_hash = tx.signature_hash();
    let signed = tx.clone().into_signed(key.sign(signing_hash));
    let decoded = tx::decode(signed.encoded().into(), tx::MAX_TX_BYTES).unwrap();
    assert_eq!(decoded.recover().unwrap(), key.address());
    let entry = *registry().get(&NativeKind::Staking.system_address()).unwrap();
    let call = entry.compact.expect("staking has a compact form")(&tx.payload).unwrap();
    assert!(entry.functions().iter().any(|f| call.input.starts_with(&f.selector)), "{name}: nobody handles it");
    json!({
        "name": name,
        "chainId": tx.chain_id,
        "nonce": tx.nonce,
        "maxPriorityFeePerGas": tx.max_priority_fee_per_gas.to_string(),
        "maxFeePerGas": tx.max_fee_per_gas.to_string(),
        "gasLimit": tx.gas_limit,
        "payload": tx.payload,
        "signingHash": signing_hash,
        "raw": decoded.raw(),
        "hash": decoded.hash(),
        "sender": key.address(),
        "call": { "to": entry.address, "value": call.value.to_string(), "input": call.input },
    })
}

#[test]
fn the_published_vectors_are_what_the_code_makes() {
    let made = json!({ "signer": "keccak256(0x00000001) as secp256k1 secret key", "vectors": vectors() });
    if std::env::var_os("DEFCHAIN_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, format!("{}\n", serde_json::to_string_pretty(&made).unwrap())).unwrap();
    }
    let published: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert_eq!(published, made);
}

#[test]
fn every_published_transaction_has_one_encoding() {
    for vector in vectors() {
        let raw: defchain_base::Bytes = serde_json::from_value(vector["raw"].clone()).unwrap();
        let mut longer = raw.to_vec();
        longer.push(0);
        assert!(matches!(tx::decode(longer.into(), tx::MAX_TX_BYTES), Err(TxError::Undecodable { .. })));
        let mut other = raw.to_vec();
        other[0] = 101;
        let other = tx::decode(other.into(), tx::MAX_TX_BYTES).unwrap();
        assert_eq!(other.check_served(), Err(TxError::NativeInactive(101)));
    }
}
