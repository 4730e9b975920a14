//! What processes use, from /proc: processor time by process and by thread name, and memory.

use core::time::Duration;
use std::{collections::BTreeMap, fs};

use serde::Serialize;

/// Linux counts processor time in hundredths of a second for every architecture (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// Processes at a moment.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// By program name: processor time.
    programs: BTreeMap<String, Duration>,
    /// By program and thread name, with the number cut off: processor time.
    threads: BTreeMap<String, Duration>,
    /// By program name: greatest resident memory of one process, KiB.
    peak_kib: BTreeMap<String, u64>,
    /// By program name: resident memory of all its processes now, KiB.
    resident_kib: BTreeMap<String, u64>,
}

/// What programs used between two moments.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Used {
    /// Processor seconds by program.
    pub cpu_s: BTreeMap<String, f64>,
    /// Processor seconds by program and thread name: those above 1 % of the window.
    pub threads_s: BTreeMap<String, f64>,
    /// Greatest resident memory of one process of a program, MiB.
    pub peak_rss_mib: BTreeMap<String, u64>,
    /// Resident memory of all processes of a program at the end, MiB.
    pub rss_mib: BTreeMap<String, u64>,
}

impl Usage {
    /// Reads these processes; those that have ended are left out.
    #[must_use]
    pub fn of(processes: &[u32]) -> Self {
        let mut usage = Self::default();
        for process in processes {
            let Ok(text) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
            let Some(stat) = parse_stat(&text) else { continue };
            let program = program(*process).unwrap_or(stat.name);
            *usage.programs.entry(program.clone()).or_default() += stat.time;
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let peak = usage.peak_kib.entry(program.clone()).or_default();
            *peak = (*peak).max(kib(&status, "VmHWM:"));
            *usage.resident_kib.entry(program.clone()).or_default() += kib(&status, "VmRSS:");
            for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
                let text = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                if let Some(one) = parse_stat(&text) {
                    let name = one.name.trim_end_matches(|c: char| c.is_ascii_digit() || "-_#: ".contains(c));
                    *usage.threads.entry(format!("{program}/{name}")).or_default() += one.time;
                }
            }
        }
        usage
    }

    /// What was used since `before`.
    #[must_use]
    pub fn since(&self, before: &Self, window: Duration) -> Used {
        let difference = |now: &BTreeMap<String, Duration>, then: &BTreeMap<String, Duration>| {
            let since = |(name, time): (&String, &Duration)| {
                let used = time.saturating_sub(then.get(name).copied().unwrap_or_default());
                (name.clone(), used.as_secs_f64())
            };
            now.iter().map(since).collect::<BTreeMap<_, _>>()
        };
        let mut threads_s = difference(&self.threads, &before.threads);
        threads_s.retain(|_, used| *used > window.as_secs_f64() / 100.0);
        let mib = |kib: &BTreeMap<String, u64>| kib.iter().map(|(name, kib)| (name.clone(), kib / 1024)).collect();
        Used {
            cpu_s: difference(&self.programs, &before.programs),
            threads_s,
            peak_rss_mib: mib(&self.peak_kib),
            rss_mib: mib(&self.resident_kib),
        }
    }
}

/// The file that the process runs: its own name may be another (`exe`, when it was started through /proc/self/exe).
fn program(process: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{process}/exe")).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    // A program that was built anew while it runs.
    Some(name.strip_suffix(" (deleted)").map_or(name.clone(), str::to_owned))
}

struct Stat {
    name: String,
    time: Duration,
}

/// `pid (name) state ppid … utime stime …`; the name may hold spaces and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)?;
    Some(Stat { name, time: Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND) })
}

fn kib(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|value| value.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = parse_stat("42 (a b) c) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 100 0 0").unwrap();
        assert_eq!(stat.name, "a b) c");
        assert_eq!(stat.time, Duration::from_secs(2));
        assert!(parse_stat("").is_none());
    }

    #[test]
    fn this_process_is_found_with_its_time_and_memory() {
        let own = std::process::id();
        let usage = Usage::of(&[own]);
        assert!(usage.peak_kib.values().all(|kib| *kib > 100), "{usage:?}");
        assert_eq!(usage.programs.len(), 1);
        assert_eq!(kib("VmPeak:\t 5 kB\nVmHWM:\t  1234 kB\n", "VmHWM:"), 1234);
    }
}
