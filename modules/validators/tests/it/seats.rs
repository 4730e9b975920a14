use defchain_base::{AgeMillis, Amount, params::ModuleParams, system::Pool};
use defchain_geo::{add_verifier, remove_verifier};
use defchain_staking::{self as staking, Fraction};
use defchain_validators::{
    IValidators as abi, JailKind, Status, ValidatorParams, ValidatorsError as E, exit, jail, register, slashed,
    state::ValidatorsRead, tombstone, unjail,
};

use crate::world::{DAY, START, VERIFIER, World, country, def, first, params, verifier_address, who};

fn world() -> World {
    World::new(vec![first(1, "DE"), first(2, "FR"), first(3, "IT"), first(4, "ES")])
}

fn jail_for(w: &mut World, n: u8, days: u64, kind: JailKind) {
    let until = AgeMillis(w.env().age.0 + days * DAY * 1_000);
    jail(&mut w.host, who(n), until, kind).unwrap();
}

fn holder(w: &World, code: &str) -> Option<defchain_base::Address> {
    w.host.seat(country(code)).unwrap()
}

/// Takes a fraction of a validator's stake, as slashing does.
fn slash(w: &mut World, n: u8, num: u128, den: u128) {
    use defchain_base::native::Host;
    let lost = staking::slash(&mut w.host, who(n), Fraction { num, den }).unwrap();
    w.host.burn(Pool::Staking, lost).unwrap();
    slashed(&mut w.host, who(n)).unwrap();
}

#[test]
fn d31_a_second_candidate_queues_with_its_stake_bound_without_delegations_or_weight() {
    let mut world = world();
    world.block(|w| {
        assert!(w.enter(9, "DE"), "queued");
        assert_eq!(staking::own_bound(&w.host, who(9)).unwrap(), def(10_000), "its 10,000 DEF are bound");
        let refused = w.delegate(who(50), who(9), def(100), 4).unwrap_err();
        assert_eq!(refused, E::NotActive { operator: who(9), status: Status::Queued, leaving: false });
    });
    world.boundary();
    assert_eq!(world.record(who(9)).status, Status::Queued);
    assert_eq!(world.power_at(world.height() + 2, who(9)), 0);
    assert_eq!(world.host.queue(country("DE"), 10).unwrap()[0].operator, who(9));
    world.block(|w| w.run(|h| exit(h, who(9))).unwrap());
    assert!(world.host.queue(country("DE"), 10).unwrap().is_empty(), "a queue is left at once");
    assert_eq!(world.record(who(9)).status, Status::Exited);
}

#[test]
fn d31_the_oldest_valid_registration_is_promoted_when_the_holder_leaves() {
    let mut world = world();
    world.block(|w| assert!(w.enter(9, "DE")));
    world.block(|w| assert!(w.enter(8, "DE")));
    world.block(|w| assert!(w.enter(7, "DE")));
    world.block(|w| w.run(|h| exit(h, who(1))).unwrap());
    assert_eq!(holder(&world, "DE"), Some(who(1)));
    world.boundary();
    assert_eq!(holder(&world, "DE"), Some(who(9)), "the oldest, not the lowest address");
    assert_eq!(world.record(who(9)).status, Status::Active);
    assert!(world.power_at(world.height() + 2, who(9)) > 0, "and it signs from this boundary on");
    let waiting: Vec<_> = world.host.queue(country("DE"), 10).unwrap().iter().map(|q| q.operator).collect();
    assert_eq!(waiting, [who(8), who(7)]);
    assert_eq!(world.last::<abi::Activated>().operator, who(9));
}

