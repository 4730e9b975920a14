//! D15: lazy and exact; what nobody touches leaves supply and state, a bounded number a block.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::{DAY, HOUR, World, address};
use defchain_base::{Address, AgeMillis, Amount, system::Pool};
use defchain_token::{
    BurnTable, Movement, MovementKind, Shares, TokenParams, add_burn_table, set_exempt, state::TokenRead,
};
use proptest::prelude::*;

const BIG: u128 = 1_000_000_000_000;

fn numbered(n: u32) -> Address {
    let mut bytes = [7; 20];
    bytes[16..].copy_from_slice(&n.to_be_bytes());
    Address::new(bytes)
}

/// YP 8.1.1: 1,000 on day 0 and 500 on day 3 are 1,430 then, and 1,195 on day 5; more cannot be sent.
#[test]
fn the_paper_s_example_of_portions() {
    let mut world = World::new(TokenParams::economy());
    let me = address(0);
    world.give(me, Amount::from_def(1_000));
    world.wait(3 * DAY);
    world.give(me, Amount::from_def(500));
    assert_eq!(world.spendable(me), Amount::from_def(1_430).wei());
    // The paper's "burned 70": half to the dividend pool, half for nobody (YP 8.1.3, D12).
    assert_eq!(world.shares, Shares { dividend: Amount::from_def(35), ..Shares::burning(Amount::from_def(35)) });
    world.wait(2 * DAY);
    assert_eq!(world.spendable(me), Amount::from_def(1_195).wei());
    let mut ledger = defchain_token::Ledger::new(&world.params, world.now());
    let want = Amount::from_def(1_200);
    let refused = ledger.apply(&world.host, &Movement::Burn { from: me, amount: want }).unwrap_err();
    assert!(refused.to_string().contains("can spend 1195000000000000000000 wei, 1200000000000000000000 wei wanted"));
    world.apply(Movement::Burn { from: me, amount: Amount::from_def(1_195) });
    assert_eq!(world.spendable(me), 0);
}

/// D15: what ended leaves account, index and supply, and the cursor follows.
#[test]
fn idle_dust_leaves_both_supply_and_state() {
    let mut world = World::new(TokenParams::economy());
    for n in 0..50 {
        world.give(numbered(n), Amount::from_wei(u128::from(n) + 1));
    }
    world.wait(8 * DAY - 1);
    assert_eq!((world.sweep(), world.places()), (0, 50), "not before the end");
    world.wait(1);
    assert_eq!(world.sweep(), 50);
    assert_eq!((world.places(), world.held()), (0, 0));
    assert_eq!(world.host.account(&numbered(3)).unwrap(), None);
    assert_eq!(world.broken(), Vec::<String>::new());
    let supply = world.host.total_supply().unwrap();
    assert_eq!(supply, world.host.pool(Pool::Dividend).unwrap(), "all there is now is the pool's half");
    assert_eq!(world.sweep(), 0, "nothing is taken twice");
}

/// D15: an account that moves every hour has one place and costs the index two writes in eight days.
#[test]
fn an_account_that_moves_keeps_its_place_until_it_comes() {
    let mut world = World::new(TokenParams::economy());
    let (a, b) = (address(0), address(1));
    world.give(a, Amount::from_def(1_000));
    let place = world.record(a).sweep_at;
    assert_eq!(place, AgeMillis(8 * DAY));
    for _ in 0..8 * 24 - 1 {
        world.wait(HOUR);
        let amount = Amount::from_wei(world.spendable(a) / 2);
        world.apply(Movement::Transfer { from: a, to: b, amount, kind: MovementKind::Fresh });
        let back = Amount::from_wei(world.spendable(b) / 3);
        world.apply(Movement::Transfer { from: b, to: a, amount: back, kind: MovementKind::Fresh });
        assert_eq!((world.record(a).sweep_at, world.places(), world.sweep()), (place, 2, 0));
    }
    world.wait(HOUR);
    assert_eq!(world.sweep(), 1, "its place came");
    assert!(world.record(a).sweep_at > world.now() && world.places() == 2);
    assert_eq!(world.broken(), Vec::<String>::new());
}

