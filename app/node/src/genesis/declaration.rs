//! What a validator-to-be sends to the others.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, Bytes};
use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use defchain_base::{Amount, ConsensusAddress};
use defchain_chain::genesis::{Fields, Problems, check_chain_id, check_moniker, check_operator, read_json};
use defchain_geo::Country;
use defchain_validators::pop;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Serialize;

use crate::{
    comet::keys::{CometKey, PUBLIC_KEY_TYPE, TypedKey},
    keys::StoredBls,
};

const VERSION: u64 = 2;
/// What the signature covers begins with this, so that it proves nothing else.
const DOMAIN: &[u8] = b"defchain/genesis-validator/2";

/// A validator-to-be, signed by its consensus key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// Version of this format.
    pub version: u64,
    /// The network it is for.
    pub chain_id: String,
    /// Name for people.
    pub moniker: String,
    /// Who earns and acts for it.
    pub operator: Address,
    /// Consensus address, for people.
    pub consensus_address: ConsensusAddress,
    /// Consensus key.
    pub pub_key: TypedKey,
    /// Its jurisdiction: two letters of ISO 3166-1 (D29).
    pub country: Country,
    /// Its own stake at genesis, wei as a decimal (D31).
    pub stake: Amount,
    /// Term of the stake, years.
    pub years: u8,
    /// What it keeps of its delegators' income, hundredths of a percent.
    pub commission_bps: u16,
    /// BLS12-381 key in G2, 96 bytes in hex.
    pub bls_pub_key: Bytes,
    /// Proof that its sender holds the BLS key, for this chain and operator (D31): 48 bytes in hex.
    pub bls_proof: Bytes,
    /// The consensus key's signature over all of this: who sends it holds the key (D31).
    pub proof: String,
}

/// What an operator chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// Who earns and acts for it.
    pub operator: Address,
    /// Name for people.
    pub moniker: String,
    /// Jurisdiction.
    pub country: Country,
    /// Own stake, wei.
    pub stake: Amount,
    /// Term, years.
    pub years: u8,
    /// Commission, hundredths of a percent.
    pub commission_bps: u16,
}

/// A declaration that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Where it came from.
    pub file: PathBuf,
    /// Consensus key.
    pub key: [u8; 32],
    /// Its address.
    pub address: ConsensusAddress,
    /// What the operator chose.
    pub choices: Choices,
    /// BLS key.
    pub bls_key: [u8; 96],
}

fn message(chain_id: &str, key: &[u8; 32], bls_key: &[u8], choices: &Choices) -> Vec<u8> {
    let mut message = DOMAIN.to_vec();
    let parts: [&[u8]; 9] = [
        chain_id.as_bytes(),
        key,
        bls_key,
        choices.operator.as_slice(),
        choices.moniker.as_bytes(),
        &choices.country.code(),
        &choices.stake.wei().to_be_bytes(),
        &[choices.years],
        &choices.commission_bps.to_be_bytes(),
    ];
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

impl Declaration {
    /// Declares a validator of the network with these chain ids.
    #[must_use]
    pub fn new(key: &CometKey, bls: &StoredBls, (chain_id, evm_chain_id): (&str, u64), choices: Choices) -> Self {
        let (public, bls_public) = (key.public(), bls.public);
        let proof = key.sign(&message(chain_id, &public, &bls_public, &choices));
        let Choices { operator, moniker, country, stake, years, commission_bps } = choices;
        Self {
            version: VERSION,
            chain_id: chain_id.to_owned(),
            moniker,
            operator,
            consensus_address: key.address(),
            pub_key: TypedKey::public(&public),
            country,
            stake,
            years,
            commission_bps,
            bls_pub_key: bls_public.to_vec().into(),
            bls_proof: bls.secret.prove(evm_chain_id, operator).to_vec().into(),
            proof: BASE64.encode(proof),
        }
    }

    /// Under this name it is sent.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("declaration-{}.json", self.consensus_address)
    }

    /// As it is sent.
    ///
    /// # Errors
    /// Never in practice: all of it is text.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Reads and verifies one declaration for the network `chain_id`; mistakes go to `problems`.
///
/// # Errors
/// When the file cannot be read.
pub fn verify(file: &Path, (chain_id, evm_chain_id): (&str, u64), problems: &mut Problems) -> Result<Option<Verified>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(verify_bytes(&bytes, file, (chain_id, evm_chain_id), problems))
}

