//! D17a inside the EVM: which value arrives fresh and which keeps its age.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolEvent;
use common::{
    CHAIN_ID, Chain, Tx,
    code::{self, CALL, RETURN},
    contract, user,
};
use defchain_base::system::Pool;
use defchain_token::{BlockHost, IToken, TokenParams, set_exempt, state::TokenRead};

const DEF: u128 = 1_000_000_000_000_000_000;

fn wei(n: u128) -> U256 {
    U256::from(n)
}

/// A relay that got 100 DEF on day 0, now two days later: 97 DEF are left.
fn chain() -> Chain {
    let params = TokenParams::economy();
    let contracts = [
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::COUNTER.to_vec()),
        (contract(2), code::factory(true)),
        (contract(3), code::BEQUEATH.to_vec()),
    ];
    let mut chain = Chain::new(&params, defchain_evm::base_registry(), &contracts);
    chain.run(user(0), Tx::call(contract(0), 100 * DEF, code::relay_input(user(9), 0, &[])));
    chain.next_block(2 * params.day_millis());
    chain
}

fn receipts(chain: &Chain, address: Address) -> Vec<u64> {
    chain.account(address).portions.as_slice().iter().map(|p| p.received_at.0).collect()
}

#[test]
fn contract_to_contract_keeps_its_age_and_a_way_back_to_people_renews_it() {
    let mut chain = chain();
    let now = chain.env().age.0;
    chain.run(user(1), Tx::call(contract(0), 0, code::relay_input(contract(1), 40 * DEF, &[])));
    assert_eq!(receipts(&chain, contract(1)), [0], "carried");
    assert_eq!(chain.balance(contract(1)), 40 * DEF);
    let nobody = Address::repeat_byte(0x98);
    chain.run(user(1), Tx::call(contract(0), 0, code::relay_input(nobody, 40 * DEF, &[])));
    assert_eq!(receipts(&chain, nobody), [now], "fresh");
    // A day later the carried 40 are worth 40 × 93/97, of the fresh ones, less 5 %, 99 %.
    chain.next_block(chain.params.day_millis());
    assert_eq!(chain.balance(nobody), 38 * DEF * 99 / 100);
    assert_eq!(chain.balance(contract(1)), (40 * DEF * 100).div_ceil(97) * 93 / 100);
}

#[test]
fn what_people_send_is_fresh_wherever_it_goes() {
    let mut chain = chain();
    let now = chain.env().age.0;
    chain.run(user(1), Tx::call(contract(1), DEF, vec![]));
    chain.run(user(1), Tx::create(DEF, code::init(code::COUNTER)));
    assert_eq!(receipts(&chain, contract(1)), [now]);
    assert_eq!(receipts(&chain, user(1).create(1)), [now]);
}

#[test]
fn a_payment_to_oneself_renews_what_was_paid() {
    let mut chain = chain();
    let now = chain.env().age.0;
    chain.run(user(5), Tx::call(user(5), 100 * DEF, vec![]));
    assert_eq!(receipts(&chain, user(5)), [0, now]);
    // A contract that pays itself renews nothing.
    chain.run(user(1), Tx::call(contract(0), 0, code::relay_input(contract(0), 50 * DEF, &[])));
    assert_eq!(receipts(&chain, contract(0)), [0]);
}

#[test]
fn init_code_counts_as_a_contract() {
    let mut chain = chain();
    let init = code::init(code::COUNTER);
    let created = contract(2).create2_from_code(B256::ZERO, &init);
    // The relay pays the factory, the factory what it creates: the money is two days old all the way.
    chain.run(user(1), Tx::call(contract(0), 0, code::relay_input(contract(2), 7 * DEF, &init)));
    assert_eq!((chain.balance(created), receipts(&chain, created)), (7 * DEF, vec![0]));
}

#[test]
fn an_eip_7702_account_counts_as_one_without_code() {
    let signer = PrivateKeySigner::from_slice(&[5; 32]).unwrap();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: contract(1), nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let mut chain = chain();
    let now = chain.env().age.0;
    let mut tx = Tx::call(user(1), 0, vec![]).kind(4);
    tx.authorizations = vec![authorization.into_signed(signature)];
    chain.run(user(1), tx);
    chain.run(user(1), Tx::call(contract(0), 0, code::relay_input(signer.address(), DEF, &[])));
    assert_eq!(receipts(&chain, signer.address()), [now]);
}

