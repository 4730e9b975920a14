//! 0x…0107 from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolEvent};
use common::{
    Chain, Tx,
    code::{self, CALL, DELEGATECALL, RETURN, STATICCALL},
    contract, user,
};
use defchain_base::{Amount, system};
use defchain_token::{IToken, TokenParams, state::TokenRead};

const DEF: u128 = 1_000_000_000_000_000_000;

fn chain() -> Chain {
    let contracts = [
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::relay(STATICCALL, RETURN)),
        (contract(2), code::relay(DELEGATECALL, RETURN)),
    ];
    Chain::new(&TokenParams::economy(), defchain_evm::base_registry(), &contracts)
}

fn ask<C: SolCall>(chain: &mut Chain, call: C) -> C::Return {
    let outcome = chain.run(user(9), Tx { tip: 0, ..Tx::call(system::TOKEN, 0, call.abi_encode()) });
    assert!(outcome.success, "{}", String::from_utf8_lossy(&outcome.output));
    C::abi_decode_returns(&outcome.output).unwrap()
}

/// D15: anyone may settle any account; the balance stays, what it lost goes its way.
#[test]
fn anyone_may_settle_any_account() {
    let mut chain = chain();
    chain.next_block(2 * chain.params.day_millis());
    let (supply, spendable) = (chain.supply(), chain.balance(user(3)));
    assert_eq!(chain.state().nominal_balance(&user(3)).unwrap(), Amount::from_def(1_000));
    let data = IToken::settleCall { account: user(3) }.abi_encode();
    let outcome = chain.run(user(1), Tx::call(system::TOKEN, 0, data.clone()));
    let taken = IToken::settleCall::abi_decode_returns(&outcome.output).unwrap();
    assert_eq!((taken.burned, taken.toDividendPool), (U256::from(15 * DEF), U256::from(15 * DEF)));
    let log =
        outcome.logs.iter().filter_map(|log| IToken::Settled::decode_log(log).ok()).find(|s| s.account == user(3));
    assert_eq!(log.unwrap().burned, taken.burned);
    assert_eq!(chain.balance(user(3)), spendable);
    assert_eq!(chain.state().nominal_balance(&user(3)).unwrap().wei(), spendable);
    // Twice in a block is once; a frame that reverts settles nobody.
    let again = chain.run(user(1), Tx::call(system::TOKEN, 0, data));
    let taken = IToken::settleCall::abi_decode_returns(&again.output).unwrap();
    assert!(taken.burned.is_zero() && taken.toDividendPool.is_zero());
    chain.next_block(0);
    assert!(chain.supply() < supply - 15 * DEF);
}

#[test]
fn the_views_say_what_the_state_is() {
    let mut chain = chain();
    let day = chain.params.day_millis();
    chain.next_block(3 * day);
    chain.give(user(2), 500);
    let portions = ask(&mut chain, IToken::portionsOfCall { account: user(2) });
    let shown: Vec<_> =
        portions.iter().map(|p| (p.original, p.effective, p.receivedAt, p.settledDay, p.table)).collect();
    let def = |n: u128| U256::from(n * DEF);
    assert_eq!(shown, [(def(1_000), def(930), 0, 3, 0), (def(500), def(500), 3 * day, 0, 0)]);
    assert!(ask(&mut chain, IToken::portionsOfCall { account: system::STAKING }).is_empty());
    let supply = chain.supply();
    assert_eq!(ask(&mut chain, IToken::totalSupplyCall {}), U256::from(supply));
    assert_eq!(ask(&mut chain, IToken::referrerOfCall { account: user(2) }), Address::ZERO);
    assert!(!ask(&mut chain, IToken::isExemptCall { account: user(2) }));
    let commission = |payer, recipient| IToken::commissionOfCall { payer, recipient, amount: def(100) };
    for (payer, recipient, expected) in [
        (user(0), user(1), (def(5), false)),
        (user(0), contract(0), (def(5), true)),
        (user(0), Address::with_last_byte(2), (def(5), true)),
        (contract(0), contract(1), (U256::ZERO, false)),
        (contract(0), user(1), (def(5), false)),
        (user(0), system::STAKING, (U256::ZERO, false)),
        (system::VALIDATORS, user(0), (U256::ZERO, false)),
    ] {
        let found = ask(&mut chain, commission(payer, recipient));
        assert_eq!((found.commission, found.onTop), expected, "{payer} {recipient}");
    }
}

/// D10: acting functions are reached by a plain CALL alone; views by any.
#[test]
fn acting_functions_are_reached_by_a_plain_call_alone() {
    let mut chain = chain();
    let settle = IToken::settleCall { account: user(3) }.abi_encode();
    let supply = IToken::totalSupplyCall {}.abi_encode();
    for (relay, acts) in [(0, 1), (1, 0), (2, 0)] {
        let run = |chain: &mut Chain, data: &[u8]| {
            // DELEGATECALL and STATICCALL relays take no value word of their own into account.
            let input = code::relay_input(system::TOKEN, 0, data);
            chain.run(user(0), Tx::call(contract(relay), 0, input)).output[31]
        };
        assert_eq!((run(&mut chain, &settle), run(&mut chain, &supply)), (acts, 1), "relay {relay}");
    }
    let outcome = chain.run(user(0), Tx::call(system::TOKEN, 5, settle));
    assert!(!outcome.success && String::from_utf8_lossy(&outcome.output).contains("takes no value"));
}

/// Bad input gets its reason.
#[test]
fn arguments_that_do_not_decode_are_refused() {
    let mut chain = chain();
    for (data, words) in [
        (vec![0xde, 0xad, 0xbe, 0xef], "has no function 0xdeadbeef"),
        (IToken::settleCall::SELECTOR.to_vec(), "0 bytes of arguments do not decode"),
        ([&IToken::settleCall::SELECTOR[..], &[0xff; 32]].concat(), "do not decode"),
    ] {
        let outcome = chain.run(user(0), Tx::call(system::TOKEN, 0, data));
        let reason = String::from_utf8_lossy(&outcome.output).into_owned();
        assert!(!outcome.success && reason.contains(words), "{reason}");
    }
}
