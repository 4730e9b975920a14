//! `keys bls` and `validator keys`: the two keys of a validator, and the proofs that registration asks for (D31).

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, hex};
use alloy_sol_types::SolCall;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use defchain_sdk::{
    contracts::IValidators::{Registration, SignedAttestation, registerCall},
    native::VALIDATORS,
};
use defchain_validators::pop::{self, BlsKey, BlsSignature};
use serde_json::{Value, json};

use super::{attest::ChainArgs, tx::native::percent};
use crate::{
    comet::keys::CometKey,
    home::Home,
    keys::{StoredBls, read_secret},
    output::Output,
};

/// `keys bls`
#[derive(Debug, Subcommand)]
pub enum BlsCommand {
    /// Make a BLS key in this home: config/bls_key.json
    #[command(after_help = "Example:\n  defchain-app keys bls new")]
    New,
    /// Print the public key
    #[command(after_help = "Example:\n  defchain-app keys bls show")]
    Show,
    /// Take a secret (64 hex digits) from standard input or asked for
    #[command(after_help = "Example:\n  defchain-app keys bls import < secret.hex")]
    Import,
    /// Print the secret
    #[command(after_help = "Example:\n  defchain-app keys bls export")]
    Export,
    /// Prove possession for an operator on a chain
    #[command(
        after_help = "Example:\n  defchain-app keys bls prove --operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 \
                            --evm-chain-id 35679"
    )]
    Prove(ProveArgs),
}

/// For whom a proof is.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The account that registers and acts for the validator
    #[arg(long, value_name = "ADDRESS")]
    pub operator: Address,
    /// For which chain
    #[command(flatten)]
    pub chain: ChainArgs,
}

/// `validator`
#[derive(Debug, Subcommand)]
pub enum ValidatorCommand {
    /// Both public keys of this home with their proofs of possession; makes the BLS key if there is none
    #[command(
        after_help = "Examples:\n  defchain-app validator keys --operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n  defchain-app \
                            validator keys --operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --moniker Alpha --commission 10 \
                            --attestation attestation.json"
    )]
    Keys {
        /// For whom
        #[command(flatten)]
        prove: ProveArgs,
        /// With what else a registration needs, the whole `cast send` is printed
        #[command(flatten)]
        rest: RestArgs,
    },
}

/// What a registration needs beside keys.
#[derive(Debug, Args)]
pub struct RestArgs {
    /// What a verifier signed (`attest sign`)
    #[arg(long, value_name = "FILE")]
    pub attestation: Option<PathBuf>,
    /// Name for people
    #[arg(long, default_value = "validator")]
    pub moniker: String,
    /// Percent, at most two decimals
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "10")]
    pub commission: u16,
}

/// The keys and proofs of a home.
pub(super) struct Proofs {
    /// ed25519.
    pub consensus: [u8; 32],
    /// Its signature.
    pub consensus_proof: [u8; 64],
    /// BLS12-381 in G2.
    pub bls: BlsKey,
    /// Its signature in G1.
    pub bls_proof: BlsSignature,
}

impl Proofs {
    /// Signs with both keys of this home, and checks the proofs as the chain will.
    ///
    /// # Errors
    /// When a key is missing, damaged, or one that the chain would refuse.
    pub(super) fn of(home: &Home, chain_id: u64, operator: Address) -> Result<Self> {
        let consensus = CometKey::read(&home.validator_key())?;
        let bls = StoredBls::read(&home.bls_key())?;
        let key = consensus.public();
        let made = Self {
            consensus: key,
            consensus_proof: consensus.sign(&pop::consensus_message(chain_id, operator, &key)),
            bls: bls.public,
            bls_proof: bls.secret.prove(chain_id, operator),
        };
        pop::verify_consensus(chain_id, operator, &made.consensus, &made.consensus_proof)?;
        pop::verify_bls(chain_id, operator, &made.bls, &made.bls_proof)?;
        Ok(made)
    }

    /// What `register` takes.
    pub(super) fn registration(
        &self,
        moniker: String,
        commission: u16,
        attestation: SignedAttestation,
    ) -> Registration {
        Registration {
            moniker,
            attestation,
            consensusKey: self.consensus.into(),
            consensusProof: self.consensus_proof.to_vec().into(),
            blsKey: self.bls.to_vec().into(),
            blsProof: self.bls_proof.to_vec().into(),
            commission,
        }
    }

