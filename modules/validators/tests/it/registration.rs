use defchain_base::{Address, Amount, Bps, Height, U256, params::ModuleParams};
use defchain_geo::{Attestation, GeoError, remove_verifier};
use defchain_staking as staking;
use defchain_validators::{
    IValidators as abi, Registration, Status, ValidatorParams, ValidatorsError as E, exit, pop, register, rotate_key,
    set_commission, state::ValidatorsRead,
};

use crate::world::{
    CHAIN, DAY, START, VERIFIER, World, bls_secret, consensus_key, consensus_proof, consensus_secret, country, def,
    first, sign, verifier_address, who,
};

fn world() -> World {
    World::new(vec![first(1, "DE"), first(2, "FR"), first(3, "IT"), first(4, "ES")])
}

/// Stakes enough and registers with a spoiled registration.
fn refused(spoil: impl FnOnce(&mut World, &mut Registration)) -> E {
    let mut world = world();
    let mut result = None;
    world.block(|w| {
        w.stake(who(9), def(10_000), 4);
        let mut registration = w.registration(9, 9, "PL");
        spoil(w, &mut registration);
        result = Some(w.run(|h| register(h, who(9), &registration)).unwrap_err());
        assert!(w.host.validator(who(9)).unwrap().is_none());
        assert_eq!(w.host.used_nonce_of(&registration.attestation), None, "a refusal is undone whole");
    });
    result.unwrap()
}

trait Nonces {
    fn used_nonce_of(&self, attestation: &Attestation) -> Option<alloy_primitives::B256>;
}

impl Nonces for crate::world::TestHost {
    fn used_nonce_of(&self, attestation: &Attestation) -> Option<alloy_primitives::B256> {
        use defchain_geo::state::GeoRead;
        self.used_nonce(verifier_address(VERIFIER), attestation.nonce).unwrap()
    }
}

#[test]
fn d31_a_registered_validator_for_a_free_country_signs_from_the_next_epoch() {
    let mut world = world();
    world.block(|w| assert!(!w.enter(9, "PL")));
    let record = world.record(who(9));
    assert_eq!((record.status, record.country, record.commission), (Status::Active, country("PL"), Bps(1_000)));
    assert_eq!(world.host.seat(country("PL")).unwrap(), Some(who(9)));
    assert!(!record.attested.hash.is_zero() && record.attested.verifier == verifier_address(VERIFIER));
    let event = world.last::<abi::Registered>();
    assert_eq!((event.operator, event.country.0, event.queued), (who(9), *b"PL", false));
    world.boundary();
    let height = world.height();
    assert_eq!(height, 10, "the epoch's last block");
    assert_eq!(world.power_at(height + 1, who(9)), 0, "acts two heights later");
    // The genesis positions are whole; this stake has 1 % in a 12-year part: 9,900 × 4 + 100 × 12.
    let expected = 1_000_000_000_000_000_000_u128 * 40_800 / (4 * 40_000 + 40_800);
    let found = u128::from(world.power_at(height + 2, who(9)));
    assert!(found == expected || found == expected + 1, "{found} of {expected}");
}

#[test]
fn d31_all_the_operators_positions_of_four_years_are_bound_and_nothing_shorter() {
    let mut world = world();
    world.block(|w| {
        w.stake(who(9), def(8_000), 12);
        w.stake(who(9), def(3_000), 3);
        let registration = w.registration(9, 9, "PL");
        let refused = w.run(|h| register(h, who(9), &registration)).unwrap_err();
        // 8,000 for 12 years and the 12-year part of the other, 30.
        assert_eq!(refused, E::OwnStake { operator: who(9), own: def(8_030), minimum: def(10_000) });
        assert!(refused.to_string().contains("stake 1970000000000000000000 wei more"), "{refused}");
        assert_eq!(staking::own_bound(&w.host, who(9)).unwrap(), Amount::ZERO, "undone");
        w.stake(who(9), def(2_000), 12);
        w.run(|h| register(h, who(9), &registration)).unwrap();
        assert_eq!(staking::own_bound(&w.host, who(9)).unwrap(), def(10_030));
        // What is staked later is bound too.
        w.stake(who(9), def(500), 12);
        assert_eq!(staking::own_bound(&w.host, who(9)).unwrap(), def(10_530));
    });
}

#[test]
fn d31_registration_without_stake_is_refused_with_the_figures() {
    let mut world = world();
    world.block(|w| {
        let registration = w.registration(9, 9, "PL");
        let refused = w.run(|h| register(h, who(9), &registration)).unwrap_err();
        assert_eq!(refused, E::OwnStake { operator: who(9), own: Amount::ZERO, minimum: def(10_000) });
    });
}

