//! What a metrics exporter or a recorder may see of the server's work.

use std::time::Duration;

use crate::call::Call;

/// One call that the application has answered.
#[derive(Clone, Copy, Debug)]
pub struct FinishedCall<'a> {
    /// The connection's number, as in [`crate::ConnectionReport::number`].
    pub connection: u64,
    /// Which call.
    pub call: Call,
    /// Time inside the application, without decoding and encoding.
    pub duration: Duration,
    /// The outer request as received, without its length prefix.
    pub request: &'a [u8],
    /// The outer response as it will be sent, without its length prefix.
    pub response: &'a [u8],
}

/// Sees the server's work as it happens. Methods are called on the connection's own thread, before the answer
/// leaves, so they should be quick. All default to nothing.
pub trait Observer: Send + Sync + 'static {
    /// A connection was accepted.
    fn connection_opened(&self, _connection: u64) {}

    /// A connection is gone, for whatever reason.
    fn connection_closed(&self, _connection: u64) {}

    /// The application answered a call.
    fn call_finished(&self, _finished: &FinishedCall<'_>) {}
}
