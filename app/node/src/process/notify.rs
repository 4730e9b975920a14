//! Tells systemd (Type=notify) where this process stands; without systemd it does nothing.

use std::{
    env,
    ffi::OsString,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Both halves run.
    Ready,
    /// Asked to end.
    Stopping,
}

/// Tells the service manager that waits on `NOTIFY_SOCKET`. A manager that does not listen is no reason to stop.
pub fn notify(state: State, status: &str) {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&socket, state, status)
    {
        tracing::debug!(%error, "cannot tell the service manager");
    }
}

fn send(socket: &OsString, state: State, status: &str) -> std::io::Result<()> {
    let bytes = socket.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let word = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    let text = format!("{word}\nSTATUS={}\n", status.replace('\n', " "));
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn the_manager_hears_one_datagram_with_state_and_status() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(&path.into_os_string(), State::Ready, "height 5\nall well").unwrap();
        let mut bytes = [0; 100];
        let length = manager.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"READY=1\nSTATUS=height 5 all well\n");
        assert!(send(&"/nonexistent/notify".into(), State::Stopping, "").is_err());
    }
}
