//! D17, D18: who pays commission, on what, how much, and where it goes.
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
use alloy_primitives::{Address, Log, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent};
use common::{
    CHAIN_ID, Chain, Tx,
    code::{self, CALL, CALLCODE, RETURN, REVERT},
    contract, user,
};
use defchain_base::{
    Amount,
    system::{self, Pool},
};
use defchain_evm::{CallRequest, ExecError, SimOptions, TxOutcome, estimate_gas, simulate, validity::InvalidTx};
use defchain_token::{BlockHost, IToken, TokenParams, set_exempt};

const DEF: u128 = 1_000_000_000_000_000_000;

/// Slot 0: CALLVALUE; slot 1: SELFBALANCE.
const WITNESS: &[u8] = &[0x34, 0x60, 0x00, 0x55, 0x47, 0x60, 0x01, 0x55, 0x00];

fn chain() -> Chain {
    let contracts = [
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::COUNTER.to_vec()),
        (contract(2), code::factory(true)),
        (contract(3), code::BEQUEATH.to_vec()),
        (contract(4), code::relay(CALL, REVERT)),
        (contract(5), WITNESS.to_vec()),
        (contract(6), code::relay(CALLCODE, RETURN)),
        (contract(7), code::relay(CALL, RETURN)),
    ];
    Chain::new(&TokenParams::economy(), defchain_evm::base_registry(), &contracts)
}

fn wei(n: u128) -> U256 {
    U256::from(n)
}

fn nobody(n: u8) -> Address {
    Address::repeat_byte(0xb0 + n)
}

fn paid_for_gas(outcome: &TxOutcome) -> u128 {
    outcome.base_fee.wei() + outcome.tip.wei()
}

/// A call without tip, so that the block's end adds no commission on tips.
fn call(to: Address, value: u128, data: Vec<u8>) -> Tx {
    Tx { tip: 0, ..Tx::call(to, value, data) }
}

fn commissions(outcome: &TxOutcome) -> Vec<(Address, Address, U256, bool)> {
    let of_token = outcome.logs.iter().filter(|log| log.address == system::TOKEN);
    of_token
        .filter_map(|log| IToken::Commission::decode_log(log).ok())
        .map(|log| (log.payer, log.recipient, log.amount, log.onTop))
        .collect()
}

/// YP 8.2.1: 10,000 DEF: 9,500 arrive, 100 burn, 100 dividend pool, 100 technical, 200 marketing.
#[test]
fn ten_thousand_sent_are_nine_thousand_five_hundred_received_and_the_pools_get_theirs() {
    let mut chain = chain();
    chain.give(nobody(0), 10_001);
    let supply = chain.supply();
    let outcome = chain.run(nobody(0), call(nobody(1), 10_000 * DEF, vec![]));
    assert_eq!(chain.balance(nobody(1)), 9_500 * DEF);
    assert_eq!(chain.balance(nobody(0)), DEF - paid_for_gas(&outcome));
    assert_eq!(commissions(&outcome), [(nobody(0), nobody(1), wei(500 * DEF), false)]);
    assert_eq!(chain.balance(Pool::Technical.address()), 0, "pools never move under a running transaction");
    chain.next_block(0);
    let fee = outcome.base_fee.wei();
    assert_eq!(chain.balance(Pool::Dividend.address()), 100 * DEF + fee * 30 / 100);
    assert_eq!(chain.balance(Pool::Technical.address()), 100 * DEF);
    assert_eq!(chain.balance(Pool::Marketing.address()), 200 * DEF);
    assert_eq!(chain.supply(), supply - 100 * DEF - (fee - 2 * (fee * 30 / 100) - fee * 20 / 100));
}

