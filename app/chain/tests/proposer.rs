//! The Rust draw against the vectors that the modified CometBFT's own code made (D33).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

use defchain_base::{B256, ConsensusAddress, Height, Power};
use defchain_chain::proposer;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    chain_id: String,
    initial_height: u64,
    height: u64,
    round: u64,
    prev_hash: String,
    validators: Vec<Validator>,
    proposer: ConsensusAddress,
}

#[derive(Deserialize)]
struct Validator {
    address: ConsensusAddress,
    power: u64,
}

#[test]
fn every_draw_of_the_modified_cometbft_is_ours() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cometbft-config/testdata/proposer_vectors.json");
    let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(vectors.len() >= 1_000, "{} vectors", vectors.len());
    for (i, v) in vectors.iter().enumerate() {
        let set: Vec<_> = v.validators.iter().map(|x| (x.address, Power(x.power))).collect();
        let previous = if v.height == v.initial_height {
            proposer::genesis_hash(&v.chain_id)
        } else {
            v.prev_hash.parse::<B256>().unwrap()
        };
        let drawn = proposer::draw(&set, Height(v.height), v.round, &previous);
        assert_eq!(drawn, Some(v.proposer), "vector {i}: height {}, round {}", v.height, v.round);
    }
}

#[test]
fn a_set_without_power_has_no_proposer() {
    assert_eq!(proposer::draw(&[], Height(1), 0, &B256::ZERO), None);
}
