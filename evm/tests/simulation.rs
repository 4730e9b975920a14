//! `eth_call` and `eth_estimateGas`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;

use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use common::{
    CHAIN_ID, Chain, GWEI, Tx,
    code::{self, CALL, INVALID, RETURN, REVERT},
    contract, hash_of, user,
};
use defchain_evm::{
    AccountOverride, BlockOverrides, CallRequest, EstimateError, ExecError, SimOptions, SimResult, estimate_gas,
    simulate, validity::InvalidTx,
};
use defchain_token::TokenParams;

const DEF: u128 = 1_000_000_000_000_000_000;

/// Spends gas in a loop until `word 0` rounds are done, but fails unless 100,000 gas are left at its start.
const HUNGRY: &[u8] = &[
    0x62, 0x01, 0x86, 0xa0, 0x5a, 0x11, 0x60, 0x0d, 0x57, 0x60, 0x00, 0x80, 0xfd, 0x5b, 0x60, 0x2a, 0x60, 0x00, 0x52,
    0x60, 0x20, 0x60, 0x00, 0xf3,
];

fn chain() -> Chain {
    let contracts = [
        (contract(0), code::COUNTER.to_vec()),
        (contract(1), code::relay(CALL, RETURN)),
        (contract(2), vec![0x60, 0x2a, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, REVERT]),
        (contract(3), vec![INVALID]),
        (contract(4), HUNGRY.to_vec()),
        (contract(5), code::BLOCK_HASH.to_vec()),
        // Returns slot 0.
        (contract(6), vec![0x60, 0x00, 0x54, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, RETURN]),
        // Calls contract 4 and reverts when that fails: needs 64/63 of what it uses.
        (contract(7), strict_relay(contract(4))),
        (contract(8), code::BEQUEATH.to_vec()),
    ];
    Chain::new(&TokenParams::plain(), defchain_evm::base_registry(), &contracts)
}

fn strict_relay(to: Address) -> Vec<u8> {
    let mut code = vec![0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x00, 0x73];
    code.extend(to);
    code.extend([0x5a, CALL]);
    let target = u8::try_from(code.len() + 7).unwrap();
    code.extend([0x60, target, 0x57, 0x60, 0x00, 0x80, REVERT, 0x5b, 0x00]);
    code
}

fn to(address: Address) -> CallRequest {
    CallRequest { from: Some(user(0)), to: Some(address), ..CallRequest::default() }
}

fn call(chain: &Chain, request: &CallRequest, options: &SimOptions) -> Result<defchain_evm::SimOutcome, ExecError> {
    simulate(chain.state(), chain.env(), &chain.registry, request, options)
}

fn estimate(chain: &Chain, request: &CallRequest) -> Result<u64, EstimateError> {
    estimate_gas(chain.state(), chain.env(), &chain.registry, request, &SimOptions::default())
}

#[test]
fn a_call_returns_what_the_transaction_would_and_changes_nothing() {
    let mut chain = chain();
    let before = chain.state().delta().clone();
    let request =
        CallRequest { value: U256::from(5), data: code::relay_input(contract(2), 5, &[]).into(), ..to(contract(1)) };
    let simulated = call(&chain, &request, &SimOptions::default()).unwrap();
    assert_eq!(chain.state().delta(), &before);
    let real = chain.run(user(0), Tx::call(contract(1), 5, request.data.clone()));
    assert!(simulated.is_success());
    assert_eq!((&simulated.output, simulated.gas_used), (&real.output, real.gas_used));
}

#[test]
fn reverts_carry_their_data_and_halts_their_reason() {
    let chain = chain();
    let reverted = call(&chain, &to(contract(2)), &SimOptions::default()).unwrap();
    assert_eq!(reverted.result, SimResult::Revert);
    assert_eq!(U256::from_be_slice(&reverted.output), U256::from(42));
    let halted = call(&chain, &to(contract(3)), &SimOptions::default()).unwrap();
    assert!(matches!(&halted.result, SimResult::Halt { out_of_gas: false, .. }), "{:?}", halted.result);
    let short = CallRequest { gas: Some(22_000), ..to(contract(0)) };
    let starved = call(&chain, &short, &SimOptions::default()).unwrap();
    assert_eq!(starved.result, SimResult::Halt { reason: "out of gas".to_owned(), out_of_gas: true });
    let shorter = CallRequest { gas: Some(20_000), ..to(contract(0)) };
    let result = call(&chain, &shorter, &SimOptions::default());
    assert_eq!(result, Err(InvalidTx::IntrinsicGas { have: 20_000, want: 21_000 }.into()));
}

