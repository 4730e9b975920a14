//! `attest`: what an accredited verifier signs (D30), and how others check it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use defchain_geo::{Attestation, Country};
use defchain_rpc::system_now;
use defchain_sdk::{BlockNumberOrTag, Blocking, SdkError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tx::{args::AccountArgs, said, signer::Account};
use crate::{
    duration,
    home::{Home, create_new},
    output::{EXIT_REFUSED, Output, coded},
};

/// The longest that an attestation may hold (D30).
const MOST: Duration = Duration::from_secs(365 * 86_400);
/// A file longer than this is no attestation.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// `attest`
#[derive(Debug, Subcommand)]
pub enum AttestCommand {
    /// Sign that a validator was verified to stand in a country; prints what `tx register` and `tx attest` take
    #[command(
        after_help = "Example:\n  defchain-app attest sign --validator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --country DE \
                            --from verifier --out attestation.json"
    )]
    Sign {
        /// What is attested
        #[command(flatten)]
        what: WhatArgs,
        /// Who signs
        #[command(flatten)]
        account: AccountArgs,
        /// Write it into this file, which must not be there yet (default: print it)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the typed data for a wallet that signs elsewhere (eth_signTypedData_v4)
    #[command(
        after_help = "Example:\n  defchain-app attest data --validator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --country DE \
                            --evm-chain-id 35679 | cast wallet sign --data --from-file /dev/stdin --private-key $KEY"
    )]
    Data {
        /// What is attested
        #[command(flatten)]
        what: WhatArgs,
    },
    /// Check a signed attestation: who signed it, for whom, until when
    #[command(after_help = "Example:\n  defchain-app attest check attestation.json")]
    Check {
        /// The file
        file: PathBuf,
    },
}

/// For which chain.
#[derive(Debug, Args)]
pub struct ChainArgs {
    /// The EVM chain id, without asking a node
    #[arg(long, value_name = "ID", conflicts_with = "rpc")]
    pub evm_chain_id: Option<u64>,
    /// The node that is asked for chain id and time
    #[arg(long, default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
}

impl ChainArgs {
    /// The chain id, and consensus time where a node was asked, else the system's.
    pub(super) fn ask(&self) -> Result<(u64, u64)> {
        if let Some(id) = self.evm_chain_id {
            return Ok((id, system_now().seconds()));
        }
        Blocking::new(&self.rpc)?.run(async |client| {
            let id = client.chain_id().await.map_err(said)?;
            let latest = client.block(BlockNumberOrTag::Latest.into()).await.map_err(said)?;
            let latest = latest.ok_or_else(|| SdkError::Unknown { what: "the newest block".to_owned() })?;
            Ok((id, latest.header.timestamp))
        })
    }
}

/// What is attested.
#[derive(Debug, Args)]
pub struct WhatArgs {
    /// The validator's operator
    #[arg(long, value_name = "ADDRESS")]
    pub validator: Address,
    /// Two letters of ISO 3166-1, such as DE
    #[arg(long, value_name = "CODE")]
    pub country: String,
    /// When it was verified, seconds since 1970 (default: now, by the chain's clock)
    #[arg(long, value_name = "SECONDS")]
    pub verified_at: Option<u64>,
    /// How long it holds from then on, at most 365d
    #[arg(long = "for", value_name = "SPAN", default_value = "365d", value_parser = duration::parse)]
    pub holds: Duration,
    /// A number that this verifier never used (default: a random one)
    #[arg(long)]
    pub nonce: Option<U256>,
    /// For which chain
    #[command(flatten)]
    pub chain: ChainArgs,
}

impl WhatArgs {
    /// The attestation and the chain it is for.
    fn read(&self) -> Result<(Attestation, u64)> {
        let refuse = |why: String| coded(EXIT_REFUSED, why);
        let country = Country::parse(&self.country).map_err(|e| refuse(e.to_string()))?;
        if self.validator.is_zero() {
            return Err(refuse("--validator is the zero address".to_owned()));
        }
        if self.holds > MOST || self.holds.is_zero() {
            let (asked, most) = (self.holds.as_secs(), MOST.as_secs());
            return Err(refuse(format!("--for is {asked} s, must be 1 to {most} s (365 days)")));
        }
        let (chain_id, now) = self.chain.ask()?;
        let verification_date = self.verified_at.unwrap_or(now);
        let expiration_date = verification_date
            .checked_add(self.holds.as_secs())
            .with_context(|| format!("--verified-at {verification_date} is no time"))?;
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => random_nonce()?,
        };
        let attestation = Attestation { validator: self.validator, country, verification_date, expiration_date, nonce };
        Ok((attestation, chain_id))
    }
}

