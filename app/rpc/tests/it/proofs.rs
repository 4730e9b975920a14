//! Proofs of state.

use alloy_primitives::{B256, hex};
use defchain_base::{Height, StateKey};
use defchain_token::keys::AccountKey;
use ics23::{
    CommitmentProof, HashOp, HostFunctionsManager, InnerSpec, LeafOp, LengthOp, ProofSpec, verify_membership,
    verify_non_membership,
};
use prost_013::Message;
use serde_json::{Value, json};

use crate::support::{Node, address, poke, transfer};

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
        verify(&proof, header.state_root);
        let short = node.call("def_getProof", json!(["latest", {"account": who}])).await;
        assert_eq!(short, proof);
    }
}

/// The trees' specification, written down once more: what a light client must know.
fn tree_spec() -> ProofSpec {
    let sha256 = i32::from(HashOp::Sha256);
    ProofSpec {
        leaf_spec: Some(LeafOp {
            hash: sha256,
            prehash_key: sha256,
            prehash_value: sha256,
            length: LengthOp::NoPrefix.into(),
            prefix: b"JMT::LeafNode".to_vec(),
        }),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 16,
            max_prefix_length: 16,
            empty_child: b"SPARSE_MERKLE_PLACEHOLDER_HASH__".to_vec(),
            hash: sha256,
        }),
        min_depth: 0,
        max_depth: 64,
        prehash_key_before_comparison: true,
    }
}

/// Checks an answer against a header's app hash by the ics23 crate alone: from the key to the substore's root, from there
/// to the app hash.
fn verify(proof: &Value, app_hash: B256) {
    let bytes = |field: &str| hex::decode(proof[field].as_str().unwrap()).unwrap();
    let parse = |field: &str| CommitmentProof::decode(bytes(field).as_slice()).unwrap();
    let (root, key, name) = (bytes("root"), bytes("key"), proof["substore"].as_str().unwrap());
    let outer = parse("rootProof");
    let tendermint = ics23::tendermint_spec();
    let known =
        verify_membership::<HostFunctionsManager>(&outer, &tendermint, &app_hash.to_vec(), name.as_bytes(), &root);
    assert!(known, "the root of {name} is not under {app_hash}");
    let inner = parse("proof");
    let value = proof["value"].as_str().map(|value| hex::decode(value).unwrap());
    let (spec, other) = (tree_spec(), [1, 2, 3]);
    match value {
        Some(value) => {
            assert!(verify_membership::<HostFunctionsManager>(&inner, &spec, &root, &key, &value));
            assert!(!verify_membership::<HostFunctionsManager>(&inner, &spec, &root, &key, &other));
        }
        None => {
            assert!(verify_non_membership::<HostFunctionsManager>(&inner, &spec, &root, &key));
            assert!(!verify_membership::<HostFunctionsManager>(&inner, &spec, &root, &key, &other));
        }
    }
}

#[tokio::test]
async fn slots_and_native_keys_are_proven_at_heights_that_are_past() {
    let node = Node::start().await;
    let probe = node.deploy_probe(0).await;
    node.send(&poke(1, 1, probe)).await;
    let with = node.block();
    node.block();
    let before = node.driver.chain().reader().header(Height(with.height.0 - 1)).unwrap().unwrap();
    let proof =
        async |height: u64, target: Value| node.call("def_getProof", json!([format!("{height:#x}"), target])).await;
    let slot = json!({"account": probe, "slot": "0x0"});
    let then = proof(with.height.0, slot.clone()).await;
    verify(&then, with.state_root);
    assert!(then["value"].as_str().unwrap().ends_with("2a"), "{then}");
    let earlier = proof(before.height.0, slot).await;
    verify(&earlier, before.state_root);
    assert!(earlier["value"].is_null());
    let key = hex::encode_prefixed(defchain_chain::ChainHeadKey.to_key());
    let native = node.call("def_getProof", json!([with.hash, "sys", key])).await;
    assert_eq!(native["height"], json!(format!("{:#x}", with.height.0)));
    verify(&native, with.state_root);
    let (code, text) = node.error("def_getProof", json!(["latest", {"acount": probe}])).await;
    assert!(code == -32602 && text.contains("neither the name of a substore nor"), "{text}");
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