    /// As Solidity's arguments, in the order of `register`.
    fn words(&self) -> [String; 4] {
        [
            hex::encode_prefixed(self.consensus),
            hex::encode_prefixed(self.consensus_proof),
            hex::encode_prefixed(self.bls),
            hex::encode_prefixed(self.bls_proof),
        ]
    }
}

pub(super) fn bls(home: &Home, command: &BlsCommand, output: Output) -> Result<()> {
    let path = home.bls_key();
    let shown = |key: &StoredBls| json!({ "bls_key": hex::encode_prefixed(key.public), "file": path });
    match command {
        BlsCommand::New => {
            home.must_exist()?;
            let made = StoredBls::create(&path)?;
            output.print(
                format!(
                    "{}\nWritten into {}. Keep a copy of it with the consensus key, and on no second machine.",
                    hex::encode_prefixed(made.public),
                    path.display()
                ),
                || shown(&made),
            );
        }
        BlsCommand::Show => {
            let key = StoredBls::read(&path)?;
            output.print(hex::encode_prefixed(key.public), || shown(&key));
        }
        BlsCommand::Import => {
            home.must_exist()?;
            let secret = read_secret("BLS secret: ")?;
            let made = StoredBls::import(&path, &secret)?;
            output.print(hex::encode_prefixed(made.public), || shown(&made));
        }
        BlsCommand::Export => {
            let key = StoredBls::read(&path)?;
            let secret = hex::encode_prefixed(key.secret.to_bytes());
            output.print(&secret, || json!({ "bls_key": hex::encode_prefixed(key.public), "secret": secret }));
        }
        BlsCommand::Prove(args) => {
            let key = StoredBls::read(&path)?;
            let (chain_id, _) = args.chain.ask()?;
            let proof = hex::encode_prefixed(key.secret.prove(chain_id, args.operator));
            let public = hex::encode_prefixed(key.public);
            output.print(
                format!("{public}\n{proof}"),
                || json!({ "operator": args.operator, "chain_id": chain_id, "bls_key": public, "proof": proof }),
            );
        }
    }
    Ok(())
}

pub(super) fn run(home: &Home, command: &ValidatorCommand, output: Output) -> Result<()> {
    let ValidatorCommand::Keys { prove: args, rest } = command;
    home.must_exist()?;
    let (chain_id, _) = args.chain.ask()?;
    if !home.bls_key().exists() {
        StoredBls::create(&home.bls_key())?;
    }
    let proofs = Proofs::of(home, chain_id, args.operator)?;
    let [consensus, consensus_proof, bls, bls_proof] = proofs.words();
    let cast = proofs.words().join(",");
    let register = rest.attestation.as_deref().map(|path| cast_register(path, rest, &cast)).transpose()?;
    output.print(
        format!(
            "Keys of {} for operator {} on chain {chain_id}:\n  consensus key    {consensus}\n  its proof        \
             {consensus_proof}\n  BLS key          {bls}\n  its proof        {bls_proof}\n\nAs cast takes them inside the \
             argument of `register`:\n{cast}{}",
            home.path().display(),
            args.operator,
            register.as_ref().map(|line| format!("\n\nThe whole transaction:\n{line}")).unwrap_or_default()
        ),
        || -> Value {
            json!({
                "operator": args.operator,
                "chain_id": chain_id,
                "consensus_key": consensus,
                "consensus_proof": consensus_proof,
                "bls_key": bls,
                "bls_proof": bls_proof,
                "cast": cast,
                "cast_send": register,
            })
        },
    );
    Ok(())
}

/// The whole command line of cast, but for its key.
fn cast_register(path: &Path, rest: &RestArgs, keys: &str) -> Result<String> {
    if rest.moniker.contains(['"', '\'', ',', '(', ')', '\\']) {
        bail!("--moniker {:?}: cast cannot take quotes, commas and parentheses; use `tx register`", rest.moniker);
    }
    let signed = super::attest::SignedAttestation::read(path)?;
    let a = &signed.attestation;
    let country = hex::encode_prefixed(a.country.code());
    let attestation =
        format!("({country},{},{},{},{})", a.verification_date, a.expiration_date, a.nonce, signed.signature);
    Ok(format!(
        "cast send {VALIDATORS} '{}' '({},{attestation},{keys},{})'",
        registerCall::SIGNATURE,
        rest.moniker,
        rest.commission
    ))
}
