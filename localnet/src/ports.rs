use std::{
    collections::HashSet,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use anyhow::{Context, Result};

/// `n` ports that were free a moment ago, all different.
///
/// # Errors
/// When the system has none left.
pub fn free_ports(n: usize) -> Result<Vec<u16>> {
    let mut held = Vec::with_capacity(n);
    for _ in 0..n {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?);
    }
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether somebody could listen on that port of the loopback.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process number.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

/// Who listens on a port, as far as this user may see.
#[must_use]
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: HashSet<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening(Path::new(table), port)).collect();
    let processes = fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|target| {
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.contains(inode))
        });
        if holds {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = command.split(|b| *b == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
            return Some(Holder { pid, command: command.trim().to_owned() });
        }
    }
    None
}

/// Inodes of the sockets that listen on a port, from one of the system's tables.
fn listening(table: &Path, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let Ok(text) = fs::read_to_string(table) else { return Vec::new() };
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let (_, hex) = local.rsplit_once(':')?;
            (*state == LISTEN && u16::from_str_radix(hex, 16) == Ok(port)).then(|| (*inode).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert_eq!(holder(port).unwrap().pid, std::process::id());
        drop(listener);
        assert!(is_free(port));
        assert_eq!(holder(port), None);
    }

    #[test]
    fn free_ports_are_all_different() {
        let ports = free_ports(40).unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 40);
    }
}
