//! The inputs that are kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// What must become of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is taken.
    Good,
    /// It is not.
    Refused,
    /// Either; it was a finding once.
    Found,
}

/// A kept input.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its file's name.
    pub name: String,
    /// What must become of it.
    pub fate: Fate,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Where corpora lie.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The corpus of a target, by name.
///
/// # Errors
/// When there is none, or a name says nothing of its fate.
pub fn read(target: &str) -> Result<Vec<Entry>> {
    let folder = folder().join(target);
    let mut entries = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fate = match name.split('-').next() {
            Some("good") => Fate::Good,
            Some("refused") => Fate::Refused,
            Some("found") => Fate::Found,
            _ => bail!("{}: a name begins with good-, refused- or found-", path.display()),
        };
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        entries.push(Entry { name, fate, bytes });
    }
    if entries.is_empty() {
        bail!("{} is empty", folder.display());
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
