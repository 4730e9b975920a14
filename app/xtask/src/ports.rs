//! Who listens on a port.

use std::{collections::BTreeMap, fs};

use crate::identity::Identity;

/// A port that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The port.
    pub port: u16,
    /// What it was wanted for.
    pub wanted_for: String,
    /// Who has it; unknown when it belongs to another user.
    pub holder: Option<Identity>,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "port {} ({}) is taken by ", self.port, self.wanted_for)?;
        match &self.holder {
            Some(holder) => write!(f, "process {}: {}", holder.pid, holder.command()),
            None => write!(f, "a process of another user"),
        }
    }
}

/// Which of the wanted ports somebody listens on.
pub fn taken(wanted: &[(u16, String)]) -> Vec<Taken> {
    let listening = listening();
    wanted
        .iter()
        .filter_map(|(port, what)| {
            let inodes = listening.get(port)?;
            let holder = inodes.iter().find_map(|inode| holder(*inode));
            Some(Taken { port: *port, wanted_for: what.clone(), holder })
        })
        .collect()
}

/// Ports with a listener, each with the inodes of its sockets.
fn listening() -> BTreeMap<u16, Vec<u64>> {
    let mut ports: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for (port, inode) in fs::read_to_string(table).unwrap_or_default().lines().filter_map(listener) {
            ports.entry(port).or_default().push(inode);
        }
    }
    ports
}

/// Port and inode of a line of the table, if it is a listening socket (state 0A).
fn listener(line: &str) -> Option<(u16, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != "0A" {
        return None;
    }
    let (_, port) = local.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, inode.parse().ok()?))
}

/// The process that has the socket open.
fn holder(inode: u64) -> Option<Identity> {
    let link = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let mut open = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if open.any(|target| target.to_string_lossy() == link) {
            return Identity::of(pid);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = taken(&[(port, "rpc of validator 0".to_owned())]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].holder, Identity::own());
        let text = found[0].to_string();
        assert!(text.contains(&format!("port {port} (rpc of validator 0) is taken by process {}", std::process::id())), "{text}");
        drop(listener);
        assert_eq!(taken(&[(port, String::new())]), []);
    }
}