#[test]
fn d30_attestations_that_are_not_for_this_registration_are_refused() {
    let forged = refused(|_, r| r.signature = sign(66, &r.attestation));
    assert!(matches!(&forged, E::Geo(GeoError::UnknownVerifier { .. })), "{forged}");

    let for_other = refused(|w, r| {
        r.attestation = w.attestation(who(8), "PL");
        r.signature = sign(VERIFIER, &r.attestation);
    });
    assert_eq!(for_other, E::OtherValidator { attested: who(8), operator: who(9) });

    let stolen = refused(|w, r| r.signature = sign(VERIFIER, &w.attestation(who(8), "PL")));
    assert!(matches!(stolen, E::Geo(GeoError::UnknownVerifier { .. })));

    let expired = refused(|_, r| {
        r.attestation.verification_date = START - 100 * DAY;
        r.attestation.expiration_date = START - 1;
        r.signature = sign(VERIFIER, &r.attestation);
    });
    assert!(expired.to_string().contains(&format!("expired at {}", START - 1)), "{expired}");

    let too_long = refused(|_, r| {
        r.attestation.expiration_date += 1;
        r.signature = sign(VERIFIER, &r.attestation);
    });
    assert!(too_long.to_string().contains("31536001 s"), "{too_long}");

    let removed = refused(|w, _| remove_verifier(&mut w.host, verifier_address(VERIFIER)).unwrap());
    assert!(matches!(removed, E::Geo(GeoError::RemovedVerifier { .. })));
}

#[test]
fn d30_an_attestation_of_another_chain_is_refused() {
    let refused = refused(|_, r| {
        let hash = secp256k1::Message::from_digest(r.attestation.signing_hash(3_567).0);
        let key = crate::world::verifier_key(VERIFIER);
        let (parity, rs) = secp256k1::SECP256K1.sign_ecdsa_recoverable(hash, &key).serialize_compact();
        r.signature = [&rs[..], &[27 + u8::try_from(i32::from(parity)).unwrap()]].concat();
    });
    assert!(refused.to_string().contains("chain id 35679"), "{refused}");
}

#[test]
fn d30_a_replayed_attestation_registers_nobody_again() {
    let mut world = world();
    world.block(|w| {
        w.stake(who(9), def(10_000), 4);
        let first = w.registration(9, 9, "PL");
        w.run(|h| register(h, who(9), &first)).unwrap();
        w.run(|h| exit(h, who(9))).unwrap();
    });
    world.boundary_after(1);
    world.block(|w| {
        w.stake(who(9), def(10_000), 4);
        let mut again = w.registration(9, 19, "PL");
        again.attestation = Attestation { nonce: U256::from(1), ..again.attestation };
        again.signature = sign(VERIFIER, &again.attestation);
        let refused = w.run(|h| register(h, who(9), &again)).unwrap_err();
        assert!(matches!(refused, E::Geo(GeoError::NonceUsed { .. })), "{refused}");
    });
}

#[test]
fn d31_keys_serve_once_and_with_their_own_proofs() {
    let of_other = refused(|_, r| {
        (r.consensus_key, r.consensus_proof) = (consensus_key(1), consensus_proof(1, who(9)));
    });
    assert!(matches!(&of_other, E::KeyUsed { kind: "consensus", owner, .. } if *owner == who(1)), "{of_other}");
    let of_other = refused(|_, r| {
        (r.bls_key, r.bls_proof) = (bls_secret(1).public().to_vec(), bls_secret(1).prove(CHAIN, who(9)).to_vec());
    });
    assert!(matches!(of_other, E::KeyUsed { kind: "BLS", owner, .. } if owner == who(1)));
    for spoil in [
        |r: &mut Registration| r.consensus_proof = consensus_proof(9, who(8)),
        |r: &mut Registration| r.consensus_proof = consensus_proof(8, who(9)),
        |r: &mut Registration| r.consensus_proof = vec![0; 64],
        |r: &mut Registration| r.consensus_proof.clear(),
        |r: &mut Registration| {
            let message = pop::consensus_message(3_567, who(9), &r.consensus_key);
            r.consensus_proof = consensus_secret(9).sign(&message).to_bytes().to_vec();
        },
        |r: &mut Registration| r.consensus_key = [0; 32],
    ] {
        let found = refused(|_, r| spoil(r));
        assert!(matches!(found, E::ConsensusKey { .. }), "{found}");
    }
    for spoil in [
        |r: &mut Registration| r.bls_proof = bls_secret(9).prove(CHAIN, who(8)).to_vec(),
        |r: &mut Registration| r.bls_proof = bls_secret(9).prove(3_567, who(9)).to_vec(),
        |r: &mut Registration| r.bls_proof = bls_secret(8).prove(CHAIN, who(9)).to_vec(),
        |r: &mut Registration| r.bls_proof.clear(),
        |r: &mut Registration| r.bls_key.truncate(95),
    ] {
        let found = refused(|_, r| spoil(r));
        assert!(matches!(found, E::BlsKey { .. }), "{found}");
    }
}

