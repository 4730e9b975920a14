//! Where a node keeps its files.
//!
//! ```text
//!   <home>/config/app.toml                   ours
//!   <home>/config/config.toml                CometBFT's
//!   <home>/config/genesis.json               the network's; accounts-<sha256>.jsonl beside it
//!   <home>/config/priv_validator_key.json    the consensus key: never on two machines
//!   <home>/config/bls_key.json               the BLS key of a validator
//!   <home>/config/node_key.json              the p2p key
//!   <home>/data/priv_validator_state.json    what the key signed last: moves with the key
//!   <home>/data/app/                         our database
//!   <home>/data/snapshots/                   snapshots of state, from which other nodes join
//!   <home>/data/                             CometBFT's databases, sockets and locks
//!   <home>/keys/                             encrypted accounts
//! ```

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::output::{EXIT_REFUSED, coded};

/// A unix socket's path may have so many bytes (with room for the name under which it is made).
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// A node's home folder.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// `given`, made absolute: the process may be asked for it from another folder.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn new(given: &Path) -> Result<Self> {
        Ok(Self(std::path::absolute(given).with_context(|| format!("home folder {}", given.display()))?))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `config/`.
    #[must_use]
    pub fn config_dir(&self) -> PathBuf {
        self.0.join("config")
    }

    /// `data/`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Our database.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.data_dir().join("app")
    }

    /// Snapshots of state.
    #[must_use]
    pub fn snapshots_dir(&self) -> PathBuf {
        self.data_dir().join("snapshots")
    }

    /// Encrypted accounts.
    #[must_use]
    pub fn keys_dir(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Our configuration.
    #[must_use]
    pub fn app_toml(&self) -> PathBuf {
        self.config_dir().join("app.toml")
    }

    /// CometBFT's configuration.
    #[must_use]
    pub fn comet_toml(&self) -> PathBuf {
        self.config_dir().join("config.toml")
    }

    /// The network's genesis.
    #[must_use]
    pub fn genesis(&self) -> PathBuf {
        self.config_dir().join("genesis.json")
    }

    /// The consensus key.
    #[must_use]
    pub fn validator_key(&self) -> PathBuf {
        self.config_dir().join("priv_validator_key.json")
    }

    /// The BLS key of a validator.
    #[must_use]
    pub fn bls_key(&self) -> PathBuf {
        self.config_dir().join("bls_key.json")
    }

    /// What the consensus key signed last.
    #[must_use]
    pub fn validator_state(&self) -> PathBuf {
        self.data_dir().join("priv_validator_state.json")
    }

    /// The p2p key.
    #[must_use]
    pub fn node_key(&self) -> PathBuf {
        self.config_dir().join("node_key.json")
    }

    /// Refuses a home that `init` has not made.
    ///
    /// # Errors
    /// When app.toml is missing.
    pub fn must_exist(&self) -> Result<()> {
        if self.app_toml().is_file() {
            return Ok(());
        }
        Err(coded(
            EXIT_REFUSED,
            format!(
                "{} is no node's home: {} is missing; make one with `defchain-app init --home {}`",
                self.0.display(),
                self.app_toml().display(),
                self.0.display()
            ),
        ))
    }

    /// Where the ABCI socket is when nobody says otherwise: in `data/`, or, when that path is too long for a unix
    /// socket, in a folder of this user named by the home's hash.
    ///
    /// # Errors
    /// When that folder cannot be made or belongs to somebody else.
    pub fn abci_socket(&self) -> Result<PathBuf> {
        let here = self.data_dir().join("abci.sock");
        if here.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
            return Ok(here);
        }
        let name = hex::encode(Sha256::digest(self.0.as_os_str().as_encoded_bytes()).get(..8).unwrap_or_default());
        Ok(runtime_dir()?.join(format!("{name}.sock")))
    }
}

/// A folder that only this user can enter, with a short path.
///
/// # Errors
/// When it cannot be made, or somebody else made it.
pub fn runtime_dir() -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let uid = fs::metadata("/proc/self").context("/proc is not mounted")?.uid();
    let dir = PathBuf::from(format!("/tmp/defchain-{uid}"));
    match fs::DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make {}", dir.display()));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(&dir).with_context(|| format!("cannot look at {}", dir.display()))?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        anyhow::bail!(
            "{} must be a folder of user {uid} that nobody else can enter (it has owner {} and mode {:o}): remove it",
            dir.display(),
            found.uid(),
            found.mode() & 0o7777
        );
    }
    Ok(dir)
}

/// Makes a file that must not be there yet.
///
/// # Errors
/// When it exists, or cannot be written.
pub fn create_new(path: &Path, mode: u32, content: &[u8]) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        // An empty file would stand in the way of the next attempt. It is ours: it was not there before.
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces a file's content at once: a reader sees the old or the new, never half of it.
///
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    let written = (|| {
        let mode = fs::metadata(path).map_or(0o644, |found| found.mode() & 0o7777);
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}