/// D17: recipient a contract: msg.value is exact and the payer pays on top.
#[test]
fn a_contract_receives_exactly_what_was_sent_and_the_payer_pays_on_top() {
    let mut chain = chain();
    let outcome = chain.run(user(0), call(contract(5), 100 * DEF, vec![]));
    assert_eq!((chain.slot(contract(5), 0), chain.slot(contract(5), 1)), (wei(100 * DEF), wei(100 * DEF)));
    assert_eq!(chain.balance(user(0)), 895 * DEF - paid_for_gas(&outcome));
    assert_eq!(commissions(&outcome), [(user(0), contract(5), wei(5 * DEF), true)]);
}

/// D17: contract to contract is free; a contract pays when the recipient has no code.
#[test]
fn a_contract_pays_people_and_not_contracts() {
    let mut chain = chain();
    chain.give(contract(0), 100);
    let outcome = chain.run(user(0), call(contract(0), 0, code::relay_input(contract(1), 40 * DEF, &[])));
    assert_eq!((chain.balance(contract(1)), chain.balance(contract(0))), (40 * DEF, 60 * DEF));
    assert!(commissions(&outcome).is_empty());
    let outcome = chain.run(user(0), call(contract(0), 0, code::relay_input(nobody(1), 40 * DEF, &[])));
    assert_eq!((chain.balance(nobody(1)), chain.balance(contract(0))), (38 * DEF, 20 * DEF));
    assert_eq!(commissions(&outcome), [(contract(0), nobody(1), wei(2 * DEF), false)]);
}

/// D17: within one transaction what was charged on top is a credit that deductions use first.
#[test]
fn a_router_is_not_taxed_twice() {
    let mut chain = chain();
    let outcome = chain.run(user(0), call(contract(0), 100 * DEF, code::relay_input(nobody(1), 100 * DEF, &[])));
    assert_eq!(chain.balance(nobody(1)), 100 * DEF);
    assert_eq!(chain.balance(user(0)), 895 * DEF - paid_for_gas(&outcome));
    assert_eq!(commissions(&outcome), [(user(0), contract(0), wei(5 * DEF), true)]);
    assert_eq!(outcome.shares.total().unwrap().wei(), 5 * DEF);
    // The credit is used up: of 300 forwarded only 100 were taxed before, so 10 are due on the rest.
    chain.give(contract(0), 200);
    let outcome = chain.run(user(1), call(contract(0), 100 * DEF, code::relay_input(nobody(2), 300 * DEF, &[])));
    assert_eq!(chain.balance(nobody(2)), 290 * DEF);
    assert_eq!(outcome.shares.total().unwrap().wei(), 15 * DEF);
    // Shares of what was still due: 1, 1, 1 and 2 of 5 each.
    let shares = outcome.shares;
    assert_eq!(
        [shares.burned, shares.dividend, shares.technical, shares.marketing].map(Amount::wei),
        [3 * DEF, 3 * DEF, 3 * DEF, 6 * DEF]
    );
    // And it ends with the transaction.
    let outcome = chain.run(user(2), call(nobody(3), 100 * DEF, vec![]));
    assert_eq!(outcome.shares.total().unwrap().wei(), 5 * DEF);
}

/// D17: a reverted frame refunds its commission, and the credit it made or used.
#[test]
fn a_reverted_frame_refunds_its_commission() {
    let mut chain = chain();
    chain.give(contract(0), 50);
    // contract 4 pays a person 30 and reverts; contract 0 survives and keeps its money.
    let inner = code::relay_input(nobody(1), 30 * DEF, &[]);
    let outcome = chain.run(user(0), call(contract(0), 0, code::relay_input(contract(4), 40 * DEF, &inner)));
    assert!(outcome.success && outcome.shares.is_zero() && commissions(&outcome).is_empty());
    assert_eq!((chain.balance(contract(0)), chain.balance(nobody(1))), (50 * DEF, 0));
    // The whole transaction: nothing but gas is gone.
    let outcome = chain.run(user(1), call(contract(4), 100 * DEF, code::relay_input(nobody(1), 100 * DEF, &[])));
    assert!(!outcome.success && outcome.shares.is_zero());
    assert_eq!(chain.balance(user(1)), 1_000 * DEF - paid_for_gas(&outcome));
    // What a reverted frame used of the credit is there again: relay in relay, the inner one reverts.
    let pays = code::relay_input(nobody(2), 20 * DEF, &[]);
    let reverts = code::relay_input(contract(4), 20 * DEF, &pays);
    chain.run(user(2), call(contract(0), 100 * DEF, reverts));
    let outcome = chain.run(user(2), call(contract(0), 0, code::relay_input(nobody(2), 100 * DEF, &[])));
    assert_eq!(outcome.shares.total().unwrap().wei(), 5 * DEF, "a new transaction has no credit");
}

