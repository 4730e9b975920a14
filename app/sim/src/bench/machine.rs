//! Where and on what a figure was measured.

use std::{fs, process::Command};

use serde::Serialize;

/// The machine and the moment.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Logical cores.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Operating system kernel.
    pub kernel: String,
}

/// Which code, when, how.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Commit of the working directory, with `+changes` when files differ from it.
    pub commit: String,
    /// When it began, UTC.
    pub date: String,
    /// The command line.
    pub command: Vec<String>,
    /// How this program was built; the network's programs are usually built alike.
    pub profile: &'static str,
    /// Load average of the last minute when it began: above 0.2 somebody else used the machine.
    pub load_before: String,
}

impl Machine {
    /// Reads /proc; what it does not say is "unknown" or 0.
    #[must_use]
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_kib(&meminfo) / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        }
    }
}

impl Run {
    /// This program's run.
    #[must_use]
    pub fn now() -> Self {
        Self {
            commit: commit(),
            date: tendermint::Time::now().to_rfc3339(),
            command: std::env::args().collect(),
            profile: if cfg!(debug_assertions) { "dev (optimised, checks on)" } else { "release" },
            load_before: fs::read_to_string("/proc/loadavg")
                .unwrap_or_default()
                .split_whitespace()
                .next()
                .unwrap_or("unknown")
                .to_owned(),
        }
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
    Some(line.split_once(':')?.1.trim())
}

fn memory_kib(meminfo: &str) -> u64 {
    field(meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
    format!("{}{}", commit.trim(), if changed { "+changes" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read_as_linux_writes_them() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: Some CPU @ 2.1GHz\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.1GHz\n";
        assert_eq!(field(cpuinfo, "model name"), Some("Some CPU @ 2.1GHz"));
        assert_eq!(memory_kib("MemTotal:       24638884 kB\nMemFree: 5 kB\n"), 24_638_884);
        assert_eq!(memory_kib(""), 0);
    }
}
