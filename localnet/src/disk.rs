//! A small disk for one validator, which can be full.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use nix::sys::statvfs::statvfs;

/// The file that takes the room.
const BALLAST: &str = "ballast";

/// A file system of its own at a folder; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Makes a file system of `mib` MiB in memory at `at`, which is made.
    ///
    /// # Errors
    /// When the system refuses: root is needed.
    pub fn mount(at: &Path, mib: u64) -> Result<Self> {
        if !nix::unistd::Uid::effective().is_root() {
            bail!("a disk of its own needs root");
        }
        fs::create_dir_all(at).with_context(|| format!("cannot make {}", at.display()))?;
        let size = format!("size={mib}m,mode=0700");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "defchain-chaos"]).arg(at))?;
        Ok(Self { at: at.to_owned() })
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free(&self) -> Result<u64> {
        let stat = statvfs(&self.at).with_context(|| format!("statvfs {}", self.at.display()))?;
        Ok(stat.blocks_available() * stat.fragment_size())
    }

    /// Writes, after what was written before, until at most `leave` bytes are free.
    ///
    /// # Errors
    /// When writing fails for another reason than a full disk.
    pub fn fill(&self, leave: u64) -> Result<()> {
        let path = self.at.join(BALLAST);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let chunk = vec![0x5a; 4096];
        while self.free()? > leave {
            match file.write_all(&chunk) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
            }
        }
        Ok(())
    }

    /// Takes the room back.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn relieve(&self) -> Result<()> {
        Ok(fs::remove_file(self.at.join(BALLAST))?)
    }

    /// Unmounts what an interrupted run left mounted below `dir`.
    pub fn clean(dir: &Path) {
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        for mount in mounts.lines().filter_map(|line| line.split_whitespace().nth(1)) {
            if Path::new(mount).starts_with(dir) {
                // Processes that still hold it go on without it; it disappears with the last of them.
                let _ = run(Command::new("umount").arg("--lazy").arg(mount));
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())
}
