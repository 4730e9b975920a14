//! D31, D34, D36: binding, leaving, income, slashes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{ALICE, BOB, CAROL, DAY, OTHER, VALIDATOR, World, def, wei};
use defchain_base::{AgeMillis, Amount, Bps, U256, system::Pool};
use defchain_staking::{
    self as staking, Fraction, StakingError, Weights, beta, bind, bind_own, book_weights, claim_all_rewards,
    claim_rewards, counted_weights, own_bound, query, release_own, rewards, unbind, unlock, withdraw,
};

fn weights(own: u64, delegated: u64) -> Weights {
    Weights { own: def(own).to_u256(), delegated: def(delegated).to_u256() }
}

/// A validator with 10,000 DEF for 4 years, counted.
fn validator(world: &mut World) -> staking::PositionId {
    let id = staking::genesis::open_position(&mut world.host, VALIDATOR, def(10_000), 4, None, None).unwrap();
    bind_own(&mut world.host, VALIDATOR, def(10_000)).unwrap();
    world.epoch(VALIDATOR);
    id
}

#[test]
fn registration_binds_all_positions_of_four_years_and_later_ones() {
    // D31.
    let mut world = World::new();
    let short = world.stake(VALIDATOR, def(1_000), 3);
    let long = world.stake(VALIDATOR, def(10_000), 4);
    assert_eq!(bind_own(&mut world.host, VALIDATOR, def(10_000)).unwrap(), def(10_010));
    assert_eq!(world.info(VALIDATOR, short.main).validator, None);
    assert_eq!(world.info(VALIDATOR, short.attention.unwrap()).validator, Some(VALIDATOR));
    assert_eq!(world.info(VALIDATOR, long.main).bond, "joining");
    let later = world.stake(VALIDATOR, def(100), 5);
    assert_eq!(world.info(VALIDATOR, later.main).validator, Some(VALIDATOR));
    assert_eq!(own_bound(&world.host, VALIDATOR).unwrap(), def(10_110));
    staking::extend(&mut world.host, VALIDATOR, short.main, 4).unwrap();
    assert_eq!(own_bound(&world.host, VALIDATOR).unwrap(), def(11_100));
    let e = unbind(&mut world.host, VALIDATOR, long.main).unwrap_err();
    assert_eq!(e, StakingError::OwnStake { id: long.main, operator: VALIDATOR });
    world.check();
}

#[test]
fn own_stake_does_not_fall_below_the_minimum_by_withdrawing() {
    // D23.
    let mut world = World::new();
    let id = validator(&mut world);
    world.reach_month(202_602);
    let e = withdraw(&mut world.host, VALIDATOR, id).unwrap_err();
    let left = def(10_000).checked_sub(wei(208_333_333_333_333_333_333)).unwrap();
    assert_eq!(e, StakingError::OwnMinimum { operator: VALIDATOR, left, min: def(10_000) });
    world.stake(VALIDATOR, def(300), 12);
    withdraw(&mut world.host, VALIDATOR, id).unwrap();
    world.check();
    release_own(&mut world.host, VALIDATOR).unwrap();
    world.reach_month(202_603);
    withdraw(&mut world.host, VALIDATOR, id).unwrap();
    world.check();
}

#[test]
fn a_delegation_counts_from_the_next_epoch() {
    // D36: both parts are bound.
    let mut world = World::new();
    validator(&mut world);
    let ids = world.delegate(ALICE, VALIDATOR, def(1_000), 2);
    let (main, second) = (world.info(ALICE, ids.main), world.info(ALICE, ids.attention.unwrap()));
    assert_eq!((main.validator, second.validator, main.bond), (Some(VALIDATOR), Some(VALIDATOR), "joining"));
    assert_eq!(book_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 990 * 2 + 10 * 12));
    assert_eq!(counted_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 0));
    world.income(VALIDATOR, def(100), 1_000);
    staking::start_epoch(&mut world.host, VALIDATOR, false).unwrap();
    assert_eq!(counted_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 0), "it is not active");
    world.epoch(VALIDATOR);
    assert_eq!(counted_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 2_100));
    assert_eq!(world.info(ALICE, ids.main).bond, "counted");
    assert_eq!(rewards(&world.host, ALICE, ids.main).unwrap(), Amount::ZERO, "nothing of what came before");
    world.income(VALIDATOR, def(421), 1_000);
    // 421 over a weight of 42,100: a hundredth each, a tenth of it to the operator.
    assert_eq!(rewards(&world.host, ALICE, ids.main).unwrap(), wei(17_819_999_999_999_999_999));
    world.check();
}