#[test]
fn d31_invalid_candidates_are_passed_over_and_leave_the_queue() {
    let mut world = world();
    // The oldest candidate's verifier is removed, the second lost stake: the third is promoted.
    let other = verifier_address(77);
    world.block(|w| {
        add_verifier(&mut w.host, other, "Other").unwrap();
        w.stake(who(9), def(10_000), 4);
        let mut registration = w.registration(9, 9, "DE");
        registration.signature = crate::world::sign(77, &registration.attestation);
        assert!(w.run(|h| register(h, who(9), &registration)).unwrap());
        remove_verifier(&mut w.host, other).unwrap();
    });
    world.block(|w| {
        w.enter(8, "DE");
        slash(w, 8, 5, 100);
    });
    world.block(|w| {
        w.enter(7, "DE");
    });
    world.boundary_after(31 * DAY);
    assert_eq!(world.record(who(9)).status, Status::Queued, "nobody looks while the seat is held");
    world.block(|w| w.run(|h| exit(h, who(1))).unwrap());
    world.boundary();
    assert_eq!(holder(&world, "DE"), Some(who(7)));
    assert_eq!([9, 8].map(|n| world.record(who(n)).status), [Status::Inactive; 2]);
    assert_eq!(world.count::<abi::Dequeued>(), 2);
    // With what was missing they may queue again, in the place of their registration.
    world.block(|w| {
        assert!(matches!(w.run(|h| unjail(h, who(9))), Err(E::AttestationOver { .. })));
        w.renew(who(9), "DE").unwrap();
        assert!(w.run(|h| unjail(h, who(9))).unwrap());
        assert!(matches!(w.run(|h| unjail(h, who(8))), Err(E::OwnStake { .. })));
        assert!(matches!(w.run(|h| unjail(h, who(9))), Err(E::NotJailed { status: Status::Queued, .. })));
    });
    assert_eq!(world.host.queue(country("DE"), 10).unwrap()[0].operator, who(9));
}

#[test]
fn d31_a_seat_is_free_after_30_days_in_jail_and_not_before() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "DE");
        jail_for(w, 1, 90, JailKind::Censorship);
    });
    world.boundary_after(29 * DAY);
    assert_eq!(holder(&world, "DE"), Some(who(1)));
    world.boundary_after(DAY);
    assert_eq!(holder(&world, "DE"), Some(who(9)));
    assert_eq!(world.record(who(1)).status, Status::Jailed);
    // Unjailed without a seat: queue.
    world.block_after(60 * DAY, |w| assert!(w.run(|h| unjail(h, who(1))).unwrap()));
    assert_eq!(world.record(who(1)).status, Status::Queued);
    assert_eq!(world.host.queue(country("DE"), 2).unwrap()[0].operator, who(1));
    world.block(|w| w.run(|h| exit(h, who(9))).unwrap());
    world.boundary();
    assert_eq!(holder(&world, "DE"), Some(who(1)), "and back when the seat is free");
}

#[test]
fn d31_a_tombstone_frees_the_seat_at_the_boundary_and_is_for_ever() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "DE");
        tombstone(&mut w.host, who(1)).unwrap();
        tombstone(&mut w.host, who(1)).unwrap();
    });
    assert_eq!(world.count::<abi::Tombstoned>(), 1);
    assert_eq!(world.power_at(world.height() + 2, who(1)), 0, "removed at once");
    world.boundary();
    assert_eq!(holder(&world, "DE"), Some(who(9)));
    world.block(|w| {
        jail_for(w, 1, 1, JailKind::DoubleSign);
        assert_eq!(w.record(who(1)).status, Status::Tombstoned, "nothing worse can happen to it");
        assert_eq!(w.run(|h| unjail(h, who(1))), Err(E::Tombstoned(who(1))));
        assert_eq!(w.renew(who(1), "DE"), Err(E::Tombstoned(who(1))));
        let again = w.registration(1, 101, "AT");
        assert_eq!(w.run(|h| register(h, who(1), &again)), Err(E::Tombstoned(who(1))));
        // It may take its own stake away, once.
        w.run(|h| exit(h, who(1))).unwrap();
        assert_eq!(w.run(|h| exit(h, who(1))), Err(E::Left { operator: who(1), leaving: false }));
        assert_eq!(w.record(who(1)).status, Status::Tombstoned);
    });
    assert_eq!(staking::own_bound(&world.host, who(1)).unwrap(), Amount::ZERO);
}

