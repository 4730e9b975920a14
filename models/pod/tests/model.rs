//! The model holds in small worlds, finds every planted mistake, and agrees with the shared vectors of the draw.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

use std::{collections::BTreeSet, fs, path::Path};

use alloy_primitives::hex;
use defchain_pod_model::{
    Mistake, Size, check_all,
    rules::draw,
    worlds::{money::Money, stakes::Stakes, validators::Validators},
};
use stateright::{Expectation, Model};

#[test]
fn every_property_holds_in_every_state_of_the_small_worlds() {
    for outcome in check_all(Size::Short, None, 2) {
        println!("{outcome}");
        assert!(outcome.holds(), "{outcome}");
        assert!(outcome.states > 1_000, "a world of {} states shows little: {outcome}", outcome.states);
    }
}

#[test]
fn every_planted_mistake_is_found_by_the_property_that_is_there_for_it() {
    for mistake in Mistake::ALL {
        let outcomes = check_all(Size::Short, Some(*mistake), 2);
        let found: Vec<&str> = outcomes.iter().flat_map(|o| &o.broken).map(|(property, _)| *property).collect();
        assert!(found.contains(&mistake.breaks()), "{mistake:?} ({mistake}): found only {found:?}");
    }
}

#[test]
fn every_property_can_fail() {
    fn always<M: Model>(model: &M) -> Vec<&'static str> {
        let properties = model.properties();
        properties.iter().filter(|p| p.expectation == Expectation::Always).map(|p| p.name).collect()
    }
    let mut properties: BTreeSet<&str> = always(&Money::people(1, 1)).into_iter().collect();
    properties.extend(always(&Stakes::worlds(Size::Short)[0].1));
    properties.extend(always(&Validators::worlds(Size::Short)[0].1));
    let broken: BTreeSet<&str> = Mistake::ALL.iter().map(|m| m.breaks()).collect();
    assert_eq!(properties, broken, "each property has a planted mistake, and each mistake a property");
}

#[test]
fn the_draw_agrees_with_the_vectors_that_hold_go_and_rust_equal() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cometbft-config/testdata/proposer_vectors.json");
    let text = fs::read_to_string(&file).unwrap();
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(vectors.len() > 10);
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().unwrap().to_owned();
        let number = |key: &str| vector[key].as_u64().unwrap();
        let previous: [u8; 32] = match hex::decode(text("prev_hash")).unwrap() {
            empty if empty.is_empty() => draw::first_hash(&text("chain_id")),
            bytes => bytes.try_into().unwrap(),
        };
        let validators: Vec<draw::Weighted> = vector["validators"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| {
                let address = hex::decode(v["address"].as_str().unwrap()).unwrap();
                (address.try_into().unwrap(), v["power"].as_u64().unwrap())
            })
            .collect();
        let (height, round) = (number("height"), number("round"));
        assert_eq!(hex::encode(draw::seed(height, round, &previous)), text("seed"));
        let drawn = draw::proposer(&validators, height, round, &previous).map(hex::encode);
        assert_eq!(drawn.unwrap_or_default(), text("proposer"), "{vector}");
    }
}
