//! Where the lines of supervised programs go.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    sync::watch,
};

use super::{clock, disk};

/// A log file is put aside at this size ...
const MAX_FILE_BYTES: u64 = 20 * 1024 * 1024;
/// ... and so many older ones are kept.
const KEPT_FILES: u32 = 4;
/// What of the end is kept for the message of a failure.
const TAIL_LINES: usize = 12;
/// How long the last lines of a dead program may take.
const DRAIN: Duration = Duration::from_secs(1);
/// How CometBFT's line begins when its consensus stopped for good (v0.40, `consensus/state.go`); a stack follows.
const CONSENSUS_STOPPED: &str = "CONSENSUS FAILURE!!!";
/// And when it could not write what it must remember (`consensus/state.go`).
const LOG_NOT_WRITTEN: &str = "failed writing to WAL";
/// So much of that line is shown.
const ALARM_CHARS: usize = 600;

/// Whether CometBFT says that it signs nothing any more while its process lives on. A disk that is full when it writes
/// its log is such a case too: it stays mute also when there is room again.
fn alarming(line: &str) -> bool {
    line.contains(CONSENSUS_STOPPED)
        || clock::is_behind(line)
        || (line.contains(LOG_NOT_WRITTEN) && disk::is_full(line))
}

/// A file that is put aside when it is full: `x.log`, `x.log.1`, …
#[derive(Debug)]
struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    limit: u64,
}

impl RotatingFile {
    fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, limit })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if self.bytes >= self.limit {
            self.rotate()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |n: u32| PathBuf::from(format!("{}.{n}", self.path.display()));
        for n in (1..KEPT_FILES).rev() {
            if numbered(n).exists() {
                fs::rename(numbered(n), numbered(n + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))?;
        *self = Self::open(&self.path, self.limit)?;
        Ok(())
    }
}

#[derive(Debug)]
enum Target {
    Stdout,
    File(RotatingFile),
}

/// Takes the lines of one program.
#[derive(Debug, Clone)]
pub struct Sink {
    name: &'static str,
    inner: Arc<Mutex<(Target, Vec<String>)>>,
    alarm: Arc<watch::Sender<Option<String>>>,
    /// Programs' outputs that are being read.
    open: Arc<watch::Sender<usize>>,
}

impl Sink {
    /// Lines go to our standard output, each with the program's name before it.
    #[must_use]
    pub fn stdout(name: &'static str) -> Self {
        Self::new(name, Target::Stdout)
    }

    /// Lines go to `<folder>/<name>.log`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn file(name: &'static str, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(format!("{name}.log"));
        let file =
            RotatingFile::open(&path, MAX_FILE_BYTES).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self::new(name, Target::File(file)))
    }

    fn new(name: &'static str, target: Target) -> Self {
        Self {
            name,
            inner: Arc::new(Mutex::new((target, Vec::new()))),
            alarm: Arc::new(watch::Sender::new(None)),
            open: Arc::default(),
        }
    }

    /// The first line since the last [`Self::calm`] that says that consensus stopped. CometBFT's process lives on then, and signs
    /// nothing any more.
    #[must_use]
    pub fn alarm(&self) -> watch::Receiver<Option<String>> {
        self.alarm.subscribe()
    }

    /// Forgets an alarm, before the program is started anew.
    pub fn calm(&self) {
        self.alarm.send_replace(None);
    }

    /// Takes a line.
    pub fn line(&self, line: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (target, tail) = &mut *inner;
        if alarming(line) {
            self.alarm.send_if_modified(|alarm| {
                let first = alarm.is_none();
                alarm.get_or_insert_with(|| line.chars().take(ALARM_CHARS).collect());
                first
            });
        }
        // A full disk must not stop the node; what cannot be written is lost.
        let _ = match target {
            Target::Stdout => writeln!(io::stdout().lock(), "{:<8} | {line}", self.name),
            Target::File(file) => file.line(line),
        };
        if tail.len() >= TAIL_LINES {
            tail.remove(0);
        }
        tail.push(line.to_owned());
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> String {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.join("\n")
    }

    /// Forwards everything that comes from a program until its end.
    pub fn forward(&self, from: impl AsyncRead + Unpin + Send + 'static) {
        let sink = self.clone();
        self.open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
                sink.line(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
            sink.open.send_modify(|open| *open -= 1);
        });
    }

    /// Waits until everything that a dead program said has come, at most [`DRAIN`]: another process may hold its pipe.
    pub async fn drained(&self) {
        let mut open = self.open.subscribe();
        let all = open.wait_for(|open| *open == 0);
        // After the time the rest is lost.
        let _ = tokio::time::timeout(DRAIN, all).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn consensus_that_stopped_a_clock_behind_and_a_full_disk_raise_the_alarm_and_other_errors_do_not() {
        let why = "block time 2026 is too far in the future (wall clock 2025 + tolerance 1m0s)";
        let wal = "E[x] failed writing to WAL module=consensus err=\"write /x/cs.wal/wal:";
        assert!(alarming("E[x] CONSENSUS FAILURE!!! err=\"+2/3 committed an invalid block\""));
        assert!(alarming(&format!("E[x] Error in validation module=blocksync err=\"{why}\"")));
        assert!(alarming(&format!("{wal} no space left on device\"")));
        assert!(!alarming(&format!("{wal} interrupted system call\"")));
        assert!(!alarming("E[x] Error dialing peer err=\"no space left on device\""));
        let sink = Sink::stdout("x");
        sink.line("I[x] committed state");
        assert!(sink.alarm().borrow().is_none());
        sink.line(&format!("{wal} no space left on device\""));
        sink.line("E[x] CONSENSUS FAILURE!!! second");
        assert!(sink.alarm().borrow().as_ref().is_some_and(|line| line.contains("WAL")), "the first counts");
    }

    #[test]
    fn full_files_are_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = RotatingFile::open(&path, 10).unwrap();
        for i in 0..20 {
            file.line(&format!("line {i:04}")).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["x.log", "x.log.1", "x.log.2", "x.log.3", "x.log.4"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 0019\n");
        assert_eq!(fs::read_to_string(folder.path().join("x.log.4")).unwrap(), "line 0015\n");
        // A new process goes on in the same file.
        RotatingFile::open(&path, 100).unwrap().line("more").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 0019\nmore\n");
    }
}
