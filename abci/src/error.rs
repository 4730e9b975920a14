//! Everything that can go wrong here, with the figures and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::{Call, CallSet, Role};

/// Which connection something happened on, told as well as can be: CometBFT does not name its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
    /// Counted from 1 in the order of acceptance, over the server's whole life.
    pub number: u64,
    /// Position among the open connections, from 1 to 4.
    pub position: usize,
    /// Requests that it carried.
    pub requests: u64,
    /// The kinds of these requests.
    pub calls: CallSet,
    /// The address at the other end; unix sockets have none.
    pub peer: String,
}

impl ConnectionReport {
    /// The role that its requests prove, if any.
    pub fn role(&self) -> Option<Role> {
        self.calls.role()
    }

    /// The role that CometBFT gives to the connection it dials at this position.
    pub fn expected_role(&self) -> Option<Role> {
        Role::DIALLING_ORDER.get(self.position.checked_sub(1)?).copied()
    }
}

impl fmt::Display for ConnectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {} ", self.number)?;
        match (self.role(), self.expected_role()) {
            (Some(role), _) => write!(f, "({role}")?,
            (None, Some(role)) => write!(f, "(by its place {} of 4: {role}", self.position)?,
            (None, None) => write!(f, "(of no known role")?,
        }
        write!(f, "; {} requests: {}; from {})", self.requests, self.calls, self.peer)
    }
}

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is neither `unix:///absolute/path` nor `tcp://host:port`.
    #[error("ABCI address {given:?}: {reason}; give unix:///absolute/path or tcp://127.0.0.1:26658")]
    Address {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody answers at the unix socket.
    #[error("another process serves ABCI at {path}: stop it, or give this node another proxy_app address")]
    AlreadyServed {
        /// The socket.
        path: PathBuf,
    },
    /// The path of the unix socket is taken by something that is no socket.
    #[error("{path} exists and is not a socket: move it away, or give this node another proxy_app address")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The listener could not be opened.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The client found nobody.
    #[error("cannot connect to the ABCI server at {address}: {source}; is the application running?")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The other end closed the connection between two messages.
    #[error("the other end closed the connection")]
    Closed,
    /// The other end closed the connection inside a message.
    #[error("the connection ended inside a message: {got} of {want} bytes had come")]
    Torn {
        /// Bytes that came.
        got: u64,
        /// Bytes that the prefix announced.
        want: u64,
    },
    /// Reading or writing failed.
    #[error("{doing} failed: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A message above the cap, either way.
    #[error("a message of {bytes} bytes is above the limit of {limit} bytes; nothing of it was {verb}")]
    TooLarge {
        /// Its size, or what its prefix claims.
        bytes: u64,
        /// The limit.
        limit: usize,
        /// `read` or `sent`.
        verb: &'static str,
    },
    /// The length prefix is no canonical unsigned varint.
    #[error(
        "a message's length prefix {prefix} is not a canonical varint: the other end speaks no ABCI socket protocol"
    )]
    LengthPrefix {
        /// The bytes read, as hex.
        prefix: String,
    },
    /// A message that is no ABCI message at all.
    #[error("a {what} of {bytes} bytes is no ABCI message: {reason}")]
    Garbage {
        /// `request` or `response`.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// A call that this version does not have.
    #[error(
        "a {what} of {bytes} bytes is of the unknown field {field}: this node speaks ABCI 2.0 as CometBFT v0.40 does"
    )]
    UnknownCall {
        /// `request` or `response`.
        what: &'static str,
        /// The outer field number.
        field: u32,
        /// Its size.
        bytes: usize,
    },
    /// More bytes than the one call.
    #[error("a {what} of {bytes} bytes has {extra} bytes behind its {name}")]
    TrailingBytes {
        /// `request` or `response`.
        what: &'static str,
        /// The call.
        name: &'static str,
        /// Bytes too many.
        extra: u64,
        /// Its size.
        bytes: usize,
    },
    /// An inner message that does not decode.
    #[error("a {what} {name} of {bytes} bytes does not decode: {source}")]
    Undecodable {
        /// `request` or `response`.
        what: &'static str,
        /// The call.
        name: &'static str,
        /// Its size.
        bytes: usize,
        /// What protobuf says.
        source: prost::DecodeError,
    },
    /// One of CometBFT's connections is gone, so the server ended.
    #[error("{connection} was lost: {source}")]
    ConnectionLost {
        /// Which.
        connection: Box<ConnectionReport>,
        /// Why.
        source: Box<Error>,
    },
    /// The application panicked, so the server ended.
    #[error("the application panicked in {call} on {connection}: {message}")]
    ApplicationPanicked {
        /// On which connection.
        connection: Box<ConnectionReport>,
        /// In which call.
        call: Call,
        /// The panic's message.
        message: String,
    },
    /// The serving thread itself panicked (an observer, or a mistake here), so the server ended.
    #[error("the ABCI server panicked on {connection}: {message}")]
    ServerPanicked {
        /// On which connection.
        connection: Box<ConnectionReport>,
        /// The panic's message.
        message: String,
    },
    /// The server had to end but a call would not.
    #[error("after {waited:?} the ABCI server still waits for {stuck}")]
    Stuck {
        /// How long was waited.
        waited: Duration,
        /// What is still running.
        stuck: String,
    },
    /// The server answered a call with an exception.
    #[error("the ABCI server answered {call} with an exception: {message}")]
    Exception {
        /// The call.
        call: Call,
        /// The server's words.
        message: String,
    },
    /// The server answered another call than was asked.
    #[error("asked {asked}, but the ABCI server answered {got}")]
    WrongAnswer {
        /// The call.
        asked: Call,
        /// What came.
        got: &'static str,
    },
    /// A recording could not be opened, read or written.
    #[error("recording {path}: {doing} failed: {source}")]
    RecordingIo {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that is no recording.
    #[error("{path} is no ABCI recording: it begins with {found}")]
    NotARecording {
        /// The file.
        path: PathBuf,
        /// Its first bytes, as hex.
        found: String,
    },
    /// A recording that ends inside an entry, as after a kill.
    #[error(
        "recording {path} ends inside an entry: {entries} whole entries up to byte {whole}, then a torn tail of {torn} \
         bytes; the whole entries are good"
    )]
    TornRecording {
        /// The file.
        path: PathBuf,
        /// Whole entries before the tail.
        entries: u64,
        /// Bytes up to the end of the last whole entry.
        whole: u64,
        /// Bytes behind it.
        torn: u64,
    },
    /// An entry of a recording that does not decode.
    #[error("recording {path}: entry {entry} at byte {offset}: {source}")]
    BadEntry {
        /// The file.
        path: PathBuf,
        /// Counted from 0.
        entry: u64,
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        source: Box<Error>,
    },
    /// One of our versioned wire forms is empty.
    #[error("{form}: empty; it begins with a version byte")]
    NoVersion {
        /// Which form.
        form: &'static str,
    },
    /// One of our versioned wire forms is of a version that this node does not know.
    #[error("{form}: version {found}, this node knows version {known}; upgrade the node if the network has moved on")]
    Version {
        /// Which form.
        form: &'static str,
        /// The version byte.
        found: u8,
        /// The one we know.
        known: u8,
    },
    /// One of our versioned wire forms is above the caller's limit.
    #[error("{form}: {bytes} bytes are above the limit of {limit}")]
    FormTooLarge {
        /// Which form.
        form: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// One of our versioned wire forms is not protobuf behind its version byte.
    #[error("{form}: {bytes} bytes do not decode: {source}")]
    FormUndecodable {
        /// Which form.
        form: &'static str,
        /// Its size.
        bytes: usize,
        /// What protobuf says.
        source: prost::DecodeError,
    },
    /// Notices of refused proposals that are too many, out of order, doubled or misshapen.
    #[error(
        "vote extension: {notices} notices of refused proposals: at most {limit}, ascending, each once, a hash of 32 and a \
         proposer of 20 bytes"
    )]
    Notices {
        /// How many there are.
        notices: usize,
        /// The most there may be.
        limit: usize,
    },
    /// One of our versioned wire forms is not the one encoding of its content (D8b).
    #[error(
        "{form}: {bytes} bytes are not canonical: the content encodes to {canonical} bytes, the first difference is at \
         byte {at} (unknown fields and trailing bytes are refused)"
    )]
    NotCanonical {
        /// Which form.
        form: &'static str,
        /// Its size.
        bytes: usize,
        /// The size of the one encoding.
        canonical: usize,
        /// The first byte that differs.
        at: usize,
    },
}

impl Error {
    pub(crate) fn garbage(what: &'static str, reason: &'static str, bytes: usize) -> Self {
        Self::Garbage { what, reason, bytes }
    }
}
