//! Outcomes, as lines and as a table.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// A node must be back after so long.
pub const BACK: Duration = Duration::from_secs(10);

/// One fault and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Which scenario.
    pub scenario: String,
    /// What was done.
    pub what: String,
    /// How long it lasted, from the fault to the node's return, in milliseconds.
    pub lasted_ms: u64,
    /// New blocks meanwhile.
    pub blocks: usize,
    /// The longest time without a new block meanwhile, in milliseconds.
    pub longest_gap_ms: u64,
    /// From the moment at which the node could return until it had the network's newest block, in milliseconds.
    pub back_ms: Option<u64>,
    /// What was seen beside.
    pub notes: Vec<String>,
    /// What should not be; nothing is the verdict "survived".
    pub problems: Vec<String>,
}

impl Outcome {
    /// Whether everything was as it must be.
    #[must_use]
    pub const fn survived(&self) -> bool {
        self.problems.is_empty()
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let back = self.back_ms.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} s", seconds(ms)));
        let verdict = if self.survived() { "ok" } else { "FAILED" };
        let mut line = format!(
            "{:<14} {:<64} {:>6.1} s {:>7} {:>7.1} s {:>8}  {verdict}",
            self.scenario,
            self.what,
            seconds(self.lasted_ms),
            self.blocks,
            seconds(self.longest_gap_ms),
            back
        );
        for (what, all) in [("note", &self.notes), ("PROBLEM", &self.problems)] {
            for one in all {
                line += &format!("\n    {what}: {one}");
            }
        }
        line
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// The heading of [`Outcome::line`].
#[must_use]
pub fn heading() -> String {
    format!(
        "{:<14} {:<64} {:>8} {:>7} {:>9} {:>8}  verdict",
        "scenario", "what was done", "lasted", "blocks", "gap", "back"
    )
}

/// A row per scenario: how many faults, how many survived, the worst of each figure.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    let mut rows: BTreeMap<&str, (usize, usize, usize, u64, Option<u64>)> = BTreeMap::new();
    let mut order = Vec::new();
    for outcome in outcomes {
        if !rows.contains_key(outcome.scenario.as_str()) {
            order.push(outcome.scenario.as_str());
        }
        let row = rows.entry(&outcome.scenario).or_default();
        row.0 += 1;
        row.1 += usize::from(outcome.survived());
        row.2 += outcome.blocks;
        row.3 = row.3.max(outcome.longest_gap_ms);
        row.4 = row.4.max(outcome.back_ms);
    }
    let mut text = format!(
        "{:<14} {:>6} {:>8} {:>7} {:>12} {:>13}\n",
        "scenario", "faults", "survived", "blocks", "longest gap", "slowest back"
    );
    for name in order {
        let Some((faults, survived, blocks, gap, back)) = rows.get(name) else { continue };
        let back = back.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} s", seconds(ms)));
        text += &format!("{name:<14} {faults:>6} {survived:>8} {blocks:>7} {:>10.1} s {back:>13}\n", seconds(*gap));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(scenario: &str, back: u64, problems: &[&str]) -> Outcome {
        Outcome {
            scenario: scenario.to_owned(),
            what: "x".to_owned(),
            lasted_ms: 1,
            blocks: 2,
            longest_gap_ms: back / 2,
            back_ms: Some(back),
            notes: Vec::new(),
            problems: problems.iter().map(|p| (*p).to_owned()).collect(),
        }
    }

    #[test]
    fn a_problem_is_shown_with_its_fault_and_missing_among_the_survived() {
        let failed = outcome("kill", 9_000, &["node1 lost block 7"]);
        assert!(failed.line().contains("FAILED") && failed.line().contains("node1 lost block 7"));
        let text = summary(&[outcome("kill", 4_000, &[]), failed, outcome("pause", 100, &[])]);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.get(1).map(Vec::as_slice), Some(&["kill", "2", "1", "4", "4.5", "s", "9.0", "s"][..]));
        assert_eq!(rows.len(), 3);
    }
}