#[test]
fn d31_names_and_commissions_out_of_range_are_refused() {
    for name in ["", "a\nb", "x\u{7f}", &"é".repeat(33)] {
        assert!(matches!(refused(|_, r| r.moniker = name.to_owned()), E::Moniker { limit: 64, .. }));
    }
    for commission in [0, 499, 2_001, 65_536, u64::MAX] {
        let found = refused(|_, r| r.commission = commission);
        assert_eq!(found, E::Commission { found: commission, least: 500, most: 2_000 });
    }
}

#[test]
fn who_is_registered_does_not_register_again() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "PL");
        let again = w.registration(9, 19, "AT");
        let refused = w.run(|h| register(h, who(9), &again)).unwrap_err();
        let expected = E::Registered { operator: who(9), country: country("PL"), status: Status::Active };
        assert_eq!(refused, expected);
        let first = w.registration(1, 19, "AT");
        assert!(matches!(w.run(|h| register(h, who(1), &first)), Err(E::Registered { .. })));
    });
}

#[test]
fn d31_the_commission_moves_one_point_a_day_within_5_to_20_percent() {
    let mut world = world();
    world.block(|w| {
        let soon = w.run(|h| set_commission(h, who(1), 1_100)).unwrap_err();
        assert_eq!(soon, E::CommissionSoon { since: 1, day: DAY });
        assert!(soon.to_string().contains("wait 86399 s"), "{soon}");
        assert_eq!(w.run(|h| set_commission(h, who(9), 1_100)), Err(E::NotFound(who(9))));
    });
    world.block_after(DAY, |w| {
        let far = w.run(|h| set_commission(h, who(1), 1_101)).unwrap_err();
        assert_eq!(far, E::CommissionStep { now: 1_000, asked: 1_101, step: 100 });
        w.run(|h| set_commission(h, who(1), 1_100)).unwrap();
        assert!(matches!(w.run(|h| set_commission(h, who(1), 1_000)), Err(E::CommissionSoon { since: 0, .. })));
    });
    assert_eq!(world.record(who(1)).commission, Bps(1_100));
    let mut at = 1_100;
    while at > 500 {
        at -= 100;
        world.block_after(DAY, |w| w.run(|h| set_commission(h, who(1), at)).unwrap());
    }
    world.block_after(DAY, |w| {
        let below = w.run(|h| set_commission(h, who(1), 499)).unwrap_err();
        assert_eq!(below, E::Commission { found: 499, least: 500, most: 2_000 });
    });
}

#[test]
fn d31_a_consensus_key_rotates_at_the_boundary_and_the_old_one_stays_known() {
    let mut world = world();
    let (old, new) = (consensus_key(1), consensus_key(101));
    world.block(|w| {
        w.run(|h| rotate_key(h, who(1), &new, &consensus_proof(101, who(1)))).unwrap();
        // The key is taken from now on, for others and for itself.
        let again = w.run(|h| rotate_key(h, who(2), &new, &consensus_proof(101, who(2)))).unwrap_err();
        assert!(matches!(again, E::KeyUsed { owner, .. } if owner == who(1)));
        assert!(matches!(w.run(|h| rotate_key(h, who(1), &old, &consensus_proof(1, who(1)))), Err(E::KeyUsed { .. })));
        let unproved = w.run(|h| rotate_key(h, who(1), &consensus_key(102), &consensus_proof(101, who(1))));
        assert!(matches!(unproved, Err(E::ConsensusKey { .. })));
    });
    assert_eq!(world.record(who(1)).consensus_key, old, "not before the boundary");
    let power = world.power_at(1, who(1));
    world.boundary();
    let height = world.height();
    assert!(world.set_of(height + 1).contains_key(&old) && !world.set_of(height + 2).contains_key(&old));
    assert_eq!(world.set_of(height + 2).get(&new), Some(&power), "the power goes over whole");
    assert_eq!(world.count::<abi::KeyRotated>(), 1);
    for key in [old, new] {
        let address = defchain_base::ConsensusAddress::of_ed25519(&key);
        assert_eq!(world.host.operator_of(address).unwrap(), Some(who(1)), "both keys are slashable");
        // Each for the heights at which it had power.
        let term = world.host.key_term(address).unwrap().unwrap();
        assert_eq!((term.holds(Height(height + 1)), term.holds(Height(height + 2))), (key == old, key == new));
    }
    world.blocks(3);
}

