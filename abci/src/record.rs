//! Calls of a run, written down as they went over the wire, and read again for a replay in process.
//!
//! A recording is a header line, then per call the outer request and the outer response, each behind an unsigned
//! varint with its length. The bytes are those of the socket, so nothing is lost that our types do not know.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::application::{AbciApplication, dispatch};
use crate::call::CallSet;
use crate::error::Error;
use crate::frame::{FrameReader, to_hex};
use crate::observer::{FinishedCall, Observer};
use crate::types::{request, response};
use crate::wire::{decode_request, decode_response};

const HEADER: &[u8] = b"defchain ABCI recording 1\n";

/// Writes chosen calls into a file. Add it to a server as an [`Observer`], or hand it calls made in process.
///
/// One write per call, so that a killed process loses at most a torn last entry. A recorder that cannot write says so
/// once in the log and stops: the node goes on. [`Self::finish`] tells what became of it.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    calls: CallSet,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    entries: u64,
    failed: Option<io::Error>,
}

impl Recorder {
    /// Begins a new recording; there must be no file yet.
    ///
    /// # Errors
    /// [`Error::RecordingIo`].
    pub fn create(path: &Path, calls: CallSet) -> Result<Self, Error> {
        let failed = |source| recording_io(path, "creating it", source);
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        file.write_all(HEADER).map_err(failed)?;
        Ok(Self::with(path, calls, file, 0))
    }

    /// Goes on with an existing recording. A torn tail, as after a kill, is cut off and its size logged.
    ///
    /// # Errors
    /// [`Error::NotARecording`], [`Error::BadEntry`], [`Error::RecordingIo`].
    pub fn append(path: &Path, calls: CallSet, max_message_bytes: usize) -> Result<Self, Error> {
        let mut reader = RecordingReader::open(path, max_message_bytes)?;
        let whole = loop {
            match reader.next_raw() {
                Ok(Some(_)) => {}
                Ok(None) => break reader.whole,
                Err(Error::TornRecording { whole, torn, .. }) => {
                    tracing::warn!(path = %path.display(), torn, "cutting the torn tail off an ABCI recording");
                    break whole;
                }
                Err(error) => return Err(error),
            }
        };
        let failed = |source| recording_io(path, "opening it for more", source);
        let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
        file.set_len(whole).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self::with(path, calls, file, reader.entries))
    }

    fn with(path: &Path, calls: CallSet, file: File, entries: u64) -> Self {
        let state = Mutex::new(State { file, entries, failed: None });
        Self { path: path.to_owned(), calls, state }
    }

    /// Records a call made in process, if it is one of the chosen.
    pub fn record(&self, request: &request::Value, response: &response::Value) {
        if self.calls.contains(request.call()) {
            let mut request_bytes = Vec::with_capacity(request.encoded_len());
            request.encode(&mut request_bytes);
            let mut response_bytes = Vec::with_capacity(response.encoded_len());
            response.encode(&mut response_bytes);
            self.write(&request_bytes, &response_bytes);
        }
    }

    /// Makes the file durable and returns the number of its entries.
    ///
    /// # Errors
    /// [`Error::RecordingIo`] if this or an earlier write failed.
    pub fn finish(&self) -> Result<u64, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = state.failed.take() {
            return Err(recording_io(&self.path, "writing", source));
        }
        let synced = state.file.sync_all();
        synced.map_err(|source| recording_io(&self.path, "syncing", source))?;
        Ok(state.entries)
    }

    fn write(&self, request: &[u8], response: &[u8]) {
        let mut entry = Vec::new();
        for part in [request, response] {
            prost::encoding::encode_varint(part.len() as u64, &mut entry);
            entry.extend_from_slice(part);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_some() {
            return; // behind half an entry nothing could be read
        }
        match state.file.write_all(&entry) {
            Ok(()) => state.entries = state.entries.saturating_add(1),
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the ABCI recording ends here");
                state.failed = Some(error);
            }
        }
    }
}

impl Observer for Recorder {
    fn call_finished(&self, finished: &FinishedCall<'_>) {
        if self.calls.contains(finished.call) {
            self.write(finished.request, finished.response);
        }
    }
}

