//! What transactions do to state, case by case.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, U256, address};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolEvent;
use common::{
    CHAIN_ID, Chain, GWEI, OPERATOR, Tx,
    code::{self, CALL, INVALID, RETURN, REVERT},
    contract, user,
};
use defchain_base::{Substore, system, system::Pool};
use defchain_evm::{ExecError, TxOutcome, validity::InvalidTx};
use defchain_token::{EMPTY_CODE_HASH, IToken, TokenParams, state::TokenRead};

const DEF: u128 = 1_000_000_000_000_000_000;

fn with(contracts: &[(Address, Vec<u8>)]) -> Chain {
    Chain::new(&TokenParams::plain(), defchain_evm::base_registry(), contracts)
}

fn word(bytes: &[u8]) -> U256 {
    U256::from_be_slice(&bytes[..32])
}

#[test]
fn a_transfer_of_each_type_moves_value_and_charges_only_the_gas_used() {
    for kind in [0, 1, 2] {
        let mut chain = Chain::plain();
        let outcome = chain.run(user(0), Tx::call(user(1), 5 * DEF, vec![]).kind(kind));
        let price = if kind == 2 { GWEI + GWEI / 2 } else { 3 * GWEI };
        assert_eq!((outcome.success, outcome.gas_used, outcome.effective_gas_price), (true, 21_000, price));
        assert_eq!(outcome.base_fee.wei(), 21_000 * GWEI);
        assert_eq!(outcome.tip.wei(), 21_000 * (price - GWEI));
        assert_eq!(chain.balance(user(0)), 995 * DEF - 21_000 * price);
        assert_eq!(chain.balance(user(1)), 1_005 * DEF);
        assert_eq!(chain.account(user(0)).nonce, 1);
        assert_eq!(chain.balance(OPERATOR), 0, "fees reach nobody before the block ends (D19)");
    }
}

#[test]
fn a_plain_transfer_changes_two_keys() {
    let mut chain = Chain::plain();
    let before = chain.state().delta().of(Substore::Evm).unwrap().len();
    chain.run(user(0), Tx::call(user(1), DEF, vec![]));
    assert_eq!(chain.state().delta().of(Substore::Evm).unwrap().len(), before + 2);
    assert!(chain.state().delta().of(Substore::Def).unwrap().is_empty());
}

#[test]
fn the_end_of_a_block_pays_the_operator_and_the_pools() {
    let mut chain = Chain::plain();
    chain.run(user(0), Tx::call(user(1), DEF, vec![]));
    let (base, tip, supply) = (21_000 * GWEI, 21_000 * GWEI / 2, chain.supply());
    chain.next_block(250);
    chain.check_sums();
    assert_eq!(chain.balance(OPERATOR), base * 30 / 100 + tip);
    assert_eq!(chain.balance(Pool::Dividend.address()), base * 30 / 100);
    assert_eq!(chain.balance(Pool::Treasury.address()), base * 20 / 100);
    assert_eq!(chain.supply(), supply - base * 20 / 100);
}

#[test]
fn a_revert_pays_gas_and_undoes_value() {
    let mut chain = with(&[(contract(0), vec![0x60, 0x00, 0x60, 0x00, REVERT]), (contract(1), vec![INVALID])]);
    let outcome = chain.run(user(0), Tx::call(contract(0), DEF, vec![]));
    assert!(!outcome.success && outcome.gas_used < 22_000);
    assert_eq!(chain.balance(contract(0)), 0);
    let outcome = chain.run(user(0), Tx::call(contract(1), DEF, vec![]).gas(100_000));
    assert!(!outcome.success);
    assert_eq!(outcome.gas_used, 100_000, "INVALID takes all gas");
    assert_eq!(chain.balance(user(0)), 1_000 * DEF - chain.base_fees.wei() - chain.tips.wei());
}

#[test]
fn an_inner_revert_undoes_only_its_frame() {
    // The outer frame keeps 3 wei; the relay it calls sends 5 on and reverts.
    let mut chain = with(&[
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::relay(CALL, REVERT)),
        (contract(2), code::COUNTER.to_vec()),
    ]);
    let inner = code::relay_input(contract(2), 5, &[]);
    let outcome = chain.run(user(0), Tx::call(contract(0), 8, code::relay_input(contract(1), 5, &inner)));
    assert!(outcome.success);
    assert_eq!(word(&outcome.output), U256::ZERO, "the inner call failed");
    assert_eq!([0, 1, 2].map(|n| chain.balance(contract(n))), [8, 0, 0]);
    assert_eq!(chain.slot(contract(2), 0), U256::ZERO);
}