#[test]
fn d30_expiry_warns_30_days_before_and_jails() {
    let mut world = world();
    // Genesis validators are verified for 300 days; one renews.
    world.boundary_after(269 * DAY);
    assert_eq!(world.count::<abi::AttestationExpiring>(), 0);
    world.boundary_after(DAY);
    assert_eq!(world.count::<abi::AttestationExpiring>(), 4);
    assert_eq!(world.last::<abi::AttestationExpiring>().attestedUntil, START + 300 * DAY);
    world.boundary_after(DAY);
    assert_eq!(world.count::<abi::AttestationExpiring>(), 4, "once");
    world.block(|w| {
        for (n, code) in [(2, "FR"), (3, "IT"), (4, "ES")] {
            w.renew(who(n), code).unwrap();
        }
    });
    world.boundary_after(30 * DAY);
    let record = world.record(who(1));
    assert_eq!((record.status, record.jail.unwrap().kind), (Status::Jailed, JailKind::Attestation));
    assert_eq!(world.record(who(2)).status, Status::Active);
    assert_eq!(world.power_at(world.height() + 2, who(1)), 0);
    world.block(|w| {
        assert!(matches!(w.run(|h| unjail(h, who(1))), Err(E::AttestationOver { .. })));
        w.renew(who(1), "DE").unwrap();
        assert!(!w.run(|h| unjail(h, who(1))).unwrap(), "its seat is still its own");
    });
    world.boundary();
    assert!(world.power_at(world.height() + 2, who(1)) > 0);
}

#[test]
fn d31_an_attestation_expired_for_30_days_frees_the_seat() {
    let mut world = world();
    world.block(|w| {
        for (n, code) in [(2, "FR"), (3, "IT"), (4, "ES")] {
            w.renew(who(n), code).unwrap();
        }
        w.enter(9, "DE");
        // In jail already when it expires: jail alone would not free the seat for long.
        let mut longer = params();
        longer.seat_jail = 31_536_000;
        longer.store(&mut w.host).unwrap();
    });
    world.boundary_after(329 * DAY);
    assert_eq!(holder(&world, "DE"), Some(who(1)));
    world.boundary_after(DAY);
    assert_eq!(holder(&world, "DE"), Some(who(9)));
}

#[test]
fn d30_a_removed_verifiers_validators_are_jailed_30_days_later() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "CH");
    });
    world.boundary();
    world.block(|w| remove_verifier(&mut w.host, verifier_address(VERIFIER)).unwrap());
    world.boundary();
    assert_eq!(world.last::<abi::AttestationExpiring>().operator, who(9), "its end came near");
    world.boundary_after(29 * DAY);
    assert_eq!(world.record(who(9)).status, Status::Active);
    world.boundary_after(DAY);
    assert_eq!(world.record(who(9)).status, Status::Jailed);
    assert_eq!(world.record(who(1)).status, Status::Active, "genesis has no verifier");
}

#[test]
fn d34_unjail_needs_the_term_over_the_stake_and_the_operator() {
    let mut world = world();
    world.block(|w| {
        jail_for(w, 1, 7, JailKind::Downtime);
        slash(w, 1, 1, 100);
    });
    world.block_after(7 * DAY - 2, |w| {
        let early = w.run(|h| unjail(h, who(1))).unwrap_err();
        assert!(early.to_string().contains("2000 ms from now"), "{early}");
        assert_eq!(w.run(|h| unjail(h, who(2))), Err(E::NotJailed { operator: who(2), status: Status::Active }));
        assert_eq!(w.run(|h| unjail(h, who(99))), Err(E::NotFound(who(99))));
    });
    world.block_after(2, |w| {
        let poor = w.run(|h| unjail(h, who(1))).unwrap_err();
        assert_eq!(poor, E::OwnStake { operator: who(1), own: def(9_900), minimum: def(10_000) });
        w.stake(who(1), def(100), 12);
        assert!(!w.run(|h| unjail(h, who(1))).unwrap());
    });
    assert_eq!(world.record(who(1)).status, Status::Active);
    assert_eq!(world.power_at(world.height() + 2, who(1)), 0, "from the next epoch");
    world.boundary();
    assert!(world.power_at(world.height() + 2, who(1)) > 0);
    assert!(!world.last::<abi::Unjailed>().queued);
}

