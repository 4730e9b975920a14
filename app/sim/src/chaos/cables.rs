//! Partitions: validators that run and do not hear each other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use defchain_localnet::netns::Namespaces;

use super::{
    dice::Dice,
    rig::{Must, Plan, Rig},
};

/// How long a partition lasts.
const PARTITION: Duration = Duration::from_secs(20);
/// A cable that is bad: so often, so long.
const FLAPS: usize = 10;

fn cables(rig: &Rig) -> Result<&Namespaces> {
    rig.namespaces.as_ref().context("no namespaces")
}

/// One of four, in silence and with its cable out; then a bad cable.
pub(super) fn one(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    let i = dice.index(rig.size());
    let what = format!("node{i} hears nobody for {} s", PARTITION.as_secs());
    rig.case("partition-one", what, Must::GoOn, |rig, case| {
        cables(rig)?.side(i, 1)?;
        rig.rest(PARTITION)?;
        let now = Instant::now();
        cables(rig)?.side(i, 0)?;
        rig.returned(case, i, &[], now)
    })?;
    let i = dice.index(rig.size());
    let what = format!("node{i}'s cable is out for {} s", PARTITION.as_secs());
    rig.case("partition-one", what, Must::GoOn, |rig, case| {
        cables(rig)?.cable(i, false)?;
        rig.rest(PARTITION)?;
        let now = Instant::now();
        cables(rig)?.cable(i, true)?;
        rig.returned(case, i, &[], now)
    })?;
    let i = dice.index(rig.size());
    rig.case("bad-cable", format!("node{i}'s cable goes out and in {FLAPS} times"), Must::GoOn, |rig, case| {
        for _ in 0..FLAPS {
            cables(rig)?.cable(i, false)?;
            rig.rest(Duration::from_millis(100 + dice.below(1_200)))?;
            cables(rig)?.cable(i, true)?;
            rig.rest(Duration::from_millis(100 + dice.below(1_200)))?;
        }
        rig.returned(case, i, &[], Instant::now())
    })
}

/// Two against two: neither side may decide anything; together they go on.
pub(super) fn two(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    let partner = 1 + dice.index(rig.size() - 1);
    let others: Vec<usize> = (1..rig.size()).filter(|i| *i != partner).collect();
    let what = format!("node0 and node{partner} hear the two others no more for {} s", PARTITION.as_secs());
    rig.case("partition-two", what, Must::Stand, |rig, case| {
        for i in &others {
            cables(rig)?.side(*i, 1)?;
        }
        case.started = Instant::now();
        rig.rest(PARTITION)?;
        case.over = Some(Instant::now());
        let before = rig.watch.ledger().newest();
        for i in &others {
            cables(rig)?.side(*i, 0)?;
        }
        let back =
            rig.wait(Duration::from_secs(90), "blocks come again", |rig| rig.watch.ledger().newest() >= before + 2)?;
        case.back = Some(back);
        Ok(())
    })
}