#[test]
fn income_is_shared_by_weight_and_the_commission_is_of_the_delegators_part() {
    // D36.
    let mut world = World::new();
    let own = validator(&mut world);
    let alice = world.delegate(ALICE, VALIDATOR, def(5_000), 12).main;
    world.epoch(VALIDATOR);
    // 40,000 own and 60,000 delegated.
    let kept = world.income(VALIDATOR, def(1_000), 1_000);
    assert_eq!(kept, def(60));
    // Rounding of the accumulator costs less than a wei each.
    let near = |amount: Amount, n: u64| assert!(def(n).wei() - amount.wei() <= 1, "{amount} is not {n} DEF");
    near(rewards(&world.host, VALIDATOR, own).unwrap(), 400);
    near(rewards(&world.host, ALICE, alice).unwrap(), 540);
    let paid = claim_rewards(&mut world.host, ALICE, alice).unwrap();
    near(paid, 540);
    assert_eq!(world.balance(ALICE), paid);
    let e = claim_rewards(&mut world.host, ALICE, alice).unwrap_err();
    assert!(matches!(e, StakingError::Nothing { .. }), "twice");
    near(claim_all_rewards(&mut world.host, VALIDATOR).unwrap(), 400);
    assert_eq!(claim_all_rewards(&mut world.host, VALIDATOR).unwrap(), Amount::ZERO);
    assert!(world.pool(Pool::Validators).wei() - kept.wei() <= 2);
    world.check();
    let e = staking::add_income(&mut world.host, VALIDATOR, def(1), Bps(10_001)).unwrap_err();
    assert_eq!(e, StakingError::Commission(10_001));
}

#[test]
fn income_of_a_validator_without_stake_burns() {
    // D19.
    let mut world = World::new();
    assert_eq!(world.income(VALIDATOR, def(7), 500), Amount::ZERO);
    assert_eq!(world.pool(Pool::Validators), Amount::ZERO);
    assert_eq!(world.host.burned(), def(7));
    world.check();
}

#[test]
fn unbinding_takes_21_days_without_weight_or_income_and_slashable() {
    // D36.
    let mut world = World::new();
    validator(&mut world);
    let id = world.delegate(ALICE, VALIDATOR, def(1_000), 12).main;
    world.epoch(VALIDATOR);
    let until = unbind(&mut world.host, ALICE, id).unwrap();
    assert_eq!(until, AgeMillis(world.env.age.0 + 21 * DAY));
    assert_eq!(book_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 0));
    world.income(VALIDATOR, def(10), 500);
    assert_eq!(rewards(&world.host, ALICE, id).unwrap(), Amount::ZERO);
    assert_eq!(beta(&world.host).unwrap(), def(10_000 * 4 + 1_000 * 20).to_u256(), "dividends go on");
    for e in [unbind(&mut world.host, ALICE, id).unwrap_err(), bind(&mut world.host, ALICE, id, OTHER).unwrap_err()] {
        assert_eq!(e, StakingError::Unbinding { id, operator: VALIDATOR, until, now: world.env.age });
    }
    world.days(20);
    world.slash(VALIDATOR, 1, 10);
    assert_eq!(world.info(ALICE, id).amount, def(900));
    world.check();
    world.days(1);
    assert_eq!(world.info(ALICE, id).bond, "unbinding", "the queue comes at the end of the block");
    world.next(1);
    let info = world.info(ALICE, id);
    assert_eq!((info.validator, info.bond, info.amount), (None, "none", def(900)));
    world.slash(VALIDATOR, 1, 10);
    assert_eq!(world.info(ALICE, id).amount, def(900));
    world.check();
    assert_eq!(unbind(&mut world.host, ALICE, id).unwrap_err(), StakingError::NotBound { id });
    bind(&mut world.host, ALICE, id, OTHER).unwrap();
    assert_eq!(bind(&mut world.host, ALICE, id, OTHER).unwrap_err(), StakingError::Bound { id, operator: OTHER });
    world.check();
}

