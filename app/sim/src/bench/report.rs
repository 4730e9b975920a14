//! The report: a table for people and JSON for machines.

use std::fmt::Write;

use serde::Serialize;

use super::{
    boundaries::{BoundaryFigures, StepFigure},
    decay::{BlockSeconds, DecayFigures},
    exec::ExecFigures,
    idle::IdleFigures,
    join::JoinFigures,
    load::LoadFigures,
    machine::{Machine, Run},
    procfs::Used,
    rpc::RpcFigures,
    stats::Spread,
    worst::WorstFigure,
};

/// Everything that one run of the program measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// What, when, how.
    pub run: Run,
    /// What was measured, in order.
    pub results: Vec<Named>,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its settings, as `--option value` would give them.
    pub settings: serde_json::Value,
    /// secp256k1 recoveries per second on one core: the median of slices just before and after.
    pub recoveries_per_s_per_core: f64,
    /// Those slices: far apart, they say that somebody else used the machine.
    pub recovery_slices: Vec<f64>,
    /// Its figures.
    pub figures: Figures,
}

/// Figures of one measurement.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(clippy::large_enum_variant, reason = "a handful in a run")]
pub enum Figures {
    /// A network under load.
    Load(LoadFigures),
    /// An idle network.
    Idle(IdleFigures),
    /// A node that joined from a snapshot.
    Join(JoinFigures),
    /// The application in one process.
    Exec(ExecFigures),
    /// Blocks of transfers with and without decay.
    Decay(DecayFigures),
    /// Blocks with steps of a large economy.
    Boundaries(BoundaryFigures),
    /// Answers of a node.
    Rpc(RpcFigures),
    /// Full blocks of the dearest operations.
    Worst {
        /// The slowest first.
        blocks: Vec<WorstFigure>,
    },
    /// The yardstick alone.
    Reference,
}

