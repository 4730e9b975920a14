//! Tracers, interrupts, access lists and pretended blocks, without a chain around them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use alloy_primitives::{Address, B256, Bytes, U256};
use common::{
    BLOCK_GAS, Chain, GWEI, Tx,
    code::{self, CALL, RETURN, REVERT},
    contract, user,
};
use defchain_base::StateError;
use defchain_evm::{
    AccountOverride, BlockOverrides, BlockSimulator, CallRequest, ExecError, Interrupt, SimOptions, SimRules,
    TraceError, TracePlace, Tracer, access_list, simulate, trace_call, validity::InvalidTx,
};
use defchain_token::{TokenParams, state::TokenRead};
use serde_json::{Value, json};

const LOOP: &[u8] = &[0x5b, 0x60, 0x00, 0x56];

fn chain() -> Chain {
    let contracts = [
        (contract(0), code::COUNTER.to_vec()),
        (contract(1), code::relay(CALL, RETURN)),
        (contract(2), code::relay(CALL, REVERT)),
        (contract(3), LOOP.to_vec()),
        // Calls itself with all gas until there is none: no JUMPDEST anywhere.
        (
            contract(4),
            vec![0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, CALL, 0x50, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, CALL],
        ),
    ];
    Chain::new(&TokenParams::plain(), defchain_evm::base_registry(), &contracts)
}

fn tracer(options: Value, max_bytes: usize) -> Result<Tracer, TraceError> {
    Tracer::new(serde_json::from_value(options).unwrap(), max_bytes)
}

fn to(address: Address) -> CallRequest {
    CallRequest { from: Some(user(0)), to: Some(address), ..CallRequest::default() }
}

#[test]
fn a_call_is_ended_when_it_is_told_to_whatever_it_does() {
    let chain = chain();
    for endless in [contract(3), contract(4)] {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let interrupt = Interrupt::new(move || count.fetch_add(1, Ordering::Relaxed) >= 9);
        let options = SimOptions { gas_cap: u64::MAX >> 1, interrupt: Some(interrupt), ..SimOptions::default() };
        let request = CallRequest { gas: Some(1 << 40), ..to(endless) };
        let result = simulate(chain.state(), chain.env(), &chain.registry, &request, &options);
        assert_eq!(result.unwrap_err(), ExecError::State(StateError::Interrupted));
        assert_eq!(asked.load(Ordering::Relaxed), 10);
    }
}

#[test]
fn asking_whether_to_go_on_costs_no_gas() {
    let chain = chain();
    for target in [contract(0), contract(1), contract(4)] {
        let request = CallRequest { gas: Some(200_000), data: code::relay_input(user(3), 0, &[]).into(), ..to(target) };
        let run = |interrupt| {
            let options = SimOptions { interrupt, ..SimOptions::default() };
            simulate(chain.state(), chain.env(), &chain.registry, &request, &options).unwrap()
        };
        assert_eq!(run(None), run(Some(Interrupt::new(|| false))));
    }
}

#[test]
fn an_unknown_tracer_and_wrong_options_are_refused_in_words() {
    let unknown = tracer(json!({"tracer": "{data: [], fault: function(log) {}}"}), 1).unwrap_err();
    assert!(unknown.to_string().contains("JavaScript tracers are not run"), "{unknown}");
    let wrong = tracer(json!({"tracer": "callTracer", "tracerConfig": {"onlyTopCall": 7}}), 1).unwrap_err();
    assert!(matches!(&wrong, TraceError::Config(why) if why.contains("callTracer") && why.contains('7')), "{wrong}");
}

