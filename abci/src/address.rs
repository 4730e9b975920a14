//! Where an ABCI server listens, written as in CometBFT's `proxy_app`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// A unix socket's name holds 108 bytes with its closing zero; four are kept for the name under which the socket is
/// made before it is moved into place.
pub(crate) const MAX_SOCKET_PATH_BYTES: usize = 103;

/// An ABCI address: `unix:///absolute/path` or `tcp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket. Much faster than TCP, and guarded by file permissions.
    Unix(PathBuf),
    /// `host:port`. There is no authentication: keep it on the loopback interface.
    Tcp(String),
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Err(Error::Address { given: given.to_owned(), reason });
        if let Some(path) = given.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return wrong("the path is not absolute, and CometBFT runs in another folder".into());
            }
            if path.len() > MAX_SOCKET_PATH_BYTES {
                return wrong(format!(
                    "the path has {} bytes, a socket's may have {MAX_SOCKET_PATH_BYTES}",
                    path.len()
                ));
            }
            return Ok(Self::Unix(path.into()));
        }
        let Some(host_port) = given.strip_prefix("tcp://") else {
            return wrong("it begins with neither unix:// nor tcp://".into());
        };
        match host_port.rsplit_once(':') {
            Some(("", _)) | None => wrong("it lacks host or port".into()),
            Some((_, port)) if port.parse::<u16>().is_err() => wrong(format!("{port:?} is no port (0 to 65535)")),
            Some(_) => Ok(Self::Tcp(host_port.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host_port) => write!(f, "tcp://{host_port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["unix:///run/defchain/abci.sock", "tcp://127.0.0.1:26658", "tcp://[::1]:0"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_address_is_refused_with_what_is_wrong() {
        let long = format!("unix:///{}", "x".repeat(MAX_SOCKET_PATH_BYTES));
        for (text, reason) in [
            ("", "neither unix:// nor tcp://"),
            ("127.0.0.1:26658", "neither unix:// nor tcp://"),
            ("unix://abci.sock", "not absolute"),
            ("tcp://localhost", "lacks host or port"),
            ("tcp://:26658", "lacks host or port"),
            ("tcp://localhost:99999", "is no port"),
            (&long, "has 104 bytes, a socket's may have 103"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
