//! Consensus and p2p keys as CometBFT writes and reads them (v0.40, `privval/file.go` and `p2p/key.go`).

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use defchain_base::ConsensusAddress;
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    home::{Home, create_new},
    output::{EXIT_REFUSED, coded},
};

/// CometBFT's name for an ed25519 public key in JSON.
pub const PUBLIC_KEY_TYPE: &str = "tendermint/PubKeyEd25519";
const PRIVATE_KEY_TYPE: &str = "tendermint/PrivKeyEd25519";

/// A key as CometBFT's JSON has it: a type and base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedKey {
    /// Which kind of key.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its bytes in base64.
    pub value: String,
}

impl TypedKey {
    /// An ed25519 public key.
    #[must_use]
    pub fn public(key: &[u8; 32]) -> Self {
        Self { kind: PUBLIC_KEY_TYPE.to_owned(), value: BASE64.encode(key) }
    }

    /// The bytes.
    ///
    /// # Errors
    /// When the value is not base64.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        BASE64.decode(&self.value).map_err(|error| format!("{:?} is not base64: {error}", self.value))
    }
}

/// A signing key of CometBFT.
pub struct CometKey(SigningKey);

#[derive(Deserialize)]
struct KeyFile {
    priv_key: TypedKey,
}

impl CometKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub fn random() -> Result<Self> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads `priv_validator_key.json` or `node_key.json`.
    ///
    /// # Errors
    /// When the file is missing or no key file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Zeroizing::new(
            fs::read_to_string(path)
                .with_context(|| format!("cannot read the key {}; `defchain-app init` makes one", path.display()))?,
        );
        let file: KeyFile =
            serde_json::from_str(&text).map_err(|e| coded(EXIT_REFUSED, format!("{}: {e}", path.display())))?;
        Self::from_typed(&file.priv_key).map_err(|why| coded(EXIT_REFUSED, format!("{}: {why}", path.display())))
    }

    fn from_typed(key: &TypedKey) -> Result<Self, String> {
        if key.kind != PRIVATE_KEY_TYPE {
            return Err(format!("the key is of type {}, must be {PRIVATE_KEY_TYPE}", key.kind));
        }
        let bytes = Zeroizing::new(key.bytes()?);
        let pair: &[u8; 64] =
            bytes.as_slice().try_into().map_err(|_| format!("the key has {} bytes, must have 64", bytes.len()))?;
        SigningKey::from_keypair_bytes(pair)
            .map(Self)
            .map_err(|_| "its second half is not the public key of its first: the file was damaged".to_owned())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The address: of a validator, or (in lower case) the id of a node.
    #[must_use]
    pub fn address(&self) -> ConsensusAddress {
        ConsensusAddress::of_ed25519(&self.public())
    }

    /// The id under which peers dial a node.
    #[must_use]
    pub fn node_id(&self) -> String {
        hex::encode(self.address().0)
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    fn private(&self) -> TypedKey {
        let pair = Zeroizing::new(self.0.to_keypair_bytes());
        TypedKey { kind: PRIVATE_KEY_TYPE.to_owned(), value: BASE64.encode(pair.as_slice()) }
    }
}

/// Writes a new consensus key with an empty record of what it signed, and a new p2p key.
///
/// # Errors
/// When one of the files exists: a key that has signed must not be replaced by accident.
pub fn create(home: &Home) -> Result<(CometKey, CometKey)> {
    let validator = CometKey::random()?;
    let node = CometKey::random()?;
    let key = json!({
        "address": validator.address(),
        "pub_key": TypedKey::public(&validator.public()),
        "priv_key": validator.private(),
    });
    create_new(&home.validator_key(), 0o600, pretty(&key)?.as_bytes())?;
    // CometBFT refuses to start with a key and no state: a lost state could make the key sign twice.
    let state = json!({ "height": "0", "round": 0, "step": 0 });
    create_new(&home.validator_state(), 0o600, pretty(&state)?.as_bytes())?;
    create_new(&home.node_key(), 0o600, json!({ "priv_key": node.private() }).to_string().as_bytes())?;
    Ok((validator, node))
}

fn pretty(value: &serde_json::Value) -> Result<Zeroizing<String>> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => bail!("JSON: {error}"),
    }
}
