//! Whatever moves, supply equals balances, pools and what the block has not yet credited (D4).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use alloy_sol_types::SolEvent;
use common::{HOUR, World, address};
use defchain_base::{Amount, system::Pool};
use defchain_token::{
    BlockTotals, IToken, Ledger, Movement, MovementKind, Payees, Shares, TokenError, TokenParams, end_of_block,
    set_exempt, state::TokenRead,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Move { from: u8, to: u8, percent: u8, carried: bool },
    Pay { from: u8, to: u8, percent: u8, referred: bool },
    Settle { who: u8 },
    Burn { from: u8, percent: u8 },
    Gas { from: u8, percent: u8 },
    Exempt { who: u8, on: bool },
    EndBlock { operator: Option<u8> },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (0..60 * HOUR).prop_map(Op::Wait),
        4 => (0..10u8, 0..10u8, 0..=100u8, any::<bool>())
            .prop_map(|(from, to, percent, carried)| Op::Move { from, to, percent, carried }),
        4 => (0..10u8, 0..10u8, 0..=100u8, any::<bool>())
            .prop_map(|(from, to, percent, referred)| Op::Pay { from, to, percent, referred }),
        1 => (0..10u8).prop_map(|who| Op::Settle { who }),
        1 => (0..10u8, 0..=100u8).prop_map(|(from, percent)| Op::Burn { from, percent }),
        2 => (0..9u8, 0..=10u8).prop_map(|(from, percent)| Op::Gas { from, percent }),
        1 => (0..9u8, any::<bool>()).prop_map(|(who, on)| Op::Exempt { who, on }),
        2 => prop::option::of(0..9u8).prop_map(|operator| Op::EndBlock { operator }),
    ]
}

/// The movement of an operation, if it is one.
fn movement(world: &World, op: &Op) -> Option<Movement> {
    let share = |from: u8, percent: u8| {
        world.host.effective_balance(&address(from), world.now()).unwrap().mul_div_floor(percent.into(), 100).unwrap()
    };
    Some(match *op {
        Op::Move { from, to, percent, carried } => {
            let kind = if carried { MovementKind::Carried } else { MovementKind::Fresh };
            Movement::Transfer { from: address(from), to: address(to), amount: share(from, percent), kind }
        }
        Op::Pay { from, to, percent, referred } => {
            let gross = share(from, percent);
            let mut shares = world.params.commission.on(gross, referred).unwrap();
            // A referrer's part is a transfer of its own; here it burns with the rest.
            shares.shares.burned = shares.shares.burned.checked_add(shares.reward).unwrap();
            let shares = shares.shares;
            let amount = gross.checked_sub(shares.total().unwrap()).unwrap();
            Movement::Paid { from: address(from), to: address(to), amount, shares }
        }
        Op::Settle { who } => Movement::Settle { account: address(who) },
        Op::Burn { from, percent } => Movement::Burn { from: address(from), amount: share(from, percent) },
        Op::Gas { from, percent } => Movement::Gas { from: address(from), amount: share(from, percent) },
        Op::Wait(_) | Op::EndBlock { .. } | Op::Exempt { .. } => return None,
    })
}

/// What a movement does to the effective balance of account `n`.
fn expected(movement: &Movement, n: u8, before: Amount) -> u128 {
    let me = address(n);
    let (from, to, out, arrives) = match *movement {
        Movement::Transfer { from, to, amount, .. } => (from, Some(to), amount.wei(), amount.wei()),
        Movement::Paid { from, to, amount, shares } => {
            (from, Some(to), amount.wei() + shares.total().unwrap().wei(), amount.wei())
        }
        Movement::Burn { from, amount } | Movement::Gas { from, amount } => (from, None, amount.wei(), 0),
        Movement::Settle { .. } => return before.wei(),
    };
    let mut balance = before.wei();
    if from == me {
        balance -= out;
    }
    if to == Some(me) {
        balance += arrives;
    }
    balance
}