/// D15, D17a: money that is carried in older than what was there is swept when it ends, not when the account's own does.
#[test]
fn carried_money_moves_the_place_forward() {
    let mut world = World::new(TokenParams::economy());
    let (old, young) = (address(0), address(1));
    world.give(old, Amount::from_def(10));
    world.wait(5 * DAY);
    world.give(young, Amount::from_def(10));
    let amount = Amount::from_def(1);
    world.apply(Movement::Transfer { from: old, to: young, amount, kind: MovementKind::Carried });
    assert_eq!(world.record(young).sweep_at, AgeMillis(8 * DAY));
    world.wait(3 * DAY);
    assert_eq!(world.sweep(), 2);
    assert_eq!(world.record(young).sweep_at, AgeMillis(13 * DAY));
    assert_eq!(world.broken(), Vec::<String>::new());
}

/// Sweep stays bounded per block whatever the backlog, and takes the earliest first.
#[test]
fn a_backlog_is_worked_off_in_bounded_steps() {
    let mut world = World::new(TokenParams { sweep_limit: 1_000, ..TokenParams::economy() });
    for n in 0..2_500 {
        world.give(numbered(n), Amount::from_wei(BIG));
    }
    world.wait(20 * DAY);
    assert_eq!([world.sweep(), world.sweep(), world.sweep(), world.sweep()], [1_000, 1_000, 500, 0]);
    assert_eq!((world.places(), world.spendable(numbered(7))), (0, 0));
    assert_eq!(world.broken(), Vec::<String>::new());
}

/// D13: an account with thousands of tiny receipts costs what one with 201 does.
#[test]
fn thousands_of_tiny_receipts_are_a_bounded_number_of_portions() {
    let mut world = World::new(TokenParams::economy());
    let (me, dusty) = (address(0), address(1));
    world.give(dusty, Amount::from_wei(BIG));
    for n in 0..5_000_u64 {
        world.wait(97_001);
        world.give(me, Amount::from_wei(BIG + u128::from(n)));
        world.give(dusty, Amount::from_wei(1));
    }
    let record = world.record(me);
    assert!(record.portions.as_slice().len() <= 201, "{}", record.portions.as_slice().len());
    assert_eq!(world.record(dusty).portions.as_slice().len(), 1, "a credit below min_portion joins the newest");
    world.sweep();
    assert_eq!(world.broken(), Vec::<String>::new());
}

/// D16: on the list nothing is lost; entering settles first, leaving makes one fresh portion, neither zeroes it.
#[test]
fn who_does_not_decay_keeps_what_it_had_when_it_came() {
    let mut world = World::new(TokenParams::economy());
    let me = address(0);
    world.give(me, Amount::from_def(100));
    world.wait(DAY);
    world.give(me, Amount::from_def(100));
    assert!(set_exempt(&mut world.host, me, true).unwrap());
    assert!(!set_exempt(&mut world.host, me, true).unwrap(), "twice is once");
    assert_eq!(world.spendable(me), Amount::from_def(199).wei());
    assert_eq!((world.record(me).portions.as_slice().len(), world.sweep()), (1, 0));
    world.wait(100 * DAY);
    world.sweep();
    world.give(me, Amount::from_def(1));
    assert_eq!(world.spendable(me), Amount::from_def(200).wei());
    assert!(set_exempt(&mut world.host, me, false).unwrap());
    let only = world.record(me).portions.as_slice().to_vec();
    assert_eq!((only.len(), only[0].received_at), (1, world.now()), "one fresh portion");
    world.wait(DAY);
    assert_eq!(world.spendable(me), Amount::from_def(198).wei());
    assert_eq!(world.broken(), Vec::<String>::new());
    let refused = set_exempt(&mut world.host, Pool::Staking.address(), true).unwrap_err().to_string();
    assert!(refused.contains("system addresses"), "{refused}");
}

/// D4: found by the simulator. What governance's step settles leaves the supply, and must be in what the block says it burned.
#[test]
fn what_burns_on_the_way_onto_the_list_counts_as_burned() {
    let mut world = World::new(TokenParams::economy());
    world.give(address(0), Amount::from_def(100));
    world.wait(DAY);
    let before = world.host.total_supply().unwrap();
    assert!(set_exempt(&mut world.host, address(0), true).unwrap());
    let lost = before.checked_sub(world.host.total_supply().unwrap()).unwrap();
    let half = Amount::from_wei(Amount::ONE_DEF.wei() / 2);
    assert_eq!((lost, world.host.burned(), world.host.pool(Pool::Dividend).unwrap()), (half, half, half));
}

