//! What the chain's own steps add to a block of a large economy: a month's boundary, an epoch's change, a slash.
//!
//! The blocks are empty, so what they take beyond a quiet block is the step. State stands in the store on disk, as in a
//! node.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use alloy_primitives::{Address, keccak256};
use anyhow::{Context, Result, ensure};
use defchain_abci::types::{Misbehavior, Validator};
use defchain_base::{Amount, ConsensusAddress, Timestamp};
use defchain_chain::{
    driver::{DevGenesis, dev_validator},
    genesis::AppState,
};
use defchain_geo::Country;
use defchain_staking::genesis::GenesisPosition;
use defchain_validators::state::ValidatorsRead;
use ed25519_consensus::SigningKey;
use serde::Serialize;

use super::exec::{Bench, BenchGenesis, BenchPlan, Moment, Times};
use crate::load::Accounts;

/// 2026-01-20T00:00:00Z.
const GENESIS: u64 = 1_768_867_200;
/// 2026-02-01T00:00:00Z.
const FEBRUARY: u64 = 1_769_904_000;
/// Blocks of an epoch.
const EPOCH: u64 = 100;
/// `MISBEHAVIOR_TYPE_DUPLICATE_VOTE`.
const DUPLICATE_VOTE: i32 = 1;
/// Positions of one owner.
const OWN: u64 = 8;

/// What to do.
#[derive(Debug, Clone)]
pub struct BoundaryPlan {
    /// Stakes in state.
    pub stakes: u64,
    /// Of these, bound to validators: half of them to the one that is slashed.
    pub delegations: u64,
    /// Validators.
    pub validators: u64,
    /// Where the temporary folder is made.
    pub under: Option<PathBuf>,
}

/// What came out, milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BoundaryFigures {
    /// Stakes, delegations, validators.
    pub size: [u64; 3],
    /// Seconds of genesis.
    pub genesis_s: f64,
    /// A quiet block: the median and the longest of those before and between.
    pub quiet: [StepFigure; 2],
    /// The blocks with a step.
    pub steps: Vec<NamedStep>,
}

/// A block with a step.
#[derive(Debug, Clone, Serialize)]
pub struct NamedStep {
    /// Which.
    pub name: &'static str,
    /// How long it took.
    pub took: StepFigure,
}

/// Milliseconds of a block.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct StepFigure {
    /// On its proposer.
    pub own: f64,
    /// On a node that judges it.
    pub other: f64,
}

impl StepFigure {
    fn of(times: &Times) -> Self {
        let sum = |all: &[Duration]| all.iter().map(Duration::as_secs_f64).sum::<f64>() * 1e3;
        Self { own: sum(&times.stages), other: sum(&times.cold) }
    }
}

/// Makes the economy and measures the blocks.
///
/// # Errors
/// When the plan does not fit, or the chain refuses a block.
pub fn run(plan: &BoundaryPlan) -> Result<BoundaryFigures> {
    let BoundaryPlan { stakes, delegations, validators, .. } = *plan;
    ensure!(delegations <= stakes, "{delegations} delegations of {stakes} stakes");
    let (genesis, lying) = economy(plan)?;
    let accounts = Accounts::derive(2, 2)?;
    let under = plan.under.as_deref();
    let bench = Bench::open(BenchPlan { accounts: &accounts, contracts: Vec::new(), genesis, sync: true, under })?;
    let mut course = Course { bench: &bench, quiet: Vec::new(), steps: Vec::new() };
    course.calm(20)?;
    course.step("first block of a day", &Moment { step_millis: 86_400_000, ..Moment::NEXT })?;
    course.calm(5)?;
    let now = course.now()?;
    course.step("first block of a month", &Moment { step_millis: FEBRUARY * 1_000 - now, ..Moment::NEXT })?;
    course.calm(5)?;
    let at = bench.chain().reader().latest()?;
    let evidence = Misbehavior {
        r#type: DUPLICATE_VOTE,
        validator: Some(Validator { address: bytes::Bytes::copy_from_slice(&lying.0), power: 1 }),
        height: i64::try_from(at.height.0)?,
        time: Some(super::exec::proto_time(at.time)?),
        total_voting_power: 1,
    };
    course.step("a slash", &Moment { misbehavior: vec![evidence], ..Moment::NEXT })?;
    let state = bench.chain().reader().state(bench.chain().reader().latest()?.height)?;
    let record = state.validator(operator(0))?.context("the validator is gone")?;
    ensure!(record.jail.is_some(), "the validator was not slashed: the figure would be of nothing");
    let height = bench.chain().reader().latest()?.height.0;
    course.calm(EPOCH - 1 - height % EPOCH)?;
    course.step("change of epoch", &Moment::NEXT)?;
    course.calm(3)?;
    let (quiet, steps) = (spread(&course.quiet), course.steps);
    let figures = BoundaryFigures {
        size: [stakes, delegations, validators],
        genesis_s: bench.genesis.as_secs_f64(),
        quiet,
        steps,
    };
    bench.close();
    Ok(figures)
}

