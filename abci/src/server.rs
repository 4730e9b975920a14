//! The server: one client with four connections, a thread each, and one place where everything ends.

mod clients;
mod connection;

use std::fmt;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::address::Address;
use crate::application::AbciApplication;
use crate::error::Error;
use crate::frame::DEFAULT_MAX_MESSAGE_BYTES;
use crate::observer::Observer;
use crate::transport::{Listener, Stream};

use clients::{Client, Clients};
use connection::{Connection, End, Traffic, panic_message};

/// A fifth client waits so long for a silent one of the four to prove a probe that has just gone. Its end of file is
/// already on its way when the fifth is accepted, so this bounds a thread's wake-up, not a person.
const PROBE_GRACE: Duration = Duration::from_millis(100);
/// After [`Limits::drain`], so long for threads that were only waiting for a reader at the other end.
const LAST_GRACE: Duration = Duration::from_secs(1);
/// The application runs on these threads, and a block's execution may nest deeply. Only touched pages cost memory.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;

/// What the server allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No message above this is read or sent.
    pub max_message_bytes: usize,
    /// How long [`Server::run`], once it has to end, waits for calls that are still in the application.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES, drain: Duration::from_secs(30) }
    }
}

/// Makes a [`Server`].
#[derive(Default)]
pub struct ServerBuilder {
    limits: Limits,
    observers: Vec<Arc<dyn Observer>>,
}

impl ServerBuilder {
    /// Default limits, no observer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Other limits than the default.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// One more observer; they are called in the order in which they were added.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Listens. Clients wait until [`Server::run`]. The socket of a dead process is removed, a new one is readable and
    /// writable by its owner only.
    ///
    /// # Errors
    /// [`Error::AlreadyServed`], [`Error::NotASocket`], [`Error::Listen`].
    pub fn bind<A: AbciApplication>(self, address: &Address, application: A) -> Result<Server<A>, Error> {
        let listener = Listener::bind(address)?;
        let failed = |source| Error::Listen { address: address.to_string(), source };
        let address = listener.address().map_err(failed)?;
        let (waker, wakened) = UnixStream::pair().map_err(failed)?;
        waker.set_nonblocking(true).map_err(failed)?;
        wakened.set_nonblocking(true).map_err(failed)?;
        let (sender, events) = channel();
        let shared = Arc::new(Shared {
            limits: self.limits,
            observers: self.observers,
            phase: AtomicU8::new(Phase::Serving as u8),
            events: sender,
            waker,
            announced: AtomicBool::new(false),
        });
        tracing::info!(%address, "ABCI server listens");
        Ok(Server { application, listener, address, shared, events, wakened, clients: Clients::default() })
    }
}

/// What the connections' threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Serving,
    /// Answer what has been received, then end.
    Draining,
    /// Answer the call that is in the application, then end.
    Aborting,
}

enum Event {
    ShutdownAsked,
    Ended(u64, End),
}

/// What all threads see.
struct Shared {
    limits: Limits,
    observers: Vec<Arc<dyn Observer>>,
    phase: AtomicU8,
    events: Sender<Event>,
    waker: UnixStream,
    /// The client is about to be ended on purpose: its loss is no error worth a line.
    announced: AtomicBool,
}

impl Shared {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Aborting,
        }
    }

    /// Neither step can fail in a way that matters: without a receiver `run` is over, and a full pipe wakes as well.
    fn post(&self, event: Event) {
        let _ = self.events.send(event);
        let _ = (&self.waker).write(&[1]);
    }
}

/// Ends [`Server::run`] from anywhere.
#[derive(Clone)]
pub struct ShutdownHandle(Arc<Shared>);

impl ShutdownHandle {
    /// Says that the client is about to be ended on purpose: the loss of its connections, which [`Server::run`] still
    /// returns as [`Error::ConnectionLost`], is logged as what it is and not as an error.
    pub fn announce(&self) {
        self.0.announced.store(true, Ordering::SeqCst);
    }

    /// Makes [`Server::run`] return `Ok` once the requests that it has received are answered. Requests that are
    /// still on their way are not. May be called at any time, also before `run`, and more than once.
    pub fn shutdown(&self) {
        self.0.post(Event::ShutdownAsked);
    }
}

