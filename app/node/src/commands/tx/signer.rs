//! Who signs: an account of the keystore, a key from the environment, or a remote signer.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Signature};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, anyhow, bail};
use defchain_sdk::Client;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::args::AccountArgs;
use crate::{
    home::Home,
    keys::{Keystore, signer_of},
};

/// A signed transaction.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) hash: B256,
    pub(super) raw: Bytes,
}

/// Who signs.
pub(in crate::commands) enum Account {
    /// A key of an account in the keystore: unlocked only when something is signed.
    Stored { name: String, address: Address },
    /// A key in this process.
    Key(PrivateKeySigner),
    /// A program elsewhere that has the key of this address.
    Remote { url: String, address: Address },
}

impl Account {
    /// As the arguments say.
    ///
    /// # Errors
    /// When nobody is named, or the named one is not there.
    pub(in crate::commands) fn of(home: &Home, args: &AccountArgs) -> Result<Self> {
        match (&args.signer, &args.from) {
            (Some(url), Some(from)) => {
                let address =
                    from.parse().map_err(|_| anyhow!("--from is {from:?}: with --signer it is an address"))?;
                Ok(Self::Remote { url: url.clone(), address })
            }
            (_, Some(from)) => {
                let entry = Keystore::new(home.keys_dir()).find(from)?;
                Ok(Self::Stored { name: entry.name, address: entry.address })
            }
            _ => {
                let name = &args.key_env;
                let secret = std::env::var(name).map(Zeroizing::new).map_err(|_| {
                    anyhow!(
                        "nobody is named to sign: give --from NAME (an account of `defchain-app keys list`), --signer \
                         URL --from ADDRESS, or a private key in the variable {name}"
                    )
                })?;
                Ok(Self::Key(signer_of(secret.trim(), 0).with_context(|| format!("the variable {name}"))?))
            }
        }
    }

    /// Whose money it is.
    pub(in crate::commands) fn address(&self) -> Address {
        match self {
            Self::Stored { address, .. } | Self::Remote { address, .. } => *address,
            Self::Key(signer) => signer.address(),
        }
    }

    /// Signs.
    ///
    /// # Errors
    /// When the password is wrong, or the remote signer refuses or returns something else.
    pub(super) async fn sign(&self, home: &Home, args: &AccountArgs, tx: TxEip1559) -> Result<Signed> {
        match self {
            Self::Stored { name, .. } => {
                let password = args.password.existing(name)?;
                locally(&Keystore::new(home.keys_dir()).unlock(name, &password)?, tx)
            }
            Self::Key(signer) => locally(signer, tx),
            Self::Remote { url, address } => remotely(url, *address, tx).await,
        }
    }
}

impl Account {
    /// Signs EIP-712 typed data, whose hash is known.
    ///
    /// # Errors
    /// As [`Self::sign`]; when what a remote signer returns is not this account's signature of it.
    pub(in crate::commands) async fn sign_typed(
        &self,
        home: &Home,
        args: &AccountArgs,
        data: &str,
        hash: B256,
    ) -> Result<Signature> {
        let signature = match self {
            Self::Stored { name, .. } => {
                let password = args.password.existing(name)?;
                Keystore::new(home.keys_dir()).unlock(name, &password)?.sign_hash_sync(&hash).context("cannot sign")?
            }
            Self::Key(signer) => signer.sign_hash_sync(&hash).context("cannot sign")?,
            Self::Remote { url, address } => {
                let data: Value = serde_json::from_str(data).context("typed data")?;
                let client = Client::new(url)?;
                let answer: Value = client.request("eth_signTypedData_v4", &json!([address, data])).await?;
                let bytes: Bytes = serde_json::from_value(answer.clone())
                    .with_context(|| format!("the signer at {url} answered {answer}, which is no signature"))?;
                Signature::from_raw(&bytes)
                    .with_context(|| format!("the signer at {url} answered {bytes}, which is no signature"))?
            }
        };
        let signer = signature.recover_address_from_prehash(&hash).context("the signature")?;
        if signer != self.address() {
            bail!("signed as {signer}, it was to be signed as {}: nothing was written", self.address());
        }
        Ok(signature)
    }
}

fn locally(signer: &PrivateKeySigner, tx: TxEip1559) -> Result<Signed> {
    let signature = signer.sign_hash_sync(&tx.signature_hash()).context("cannot sign")?;
    let envelope = TxEnvelope::from(tx.into_signed(signature));
    Ok(Signed { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into() })
}

/// Asks the signer, and believes nothing of its answer: what comes back must be this very transaction, signed by this
/// very account.
async fn remotely(url: &str, from: Address, tx: TxEip1559) -> Result<Signed> {
    let quantity = |value: u128| format!("{value:#x}");
    let request = json!({
        "from": from,
        "to": tx.to.to(),
        "gas": quantity(tx.gas_limit.into()),
        "maxFeePerGas": quantity(tx.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(tx.max_priority_fee_per_gas),
        "value": tx.value,
        "nonce": quantity(tx.nonce.into()),
        "data": tx.input,
        "chainId": quantity(tx.chain_id.into()),
    });
    let answer: Value = Client::new(url)?.request("eth_signTransaction", &json!([request])).await?;
    // Web3Signer answers the bytes; geth and clef an object with them.
    let raw = answer.as_str().or_else(|| answer.get("raw").and_then(Value::as_str));
    let raw: Bytes = raw
        .and_then(|text| text.parse().ok())
        .with_context(|| format!("the signer at {url} answered {answer}, which is no signed transaction"))?;
    let envelope =
        TxEnvelope::decode_2718_exact(&raw).with_context(|| format!("the signer at {url} answered {raw}"))?;
    let Some(signed) = envelope.as_eip1559() else {
        bail!("the signer at {url} answered a transaction of another type: it was not sent");
    };
    if *signed.tx() != tx {
        bail!("the signer at {url} signed another transaction than it was asked for: it was not sent");
    }
    let signer = envelope.recover_signer().with_context(|| format!("the signature of the signer at {url}"))?;
    if signer != from {
        bail!("the signer at {url} signed as {signer}, it was asked to sign as {from}: it was not sent");
    }
    Ok(Signed { hash: *envelope.tx_hash(), raw })
}