#[test]
fn a_second_announcement_replaces_the_first() {
    let mut world = world();
    world.block(|w| {
        w.run(|h| rotate_key(h, who(1), &consensus_key(101), &consensus_proof(101, who(1)))).unwrap();
        w.run(|h| rotate_key(h, who(1), &consensus_key(102), &consensus_proof(102, who(1)))).unwrap();
    });
    world.boundary();
    assert_eq!(world.record(who(1)).consensus_key, consensus_key(102));
    // Whoever holds no seat rotates at once.
    world.block(|w| {
        assert!(w.enter(9, "DE"));
        w.run(|h| rotate_key(h, who(9), &consensus_key(109), &consensus_proof(109, who(9)))).unwrap();
    });
    assert_eq!(world.record(who(9)).consensus_key, consensus_key(109));
}

#[test]
fn exit_acts_at_the_boundary_and_twice_is_refused() {
    let mut world = world();
    world.block(|w| {
        w.run(|h| exit(h, who(1))).unwrap();
        assert_eq!(w.run(|h| exit(h, who(1))), Err(E::Left { operator: who(1), leaving: true }));
        assert_eq!(w.run(|h| exit(h, who(99))), Err(E::NotFound(who(99))));
    });
    assert_eq!(world.record(who(1)).status, Status::Active, "until the boundary");
    world.boundary();
    let record = world.record(who(1));
    assert_eq!((record.status, record.released), (Status::Exited, true));
    assert_eq!(world.host.seat(country("DE")).unwrap(), None);
    assert_eq!(world.power_at(world.height() + 2, who(1)), 0);
    assert_eq!(staking::own_bound(&world.host, who(1)).unwrap(), Amount::ZERO, "own positions unbind");
    world.block(|w| {
        assert_eq!(w.run(|h| exit(h, who(1))), Err(E::Left { operator: who(1), leaving: false }));
        assert!(matches!(w.renew(who(1), "DE"), Err(E::Left { .. })));
        assert!(matches!(w.run(|h| set_commission(h, who(1), 1_100)), Err(E::Left { .. })));
        let rotated = w.run(|h| rotate_key(h, who(1), &consensus_key(101), &consensus_proof(101, who(1))));
        assert!(matches!(rotated, Err(E::Left { .. })));
    });
}

#[test]
fn who_left_may_register_anew_with_new_keys() {
    let mut world = world();
    world.block(|w| w.run(|h| exit(h, who(1))).unwrap());
    world.boundary();
    world.block(|w| {
        w.stake(who(1), def(10_000), 4);
        let old_keys = w.registration(1, 1, "AT");
        assert!(matches!(w.run(|h| register(h, who(1), &old_keys)), Err(E::KeyUsed { .. })));
        let new_keys = w.registration(1, 101, "AT");
        // D31: one point a day, also by the way out and in again: delegators are still bound.
        let dear = Registration { commission: 1_101, ..new_keys.clone() };
        let jump = w.run(|h| register(h, who(1), &dear)).unwrap_err();
        assert_eq!(jump, E::CommissionStep { now: 1_000, asked: 1_101, step: 100 });
        assert!(!w.run(|h| register(h, who(1), &new_keys)).unwrap());
    });
    world.boundary();
    assert_eq!(world.record(who(1)).country, country("AT"));
    assert!(world.power_at(world.height() + 2, who(1)) > 0);
}

#[test]
fn d30_a_new_attestation_is_for_the_same_operator_and_country() {
    let mut world = world();
    world.block_after(DAY, |w| {
        let until = w.env().time.seconds() + 365 * DAY;
        w.renew(who(1), "DE").unwrap();
        assert_eq!(w.record(who(1)).attested.expires_at, until);
        let moved = w.renew(who(1), "FR").unwrap_err();
        assert!(matches!(moved, E::OtherCountry { .. }) && moved.to_string().contains("DE"), "{moved}");
        let attestation = w.attestation(who(2), "DE");
        let signature = sign(VERIFIER, &attestation);
        let stolen = w.run(|h| defchain_validators::attest(h, who(1), &attestation, &signature)).unwrap_err();
        assert_eq!(stolen, E::OtherValidator { attested: who(2), operator: who(1) });
        assert_eq!(w.renew(who(99), "DE"), Err(E::NotFound(who(99))));
    });
}

#[test]
fn parameters_stay_in_their_bounds_together() {
    let params = ValidatorParams::default();
    assert!(params.problems().is_empty());
    assert_eq!((params.epoch_blocks, params.activation_threshold, params.min_stake), (1_000, 21, def(10_000)));
    assert!(params.with("max_commission", 500).is_ok());
    let above = params.with("max_commission", 500).unwrap().with("min_commission", 501).unwrap_err();
    assert!(above.to_string().contains("min_commission 501 bps is above max_commission 500 bps"), "{above}");
    for (name, value) in [("epoch_blocks", 0), ("activation_threshold", 196), ("commission_step", 0), ("min_stake", 0)]
    {
        assert!(params.with(name, value).is_err(), "{name}");
    }
    assert_ne!(Address::ZERO, who(1));
}
