//! D26: snapshots, claims, compounding.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

#[path = "../../staking/tests/common/mod.rs"]
mod common;

use common::{ALICE, BOB, CAROL, DAY, TestHost, VALIDATOR, World, def, wei};
use defchain_base::{Amount, Month, Timestamp, U256, system::Pool};
use defchain_dividends::{self as dividends, DividendError, claim, claim_all, compound, query, set_auto_compound};
use defchain_staking::{self as staking, PositionId, StakingError, StakingParams};

fn begin(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::begin(host).map_err(|e| e.to_string())
}

fn end(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::end(host).map_err(|e| e.to_string())
}

fn world() -> World {
    World::with(StakingParams::default(), begin, end)
}

fn open(world: &mut World, owner: defchain_base::Address, amount: u64, years: u8) -> PositionId {
    staking::genesis::open_position(&mut world.host, owner, def(amount), years, None, None).unwrap()
}

#[track_caller]
fn check(world: &World) {
    world.check();
    let broken = dividends::invariants::check(&world.host, &world.env).unwrap();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_dividend_of_the_paper_is_2000() {
    // YP 8.4.2: 10,000 DEF for 8 years of a pool of 100,000 DEF and a beta of 5,000,000.
    let mut world = world();
    let id = open(&mut world, ALICE, 10_000, 8);
    open(&mut world, BOB, 245_000, 12);
    world.fill(Pool::Dividend, def(100_000));
    world.reach_month(202_602);
    let month = query::snapshot(&world.host, Month(202_602)).unwrap().unwrap();
    assert_eq!((month.pool, month.beta), (def(100_000), def(5_000_000).to_u256()));
    world.days(10);
    assert_eq!(query::dividend_of(&world.host, ALICE, id, world.env.time).unwrap(), def(2_000));
    assert_eq!(claim(&mut world.host, ALICE, id).unwrap(), def(2_000));
    assert_eq!(world.balance(ALICE), def(2_000));
    assert_eq!(world.pool(Pool::Dividend), def(98_000));
    let info = world.info(ALICE, id);
    assert_eq!((info.claimed_dividends, info.last_claimed), (def(2_000), Month(202_602)));
    check(&world);
    world.reach_month(202_603);
    assert_eq!(world.info(ALICE, id).claimed_dividends, Amount::ZERO, "reset when the month changes");
    assert_eq!(query::snapshot(&world.host, Month(202_603)).unwrap().unwrap().pool, def(98_000), "the rest stays");
}

#[test]
fn a_claim_twice_of_a_young_position_of_a_new_one_and_of_anothers_is_refused() {
    // D26, YP 4.2.3, 11.1.4.
    let mut world = world();
    let id = open(&mut world, ALICE, 10_000, 8);
    world.fill(Pool::Dividend, def(100));
    let new = DividendError::NotInSnapshot { id, month: Month(202_601) };
    assert_eq!(claim(&mut world.host, ALICE, id).unwrap_err(), new);
    world.reach_month(202_602);
    let age = (world.env.time.0 - common::START) / 1_000;
    let young = DividendError::TooYoung { id, age, least: 30 * 86_400 };
    assert_eq!(claim(&mut world.host, ALICE, id).unwrap_err(), young);
    assert!(young.to_string().contains("2592000 s"), "{young}");
    assert_eq!(query::dividend_of(&world.host, ALICE, id, world.env.time).unwrap(), Amount::ZERO);
    world.next(common::START + 30 * DAY - world.env.time.0 - 1);
    assert!(matches!(claim(&mut world.host, ALICE, id), Err(DividendError::TooYoung { .. })));
    world.next(1);
    let paid = claim(&mut world.host, ALICE, id).unwrap();
    assert_eq!(paid, def(100));
    let twice = DividendError::Claimed { id, month: Month(202_602), amount: paid };
    assert_eq!(claim(&mut world.host, ALICE, id).unwrap_err(), twice);
    assert_eq!(compound(&mut world.host, ALICE, id).unwrap_err(), twice);
    let none = StakingError::NoPosition { owner: BOB, id: 0 };
    assert_eq!(claim(&mut world.host, BOB, id).unwrap_err(), DividendError::Staking(none));
    let nothing = DividendError::NothingAtAll { positions: 1, month: Month(202_602) };
    assert_eq!(claim_all(&mut world.host, ALICE).unwrap_err(), nothing);
    check(&world);
}

#[test]
fn a_position_of_the_present_month_earns_from_the_next() {
    let mut world = world();
    open(&mut world, BOB, 100, 1);
    world.fill(Pool::Dividend, def(1_000));
    world.reach_month(202_602);
    let id = world.stake(ALICE, def(1_000), 12).main;
    world.days(27);
    let e = claim(&mut world.host, ALICE, id).unwrap_err();
    assert_eq!(e, DividendError::NotInSnapshot { id, month: Month(202_602) });
    world.reach_month(202_603);
    world.days(3);
    assert!(claim(&mut world.host, ALICE, id).is_ok());
    check(&world);
}

#[test]
fn nothing_is_paid_of_an_empty_pool_and_nothing_breaks_without_stakes() {
    let mut world = world();
    world.reach_month(202_602);
    let month = query::snapshot(&world.host, Month(202_602)).unwrap().unwrap();
    assert_eq!((month.pool, month.beta), (Amount::ZERO, U256::ZERO));
    let id = world.stake(ALICE, def(10), 12).main;
    world.reach_month(202_604);
    let e = claim(&mut world.host, ALICE, id).unwrap_err();
    assert!(matches!(e, DividendError::Nothing { pool: Amount::ZERO, .. }), "{e}");
    check(&world);
}

#[test]
fn claims_are_as_of_the_snapshot_whatever_came_after() {
    // D26: withdrawals, extensions, slashes and changed multipliers after the snapshot change nothing of its dividends.
    let mut world = world();
    let a = open(&mut world, ALICE, 12_000, 4);
    let b = open(&mut world, BOB, 12_000, 4);
    let c = staking::genesis::open_position(&mut world.host, CAROL, def(12_000), 4, None, Some(VALIDATOR)).unwrap();
    world.fill(Pool::Dividend, def(3_000));
    world.reach_month(202_603);
    let before = query::dividend_of(&world.host, ALICE, a, world.env.time).unwrap();
    assert_eq!(before, def(1_000));
    staking::withdraw(&mut world.host, ALICE, a).unwrap();
    staking::extend(&mut world.host, BOB, b, 12).unwrap();
    world.slash(VALIDATOR, 1, 2);
    world.set_params(|p| p.m4 = 5);
    world.days(3);
    world.slash(VALIDATOR, 1, 2);
    for (owner, id) in [(ALICE, a), (BOB, b), (CAROL, c)] {
        assert_eq!(claim(&mut world.host, owner, id).unwrap(), def(1_000));
        check(&world);
    }
    assert_eq!(world.pool(Pool::Dividend), Amount::ZERO);
    assert_eq!(world.info(CAROL, c).amount, def(3_000));
}

#[test]
fn claiming_all_pays_each_position_once() {
    let mut world = world();
    for years in [1, 2, 4] {
        open(&mut world, ALICE, 100, years);
    }
    open(&mut world, BOB, 300, 1);
    world.fill(Pool::Dividend, def(1_000));
    world.reach_month(202_603);
    let each = query::dividends(&world.host, ALICE, world.env.time).unwrap();
    assert_eq!(each.iter().map(|(_, d)| *d).collect::<Vec<_>>(), [def(100), def(200), def(400)]);
    claim(&mut world.host, ALICE, PositionId(1)).unwrap();
    world.stake(ALICE, def(5), 12);
    assert_eq!(claim_all(&mut world.host, ALICE).unwrap(), def(500));
    assert_eq!(world.balance(ALICE), def(700));
    let infos = query::dividend_infos(&world.host, ALICE, world.env.time).unwrap();
    assert_eq!((infos[1].claimed, infos[1].claimable), (def(200), Amount::ZERO));
    assert!(infos[3].reason.as_ref().unwrap().contains("was not there when month 202603 began"));
    check(&world);
}

#[test]
fn compounding_raises_amount_and_initial_amount_of_the_same_position() {
    // D26, YP 8.4.3.
    let mut world = world();
    let id = open(&mut world, ALICE, 1_000, 12);
    world.fill(Pool::Dividend, def(50));
    world.reach_month(202_603);
    let staked = world.pool(Pool::Staking);
    assert_eq!(compound(&mut world.host, ALICE, id).unwrap(), def(50));
    let info = world.info(ALICE, id);
    assert_eq!((info.amount, info.initial_amount, info.claimed_dividends), (def(1_050), def(1_050), def(50)));
    assert_eq!(world.pool(Pool::Staking), staked.checked_add(def(50)).unwrap());
    assert_eq!(world.pool(Pool::Dividend), Amount::ZERO);
    assert_eq!(staking::query::positions(&world.host, ALICE).unwrap().len(), 1);
    check(&world);
}

#[test]
fn flagged_positions_compound_every_month_and_leave_at_their_end() {
    let mut world = world();
    let id = open(&mut world, ALICE, 1_000, 1);
    set_auto_compound(&mut world.host, ALICE, id, true).unwrap();
    set_auto_compound(&mut world.host, ALICE, id, true).unwrap();
    check(&world);
    let mut amount = def(1_000);
    for month in 202_602..=202_612 {
        world.fill(Pool::Dividend, def(10));
        world.reach_month(month);
        // February's is due on the day it is 30 days old.
        world.days(9);
        world.next(1);
        amount = amount.checked_add(def(10)).unwrap();
        assert_eq!(world.info(ALICE, id).amount, amount, "{month}");
        check(&world);
    }
    world.reach_month(202_703);
    world.next(1);
    let info = world.info(ALICE, id);
    assert!(info.ended && !info.auto_compound);
    let e = set_auto_compound(&mut world.host, ALICE, id, true).unwrap_err();
    assert!(matches!(e, DividendError::Staking(StakingError::Ended { .. })), "{e}");
    check(&world);
}

#[test]
fn the_compound_queue_is_bounded_and_comes_to_everyone() {
    let mut world = world();
    world.set_params(|p| p.compound_per_block = 3);
    let ids: Vec<_> = (0..10).map(|_| open(&mut world, ALICE, 100, 12)).collect();
    for id in &ids {
        set_auto_compound(&mut world.host, ALICE, *id, true).unwrap();
    }
    set_auto_compound(&mut world.host, ALICE, ids[9], false).unwrap();
    world.next(25 * DAY);
    world.next(1);
    world.fill(Pool::Dividend, def(1_000));
    world.reach_month(202_603);
    let grown = |w: &World| ids.iter().filter(|id| w.info(ALICE, **id).amount > def(100)).count();
    for expected in [3, 6, 9, 9] {
        world.next(1_000);
        assert_eq!(grown(&world), expected);
        check(&world);
    }
    assert_eq!(world.info(ALICE, ids[0]).amount, def(200));
}

#[test]
fn a_flag_set_during_the_month_takes_this_months_dividend_too() {
    let mut world = world();
    let id = open(&mut world, ALICE, 100, 12);
    world.fill(Pool::Dividend, def(10));
    world.reach_month(202_603);
    set_auto_compound(&mut world.host, ALICE, id, true).unwrap();
    world.next(1);
    assert_eq!(world.info(ALICE, id).amount, def(110));
    let e = set_auto_compound(&mut world.host, BOB, id, true).unwrap_err();
    assert_eq!(e.to_string(), format!("{BOB} has no open position 0"));
    check(&world);
}

#[test]
fn the_locked_part_of_an_ended_position_earns_at_multiplier_one() {
    // D24.
    let mut world = world();
    let a = open(&mut world, ALICE, 3_000, 1);
    open(&mut world, BOB, 1_000, 12);
    // It ends on 2027-01-10; on February 1st 22 of 30 days have unlocked.
    world.reach_month(202_701);
    world.fill(Pool::Dividend, def(20_800));
    world.reach_month(202_702);
    let month = query::snapshot(&world.host, Month(202_702)).unwrap().unwrap();
    assert_eq!(month.beta, def(800 + 20_000).to_u256());
    staking::unlock(&mut world.host, ALICE, a).unwrap();
    world.days(9);
    staking::unlock(&mut world.host, ALICE, a).unwrap();
    let info = world.info(ALICE, a);
    assert!(info.amount.is_zero() && info.ended, "it stays open for its dividend");
    assert_eq!(claim(&mut world.host, ALICE, a).unwrap(), def(800));
    let gone = StakingError::NoPosition { owner: ALICE, id: 0 };
    assert_eq!(claim(&mut world.host, ALICE, a).unwrap_err(), DividendError::Staking(gone));
    check(&world);
}

#[test]
fn an_empty_position_can_be_closed_by_anyone_when_its_month_is_over() {
    let mut world = world();
    let a = open(&mut world, ALICE, 3_000, 1);
    open(&mut world, BOB, 1_000, 12);
    world.fill(Pool::Dividend, def(20_800));
    world.reach_month(202_702);
    world.days(9);
    staking::unlock(&mut world.host, ALICE, a).unwrap();
    let e = staking::close(&mut world.host, ALICE, a).unwrap_err();
    let (amount, claimable) = (Amount::ZERO, Amount::ZERO);
    assert_eq!(e, StakingError::NotEmpty { id: a, amount, claimable, month: Month(202_702) });
    world.reach_month(202_703);
    staking::close(&mut world.host, ALICE, a).unwrap();
    check(&world);
    let e = staking::close(&mut world.host, BOB, PositionId(0)).unwrap_err();
    assert!(e.to_string().contains("1000000000000000000000 wei"), "{e}");
}

#[test]
fn each_month_keeps_its_history() {
    let mut world = world();
    open(&mut world, ALICE, 10, 1);
    for month in [202_602, 202_603, 202_604] {
        world.fill(Pool::Dividend, wei(7));
        world.reach_month(month);
    }
    let months = query::months(&world.host, Month(202_602), 2).unwrap();
    let pools: Vec<_> = months.iter().map(|(month, s)| (month.0, s.pool.wei())).collect();
    assert_eq!(pools, [(202_602, 7), (202_603, 14)]);
    assert_eq!(query::month(&world.host).unwrap(), Month(202_604));
    assert!(query::snapshot(&world.host, Month(202_512)).unwrap().is_none());
}

#[test]
fn short_months_are_days_long() {
    // D3: `month_days` for local networks.
    let params = StakingParams { month_days: 4, dividend_min_days: 1, ..StakingParams::default() };
    let mut world = World::with(params, begin, end);
    let id = open(&mut world, ALICE, 10, 12);
    world.fill(Pool::Dividend, def(1));
    let first = query::month(&world.host).unwrap();
    world.days(4);
    assert_eq!(query::month(&world.host).unwrap().0, first.0 + 1);
    assert_eq!(claim(&mut world.host, ALICE, id).unwrap(), def(1));
    world.days(1);
    set_auto_compound(&mut world.host, ALICE, id, true).unwrap();
    world.fill(Pool::Dividend, def(1));
    world.days(4);
    world.next(1);
    assert_eq!(world.info(ALICE, id).amount, def(11));
    check(&world);
}

#[test]
fn genesis_flags_positions_and_says_what_is_wrong() {
    let entry = dividends::genesis::AutoCompound { owner: ALICE, id: PositionId(0) };
    let section = dividends::genesis::Section { auto_compound: vec![entry, entry] };
    assert!(section.problems()[0].contains("auto_compound[1]"));
    let section = dividends::genesis::Section { auto_compound: vec![entry] };
    let mut world = world();
    assert!(section.apply(&mut world.host).is_err(), "there is no such position");
    let id = open(&mut world, ALICE, 100, 12);
    section.apply(&mut world.host).unwrap();
    world.fill(Pool::Dividend, def(10));
    world.reach_month(202_603);
    world.next(1);
    assert_eq!(world.info(ALICE, id).amount, def(110));
    check(&world);
}

#[test]
fn views_answer_on_a_chain_without_any_month() {
    let host = defchain_token::BlockHost::new(
        defchain_base::Overlay::new(defchain_base::EmptyState),
        defchain_base::BlockEnv::default(),
    );
    assert!(query::dividends(&host, ALICE, Timestamp(0)).unwrap().is_empty());
}

#[test]
fn every_function_has_its_signatures_selector_and_stands_in_the_interface() {
    let entries = [dividends::ENTRY, dividends::CALCULATOR_ENTRY, staking::POD_WEIGHT_ENTRY, staking::POSITIONS_ENTRY];
    for entry in entries {
        let mut seen = std::collections::BTreeSet::new();
        for f in entry.functions() {
            let hash = alloy_primitives::keccak256(f.signature);
            assert_eq!(f.selector[..], hash[..4], "{}", f.signature);
            let name = f.signature.split('(').next().unwrap();
            assert!(entry.interface.contains(&format!("function {name}(")), "{name}");
            assert!(seen.insert(f.selector), "{} stands twice", f.signature);
        }
        assert_eq!(entry.interface.matches("    function ").count(), seen.len(), "{}", entry.name);
    }
    let releases: Vec<_> = dividends::ENTRY.functions().iter().filter(|f| f.releases).map(|f| f.signature).collect();
    let expected = [
        "withdraw(uint256)",
        "withdrawPart(uint256,uint256)",
        "unlock(uint256)",
        "claimDividends(uint256)",
        "claimAllDividends()",
    ];
    assert_eq!(releases, expected, "D26a");
}
