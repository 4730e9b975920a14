//! D22 to D25: opening, withdrawing, unlocking, extending, restaking.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{ALICE, BOB, DAY, World, def, wei};
use defchain_base::{
    Address, Amount, Timestamp, U256,
    params::ModuleParams,
    system::{self, Pool},
};
use defchain_staking::{
    self as staking, PositionId, StakingError, StakingParams, beta, beta_pod, extend, pod_weight, query, restake,
    unlock, withdraw, withdraw_part,
};

#[test]
fn ten_thousand_for_four_years_become_9900_and_100_for_twelve() {
    // D22, YP 8.3.2.
    let mut world = World::new();
    let ids = world.stake(ALICE, def(10_000), 4);
    let main = world.info(ALICE, ids.main);
    let second = world.info(ALICE, ids.attention.unwrap());
    assert_eq!((main.amount, main.years), (def(9_900), 4));
    assert_eq!((second.amount, second.years), (def(100), 12));
    assert_eq!(world.pool(Pool::Staking), def(10_000));
    assert_eq!(world.balance(ALICE), Amount::ZERO);
    world.check();
}

#[test]
fn twelve_years_are_one_position_and_the_hundredth_may_be_below_the_minimum() {
    let mut world = World::new();
    assert_eq!(world.stake(ALICE, def(10_000), 12).attention, None);
    let ids = world.stake(ALICE, def(1), 1);
    assert_eq!(world.info(ALICE, ids.attention.unwrap()).amount, wei(10_000_000_000_000_000));
    world.check();
}

#[test]
fn a_stake_carries_the_fields_of_the_paper() {
    // D22, YP 4.1.1.
    let mut world = World::new();
    let ids = world.stake(ALICE, def(12_000), 12);
    let p = world.info(ALICE, ids.main);
    assert_eq!((p.initial_amount, p.amount, p.finished_amount), (def(12_000), def(12_000), Amount::ZERO));
    assert_eq!((p.start, p.years, p.last_claimed.0), (world.env.time, 12, 0));
    assert_eq!((p.claimed_staking, p.claimed_dividends), (Amount::ZERO, Amount::ZERO));
    assert_eq!(p.end, Timestamp(world.env.time.0 + 12 * 365 * DAY));
}

#[test]
fn stakes_of_zero_of_dust_and_of_no_term_are_refused_with_figures() {
    let mut world = World::new();
    let dust = wei(999_999_999_999_999_999);
    for amount in [Amount::ZERO, dust] {
        let e = world.try_stake(ALICE, amount, 4).unwrap_err();
        assert_eq!(e, StakingError::TooLittle { amount, min: def(1) });
        assert!(e.to_string().contains("1000000000000000000 wei"), "{e}");
    }
    for years in [0, 13, u64::MAX] {
        assert_eq!(world.try_stake(ALICE, def(5), years).unwrap_err(), StakingError::Term { years });
    }
    assert_eq!(world.pool(Pool::Staking), Amount::ZERO);
    let e = staking::stake(&mut world.host, system::STAKING, def(5), 4).unwrap_err();
    assert_eq!(e, StakingError::Reserved(system::STAKING));
    world.check();
}

#[test]
fn the_257th_position_is_refused() {
    let mut world = World::new();
    for _ in 0..128 {
        world.stake(ALICE, def(1), 1);
    }
    let e = world.try_stake(ALICE, def(1), 12).unwrap_err();
    assert_eq!(e, StakingError::TooMany { owner: ALICE, open: 256, more: 1, max: 256 });
    world.stake(BOB, def(1), 1);
    assert_eq!(staking::Desk::open(&world.host).unwrap().ids(&world.host, ALICE).unwrap().len(), 256);
}

#[test]
fn of_two_positions_the_255_already_open_leave_room_for_none() {
    let mut world = World::new();
    world.stake(ALICE, def(1), 12);
    for _ in 0..127 {
        world.stake(ALICE, def(1), 1);
    }
    let e = world.try_stake(ALICE, def(1), 1).unwrap_err();
    assert_eq!(e, StakingError::TooMany { owner: ALICE, open: 255, more: 2, max: 256 });
    world.stake(ALICE, def(1), 12);
}

#[test]
fn the_papers_three_monthly_withdrawals() {
    // D23, YP 8.3.4: 12,000 DEF for 1, 4 and 12 years, as genesis positions, whole.
    for (years, allowance) in [(1, def(1_000)), (4, def(250)), (12, wei(83_333_333_333_333_333_333))] {
        let mut world = World::new();
        let id = staking::genesis::open_position(&mut world.host, ALICE, def(12_000), years, None, None).unwrap();
        world.reach_month(202_602);
        assert_eq!(world.info(ALICE, id).withdrawable, allowance);
        assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap(), allowance);
        assert_eq!(world.balance(ALICE), allowance);
        world.check();
    }
}