#[test]
fn insufficient_funds_in_the_middle_fail_only_that_call() {
    let mut chain = with(&[(contract(0), code::relay(CALL, RETURN))]);
    let outcome = chain.run(user(0), Tx::call(contract(0), 4, code::relay_input(user(3), 5, &[])));
    assert!(outcome.success);
    assert_eq!(word(&outcome.output), U256::ZERO);
    assert_eq!((chain.balance(contract(0)), chain.balance(user(3))), (4, 1_000 * DEF));
}

#[test]
fn contracts_are_created_with_value_nonce_code_and_storage() {
    let mut chain = Chain::plain();
    let outcome = chain.run(user(0), Tx::create(7, code::init(code::COUNTER)));
    let created = outcome.created.unwrap();
    assert_eq!(created, user(0).create(0));
    assert_eq!(chain.code(created).as_ref(), code::COUNTER);
    assert_eq!((chain.account(created).nonce, chain.balance(created)), (1, 7));
    for n in 1..=3_u64 {
        chain.run(user(1), Tx::call(created, 0, vec![]));
        assert_eq!(chain.slot(created, 0), U256::from(n));
    }
}

#[test]
fn a_failed_creation_keeps_the_nonce_and_nothing_else() {
    let mut chain = Chain::plain();
    let outcome = chain.run(user(0), Tx::create(7, vec![0x60, 0x00, 0x60, 0x00, REVERT]));
    assert!(!outcome.success && outcome.created.is_none());
    assert_eq!(chain.account(user(0)).nonce, 1);
    assert_eq!(chain.state().account(&user(0).create(0)).unwrap(), None);
}

#[test]
fn create2_is_deterministic_and_collides_the_second_time() {
    let mut chain = with(&[(contract(0), code::factory(true))]);
    let init = code::init(code::COUNTER);
    let expected = contract(0).create2_from_code(B256::ZERO, &init);
    // Money that waits at the address stays there (D17a).
    chain.run(user(1), Tx::call(expected, 11, vec![]));
    let outcome = chain.run(user(0), Tx::call(contract(0), 7, init.clone()));
    assert_eq!(Address::from_word(B256::from_slice(&outcome.output)), expected);
    assert_eq!(chain.balance(expected), 18);
    let outcome = chain.run(user(0), Tx::call(contract(0), 7, init));
    assert_eq!(word(&outcome.output), U256::ZERO);
    assert_eq!((chain.balance(expected), chain.balance(contract(0))), (18, 7));
}

#[test]
fn the_create2_deployer_works_at_its_known_address() {
    let mut chain = Chain::plain();
    let init = code::init(code::COUNTER);
    let data = [&[0; 32][..], &init].concat();
    let outcome = chain.run(user(0), Tx::call(defchain_evm::CREATE2_DEPLOYER, 0, data));
    let expected = defchain_evm::CREATE2_DEPLOYER.create2_from_code(B256::ZERO, &init);
    assert_eq!(outcome.output.as_ref(), expected.as_slice());
    assert_eq!(chain.code(expected).as_ref(), code::COUNTER);
}

#[test]
fn selfdestruct_of_an_old_contract_only_moves_its_money() {
    let mut chain = with(&[(contract(0), code::BEQUEATH.to_vec())]);
    let to = |a: Address| a.into_word().to_vec();
    chain.run(user(0), Tx::call(contract(0), 9, to(user(5))));
    assert_eq!((chain.balance(contract(0)), chain.balance(user(5))), (0, 1_000 * DEF + 9));
    assert_eq!(chain.code(contract(0)).as_ref(), code::BEQUEATH, "EIP-6780: it lives on");
    let supply = chain.supply();
    chain.run(user(0), Tx::call(contract(0), 9, to(contract(0))));
    assert_eq!((chain.balance(contract(0)), chain.supply()), (9, supply), "to itself: nothing happens");
}

/// The part of the base fee that D19 burns.
fn fees_burned(outcome: &TxOutcome) -> u128 {
    let fee = outcome.base_fee.wei();
    fee - 2 * (fee * 30 / 100) - fee * 20 / 100
}

