//! What an accredited verifier signs (D30, YP 3.1.2): EIP-712 typed data, so that any wallet can show and sign it.
//!
//! ```text
//! domain:  name "DeflationChain Validators", version "1", chainId, verifyingContract 0x…0106
//! message: Attestation(address validator,bytes2 country,uint64 verificationDate,uint64 expirationDate,uint256 nonce)
//! ```

use alloy_primitives::{Address, B256, FixedBytes, Signature, U256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use defchain_base::{system, tx::recover_signer};
use serde::{Deserialize, Serialize};

use crate::{Country, GeoError};

mod typed {
    #![allow(missing_docs, reason = "the struct's name and fields are what EIP-712 hashes")]
    use super::sol;

    sol! {
        /// EIP-712 struct.
        struct Attestation {
            address validator;
            bytes2 country;
            uint64 verificationDate;
            uint64 expirationDate;
            uint256 nonce;
        }
    }
}

/// Name of the signing domain.
pub const DOMAIN_NAME: &str = "DeflationChain Validators";
/// Version of the signing domain.
pub const DOMAIN_VERSION: &str = "1";

/// That an operator was verified to stand in a jurisdiction. Dates are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Attestation {
    /// The validator's operator.
    pub validator: Address,
    /// Where it stands.
    pub country: Country,
    /// When it was verified.
    pub verification_date: u64,
    /// Until when this holds.
    pub expiration_date: u64,
    /// Any number that this verifier has not used.
    pub nonce: U256,
}

impl Attestation {
    const fn typed(&self) -> typed::Attestation {
        typed::Attestation {
            validator: self.validator,
            country: FixedBytes(self.country.code()),
            verificationDate: self.verification_date,
            expirationDate: self.expiration_date,
            nonce: self.nonce,
        }
    }

    /// What stands on chain of it, beside the country: the EIP-712 hash of the struct.
    #[must_use]
    pub fn hash(&self) -> B256 {
        self.typed().eip712_hash_struct()
    }

    /// What is signed, for one chain.
    #[must_use]
    pub fn signing_hash(&self, chain_id: u64) -> B256 {
        self.typed().eip712_signing_hash(&domain(chain_id))
    }

    /// Who signed. Every well-formed signature leads to somebody: it is for the caller to know them.
    ///
    /// # Errors
    /// When the bytes are no signature, or a malleable one.
    pub fn recover(&self, chain_id: u64, signature: &[u8]) -> Result<Address, GeoError> {
        let refuse = |why: String| GeoError::Signature(why);
        let [rest @ .., v] = signature else { return Err(refuse("it is empty".to_owned())) };
        if rest.len() != 64 {
            return Err(refuse(format!("{} bytes, 65 needed: r, s, v", signature.len())));
        }
        let parity = match v {
            0 | 27 => false,
            1 | 28 => true,
            other => return Err(refuse(format!("v is {other}, must be 27 or 28"))),
        };
        let (r, s) = rest.split_at(32);
        let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity);
        recover_signer(self.signing_hash(chain_id), &signature).map_err(|e| refuse(e.to_string()))
    }

    /// The JSON that wallets take for `eth_signTypedData_v4`.
    #[must_use]
    pub fn typed_data_json(&self, chain_id: u64) -> String {
        let Self { validator, country, verification_date, expiration_date, nonce } = self;
        let country = alloy_primitives::hex::encode_prefixed(country.code());
        let contract = system::VALIDATORS;
        format!(
            r#"{{
  "types": {{
    "EIP712Domain": [
      {{"name": "name", "type": "string"}},
      {{"name": "version", "type": "string"}},
      {{"name": "chainId", "type": "uint256"}},
      {{"name": "verifyingContract", "type": "address"}}
    ],
    "Attestation": [
      {{"name": "validator", "type": "address"}},
      {{"name": "country", "type": "bytes2"}},
      {{"name": "verificationDate", "type": "uint64"}},
      {{"name": "expirationDate", "type": "uint64"}},
      {{"name": "nonce", "type": "uint256"}}
    ]
  }},
  "primaryType": "Attestation",
  "domain": {{"name": "{DOMAIN_NAME}", "version": "{DOMAIN_VERSION}", "chainId": {chain_id}, "verifyingContract": "{contract}"}},
  "message": {{
    "validator": "{validator}",
    "country": "{country}",
    "verificationDate": "{verification_date}",
    "expirationDate": "{expiration_date}",
    "nonce": "{nonce}"
  }}
}}"#
        )
    }
}