#[test]
fn money_and_prices_are_judged_as_for_a_transaction() {
    let chain = chain();
    let poor = CallRequest { value: U256::from(1_001 * DEF), ..to(user(1)) };
    let result = call(&chain, &poor, &SimOptions::default());
    assert!(matches!(result, Err(ExecError::Invalid(InvalidTx::InsufficientFunds { .. }))), "{result:?}");
    let lenient = SimOptions { skip_balance_check: true, ..SimOptions::default() };
    assert!(call(&chain, &poor, &lenient).unwrap().is_success());
    let cheap = CallRequest { gas_price: Some(GWEI - 1), ..to(user(1)) };
    assert!(matches!(
        call(&chain, &cheap, &SimOptions::default()),
        Err(ExecError::Invalid(InvalidTx::FeeTooLow { .. }))
    ));
    // Without a gas limit, what the sender can pay bounds it.
    let priced = CallRequest { max_fee_per_gas: Some(DEF / 100), value: U256::from(999 * DEF), ..to(user(1)) };
    let result = call(&chain, &priced, &SimOptions::default());
    assert_eq!(result, Err(InvalidTx::IntrinsicGas { have: 100, want: 21_000 }.into()));
    let elsewhere = CallRequest { chain_id: Some(1), ..to(user(1)) };
    assert!(matches!(call(&chain, &elsewhere, &SimOptions::default()), Err(ExecError::Invalid(InvalidTx::Form(_)))));
    // Nobody needs money to look.
    let stranger = CallRequest { from: Some(Address::repeat_byte(0x97)), ..to(contract(0)) };
    assert!(call(&chain, &stranger, &SimOptions::default()).unwrap().is_success());
    let nobody = CallRequest { from: None, ..to(contract(0)) };
    assert!(call(&chain, &nobody, &SimOptions::default()).unwrap().is_success());
}

#[test]
fn accounts_and_blocks_can_be_pretended() {
    let mut chain = chain();
    chain.run(user(0), Tx::call(contract(6), 0, vec![]));
    let reader = || AccountOverride::default();
    let slot = |n: u64| BTreeMap::from([(B256::ZERO, B256::from(U256::from(n)))]);
    let with = |o: AccountOverride| SimOptions { state: BTreeMap::from([(contract(6), o)]), ..SimOptions::default() };
    let read = |options: &SimOptions| U256::from_be_slice(&call(&chain, &to(contract(6)), options).unwrap().output);
    assert_eq!(read(&with(AccountOverride { state_diff: Some(slot(9)), ..reader() })), U256::from(9));
    assert_eq!(read(&with(AccountOverride { state: Some(slot(8)), ..reader() })), U256::from(8));
    assert_eq!(read(&with(AccountOverride { state: Some(BTreeMap::new()), ..reader() })), U256::ZERO);
    let code = Bytes::from_static(&[0x43, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, RETURN]);
    let mut options = with(AccountOverride { code: Some(code), ..reader() });
    options.block = BlockOverrides { number: Some(77), ..BlockOverrides::default() };
    assert_eq!(read(&options), U256::from(77), "NUMBER of pretended code in a pretended block");
    // The largest balance there is, as tools pretend it.
    let rich = AccountOverride { balance: Some(U256::MAX), ..reader() };
    let options =
        SimOptions { state: BTreeMap::from([(user(0), rich), (contract(1), reader())]), ..SimOptions::default() };
    let request = CallRequest {
        value: U256::from(1_000_000 * DEF),
        data: code::relay_input(user(5), 1_000_000 * DEF, &[]).into(),
        ..to(contract(1))
    };
    assert!(call(&chain, &request, &options).unwrap().is_success());
}

#[test]
fn a_pending_block_knows_its_parent() {
    let mut chain = chain();
    chain.next_block(250);
    let mut env = chain.env();
    env.height = env.height.next();
    let parent = env.height.0 - 1;
    let request = CallRequest { data: U256::from(parent).to_be_bytes::<32>().into(), ..to(contract(5)) };
    let options = SimOptions { parent_hash: Some(hash_of(parent)), ..SimOptions::default() };
    let outcome = simulate(chain.state(), env, &chain.registry, &request, &options).unwrap();
    assert_eq!(B256::from_slice(&outcome.output), hash_of(parent));
}