#[test]
fn selfdestruct_in_the_creating_transaction_ends_the_contract_and_burns_what_it_keeps() {
    let mut chain = with(&[(contract(0), code::factory(false))]);
    let supply = chain.supply();
    // Init code that leaves everything to itself.
    let outcome = chain.run(user(0), Tx::call(contract(0), 13, vec![0x30, 0xff]));
    let created = contract(0).create(1);
    assert_eq!(Address::from_word(B256::from_slice(&outcome.output)), created);
    assert_eq!(outcome.shares.burned.wei(), 13);
    chain.next_block(0);
    assert_eq!(chain.supply(), supply - 13 - fees_burned(&outcome));
    assert_eq!(chain.state().account(&created).unwrap(), None);
    // To another account: nothing is lost.
    let init = [&[0x73][..], user(4).as_slice(), &[0xff]].concat();
    let outcome = chain.run(user(0), Tx::call(contract(0), 13, init));
    assert_eq!((outcome.shares.burned.wei(), chain.balance(user(4))), (0, 1_000 * DEF + 13));
}

#[test]
fn value_sent_to_an_account_that_destroyed_itself_burns() {
    let mut chain = with(&[(contract(0), code::create_and_call())]);
    let supply = chain.supply();
    let outcome = chain.run(user(0), Tx::call(contract(0), 10, code::init(code::FRAGILE)));
    assert_eq!(word(&outcome.output), U256::from(1));
    assert_eq!(outcome.shares.burned.wei(), 5);
    assert_eq!(chain.balance(contract(0)), 5);
    // D21: neither burn is any transaction's own value, so the receipt says both.
    let burned = IToken::Burned::decode_log(outcome.logs.last().unwrap()).unwrap();
    assert_eq!((burned.from, burned.amount), (contract(0).create(1), U256::from(5)));
    chain.next_block(0);
    assert_eq!(chain.supply(), supply - 5 - fees_burned(&outcome));
    assert_eq!(chain.state().account(&contract(0).create(1)).unwrap(), None);
}

#[test]
fn an_eip_7702_account_runs_its_delegate_and_stays_one_without_code_of_its_own() {
    let signer = PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let authority = signer.address();
    let sign = |target: Address, nonce: u64, chain_id: u64| {
        let authorization = Authorization { chain_id: U256::from(chain_id), address: target, nonce };
        let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
        authorization.into_signed(signature)
    };
    let mut chain = with(&[(contract(0), code::COUNTER.to_vec())]);
    let mut tx = Tx::call(authority, 3, vec![]).kind(4);
    // One for another chain and one with a wrong nonce are passed over.
    tx.authorizations =
        vec![sign(contract(0), 0, CHAIN_ID + 1), sign(contract(0), 5, CHAIN_ID), sign(contract(0), 0, CHAIN_ID)];
    let outcome = chain.run(user(0), tx);
    assert!(outcome.success);
    assert_eq!(chain.code(authority).as_ref(), [&[0xef, 0x01, 0x00][..], contract(0).as_slice()].concat());
    assert_eq!((chain.account(authority).nonce, chain.balance(authority)), (1, 3));
    assert_eq!(chain.slot(authority, 0), U256::from(1), "the delegate ran on the authority's storage");
    // It still sends transactions (EIP-3607 does not hold for a delegation).
    chain.run(user(0), Tx::call(authority, DEF, vec![]));
    chain.run(authority, Tx::call(user(1), 1, vec![]));
    // Delegating to zero clears.
    let mut tx = Tx::call(user(1), 0, vec![]).kind(4);
    tx.authorizations = vec![sign(Address::ZERO, 2, 0)];
    chain.run(user(0), tx);
    assert_eq!(chain.account(authority).code_hash, EMPTY_CODE_HASH);
}

#[test]
fn delegating_to_a_system_address_runs_nothing_of_it() {
    let signer = PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: system::EFFECTIVE_BALANCE, nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let mut chain = Chain::plain();
    let mut tx = Tx::call(signer.address(), 3, vec![]).kind(4);
    tx.authorizations = vec![authorization.into_signed(signature)];
    let outcome = chain.run(user(0), tx);
    assert!(!outcome.success);
    assert_eq!(chain.balance(signer.address()), 0);
}