/// D17: running init code counts as a contract.
#[test]
fn what_creates_a_contract_pays_on_top_and_a_contract_creates_for_free() {
    let mut chain = chain();
    let init = code::init(code::COUNTER);
    let outcome = chain.run(user(0), Tx { tip: 0, ..Tx::create(10 * DEF, init.clone()) });
    let created = outcome.created.unwrap();
    assert_eq!(chain.balance(created), 10 * DEF);
    assert_eq!(chain.balance(user(0)), 1_000 * DEF - 105 * DEF / 10 - paid_for_gas(&outcome));
    assert_eq!(commissions(&outcome), [(user(0), created, wei(DEF / 2), true)]);
    chain.give(contract(0), 10);
    let outcome = chain.run(user(0), call(contract(0), 0, code::relay_input(contract(2), 10 * DEF, &init)));
    assert!(commissions(&outcome).is_empty());
}

/// D17: precompiles count as contracts; D16: system addresses neither pay nor cause commission.
#[test]
fn precompiles_count_as_contracts_and_system_addresses_cause_none() {
    let mut chain = chain();
    let identity = Address::with_last_byte(4);
    let outcome = chain.run(user(0), call(identity, DEF, vec![]));
    assert_eq!(chain.balance(identity), DEF);
    assert_eq!(commissions(&outcome), [(user(0), identity, wei(DEF / 20), true)]);
    chain.give(contract(0), 10);
    let outcome = chain.run(user(0), call(contract(0), 0, code::relay_input(identity, DEF, &[])));
    assert!(commissions(&outcome).is_empty());
    // An address of the protocol that nobody serves: whoever throws money there throws it away, all of it.
    let idle = system::LAST;
    let outcome = chain.run(user(0), call(idle, DEF, vec![]));
    assert_eq!((chain.balance(idle), commissions(&outcome)), (DEF, vec![]));
}

/// The precompiles of D17 are those of the EVM.
#[test]
fn the_table_of_precompiles_is_the_evm_s() {
    use defchain_token::is_precompile;
    let chain = chain();
    for n in 0..=0xff_u8 {
        let address = Address::with_last_byte(n);
        // A precompile answers the empty input with something or fails; an empty account does neither and costs nothing.
        let request =
            CallRequest { from: Some(user(0)), to: Some(address), gas: Some(1_000_000), ..Default::default() };
        let registry = chain.registry.clone();
        let outcome = simulate(chain.state(), chain.env(), &registry, &request, &SimOptions::default()).unwrap();
        assert_eq!(outcome.gas_used > 21_000 || !outcome.is_success(), is_precompile(&address), "{address}");
    }
}

/// D17: SELFDESTRUCT: gross leaves, net arrives.
#[test]
fn a_legacy_pays_commission_when_the_heir_has_no_code() {
    let mut chain = chain();
    chain.give(contract(3), 100);
    let outcome = chain.run(user(0), call(contract(3), 0, nobody(1).into_word().to_vec()));
    assert_eq!((chain.balance(contract(3)), chain.balance(nobody(1))), (0, 95 * DEF));
    assert_eq!(commissions(&outcome), [(contract(3), nobody(1), wei(5 * DEF), false)]);
    chain.give(contract(3), 100);
    let outcome = chain.run(user(0), call(contract(3), 0, contract(1).into_word().to_vec()));
    assert_eq!((chain.balance(contract(1)), commissions(&outcome)), (100 * DEF, vec![]));
}

