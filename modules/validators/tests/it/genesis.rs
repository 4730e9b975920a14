use defchain_base::{BlockEnv, EmptyState, Height, Overlay, Timestamp, system};
use defchain_token::BlockHost;
use defchain_validators::{Status, TOTAL_POWER, genesis::Section, query, state::ValidatorsRead};

use crate::world::{DAY, START, World, bls_secret, country, def, first, params, who};

#[test]
fn d27_genesis_powers_are_the_weights_of_the_own_stakes() {
    let mut longer = first(2, "FR");
    (longer.stake, longer.years) = (def(20_000), 12);
    let mut world = World::new(vec![first(1, "DE"), longer]);
    // 10,000 × 4 against 20,000 × 12: one seventh and six.
    let seventh = TOTAL_POWER / 7;
    assert_eq!(world.power_at(1, who(1)), seventh);
    assert_eq!(world.power_at(1, who(2)), 6 * seventh + 1);
    world.block(|_| {});
    let found = query::active(&world.host).unwrap();
    assert_eq!(found, [(country("DE"), who(1)), (country("FR"), who(2))]);
    assert!(world.record(who(1)).attested.hash.is_zero(), "nobody attested at genesis");
    assert_eq!(world.record(who(1)).attested.expires_at, START + 300 * DAY);
}

#[test]
fn d32_the_latch_closes_at_the_threshold_and_never_opens_again() {
    let mut few = params();
    few.activation_threshold = 3;
    let mut world = World::with(few, vec![first(1, "DE"), first(2, "FR")]);
    assert!(!query::is_active(&world.host).unwrap());
    world.block(|w| {
        w.enter(3, "IT");
    });
    assert!(!query::is_active(&world.host).unwrap(), "active from the next epoch only");
    world.boundary();
    assert!(query::is_active(&world.host).unwrap());
    let latch = world.host.latch().unwrap().unwrap();
    assert_eq!(latch.height, Height(10));
    world.block(|w| w.run(|h| defchain_validators::exit(h, who(3))).unwrap());
    world.boundary();
    assert_eq!(world.record(who(3)).status, Status::Exited);
    assert_eq!(world.host.latch().unwrap(), Some(latch), "one way");
}

#[test]
fn genesis_says_all_problems_with_their_places() {
    let mut section = Section { params: params(), validators: vec![first(1, "DE"), first(2, "DE"), first(3, "FR")] };
    section.validators[1].consensus_key = section.validators[0].consensus_key;
    section.validators[1].bls_key = section.validators[0].bls_key.clone();
    let third = &mut section.validators[2];
    third.operator = system::STAKING;
    third.moniker = "x".repeat(65);
    third.commission_bps = 499;
    third.consensus_key = alloy_primitives::B256::ZERO;
    third.bls_key = bls_secret(9).public()[1..].to_vec().into();
    third.stake = def(9_999);
    third.years = 13;
    third.attestation_expiry = Some(START);
    section.params.epoch_blocks = 0;
    let problems = section.problems(START);
    for expected in [
        "pod.params: epoch_blocks is 0",
        "pod.validators[1]: country DE is that of validators[0]",
        "pod.validators[1]: consensus key",
        "pod.validators[1]: BLS key",
        "pod.validators[2].operator",
        "pod.validators[2].moniker: a moniker has 1 to 64 bytes and no control characters; this has 65",
        "pod.validators[2].commission_bps: a commission of 499 bps is not in the range of 500 to 2000",
        "pod.validators[2].consensus_key: consensus key 0x0000",
        "pod.validators[2].bls_key",
        "pod.validators[2].stake: 9999000000000000000000 wei, the minimum is 10000000000000000000000 wei",
        "pod.validators[2].years: 13",
        "pod.validators[2].attestation_expiry: 1800000000 is not after genesis time 1800000000",
    ] {
        assert_eq!(problems.iter().filter(|p| p.starts_with(expected)).count(), 1, "{expected}: {problems:#?}");
    }
    assert_eq!(problems.len(), 12);
    assert!(Section::default().problems(START)[0].contains("is empty"));
}

#[test]
fn genesis_travels_as_json_and_refuses_what_it_does_not_know() {
    let section = Section { params: params(), validators: vec![first(1, "VA")] };
    let json = serde_json::to_string(&section).unwrap();
    assert_eq!(serde_json::from_str::<Section>(&json).unwrap(), section);
    assert!(
        serde_json::from_str::<Section>(&json.replace("\"VA\"", "\"HK\""))
            .unwrap_err()
            .to_string()
            .contains("Hong Kong")
    );
    assert!(serde_json::from_str::<Section>(&json.replace("moniker", "monicker")).is_err());
}

#[test]
fn before_genesis_a_block_changes_nothing() {
    let env = BlockEnv { height: Height(1), time: Timestamp(START * 1_000), ..BlockEnv::default() };
    let mut host = BlockHost::new(Overlay::new(EmptyState), env);
    assert!(defchain_validators::lifecycle::end(&mut host).unwrap().is_empty());
    assert!(host.state_mut().delta().is_empty());
}
