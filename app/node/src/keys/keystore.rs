use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::cost::{self, MAX_FILE_BYTES};
use crate::home::create_new;

/// Longest name of an account.
const MAX_NAME_BYTES: usize = 64;

/// A folder of encrypted keys, one file each.
#[derive(Debug)]
pub struct Keystore(PathBuf);

/// An account of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// Its file.
    pub path: PathBuf,
}

impl Keystore {
    /// The keystore in a folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with('.') || !name.chars().all(allowed) {
            bail!(
                "{name:?} is no name for an account: 1 to {MAX_NAME_BYTES} letters, digits, - _ and ., not beginning \
                 with a dot"
            );
        }
        Ok(self.0.join(format!("{name}.json")))
    }

    /// Encrypts a key under a new name.
    ///
    /// # Errors
    /// When the name is taken or no name.
    pub fn add(&self, name: &str, signer: &PrivateKeySigner, password: &str) -> Result<Entry> {
        let path = self.file(name)?;
        if path.exists() {
            bail!("there is an account named {name} already ({}); choose another name", path.display());
        }
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))?;
        // The library writes a file of its own with the umask's rights, and without the address that geth has: it is
        // made in a private folder and put into place by us.
        let private = tempfile::tempdir_in(&self.0).context("cannot make a temporary folder")?;
        PrivateKeySigner::encrypt_keystore(
            private.path(),
            &mut rand_08::rngs::OsRng,
            signer.to_bytes(),
            password,
            Some("key"),
        )
        .context("cannot encrypt the key")?;
        let text = fs::read_to_string(private.path().join("key")).context("cannot read the encrypted key back")?;
        let mut value: Value = serde_json::from_str(&text).context("the encrypted key is no JSON")?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("address".to_owned(), hex::encode(signer.address()).into());
        }
        create_new(&path, 0o600, serde_json::to_string_pretty(&value)?.as_bytes())?;
        Ok(Entry { name: name.to_owned(), address: signer.address(), path })
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let files = match fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.0.display())),
        };
        let mut entries = Vec::new();
        for file in files {
            let path = file.with_context(|| format!("cannot read {}", self.0.display()))?.path();
            if path.extension().is_some_and(|e| e == "json") {
                entries.push(entry(&path)?);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// The account of that name.
    ///
    /// # Errors
    /// When there is none; the message names those that are.
    pub fn find(&self, name: &str) -> Result<Entry> {
        let path = self.file(name)?;
        if path.is_file() {
            return entry(&path);
        }
        let names: Vec<String> = self.list()?.into_iter().map(|entry| entry.name).collect();
        let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        bail!("there is no account named {name} in {} (there are: {known})", self.0.display())
    }

    /// The key of an account.
    ///
    /// # Errors
    /// When the password is wrong or the file is damaged.
    pub fn unlock(&self, name: &str, password: &str) -> Result<PrivateKeySigner> {
        let entry = self.find(name)?;
        cost::check(&read(&entry.path)?).map_err(|why| anyhow!("{} {why}", entry.path.display()))?;
        let signer = PrivateKeySigner::decrypt_keystore(&entry.path, password).map_err(|error| {
            // A wrong password shows as a wrong checksum; only the library's words tell it from a broken file.
            let text = error.to_string();
            if text.to_lowercase().contains("mac") {
                anyhow!("wrong password for {name} (or {} was changed)", entry.path.display())
            } else {
                anyhow!("{}: {text}", entry.path.display())
            }
        })?;
        if signer.address() != entry.address {
            bail!(
                "{} says address {}, but holds the key of {}: the file was changed",
                entry.path.display(),
                entry.address,
                signer.address()
            );
        }
        Ok(signer)
    }
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let limited = file.take(MAX_FILE_BYTES.saturating_add(1)).read_to_string(&mut text);
    limited.with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        bail!("{} is no keystore: it is longer than {MAX_FILE_BYTES} bytes", path.display());
    }
    Ok(text)
}

fn entry(path: &Path) -> Result<Entry> {
    let text = read(path)?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is no keystore", path.display()))?;
    let address = value.get("address").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let Some(address) = address else { bail!("{} is no keystore: it names no address", path.display()) };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Entry { name, address, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::keys::{DEV_MNEMONIC, derive};

    #[test]
    fn a_key_comes_back_with_its_password_only() {
        let folder = tempfile::tempdir().unwrap();
        let keystore = Keystore::new(folder.path().join("keys"));
        assert_eq!(keystore.list().unwrap(), []);
        let signer = derive(DEV_MNEMONIC, 3).unwrap();
        let entry = keystore.add("me", &signer, "correct horse").unwrap();
        assert_eq!(entry.path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(keystore.list().unwrap(), [entry]);
        assert_eq!(keystore.unlock("me", "correct horse").unwrap(), signer);
        let wrong = keystore.unlock("me", "wrong horse").unwrap_err().to_string();
        assert!(wrong.contains("wrong password for me"), "{wrong}");
        let twice = keystore.add("me", &signer, "correct horse").unwrap_err().to_string();
        assert!(twice.contains("already"), "{twice}");
        let missing = keystore.find("you").unwrap_err().to_string();
        assert!(missing.contains("(there are: me)"), "{missing}");
    }

    #[test]
    fn names_stay_inside_the_folder() {
        let keystore = Keystore::new(PathBuf::from("/nonexistent"));
        for name in ["", "../x", "a/b", ".hidden", "ü", &"x".repeat(65)] {
            assert!(keystore.find(name).unwrap_err().to_string().contains("is no name for an account"), "{name}");
        }
    }
}
