//! Snapshots as files: `<folder>/<height>/manifest` and `chunk-00000` onwards.
//!
//! A snapshot in work is in `<height>.partial`; it gets its name when all of it is on disk. What a crash leaves of it is
//! removed by the next one.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use defchain_base::{B256, Encode, Height};

use super::{MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES, Manifest, SnapshotError, Verifier};

const MANIFEST: &str = "manifest";
const PARTIAL: &str = "partial";
/// How an exported snapshot begins.
const MAGIC: &[u8] = b"DEFCHAIN-SNAPSHOT 1\n";

/// A folder of snapshots. It need not exist.
#[derive(Debug, Clone)]
pub struct SnapshotFolder(PathBuf);

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SnapshotError + 'a {
    move |source| SnapshotError::Io { what, path: path.to_owned(), source }
}

impl SnapshotFolder {
    /// The folder at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn of(&self, height: Height) -> PathBuf {
        self.0.join(height.0.to_string())
    }

    /// Heights of the snapshots here, ascending.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn heights(&self) -> Result<Vec<Height>, SnapshotError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("listing", &self.0)(error)),
        };
        let mut heights = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error("listing", &self.0))?.file_name();
            // Anything that is not a height's plain number is not ours: partial ones, what people put there.
            let height = name.to_str().and_then(|name| name.parse::<u64>().ok().filter(|h| h.to_string() == name));
            heights.extend(height.map(Height));
        }
        heights.sort_unstable();
        Ok(heights)
    }

    /// The manifest of a height; `None` when there is no such snapshot.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn find(&self, height: Height) -> Result<Option<Manifest>, SnapshotError> {
        let path = self.of(height).join(MANIFEST);
        let Some(bytes) = read(&path, MAX_MANIFEST_BYTES)? else { return Ok(None) };
        Manifest::from_bytes(&bytes).map(Some)
    }

    /// The manifest of a height.
    ///
    /// # Errors
    /// When there is none, naming those that are there; when it cannot be read or is damaged.
    pub fn manifest(&self, height: Height) -> Result<Manifest, SnapshotError> {
        match self.find(height)? {
            Some(manifest) => Ok(manifest),
            None => {
                let held: Vec<String> = self.heights()?.iter().map(ToString::to_string).collect();
                let held = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
                Err(SnapshotError::Unknown { height, folder: self.0.display().to_string(), held })
            }
        }
    }

    /// A chunk as it lies here, unverified; `None` when it is not here.
    ///
    /// # Errors
    /// When it cannot be read or is larger than a chunk may be.
    pub fn chunk(&self, height: Height, index: u32) -> Result<Option<Bytes>, SnapshotError> {
        read(&self.of(height).join(chunk_name(index)), MAX_CHUNK_BYTES).map(|found| found.map(Bytes::from))
    }

    /// Bytes of a snapshot's files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn bytes(&self, height: Height) -> Result<u64, SnapshotError> {
        let folder = self.of(height);
        let size =
            || fs::read_dir(&folder)?.try_fold(0u64, |sum, entry| Ok(sum.saturating_add(entry?.metadata()?.len())));
        size().map_err(io_error("measuring", &folder))
    }

    /// Verifies every chunk against the manifest's roots, and these against `trusted` if it is given.
    ///
    /// # Errors
    /// What is wrong, naming the chunk.
    pub fn verify(&self, height: Height, trusted: Option<&B256>) -> Result<Verifier, SnapshotError> {
        let manifest = self.manifest(height)?;
        if let Some(trusted) = trusted {
            manifest.check(trusted)?;
        }
        let mut verifier = Verifier::new(manifest);
        for index in 0..verifier.manifest().chunk_count() {
            verifier.accept(index, &self.needed_chunk(height, index)?)?;
        }
        Ok(verifier)
    }

    fn needed_chunk(&self, height: Height, index: u32) -> Result<Bytes, SnapshotError> {
        self.chunk(height, index)?.ok_or_else(|| {
            io_error("reading", &self.of(height).join(chunk_name(index)))(io::ErrorKind::NotFound.into())
        })
    }

    /// Removes a snapshot; says whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn delete(&self, height: Height) -> Result<bool, SnapshotError> {
        let folder = self.of(height);
        // Under its partial name first: half a snapshot must not look like one.
        let doomed = partial_path(&self.0, height);
        if !folder.exists() {
            return Ok(false);
        }
        remove(&doomed)?;
        fs::rename(&folder, &doomed).map_err(io_error("removing", &folder))?;
        remove(&doomed)?;
        Ok(true)
    }

    /// Removes all but the newest `keep` and `spared`; returns the heights that went.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn keep_newest(&self, keep: usize, spared: Option<Height>) -> Result<Vec<Height>, SnapshotError> {
        let mut heights = self.heights()?;
        heights.truncate(heights.len().saturating_sub(keep));
        heights.retain(|height| Some(*height) != spared);
        for height in &heights {
            self.delete(*height)?;
        }
        Ok(heights)
    }

    /// Starts a snapshot in work.
    pub(super) fn partial(&self, height: Height) -> Result<Partial, SnapshotError> {
        let path = partial_path(&self.0, height);
        remove(&path)?;
        fs::create_dir_all(&path).map_err(io_error("making", &path))?;
        Ok(Partial { path, target: self.of(height), parent: self.0.clone(), published: false })
    }

    /// Writes a snapshot as one file: a mark, the manifest, the chunks, each with its length before it.
    ///
    /// # Errors
    /// When it is damaged (it is verified on the way) or cannot be written.
    pub fn export(&self, height: Height, file: &Path) -> Result<Manifest, SnapshotError> {
        let manifest = self.manifest(height)?;
        let wrong = |error| io_error("writing", file)(error);
        let mut out = io::BufWriter::new(fs::File::create(file).map_err(wrong)?);
        let put = |out: &mut io::BufWriter<fs::File>, bytes: &[u8]| {
            out.write_all(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            out.write_all(bytes)
        };
        out.write_all(MAGIC).map_err(wrong)?;
        put(&mut out, &manifest.to_bytes()).map_err(wrong)?;
        let mut verifier = Verifier::new(manifest);
        for index in 0..verifier.manifest().chunk_count() {
            let bytes = self.needed_chunk(height, index)?;
            verifier.accept(index, &bytes)?;
            put(&mut out, &bytes).map_err(wrong)?;
        }
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(wrong)?;
        Ok(verifier.manifest().clone())
    }

    /// Takes an exported snapshot into this folder, if it is one of the trusted state; every chunk is verified first.
    ///
    /// # Errors
    /// What is wrong with it; nothing is kept then.
    pub fn import(&self, file: &Path, trusted: &B256) -> Result<Manifest, SnapshotError> {
        let no_snapshot = |why: String| SnapshotError::File { path: file.to_owned(), why };
        let mut input = io::BufReader::new(fs::File::open(file).map_err(io_error("opening", file))?);
        let mut magic = vec![0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(|_| no_snapshot(format!("it is shorter than {} bytes", MAGIC.len())))?;
        if magic != MAGIC {
            return Err(no_snapshot("it does not begin with DEFCHAIN-SNAPSHOT 1".to_owned()));
        }
        let manifest = take(&mut input, MAX_MANIFEST_BYTES).map_err(|why| no_snapshot(format!("manifest: {why}")))?;
        let manifest = Manifest::from_bytes(&manifest)?;
        manifest.check(trusted)?;
        if let Some(there) = self.find(manifest.height)?
            && there == manifest
        {
            return Ok(there);
        }
        let mut partial = self.partial(manifest.height)?;
        let mut verifier = Verifier::new(manifest);
        for index in 0..verifier.manifest().chunk_count() {
            let bytes =
                take(&mut input, MAX_CHUNK_BYTES).map_err(|why| no_snapshot(format!("chunk {index}: {why}")))?;
            let bytes = Bytes::from(bytes);
            verifier.accept(index, &bytes)?;
            partial.chunk(index, &bytes)?;
        }
        match input.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => return Err(no_snapshot("bytes follow its last chunk".to_owned())),
            Err(error) => return Err(io_error("reading", file)(error)),
        }
        partial.publish(&verifier.manifest().to_bytes())?;
        Ok(verifier.manifest().clone())
    }
}

