//! D30, sentence by sentence, through the crate's door.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

use defchain_base::{
    Address, BlockEnv, EmptyState, Overlay, Timestamp, U256, keccak256, native::Host, params::ModuleParams, system,
};
use defchain_geo::{
    Attestation, Country, GeoError, GeoParams, accept, add_verifier, genesis, remove_verifier, state::GeoRead,
    valid_until,
};
use defchain_token::BlockHost;
use secp256k1::{Message, SECP256K1, SecretKey};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
const CHAIN: u64 = 35_679;

type TestHost = BlockHost<Overlay<EmptyState>>;

fn env(seconds: u64) -> BlockEnv {
    BlockEnv { chain_id: CHAIN, time: Timestamp(seconds * 1_000), ..BlockEnv::default() }
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_byte_array([n; 32]).unwrap()
}

fn address(n: u8) -> Address {
    Address::from_word(keccak256(&key(n).public_key(SECP256K1).serialize_uncompressed()[1..]))
}

fn sign(n: u8, chain_id: u64, attestation: &Attestation) -> Vec<u8> {
    let hash = Message::from_digest(attestation.signing_hash(chain_id).0);
    let (parity, rs) = SECP256K1.sign_ecdsa_recoverable(hash, &key(n)).serialize_compact();
    [&rs[..], &[27 + u8::try_from(i32::from(parity)).unwrap()]].concat()
}

fn host() -> TestHost {
    let mut host = BlockHost::new(Overlay::new(EmptyState), env(NOW));
    add_verifier(&mut host, address(1), "One").unwrap();
    host
}

fn attestation(nonce: u64) -> Attestation {
    Attestation {
        validator: Address::repeat_byte(0x11),
        country: Country::parse("DE").unwrap(),
        verification_date: NOW - DAY,
        expiration_date: NOW + 100 * DAY,
        nonce: U256::from(nonce),
    }
}

#[test]
fn d30_a_verifiers_signature_is_accepted_and_leaves_hash_verifier_and_expiry() {
    let mut host = host();
    let a = attestation(1);
    let accepted = accept(&mut host, &a, &sign(1, CHAIN, &a)).unwrap();
    assert_eq!((accepted.hash, accepted.verifier, accepted.expires_at), (a.hash(), address(1), a.expiration_date));
    assert_eq!(host.used_nonce(address(1), a.nonce).unwrap(), Some(a.hash()));
}

#[test]
fn d30_a_nonce_serves_once_per_verifier() {
    let mut host = host();
    add_verifier(&mut host, address(2), "Two").unwrap();
    let a = attestation(1);
    accept(&mut host, &a, &sign(1, CHAIN, &a)).unwrap();
    let again = accept(&mut host, &a, &sign(1, CHAIN, &a)).unwrap_err();
    assert!(matches!(again, GeoError::NonceUsed { .. }) && again.to_string().contains("nonce 0x1"), "{again}");
    // Another attestation under the same nonce is as used; another verifier's nonces are its own.
    let b = Attestation { validator: Address::repeat_byte(0x22), ..a };
    assert!(matches!(accept(&mut host, &b, &sign(1, CHAIN, &b)), Err(GeoError::NonceUsed { .. })));
    accept(&mut host, &b, &sign(2, CHAIN, &b)).unwrap();
}

#[test]
fn d30_signatures_of_others_for_others_and_for_other_chains_are_refused() {
    let mut host = host();
    let a = attestation(1);
    let for_other = Attestation { validator: Address::repeat_byte(0x22), ..a };
    let for_other_country = Attestation { country: Country::parse("FR").unwrap(), ..a };
    for signature in
        [sign(9, CHAIN, &a), sign(1, 3_567, &a), sign(1, CHAIN, &for_other), sign(1, CHAIN, &for_other_country)]
    {
        let refused = accept(&mut host, &a, &signature).unwrap_err();
        assert!(matches!(refused, GeoError::UnknownVerifier { chain_id: CHAIN, .. }), "{refused}");
    }
    assert!(matches!(accept(&mut host, &a, &[0; 65]), Err(GeoError::Signature(_))));
    assert_eq!(host.used_nonce(address(1), a.nonce).unwrap(), None);
}

