//! This process, its disk and its supervisor, from what the system says. What cannot be read is left out.

use std::{fs, path::Path};

use nix::{
    sys::statvfs::statvfs,
    unistd::{SysconfVar, sysconf},
};
use prometheus_client::{
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::process::supervisor::Running;

/// Memory, processor time, threads and files of this process.
pub(super) fn register_process(registry: &mut Registry) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        let help = "Processor time used by the application, seconds";
        let seconds = ConstCounter::new(stat.ticks as f64 / ticks as f64);
        registry.register_with_unit("cpu", help, Unit::Seconds, seconds);
        registry.register("threads", "Threads of the application", ConstGauge::new(stat.threads));
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| u64::try_from(size).ok());
        let resident = stat.pages.saturating_mul(page.unwrap_or(4096));
        let help = "Resident memory of the application, bytes";
        registry.register_with_unit("resident_memory", help, Unit::Bytes, ConstGauge::new(resident));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        registry.register("open_files", "Open file descriptors", ConstGauge::new(files.count() as u64));
    }
    if let Ok((soft, _)) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        registry.register("max_files", "Most open file descriptors allowed", ConstGauge::new(soft));
    }
}

/// The file system that holds the data.
pub(super) fn register_disk(data: &Path, registry: &mut Registry) {
    let Ok(disk) = statvfs(data) else { return };
    let size = |blocks: u64| ConstGauge::new(blocks.saturating_mul(disk.fragment_size()));
    let help = "Room left on the file system of the data folder, bytes";
    registry.register_with_unit("free", help, Unit::Bytes, size(disk.blocks_available()));
    let help = "Size of the file system of the data folder, bytes";
    registry.register_with_unit("size", help, Unit::Bytes, size(disk.blocks()));
}

/// How often the supervisor started the node's halves, from its record.
pub(super) fn register_supervisor(data: &Path, registry: &mut Registry) {
    let record = fs::read(data.join("supervisor.json")).ok();
    let Some(running) = record.and_then(|bytes| serde_json::from_slice::<Running>(&bytes).ok()) else { return };
    let help = "How often the supervisor started application and CometBFT, the first start included";
    registry.register("starts", help, ConstCounter::new(running.starts));
}

/// A few fields of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// User and system time, in clock ticks.
    ticks: u64,
    threads: u64,
    /// Resident memory.
    pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self { ticks: field(14)? + field(15)?, threads: field(20)?, pages: field(24)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 9 0 500 1000000 2500 184467 1 1 0";
        assert_eq!(Stat::parse(line), Some(Stat { ticks: 42, threads: 9, pages: 2500 }));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_threads() {
        let stat = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse);
        assert!(stat.is_some_and(|stat| stat.threads >= 1 && stat.pages > 100));
    }
}