#[test]
fn a_year_of_withdrawals_empties_a_stake_of_one_year() {
    // D23: an allowance that leaves less than one allowance pays all; 83.33... DEF leave 4 wei at the end.
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(1_000), 1, None, None).unwrap();
    let mut paid = Vec::new();
    for month in 202_602..=202_612 {
        world.reach_month(month);
        paid.push(withdraw(&mut world.host, ALICE, id).unwrap());
        world.check();
    }
    assert_eq!(paid[0], wei(83_333_333_333_333_333_333));
    world.reach_month(202_701);
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap(), wei(83_333_333_333_333_333_337));
    assert_eq!(world.balance(ALICE), def(1_000));
    // It stays open for the month's dividend.
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap_err(), StakingError::Nothing { id, what: "withdraw" });
    assert_eq!(world.pool(Pool::Staking), Amount::ZERO);
    world.reach_month(202_702);
    staking::close(&mut world.host, ALICE, id).unwrap();
    let gone = StakingError::NoPosition { owner: ALICE, id: 0 };
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap_err(), gone);
    world.check();
}

#[test]
fn withdrawals_early_twice_over_the_cap_and_of_anothers_position_are_refused() {
    let mut world = World::new();
    let id = world.stake(ALICE, def(12_000), 12).main;
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap_err(), StakingError::FirstMonth { id, month: 202_601 });
    world.reach_month(202_602);
    let allowance = wei(83_333_333_333_333_333_333);
    let wanted = allowance.checked_add(wei(1)).unwrap();
    let over = StakingError::OverAllowance { id, wanted, left: allowance, allowance, month: 202_602 };
    assert_eq!(withdraw_part(&mut world.host, ALICE, id, wanted).unwrap_err(), over);
    assert!(over.to_string().contains("83333333333333333334"), "{over}");
    assert!(matches!(withdraw_part(&mut world.host, ALICE, id, Amount::ZERO), Err(StakingError::Nothing { .. })));
    withdraw_part(&mut world.host, ALICE, id, def(80)).unwrap();
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap(), wei(3_333_333_333_333_333_333));
    assert!(matches!(
        withdraw(&mut world.host, ALICE, id),
        Err(StakingError::AllowanceSpent { allowance: whole, month: 202_602, .. }) if whole == allowance
    ));
    // Another's position is one that the sender does not have.
    assert_eq!(withdraw(&mut world.host, BOB, id).unwrap_err(), StakingError::NoPosition { owner: BOB, id: 0 });
    world.reach_month(202_603);
    assert_eq!(withdraw(&mut world.host, ALICE, id).unwrap(), allowance);
    assert_eq!(world.info(ALICE, id).claimed_staking, allowance);
    world.check();
}

#[test]
fn a_withdrawal_takes_amount_times_years_off_the_weight() {
    // D27, YP 4.2.2 under D27's reading.
    let mut world = World::new();
    let id = world.stake(ALICE, def(12_000), 12).main;
    let before = beta_pod(&world.host).unwrap();
    world.reach_month(202_602);
    let paid = withdraw(&mut world.host, ALICE, id).unwrap();
    assert_eq!(before - beta_pod(&world.host).unwrap(), paid.to_u256() * U256::from(12));
    world.check();
}

#[test]
fn unlocking_takes_30_120_and_360_days() {
    // D24, YP 8.3.5.
    for (years, days) in [(1_u64, 30_u64), (4, 120), (12, 360)] {
        let mut world = World::new();
        let id = staking::genesis::open_position(&mut world.host, ALICE, def(36_000), years as u8, None, None).unwrap();
        let early = unlock(&mut world.host, ALICE, id).unwrap_err();
        assert!(matches!(early, StakingError::Running { .. }), "{early}");
        world.days(years * 365 - 1);
        assert!(!world.info(ALICE, id).ended);
        world.days(1);
        let p = world.info(ALICE, id);
        assert!(p.ended && p.finished_amount == def(36_000) && p.unlocked.is_zero());
        let nothing = unlock(&mut world.host, ALICE, id).unwrap_err();
        assert!(matches!(nothing, StakingError::NothingUnlocked { locked, .. } if !locked.is_zero()), "{nothing}");
        world.days(1);
        assert_eq!(unlock(&mut world.host, ALICE, id).unwrap(), def(36_000 / days));
        world.check();
        world.days(days - 2);
        assert_eq!(world.info(ALICE, id).unlocked, def(36_000 / days * (days - 2)));
        world.days(1);
        assert_eq!(unlock(&mut world.host, ALICE, id).unwrap(), def(36_000 / days * (days - 1)));
        assert_eq!(world.balance(ALICE), def(36_000));
        world.check();
    }
}

