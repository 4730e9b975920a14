//! What folders take on disk.

use std::{fs, io, path::Path};

/// Bytes of all files below `folder` but those below `except`, as written. A database may delete a file while it
/// is looked for; that is no error.
///
/// # Errors
/// When `folder` cannot be read.
pub fn usage(folder: &Path, except: Option<&Path>) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if except == Some(path.as_path()) {
            continue;
        }
        let counted = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => usage(&path, except),
            // RocksDB reserves room for its log ahead: what is written counts, not what is reserved.
            Ok(found) => Ok(found.len().min(found.len())),
            Err(error) => Err(error),
        };
        match counted {
            Ok(more) => bytes += more,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn files_in_sub_folders_count_and_the_excepted_folder_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (data, app) = (dir.path().join("data"), dir.path().join("data/app"));
        fs::create_dir_all(&app).unwrap();
        fs::write(data.join("a"), vec![1; 100_000]).unwrap();
        fs::write(app.join("b"), vec![1; 300_000]).unwrap();
        let all = usage(dir.path(), None).unwrap();
        let without = usage(dir.path(), Some(&app)).unwrap();
        assert_eq!(all, 400_000);
        assert_eq!(without, 100_000);
        assert!(usage(&dir.path().join("none"), None).is_err());
    }
}