fn delegate(chain: &mut Chain, key: u8, to: Address) -> Address {
    let signer = PrivateKeySigner::from_slice(&[key; 32]).unwrap();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: to, nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let mut tx = Tx { tip: 0, ..Tx::call(user(9), 0, vec![]).kind(4) };
    tx.authorizations = vec![authorization.into_signed(signature)];
    chain.run(user(9), tx);
    signer.address()
}

/// D17: an EIP-7702 account counts as one without code; its CALLVALUE is the net.
#[test]
fn a_delegated_account_sees_the_net_as_its_callvalue() {
    let mut chain = chain();
    let delegated = delegate(&mut chain, 5, contract(5));
    let outcome = chain.run(user(0), call(delegated, 100 * DEF, vec![]));
    assert!(outcome.success);
    assert_eq!((chain.slot(delegated, 0), chain.slot(delegated, 1)), (wei(95 * DEF), wei(95 * DEF)));
    // In an inner frame too, paid by a contract.
    chain.give(contract(0), 50);
    chain.run(user(0), call(contract(0), 0, code::relay_input(delegated, 40 * DEF, &[])));
    assert_eq!((chain.slot(delegated, 0), chain.slot(delegated, 1)), (wei(38 * DEF), wei(133 * DEF)));
    // It pays as one without code: to a contract on top, though it runs code. What it does not hold it cannot pay.
    let payer = delegate(&mut chain, 6, contract(0));
    chain.give(payer, 105);
    let outcome = chain.run(user(1), call(payer, 0, code::relay_input(contract(5), 100 * DEF, &[])));
    assert_eq!((chain.balance(payer), chain.slot(contract(5), 0)), (0, wei(100 * DEF)));
    assert_eq!(commissions(&outcome), [(payer, contract(5), wei(5 * DEF), true)]);
    chain.give(payer, 104);
    let outcome = chain.run(user(1), call(payer, 0, code::relay_input(contract(5), 100 * DEF, &[])));
    assert_eq!(outcome.output[31], 0, "the call fails: it cannot pay the commission on top");
    assert_eq!(chain.balance(payer), 104 * DEF);
}

fn set_referrer(referrer: Address) -> Vec<u8> {
    IToken::setReferrerCall { referrer }.abi_encode()
}

/// D18, YP 8.2.2: 4.5 %: 2.25 % burned, 2.25 % to the referrer as a fresh portion without commission.
#[test]
fn with_a_referrer_the_commission_is_four_and_a_half_percent_and_half_is_his() {
    let mut chain = chain();
    chain.give(user(0), 11_000);
    let outcome = chain.run(user(0), call(system::TOKEN, 0, set_referrer(nobody(7))));
    let named = IToken::ReferrerSet::decode_log(&outcome.logs[0]).unwrap();
    assert_eq!((named.account, named.referrer), (user(0), nobody(7)));
    assert_eq!(chain.account(user(0)).referrer, Some(nobody(7)));
    let outcome = chain.run(user(0), call(nobody(1), 10_000 * DEF, vec![]));
    assert_eq!((chain.balance(nobody(1)), chain.balance(nobody(7))), (9_550 * DEF, 225 * DEF));
    assert_eq!((outcome.shares.burned.wei(), outcome.shares.total().unwrap().wei()), (225 * DEF, 225 * DEF));
    assert_eq!(commissions(&outcome), [(user(0), nobody(1), wei(450 * DEF), false)]);
    let referral = IToken::Referral::decode_log(&outcome.logs[1]).unwrap();
    assert_eq!((referral.payer, referral.referrer, referral.amount), (user(0), nobody(7), wei(225 * DEF)));
    // On top, too; and the referrer may be a contract.
    chain.run(user(1), call(system::TOKEN, 0, set_referrer(contract(1))));
    let before = chain.balance(user(1));
    let outcome = chain.run(user(1), call(contract(5), 100 * DEF, vec![]));
    assert_eq!(chain.balance(user(1)), before - 1_045 * DEF / 10 - paid_for_gas(&outcome));
    assert_eq!(chain.balance(contract(1)), 225 * DEF / 100);
}

