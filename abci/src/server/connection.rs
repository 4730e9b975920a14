//! One connection's thread: read, decode, call, answer.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;

use super::{Phase, Shared};
use crate::application::{AbciApplication, dispatch};
use crate::call::{Call, CallSet};
use crate::error::Error;
use crate::frame::{FrameReader, FrameWriter};
use crate::observer::FinishedCall;
use crate::transport::Stream;
use crate::types::{Response, ResponseException, response};
use crate::wire::decode_request;

/// What a connection has carried; written by its thread, read by the server's.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: AtomicU64,
    calls: AtomicU32,
    /// Request field of the call that is in the application, or 0.
    running: AtomicU32,
}

impl Traffic {
    fn begin(&self, call: Call) {
        self.calls.fetch_or(CallSet::bit(call), Ordering::SeqCst);
        self.running.store(call.request_field(), Ordering::SeqCst);
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.running.store(0, Ordering::SeqCst);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn calls(&self) -> CallSet {
        CallSet::from_bits(self.calls.load(Ordering::SeqCst))
    }

    pub(super) fn running(&self) -> Option<Call> {
        Call::from_request_field(self.running.load(Ordering::SeqCst))
    }
}

/// Why a connection's thread ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was told to.
    Stopped,
    Lost(Error),
    ApplicationPanicked {
        call: Call,
        message: String,
    },
    ServerPanicked(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("it was told to end"),
            Self::Lost(error) => error.fmt(f),
            Self::ApplicationPanicked { call, message } => write!(f, "panic in {call}: {message}"),
            Self::ServerPanicked(message) => write!(f, "panic: {message}"),
        }
    }
}

/// The text that `panic!` was given, if it was text.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

pub(super) struct Connection<A> {
    number: u64,
    application: A,
    reader: FrameReader<Stream>,
    writer: FrameWriter<Stream>,
    traffic: Arc<Traffic>,
    shared: Arc<Shared>,
}

impl<A: AbciApplication> Connection<A> {
    pub(super) fn new(
        number: u64,
        application: A,
        input: Stream,
        output: Stream,
        traffic: Arc<Traffic>,
        shared: Arc<Shared>,
    ) -> Self {
        let limit = shared.limits.max_message_bytes;
        let reader = FrameReader::new(input, limit);
        let writer = FrameWriter::new(output, limit);
        Self { number, application, reader, writer, traffic, shared }
    }

    pub(super) fn serve(mut self) -> End {
        loop {
            // Answers wait for the client's Flush only as long as more requests are here: else nothing would be
            // gained, and a client that never flushes would wait for ever.
            let more = self.reader.has_whole_frame();
            let stop = match self.shared.phase() {
                Phase::Serving => false,
                Phase::Draining => !more,
                Phase::Aborting => true,
            };
            if (stop || !more)
                && let Err(error) = self.writer.flush()
            {
                return self.lost(error);
            }
            if stop {
                return End::Stopped;
            }
            let request = match self.reader.read() {
                Ok(Some(request)) => request,
                Ok(None) => return self.lost(Error::Closed),
                Err(error) => return self.refuse(error),
            };
            if let Err(end) = self.answer(request) {
                return end;
            }
        }
    }

    fn answer(&mut self, bytes: Bytes) -> Result<(), End> {
        let request = decode_request(bytes.clone()).map_err(|error| self.refuse(error))?;
        let call = request.call();
        self.traffic.begin(call);
        let started = Instant::now();
        // The application may be left in any state: the server ends, nothing calls it again.
        let answer = catch_unwind(AssertUnwindSafe(|| dispatch(&self.application, request)));
        let duration = started.elapsed();
        self.traffic.end();
        let answer = match answer {
            Ok(answer) => Response::from(answer),
            Err(panic) => {
                let message = panic_message(&*panic);
                self.send_exception(format!("the application panicked in {call}: {message}"));
                return Err(End::ApplicationPanicked { call, message });
            }
        };
        match self.writer.push(&answer) {
            Ok(response) => {
                let finished = FinishedCall { connection: self.number, call, duration, request: &bytes, response };
                for observer in &self.shared.observers {
                    observer.call_finished(&finished);
                }
            }
            Err(error) => return Err(self.refuse(error)),
        }
        if call == Call::Flush {
            self.writer.flush().map_err(|error| self.lost(error))?;
        }
        Ok(())
    }

    /// Tells the other end why, if it can still listen.
    fn refuse(&mut self, error: Error) -> End {
        if !matches!(error, Error::Io { .. } | Error::Torn { .. }) {
            self.send_exception(error.to_string());
        }
        self.lost(error)
    }

    /// The connection is given up anyway, so it is no matter if this fails.
    fn send_exception(&mut self, error: String) {
        let exception = Response::from(response::Value::Exception(ResponseException { error }));
        let _ = self.writer.push(&exception).map(|_| ());
        let _ = self.writer.flush();
    }

    /// Once the server is ending, its own hand has closed the connection.
    fn lost(&self, error: Error) -> End {
        match self.shared.phase() {
            Phase::Serving => End::Lost(error),
            Phase::Draining | Phase::Aborting => End::Stopped,
        }
    }
}