#[test]
fn block_hashes_come_from_the_history_and_end_after_256() {
    let mut chain = with(&[(contract(0), code::BLOCK_HASH.to_vec())]);
    for _ in 0..300 {
        chain.next_block(250);
    }
    let height = chain.env().height.0;
    let ask = |chain: &mut Chain, number: u64| {
        let data = U256::from(number).to_be_bytes::<32>().to_vec();
        word(&chain.run(user(0), Tx::call(contract(0), 0, data)).output)
    };
    for number in [height - 1, height - 2, height - 256] {
        assert_eq!(ask(&mut chain, number), U256::from_be_bytes(common::hash_of(number).0), "{number}");
    }
    for number in [height, height + 1, height - 257, 0] {
        assert_eq!(ask(&mut chain, number), U256::ZERO, "{number}");
    }
    // EIP-2935's contract answers further back, and for nothing else.
    let history = address!("0x0000F90827F1C53a10cb7A02335B175320002935");
    let data = U256::from(height - 290).to_be_bytes::<32>().to_vec();
    assert_eq!(
        word(&chain.run(user(0), Tx::call(history, 0, data)).output),
        U256::from_be_bytes(common::hash_of(height - 290).0)
    );
    assert!(!chain.run(user(0), Tx::call(history, 0, vec![1])).success);
}

#[test]
fn beacon_roots_are_zero_for_known_seconds_and_revert_for_others() {
    let roots = address!("0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02");
    let mut chain = Chain::plain();
    let now = chain.env().time.seconds();
    chain.next_block(250);
    let ask = |chain: &mut Chain, seconds: u64| {
        chain.run(user(0), Tx::call(roots, 0, U256::from(seconds).to_be_bytes::<32>().to_vec()))
    };
    let known = ask(&mut chain, now);
    assert!(known.success);
    assert_eq!(known.output.as_ref(), [0; 32]);
    assert!(!ask(&mut chain, now - 1).success);
}

#[test]
fn value_to_an_ethereum_precompile_stays_there_as_on_ethereum() {
    let mut chain = Chain::plain();
    let identity = Address::with_last_byte(4);
    let outcome = chain.run(user(0), Tx::call(identity, 6, vec![1, 2, 3]));
    assert_eq!(outcome.output.as_ref(), [1, 2, 3]);
    assert_eq!(chain.balance(identity), 6);
}

#[test]
fn a_payment_to_oneself_changes_nothing_but_gas() {
    let mut chain = with(&[(contract(0), code::relay(CALL, RETURN))]);
    chain.run(user(0), Tx::call(user(0), DEF, vec![]));
    assert_eq!(chain.balance(user(0)), 1_000 * DEF - chain.base_fees.wei() - chain.tips.wei());
    chain.run(user(0), Tx::call(contract(0), 9, code::relay_input(contract(0), 4, &[])));
    assert_eq!(chain.balance(contract(0)), 9);
}

#[test]
fn an_account_that_was_touched_and_holds_nothing_is_not_stored() {
    let mut chain = Chain::plain();
    let nobody = Address::repeat_byte(0x99);
    chain.run(user(0), Tx::call(nobody, 0, vec![]));
    assert_eq!(chain.state().account(&nobody).unwrap(), None);
    assert!(!chain.state().delta().of(Substore::Evm).unwrap().keys().any(|k| k[1..] == nobody[..]));
}

/// Whether a refusal is the one that was meant.
type Expected = fn(&InvalidTx) -> bool;

