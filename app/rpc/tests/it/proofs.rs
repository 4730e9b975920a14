//! Proofs of state.

use alloy_primitives::hex;
use defchain_base::StateKey;
use defchain_token::keys::AccountKey;
use serde_json::{Value, json};

use crate::support::{Node, address, transfer};

#[tokio::test]
async fn a_value_and_an_absence_are_proven_against_the_state_root() {
    let node = Node::start().await;
    node.send(&transfer(1, 0, address(20), 5)).await;
    let header = node.block();
    for (who, there) in [(address(20), true), (address(21), false)] {
        let key = hex::encode_prefixed(AccountKey(who).to_key());
        let proof = node.call("def_getProof", json!(["latest", "evm", key])).await;
        assert_eq!(proof["stateRoot"], json!(header.state_root));
        assert_eq!(proof["blockHash"], json!(header.hash));
        assert_eq!(proof["root"], json!(header.substore_roots[2]));
        assert_eq!(proof["value"] != Value::Null, there);
        let bytes = |field: &str| hex::decode(proof[field].as_str().unwrap()).unwrap();
        let parts = (bytes("proof"), bytes("rootProof"));
        let same =
            node.driver.chain().reader().prove(header.height, defchain_base::Substore::Evm, &AccountKey(who).to_key());
        let same = same.unwrap();
        assert_eq!(parts, (same.inner_bytes().unwrap(), same.outer_bytes()));
        let value = proof["value"].as_str().map(|v| hex::decode(v).unwrap());
        let key = AccountKey(who).to_key();
        same.verify(&header.state_root, defchain_base::Substore::Evm, &key, value.as_deref()).unwrap();
    }
}

#[tokio::test]
async fn a_proof_of_nothing_that_exists_is_refused_in_words() {
    let node = Node::start().await;
    node.block();
    let (code, text) = node.error("eth_getProof", json!([address(1), [], "latest"])).await;
    assert_eq!(code, -32004);
    assert!(text.contains("def_getProof"), "{text}");
    let (code, text) = node.error("def_getProof", json!(["latest", "eth", "0x00"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("none of ai, def, evm, sys, trade"), "{text}");
    let (code, text) = node.error("def_getProof", json!(["latest", "evm", "0x"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("0 bytes, must be 1 to 256"), "{text}");
    assert_eq!(node.error("def_getProof", json!(["pending", "evm", "0x00"])).await.0, -32602);
}