#[test]
fn a_recording_is_bounded_and_a_refused_one_leaves_the_block_as_it_was() {
    let mut chain = chain();
    let small = tracer(json!({}), 100_000).unwrap();
    let before = chain.state().delta().clone();
    let tx = Tx::call(contract(3), 0, vec![]).gas(500_000).build(user(0), 0);
    let error = chain.executor().trace(&tx, BLOCK_GAS, &small, TracePlace::default()).unwrap_err();
    assert_eq!(error, TraceError::TooLarge { limit: 100_000 });
    assert_eq!(chain.state().delta(), &before);
    // With a limit of steps, or without steps, it fits.
    for options in [json!({"limit": 100}), json!({"tracer": "callTracer"})] {
        let tracer = tracer(options, 100_000).unwrap();
        trace_call(chain.state(), chain.env(), &chain.registry, &to(contract(3)), &SimOptions::default(), &tracer)
            .unwrap();
    }
    // A tree of calls is bounded too.
    let frames = tracer(json!({"tracer": "callTracer"}), 100_000).unwrap();
    let error =
        trace_call(chain.state(), chain.env(), &chain.registry, &to(contract(4)), &SimOptions::default(), &frames);
    assert_eq!(error.unwrap_err(), TraceError::TooLarge { limit: 100_000 });
}

#[test]
fn an_access_list_names_what_is_touched_and_the_gas_is_that_of_a_call_with_it() {
    let chain = chain();
    let request = CallRequest { data: code::relay_input(contract(0), 0, &[]).into(), ..to(contract(1)) };
    let found = access_list(&chain.state(), chain.env(), &chain.registry, &request, &SimOptions::default()).unwrap();
    assert_eq!(found.list.len(), 1);
    assert_eq!((found.list[0].address, &found.list[0].storage_keys[..]), (contract(0), &[B256::ZERO][..]));
    let with = CallRequest { access_list: Some(found.list), ..request };
    let run = simulate(chain.state(), chain.env(), &chain.registry, &with, &SimOptions::default()).unwrap();
    assert_eq!(run, found.outcome);
}

fn simulator(chain: &Chain, rules: SimRules) -> BlockSimulator<&defchain_base::Overlay<defchain_base::MemoryState>> {
    BlockSimulator::new(chain.state(), chain.env(), &chain.registry, rules).unwrap()
}

#[test]
fn what_a_simulated_call_does_stays_for_the_next() {
    let chain = chain();
    let mut blocks = simulator(&chain, SimRules::default());
    let slot = BTreeMap::from([(B256::ZERO, B256::from(U256::from(7)))]);
    let pretended = AccountOverride { state_diff: Some(slot), ..AccountOverride::default() };
    blocks.pretend(&BTreeMap::from([(contract(0), pretended)])).unwrap();
    let read = AccountOverride {
        code: Some(Bytes::from_static(&[0x5f, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, RETURN])),
        ..AccountOverride::default()
    };
    assert!(blocks.call(&to(contract(0)), BLOCK_GAS).unwrap().outcome.is_success());
    assert!(blocks.call(&to(contract(0)), BLOCK_GAS).unwrap().outcome.is_success());
    blocks.set_block(chain.env(), &BlockOverrides { number: Some(50), ..BlockOverrides::default() });
    blocks.pretend(&BTreeMap::from([(contract(0), read)])).unwrap();
    let done = blocks.call(&to(contract(0)), BLOCK_GAS).unwrap();
    assert_eq!(U256::from_be_slice(&done.outcome.output), U256::from(9));
    assert_eq!(done.request.nonce, Some(2));
    let value = CallRequest { value: U256::from(5), ..to(user(7)) };
    blocks.call(&value, BLOCK_GAS).unwrap();
    let age = chain.env().age;
    let received = blocks.overlay_mut().effective_balance(&user(7), age).unwrap().wei();
    assert_eq!(received, chain.balance(user(7)) + 5);
}

