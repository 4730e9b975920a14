//! A full disk: told apart from what will not get better by itself.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// With less room than this a node is not started: it would fail in the middle of a block.
pub const MIN_FREE_BYTES: u64 = 32 << 20;

/// Whether a message is the system's word for a full disk (or a used-up quota), in Rust's, RocksDB's or Go's spelling.
#[must_use]
pub fn is_full(message: &str) -> bool {
    let text = message.to_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|words| text.contains(words))
}

/// Room for this user on the file system of `path`; none when the system does not say.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    Some(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Whether a node may start on it. A file system that does not say has room.
#[must_use]
pub fn has_room(path: &Path) -> bool {
    free_bytes(path).is_none_or(|free| free >= MIN_FREE_BYTES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_full_disk_is_known_by_its_words_and_by_its_figures() {
        let rust = std::io::Error::from_raw_os_error(28).to_string();
        let rocks = "database, while writing: IO error: No space left on device: While appending to file";
        for said in [rust.as_str(), rocks, "write /x/cs.wal/wal: no space left on device", "disk quota exceeded"] {
            assert!(is_full(said), "{said}");
        }
        assert!(!is_full("the database is damaged: block checksum mismatch"));
        assert!(free_bytes(Path::new("/proc/self")).is_some());
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
        assert_eq!(free_bytes(Path::new("/nonexistent")), None);
        assert!(has_room(Path::new("/nonexistent")));
    }
}
