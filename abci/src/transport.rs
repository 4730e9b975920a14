//! Unix and TCP sockets behind one small surface.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::address::Address;
use crate::error::Error;

/// Only the node's own user may speak to its application.
const SOCKET_MODE: u32 = 0o600;

#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub(crate) fn connect(address: &Address) -> Result<Self, Error> {
        let connected = match address {
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Tcp(host_port) => TcpStream::connect(host_port).and_then(|stream| {
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }),
        };
        connected.map_err(|source| Error::Connect { address: address.to_string(), source })
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
        }
    }

    /// Fails only when the other end is already gone, which its reader will notice by itself.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }

    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Unix(_) => "a local process".to_owned(),
            Self::Tcp(stream) => {
                stream.peer_addr().map_or_else(|_| "a peer that is gone".to_owned(), |address| address.to_string())
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buffer),
            Self::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A listener that never blocks in `accept`. Dropping it removes its socket file.
#[derive(Debug)]
pub(crate) enum Listener {
    Unix(UnixListener, SocketFile),
    Tcp(TcpListener),
}

impl Listener {
    pub(crate) fn bind(address: &Address) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address: address.to_string(), source };
        let listener = match address {
            Address::Unix(path) => {
                clear_stale(path, &failed)?;
                let (listener, file) = bind_unix(path).map_err(failed)?;
                Self::Unix(listener, file)
            }
            Address::Tcp(host_port) => {
                let listener = TcpListener::bind(host_port).map_err(failed)?;
                if !listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) {
                    tracing::warn!(%address, "ABCI has no authentication: listen on 127.0.0.1 or a unix socket");
                }
                Self::Tcp(listener)
            }
        };
        match &listener {
            Self::Unix(inner, _) => inner.set_nonblocking(true),
            Self::Tcp(inner) => inner.set_nonblocking(true),
        }
        .map_err(failed)?;
        Ok(listener)
    }

    /// Where it listens, with the port that the system chose if 0 was asked.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
            Self::Tcp(listener) => Ok(Address::Tcp(listener.local_addr()?.to_string())),
        }
    }

    /// The next waiting client, if there is one.
    pub(crate) fn accept(&self) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Self::Unix(listener, _) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                Ok(Stream::Unix(stream))
            }),
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }),
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                // Aborted and invalid: the client was gone again before we looked.
                io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::NotConnected
                | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(error),
            },
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener, _) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

/// Our socket's file. Removed with the listener, unless somebody has put another in its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity_of(&self.path).ok() == Some(self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the ABCI socket's file stays behind");
        }
    }
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket of a process that is gone. Refuses what is alive, and what is no socket.
fn clear_stale(path: &Path, failed: &dyn Fn(io::Error) -> Error) -> Result<(), Error> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::NotASocket { path: path.to_owned() });
    }
    // To a living server of ours this is a probe: it notices and goes on.
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::AlreadyServed { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing the socket of a process that is gone");
            fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// The socket is made under another name, gets its permissions and is then moved into place, so that nobody can
/// connect to it while it still has the permissions that the umask gave it.
fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let mut staging = path.as_os_str().to_owned();
    staging.push(".new");
    let staging = PathBuf::from(staging);
    // Left by a process that was killed right here. Anything but a socket makes the next line fail.
    if fs::symlink_metadata(&staging).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        fs::remove_file(&staging)?;
    }
    let listener = UnixListener::bind(&staging)?;
    fs::set_permissions(&staging, fs::Permissions::from_mode(SOCKET_MODE))?;
    let identity = identity_of(&staging)?;
    fs::rename(&staging, path)?;
    Ok((listener, SocketFile { path: path.to_owned(), identity }))
}
