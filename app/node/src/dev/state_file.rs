//! `--state`: a whole chain in one file, blocks, receipts and state, so that it comes back as it was.
//!
//! The file is the chain's folder, file after file:
//!
//! ```text
//! "DEFCHAIN DEV STATE 1\n" ‖ count u32 ‖ count × (name length u16 ‖ name ‖ size u64 ‖ bytes) ‖ keccak of all before
//! ```
//!
//! It is written beside its place and renamed, so that a crash leaves the old one.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use alloy_primitives::keccak256;
use anyhow::{Context, Result, anyhow, bail};

const MAGIC: &[u8] = b"DEFCHAIN DEV STATE 1\n";
/// RocksDB may remove a file while the folder is read: then it is read again.
const TRIES: u32 = 5;
/// Names that a running database holds and a copy must not.
const LOCK: &str = "LOCK";

/// Writes the files below `folder` into `file`.
pub(super) fn save(folder: &Path, file: &Path) -> Result<u64> {
    let mut last = None;
    for _ in 0..TRIES {
        match pack(folder) {
            Ok(bytes) => {
                let beside = file.with_extension("tmp");
                let place = || format!("cannot write the state to {}", file.display());
                fs::write(&beside, &bytes).with_context(place)?;
                fs::rename(&beside, file).with_context(place)?;
                return Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow!("nothing to save")))
}

fn pack(folder: &Path) -> Result<Vec<u8>> {
    let mut names = Vec::new();
    list(folder, Path::new(""), &mut names)?;
    names.sort();
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push((name, bytes));
    }
    encode(&files)
}

/// The bytes of a file that holds these.
pub fn encode(files: &[(PathBuf, impl AsRef<[u8]>)]) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.extend(u32::try_from(files.len())?.to_be_bytes());
    for (path, bytes) in files {
        let bytes = bytes.as_ref();
        let name = path.to_str().ok_or_else(|| anyhow!("{} is no text", path.display()))?;
        out.extend(u16::try_from(name.len())?.to_be_bytes());
        out.extend(name.as_bytes());
        out.extend(u64::try_from(bytes.len())?.to_be_bytes());
        out.extend(bytes);
    }
    let sum = keccak256(&out);
    out.extend(sum);
    Ok(out)
}

fn list(root: &Path, below: &Path, names: &mut Vec<PathBuf>) -> Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(root, &name, names)?;
        } else if entry.file_name() != LOCK {
            names.push(name);
        }
    }
    Ok(())
}

/// Puts the files of `file` below `folder`.
pub(super) fn restore(file: &Path, folder: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read the state from {}", file.display()))?;
    unpack(&bytes, folder).with_context(|| format!("{} holds no state that --state wrote", file.display()))
}