#[test]
fn an_invalid_transaction_leaves_state_untouched() {
    let mut chain = with(&[(contract(0), code::COUNTER.to_vec())]);
    let ok = || Tx::call(user(1), 1, vec![]);
    let cases: Vec<(Address, Tx, Expected)> = vec![
        (user(0), Tx { nonce: Some(1), ..ok() }, |e| matches!(e, InvalidTx::NonceTooHigh { tx: 1, state: 0, .. })),
        (user(0), Tx { chain_id: 1, ..ok() }, |e| matches!(e, InvalidTx::Form(_))),
        (user(0), Tx { value: 1_000 * DEF, ..ok() }, |e| matches!(e, InvalidTx::InsufficientFunds { .. })),
        (user(0), Tx { max_fee: GWEI - 1, tip: 0, ..ok() }, |e| matches!(e, InvalidTx::FeeTooLow { .. })),
        (user(0), Tx { tip: 4 * GWEI, ..ok() }, |e| matches!(e, InvalidTx::TipAboveFee { .. })),
        (user(0), ok().gas(20_999), |e| matches!(e, InvalidTx::IntrinsicGas { have: 20_999, want: 21_000 })),
        (user(0), Tx { data: vec![1; 1_000].into(), ..ok() }.gas(40_000), |e| matches!(e, InvalidTx::FloorGas { .. })),
        (user(0), ok().gas((1 << 24) + 1), |e| matches!(e, InvalidTx::GasCap { .. })),
        (user(0), Tx::create(0, vec![0; 49_153]), |e| matches!(e, InvalidTx::InitCode { have: 49_153, .. })),
        (user(0), ok().kind(4), |e| matches!(e, InvalidTx::EmptyAuthorizations)),
        (contract(0), Tx { nonce: Some(1), ..ok() }, |e| matches!(e, InvalidTx::SenderIsContract(_))),
        (system::STAKING, Tx { nonce: Some(1), ..ok() }, |e| matches!(e, InvalidTx::SenderIsSystem(_))),
        (Address::repeat_byte(0x98), ok(), |e| matches!(e, InvalidTx::InsufficientFunds { .. })),
    ];
    let before = chain.state().delta().clone();
    for (from, tx, expected) in cases {
        let result = chain.try_run(from, tx.clone());
        assert!(matches!(&result, Err(ExecError::Invalid(e)) if expected(e)), "{tx:?}: {result:?}");
        assert_eq!(chain.state().delta(), &before, "{tx:?}");
    }
    let signed = ok().gas(50_000).build(user(0), 0);
    let result = chain.executor().execute(&signed, 49_999);
    assert_eq!(result, Err(InvalidTx::BlockGas { have: 50_000, limit: 49_999 }.into()));
    // And the next valid one runs as if nothing had been.
    chain.run(user(0), ok());
    let replay = Tx { nonce: Some(0), ..ok() };
    assert!(matches!(chain.try_run(user(0), replay), Err(ExecError::Invalid(InvalidTx::NonceTooLow { .. }))));
}

#[test]
fn the_block_shows_what_d8_says() {
    // NUMBER, TIMESTAMP, COINBASE, PREVRANDAO, GASLIMIT, BASEFEE, BLOBBASEFEE, CHAINID as eight words.
    let mut program = Vec::new();
    for (n, op) in [0x43_u8, 0x42, 0x41, 0x44, 0x45, 0x48, 0x4a, 0x46].into_iter().enumerate() {
        program.extend([op, 0x61, 0, u8::try_from(n * 32).unwrap(), 0x52]);
    }
    program.extend([0x61, 0x01, 0x00, 0x60, 0x00, RETURN]);
    let mut chain = with(&[(contract(0), program)]);
    let out = chain.run(user(0), Tx::call(contract(0), 0, vec![])).output;
    let words: Vec<U256> = out.chunks(32).map(U256::from_be_slice).collect();
    let env = chain.env();
    assert_eq!(
        words,
        [
            U256::from(1),
            U256::from(1_700_000_000_u64),
            U256::from_be_slice(OPERATOR.as_slice()),
            env.prev_randao.into(),
            U256::from(env.gas_limit),
            U256::from(GWEI),
            U256::from(1),
            U256::from(CHAIN_ID)
        ]
    );
}

#[test]
fn inside_the_evm_a_balance_is_what_it_is_worth_now() {
    let params = TokenParams::economy();
    let mut chain = Chain::new(&params, defchain_evm::base_registry(), &[(contract(0), code::BALANCE.to_vec())]);
    // Three days old: 93 % is left.
    chain.next_block(3 * params.day_millis());
    let ask = |chain: &mut Chain, who: Address| {
        word(&chain.run(user(0), Tx::call(contract(0), 0, who.into_word().to_vec())).output)
    };
    assert_eq!(ask(&mut chain, user(4)), U256::from(930 * DEF));
    assert_eq!(chain.state().nominal_balance(&user(4)).unwrap().wei(), 1_000 * DEF, "nobody touched it");
    // More than that cannot be sent, and both figures are said (D20).
    let result = chain.try_run(user(4), Tx::call(user(5), 940 * DEF, vec![]));
    let Err(ExecError::Invalid(InvalidTx::InsufficientFunds { have, nominal, .. })) = result else {
        panic!("{result:?}")
    };
    assert_eq!((have, nominal), (U256::from(930 * DEF), U256::from(1_000 * DEF)));
    // After eight days nothing is left, and money that arrives makes a new account of it (D15).
    chain.next_block(5 * params.day_millis());
    assert_eq!(chain.state().effective_balance(&user(4), chain.env().age).unwrap().wei(), 0);
    assert_eq!(chain.executor().sender(user(4)).unwrap().spendable, U256::ZERO);
}