/// As [`verify`], from the bytes of `file`.
pub fn verify_bytes(
    bytes: &[u8],
    file: &Path,
    (chain_id, evm_chain_id): (&str, u64),
    problems: &mut Problems,
) -> Option<Verified> {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let before = problems.count();
    let value = read_json(bytes, &name, problems)?;
    let mut fields = Fields::of(value, &name, problems)?;
    let version: Option<u64> = fields.required("version");
    if version.is_some_and(|version| version != VERSION) {
        fields.problem("version", format!("is {}, this program knows {VERSION}", version.unwrap_or_default()));
    }
    let declared: Option<String> = fields.required("chain_id");
    if declared.as_deref().is_some_and(|declared| declared != chain_id) {
        let declared = declared.clone().unwrap_or_default();
        fields.problem(
            "chain_id",
            format!("is {declared}, this genesis is of {chain_id}: it was made for another network"),
        );
    }
    let moniker: Option<String> = fields.required("moniker");
    let operator: Option<Address> = fields.required("operator");
    let stated: Option<ConsensusAddress> = fields.required("consensus_address");
    let typed: Option<TypedKey> = fields.required("pub_key");
    let country: Option<Country> = fields.required("country");
    let stake: Option<Amount> = fields.required("stake");
    let years: Option<u8> = fields.required("years");
    let commission_bps: Option<u16> = fields.required("commission_bps");
    let bls_pub_key: Option<Bytes> = fields.required("bls_pub_key");
    let bls_proof: Option<Bytes> = fields.required("bls_proof");
    let proof: Option<String> = fields.required("proof");
    let key = typed.and_then(|typed| public_key(&typed).map_err(|why| fields.problem("pub_key", why)).ok());
    if let (Some(key), Some(stated)) = (&key, stated) {
        let address = ConsensusAddress::of_ed25519(key);
        if address != stated {
            fields.problem("consensus_address", format!("is {stated}, the key's is {address}"));
        }
    }
    if let Some(why) = operator.and_then(|operator| check_operator(&operator).err()) {
        fields.problem("operator", why);
    }
    fields.end();
    check_moniker(moniker.as_deref().unwrap_or_default(), &name, problems);
    let choices = Choices {
        operator: operator?,
        moniker: moniker?,
        country: country?,
        stake: stake?,
        years: years?,
        commission_bps: commission_bps?,
    };
    let (key, bls_pub_key, declared) = (key?, bls_pub_key?, declared?);
    if let Err(why) = check_proof(&key, &message(&declared, &key, &bls_pub_key, &choices), &proof?) {
        problems.add(format!("{name}.proof"), why);
    }
    let bls_key = check_bls(&bls_pub_key, &bls_proof?, evm_chain_id, choices.operator)
        .map_err(|why| problems.add(format!("{name}.bls_proof"), why))
        .ok();
    let address = ConsensusAddress::of_ed25519(&key);
    let good = problems.count() == before;
    good.then_some(Verified { file: file.to_owned(), key, address, choices, bls_key: bls_key? })
}

fn check_bls(key: &[u8], proof: &[u8], evm_chain_id: u64, operator: Address) -> Result<[u8; 96], String> {
    let key = <[u8; 96]>::try_from(key).map_err(|_| format!("the BLS key has {} bytes, must have 96", key.len()))?;
    let proof = <[u8; 48]>::try_from(proof).map_err(|_| format!("has {} bytes, must have 48", proof.len()))?;
    pop::verify_bls(evm_chain_id, operator, &key, &proof).map_err(|error| error.to_string())?;
    Ok(key)
}