#[test]
fn the_gas_cap_bounds_every_call() {
    let chain = chain();
    let endless = AccountOverride { code: Some(Bytes::from_static(&[0x5b, 0x60, 0x00, 0x56])), ..Default::default() };
    let options =
        SimOptions { state: BTreeMap::from([(contract(0), endless)]), gas_cap: 3_000_000, ..SimOptions::default() };
    let request = CallRequest { gas: Some(u64::MAX), ..to(contract(0)) };
    let outcome = call(&chain, &request, &options).unwrap();
    assert_eq!((outcome.gas_used, outcome.is_success()), (3_000_000, false));
}

#[test]
fn a_plain_transfer_is_estimated_exactly_and_a_delegated_one_is_not_plain() {
    let mut chain = chain();
    let request = CallRequest { value: U256::from(1), ..to(user(1)) };
    assert_eq!(estimate(&chain, &request).unwrap(), 21_000);
    // To an account with a delegation the code runs.
    let signer = PrivateKeySigner::from_slice(&[9; 32]).unwrap();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: contract(0), nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let signed = authorization.into_signed(signature);
    let mut tx = Tx::call(user(1), 0, vec![]).kind(4);
    tx.authorizations = vec![signed.clone()];
    // The estimate of the authorising transaction itself.
    let authorising = CallRequest { authorization_list: vec![signed], ..to(user(1)) };
    let gas = estimate(&chain, &authorising).unwrap();
    assert!(gas >= 21_000 + 25_000);
    let outcome = chain.run(user(0), tx.gas(gas));
    assert!(outcome.success);
    let request = CallRequest { value: U256::from(1), ..to(signer.address()) };
    let gas = estimate(&chain, &request).unwrap();
    assert!(gas > 40_000, "{gas}");
    assert!(chain.run(user(0), Tx::call(signer.address(), 1, vec![]).gas(gas)).success);
}

#[test]
fn every_estimate_suffices_and_is_no_more_than_two_percent_above_the_least() {
    let requests = [
        to(contract(0)),
        to(contract(4)),
        to(contract(7)),
        CallRequest { value: U256::from(7), data: code::relay_input(user(9), 7, &[]).into(), ..to(contract(1)) },
        CallRequest { value: U256::from(7), data: contract(9).into_word().to_vec().into(), ..to(contract(8)) },
        CallRequest { data: vec![0xff; 3_000].into(), ..to(user(1)) },
        CallRequest { to: None, data: code::init(code::COUNTER).into(), ..to(user(1)) },
        CallRequest { max_fee_per_gas: Some(2 * GWEI), max_priority_fee_per_gas: Some(GWEI), ..to(contract(0)) },
    ];
    for request in requests {
        let chain = chain();
        let gas = estimate(&chain, &request).unwrap();
        let works = |gas: u64| {
            let request = CallRequest { gas: Some(gas), ..request.clone() };
            call(&chain, &request, &SimOptions::default()).is_ok_and(|o| o.is_success())
        };
        assert!(works(gas), "{gas} for {request:?}");
        assert!(!works(gas - gas / 50), "{gas} for {request:?} is more than two percent too much");
    }
}

#[test]
fn what_cannot_succeed_is_not_estimated() {
    let chain = chain();
    let Err(EstimateError::Revert(data)) = estimate(&chain, &to(contract(2))) else { panic!("no revert") };
    assert_eq!(U256::from_be_slice(&data), U256::from(42));
    assert!(matches!(estimate(&chain, &to(contract(3))), Err(EstimateError::Halt(_))));
    let bound = CallRequest { gas: Some(21_500), ..to(contract(0)) };
    assert_eq!(estimate(&chain, &bound), Err(EstimateError::Allowance(21_500)));
    // The sender can pay 30,000 gas, the call needs more.
    let price = DEF / 30_000;
    let poor = CallRequest { gas_price: Some(price), value: U256::from(999 * DEF), ..to(contract(0)) };
    assert!(matches!(estimate(&chain, &poor), Err(EstimateError::Allowance(30_000))));
    let broke = CallRequest { gas_price: Some(GWEI), value: U256::from(1_001 * DEF), ..to(user(1)) };
    assert!(matches!(
        estimate(&chain, &broke),
        Err(EstimateError::Exec(ExecError::Invalid(InvalidTx::InsufficientFunds { .. })))
    ));
}