/// A bound server. Dropping it closes the socket and removes its file.
pub struct Server<A> {
    application: A,
    listener: Listener,
    address: Address,
    shared: Arc<Shared>,
    events: Receiver<Event>,
    wakened: UnixStream,
    clients: Clients,
}

impl<A> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<A: AbciApplication> Server<A> {
    /// Where it listens; with the real port if port 0 was asked for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A handle that ends [`Self::run`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(&self.shared))
    }

    /// Serves until shutdown, or until anything breaks. The caller should end its process on an error.
    ///
    /// CometBFT dials four times and speaks only afterwards. Hence the rules:
    /// - A connection that has carried a request is CometBFT's. Its loss, for whatever reason, ends the server.
    /// - A silent one that is lost while four are open and one of them has carried a request is CometBFT's too
    ///   (the snapshot connection is silent for life). Its loss ends the server.
    /// - Any other silent one was a port probe (`nc -z`, a liveness check, a scanner that speaks something else). It
    ///   is forgotten, and its place is free again.
    /// - A client beyond four is closed at once, unless one of the four turns out to be a probe that has just gone:
    ///   then the newcomer gets its place, so that a probe during CometBFT's dialling does no harm. A probe that
    ///   stays connected through it takes a place: CometBFT is refused and both processes end and start anew.
    ///
    /// # Errors
    /// [`Error::ConnectionLost`], [`Error::ApplicationPanicked`], [`Error::ServerPanicked`], [`Error::Stuck`] (a
    /// shutdown was asked for, and a call would not end), [`Error::Io`] (the listener broke).
    pub fn run(mut self) -> Result<(), Error> {
        let outcome = self.serve();
        match &outcome {
            Ok(()) => tracing::info!("ABCI server shuts down"),
            Err(error @ Error::ConnectionLost { .. }) if self.shared.announced.load(Ordering::SeqCst) => {
                tracing::info!(%error, "ABCI server ends with its client, as announced");
            }
            Err(error) => tracing::error!(%error, "ABCI server ends"),
        }
        let Self { listener, shared, events, clients, .. } = self;
        // Nobody may connect to a server that is leaving. This removes the socket's file.
        drop(listener);
        drain(&shared, &events, clients, outcome)
    }

    fn serve(&mut self) -> Result<(), Error> {
        loop {
            self.wait()?;
            // Newcomers first: see `on_end`.
            while let Some(stream) = self.accept()? {
                self.welcome(stream)?;
            }
            while let Ok(event) = self.events.try_recv() {
                match event {
                    Event::ShutdownAsked => return Ok(()),
                    Event::Ended(number, end) => self.on_end(number, end)?,
                }
            }
        }
    }

    /// Sleeps until a client dials or an event is posted.
    fn wait(&mut self) -> Result<(), Error> {
        let mut sources = [
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wakened.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                return Err(Error::Io { doing: "waiting for ABCI clients", source: errno.into() });
            }
        }
        // Emptied before the events are taken, so that no wake-up is lost.
        let mut bytes = [0; 64];
        while matches!((&self.wakened).read(&mut bytes), Ok(1..)) {}
        Ok(())
    }

    fn accept(&self) -> Result<Option<Stream>, Error> {
        self.listener.accept().map_err(|source| Error::Io { doing: "accepting an ABCI client", source })
    }

    fn welcome(&mut self, stream: Stream) -> Result<(), Error> {
        if self.clients.is_full() && self.clients.has_silent() {
            self.wait_for_a_probe_to_go()?;
        }
        if self.clients.is_full() {
            tracing::warn!(
                peer = stream.peer(),
                "refused a client: this application already serves one CometBFT with its four connections; \
                 stop that one first, or give the other its own application"
            );
            return Ok(()); // dropping the stream closes it
        }
        self.admit(stream)
    }

    /// Forgets a silent client if one ends within the grace. A shutdown that is asked for meanwhile is kept.
    fn wait_for_a_probe_to_go(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        while self.clients.is_full() {
            match self.events.recv_timeout(PROBE_GRACE.saturating_sub(started.elapsed())) {
                Ok(Event::Ended(number, end)) if self.clients.is_silent(number) => {
                    self.forget(number, &end);
                }
                Ok(Event::Ended(number, end)) => self.on_end(number, end)?,
                Ok(Event::ShutdownAsked) => {
                    self.shared.post(Event::ShutdownAsked);
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        Ok(())
    }

    fn admit(&mut self, stream: Stream) -> Result<(), Error> {
        let failed = |source| Error::Io { doing: "starting a connection's thread", source };
        let number = self.clients.next_number();
        let traffic = Arc::new(Traffic::default());
        let peer = stream.peer();
        let closer = stream.try_clone().map_err(failed)?;
        let connection = Connection::new(
            number,
            self.application.clone(),
            stream.try_clone().map_err(failed)?,
            stream,
            Arc::clone(&traffic),
            Arc::clone(&self.shared),
        );
        let shared = Arc::clone(&self.shared);
        let ender = closer.try_clone().map_err(failed)?;
        for observer in &self.shared.observers {
            observer.connection_opened(number);
        }
        let thread = thread::Builder::new()
            .name(format!("abci-{number}"))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let end = catch_unwind(AssertUnwindSafe(|| connection.serve()))
                    .unwrap_or_else(|panic| End::ServerPanicked(panic_message(&*panic)));
                ender.shutdown(Shutdown::Both);
                shared.post(Event::Ended(number, end));
            })
            .map_err(failed)?;
        self.clients.add(Client { number, peer, stream: closer, traffic, thread });
        tracing::info!(connection = number, open = self.clients.len(), "ABCI client connected");
        Ok(())
    }

    fn on_end(&mut self, number: u64, end: End) -> Result<(), Error> {
        if !self.clients.is_silent(number) {
            return Err(self.end_because_of(number, end));
        }
        // The order of the next two matters. CometBFT speaks only after its fourth dial. If one has spoken and a
        // probe holds a place of the four, then CometBFT's fourth already waits in the listener's queue.
        let spoken = self.clients.any_has_spoken();
        if self.clients.is_full() && spoken {
            let Some(newcomer) = self.accept()? else {
                return Err(self.end_because_of(number, end));
            };
            self.forget(number, &end);
            return self.admit(newcomer);
        }
        self.forget(number, &end);
        Ok(())
    }

    fn end_because_of(&mut self, number: u64, end: End) -> Error {
        let error = self.clients.blame(number, end);
        // Its thread has posted its end: nobody is to wait for it again.
        if let Some(client) = self.clients.remove(number) {
            finish(&self.shared, client);
        }
        error
    }

    fn forget(&mut self, number: u64, end: &End) {
        if let Some(client) = self.clients.remove(number) {
            tracing::info!(
                connection = number,
                peer = client.peer,
                reason = end.to_string(),
                "a client left before it made a request: a probe, not CometBFT"
            );
            finish(&self.shared, client);
        }
    }
}