/// D18: once, not oneself, zero, a system address or the exempt; no cycle of two. Contracts too.
#[test]
fn every_referrer_that_may_not_be_is_refused_with_its_reason() {
    let mut chain = chain();
    let env = chain.env();
    set_exempt(&mut BlockHost::new(chain.executor().overlay_mut(), env), user(8), true).unwrap();
    chain.executor().overlay_mut().commit();
    let refused = |chain: &mut Chain, from: Address, referrer: Address| {
        let outcome = chain.run(from, call(system::TOKEN, 0, set_referrer(referrer)));
        assert!(!outcome.success);
        String::from_utf8_lossy(&outcome.output).into_owned()
    };
    assert!(refused(&mut chain, user(0), user(0)).contains("cannot refer itself"));
    assert!(refused(&mut chain, user(0), Address::ZERO).contains("zero address"));
    assert!(refused(&mut chain, user(0), system::STAKING).contains("system address"));
    assert!(refused(&mut chain, user(0), user(8)).contains("does not decay"));
    chain.run(user(0), call(system::TOKEN, 0, set_referrer(user(1))));
    assert!(refused(&mut chain, user(1), user(0)).contains("cannot refer each other"));
    assert!(refused(&mut chain, user(0), user(2)).contains("has a referrer already"));
    // Through a contract, which thereby names its own.
    let data = code::relay_input(system::TOKEN, 0, &set_referrer(user(0)));
    chain.run(user(2), call(contract(0), 0, data));
    assert_eq!(chain.account(contract(0)).referrer, Some(user(0)));
    // A frame that reverts named nobody, although the same transaction paid with it.
    let data = code::relay_input(system::TOKEN, 0, &set_referrer(user(0)));
    chain.give(contract(4), 100);
    chain.run(user(2), call(contract(0), 0, code::relay_input(contract(4), 0, &data)));
    assert_eq!(chain.account(contract(4)).referrer, None);
}

/// D16: what does not decay pays always, to contracts too.
#[test]
fn an_exempt_contract_pays_contracts_on_top_and_its_money_arrives_fresh() {
    let mut chain = chain();
    chain.give(contract(0), 200);
    let env = chain.env();
    set_exempt(&mut BlockHost::new(chain.executor().overlay_mut(), env), contract(0), true).unwrap();
    chain.executor().overlay_mut().commit();
    chain.next_block(30 * chain.params.day_millis());
    chain.give(user(1), 1);
    assert_eq!(chain.balance(contract(0)), 200 * DEF, "a month later nothing is lost");
    let now = chain.env().age;
    let outcome = chain.run(user(1), call(contract(0), 0, code::relay_input(contract(1), 100 * DEF, &[])));
    assert_eq!((chain.balance(contract(1)), chain.balance(contract(0))), (100 * DEF, 95 * DEF));
    assert_eq!(commissions(&outcome), [(contract(0), contract(1), wei(5 * DEF), true)]);
    assert_eq!(chain.account(contract(1)).portions.as_slice()[0].received_at, now);
}