#[test]
fn transfers_are_logged_in_their_place_and_vanish_with_their_frame() {
    let chain = chain();
    let mut blocks = simulator(&chain, SimRules { transfer_logs: true, ..SimRules::default() });
    // Outer relay returns, inner one reverts after it has paid user 9.
    let inner = code::relay_input(user(9), 3, &[]);
    let data = code::relay_input(contract(2), 4, &inner);
    let request = CallRequest { value: U256::from(4), data: data.into(), ..to(contract(1)) };
    let done = blocks.call(&request, BLOCK_GAS).unwrap();
    assert!(done.outcome.is_success());
    let logs = &done.outcome.logs;
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0].address, Address::repeat_byte(0xee));
    assert_eq!(logs[0].topics()[1..], [user(0).into_word(), contract(1).into_word()]);
    assert_eq!(U256::from_be_slice(&logs[0].data.data), U256::from(4));
    let plain =
        CallRequest { value: U256::from(6), data: code::relay_input(user(9), 6, &[]).into(), ..to(contract(1)) };
    assert_eq!(blocks.call(&plain, BLOCK_GAS).unwrap().outcome.logs.len(), 2);
}

#[test]
fn validation_judges_as_a_block_does_and_without_it_only_money_counts() {
    let chain = chain();
    let mut strict = simulator(&chain, SimRules { validation: true, ..SimRules::default() });
    let refused = |result: Result<_, ExecError>| match result {
        Err(ExecError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    let paying = CallRequest { max_fee_per_gas: Some(2 * GWEI), gas: Some(100_000), ..to(contract(0)) };
    let ahead = CallRequest { nonce: Some(3), ..paying.clone() };
    assert!(matches!(refused(strict.call(&ahead, BLOCK_GAS)), InvalidTx::NonceTooHigh { tx: 3, state: 0, .. }));
    assert!(matches!(refused(strict.call(&to(contract(0)), BLOCK_GAS)), InvalidTx::FeeTooLow { max_fee: 0, .. }));
    let contract_signs = CallRequest { from: Some(contract(1)), ..paying.clone() };
    assert!(matches!(refused(strict.call(&contract_signs, BLOCK_GAS)), InvalidTx::SenderIsContract(_)));
    let done = strict.call(&paying, BLOCK_GAS).unwrap();
    assert_eq!(done.effect.base_fee.wei(), u128::from(done.outcome.gas_used) * GWEI);
    assert!(matches!(refused(strict.call(&paying, 99_999)), InvalidTx::BlockGas { have: 100_000, limit: 99_999 }));

    let mut lax = simulator(&chain, SimRules::default());
    assert!(lax.call(&CallRequest { nonce: Some(3), ..to(contract(0)) }, BLOCK_GAS).unwrap().outcome.is_success());
    let poor = CallRequest { from: Some(contract(1)), value: U256::from(1), ..to(user(1)) };
    assert!(matches!(refused(lax.call(&poor, BLOCK_GAS)), InvalidTx::InsufficientFunds { .. }));
    assert!(lax.call(&CallRequest { from: Some(contract(1)), ..to(user(1)) }, BLOCK_GAS).unwrap().outcome.is_success());
}

#[test]
fn a_precompile_can_be_pretended_to_be_elsewhere() {
    let chain = chain();
    let (identity, elsewhere) = (Address::with_last_byte(4), Address::repeat_byte(0x99));
    let moved = AccountOverride { move_precompile_to: Some(elsewhere), ..AccountOverride::default() };
    let call = |at: Address, state: BTreeMap<Address, AccountOverride>| {
        let request = CallRequest { data: Bytes::from_static(b"echo"), ..to(at) };
        let options = SimOptions { state, ..SimOptions::default() };
        simulate(chain.state(), chain.env(), &chain.registry, &request, &options).map(|done| done.output)
    };
    let state = BTreeMap::from([(identity, moved.clone())]);
    assert_eq!(call(elsewhere, state.clone()).unwrap().as_ref(), b"echo");
    assert!(call(identity, state).unwrap().is_empty());
    let error = call(elsewhere, BTreeMap::from([(user(3), moved)])).unwrap_err();
    assert!(error.to_string().contains("is not a precompile"), "{error}");
}