fn public_key(typed: &TypedKey) -> Result<[u8; 32], String> {
    if typed.kind != PUBLIC_KEY_TYPE {
        return Err(format!("is of type {}, must be {PUBLIC_KEY_TYPE}", typed.kind));
    }
    let bytes = typed.bytes()?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| format!("has {} bytes, an ed25519 key has 32", bytes.len()))
}

fn check_proof(key: &[u8; 32], signed: &[u8], proof: &str) -> Result<(), String> {
    let bytes = BASE64.decode(proof).map_err(|error| format!("is not base64: {error}"))?;
    let signature =
        Signature::from_slice(&bytes).map_err(|_| format!("has {} bytes, a signature has 64", bytes.len()))?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| "the key is not a point of the curve".to_owned())?;
    key.verify_strict(signed, &signature).map_err(|_| {
        "is not this key's signature over this declaration: it was changed, or the key is another's".to_owned()
    })
}

/// Notes what is wrong with a chain id on its own.
pub fn check_name(chain_id: &str, problems: &mut Problems) {
    check_chain_id(chain_id, default_evm_chain_id(chain_id), problems);
}

/// D5: the EVM chain id of a network's name; a network that D5 does not name gets the local one.
#[must_use]
pub fn default_evm_chain_id(chain_id: &str) -> u64 {
    let family = match chain_id.rsplit_once('-') {
        Some((family, revision)) if revision.parse::<u32>().is_ok() => family,
        _ => chain_id,
    };
    match family {
        "deflation" => 3_567,
        "deflation-test" => 35_671,
        _ => 35_679,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;

    const CHAIN: &str = "deflation-local-1";

    fn declared() -> Value {
        let (key, bls) = (CometKey::random().unwrap(), StoredBls::random().unwrap());
        let choices = Choices {
            operator: Address::repeat_byte(7),
            moniker: "a name".to_owned(),
            country: Country::parse("KE").unwrap(),
            stake: Amount::from_def(10_000),
            years: 4,
            commission_bps: 500,
        };
        serde_json::to_value(Declaration::new(&key, &bls, (CHAIN, 35_679), choices)).unwrap()
    }

    fn check(value: &Value) -> Result<Verified, String> {
        let mut problems = Problems::default();
        let verified = verify_bytes(value.to_string().as_bytes(), Path::new("d.json"), (CHAIN, 35_679), &mut problems);
        verified.ok_or_else(|| problems.or(None::<()>).unwrap_err().to_string())
    }

    #[test]
    fn a_declaration_is_taken_as_it_was_made() {
        let verified = check(&declared()).unwrap();
        assert_eq!((verified.choices.years, verified.choices.moniker.as_str()), (4, "a name"));
    }

    #[test]
    fn a_changed_declaration_is_refused() {
        for (field, value, expected) in [
            ("operator", json!(Address::repeat_byte(8)), "is not this key's signature"),
            ("stake", json!("6"), "is not this key's signature"),
            ("country", json!("BR"), "is not this key's signature"),
            ("country", json!("HK"), "HK"),
            ("bls_proof", json!("0x00"), "must have 48"),
            ("bls_proof", json!(format!("0x{}", "00".repeat(48))), "bls_proof"),
            ("moniker", json!("b"), "is not this key's signature"),
            ("proof", json!("AAAA"), "has 3 bytes, a signature has 64"),
            ("chain_id", json!("deflation-local-2"), "it was made for another network"),
            ("version", json!(1), "this program knows 2"),
            ("consensus_address", json!(ConsensusAddress([1; 20])), "the key's is"),
            ("operator", json!(Address::ZERO), "which is the zero address"),
            ("extra", json!(1), "is not a field here"),
            ("pub_key", json!({"type": "tendermint/PubKeySecp256k1", "value": ""}), "must be tendermint/PubKeyEd25519"),
        ] {
            let mut changed = declared();
            changed.as_object_mut().unwrap().insert(field.to_owned(), value);
            let error = check(&changed).unwrap_err();
            assert!(error.contains(expected), "{field}: {error}");
        }
        let mut without = declared();
        without.as_object_mut().unwrap().remove("proof");
        assert!(check(&without).unwrap_err().contains("proof: is missing"));
    }
}
