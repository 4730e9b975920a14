//! `snapshot`: files of state for joining nodes. Creating and restoring need the node to be stopped; the rest does not.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::B256;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use defchain_base::{Height, Substore, read_exact_value};
use defchain_chain::{ChainHeadKey, records::Header};
use defchain_store::{
    SnapshotError, Store, StoreOptions,
    sync::{Manifest, SaveOptions, SnapshotFolder},
};
use serde_json::{Value, json};

use crate::{
    config,
    home::Home,
    node::{self, store_error},
    output::{EXIT_DATA, EXIT_FAILURE, EXIT_REFUSED, Output, coded},
    process::lock::Lock,
};

/// `snapshot`
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Take a snapshot of the newest height (the node must be stopped; a running one takes them by itself)
    Create,
    /// List the snapshots of this home
    List,
    /// Verify every chunk of a snapshot
    Verify(VerifyArgs),
    /// Write a snapshot into one file
    Export {
        /// The file
        file: PathBuf,
        /// Of which height (default: the newest snapshot)
        #[arg(long)]
        height: Option<u64>,
    },
    /// Take an exported snapshot in, after every chunk of it was verified against a trusted app hash
    Import(ImportArgs),
    /// Remove a snapshot
    Delete {
        /// Its height
        height: u64,
    },
}

/// `snapshot verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Of which height (default: the newest snapshot)
    pub height: Option<u64>,
    /// The app hash that it must have: app_hash of the header one above its height
    #[arg(long, value_name = "HASH")]
    pub app_hash: Option<B256>,
}

/// `snapshot import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file
    pub file: PathBuf,
    /// The trusted app hash: app_hash of the header one above the snapshot's height
    #[arg(long, value_name = "HASH")]
    pub app_hash: B256,
    /// Also make it this node's state (the node must be stopped and without blocks)
    #[arg(long)]
    pub restore: bool,
}

pub(super) fn run(home: &Home, command: &SnapshotCommand, output: Output) -> Result<()> {
    home.must_exist()?;
    let folder = SnapshotFolder::new(home.snapshots_dir());
    match command {
        SnapshotCommand::Create => create(home, &folder, output),
        SnapshotCommand::List => list(&folder, output),
        SnapshotCommand::Verify(args) => verify(&folder, args, output),
        SnapshotCommand::Export { file, height } => {
            let height = chosen(&folder, *height)?;
            let manifest = folder.export(height, file).map_err(snapshot_error)?;
            let bytes = std::fs::metadata(file).map_or(0, |found| found.len());
            output.print(
                format!(
                    "{} has the snapshot of height {height}: {bytes} bytes, app hash {}\nWho imports it must know that hash \
                     from somebody they trust.",
                    file.display(),
                    manifest.app_hash()
                ),
                || json!({ "file": file, "height": height, "bytes": bytes, "app_hash": manifest.app_hash() }),
            );
            Ok(())
        }
        SnapshotCommand::Import(args) => import(home, &folder, args, output),
        SnapshotCommand::Delete { height } => {
            if !folder.delete(Height(*height)).map_err(snapshot_error)? {
                folder.manifest(Height(*height)).map_err(snapshot_error)?;
            }
            output.print(format!("The snapshot of height {height} is removed."), || json!({ "deleted": height }));
            Ok(())
        }
    }
}

/// With the exit code that tells whose fault it is.
fn snapshot_error(error: SnapshotError) -> anyhow::Error {
    match error {
        SnapshotError::Store(error) => store_error(error),
        error @ SnapshotError::NotEmpty { .. } => coded(EXIT_DATA, error),
        error @ (SnapshotError::Io { .. } | SnapshotError::Unknown { .. } | SnapshotError::Stopped) => {
            coded(EXIT_FAILURE, error)
        }
        error => coded(EXIT_REFUSED, error),
    }
}

fn chosen(folder: &SnapshotFolder, height: Option<u64>) -> Result<Height> {
    if let Some(height) = height {
        return Ok(Height(height));
    }
    match folder.heights().map_err(snapshot_error)?.last() {
        Some(newest) => Ok(*newest),
        None => bail!(
            "there is no snapshot in {}: a running node takes one every snapshots.interval blocks, `snapshot create` \
             takes one of a stopped node",
            folder.path().display()
        ),
    }
}

fn facts(manifest: &Manifest, bytes: u64) -> Value {
    json!({
        "height": manifest.height,
        "app_hash": manifest.app_hash(),
        "block_hash": manifest.block_hash,
        "chain_id": manifest.chain_id,
        "genesis_hash": manifest.genesis_hash,
        "chunks": manifest.chunks.len(),
        "bytes": bytes,
        "hash": manifest.hash(),
    })
}

fn open(home: &Home) -> Result<(Lock, Store)> {
    let lock = Lock::take(&home.data_dir().join("supervisor.lock"), "this home", Duration::ZERO)?;
    let store = Store::open(home.store_dir(), StoreOptions::default()).map_err(store_error)?;
    Ok((lock, store))
}