#[test]
fn d30_expiry_is_at_most_365_days_after_the_date() {
    let mut host = host();
    let year = Attestation { verification_date: NOW, expiration_date: NOW + 365 * DAY, ..attestation(1) };
    accept(&mut host, &year, &sign(1, CHAIN, &year)).unwrap();
    let longer = Attestation { expiration_date: year.expiration_date + 1, ..attestation(2) };
    let longer = Attestation { verification_date: NOW, ..longer };
    let said = accept(&mut host, &longer, &sign(1, CHAIN, &longer)).unwrap_err().to_string();
    assert!(said.contains("31536001 s") && said.contains("31536000 s"), "{said}");
    let backwards = Attestation { verification_date: NOW, expiration_date: NOW - 1, ..attestation(3) };
    assert!(matches!(
        accept(&mut host, &backwards, &sign(1, CHAIN, &backwards)),
        Err(GeoError::Length { length: 0, .. })
    ));
    // No number from outside overflows.
    let endless = Attestation { verification_date: 0, expiration_date: u64::MAX, ..attestation(4) };
    assert!(matches!(accept(&mut host, &endless, &sign(1, CHAIN, &endless)), Err(GeoError::Length { .. })));
}

#[test]
fn d30_expired_and_future_attestations_are_refused_with_the_dates() {
    let mut host = host();
    let old = Attestation { verification_date: NOW - 9 * DAY, expiration_date: NOW, ..attestation(1) };
    let said = accept(&mut host, &old, &sign(1, CHAIN, &old)).unwrap_err().to_string();
    assert!(said.contains(&format!("expired at {NOW}")), "{said}");
    let early = Attestation { verification_date: NOW + 1, ..attestation(1) };
    assert!(matches!(accept(&mut host, &early, &sign(1, CHAIN, &early)), Err(GeoError::FromTheFuture { .. })));
}

#[test]
fn d30_a_removed_verifier_attests_no_more_and_its_attestations_hold_30_days() {
    let mut host = host();
    let a = attestation(1);
    let accepted = accept(&mut host, &a, &sign(1, CHAIN, &a)).unwrap();
    assert_eq!(valid_until(&host, accepted.verifier, accepted.expires_at).unwrap(), a.expiration_date);
    remove_verifier(&mut host, address(1)).unwrap();
    assert_eq!(valid_until(&host, accepted.verifier, accepted.expires_at).unwrap(), NOW + 30 * DAY);
    assert_eq!(valid_until(&host, accepted.verifier, NOW + DAY).unwrap(), NOW + DAY, "an earlier expiry holds");
    let b = attestation(2);
    let refused = accept(&mut host, &b, &sign(1, CHAIN, &b)).unwrap_err();
    assert_eq!(refused, GeoError::RemovedVerifier { verifier: address(1), removed_at: NOW });
    // Back again, it is as before.
    add_verifier(&mut host, address(1), "One").unwrap();
    assert_eq!(valid_until(&host, accepted.verifier, accepted.expires_at).unwrap(), a.expiration_date);
    accept(&mut host, &b, &sign(1, CHAIN, &b)).unwrap();
}

#[test]
fn the_list_of_verifiers_changes_only_when_it_changes() {
    let mut host = host();
    assert_eq!(add_verifier(&mut host, address(1), "One"), Err(GeoError::AlreadyVerifier(address(1))));
    assert_eq!(remove_verifier(&mut host, address(2)), Err(GeoError::NotVerifier(address(2))));
    remove_verifier(&mut host, address(1)).unwrap();
    assert_eq!(remove_verifier(&mut host, address(1)), Err(GeoError::NotVerifier(address(1))));
    assert_eq!(add_verifier(&mut host, system::STAKING, ""), Err(GeoError::NotVerifier(system::STAKING)));
    assert!(matches!(add_verifier(&mut host, address(3), &"x".repeat(65)), Err(GeoError::Name { found: 65, .. })));
    assert_eq!(host.verifiers().unwrap().len(), 1);
    assert_eq!(host.logs().len(), 2, "one event each for what happened");
    assert!(defchain_geo::invariants::check(&host, &env(NOW)).unwrap().is_empty());
    assert_eq!(host.block().chain_id, CHAIN);
}

#[test]
fn genesis_says_all_its_problems_and_writes_its_verifiers() {
    let json =
        format!(r#"{{"params":{{"max_validity":"no"}},"verifiers":[{{"address":"{}","name":"One"}}]}}"#, address(1));
    assert!(serde_json::from_str::<genesis::Section>(&json).is_err());
    let mut section: genesis::Section = serde_json::from_str(&json.replace("\"no\"", "31536001")).unwrap();
    section.verifiers.push(section.verifiers[0].clone());
    section.verifiers.push(genesis::GenesisVerifier { address: Address::ZERO, name: "n".repeat(70) });
    let problems = section.problems();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].contains("31536001") && problems[1].contains("twice") && problems[3].contains("70 bytes"));
    section.params = GeoParams::default();
    section.verifiers.truncate(1);
    assert!(section.problems().is_empty());
    let mut host = BlockHost::new(Overlay::new(EmptyState), env(NOW));
    section.apply(&mut host).unwrap();
    assert_eq!(host.verifier(address(1)).unwrap().unwrap().name, "One");
    assert_eq!(GeoParams::load(&host).unwrap(), section.params);
}
