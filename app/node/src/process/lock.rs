//! Locks that the system drops when their holder is gone, however it went.
//!
//! A lock file holds the number and start of its holder, for messages only: what counts is `flock`. A lock may be
//! handed to a program that replaces this process: it then lasts exactly as long as that program.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::identity::Identity;
use crate::output::{EXIT_DATA, coded};

/// How often a busy lock is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// A lock that is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, waiting at most `patience` for a holder that is about to end.
    ///
    /// # Errors
    /// When another process holds it: with that process' number and command.
    pub fn take(path: &Path, what: &str, patience: Duration) -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot open the lock {}", path.display()))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return Err(busy(&mut file, path, what)),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        let mut lock = Self { file, path: path.to_owned() };
        lock.sign()?;
        Ok(lock)
    }

    /// Writes who holds it.
    fn sign(&mut self) -> Result<()> {
        let own = serde_json::to_string(&Identity::own())?;
        let written = (|| {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(own.as_bytes())
        })();
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Lets the lock outlive this program: the one that replaces it (`exec`) holds it from then on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn keep_over_exec(self) -> Result<()> {
        fcntl(&self.file, FcntlArg::F_SETFD(FdFlag::empty())).context("cannot hand the lock on")?;
        // The descriptor must stay open: only the end of the process closes it.
        std::mem::forget(self.file);
        Ok(())
    }
}

fn busy(file: &mut File, path: &Path, what: &str) -> anyhow::Error {
    let mut text = String::new();
    // Without it the message lacks a name, nothing else.
    let _ = file.read_to_string(&mut text);
    let holder: Option<Identity> = serde_json::from_str(&text).unwrap_or_default();
    let who = match holder.filter(Identity::is_alive) {
        Some(holder) => format!("process {} ({})", holder.pid, holder.command()),
        None => "another process".to_owned(),
    };
    coded(EXIT_DATA, format!("{what} is in use by {who}: stop it first (lock {})", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = Lock::take(&path, "the thing", Duration::ZERO).unwrap();
        let refused = Lock::take(&path, "the thing", Duration::from_millis(60)).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(&format!("the thing is in use by process {}", std::process::id())), "{text}");
        assert_eq!(crate::output::exit_code(&refused), EXIT_DATA);
        drop(first);
        Lock::take(&path, "the thing", Duration::ZERO).unwrap();
    }
}