struct Course<'a> {
    bench: &'a Bench,
    quiet: Vec<StepFigure>,
    steps: Vec<NamedStep>,
}

impl Course<'_> {
    fn now(&self) -> Result<u64> {
        Ok(self.bench.chain().reader().latest()?.time.0)
    }

    fn calm(&mut self, blocks: u64) -> Result<()> {
        for _ in 0..blocks {
            self.quiet.push(StepFigure::of(&self.bench.run(Vec::new(), 0, false)?));
        }
        Ok(())
    }

    fn step(&mut self, name: &'static str, moment: &Moment) -> Result<()> {
        let took = StepFigure::of(&self.bench.run_at(Vec::new(), 0, false, moment)?);
        self.steps.push(NamedStep { name, took });
        Ok(())
    }
}

/// The median and the greatest.
fn spread(all: &[StepFigure]) -> [StepFigure; 2] {
    let sorted = |pick: fn(&StepFigure) -> f64| {
        let mut values: Vec<f64> = all.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (own, other) = (sorted(|s| s.own), sorted(|s| s.other));
    let at = |values: &[f64], at: usize| values.get(at).copied().unwrap_or_default();
    [all.len() / 2, all.len().saturating_sub(1)].map(|n| StepFigure { own: at(&own, n), other: at(&other, n) })
}

/// Genesis, and the consensus address of the validator with half of the delegations.
fn economy(plan: &BoundaryPlan) -> Result<(BenchGenesis, ConsensusAddress)> {
    let countries = Country::all().count() as u64;
    ensure!(
        (2..=countries).contains(&plan.validators),
        "{} validators, there may be 2 to {countries}",
        plan.validators
    );
    let mut state = AppState::default();
    let mut keys = Vec::new();
    for n in 0..plan.validators {
        let seed = keccak256([b"defchain/bench/validator".as_slice(), &n.to_be_bytes()].concat());
        let key = SigningKey::from(seed.0).verification_key().to_bytes();
        state.pod.validators.push(dev_validator(usize::try_from(n)?, key, operator(n)));
        keys.push((key, 1));
    }
    let (lying, _) = keys.first().context("a validator")?;
    let lying = ConsensusAddress::of_ed25519(lying);
    let mut owners = BTreeSet::new();
    for n in 0..plan.stakes {
        let owner =
            Address::from_word(keccak256([b"defchain/bench/staker".as_slice(), &(n / OWN).to_be_bytes()].concat()));
        owners.insert(owner);
        let validator = (n < plan.delegations).then(|| if n % 2 == 0 { 0 } else { n / 2 % plan.validators });
        state.staking.positions.push(GenesisPosition {
            owner,
            amount: Amount::from_def(1 + n % 9),
            years: u8::try_from(n % 12 + 1)?,
            // Terms end on most days of the year.
            start: Some(GENESIS - n % 300 * 86_400),
            validator: validator.map(operator),
        });
    }
    let mut state = state.with_local_params();
    state.pod.params.epoch_blocks = EPOCH;
    state.params.max_block_drift_ms = 86_400_000;
    let time = Timestamp(GENESIS * 1_000);
    Ok((
        BenchGenesis(DevGenesis { chain_id: "deflation-local-1".to_owned(), time, validators: keys, app_state: state }),
        lying,
    ))
}

fn operator(n: u64) -> Address {
    Address::from_word(keccak256([b"defchain/bench/operator".as_slice(), &n.to_be_bytes()].concat()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_small_economy_passes_every_boundary() {
        let plan = BoundaryPlan { stakes: 60, delegations: 20, validators: 5, under: None };
        let figures = run(&plan).unwrap();
        assert_eq!(figures.steps.len(), 4);
        assert!(figures.quiet.iter().all(|quiet| quiet.own > 0.0 && quiet.other > 0.0));
    }

    #[test]
    fn more_validators_than_countries_are_refused() {
        let plan = BoundaryPlan { stakes: 1, delegations: 0, validators: 300, under: None };
        assert!(run(&plan).unwrap_err().to_string().contains("195"));
    }
}
