//! What was shown must stay: the memory of the judge.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A block as a node showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Block hash.
    pub hash: String,
    /// App hash after it.
    pub root: String,
    /// Hashes of its transactions.
    pub txs: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    shown: Shown,
    by: usize,
    at: Instant,
}

/// What the nodes have shown to the world. A block that was shown once is acknowledged: it must stay, on every node.
#[derive(Debug, Default)]
pub struct Ledger {
    blocks: BTreeMap<u64, Entry>,
    txs: BTreeMap<String, u64>,
    violations: Vec<String>,
}

/// How the chain went on in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// New blocks.
    pub blocks: usize,
    /// The longest time without a new one.
    pub longest: Duration,
}

impl Ledger {
    /// Takes a block that node `by` shows. One that differs from what was shown before is a violation.
    pub fn show(&mut self, by: usize, height: u64, shown: Shown, at: Instant) {
        if let Some(entry) = self.blocks.get(&height) {
            if entry.shown != shown {
                let (before, now) = (&entry.shown, &shown);
                self.violations.push(format!(
                    "block {height}: node{} showed hash {} with app hash {} and {} transactions, node{by} shows {} with \
                     {} and {}",
                    entry.by,
                    before.hash,
                    before.root,
                    before.txs.len(),
                    now.hash,
                    now.root,
                    now.txs.len()
                ));
            }
            return;
        }
        for tx in &shown.txs {
            if let Some(other) = self.txs.insert(tx.clone(), height) {
                self.violations.push(format!("transaction {tx} is in block {other} and in block {height}"));
            }
        }
        self.blocks.insert(height, Entry { shown, by, at });
    }

    /// Notes that something must not be.
    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// The block shown at a height.
    #[must_use]
    pub fn block(&self, height: u64) -> Option<&Shown> {
        self.blocks.get(&height).map(|entry| &entry.shown)
    }

    /// The block that a transaction is in.
    #[must_use]
    pub fn included(&self, tx: &str) -> Option<u64> {
        self.txs.get(tx).copied()
    }

    /// The newest height shown by anybody.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.blocks.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// How many transactions are in blocks.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.txs.len()
    }

    /// Takes the violations so far.
    pub fn take_violations(&mut self) -> Vec<String> {
        core::mem::take(&mut self.violations)
    }

    /// How the chain went on between two moments: the time before the first block and after the last counts too.
    #[must_use]
    pub fn pace(&self, from: Instant, to: Instant) -> Pace {
        // A block found late, when a height was skipped, has a later time than its successor's: sorted by time.
        let mut times: Vec<Instant> =
            self.blocks.values().map(|entry| entry.at).filter(|at| *at > from && *at <= to).collect();
        times.sort_unstable();
        let blocks = times.len();
        let ends = core::iter::once(from).chain(times.iter().copied());
        let longest = ends.zip(times.iter().copied().chain([to])).map(|(a, b)| b.saturating_duration_since(a)).max();
        Pace { blocks, longest: longest.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn shown(hash: &str, txs: &[&str]) -> Shown {
        Shown { hash: hash.to_owned(), root: "r".to_owned(), txs: txs.iter().map(|t| (*t).to_owned()).collect() }
    }

    #[test]
    fn another_block_app_hash_or_content_at_a_height_is_a_violation_that_names_both_nodes() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.show(0, 7, shown("a", &["x"]), now);
        ledger.show(1, 7, shown("a", &["x"]), now);
        assert!(ledger.take_violations().is_empty());
        ledger.show(2, 7, shown("b", &["x"]), now);
        ledger.show(3, 7, Shown { root: "other".to_owned(), ..shown("a", &["x"]) }, now);
        ledger.show(1, 7, shown("a", &[]), now);
        let violations = ledger.take_violations();
        assert_eq!(violations.len(), 3, "{violations:?}");
        assert!(violations.iter().all(|v| v.contains("block 7") && v.contains("node0 showed")), "{violations:?}");
        assert_eq!(ledger.included("x"), Some(7));
    }

    #[test]
    fn a_transaction_in_two_blocks_is_a_violation() {
        let mut ledger = Ledger::default();
        ledger.show(0, 1, shown("a", &["x"]), Instant::now());
        ledger.show(0, 2, shown("b", &["x"]), Instant::now());
        assert_eq!(ledger.take_violations(), ["transaction x is in block 1 and in block 2"]);
    }

    #[test]
    fn the_longest_time_without_a_block_counts_both_ends() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut ledger = Ledger::default();
        for (height, second) in [(1, 1), (2, 5), (3, 6)] {
            ledger.show(0, height, shown(&height.to_string(), &[]), at(second));
        }
        assert_eq!(ledger.pace(at(0), at(8)), Pace { blocks: 3, longest: Duration::from_secs(4) });
        assert_eq!(ledger.pace(at(5), at(16)), Pace { blocks: 1, longest: Duration::from_secs(10) });
        assert_eq!(ledger.pace(at(6), at(9)), Pace { blocks: 0, longest: Duration::from_secs(3) });
    }
}