fn take(input: &mut impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut length = [0; 4];
    input.read_exact(&mut length).map_err(|e| format!("its length is missing ({e})"))?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(format!("{length} bytes, the limit is {limit}"));
    }
    // Grows with what arrives, not with what is announced.
    let mut bytes = Vec::new();
    input.take(length as u64).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() < length {
        return Err(format!("{length} bytes are announced, they end after {}", bytes.len()));
    }
    Ok(bytes)
}

/// A snapshot in work. Removed when it is dropped before it was published.
pub(super) struct Partial {
    path: PathBuf,
    target: PathBuf,
    parent: PathBuf,
    published: bool,
}

impl Partial {
    pub(super) fn chunk(&mut self, index: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        write(&self.path.join(chunk_name(index)), bytes)
    }

    /// Writes the manifest and makes the snapshot visible.
    pub(super) fn publish(mut self, manifest: &[u8]) -> Result<(), SnapshotError> {
        write(&self.path.join(MANIFEST), manifest)?;
        let sync = |path: &Path| fs::File::open(path).and_then(|dir| dir.sync_all());
        let place = || {
            sync(&self.path)?;
            if self.target.exists() {
                fs::remove_dir_all(&self.target)?;
            }
            fs::rename(&self.path, &self.target)?;
            sync(&self.parent)
        };
        place().map_err(io_error("publishing", &self.target))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(%error, "an unfinished snapshot could not be removed");
        }
    }
}

fn partial_path(folder: &Path, height: Height) -> PathBuf {
    folder.join(format!("{height}.{PARTIAL}"))
}

fn chunk_name(index: u32) -> String {
    format!("chunk-{index:05}")
}

fn remove(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("removing", path)(error)),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let written = || {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().map_err(io_error("writing", path))
}

/// A file's bytes, at most `limit`; `None` when it is not there.
fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("opening", path)(error)),
    };
    let size = file.metadata().map_err(io_error("reading", path))?.len();
    if size > limit as u64 {
        let why = format!("{size} bytes, the limit is {limit}");
        return Err(SnapshotError::File { path: path.to_owned(), why });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // The file may grow meanwhile; what is read may not.
    file.take(limit as u64).read_to_end(&mut bytes).map_err(io_error("reading", path))?;
    Ok(Some(bytes))
}