#[test]
fn d34_a_second_jail_keeps_the_longer_term_and_the_beginning() {
    let mut world = world();
    world.block(|w| jail_for(w, 1, 30, JailKind::DoubleSign));
    let since = world.record(who(1)).jail.unwrap().since;
    world.block_after(DAY, |w| jail_for(w, 1, 7, JailKind::Downtime));
    let jail = world.record(who(1)).jail.unwrap();
    assert_eq!((jail.since, jail.until), (since, AgeMillis(since.0 + 30 * DAY * 1_000)));
    world.block(|w| jail_for(w, 1, 90, JailKind::Censorship));
    assert!(world.record(who(1)).jailed_until().0 > jail.until.0);
    assert_eq!(world.count::<abi::Jailed>(), 3);
}

#[test]
fn d34_below_the_minimum_is_deactivated_at_the_boundary_and_after_a_slash_has_7_days() {
    let mut world = world();
    world.block(|w| slash(w, 1, 5, 100));
    world.boundary();
    assert_eq!(world.record(who(1)).status, Status::Active, "7 days to top up");
    world.boundary_after(6 * DAY);
    assert_eq!(world.record(who(1)).status, Status::Active);
    world.boundary_after(DAY);
    assert_eq!(world.record(who(1)).status, Status::Inactive);
    assert_eq!(world.power_at(world.height() + 2, who(1)), 0);
    let event = world.last::<abi::Deactivated>();
    assert_eq!((event.ownStake, event.minimum), (def(9_500).to_u256(), def(10_000).to_u256()));
    assert_eq!(holder(&world, "DE"), Some(who(1)), "the seat is kept for a while");
    // Topped up, it comes back by itself.
    world.block(|w| {
        w.stake(who(1), def(500), 12);
    });
    world.boundary();
    assert_eq!(world.record(who(1)).status, Status::Active);
    assert!(world.power_at(world.height() + 2, who(1)) > 0);
}

#[test]
fn d34_topping_up_within_the_7_days_changes_nothing_else() {
    let mut world = world();
    world.block(|w| slash(w, 1, 5, 100));
    world.block_after(5 * DAY, |w| {
        w.stake(who(1), def(500), 12);
    });
    world.boundary_after(3 * DAY);
    assert_eq!(world.record(who(1)).status, Status::Active);
    assert_eq!(world.count::<abi::Deactivated>(), 0);
}

#[test]
fn a_seat_without_stake_is_free_after_30_days() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "DE");
        slash(w, 1, 5, 100);
    });
    world.boundary_after(7 * DAY);
    assert_eq!(world.record(who(1)).status, Status::Inactive);
    world.boundary_after(30 * DAY);
    assert_eq!(holder(&world, "DE"), Some(who(9)));
    assert_eq!(world.record(who(1)).status, Status::Inactive);
    world.block(|w| {
        assert!(matches!(w.run(|h| unjail(h, who(1))), Err(E::OwnStake { .. })));
        w.stake(who(1), def(500), 12);
        assert!(w.run(|h| unjail(h, who(1))).unwrap(), "back to the queue");
    });
}

#[test]
fn a_higher_minimum_deactivates_at_the_boundary_and_holds_stakes_to_it() {
    let mut world = world();
    world.block(|w| {
        w.stake(who(2), def(5_000), 12);
        ValidatorParams { min_stake: def(12_000), ..params() }.store(&mut w.host).unwrap();
    });
    world.boundary();
    assert_eq!([1, 2].map(|n| world.record(who(n)).status), [Status::Inactive, Status::Active]);
    assert_eq!(world.host.epoch().unwrap().unwrap().min_stake, def(12_000));
}