/// D11: a changed table applies to what is received from the next hour on; each portion keeps its version.
#[test]
fn a_changed_burn_table_leaves_what_was_received_before_alone() {
    let mut world = World::new(TokenParams::economy());
    let harsh = BurnTable([100, 50, 0, 0, 0, 0, 0, 0, 0]);
    world.wait(HOUR / 2);
    world.give(address(0), Amount::from_def(100));
    let version = add_burn_table(&mut world.host, harsh).unwrap();
    assert_eq!(version.since, AgeMillis(HOUR));
    let refused = add_burn_table(&mut world.host, BurnTable([100, 50, 60, 0, 0, 0, 0, 0, 0])).unwrap_err();
    assert!(refused.to_string().contains("never increase (D11)"), "{refused}");
    // A second thought within the same hour replaces the first.
    let harsh = BurnTable([100, 40, 0, 0, 0, 0, 0, 0, 0]);
    add_burn_table(&mut world.host, harsh).unwrap();
    world.params = world.host.token_params().unwrap();
    assert_eq!(world.params.tables.len(), 2);
    world.give(address(1), Amount::from_def(100));
    world.wait(HOUR);
    world.give(address(2), Amount::from_def(100));
    world.give(address(0), Amount::from_def(100));
    assert_eq!(world.record(address(0)).sweep_at, AgeMillis(HOUR + HOUR / 2 + 2 * DAY), "the new money ends first");
    world.wait(DAY);
    assert_eq!(world.spendable(address(1)), Amount::from_def(99).wei());
    assert_eq!(world.spendable(address(2)), Amount::from_def(40).wei());
    assert_eq!(world.spendable(address(0)), Amount::from_def(99 + 40).wei());
    world.wait(DAY);
    assert_eq!(world.sweep(), 2);
    assert_eq!(world.spendable(address(0)), Amount::from_def(97).wei());
    assert_eq!(world.broken(), Vec::<String>::new());
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Daily,
    Once,
    Sweep,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// D15: settling every day, once at the end, or never but by the sweep, gives the same to the wei.
    #[test]
    fn settling_daily_once_or_by_sweep_is_the_same(
        credits in prop::collection::vec((0..4u8, 1..50 * BIG, 0..6 * DAY), 1..20),
        spends in prop::collection::vec((0..4u8, 0..100u8, 0..14 * DAY), 0..8),
    ) {
        let mut ends = Vec::new();
        for way in [Way::Daily, Way::Once, Way::Sweep] {
            let mut world = World::new(TokenParams::economy());
            for hour in 0..16 * 24 {
                for (who, amount, _) in credits.iter().filter(|c| c.2 / HOUR == hour) {
                    world.give(address(*who), Amount::from_wei(*amount));
                }
                for (who, percent, _) in spends.iter().filter(|s| s.2 / HOUR == hour) {
                    let amount = Amount::from_wei(world.spendable(address(*who))).mul_div_floor((*percent).into(), 100);
                    world.apply(Movement::Gas { from: address(*who), amount: amount.unwrap() });
                }
                match way {
                    Way::Daily if hour % 24 == 7 => (0..4).for_each(|n| world.settle(address(n))),
                    Way::Sweep => { world.sweep(); }
                    _ => {}
                }
                world.wait(HOUR);
            }
            // All has ended by now. Only the sweep has taken it without being asked.
            match way {
                Way::Daily | Way::Once => (0..4).for_each(|n| world.settle(address(n))),
                Way::Sweep => prop_assert_eq!(world.places(), 0),
            }
            for n in 0..4 { prop_assert!(world.record(address(n)).portions.is_empty()); }
            let shares = world.shares;
            // Supply is short of the gas that left, and of nothing else.
            prop_assert_eq!(world.places() == 0 || !matches!(way, Way::Sweep), true);
            ends.push(shares);
        }
        prop_assert_eq!(ends[0], ends[1]);
        prop_assert_eq!(ends[0], ends[2]);
    }
}