/// 128 random bits: nobody draws the same twice.
fn random_nonce() -> Result<U256> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(U256::from(u128::from_be_bytes(bytes)))
}

/// An attestation with its signature: what goes from the verifier to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedAttestation {
    /// What is attested.
    pub attestation: Attestation,
    /// For which chain.
    pub chain_id: u64,
    /// Who signed.
    pub verifier: Address,
    /// r, s, v.
    pub signature: Bytes,
    /// EIP-712 hash of the struct: what stands on chain.
    pub hash: B256,
}

impl SignedAttestation {
    /// Reads a file and believes nothing of it that does not follow from the signature.
    ///
    /// # Errors
    /// When it is no attestation, or the signature is another's.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let size = fs::metadata(path).with_context(|| format!("cannot read the attestation {shown}"))?.len();
        if size > MAX_FILE_BYTES {
            bail!("{shown} is no attestation: it has {size} bytes, at most {MAX_FILE_BYTES}");
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the attestation {shown}"))?;
        let refuse = |why: String| coded(EXIT_REFUSED, format!("{shown}: {why}"));
        let found: Self = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        let signer = found.attestation.recover(found.chain_id, &found.signature).map_err(|e| refuse(e.to_string()))?;
        if signer != found.verifier {
            return Err(refuse(format!(
                "the signature leads to {signer}, not to the verifier {}: something was changed",
                found.verifier
            )));
        }
        if found.hash != found.attestation.hash() {
            return Err(refuse(format!("the hash is {}, must be {}", found.hash, found.attestation.hash())));
        }
        Ok(found)
    }
}

pub(super) fn run(home: &Home, command: &AttestCommand, output: Output) -> Result<()> {
    match command {
        AttestCommand::Sign { what, account, out } => sign(home, what, account, out.as_deref(), output),
        AttestCommand::Data { what } => {
            let (attestation, chain_id) = what.read()?;
            let data = attestation.typed_data_json(chain_id);
            let value = serde_json::from_str(&data).context("typed data")?;
            output.print(&data, || value);
            Ok(())
        }
        AttestCommand::Check { file } => {
            let signed = SignedAttestation::read(file)?;
            output.print(human(&signed), || json!(signed));
            Ok(())
        }
    }
}

fn sign(home: &Home, what: &WhatArgs, args: &AccountArgs, out: Option<&Path>, output: Output) -> Result<()> {
    // Before a node is asked: a missing account is the caller's mistake.
    let account = Account::of(home, args)?;
    let (attestation, chain_id) = what.read()?;
    let (data, hash) = (attestation.typed_data_json(chain_id), attestation.signing_hash(chain_id));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    let signature = runtime.block_on(account.sign_typed(home, args, &data, hash))?;
    let signed = SignedAttestation {
        attestation,
        chain_id,
        verifier: account.address(),
        signature: Bytes::copy_from_slice(&signature.as_bytes()),
        hash: attestation.hash(),
    };
    let text = serde_json::to_string_pretty(&signed).context("JSON")?;
    match out {
        None => output.print(&text, || json!(signed)),
        Some(path) => {
            create_new(path, 0o644, text.as_bytes())?;
            output.print(format!("{}\nWritten into {}.", human(&signed), path.display()), || json!(signed));
        }
    }
    Ok(())
}

fn human(signed: &SignedAttestation) -> String {
    let Attestation { validator, country, verification_date, expiration_date, nonce } = &signed.attestation;
    let holds = expiration_date.saturating_sub(*verification_date);
    format!(
        "{} attests on chain {}:\n  validator  {validator}\n  country    {country} ({})\n  verified   {verification_date}\n  \
         expires    {expiration_date} (after {})\n  nonce      {nonce}\n  hash       {}",
        signed.verifier,
        signed.chain_id,
        country.name(),
        duration::shown(holds),
        signed.hash
    )
}
