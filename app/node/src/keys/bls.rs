//! The BLS12-381 key of a validator, beside CometBFT's consensus key and kept like it: a file that only its owner reads.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use defchain_validators::pop::{BlsKey, BlsSecret};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    home::create_new,
    output::{EXIT_REFUSED, coded},
};

/// What the file says it holds.
const KIND: &str = "defchain/BlsPrivKey";

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlsFile {
    #[serde(rename = "type")]
    kind: String,
    /// 96 bytes, a compressed point of G2.
    pub_key: String,
    /// 32 bytes.
    priv_key: String,
}

/// A BLS key on disk.
#[derive(Debug)]
pub struct StoredBls {
    /// The secret.
    pub secret: BlsSecret,
    /// Its public key.
    pub public: BlsKey,
}

impl StoredBls {
    fn of(secret: BlsSecret) -> Self {
        let public = secret.public();
        Self { secret, public }
    }

    /// Reads a file that [`Self::create`] wrote.
    ///
    /// # Errors
    /// When it is missing, or its halves do not belong together.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Zeroizing::new(fs::read_to_string(path).with_context(|| {
            format!("cannot read the BLS key {}; `defchain-app keys bls new` makes one", path.display())
        })?);
        let refuse = |why: String| coded(EXIT_REFUSED, format!("{}: {why}", path.display()));
        let file: BlsFile = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        let secret = Zeroizing::new(file.priv_key);
        if file.kind != KIND {
            return Err(refuse(format!("the key is of type {}, must be {KIND}", file.kind)));
        }
        let found = Self::of(secret_of(&secret).map_err(|e| refuse(e.to_string()))?);
        let named = hex::decode(file.pub_key.trim_start_matches("0x")).map_err(|e| refuse(format!("pub_key: {e}")))?;
        if named != found.public {
            return Err(refuse("its public key is not that of its secret: the file was damaged".to_owned()));
        }
        Ok(found)
    }

    /// Writes a new key from the system's randomness.
    ///
    /// # Errors
    /// When the file exists: a registered key must not be replaced by accident.
    pub fn create(path: &Path) -> Result<Self> {
        Self::write(path, Self::random()?.secret)
    }

    /// A new key from the system's randomness, on no disk yet.
    ///
    /// # Errors
    /// When the system has none.
    pub fn random() -> Result<Self> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| anyhow!("no randomness: {error}"))?;
        Ok(Self::of(BlsSecret::from_seed(&seed)?))
    }

    /// Writes a key that was made elsewhere.
    ///
    /// # Errors
    /// When it is no secret key, or the file exists.
    pub fn import(path: &Path, secret: &str) -> Result<Self> {
        Self::write(path, secret_of(secret)?)
    }

    fn write(path: &Path, secret: BlsSecret) -> Result<Self> {
        let made = Self::of(secret);
        let mut file = BlsFile {
            kind: KIND.to_owned(),
            pub_key: format!("0x{}", hex::encode(made.public)),
            priv_key: format!("0x{}", hex::encode(Zeroizing::new(made.secret.to_bytes()))),
        };
        let text = Zeroizing::new(serde_json::to_string_pretty(&file).context("JSON")?);
        file.priv_key.zeroize();
        create_new(path, 0o600, text.as_bytes())?;
        Ok(made)
    }
}

fn secret_of(text: &str) -> Result<BlsSecret> {
    let digits = text.trim().trim_start_matches("0x");
    let bytes = Zeroizing::new(hex::decode(digits).map_err(|e| anyhow!("a BLS secret is 64 hex digits: {e}"))?);
    let bytes: &[u8; 32] =
        bytes.as_slice().try_into().map_err(|_| anyhow!("a BLS secret has 32 bytes, this has {}", bytes.len()))?;
    Ok(BlsSecret::from_bytes(bytes)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_bls_key_comes_back_from_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bls_key.json");
        let made = StoredBls::create(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(StoredBls::read(&path).unwrap().public, made.public);
        let twice = format!("{:#}", StoredBls::create(&path).unwrap_err());
        assert!(twice.contains("exists"), "{twice}");
        let secret = hex::encode(made.secret.to_bytes());
        let copy = StoredBls::import(&folder.path().join("copy.json"), &secret).unwrap();
        assert_eq!(copy.public, made.public);
        for (bad, part) in [("zz", "64 hex digits"), ("00", "has 1"), (&"00".repeat(32), "BLS key")] {
            let said = StoredBls::import(&folder.path().join("bad.json"), bad).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_file_whose_halves_do_not_belong_together_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.json"), folder.path().join("b.json"));
        let (a, b) = (StoredBls::create(&a).map(|made| (a, made)).unwrap(), StoredBls::create(&b).unwrap());
        let text = fs::read_to_string(&a.0).unwrap();
        let mixed = text.replace(&hex::encode(a.1.public), &hex::encode(b.public));
        for (text, part) in [(mixed, "damaged"), (text.replace("BlsPrivKey", "Other"), "must be defchain/BlsPrivKey")] {
            fs::write(&a.0, text).unwrap();
            let said = StoredBls::read(&a.0).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