/// D17: validity needs gas + value + commission on top, by one function for block, eth_call and estimate.
#[test]
fn the_most_that_can_be_sent_is_the_same_for_block_call_and_estimate() {
    let mut chain = chain();
    let gas = 100_000_u64;
    let price = 3 * common::GWEI;
    let spendable = chain.balance(user(0)) - u128::from(gas) * price;
    // The greatest v with v + floor(v / 20) <= spendable.
    let mut most = spendable / 21 * 20;
    while most + 1 + (most + 1) / 20 <= spendable {
        most += 1;
    }
    for (to, sum) in [(contract(5), most), (nobody(1), spendable)] {
        for (value, fits) in [(sum + 1, false), (sum, true)] {
            let request = CallRequest {
                from: Some(user(0)),
                to: Some(to),
                gas: Some(gas),
                max_fee_per_gas: Some(price),
                value: wei(value),
                ..CallRequest::default()
            };
            let (env, registry) = (chain.env(), chain.registry.clone());
            let called = simulate(chain.state(), env, &registry, &request, &SimOptions::default());
            assert_eq!(called.as_ref().is_ok_and(|o| o.is_success()), fits, "{called:?}");
            let estimated = estimate_gas(chain.state(), env, &registry, &request, &SimOptions::default());
            // An estimate may find that less gas would do, where the call names too much.
            assert!(!fits || estimated.is_ok_and(|found| found <= gas));
            let all = CallRequest { value: wei(1_000 * DEF), ..request };
            let refused = estimate_gas(chain.state(), env, &registry, &all, &SimOptions::default());
            assert!(refused.is_err(), "nothing is left for gas");
            let done = chain.try_run(user(0), call(to, value, vec![]).gas(gas));
            if fits {
                assert!(done.unwrap().success);
                chain = self::chain();
            } else {
                let Err(ExecError::Invalid(InvalidTx::InsufficientFunds { have, want, commission, .. })) = done else {
                    panic!("{done:?}")
                };
                assert_eq!((have, want - have), (wei(1_000 * DEF), wei(1)));
                assert_eq!(commission, if to == nobody(1) { U256::ZERO } else { wei(value / 20) });
            }
        }
    }
}

/// A call that pretends to own its value owns the commission on it too.
#[test]
fn a_simulation_without_balance_checks_can_pay_its_commission() {
    let chain = chain();
    let options = SimOptions { skip_balance_check: true, ..SimOptions::default() };
    let request =
        CallRequest { from: Some(nobody(9)), to: Some(contract(5)), value: wei(5_000 * DEF), ..CallRequest::default() };
    let outcome = simulate(chain.state(), chain.env(), &chain.registry.clone(), &request, &options).unwrap();
    assert!(outcome.is_success(), "{outcome:?}");
}

/// Contracts built to dodge the commission: whatever way money takes from one person to another, 5 % are paid.
#[test]
fn there_is_no_way_around_the_commission() {
    // A contract that comes and goes in one transaction: 10 DEF in, bequeathed to a person.
    let mut chain = chain();
    let init = [&[0x73][..], nobody(1).as_slice(), &[0xff]].concat();
    let outcome = chain.run(user(0), Tx { tip: 0, ..Tx::create(10 * DEF, init.clone()) });
    assert_eq!((chain.balance(nobody(1)), outcome.shares.total().unwrap().wei()), (10 * DEF, DEF / 2));
    assert_eq!(chain.balance(user(0)), 1_000 * DEF - 105 * DEF / 10 - paid_for_gas(&outcome));
    // The same made by a contract: the contract's money is not renewed for less.
    chain.give(contract(0), 10);
    let outcome = chain.run(user(1), call(contract(0), 0, code::relay_input(contract(2), 10 * DEF, &init)));
    assert_eq!((chain.balance(nobody(1)), outcome.shares.total().unwrap().wei()), (195 * DEF / 10, DEF / 2));
    // Dust whose commission rounds to nothing costs far more gas than it saves.
    let outcome = chain.run(user(2), call(nobody(3), 19, vec![]));
    assert!(outcome.shares.is_zero() && chain.balance(nobody(3)) == 19);
    assert!(paid_for_gas(&outcome) > 19 * 1_000_000_000_000);
    // CALLCODE with value pays oneself: free for a contract, and it renews nothing.
    chain.give(contract(6), 10);
    let outcome = chain.run(user(3), call(contract(6), 0, code::relay_input(contract(1), 5 * DEF, &[])));
    assert!(outcome.success && outcome.shares.is_zero());
}

