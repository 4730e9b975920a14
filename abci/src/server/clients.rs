//! The open connections of the one client.

use std::net::Shutdown;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::connection::{End, Traffic};
use crate::call::Role;
use crate::error::{ConnectionReport, Error};
use crate::transport::Stream;

/// CometBFT's connections.
const MAX_CONNECTIONS: usize = Role::DIALLING_ORDER.len();

pub(super) struct Client {
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) stream: Stream,
    pub(super) traffic: Arc<Traffic>,
    pub(super) thread: JoinHandle<()>,
}

/// In the order of acceptance.
#[derive(Default)]
pub(super) struct Clients {
    open: Vec<Client>,
    accepted: u64,
}

impl Clients {
    pub(super) fn next_number(&mut self) -> u64 {
        self.accepted = self.accepted.saturating_add(1);
        self.accepted
    }

    pub(super) fn add(&mut self, client: Client) {
        self.open.push(client);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Client> {
        let index = self.open.iter().position(|client| client.number == number)?;
        Some(self.open.remove(index))
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= MAX_CONNECTIONS
    }

    pub(super) fn is_silent(&self, number: u64) -> bool {
        self.open.iter().any(|client| client.number == number && client.traffic.requests() == 0)
    }

    pub(super) fn has_silent(&self) -> bool {
        self.open.iter().any(|client| client.traffic.requests() == 0)
    }

    pub(super) fn any_has_spoken(&self) -> bool {
        self.open.iter().any(|client| client.traffic.requests() > 0)
    }

    pub(super) fn shutdown(&self, how: Shutdown) {
        for client in &self.open {
            client.stream.shutdown(how);
        }
    }

    fn report(&self, number: u64) -> Box<ConnectionReport> {
        let index = self.open.iter().position(|client| client.number == number);
        let client = index.and_then(|index| self.open.get(index));
        Box::new(ConnectionReport {
            number,
            position: index.map_or(0, |index| index.saturating_add(1)),
            requests: client.map_or(0, |client| client.traffic.requests()),
            calls: client.map(|client| client.traffic.calls()).unwrap_or_default(),
            peer: client.map(|client| client.peer.clone()).unwrap_or_default(),
        })
    }

    /// The error with which the server ends because of this connection.
    pub(super) fn blame(&self, number: u64, end: End) -> Error {
        let connection = self.report(number);
        match end {
            // A thread stops of its own accord only when it was told to, and then nobody asks whom to blame.
            End::Stopped => Error::ConnectionLost { connection, source: Box::new(Error::Closed) },
            End::Lost(source) => Error::ConnectionLost { connection, source: Box::new(source) },
            End::ApplicationPanicked { call, message } => Error::ApplicationPanicked { connection, call, message },
            End::ServerPanicked(message) => Error::ServerPanicked { connection, message },
        }
    }

    /// While the server ends, a client that goes away is nothing; a panic still is an error.
    pub(super) fn verdict_while_draining(&self, number: u64, end: End) -> Result<(), Error> {
        match end {
            End::Stopped => Ok(()),
            End::Lost(error) => {
                tracing::info!(connection = number, %error, "an ABCI connection broke while the server was ending");
                Ok(())
            }
            End::ApplicationPanicked { .. } | End::ServerPanicked(_) => Err(self.blame(number, end)),
        }
    }

    pub(super) fn describe_stuck(&self) -> String {
        let each: Vec<String> = self
            .open
            .iter()
            .map(|client| {
                let report = self.report(client.number);
                match client.traffic.running() {
                    Some(call) => format!("{call} on {report}"),
                    None => format!("the other end of {report}"),
                }
            })
            .collect();
        each.join(" and ")
    }
}