#[test]
fn unbinding_runs_on_the_age_clock_and_in_bounded_steps() {
    let mut world = World::new();
    world.set_params(|p| p.unbind_per_block = 2);
    let ids: Vec<_> = (0..5).map(|_| world.delegate(ALICE, VALIDATOR, def(10), 12).main).collect();
    for id in &ids {
        unbind(&mut world.host, ALICE, *id).unwrap();
    }
    world.env.time.0 += 30 * DAY;
    world.next(0);
    world.next(0);
    let unbinding = |w: &World| ids.iter().filter(|id| w.info(ALICE, **id).bond == "unbinding").count();
    assert_eq!(unbinding(&world), 5, "a halted chain unbinds nobody");
    world.next(21 * DAY);
    for left in [3, 1, 0] {
        world.next(1);
        assert_eq!(unbinding(&world), left);
        world.check();
    }
}

#[test]
fn touching_a_position_after_its_time_unbinds_it_before_the_queue() {
    let mut world = World::new();
    let id = world.delegate(ALICE, VALIDATOR, def(1_200), 12).main;
    unbind(&mut world.host, ALICE, id).unwrap();
    world.reach_month(202_602);
    withdraw(&mut world.host, ALICE, id).unwrap();
    assert_eq!(world.info(ALICE, id).validator, None);
    world.check();
    world.next(1);
    world.check();
}

#[test]
fn a_slash_takes_its_part_of_own_delegated_joining_and_unbinding_stake() {
    // D34, YP 3.3.3: in proportion.
    let mut world = World::new();
    let own = validator(&mut world);
    let counted = world.delegate(ALICE, VALIDATOR, def(1_000), 12).main;
    let leaving = world.delegate(BOB, VALIDATOR, def(2_000), 12).main;
    let free = world.stake(CAROL, def(500), 12).main;
    world.epoch(VALIDATOR);
    unbind(&mut world.host, BOB, leaving).unwrap();
    let joining = world.delegate(CAROL, VALIDATOR, def(3_000), 12).main;
    let supply = query::staked(&world.host).unwrap().0;
    assert_eq!(world.slash(VALIDATOR, 5, 100), def(16_000 / 20));
    for (owner, id, left) in [
        (VALIDATOR, own, 9_500),
        (ALICE, counted, 950),
        (BOB, leaving, 1_900),
        (CAROL, joining, 2_850),
        (CAROL, free, 500),
    ] {
        assert_eq!(world.info(owner, id).amount, def(left));
    }
    assert_eq!(own_bound(&world.host, VALIDATOR).unwrap(), def(9_500));
    assert_eq!(book_weights(&world.host, VALIDATOR).unwrap(), weights(38_000, (950 + 2_850) * 12));
    assert_eq!(query::staked(&world.host).unwrap().0, supply.checked_sub(def(800)).unwrap());
    world.check();
    for (num, den) in [(2, 1), (1, 0), (0, 0)] {
        let e = staking::slash(&mut world.host, VALIDATOR, Fraction { num, den }).unwrap_err();
        assert_eq!(e, StakingError::Fraction { num, den });
    }
    assert_eq!(world.slash(OTHER, 1, 2), Amount::ZERO, "nothing is bound there");
    assert_eq!(world.slash(VALIDATOR, 0, 2), Amount::ZERO);
}

#[test]
fn slashes_of_what_unlocks_take_only_what_is_locked_on_their_day() {
    // D24.
    let mut world = World::new();
    let id = world.delegate(ALICE, VALIDATOR, def(3_000), 12).main;
    world.days(12 * 365);
    world.days(120);
    // 1,000 of 3,000 are unlocked; half of the other 2,000 goes.
    assert_eq!(world.slash(VALIDATOR, 1, 2), def(1_000));
    let info = world.info(ALICE, id);
    assert_eq!((info.amount, info.unlocked, info.finished_amount), (def(2_000), def(1_000), def(3_000)));
    world.days(120);
    assert_eq!(world.info(ALICE, id).unlocked, def(1_500));
    assert_eq!(unlock(&mut world.host, ALICE, id).unwrap(), def(1_500));
    world.slash(VALIDATOR, 1, 4);
    assert_eq!(world.info(ALICE, id).amount, def(375));
    assert_eq!(beta(&world.host).unwrap(), def(375).to_u256());
    world.check();
    world.days(120);
    assert_eq!(unlock(&mut world.host, ALICE, id).unwrap(), def(375));
    assert_eq!(query::staked(&world.host).unwrap(), (Amount::ZERO, 0));
    world.check();
}