/// D17a: two contracts that pass money to and fro do not renew it.
#[test]
fn passing_money_to_and_fro_between_contracts_renews_nothing() {
    let mut chain = chain();
    chain.give(contract(0), 100);
    let day = chain.params.day_millis();
    for expected in [99, 97, 93, 85, 71, 48, 17, 0_u128] {
        chain.next_block(day);
        chain.give(user(0), 1);
        let held = chain.balance(contract(0));
        assert!(held.abs_diff(expected * DEF) < 10, "{held} on a day of {expected} %");
        // There and back again, twice: contract 0 pays contract 7, which pays it back.
        let end = code::relay_input(user(9), 0, &[]);
        let round = |rest: &[u8]| code::relay_input(contract(7), held, &code::relay_input(contract(0), held, rest));
        let outcome = chain.run(user(0), call(contract(0), 0, round(&round(&end))));
        assert!(outcome.success && commissions(&outcome).is_empty());
        let moves = outcome.logs.len();
        assert_eq!((chain.balance(contract(7)), chain.balance(contract(0))), (0, held), "{moves} logs");
    }
}

/// D2: values beyond 128 bits are refused wherever they are tried.
#[test]
fn values_above_128_bits_move_nothing() {
    let chain = chain();
    let request = CallRequest {
        from: Some(user(0)),
        to: Some(contract(0)),
        data: [nobody(1).into_word().as_slice(), &(U256::MAX >> 127_usize).to_be_bytes::<32>()].concat().into(),
        ..CallRequest::default()
    };
    let registry = chain.registry.clone();
    let outcome = simulate(chain.state(), chain.env(), &registry, &request, &SimOptions::default()).unwrap();
    assert_eq!(outcome.output[31], 0, "the inner call fails");
    let request = CallRequest { to: Some(nobody(1)), value: U256::MAX, data: Default::default(), ..request };
    let refused = simulate(chain.state(), chain.env(), &registry, &request, &SimOptions::default());
    assert!(matches!(refused, Err(ExecError::Invalid(InvalidTx::InsufficientFunds { .. }))), "{refused:?}");
}

/// D21: what stands in the receipt lets an indexer follow every balance.
#[test]
fn the_logs_of_a_payment_account_for_every_wei() {
    let mut chain = chain();
    chain.run(user(0), call(system::TOKEN, 0, set_referrer(user(5))));
    chain.next_block(2 * chain.params.day_millis());
    let before: Vec<u128> = (0..10).map(|n| chain.balance(user(n))).collect();
    let outcome = chain.run(user(0), call(user(1), 100 * DEF, vec![]));
    let mut moved: Vec<i128> = vec![0; 10];
    let index = |address: Address| (0..10).position(|n| user(n) == address).unwrap();
    moved[0] -= 100 * DEF as i128 + paid_for_gas(&outcome) as i128;
    moved[1] += 100 * DEF as i128;
    let as_i = |n: U256| i128::try_from(n.to::<u128>()).unwrap();
    let mut lost = vec![0; 10];
    for log in &outcome.logs {
        if let Ok(Log { data: c, .. }) = IToken::Commission::decode_log(log) {
            moved[index(c.recipient)] -= as_i(c.amount);
        } else if let Ok(Log { data: r, .. }) = IToken::Referral::decode_log(log) {
            moved[index(r.referrer)] += as_i(r.amount);
        } else if let Ok(Log { data: s, .. }) = IToken::Settled::decode_log(log) {
            lost[index(s.account)] += as_i(s.burned + s.toDividendPool);
        }
    }
    for n in 0..10 {
        let now = chain.balance(user(n)) as i128;
        assert_eq!(now - before[usize::from(n)] as i128, moved[usize::from(n)], "account {n}");
        let nominal = if [0, 1, 5].contains(&n) { 30 * DEF as i128 } else { 0 };
        // Before, 1,000 nominal and 970 effective; the settled accounts lost the 30.
        assert!((lost[usize::from(n)] - nominal).abs() < DEF as i128 / 1_000, "{n}: {lost:?}");
    }
}
