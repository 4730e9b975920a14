//! Checks worlds and tells what was found.

use core::fmt;
use std::time::Instant;

use anyhow::{Result, bail};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::{
    Mistake,
    mistake::Place,
    worlds::{money::Money, stakes::Stakes, validators::Validators},
};

/// How much of each world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Seconds: with every test run.
    Short,
    /// Minutes: `cargo xtask model`.
    Long,
}

/// What came of checking one world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its name.
    pub world: &'static str,
    /// States that can be reached and were all looked at, unless something was found first.
    pub states: usize,
    /// The longest shortest way to one of them, in actions.
    pub depth: usize,
    /// Wall clock.
    pub seconds: f64,
    /// Properties that do not hold, each with the shortest way there.
    pub broken: Vec<(&'static str, String)>,
    /// Things that should happen in some state, and do in none.
    pub unseen: Vec<&'static str>,
}

impl Outcome {
    /// Whether all is well.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { world, states, depth, seconds, .. } = self;
        write!(f, "{world:<28} {states:>9} states  depth {depth:>2}  {seconds:>6.1} s  ")?;
        if self.holds() {
            return f.write_str("holds");
        }
        for (property, way) in &self.broken {
            write!(f, "\n  BROKEN: {property}\n{way}")?;
        }
        for property in &self.unseen {
            write!(f, "\n  NEVER SEEN: {property}")?;
        }
        Ok(())
    }
}

/// Checks one world exhaustively, breadth first, so that what is found comes with a shortest way there.
pub fn check_world<M>(world: &'static str, model: M, threads: usize) -> Outcome
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + fmt::Debug + core::hash::Hash + PartialEq + Send + Sync,
    M::Action: Clone + fmt::Debug + PartialEq + Send + Sync,
{
    let begun = Instant::now();
    let properties = model.properties();
    let checker = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries();
    let broken = properties
        .iter()
        .filter(|p| p.expectation == Expectation::Always)
        .filter_map(|p| {
            let path = found.get(p.name)?;
            let (last, mut way) = (path.last_state().clone(), String::new());
            for (number, action) in path.clone().into_actions().iter().enumerate() {
                way.push_str(&format!("    {:>2}. {action:?}\n", number + 1));
            }
            Some((p.name, format!("{way}    then: {last:?}")))
        })
        .collect::<Vec<_>>();
    // Checking stops at a failure: what was not seen until then says nothing.
    let unseen = properties
        .iter()
        .filter(|p| broken.is_empty() && p.expectation == Expectation::Sometimes && !found.contains_key(p.name))
        .map(|p| p.name)
        .collect();
    Outcome {
        world,
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        seconds: begun.elapsed().as_secs_f64(),
        broken,
        unseen,
    }
}

/// Checks every world, all rules right or one wrong.
///
/// A planted mistake is looked for in its own worlds alone. Each outcome is printed when it is there.
pub fn check_all(size: Size, mistake: Option<Mistake>, threads: usize) -> Vec<Outcome> {
    let place = mistake.map(Mistake::place);
    let mut tour = Tour { mistake, threads, outcomes: Vec::new() };
    if place.is_none_or(|p| p == Place::Money) {
        let ((days, moves), (contract_days, contract_moves)) = match size {
            Size::Short => ((9, 2), (11, 3)),
            Size::Long => ((9, 3), (11, 5)),
        };
        tour.visit("money: contracts", Money { mistake, ..Money::contracts(contract_days, contract_moves) });
        tour.visit("money: people, a contract", Money { mistake, ..Money::people(days, moves) });
    }
    if place.is_none_or(|p| p == Place::Stakes) {
        Stakes::worlds(size).into_iter().for_each(|(name, world)| tour.visit(name, Stakes { mistake, ..world }));
    }
    if place.is_none_or(|p| p == Place::Validators) {
        Validators::worlds(size)
            .into_iter()
            .for_each(|(name, world)| tour.visit(name, Validators { mistake, ..world }));
    }
    tour.outcomes
}

struct Tour {
    mistake: Option<Mistake>,
    threads: usize,
    outcomes: Vec<Outcome>,
}

impl Tour {
    /// A planted mistake that was found needs no other world.
    fn visit<M>(&mut self, world: &'static str, model: M)
    where
        M: Model + Clone + Send + Sync + 'static,
        M::State: Clone + fmt::Debug + core::hash::Hash + PartialEq + Send + Sync,
        M::Action: Clone + fmt::Debug + PartialEq + Send + Sync,
    {
        if self.mistake.is_some() && self.outcomes.iter().any(|o| !o.broken.is_empty()) {
            return;
        }
        let outcome = check_world(world, model, self.threads);
        println!("{outcome}");
        self.outcomes.push(outcome);
    }
}

/// Checks every world with all rules right and prints a line each.
///
/// # Errors
/// When a property does not hold, or a thing that should happen cannot.
pub fn report(size: Size, threads: usize) -> Result<()> {
    let outcomes = check_all(size, None, threads);
    let bad: Vec<&str> = outcomes.iter().filter(|o| !o.holds()).map(|o| o.world).collect();
    if !bad.is_empty() {
        bail!("{} of {} worlds do not hold: {}", bad.len(), outcomes.len(), bad.join(", "));
    }
    Ok(())
}