#[test]
fn a_daily_unlock_is_rounded_down_and_the_last_day_pays_the_rest() {
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(1_000), 1, None, None).unwrap();
    world.days(365);
    let mut paid = Amount::ZERO;
    for day in 1..=30_u128 {
        world.days(1);
        paid = paid.checked_add(unlock(&mut world.host, ALICE, id).unwrap()).unwrap();
        assert_eq!(paid.wei(), 1_000 * 10_u128.pow(18) * day / 30, "day {day}");
    }
    assert_eq!(paid, def(1_000));
    world.check();
    world.reach_month(202_703);
    staking::close(&mut world.host, ALICE, id).unwrap();
    assert_eq!(query::staked(&world.host).unwrap(), (Amount::ZERO, 0));
    world.check();
}

#[test]
fn what_is_locked_earns_once_weighs_nothing_and_what_is_unlocked_neither() {
    // D24: multiplier 1 for the locked part, no PoD weight.
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(12_000), 12, None, None).unwrap();
    let wei = |n: u64| def(n).to_u256();
    assert_eq!(beta(&world.host).unwrap(), wei(12_000 * 20));
    assert_eq!(beta_pod(&world.host).unwrap(), wei(12_000 * 12));
    world.days(12 * 365);
    assert_eq!(beta(&world.host).unwrap(), wei(12_000));
    assert_eq!(beta_pod(&world.host).unwrap(), U256::ZERO);
    assert_eq!(pod_weight(&world.host, ALICE, None).unwrap(), U256::ZERO);
    world.days(90);
    assert_eq!(beta(&world.host).unwrap(), wei(9_000));
    unlock(&mut world.host, ALICE, id).unwrap();
    assert_eq!(beta(&world.host).unwrap(), wei(9_000), "taking what is unlocked changes nothing");
    world.days(270);
    assert_eq!(beta(&world.host).unwrap(), U256::ZERO);
    world.check();
}

#[test]
fn what_unlocked_is_restaked_at_once_and_pays_attention_again() {
    // D22, D24.
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(3_000), 1, None, None).unwrap();
    let early = restake(&mut world.host, ALICE, id, 4).unwrap_err();
    assert!(matches!(early, StakingError::Running { .. }));
    world.days(375);
    let ids = restake(&mut world.host, ALICE, id, 4).unwrap();
    assert_eq!(world.info(ALICE, ids.main).amount, def(990));
    assert_eq!(world.info(ALICE, ids.attention.unwrap()).amount, def(10));
    assert_eq!(world.info(ALICE, id).amount, def(2_000));
    let e = world.attempt(|h| restake(h, ALICE, id, 4)).unwrap_err();
    assert_eq!(e, StakingError::TooLittle { amount: Amount::ZERO, min: def(1) });
    world.check();
    world.days(20);
    restake(&mut world.host, ALICE, id, 12).unwrap();
    assert_eq!(query::positions(&world.host, ALICE).unwrap().len(), 3, "the first one closed");
    assert_eq!(world.pool(Pool::Staking), def(3_000));
    world.check();
}

#[test]
fn an_extension_keeps_the_start_and_changes_both_betas_by_the_difference() {
    // D25, YP 4.2.2.
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(1_000), 4, None, None).unwrap();
    let start = world.info(ALICE, id).start;
    world.days(100);
    let (b, p) = (beta(&world.host).unwrap(), beta_pod(&world.host).unwrap());
    extend(&mut world.host, ALICE, id, 8).unwrap();
    assert_eq!(beta(&world.host).unwrap() - b, def(1_000 * (10 - 4)).to_u256());
    assert_eq!(beta_pod(&world.host).unwrap() - p, def(1_000 * (8 - 4)).to_u256());
    let info = world.info(ALICE, id);
    assert_eq!((info.start, info.years, info.end), (start, 8, Timestamp(start.0 + 8 * 365 * DAY)));
    for wanted in [8, 3] {
        let e = extend(&mut world.host, ALICE, id, wanted).unwrap_err();
        assert_eq!(e, StakingError::NotLonger { id, years: 8, wanted });
    }
    assert_eq!(extend(&mut world.host, ALICE, id, 13).unwrap_err(), StakingError::Term { years: 13 });
    world.check();
    world.days(8 * 365 - 100);
    let e = extend(&mut world.host, ALICE, id, 12).unwrap_err();
    assert!(matches!(e, StakingError::Ended { .. }), "after the end: restake");
    world.check();
}