#[test]
fn a_legacy_is_judged_by_its_parties() {
    let mut chain = chain();
    let now = chain.env().age.0;
    let heir = Address::repeat_byte(0x97);
    for (to, arrives, expected) in [(contract(1), 3 * DEF, 0), (heir, 285 * DEF / 100, now)] {
        // The relay pays the mortal contract (carried), which leaves it to the heir.
        let data = code::relay_input(contract(3), 3 * DEF, to.into_word().as_slice());
        chain.run(user(1), Tx::call(contract(0), 0, data));
        assert_eq!((chain.balance(to), receipts(&chain, to)), (arrives, vec![expected]));
    }
}

/// D17: gross leaves, net arrives, also where a payment would pay on top: an EIP-7702 account that ends in favour of a
/// contract or a precompile.
#[test]
fn a_person_s_legacy_to_a_contract_pays_out_of_what_is_left() {
    let signer = PrivateKeySigner::from_slice(&[5; 32]).unwrap();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: contract(3), nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    for heir in [contract(1), Address::with_last_byte(4)] {
        let mut chain = chain();
        let now = chain.env().age.0;
        let mut tx = Tx::call(user(1), 0, vec![]).kind(4);
        tx.authorizations = vec![authorization.clone().into_signed(signature)];
        chain.run(user(1), tx);
        chain.run(user(1), Tx::call(signer.address(), 100 * DEF, heir.into_word().to_vec()));
        let arrived = chain.balance(heir);
        // 100 DEF less 5 % on the way in, less 5 % on the way out.
        assert_eq!((chain.balance(signer.address()), arrived), (0, 9_025 * DEF / 100));
        assert_eq!(receipts(&chain, heir), [now]);
        // The owner itself, with money and gas left: the same.
        let supply = chain.supply();
        let outcome = chain.run(user(2), Tx::call(nobody(), DEF, vec![]));
        assert!(outcome.success && chain.supply() <= supply);
    }
}

/// D16, D17: a contract on the list pays always; what it leaves to a contract pays out of itself.
#[test]
fn the_legacy_of_an_exempt_contract_pays_out_of_itself() {
    let mut chain = chain();
    let env = chain.env();
    set_exempt(&mut BlockHost::new(chain.executor().overlay_mut(), env), contract(3), true).unwrap();
    chain.executor().overlay_mut().commit();
    chain.run(user(1), Tx::call(contract(3), 10 * DEF, contract(1).into_word().to_vec()));
    assert_eq!((chain.balance(contract(3)), chain.balance(contract(1))), (0, 95 * DEF / 10));
}

fn nobody() -> Address {
    Address::repeat_byte(0x96)
}

#[test]
fn touching_an_account_settles_it_half_to_the_dividend_pool() {
    let mut chain = chain();
    let (supply, pool) = (chain.supply(), chain.balance(Pool::Dividend.address()));
    let outcome = chain.run(user(1), Tx::call(user(2), 0, vec![]));
    // Of user 1's 1,000 DEF 30 are lost: 15 to the pool, 15 burned. User 2 was not paid and is not settled.
    assert_eq!((outcome.shares.burned.wei(), outcome.shares.dividend.wei()), (15 * DEF, 15 * DEF));
    assert_eq!(
        (chain.supply(), chain.balance(Pool::Dividend.address())),
        (supply, pool),
        "pools wait for the block's end"
    );
    // D21: the receipt says so.
    let settled = IToken::Settled::decode_log(&outcome.logs[0]).unwrap();
    assert_eq!((settled.account, settled.burned, settled.toDividendPool), (user(1), wei(15 * DEF), wei(15 * DEF)));
    assert_eq!(outcome.logs.len(), 1);
    let fees = outcome.base_fee.wei();
    chain.next_block(0);
    let tip_commission = outcome.tip.wei() / 100;
    // And half of what the operator's two days old income lost when it was paid again.
    let dividend = pool + 15 * DEF + fees * 30 / 100 + tip_commission;
    let more = chain.balance(Pool::Dividend.address()) - dividend;
    assert!(more > 0 && more < DEF / 1_000_000, "{more}");
    assert_eq!(chain.state().nominal_balance(&user(2)).unwrap().wei(), 1_000 * DEF);
}
