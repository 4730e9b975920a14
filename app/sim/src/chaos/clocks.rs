//! A validator whose clock is wrong.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{
    dice::Dice,
    rig::{Case, Must, Plan, Rig},
};

/// What the build with the wrong clock reads.
const OFFSET: &str = "DEFCHAIN_CLOCK_OFFSET";
/// How long a wrong clock is watched.
const WATCHED: Duration = Duration::from_secs(15);
/// Until a node with a clock that cannot be worked with has stopped.
const STOP: Duration = Duration::from_secs(60);

/// Starts a node anew with its clock wrong by so many seconds.
fn restart(rig: &mut Rig, i: usize, offset: i64) -> Result<Instant> {
    // With its clock before the chain's genesis a node only waits.
    let age = Duration::from_secs(offset.min(0).unsigned_abs() + 3);
    rig.wait(age, "the chain is older than the clock is behind", |rig| rig.born.elapsed() >= age)?;
    if rig.network.supervisor(i).is_some() {
        rig.network.stop_node(i)?;
    }
    rig.network.nodes[i].env = vec![(OFFSET.to_owned(), format!("{offset}s"))];
    let now = Instant::now();
    rig.network.start_node(i)?;
    Ok(now)
}

/// Works with that clock as with a right one.
fn harmless(rig: &mut Rig, case: &mut Case, i: usize, offset: i64) -> Result<()> {
    let now = restart(rig, i, offset)?;
    case.started = now;
    rig.returned(case, i, &[], now)?;
    let halves = rig.halves(i)?;
    rig.rest(WATCHED)?;
    ensure!(rig.halves(i)? == halves, "node{i} was started again meanwhile");
    let (own, others) = (rig.watch.view(i).height, rig.watch.newest_but(i));
    ensure!(own + 3 >= others, "node{i} is at block {own}, the others at {others}");
    case.over = Some(Instant::now());
    restart(rig, i, 0).map(|_| ())
}

/// 30 s either way and 90 s ahead are harmless; 90 s behind is a clear stop, over when the clock is right.
pub(super) fn skew(rig: &mut Rig, dice: &mut Dice, _plan: &Plan) -> Result<()> {
    for offset in [30_i64, 90, -30] {
        let i = dice.index(rig.size());
        let what = format!("node{i}'s clock is {} s {}", offset.abs(), if offset < 0 { "behind" } else { "ahead" });
        rig.case("clock", what, Must::GoOn, |rig, case| harmless(rig, case, i, offset))?;
    }
    let i = dice.index(rig.size());
    rig.case("clock", format!("node{i}'s clock is 90 s behind, then right"), Must::GoOn, |rig, case| {
        restart(rig, i, -90)?;
        case.started = Instant::now();
        rig.wait(STOP, &format!("node{i} stops"), |rig| rig.network.supervisor(i).is_none())?;
        let words = rig.last_words(i);
        ensure!(
            words.contains("clock") && words.contains("behind"),
            "node{i} stopped without a word on its clock: {words}"
        );
        case.notes.push(words);
        let now = restart(rig, i, 0)?;
        rig.returned(case, i, &[], now)
    })
}