#[test]
fn jail_follows_whoever_leaves_before_it() {
    let mut world = world();
    world.block(|w| w.run(|h| exit(h, who(1))).unwrap());
    world.boundary();
    world.block(|w| {
        jail_for(w, 1, 30, JailKind::DoubleSign);
        assert_eq!(w.record(who(1)).status, Status::Exited);
        w.stake(who(1), def(10_000), 4);
        let again = w.registration(1, 101, "AT");
        let refused = w.run(|h| register(h, who(1), &again)).unwrap_err();
        assert!(matches!(refused, E::StillJailed { .. }), "{refused}");
    });
    world.block_after(30 * DAY, |w| {
        let again = w.registration(1, 101, "AT");
        w.run(|h| register(h, who(1), &again)).unwrap();
    });
}

#[test]
fn a_jailed_candidate_leaves_the_queue_and_a_jailed_holder_may_exit_at_once() {
    let mut world = world();
    world.block(|w| {
        w.enter(9, "DE");
        jail_for(w, 9, 1, JailKind::DoubleSign);
        jail_for(w, 2, 1, JailKind::DoubleSign);
        w.run(|h| exit(h, who(2))).unwrap();
    });
    assert!(world.host.queue(country("DE"), 5).unwrap().is_empty());
    assert_eq!(holder(&world, "FR"), None);
    assert_eq!(world.record(who(2)).status, Status::Exited);
    world.boundary();
    world.block_after(DAY, |w| assert!(w.run(|h| unjail(h, who(9))).unwrap()));
    assert_eq!(world.host.queue(country("DE"), 5).unwrap().len(), 1);
}

#[test]
fn unjailed_while_its_removal_waits_it_is_not_removed() {
    let mut world = World::new(vec![first(1, "DE"), first(2, "FR")]);
    world.block(|w| jail_for(w, 1, 0, JailKind::Downtime));
    assert_eq!(world.host.removals().unwrap().len(), 1, "half of the power waits");
    world.absent.insert(who(1));
    world.block(|_| {});
    let before = defchain_validators::down(&world.host).unwrap()[0].since;
    world.block_after(60, |w| {
        w.run(|h| unjail(h, who(1))).unwrap();
    });
    assert!(world.host.removals().unwrap().is_empty());
    assert!(defchain_validators::down(&world.host).unwrap()[0].since > before, "the absence begins anew");
    world.boundary();
    assert!(world.power_at(world.height() + 2, who(1)) > 0);
}

#[test]
fn who_leaves_jail_by_the_door_and_registers_anew_is_not_removed_for_the_old_fault() {
    let mut world = World::new(vec![first(1, "DE"), first(2, "FR")]);
    world.block(|w| {
        jail_for(w, 1, 0, JailKind::Downtime);
        w.run(|h| exit(h, who(1))).unwrap();
        w.stake(who(1), def(10_000), 4);
        let anew = w.registration(1, 101, "AT");
        w.run(|h| register(h, who(1), &anew)).unwrap();
    });
    assert_eq!(world.host.removals().unwrap().len(), 1, "the old key waits to be removed");
    world.boundary();
    assert!(world.host.removals().unwrap().is_empty());
    world.boundary();
    assert!(world.set_of(world.height() + 2).contains_key(&crate::world::consensus_key(101)));
    assert!(!world.set_of(world.height() + 2).contains_key(&crate::world::consensus_key(1)));
}

#[test]
fn nobody_is_jailed_who_is_no_validator() {
    let mut world = world();
    world.block(|w| {
        assert_eq!(jail(&mut w.host, who(99), AgeMillis(1), JailKind::Downtime), Err(E::NotFound(who(99))));
        assert_eq!(tombstone(&mut w.host, who(99)), Err(E::NotFound(who(99))));
        assert_eq!(slashed(&mut w.host, who(99)), Err(E::NotFound(who(99))));
    });
}