/// Nothing is written unless the whole file is good.
fn unpack(bytes: &[u8], folder: &Path) -> Result<()> {
    for (name, content) in decode(bytes)? {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The files in the bytes, by name.
pub fn decode(bytes: &[u8]) -> Result<Vec<(PathBuf, &[u8])>> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        if matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{')) {
            bail!("it is JSON, perhaps a dump: load that into a running chain with anvil_loadState");
        }
        bail!("it does not begin as such a file");
    };
    let (body, sum) = rest.split_last_chunk::<32>().ok_or_else(|| anyhow!("it is cut off: {} bytes", bytes.len()))?;
    let whole = bytes.get(..bytes.len().saturating_sub(32)).unwrap_or_default();
    if keccak256(whole).0 != *sum {
        bail!("it is damaged or cut off: its checksum does not fit its {} bytes", bytes.len());
    }
    let mut left = body;
    let mut take = |n: usize| -> Result<&[u8]> {
        let ends = || anyhow!("it ends too early: {n} bytes needed, {} left", left.len());
        let (taken, rest) = left.split_at_checked(n).ok_or_else(ends)?;
        left = rest;
        Ok(taken)
    };
    let count = u32::from_be_bytes(take(4)?.try_into()?);
    // Not reserved by the count: a lie must not allocate.
    let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
    for _ in 0..count {
        let length = u16::from_be_bytes(take(2)?.try_into()?);
        let name = PathBuf::from(std::str::from_utf8(take(length.into())?)?);
        // A file from elsewhere must not write outside.
        if name.components().next().is_none() || name.components().any(|part| !matches!(part, Component::Normal(_))) {
            bail!("it names a file {} that lies outside", name.display());
        }
        if let Some((last, _)) = files.last().filter(|(last, _)| *last >= name) {
            bail!("{} follows {}: names must ascend, each once", name.display(), last.display());
        }
        let size = usize::try_from(u64::from_be_bytes(take(8)?.try_into()?))?;
        files.push((name, take(size)?));
    }
    if !left.is_empty() {
        bail!("{} bytes follow its {count} files", left.len());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("app/db")).unwrap();
        fs::write(folder.path().join("app/db/1.sst"), [1, 2, 3]).unwrap();
        fs::write(folder.path().join("app/db/LOCK"), []).unwrap();
        fs::write(folder.path().join("app/NAME"), "x").unwrap();
        folder
    }

    #[test]
    fn files_come_back_as_they_were_but_not_the_lock() {
        let (from, to) = (folder(), tempfile::tempdir().unwrap());
        let file = to.path().join("state");
        save(from.path(), &file).unwrap();
        let target = to.path().join("chain");
        restore(&file, &target).unwrap();
        assert_eq!(fs::read(target.join("app/db/1.sst")).unwrap(), [1, 2, 3]);
        assert_eq!(fs::read(target.join("app/NAME")).unwrap(), b"x");
        assert!(!target.join("app/db/LOCK").exists());
    }

    #[test]
    fn the_form_of_the_file_is_frozen() {
        let files = [(PathBuf::from("a/b"), vec![1, 2]), (PathBuf::from("c"), vec![])];
        let bytes = encode(&files).unwrap();
        let body = "00000002".to_owned() + "0003612f62" + "00000000000000020102" + "000163" + "0000000000000000";
        let expected = [MAGIC, &hex::decode(body).unwrap()].concat();
        assert_eq!(bytes, [expected.as_slice(), keccak256(&expected).as_slice()].concat());
        let back: Vec<_> =
            decode(&bytes).unwrap().into_iter().map(|(name, content)| (name, content.to_vec())).collect();
        assert_eq!(back, files);
    }

    #[test]
    fn what_is_damaged_cut_off_foreign_or_reaches_outside_is_refused() {
        let from = folder();
        let bytes = pack(from.path()).unwrap();
        let target = tempfile::tempdir().unwrap();
        let refused = |bytes: &[u8], why: &str| {
            let error = format!("{:#}", unpack(bytes, target.path()).unwrap_err());
            assert!(error.contains(why), "{error}");
        };
        let mut damaged = bytes.clone();
        damaged[40] ^= 1;
        refused(&damaged, "checksum");
        refused(&bytes[..bytes.len() - 1], "checksum");
        refused(&bytes[..30], "cut off");
        refused(b"{\"accounts\": {}}", "anvil_loadState");
        refused(b"PK", "does not begin");
        let mut outside = MAGIC.to_vec();
        outside.extend([0, 0, 0, 1, 0, 4]);
        outside.extend(b"../x");
        outside.extend([0; 8]);
        let sum = keccak256(&outside);
        outside.extend(sum);
        refused(&outside, "outside");
        let sealed = |body: &[u8]| [MAGIC, body, keccak256([MAGIC, body].concat()).as_slice()].concat();
        let file = |name: u8| [&[0, 1, name][..], &[0; 8]].concat();
        refused(&sealed(&[&[0, 0, 0, 2][..], &file(b'a'), &file(b'a')].concat()), "a follows a");
        refused(&sealed(&[&[0, 0, 0, 1][..], &file(b'a'), &[7]].concat()), "1 bytes follow its 1 files");
        refused(&sealed(&[&[0xff; 4][..], &file(b'a')].concat()), "2 bytes needed, 0 left");
        refused(&sealed(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "outside");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    }
}
