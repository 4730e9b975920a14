//! Many seeds on all cores, and what to do about the first that fails.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    faults::Fault,
    run::{Counts, Outcome, Settings, replay, run},
    script::Script,
};

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Runs at a time.
    pub threads: usize,
    /// What each run is, but for its seed.
    pub settings: Settings,
    /// Whether each seed runs twice, and the runs are compared.
    pub twice: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Sums over all runs.
    pub counts: Counts,
    /// Runs that ended well.
    pub good: u64,
    /// The failed run with the least seed, cut to its failing height.
    pub failed: Option<Outcome>,
    /// Two runs of a seed that differ.
    pub differing: Option<(u64, String)>,
    /// How long it took.
    pub took: Duration,
}

/// A planted fault and how it was found.
#[derive(Debug)]
pub struct Caught {
    /// Which.
    pub fault: Fault,
    /// The run that caught it; `None` when none did.
    pub by: Option<Outcome>,
}

/// Runs all seeds; stops early when one fails. `progress` hears of each seed that ended, with how many ended so far.
pub fn campaign(campaign: &Campaign, progress: impl Fn(u64, &Outcome) + Sync) -> Report {
    let started = Instant::now();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let report =
        Mutex::new(Report { counts: Counts::default(), good: 0, failed: None, differing: None, took: Duration::ZERO });
    std::thread::scope(|scope| {
        for _ in 0..campaign.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= campaign.seeds {
                        break;
                    }
                    let settings = Settings { seed: campaign.first.wrapping_add(at), ..campaign.settings };
                    let outcome = run(&settings);
                    let difference = campaign
                        .twice
                        .then(|| outcome.audit.first_difference(&run(&settings).audit))
                        .flatten()
                        .map(|difference| (settings.seed, difference.to_string()));
                    let stop = outcome.failure.is_some() || difference.is_some();
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, &outcome);
                    report.lock().unwrap_or_else(PoisonError::into_inner).take(outcome, difference);
                    if stop {
                        next.store(campaign.seeds, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failed = report.failed.map(shrink);
    report.took = started.elapsed();
    report
}

impl Report {
    fn take(&mut self, outcome: Outcome, difference: Option<(u64, String)>) {
        self.counts.add(&outcome.counts);
        if let Some(difference) = difference {
            self.differing.get_or_insert(difference);
        }
        if outcome.failure.is_none() {
            self.good += 1;
        } else if self.failed.as_ref().is_none_or(|before| outcome.settings.seed < before.settings.seed) {
            self.failed = Some(outcome);
        }
    }
}

/// The same failure with no block more than it takes.
fn shrink(outcome: Outcome) -> Outcome {
    let Some(failure) = &outcome.failure else { return outcome };
    let mut blocks = failure.height.max(1);
    // A failure at the end of a run, over all its blocks, needs them all.
    while blocks < outcome.settings.blocks {
        let shorter = run(&Settings { blocks, ..outcome.settings });
        if shorter.failure.is_some() {
            return shorter;
        }
        blocks = (blocks + 1).max(blocks * 3 / 2);
    }
    outcome
}

/// How often a script is cut and played again at most.
const TRIES: u32 = 400;

/// The failure as a short script: only events without which it does not happen, in a calm network if it happens in one.
#[must_use]
pub fn distil(outcome: &Outcome) -> Option<(Settings, Script)> {
    let failure = outcome.failure.as_ref()?;
    let fails = |settings: &Settings, script: &Script| {
        let again = replay(settings, script);
        again.failure.is_some_and(|f| f.what.alike(&failure.what))
    };
    let settings = Settings { blocks: failure.height.clamp(1, outcome.settings.blocks), ..outcome.settings };
    let calm = Settings { calm: true, ..settings };
    let settings = [calm, settings, outcome.settings].into_iter().find(|s| fails(s, &outcome.script))?;
    let script = outcome.script.clone().shrink(TRIES, |shorter| fails(&settings, shorter));
    Some((settings, script))
}

/// Plants each fault and looks for a seed that catches it: of those in which the fault came to show, the first.
#[must_use]
pub fn plant_all(first: u64, seeds: u64, settings: &Settings) -> Vec<Caught> {
    Fault::ALL
        .into_iter()
        .map(|fault| {
            let runs = (0..seeds).map(|at| {
                let seed = first.wrapping_add(at);
                run(&Settings { seed, fault: Some(fault), ..*settings })
            });
            // A fault that never came to show is no miss; one that showed and was not noticed ends the search.
            let by = runs.into_iter().find(|outcome| outcome.planted_at.is_some());
            Caught { fault, by: by.filter(|outcome| outcome.failure.is_some()) }
        })
        .collect()
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.blocks, other.blocks),
            (&mut self.executed, other.executed),
            (&mut self.rounds, other.rounds),
            (&mut self.refused, other.refused),
            (&mut self.sent, other.sent),
            (&mut self.taken, other.taken),
            (&mut self.included, other.included),
            (&mut self.failed, other.failed),
            (&mut self.created, other.created),
            (&mut self.logged, other.logged),
            (&mut self.delegated, other.delegated),
            (&mut self.crashes, other.crashes),
            (&mut self.synced, other.synced),
            (&mut self.replayed, other.replayed),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}