/// Ends all threads: lets them finish what they may (see [`Phase`]), then cuts them off, and at last leaves them behind,
/// for the process is about to end.
fn drain(
    shared: &Shared,
    events: &Receiver<Event>,
    mut clients: Clients,
    mut outcome: Result<(), Error>,
) -> Result<(), Error> {
    let phase = if outcome.is_ok() { Phase::Draining } else { Phase::Aborting };
    shared.phase.store(phase as u8, Ordering::SeqCst);
    let started = Instant::now();
    for (how, grace) in [(Shutdown::Read, shared.limits.drain), (Shutdown::Both, LAST_GRACE)] {
        clients.shutdown(how);
        let since = Instant::now();
        while !clients.is_empty() {
            match events.recv_timeout(grace.saturating_sub(since.elapsed())) {
                Ok(Event::Ended(number, end)) => {
                    outcome = outcome.and_then(|()| clients.verdict_while_draining(number, end));
                    if let Some(client) = clients.remove(number) {
                        finish(shared, client);
                    }
                }
                Ok(Event::ShutdownAsked) => {}
                Err(_) => break,
            }
        }
    }
    if clients.is_empty() {
        return outcome;
    }
    let stuck = Error::Stuck { waited: started.elapsed(), stuck: clients.describe_stuck() };
    match outcome {
        Ok(()) => Err(stuck),
        Err(first) => {
            tracing::error!(error = %stuck, "ABCI server leaves a call behind");
            Err(first)
        }
    }
}

/// The client's thread has posted its end, so joining it waits for nothing.
fn finish(shared: &Shared, client: Client) {
    if client.thread.join().is_err() {
        tracing::error!(connection = client.number, "an ABCI thread panicked while ending");
    }
    for observer in &shared.observers {
        observer.connection_closed(client.number);
    }
}
