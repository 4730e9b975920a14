//! What a disk does to the end of a log: cut it, spoil it, lose it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::dice::Dice;

/// What happens to a file's last bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// So many bytes are missing at the end.
    Cut(u64),
    /// So many bytes before the end are something else, somewhere among the last of the second figure.
    Spoil(u64, u64),
    /// So many zeros follow: room that was given and never written.
    Zeros(u64),
    /// The file is gone.
    Gone,
}

impl core::fmt::Display for Damage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Cut(bytes) => write!(f, "cut off its last {bytes} bytes"),
            Self::Spoil(bytes, within) => write!(f, "spoil {bytes} of its last {within} bytes"),
            Self::Zeros(bytes) => write!(f, "append {bytes} zeros"),
            Self::Gone => f.write_str("remove it"),
        }
    }
}

impl Damage {
    /// Does it.
    ///
    /// # Errors
    /// When the file cannot be changed, or is empty: then nothing would be tested.
    pub fn inflict(self, path: &Path, dice: &mut Dice) -> Result<()> {
        let open = || -> Result<(File, u64)> {
            let file = OpenOptions::new().write(true).open(path);
            let file = file.with_context(|| format!("cannot open {}", path.display()))?;
            let length = file.metadata()?.len();
            ensure!(length > 0, "{} is empty", path.display());
            Ok((file, length))
        };
        match self {
            Self::Cut(bytes) => {
                let (file, length) = open()?;
                file.set_len(length.saturating_sub(bytes))?;
            }
            Self::Spoil(bytes, within) => {
                let (file, length) = open()?;
                let bytes = bytes.min(length);
                let within = within.min(length).max(bytes);
                let from = length - within + dice.below(within - bytes + 1);
                let noise: Vec<u8> = (0..bytes).map(|_| dice.next().to_le_bytes()[0]).collect();
                file.write_all_at(&noise, from)?;
            }
            Self::Zeros(bytes) => {
                let (file, length) = open()?;
                file.set_len(length + bytes)?;
            }
            Self::Gone => fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?,
        }
        Ok(())
    }
}

/// The newest of RocksDB's logs in a folder: `000123.log` with the greatest number.
///
/// # Errors
/// When there is none.
pub fn newest_log(dir: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let logs = entries.flatten().map(|entry| entry.path()).filter_map(|path| {
        let number: u64 = path.file_stem()?.to_str()?.parse().ok()?;
        (path.extension()?.to_str()? == "log").then_some((number, path))
    });
    logs.max().map(|(_, path)| path).with_context(|| format!("{} holds no log", dir.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn damaged(damage: Damage) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000007.log");
        fs::write(&path, [7; 1_000]).unwrap();
        damage.inflict(&path, &mut Dice::new(1, "damage")).unwrap();
        fs::read(&path).ok()
    }

    #[test]
    fn damage_touches_the_end_and_nothing_before_it() {
        assert_eq!(damaged(Damage::Cut(300)).unwrap(), [7; 700]);
        assert!(damaged(Damage::Cut(3_000)).unwrap().is_empty());
        assert_eq!(damaged(Damage::Gone), None);
        let zeros = damaged(Damage::Zeros(24)).unwrap();
        assert_eq!((&zeros[..1_000], &zeros[1_000..]), (&[7; 1_000][..], &[0; 24][..]));
        let spoilt = damaged(Damage::Spoil(50, 200)).unwrap();
        assert_eq!(spoilt.len(), 1_000);
        assert_eq!(spoilt[..800], [7; 800]);
        let changed = spoilt.iter().filter(|byte| **byte != 7).count();
        assert!((40..=50).contains(&changed), "{changed}");
    }

    #[test]
    fn an_empty_log_is_no_test() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000007.log");
        fs::write(&path, []).unwrap();
        assert!(Damage::Cut(1).inflict(&path, &mut Dice::new(1, "damage")).is_err());
    }

    #[test]
    fn the_newest_log_is_the_one_with_the_greatest_number() {
        let folder = tempfile::tempdir().unwrap();
        assert!(newest_log(folder.path()).is_err());
        for name in ["000009.log", "000010.log", "000011.sst", "LOG", "x.log"] {
            fs::write(folder.path().join(name), [1]).unwrap();
        }
        assert_eq!(newest_log(folder.path()).unwrap().file_name().unwrap(), "000010.log");
    }
}