fn end(world: &mut World, gas: &mut Amount, operator: Option<u8>) -> Result<(), TestCaseError> {
    let operator = operator.map(address);
    let tips = gas.mul_div_floor(1, 3).unwrap();
    let totals = BlockTotals { base_fees: gas.checked_sub(tips).unwrap(), tips, shares: world.shares };
    let supply = world.host.total_supply().unwrap();
    let done = end_of_block(&mut world.host, &totals, Payees { gas_share: operator, tips: operator }).unwrap();
    (*gas, world.shares) = (Amount::ZERO, Shares::default());
    prop_assert!(operator.is_some() || done.split.proposer.is_zero());
    prop_assert_eq!(world.host.total_supply().unwrap(), supply.checked_sub(done.burned).unwrap());
    prop_assert_eq!(world.broken(), Vec::<String>::new());
    Ok(())
}

fn run(params: &TokenParams, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut world = World::new(params.clone());
    for n in 0..6 {
        world.give(address(n), Amount::from_def(1_000 * u64::from(n)));
    }
    let mut gas = Amount::ZERO;
    for op in ops {
        match op {
            Op::Wait(ms) => world.wait(ms),
            Op::EndBlock { operator } => end(&mut world, &mut gas, operator)?,
            Op::Exempt { who, on } => {
                let before = world.spendable(address(who));
                set_exempt(&mut world.host, address(who), on).unwrap();
                prop_assert_eq!(world.spendable(address(who)), before, "a list changes nobody's balance");
                prop_assert_eq!(world.record(address(who)).no_decay, on);
            }
            op => {
                let Some(movement) = movement(&world, &op) else { continue };
                if let Movement::Gas { amount, .. } = movement {
                    gas = gas.checked_add(amount).unwrap();
                }
                let balances: Vec<Amount> =
                    (0..10).map(|n| world.host.effective_balance(&address(n), world.now()).unwrap()).collect();
                world.apply(movement);
                let pending = gas.wei() + world.shares.total().unwrap().wei();
                prop_assert_eq!(world.host.total_supply().unwrap().wei(), world.held() + pending);
                for n in 0..10 {
                    let expected = expected(&movement, n, balances[usize::from(n)]);
                    prop_assert_eq!(world.spendable(address(n)), expected, "account {}", n);
                }
            }
        }
    }
    end(&mut world, &mut gas, Some(1))
}

proptest! {
    #[test]
    fn supply_is_conserved_with_the_paper_s_table(ops in prop::collection::vec(op(), 1..50)) {
        run(&TokenParams::economy(), ops)?;
    }

    #[test]
    fn supply_is_conserved_with_plain_money(ops in prop::collection::vec(op(), 1..50)) {
        run(&TokenParams::plain(), ops)?;
    }
}

#[test]
fn carried_money_keeps_its_age_and_fresh_money_does_not() {
    for (kind, expected) in [(MovementKind::Carried, 93), (MovementKind::Fresh, 97)] {
        let mut world = World::new(TokenParams::economy());
        world.give(address(0), Amount::from_def(100));
        // Two days old: 97 left. One more day: carried money is worth 93, fresh money 99 % of 97.
        world.wait(48 * HOUR);
        let amount = Amount::from_def(97);
        world.apply(Movement::Transfer { from: address(0), to: address(1), amount, kind });
        world.wait(24 * HOUR);
        let fresh = Amount::from_def(97).mul_div_floor(99, 100).unwrap();
        let expected = if expected == 93 { Amount::from_def(93) } else { fresh };
        assert_eq!(world.spendable(address(1)), expected.wei());
        assert_eq!(world.host.account(&address(0)).unwrap(), None, "an empty account leaves state");
    }
}

#[test]
fn a_movement_above_the_spendable_balance_is_refused_with_both_figures() {
    let params = TokenParams::economy();
    let world = World::new(params.clone());
    let mut ledger = Ledger::new(&params, world.now());
    ledger.credit_fresh(&world.host, &address(0), Amount::from_wei(5)).unwrap();
    let movement = Movement::Burn { from: address(0), amount: Amount::from_wei(7) };
    assert_eq!(
        ledger.apply(&world.host, &movement),
        Err(TokenError::Insufficient { address: address(0), have: Amount::from_wei(5), want: Amount::from_wei(7) })
    );
}