fn create(home: &Home, folder: &SnapshotFolder, output: Output) -> Result<()> {
    let config = config::load(&home.app_toml())?;
    if !home.store_dir().exists() {
        bail!("{} does not exist: this node has no blocks yet", home.store_dir().display());
    }
    let (_lock, store) = open(home)?;
    let options = SaveOptions { chunk_bytes: config.snapshots.chunk_bytes(), ..SaveOptions::default() };
    let manifest = store.snapshot().save(folder, options).map_err(snapshot_error)?;
    let bytes = folder.bytes(manifest.height).map_err(snapshot_error)?;
    output.print(
        format!(
            "Snapshot of height {}: {} chunks, {bytes} bytes, app hash {}",
            manifest.height,
            manifest.chunks.len(),
            manifest.app_hash()
        ),
        || facts(&manifest, bytes),
    );
    Ok(())
}

fn list(folder: &SnapshotFolder, output: Output) -> Result<()> {
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for height in folder.heights().map_err(snapshot_error)? {
        let manifest = folder.manifest(height).map_err(snapshot_error)?;
        let bytes = folder.bytes(height).map_err(snapshot_error)?;
        lines.push(format!(
            "{height:>12}  {:>6} chunks  {bytes:>14} bytes  {}",
            manifest.chunks.len(),
            manifest.app_hash()
        ));
        all.push(facts(&manifest, bytes));
    }
    if lines.is_empty() {
        lines.push(format!("no snapshot in {}", folder.path().display()));
    }
    output.print(lines.join("\n"), || json!(all));
    Ok(())
}

fn verify(folder: &SnapshotFolder, args: &VerifyArgs, output: Output) -> Result<()> {
    let height = chosen(folder, args.height)?;
    let verifier = folder.verify(height, args.app_hash.as_ref()).map_err(snapshot_error)?;
    let (entries, hash) = (verifier.entries(), verifier.manifest().app_hash());
    let against = match args.app_hash {
        Some(_) => "which is the one you trust",
        None => "which you must compare with a header's yourself",
    };
    output.print(
        format!("Every chunk of height {height} is good: {entries} entries under app hash {hash}, {against}."),
        || json!({ "height": height, "entries": entries, "app_hash": hash, "trusted": args.app_hash.is_some() }),
    );
    Ok(())
}

fn import(home: &Home, folder: &SnapshotFolder, args: &ImportArgs, output: Output) -> Result<()> {
    let manifest = folder.import(&args.file, &args.app_hash).map_err(snapshot_error)?;
    let height = manifest.height;
    let next = if args.restore {
        restore(home, folder, &manifest)?;
        format!(
            "It is this node's state now. CometBFT must learn of it: set [state_sync] (`defchain-app trust --write`), then run \
             `cometbft bootstrap-state --home {} --height {height} --app-hash {}` once, then start.",
            home.path().display(),
            hex::encode(args.app_hash)
        )
    } else {
        "A running node offers it to others from now on.".to_owned()
    };
    output.print(
        format!("The snapshot of height {height} is verified and in {}.\n{next}", folder.path().display()),
        || json!({ "height": height, "app_hash": args.app_hash, "restored": args.restore }),
    );
    Ok(())
}

fn restore(home: &Home, folder: &SnapshotFolder, manifest: &Manifest) -> Result<()> {
    if let Some(genesis) = node::genesis(home)?
        && (genesis.chain_id != manifest.chain_id || genesis.hash() != manifest.genesis_hash)
    {
        return Err(coded(
            EXIT_REFUSED,
            format!(
                "the snapshot is of chain {:?} with genesis {}, this home is of {:?} with {}",
                manifest.chain_id,
                manifest.genesis_hash,
                genesis.chain_id,
                genesis.hash()
            ),
        ));
    }
    let header: Header = read_exact_value(&manifest.header)
        .map_err(|error| coded(EXIT_REFUSED, format!("the snapshot's header does not decode: {error}")))?;
    let (_lock, store) = open(home)?;
    let mut restore = store.restore(manifest.clone()).map_err(snapshot_error)?;
    for index in restore.next_chunk()..manifest.chunk_count() {
        let Some(chunk) = folder.chunk(manifest.height, index).map_err(snapshot_error)? else {
            bail!("chunk {index} is missing in {}", folder.path().display());
        };
        restore.apply(index, &chunk).map_err(snapshot_error)?;
    }
    if let Err(why) = check_header(&restore, &header) {
        store.discard_restored().map_err(snapshot_error)?;
        return Err(coded(EXIT_REFUSED, why));
    }
    restore.finish().map_err(snapshot_error)?;
    Ok(())
}

/// The state names the digest of its block's header.
fn check_header(restore: &defchain_store::sync::Restore, header: &Header) -> Result<(), String> {
    use defchain_base::StateReadExt;
    if !restore.has_all_of(Substore::Sys) {
        return Err("the snapshot lacks the substore sys".to_owned());
    }
    match restore.state().read(&ChainHeadKey) {
        Ok(Some(head)) if head.header == header.digest() => Ok(()),
        Ok(Some(head)) => {
            Err(format!("the snapshot's header has digest {}, its state names {}", header.digest(), head.header))
        }
        Ok(None) => Err("the snapshot's state has no chain head".to_owned()),
        Err(error) => Err(format!("the snapshot's chain head: {error}")),
    }
}