/// The signing domain of a chain.
#[must_use]
pub fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: DOMAIN_NAME,
        version: DOMAIN_VERSION,
        chain_id: chain_id,
        verifying_contract: system::VALIDATORS,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
    use alloy_primitives::{b256, keccak256};
    use secp256k1::{Message, SECP256K1, SecretKey};

    use super::*;

    fn attestation() -> Attestation {
        Attestation {
            validator: Address::repeat_byte(0x11),
            country: Country::parse("DE").unwrap(),
            verification_date: 1_700_000_000,
            expiration_date: 1_731_536_000,
            nonce: U256::from(7),
        }
    }

    fn sign(key: &SecretKey, hash: B256) -> [u8; 65] {
        let (parity, rs) = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), key).serialize_compact();
        let mut out = [27 + u8::try_from(i32::from(parity)).unwrap(); 65];
        out[..64].copy_from_slice(&rs);
        out
    }

    fn address(key: &SecretKey) -> Address {
        Address::from_word(keccak256(&key.public_key(SECP256K1).serialize_uncompressed()[1..]))
    }

    #[test]
    fn the_type_is_frozen() {
        let encoded =
            "Attestation(address validator,bytes2 country,uint64 verificationDate,uint64 expirationDate,uint256 nonce)";
        assert_eq!(typed::Attestation::eip712_encode_type(), encoded);
        assert_eq!(attestation().hash(), attestation().typed().eip712_hash_struct());
    }

    /// Built word by word from EIP-712, without the macro that the code uses.
    #[test]
    fn the_signing_hash_is_eip_712s() {
        let a = attestation();
        let word = |n: u64| U256::from(n).to_be_bytes::<32>();
        let mut country = [0; 32];
        country[..2].copy_from_slice(b"DE");
        let message = keccak256(
            [
                keccak256("Attestation(address validator,bytes2 country,uint64 verificationDate,uint64 expirationDate,uint256 nonce)").0,
                a.validator.into_word().0,
                country,
                word(a.verification_date),
                word(a.expiration_date),
                word(7),
            ]
            .concat(),
        );
        let domain = keccak256(
            [
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)").0,
                keccak256("DeflationChain Validators").0,
                keccak256("1").0,
                word(35_679),
                word(0x0106),
            ]
            .concat(),
        );
        let expected = keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat());
        assert_eq!(a.signing_hash(35_679), expected);
        assert_eq!(expected, b256!("0x3162278d094d9c83b4102a06e92c492df515a56e0110d31239bfd4ac6d0c4ef5"));
    }

    #[test]
    fn wallets_get_the_same_hash_from_the_json() {
        let json = attestation().typed_data_json(35_679);
        let typed: alloy_dyn_abi::TypedData = serde_json::from_str(&json).unwrap();
        assert_eq!(typed.eip712_signing_hash().unwrap(), attestation().signing_hash(35_679));
    }

    #[test]
    fn a_signature_leads_to_its_signer_only_for_what_was_signed() {
        let key = SecretKey::from_byte_array([7; 32]).unwrap();
        let a = attestation();
        let signature = sign(&key, a.signing_hash(35_679));
        assert_eq!(a.recover(35_679, &signature).unwrap(), address(&key));
        let other_chain = a.recover(3_567, &signature);
        let other_validator = Attestation { validator: Address::repeat_byte(0x12), ..a }.recover(35_679, &signature);
        let other_country = Attestation { country: Country::parse("FR").unwrap(), ..a }.recover(35_679, &signature);
        let other_date = Attestation { expiration_date: a.expiration_date + 1, ..a }.recover(35_679, &signature);
        for other in [other_chain, other_validator, other_country, other_date] {
            assert_ne!(other.ok(), Some(address(&key)));
        }
    }

    #[test]
    fn bytes_that_are_no_signature_and_malleable_ones_are_refused() {
        let key = SecretKey::from_byte_array([7; 32]).unwrap();
        let a = attestation();
        let signature = sign(&key, a.signing_hash(1));
        for (bytes, reason) in [(&signature[..64], "64 bytes"), (&[][..], "empty"), (&[0; 66][..], "66 bytes")] {
            let said = a.recover(1, bytes).unwrap_err().to_string();
            assert!(said.contains(reason) || said.contains("65 needed"), "{said}");
        }
        let mut other_v = signature;
        other_v[64] = 29;
        assert!(a.recover(1, &other_v).unwrap_err().to_string().contains("v is 29"));
        // The same signature with n - s and the other parity is valid to ECDSA, and refused.
        let order = U256::from_be_bytes(b256!("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0);
        let s = order - U256::from_be_slice(&signature[32..64]);
        let mut high = signature;
        high[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        high[64] = if signature[64] == 27 { 28 } else { 27 };
        assert!(matches!(a.recover(1, &high), Err(GeoError::Signature(_))));
    }
}