#[test]
fn the_weight_of_the_paper_is_100000_and_five_percent() {
    // YP 4.1.3: 10,000 for 4 years and 5,000 for 12 years of a beta of 2,000,000.
    let mut world = World::new();
    let open = |world: &mut World, owner, amount, years| {
        staking::genesis::open_position(&mut world.host, owner, def(amount), years, None, None).unwrap()
    };
    open(&mut world, ALICE, 10_000, 4);
    open(&mut world, ALICE, 5_000, 12);
    open(&mut world, BOB, 190_000, 10);
    let weight = pod_weight(&world.host, ALICE, None).unwrap();
    assert_eq!(weight, def(100_000).to_u256());
    assert_eq!(beta_pod(&world.host).unwrap(), def(2_000_000).to_u256());
    assert_eq!(weight * U256::from(100), beta_pod(&world.host).unwrap() * U256::from(5));
    let (later, now) = (Timestamp(world.env.time.0 + 1), world.env.time);
    assert_eq!(pod_weight(&world.host, ALICE, Some(later)).unwrap(), weight);
    assert_eq!(pod_weight(&world.host, ALICE, Some(now)).unwrap(), U256::ZERO, "opened before, D36a");
}

#[test]
fn a_halted_chain_catches_up_over_years_in_one_block() {
    let mut world = World::new();
    for years in 1..=12 {
        world.stake(ALICE, def(1_000), years);
    }
    world.days(20 * 365);
    assert_eq!(beta(&world.host).unwrap(), U256::ZERO);
    world.check();
    let ids = staking::Desk::open(&world.host).unwrap().ids(&world.host, ALICE).unwrap();
    for id in ids {
        unlock(&mut world.host, ALICE, id).unwrap();
        world.check();
    }
    assert_eq!(world.balance(ALICE), def(12_000));
}

#[test]
fn changed_parameters_leave_running_unlocks_alone() {
    let mut world = World::new();
    let a = staking::genesis::open_position(&mut world.host, ALICE, def(3_000), 1, None, None).unwrap();
    let b = staking::genesis::open_position(&mut world.host, BOB, def(3_000), 2, None, None).unwrap();
    world.days(370);
    world.set_params(|p| p.unlock_days_per_year = 50);
    assert_eq!(world.info(ALICE, a).unlocked, def(500));
    world.days(365);
    assert_eq!(world.info(ALICE, a).unlocked, def(3_000));
    assert_eq!(world.info(BOB, b).unlocked, def(150));
    world.check();
}

#[test]
fn parameters_keep_their_bounds() {
    let params = StakingParams::default();
    assert!(params.problems().is_empty());
    assert!(params.with("attention", 1_001).is_err() && params.with("max_positions", 257).is_err());
    assert!(params.with("m3", 1).is_err(), "a longer term never earns less");
    assert_eq!(params.with("m12", 24).unwrap().multiplier(12), 24);
}

#[test]
fn genesis_says_what_is_wrong_with_it() {
    let position =
        |amount, years, owner| staking::genesis::GenesisPosition { owner, amount, years, start: None, validator: None };
    let section = staking::genesis::Section {
        params: StakingParams { max_positions: 300, ..StakingParams::default() },
        positions: vec![position(def(1), 13, ALICE), position(wei(5), 1, ALICE), position(def(1), 1, Address::ZERO)],
    };
    let problems = section.problems().join("\n");
    for part in ["max_positions is 300", "positions[0]: a term of 13", "positions[1]: 5 wei", "positions[2]: owner"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    let mut world = World::new();
    assert!(section.apply(&mut world.host).is_err());
    let late = Some(Timestamp(world.env.time.0 + 1_000));
    let e = staking::genesis::open_position(&mut world.host, ALICE, def(1), 1, late, None).unwrap_err();
    assert!(e.to_string().contains("after genesis"), "{e}");
    let old = Some(Timestamp(world.env.time.0 - 366 * DAY));
    let e = staking::genesis::open_position(&mut world.host, ALICE, def(1), 1, old, None).unwrap_err();
    assert!(e.to_string().contains("is over at genesis"), "{e}");
}

#[test]
fn ids_are_never_used_again() {
    let mut world = World::new();
    let id = staking::genesis::open_position(&mut world.host, ALICE, def(30), 1, None, None).unwrap();
    world.days(395);
    unlock(&mut world.host, ALICE, id).unwrap();
    assert_eq!(world.stake(ALICE, def(1), 12).main, PositionId(1));
    world.check();
}
