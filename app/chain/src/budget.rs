//! How long a proposer may execute, so that the whole block keeps its time.
//!
//! ```text
//!   proposer    build ──┐        seal (trees, roots) ── commit (synced batch, pool)
//!   the others          └ judge ─ seal ──────────────── commit
//! ```
//! A block costs its validators more than the proposer's execution. Under more load than the network carries, a proposer
//! that filled its whole time with execution would make blocks that take several times as long. So each node measures
//! what a unit of gas costs in each stage, as an average that follows the last dozen blocks with work in them, and
//! gives execution its share of the time that the whole may take.
//!
//! A node's own matter: consensus accepts any block that is valid, however long it took.

use std::time::Duration;

use parking_lot::Mutex;

/// Blocks with less gas say more about fixed costs than about work: 100 plain transfers.
const LEAST_GAS: u64 = 2_100_000;
/// How much a new measurement counts: an eighth.
const FOLLOW: u64 = 8;
/// The least share of its time that a proposer gets, so that a disturbed measurement never stops it.
const LEAST_SHARE: u64 = 16;

/// What a block goes through on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Executing while choosing, as proposer.
    Build,
    /// Recovering and executing another's proposal.
    Judge,
    /// Trees and roots.
    Seal,
    /// The synced batch, and the pool's update.
    Commit,
}

/// Measured costs, picoseconds per unit of gas; 0 is "not measured yet".
#[derive(Debug, Default, Clone, Copy)]
struct Costs {
    build: u64,
    judge: u64,
    seal: u64,
    commit: u64,
}

/// A node's measurements.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Costs>);

impl Budget {
    /// Notes how long a stage took for a block with so much gas.
    pub(crate) fn learn(&self, stage: Stage, gas: u64, took: Duration) {
        if gas < LEAST_GAS {
            return;
        }
        let picos = took.as_nanos().saturating_mul(1_000).checked_div(u128::from(gas)).unwrap_or(0);
        let measured = u64::try_from(picos).unwrap_or(u64::MAX).max(1);
        let mut costs = self.0.lock();
        let cost = match stage {
            Stage::Build => &mut costs.build,
            Stage::Judge => &mut costs.judge,
            Stage::Seal => &mut costs.seal,
            Stage::Commit => &mut costs.commit,
        };
        *cost = if *cost == 0 {
            measured
        } else {
            let kept = cost.saturating_sub(cost.checked_div(FOLLOW).unwrap_or(0));
            kept.saturating_add(measured.checked_div(FOLLOW).unwrap_or(0)).max(1)
        };
    }

    /// How long to execute, when a block may keep the validators busy for `work` and the proposer alone for `cap`.
    pub(crate) fn build_time(&self, work: Duration, cap: Duration) -> Duration {
        let costs = *self.0.lock();
        let whole = [costs.build, costs.judge, costs.seal, costs.commit]
            .into_iter()
            .fold(0u128, |sum, cost| sum.saturating_add(u128::from(cost)));
        if costs.build == 0 || whole == 0 {
            return cap;
        }
        let share = work.as_nanos().saturating_mul(u128::from(costs.build)).checked_div(whole).unwrap_or(0);
        let share = Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX));
        let least = cap.checked_div(u32::try_from(LEAST_SHARE).unwrap_or(1)).unwrap_or(cap);
        share.max(least).min(cap)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn before_anything_is_measured_the_cap_alone_counts() {
        assert_eq!(Budget::default().build_time(ms(800), ms(400)), ms(400));
    }

    #[test]
    fn execution_gets_its_share_of_the_whole_blocks_time() {
        let budget = Budget::default();
        let gas = 84_000_000;
        budget.learn(Stage::Build, gas, ms(80));
        budget.learn(Stage::Seal, gas, ms(80));
        budget.learn(Stage::Commit, gas, ms(160));
        // 80 of 320.
        let alone = budget.build_time(ms(800), ms(400));
        assert!(alone > ms(199) && alone < ms(201), "{alone:?}");
        // Others must judge it too: another 320 of 640.
        budget.learn(Stage::Judge, gas, ms(320));
        let together = budget.build_time(ms(800), ms(400));
        assert!(together > ms(99) && together < ms(101), "{together:?}");
    }

    #[test]
    fn the_share_stays_between_a_floor_and_the_cap() {
        let budget = Budget::default();
        budget.learn(Stage::Build, 21_000_000, ms(10));
        assert_eq!(budget.build_time(ms(10_000), ms(400)), ms(400));
        budget.learn(Stage::Commit, 21_000_000, ms(100_000));
        assert_eq!(budget.build_time(ms(800), ms(400)), ms(25));
    }

    #[test]
    fn a_cost_follows_what_is_measured_and_ignores_small_blocks() {
        let budget = Budget::default();
        budget.learn(Stage::Build, 21_000_000, ms(100));
        budget.learn(Stage::Seal, 21_000_000, ms(100));
        budget.learn(Stage::Seal, 21_000, ms(100_000));
        assert!(budget.build_time(ms(400), ms(400)) > ms(199));
        for _ in 0..60 {
            budget.learn(Stage::Seal, 21_000_000, ms(300));
        }
        let found = budget.build_time(ms(400), ms(400));
        assert!(found > ms(98) && found < ms(103), "{found:?}");
    }
}
