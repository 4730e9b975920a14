//! What decay and commission cost a block: the same transfers over money that ages and over plain money, by turns.
//!
//! Every account sends once and receives once in each block. Four blocks on four days give each account four portions
//! of different days; the block of the fifth day is measured: every account in it burns all its portions, pays and
//! receives. With plain money the same blocks run at the same times.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use defchain_chain::genesis::AppState;
use defchain_token::state::TokenRead;
use serde::Serialize;

use super::{
    exec::{Bench, BenchGenesis, BenchPlan, Moment},
    load::CHAIN_ID,
    network::Money,
};
use crate::load::{Accounts, TransferPlan, Work, sign_call};

const DAY_MILLIS: u64 = 86_400_000;
/// Days of the blocks before the measured one: as many portions.
const DAYS: u64 = 4;

/// What to do.
#[derive(Debug, Clone)]
pub struct DecayPlan {
    /// Accounts: as many transfers in a block.
    pub accounts: u64,
    /// How often, each time with both kinds of money.
    pub rounds: u64,
    /// Whether commits wait for the disk.
    pub sync: bool,
    /// Where the temporary folders are made.
    pub under: Option<PathBuf>,
}

/// What came out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DecayFigures {
    /// Transfers of a block.
    pub transfers: u64,
    /// One for each round.
    pub rounds: Vec<DecayRound>,
}

/// The measured block of one round.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct DecayRound {
    /// With money that decays.
    pub real: BlockSeconds,
    /// With plain money.
    pub plain: BlockSeconds,
}

/// Seconds of one block.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct BlockSeconds {
    /// On the node that proposes it: admission, building, judging, finalizing, commit.
    pub own: f64,
    /// Of these, building: choosing and executing.
    pub prepare: f64,
    /// On a node that sees the transactions first in the block.
    pub other: f64,
}

impl DecayFigures {
    /// By how much the block took longer with money that decays: the median of the rounds.
    #[must_use]
    pub fn ratio(&self, seconds: impl Fn(&BlockSeconds) -> f64) -> f64 {
        let ratio = |round: &DecayRound| seconds(&round.real) / seconds(&round.plain).max(f64::MIN_POSITIVE);
        let mut ratios: Vec<f64> = self.rounds.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    }

    /// Milliseconds with one kind of money: the median of the rounds.
    #[must_use]
    pub fn millis(&self, seconds: impl Fn(&DecayRound) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(|round| seconds(round) * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    }
}

/// Runs all rounds.
///
/// # Errors
/// When a chain cannot be opened or refuses a transfer.
pub fn run(plan: &DecayPlan) -> Result<DecayFigures> {
    let accounts = Accounts::derive(plan.accounts, plan.accounts)?;
    let signing = TransferPlan {
        work: Work::Transfers,
        chain_id: CHAIN_ID,
        count: 0,
        batch: 0,
        lanes: 1,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 100_000_000,
        value: Work::Transfers.value(),
    };
    let mut figures = DecayFigures { transfers: plan.accounts, rounds: Vec::new() };
    for number in 0..plan.rounds {
        let real = block(plan, &accounts, &signing, Money::Real)?;
        let plain = block(plan, &accounts, &signing, Money::Plain)?;
        eprintln!("  round {number}: {:.0} ms with decay, {:.0} ms without", real.own * 1e3, plain.own * 1e3);
        figures.rounds.push(DecayRound { real, plain });
    }
    Ok(figures)
}

fn block(plan: &DecayPlan, accounts: &Accounts, signing: &TransferPlan, money: Money) -> Result<BlockSeconds> {
    let mut state = AppState { token: money.params(), ..AppState::default() };
    // Whole days between blocks, also by the clock of ages (D3).
    state.params.max_block_drift_ms = DAY_MILLIS;
    let genesis = BenchGenesis::single(state);
    let under = plan.under.as_deref();
    let bench = Bench::open(BenchPlan { accounts, contracts: Vec::new(), genesis, sync: plan.sync, under })?;
    let total = accounts.total();
    let transfers = |day: u64| -> Result<Vec<_>> {
        (0..total)
            .map(|sender| {
                let receiver = (sender + 1 + day * 7) % total;
                let call = signing.work.call(accounts.address(receiver), signing.value, 0);
                Ok(sign_call(accounts, signing, sender, day, call)?)
            })
            .collect()
    };
    let day = Moment { step_millis: DAY_MILLIS, ..Moment::NEXT };
    let soon = Moment::NEXT;
    for number in 0..DAYS {
        bench.run_at(transfers(number)?, total, true, if number == 0 { &soon } else { &day })?;
    }
    if money == Money::Real {
        let reader = bench.chain().reader();
        let state = reader.state(reader.latest()?.height)?;
        let record = state.account(&accounts.address(0))?.context("an account is gone")?;
        let portions = record.portions.as_slice().len();
        ensure!(portions as u64 == DAYS, "the accounts hold {portions} portions instead of {DAYS}");
    }
    let times = bench.run_at(transfers(DAYS)?, total, true, &day)?;
    bench.close();
    let seconds = |all: &[Duration]| all.iter().map(Duration::as_secs_f64).sum();
    let [_, prepare, ..] = times.stages;
    Ok(BlockSeconds { own: seconds(&times.stages), prepare: prepare.as_secs_f64(), other: seconds(&times.cold) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_measured_block_spends_from_accounts_of_four_portions() {
        let plan = DecayPlan { accounts: 40, rounds: 1, sync: false, under: None };
        let figures = run(&plan).unwrap();
        assert_eq!((figures.transfers, figures.rounds.len()), (40, 1));
        assert!(figures.ratio(|s| s.own) > 0.0 && figures.ratio(|s| s.other) > 0.0);
        assert!(figures.millis(|r| r.plain.own) > 0.0);
    }
}
