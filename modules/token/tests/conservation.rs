//! Whatever moves, supply equals balances, pools and gas that is not yet distributed (D4).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use defchain_base::{
    Address, AgeMillis, Amount, EmptyState, Overlay, StateRead, Substore, read_exact_value, system::Pool,
};
use defchain_token::{
    AccountRecord, Ledger, Movement, MovementKind, Portions, TokenError, TokenParams, credit_tips,
    distribute_base_fees,
    state::{TokenRead, TokenWrite},
};
use proptest::prelude::*;

const HOUR: u64 = 3_600_000;

fn address(n: u8) -> Address {
    if n == 9 { Pool::Technical.address() } else { Address::repeat_byte(n + 1) }
}

/// Σ nominal balances + Σ pools.
fn held(state: &impl StateRead, params: &TokenParams) -> u128 {
    let accounts = state.range_raw(Substore::Evm, b"a", b"b", 1_000).unwrap();
    let balances: u128 = accounts
        .iter()
        .map(|(_, v)| read_exact_value::<AccountRecord>(v).unwrap().nominal_balance(params).unwrap().wei())
        .sum();
    balances + Pool::ALL.iter().map(|p| state.pool(*p).unwrap().wei()).sum::<u128>()
}

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Move { from: u8, to: u8, percent: u8, carried: bool },
    Burn { from: u8, percent: u8 },
    Gas { from: u8, percent: u8 },
    EndBlock { operator: Option<u8> },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (0..60 * HOUR).prop_map(Op::Wait),
        6 => (0..10u8, 0..10u8, 0..=100u8, any::<bool>())
            .prop_map(|(from, to, percent, carried)| Op::Move { from, to, percent, carried }),
        1 => (0..10u8, 0..=100u8).prop_map(|(from, percent)| Op::Burn { from, percent }),
        2 => (0..9u8, 0..=10u8).prop_map(|(from, percent)| Op::Gas { from, percent }),
        1 => prop::option::of(0..9u8).prop_map(|operator| Op::EndBlock { operator }),
    ]
}

fn run(params: &TokenParams, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut state = Overlay::new(EmptyState);
    state.put_token_params(params).unwrap();
    for n in 0..6 {
        let amount = Amount::from_def(1_000 * u64::from(n));
        let record = AccountRecord { portions: Portions::fresh(params, AgeMillis(0), amount), ..Default::default() };
        state.put_account(&address(n), &record).unwrap();
        state.raise_supply(amount).unwrap();
    }
    let (mut now, mut gas) = (AgeMillis(0), Amount::ZERO);
    for op in ops {
        let share = |from: &Address, percent: u8| {
            state.effective_balance(from, now).unwrap().mul_div_floor(percent.into(), 100).unwrap()
        };
        let movement = match op {
            Op::Wait(ms) => {
                now.0 += ms;
                continue;
            }
            Op::EndBlock { operator } => {
                let operator = operator.map(address);
                let tips = gas.mul_div_floor(1, 3).unwrap();
                let split = distribute_base_fees(&mut state, now, gas.checked_sub(tips).unwrap(), operator).unwrap();
                let burned = credit_tips(&mut state, now, tips, operator).unwrap();
                prop_assert_eq!(burned.is_zero(), operator.is_some() || tips.is_zero());
                prop_assert!(operator.is_some() || split.proposer.is_zero());
                gas = Amount::ZERO;
                prop_assert_eq!(state.total_supply().unwrap().wei(), held(&state, params));
                continue;
            }
            Op::Move { from, to, percent, carried } => {
                let (from, to) = (address(from), address(to));
                let kind = if carried { MovementKind::Carried } else { MovementKind::Fresh };
                Movement::Transfer { from, to, amount: share(&from, percent), kind }
            }
            Op::Burn { from, percent } => {
                Movement::Burn { from: address(from), amount: share(&address(from), percent) }
            }
            Op::Gas { from, percent } => {
                let amount = share(&address(from), percent);
                gas = gas.checked_add(amount).unwrap();
                Movement::Gas { from: address(from), amount }
            }
        };
        let balances: Vec<Amount> = (0..10).map(|n| state.effective_balance(&address(n), now).unwrap()).collect();
        let dividend = state.pool(Pool::Dividend).unwrap();
        let mut ledger = Ledger::new(params, now);
        ledger.apply(&state, &movement).unwrap();
        ledger.write(&mut state).unwrap();
        prop_assert_eq!(state.total_supply().unwrap().wei(), held(&state, params) + gas.wei());
        prop_assert!(state.pool(Pool::Dividend).unwrap() >= dividend);
        for n in 0..10 {
            let mut expected = balances[usize::from(n)].wei();
            let me = address(n);
            match movement {
                Movement::Transfer { from, to, amount, .. } => {
                    if from == me {
                        expected -= amount.wei();
                    }
                    if to == me {
                        expected += amount.wei();
                    }
                }
                Movement::Burn { from, amount } | Movement::Gas { from, amount } => {
                    if from == me {
                        expected -= amount.wei();
                    }
                }
            }
            prop_assert_eq!(state.effective_balance(&me, now).unwrap().wei(), expected, "account {}", n);
        }
    }
    Ok(())
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
    let params = TokenParams::economy();
    for (kind, expected) in [(MovementKind::Carried, 93), (MovementKind::Fresh, 97)] {
        let mut state = Overlay::new(EmptyState);
        state.put_token_params(&params).unwrap();
        let record = AccountRecord {
            portions: Portions::fresh(&params, AgeMillis(0), Amount::from_def(100)),
            ..Default::default()
        };
        state.put_account(&address(0), &record).unwrap();
        state.raise_supply(Amount::from_def(100)).unwrap();
        // Two days old: 97 left. One more day: carried money is worth 93, fresh money 99 % of 97.
        let mut ledger = Ledger::new(&params, AgeMillis(48 * HOUR));
        let amount = Amount::from_def(97);
        ledger.apply(&state, &Movement::Transfer { from: address(0), to: address(1), amount, kind }).unwrap();
        ledger.write(&mut state).unwrap();
        let later = state.effective_balance(&address(1), AgeMillis(72 * HOUR)).unwrap();
        let fresh = Amount::from_def(97).mul_div_floor(99, 100).unwrap();
        assert_eq!(later, if expected == 93 { Amount::from_def(93) } else { fresh });
        assert_eq!(state.account(&address(0)).unwrap(), None, "an empty account leaves state");
    }
}

#[test]
fn a_movement_above_the_spendable_balance_is_refused_with_both_figures() {
    let params = TokenParams::economy();
    let state = Overlay::new(EmptyState);
    let mut ledger = Ledger::new(&params, AgeMillis(0));
    ledger.credit_fresh(&state, &address(0), Amount::from_wei(5)).unwrap();
    let movement = Movement::Burn { from: address(0), amount: Amount::from_wei(7) };
    assert_eq!(
        ledger.apply(&state, &movement),
        Err(TokenError::Insufficient { address: address(0), have: Amount::from_wei(5), want: Amount::from_wei(7) })
    );
}