#[test]
fn a_slash_of_everything_ends_the_book_and_the_next_one_begins_clean() {
    // D34: at most 100 %.
    let mut world = World::new();
    validator(&mut world);
    let id = world.delegate(ALICE, VALIDATOR, def(1_000), 12).main;
    world.epoch(VALIDATOR);
    world.income(VALIDATOR, def(10), 500);
    assert_eq!(world.slash(VALIDATOR, 1, 1), def(11_000));
    assert_eq!(own_bound(&world.host, VALIDATOR).unwrap(), Amount::ZERO);
    assert_eq!(book_weights(&world.host, VALIDATOR).unwrap(), Weights::default());
    assert_eq!(beta(&world.host).unwrap(), U256::ZERO);
    world.check();
    let fresh = world.delegate(BOB, VALIDATOR, def(50), 12).main;
    world.epoch(VALIDATOR);
    world.income(VALIDATOR, def(5), 500);
    world.check();
    assert!(world.info(ALICE, id).amount.is_zero());
    // 10 DEF x 12,000 of 52,000, less 5 %: of before the slash only.
    assert_eq!(claim_rewards(&mut world.host, ALICE, id).unwrap(), wei(2_192_307_692_307_692_307));
    let gone = staking::rewards(&world.host, ALICE, id).unwrap_err();
    assert_eq!(gone, StakingError::NoPosition { owner: ALICE, id: 0 }, "an empty position closes");
    assert_eq!(world.info(BOB, fresh).amount, def(50));
    assert_eq!(world.slash(VALIDATOR, 1, 5), def(10));
    world.check();
}

#[test]
fn slashes_and_touches_in_any_order_leave_the_same_to_the_wei() {
    let run = |touch_first: bool, reverse: bool| {
        let mut world = World::new();
        let a = world.delegate(ALICE, VALIDATOR, wei(1_234_567_890_123_456_789), 12).main;
        let b = world.delegate(BOB, OTHER, wei(9_876_543_210_987_654_321), 12).main;
        let mut steps = [(VALIDATOR, 5), (OTHER, 1), (VALIDATOR, 2), (OTHER, 10)];
        if reverse {
            steps.reverse();
        }
        let mut slashed = 0;
        for (operator, percent) in steps {
            slashed += world.slash(operator, percent, 100).wei();
            if touch_first {
                let _ = claim_all_rewards(&mut world.host, ALICE);
                let _ = claim_all_rewards(&mut world.host, BOB);
            }
            world.check();
        }
        (world.info(ALICE, a).amount.wei(), world.info(BOB, b).amount.wei(), slashed)
    };
    let all = [run(false, false), run(false, true), run(true, false), run(true, true)];
    for (a, b, slashed) in all {
        assert!(all[0].0.abs_diff(a) <= 2 && all[0].1.abs_diff(b) <= 2 && all[0].2.abs_diff(slashed) <= 2, "{all:?}");
    }
}

#[test]
fn the_dust_of_a_slashed_book_burns_when_its_last_position_leaves() {
    // D35.
    let mut world = World::new();
    let ids: Vec<_> = [ALICE, BOB, CAROL]
        .map(|owner| (owner, world.delegate(owner, VALIDATOR, wei(1_000_000_000_000_000_001), 12).main))
        .into();
    world.slash(VALIDATOR, 1, 3);
    world.check();
    let held = query::bound_total(&world.host, VALIDATOR).unwrap();
    for (owner, id) in &ids {
        unbind(&mut world.host, *owner, *id).unwrap();
    }
    world.days(21);
    world.next(1);
    world.check();
    let freed: u128 = ids.iter().map(|(owner, id)| world.info(*owner, *id).amount.wei()).sum();
    let dust = held.wei() - freed;
    assert!(dust <= 3, "{dust}");
    assert_eq!(query::bound_total(&world.host, VALIDATOR).unwrap(), Amount::ZERO);
    assert_eq!(query::staked(&world.host).unwrap().0.wei(), freed);
    let (_, book) = query::book(&world.host, VALIDATOR).unwrap();
    assert_eq!(book, staking::Book::default(), "nothing of it is left");
}