impl Report {
    /// As a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut t = Table::default();
        let Machine { cpu, cores, memory_mib, kernel } = &self.machine;
        t.row("machine", format!("{cores} × {cpu}, {memory_mib} MiB, Linux {kernel}"));
        let Run { commit, date, profile, load_before, .. } = &self.run;
        t.row("commit", format!("{commit}, {profile}"));
        t.row("date", date.clone());
        t.row("load average before", load_before.clone());
        for result in &self.results {
            t.heading(&result.name);
            let yardstick = result.recoveries_per_s_per_core;
            t.row("secp256k1 recoveries", format!("{yardstick:.0}/s per core, {}", range(&result.recovery_slices)));
            match &result.figures {
                Figures::Load(figures) => t.load(figures, yardstick),
                Figures::Idle(figures) => t.idle(figures),
                Figures::Join(figures) => t.join(figures),
                Figures::Exec(figures) => t.exec(figures, yardstick),
                Figures::Decay(figures) => t.decay(figures),
                Figures::Boundaries(figures) => t.boundaries(figures),
                Figures::Rpc(figures) => t.rpc(figures),
                Figures::Worst { blocks } => t.worst(blocks),
                Figures::Reference => {}
            }
        }
        t.0
    }
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn heading(&mut self, name: &str) {
        // Writing to a String cannot fail.
        let _never = writeln!(self.0, "\n{name}");
    }

    fn row(&mut self, name: &str, value: String) {
        let _never = writeln!(self.0, "  {name:<26} {value}");
    }

    fn load(&mut self, f: &LoadFigures, recoveries: f64) {
        let share = f.transfers_per_s / recoveries.max(1.0);
        self.row("transfers", format!("{:.0}/s ({share:.2} × recoveries per core)", f.transfers_per_s));
        self.row("window", format!("{:.1} s, {} blocks, {} transfers", f.window_s, f.blocks, f.transfers));
        self.row("block interval, headers", spread(&f.header_interval));
        self.row("block interval, arrival", spread(&f.arrival_interval));
        let [least, median, most] = f.block_size;
        self.row("transfers per block", format!("median {median}, {least} to {most}"));
        self.row("sent to receipt", f.latency.as_ref().map_or("no sample".to_owned(), spread));
        self.row("offered", format!("{:.0}/s", f.offered_per_s));
        self.row("accepted, refused", format!("{}, {}", f.sent.accepted, f.sent.refused));
        for (why, count) in &f.sent.refusals {
            self.row("", format!("{count} × {why}"));
        }
        self.row("pool at the end", f.pool_at_end.to_string());
        for (what, bytes) in &f.disk {
            self.row(&format!("disk, {what}"), format!("{:.1} MiB", *bytes as f64 / 1_048_576.0));
        }
        self.row("network ready after", format!("{:.1} s", f.start_s));
        self.used(&f.used, f.window_s);
    }

    fn idle(&mut self, f: &IdleFigures) {
        self.row("blocks", format!("{:.2}/s ({} blocks)", f.blocks_per_s, f.blocks));
        self.row("block interval, headers", spread(&f.header_interval));
        self.row(
            "disk per block, app",
            format!("{:.0} bytes written, {:.0} kept", f.app_written_per_block, f.app_kept_per_block),
        );
        self.row("disk per block, CometBFT", format!("{:.0} bytes", f.comet_bytes_per_block));
        self.used(&f.used, f.blocks as f64 / f.blocks_per_s);
    }

    fn join(&mut self, f: &JoinFigures) {
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        self.row("joined after", format!("{:.1} s, of which CometBFT listens 5 s for snapshots", f.join_s));
        self.row("snapshot", format!("{:.1} MiB in {} chunks", mib(f.snapshot_bytes), f.chunks));
        self.row("database afterwards", format!("{:.1} MiB", mib(f.database_bytes)));
        self.used(&f.used, f.join_s);
    }

    fn rpc(&mut self, f: &RpcFigures) {
        self.row("development node, first answer", format!("{:.0} ms after its start", f.start_ms));
        self.row("eth_blockNumber", fine(&f.block_number));
        self.row("eth_getBalance", fine(&f.balance));
        self.row("eth_call (balanceOf)", fine(&f.call));
        let what = format!("{} ({} logs in {} blocks)", fine(&f.logs), f.logs_found, f.log_blocks);
        self.row("eth_getLogs by address", what);
        self.row("one block a transaction", format!("{:.0} transactions/s", f.mined_per_s));
    }

    fn worst(&mut self, blocks: &[WorstFigure]) {
        for block in blocks {
            let WorstFigure { name, gas, prepare_s, other_s } = block;
            let pace = *gas as f64 / other_s.max(f64::MIN_POSITIVE) / 1e6;
            let text = format!(
                "{:6.0} ms to judge and commit, {:6.0} ms to build, {pace:5.0} Mgas/s",
                other_s * 1e3,
                prepare_s * 1e3
            );
            self.row(name, text);
        }
    }

    fn decay(&mut self, f: &DecayFigures) {
        let mut row = |name: &str, pick: fn(&BlockSeconds) -> f64| {
            let (real, plain) = (f.millis(|r| pick(&r.real)), f.millis(|r| pick(&r.plain)));
            self.row(name, format!("{real:.1} ms with decay, {plain:.1} ms without: {:.2} times", f.ratio(pick)));
        };
        row("its proposer, all stages", |s| s.own);
        row("its proposer, building", |s| s.prepare);
        row("another node", |s| s.other);
        self.row("rounds", format!("{} of {} transfers; times and ratios are medians", f.rounds.len(), f.transfers));
    }

    fn boundaries(&mut self, f: &BoundaryFigures) {
        let [median, longest] = f.quiet;
        let plain = |s: &StepFigure| format!("{:.1} ms on its proposer, {:.1} ms on another node", s.own, s.other);
        self.row("quiet block, median", plain(&median));
        self.row("quiet block, longest", plain(&longest));
        for step in &f.steps {
            let more = StepFigure { own: step.took.own - median.own, other: step.took.other - median.other };
            self.row(
                step.name,
                format!("{}; beyond the median {:.1} and {:.1} ms", plain(&step.took), more.own, more.other),
            );
        }
        self.row("genesis", format!("{:.1} s", f.genesis_s));
    }

    fn exec(&mut self, f: &ExecFigures, recoveries: f64) {
        let share = f.transfers_per_s / recoveries.max(1.0);
        self.row("transfers", format!("{:.0}/s ({share:.2} × recoveries per core)", f.transfers_per_s));
        let each = |seconds: f64| seconds * 1e6 / (f.transfers as f64).max(1.0);
        let mut stage = |name: &str, seconds: f64, all: f64| {
            let text = format!("{:>6.1} µs per transfer, {:>4.1} %", each(seconds), seconds * 100.0 / all);
            self.row(name, text);
        };
        let all = f.stages_s();
        stage("admit (recover, judge)", f.admit_s, all);
        stage("prepare (choose, execute)", f.prepare_s, all);
        stage("process (own proposal)", f.process_s, all);
        stage("finalize (trees, roots)", f.finalize_s, all);
        stage("commit (write, sync)", f.commit_s, all);
        let cold = f.cold_s();
        stage("other node: process", f.cold_process_s, cold);
        stage("other node: finalize", f.cold_finalize_s, cold);
        stage("other node: commit", f.cold_commit_s, cold);
        self.row("other node, transfers", format!("{:.0}/s", f.transfers as f64 / cold.max(f64::MIN_POSITIVE)));
        self.row("genesis", format!("{:.1} s", f.genesis_s));
    }

    fn used(&mut self, used: &Used, window: f64) {
        let cores = |seconds: &f64| format!("{:.2} cores", seconds / window.max(f64::MIN_POSITIVE));
        for (program, seconds) in &used.cpu_s {
            let peak = used.peak_rss_mib.get(program).copied().unwrap_or(0);
            let now = used.rss_mib.get(program).copied().unwrap_or(0);
            self.row(
                &format!("used by {program}"),
                format!("{}; {now} MiB at the end, one process {peak} at most", cores(seconds)),
            );
        }
        let mut threads: Vec<_> = used.threads_s.iter().collect();
        threads.sort_by(|a, b| b.1.total_cmp(a.1));
        for (thread, seconds) in threads.into_iter().take(12) {
            self.row(&format!("  {thread}"), cores(seconds));
        }
    }
}

fn range(slices: &[f64]) -> String {
    let least = slices.iter().copied().fold(f64::INFINITY, f64::min);
    let most = slices.iter().copied().fold(0.0, f64::max);
    format!("{least:.0} to {most:.0}")
}

/// As [`spread`], for what takes less than a millisecond.
fn fine(s: &Spread) -> String {
    let Spread { count, p50_ms, p99_ms, max_ms } = s;
    format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms (of {count})")
}

fn spread(s: &Spread) -> String {
    format!("p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms (of {})", s.p50_ms, s.p99_ms, s.max_ms, s.count)
}
