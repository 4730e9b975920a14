//! Which format a store on disk has, and the door through which an older one becomes the newest.
//!
//! ```text
//!   DEFCHAIN_STORE says "defchain-store N" ─▶ known? ─▶ for each later format: its step, on disk, then the marker says N+1
//! ```
//!
//! A format is how records lie on disk on this machine. It is no rule of consensus: two nodes of different formats have
//! the same app hashes, so a program brings a store to its own format when it opens it, whatever the height. There is no
//! way back: an older program refuses the newer marker.
//!
//! A crash within a step leaves the older marker, and the step runs again: each must come to the same end however much
//! of it was done before.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use crate::{db::Db, error::StoreError};

/// The file that says a directory is a store, and in which format.
const MARKER: &str = "DEFCHAIN_STORE";
const MARKER_DRAFT: &str = "DEFCHAIN_STORE.tmp";

/// Brings a store of the format before to this one; may find part of its work done.
type Step = fn(&Db) -> Result<(), StoreError>;

/// A format that this program knows.
pub(crate) struct Format {
    /// What the marker says.
    name: &'static str,
    step: Step,
}

/// Oldest first; a new store has the last.
pub(crate) const FORMATS: &[Format] = &[
    Format { name: "defchain-store 1", step: |_| Ok(()) },
    #[cfg(feature = "next-version")]
    Format { name: "defchain-store 2", step: note_the_format },
];

/// The step of the tests' format 2: a record that an older program does not write.
#[cfg(feature = "next-version")]
fn note_the_format(db: &Db) -> Result<(), StoreError> {
    let mut batch = db.batch(64);
    batch.put(db, crate::columns::Column::Meta, b"format", &[1, 2])?;
    db.write(batch)
}

/// Makes sure that the directory is ours, or empty and from now on ours. Returns the place of its format in `formats`.
///
/// # Errors
/// When it holds something else, or a format that is not among them.
pub(crate) fn claim(path: &Path, formats: &[Format]) -> Result<usize, StoreError> {
    let io = |what| move |source| StoreError::Io { what, path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(io("making the directory"))?;
    let newest = formats.last().map_or("none", |format| format.name);
    match fs::read_to_string(path.join(MARKER)) {
        Ok(text) => {
            let found = formats.iter().position(|format| format.name == text.trim_end());
            return found.ok_or_else(|| StoreError::Format {
                path: path.to_owned(),
                found: text.trim_end().chars().take(80).collect(),
                known: newest,
            });
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(io("reading the marker in")(e)),
    }
    for entry in fs::read_dir(path).map_err(io("listing"))? {
        let found = entry.map_err(io("listing"))?.file_name().to_string_lossy().into_owned();
        if found != MARKER_DRAFT {
            return Err(StoreError::NotOurs { path: path.to_owned(), found, marker: MARKER });
        }
    }
    mark(path, newest)?;
    Ok(formats.len().saturating_sub(1))
}

/// Brings a store of format `found` to the newest.
///
/// # Errors
/// When a step fails: the store stays at the format that it had reached.
pub(crate) fn migrate(path: &Path, db: &Db, found: usize, formats: &[Format]) -> Result<(), StoreError> {
    let mut from = formats.get(found).map_or("none", |format| format.name);
    for format in formats.iter().skip(found.saturating_add(1)) {
        tracing::info!(
            from,
            to = format.name,
            "bringing the store to a newer format; do not go back to an older program"
        );
        (format.step)(db)?;
        // The marker must not be ahead of the records.
        db.flush()?;
        mark(path, format.name)?;
        from = format.name;
    }
    Ok(())
}

fn mark(path: &Path, format: &str) -> Result<(), StoreError> {
    let (draft, marker) = (path.join(MARKER_DRAFT), path.join(MARKER));
    let write = || {
        let mut file = fs::File::create(&draft)?;
        writeln!(file, "{format}")?;
        file.sync_all()?;
        fs::rename(&draft, &marker)?;
        fs::File::open(path)?.sync_all()
    };
    write().map_err(|source| StoreError::Io { what: "writing the marker in", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::{columns::Column, db::View, options::StoreOptions};

    fn append(db: &Db, step: u8) -> Result<(), StoreError> {
        let key = [b'm', step];
        let mut batch = db.batch(64);
        batch.put(db, Column::Meta, &key, &[step])?;
        db.write(batch)
    }

    const ONE: Format = Format { name: "defchain-store 1", step: |_| Ok(()) };
    const TWO: Format = Format { name: "defchain-store 2", step: |db| append(db, 2) };
    const THREE: Format = Format { name: "defchain-store 3", step: |db| append(db, 3) };
    const BROKEN: Format = Format {
        name: "defchain-store 3",
        step: |db| {
            append(db, 9)?;
            Err(StoreError::corrupt("record 7", "it is not there"))
        },
    };

    fn bring(path: &Path, formats: &[Format]) -> Result<Vec<u8>, StoreError> {
        let found = claim(path, formats)?;
        let db = std::sync::Arc::new(Db::open(&path.join("db"), &StoreOptions::for_tests())?);
        migrate(path, &db, found, formats)?;
        let view = View::new(db);
        let steps = [2, 3, 9].into_iter().filter(|step| view.get(Column::Meta, &[b'm', *step]).unwrap().is_some());
        Ok(steps.collect())
    }

    #[test]
    fn an_older_store_goes_through_every_step_in_order_and_a_new_one_through_none() {
        let old = tempfile::tempdir().unwrap();
        assert_eq!(bring(old.path(), &[ONE]).unwrap(), [0_u8; 0]);
        assert_eq!(bring(old.path(), &[ONE, TWO, THREE]).unwrap(), [2, 3]);
        assert_eq!(fs::read_to_string(old.path().join(MARKER)).unwrap(), "defchain-store 3\n");
        let new = tempfile::tempdir().unwrap();
        assert_eq!(bring(new.path(), &[ONE, TWO, THREE]).unwrap(), [0_u8; 0], "it was never of an older format");
        // An older program keeps its hands off.
        let refused = bring(old.path(), &[ONE, TWO]).unwrap_err().to_string();
        assert!(
            refused.contains("has format \"defchain-store 3\", this program knows \"defchain-store 2\""),
            "{refused}"
        );
    }

    #[test]
    fn a_step_that_fails_leaves_the_format_before_it_and_is_taken_up_again() {
        let dir = tempfile::tempdir().unwrap();
        bring(dir.path(), &[ONE]).unwrap();
        let failed = bring(dir.path(), &[ONE, TWO, BROKEN]).unwrap_err().to_string();
        assert!(failed.contains("record 7"), "{failed}");
        assert_eq!(fs::read_to_string(dir.path().join(MARKER)).unwrap(), "defchain-store 2\n");
        assert_eq!(bring(dir.path(), &[ONE, TWO, THREE]).unwrap(), [2, 3, 9]);
    }
}