/// D2, D17: money at the end of what 128 bits hold is refused, not wrapped.
#[test]
fn a_credit_above_128_bits_is_refused() {
    let mut world = World::new(TokenParams::economy());
    world.give(address(0), Amount::MAX);
    let mut ledger = Ledger::new(&world.params, world.now());
    let refused = ledger.credit_fresh(&world.host, &address(0), Amount::from_wei(1)).unwrap_err();
    assert!(refused.to_string().contains("exceed 2^128 - 1 wei"), "{refused}");
    // The whole of it still moves, decays and pays.
    world.wait(HOUR * 24);
    assert_eq!(world.spendable(address(0)), Amount::MAX.mul_div_floor(99, 100).unwrap().wei());
    let commission = world.params.commission.on(Amount::MAX, false).unwrap();
    assert_eq!(commission.total().unwrap(), Amount::MAX.mul_div_floor(5, 100).unwrap());
}

/// D19: 20 % burned, 30 % dividend, 30 % proposer, 20 % treasury; tips are the operator's, less 5 %.
#[test]
fn the_fees_of_a_block_go_where_d19_says() {
    let mut world = World::new(TokenParams::economy());
    world.give(address(0), Amount::from_def(2_000));
    world.apply(Movement::Gas { from: address(0), amount: Amount::from_def(2_000) });
    let totals =
        BlockTotals { base_fees: Amount::from_def(1_000), tips: Amount::from_def(1_000), shares: Shares::default() };
    let payees = Payees { gas_share: Some(Pool::Validators.address()), tips: Some(address(1)) };
    let done = end_of_block(&mut world.host, &totals, payees).unwrap();
    let pool = |pool| world.host.pool(pool).unwrap();
    // The tips' commission: 10 burned, 10 dividend, 10 technical, 20 marketing.
    assert_eq!(pool(Pool::Validators), Amount::from_def(300));
    assert_eq!(pool(Pool::Treasury), Amount::from_def(200));
    assert_eq!(pool(Pool::Dividend), Amount::from_def(310));
    assert_eq!(pool(Pool::Technical), Amount::from_def(10));
    assert_eq!(pool(Pool::Marketing), Amount::from_def(20));
    assert_eq!(world.spendable(address(1)), Amount::from_def(950).wei());
    assert_eq!((done.burned, done.tip_commission), (Amount::from_def(210), Amount::from_def(50)));
    assert_eq!(world.broken(), Vec::<String>::new());
}

/// D21: the losses that a tip takes from its payee, and the commission on it, are events of the block.
#[test]
fn tips_and_the_losses_they_take_are_events_of_the_block() {
    let mut world = World::new(TokenParams::economy());
    world.give(address(1), Amount::from_def(100));
    world.wait(48 * HOUR);
    world.give(address(0), Amount::from_def(10));
    world.apply(Movement::Gas { from: address(0), amount: Amount::from_def(10) });
    let totals = BlockTotals { tips: Amount::from_def(10), ..BlockTotals::default() };
    let payees = Payees { gas_share: None, tips: Some(address(1)) };
    end_of_block(&mut world.host, &totals, payees).unwrap();
    let (_, events, _) = world.host.into_parts();
    let settled: Vec<_> = events.iter().filter_map(|log| IToken::Settled::decode_log(log).ok()).collect();
    let half = Amount::from_wei(1_500_000_000_000_000_000).to_u256();
    assert_eq!(settled.len(), 1, "{events:?}");
    assert_eq!((settled[0].account, settled[0].burned, settled[0].toDividendPool), (address(1), half, half));
    let paid: Vec<_> = events.iter().filter_map(|log| IToken::Commission::decode_log(log).ok()).collect();
    assert_eq!(paid.len(), 1, "{events:?}");
    assert_eq!((paid[0].payer, paid[0].recipient), (defchain_base::Address::ZERO, address(1)));
    assert_eq!((paid[0].amount, paid[0].onTop), (Amount::from_wei(500_000_000_000_000_000).to_u256(), false));
}

/// D19: income of a validator removed meanwhile burns.
#[test]
fn without_a_proposer_its_part_burns() {
    let mut world = World::new(TokenParams::economy());
    world.give(address(0), Amount::from_def(2_000));
    world.apply(Movement::Gas { from: address(0), amount: Amount::from_def(2_000) });
    let sum = Amount::from_def(1_000);
    let totals = BlockTotals { base_fees: sum, tips: sum, shares: Shares::default() };
    let done = end_of_block(&mut world.host, &totals, Payees::default()).unwrap();
    assert_eq!(done.burned, Amount::from_def(200 + 300 + 1_000));
    assert_eq!(world.broken(), Vec::<String>::new());
}