#[test]
fn income_stops_at_the_end_of_a_term_whenever_that_is_noticed() {
    let mut world = World::new();
    validator(&mut world);
    let id = world.delegate(ALICE, VALIDATOR, def(1_000), 12).main;
    staking::genesis::open_position(&mut world.host, BOB, def(1_000), 1, None, Some(VALIDATOR)).unwrap();
    world.epoch(VALIDATOR);
    world.income(VALIDATOR, def(53), 0);
    world.days(365);
    assert_eq!(counted_weights(&world.host, VALIDATOR).unwrap(), weights(40_000, 12_000));
    world.income(VALIDATOR, def(52), 0);
    world.slash(VALIDATOR, 1, 2);
    let bob = rewards(&world.host, BOB, staking::PositionId(0)).unwrap();
    assert!(def(1).wei() - bob.wei() <= 1, "{bob}");
    let alice = rewards(&world.host, ALICE, id).unwrap();
    assert!(def(24).wei() - alice.wei() <= 1, "{alice}");
    assert_eq!(world.info(BOB, staking::PositionId(0)).amount, def(500), "the locked part stays slashable");
    world.check();
    claim_all_rewards(&mut world.host, BOB).unwrap();
    world.check();
}

#[test]
fn a_term_that_ends_before_it_was_counted_earns_nothing() {
    let mut world = World::new();
    validator(&mut world);
    staking::genesis::open_position(&mut world.host, BOB, def(1_000), 1, None, Some(VALIDATOR)).unwrap();
    world.days(366);
    world.check();
    let late = world.delegate(ALICE, VALIDATOR, def(10), 12).main;
    world.epoch(VALIDATOR);
    world.income(VALIDATOR, def(100), 0);
    assert_eq!(rewards(&world.host, BOB, staking::PositionId(0)).unwrap(), Amount::ZERO);
    assert!(!rewards(&world.host, ALICE, late).unwrap().is_zero());
    world.check();
    let e = bind(&mut world.host, BOB, staking::PositionId(0), OTHER).unwrap_err();
    assert!(matches!(e, StakingError::Bound { .. }));
}

#[test]
fn leaving_releases_all_own_positions_and_later_ones_are_free() {
    let mut world = World::new();
    let id = validator(&mut world);
    let alice = world.delegate(ALICE, VALIDATOR, def(10), 12).main;
    release_own(&mut world.host, VALIDATOR).unwrap();
    assert_eq!(own_bound(&world.host, VALIDATOR).unwrap(), Amount::ZERO);
    assert_eq!(world.info(VALIDATOR, id).bond, "unbinding");
    assert_eq!(world.info(ALICE, alice).bond, "joining", "delegators decide for themselves");
    let later = world.stake(VALIDATOR, def(10), 12).main;
    assert_eq!(world.info(VALIDATOR, later).validator, None);
    world.check();
}

#[test]
fn an_ended_position_leaves_its_validator_with_what_is_locked() {
    let mut world = World::new();
    let id = world.delegate(ALICE, VALIDATOR, def(360), 12).main;
    world.days(12 * 365 + 100);
    unbind(&mut world.host, ALICE, id).unwrap();
    world.days(21);
    world.next(1);
    let info = world.info(ALICE, id);
    assert_eq!((info.validator, info.unlocked, info.amount), (None, def(121), def(360)));
    world.check();
    world.days(60);
    assert_eq!(unlock(&mut world.host, ALICE, id).unwrap(), def(181));
    assert_eq!(beta(&world.host).unwrap(), def(179).to_u256());
    world.days(200);
    unlock(&mut world.host, ALICE, id).unwrap();
    assert_eq!(world.balance(ALICE), def(360));
    world.check();
}

#[test]
fn nobody_is_bound_to_the_protocol_itself() {
    let mut world = World::new();
    let id = world.stake(ALICE, def(10), 12).main;
    for to in [defchain_base::Address::ZERO, defchain_base::system::VALIDATORS] {
        assert_eq!(bind(&mut world.host, ALICE, id, to).unwrap_err(), StakingError::Reserved(to));
    }
    assert_eq!(bind(&mut world.host, BOB, id, VALIDATOR).unwrap_err(), StakingError::NoPosition { owner: BOB, id: 0 });
}

#[test]
fn members_of_a_book_can_be_paged() {
    let mut world = World::new();
    for owner in [CAROL, ALICE, BOB] {
        world.delegate(owner, VALIDATOR, def(10), 1);
    }
    let first = query::members(&world.host, VALIDATOR, None, 4).unwrap();
    let owners: Vec<_> = first.iter().map(|(owner, _)| *owner).collect();
    assert_eq!(owners, [ALICE, ALICE, BOB, BOB]);
    let rest = query::members(&world.host, VALIDATOR, Some((BOB, staking::PositionId(1))), 10).unwrap();
    assert_eq!(rest.len(), 2);
}