/// One recorded call.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What CometBFT asked.
    pub request: request::Value,
    /// What the application answered.
    pub response: response::Value,
}

/// Reads a recording, entry by entry. After an error it yields nothing more.
#[derive(Debug)]
pub struct RecordingReader {
    path: PathBuf,
    frames: FrameReader<File>,
    size: u64,
    entries: u64,
    /// Bytes up to the end of the last whole entry.
    whole: u64,
    done: bool,
}

impl RecordingReader {
    /// Opens a recording; messages above the limit are refused when they are met.
    ///
    /// # Errors
    /// [`Error::RecordingIo`], [`Error::NotARecording`].
    pub fn open(path: &Path, max_message_bytes: usize) -> Result<Self, Error> {
        let failed = |source| recording_io(path, "opening it", source);
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut header = Vec::with_capacity(HEADER.len());
        (&mut file).take(HEADER.len() as u64).read_to_end(&mut header).map_err(failed)?;
        if header != HEADER {
            return Err(Error::NotARecording { path: path.to_owned(), found: to_hex(&header) });
        }
        Ok(Self {
            path: path.to_owned(),
            frames: FrameReader::new(file, max_message_bytes),
            size,
            entries: 0,
            whole: HEADER.len() as u64,
            done: false,
        })
    }

    fn next_raw(&mut self) -> Result<Option<(Bytes, Bytes)>, Error> {
        let pair = match self.frames.read() {
            Ok(None) => return Ok(None),
            Ok(Some(request)) => match self.frames.read() {
                Ok(Some(response)) => (request, response),
                Ok(None) => return Err(self.torn()),
                Err(error) => return Err(self.bad(error)),
            },
            Err(error) => return Err(self.bad(error)),
        };
        for part in [&pair.0, &pair.1] {
            let len = part.len() as u64;
            let prefix = prost::encoding::encoded_len_varint(len) as u64;
            self.whole = self.whole.saturating_add(prefix).saturating_add(len);
        }
        self.entries = self.entries.saturating_add(1);
        Ok(Some(pair))
    }

    fn torn(&self) -> Error {
        Error::TornRecording {
            path: self.path.clone(),
            entries: self.entries,
            whole: self.whole,
            torn: self.size.saturating_sub(self.whole),
        }
    }

    fn bad(&self, error: Error) -> Error {
        match error {
            Error::Torn { .. } => self.torn(),
            source => Error::BadEntry {
                path: self.path.clone(),
                entry: self.entries,
                offset: self.whole,
                source: Box::new(source),
            },
        }
    }

    fn next_entry(&mut self) -> Result<Option<Recorded>, Error> {
        let (entry, offset) = (self.entries, self.whole);
        let Some((request, response)) = self.next_raw()? else { return Ok(None) };
        let decoded =
            decode_request(request).and_then(|request| Ok(Recorded { request, response: decode_response(response)? }));
        decoded.map(Some).map_err(|source| Error::BadEntry {
            path: self.path.clone(),
            entry,
            offset,
            source: Box::new(source),
        })
    }
}

impl Iterator for RecordingReader {
    type Item = Result<Recorded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.next_entry().transpose();
        self.done = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// Asks `application` every recorded request, in order, and hands `compare` the recorded call beside the fresh answer.
/// Returns the number of calls. `compare` returns an error of its own kind to stop.
///
/// # Errors
/// Those of [`RecordingReader`], and whatever `compare` returns.
pub fn replay<A: AbciApplication, E: From<Error>>(
    application: &A,
    recording: RecordingReader,
    mut compare: impl FnMut(&Recorded, &response::Value) -> Result<(), E>,
) -> Result<u64, E> {
    let mut calls = 0_u64;
    for recorded in recording {
        let recorded = recorded?;
        let fresh = dispatch(application, recorded.request.clone());
        compare(&recorded, &fresh)?;
        calls = calls.saturating_add(1);
    }
    Ok(calls)
}

fn recording_io(path: &Path, doing: &'static str, source: io::Error) -> Error {
    Error::RecordingIo { path: path.to_owned(), doing, source }
}
