//! WETH9, deployed unmodified, under decay: what its holders must know. It keeps its books in tokens that do not age, over
//! money that does: its balance shrinks day by day, its promises do not, and whoever withdraws first is paid in full.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::{SolCall, sol};
use common::{Chain, Tx, user};
use defchain_evm::TxOutcome;
use defchain_token::TokenParams;

const DEF: u128 = 1_000_000_000_000_000_000;

sol! {
    interface IWETH {
        function deposit() external payable;
        function withdraw(uint256 amount) external;
        function transfer(address to, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
        function totalSupply() external view returns (uint256);
    }
}

struct Weth {
    chain: Chain,
    at: Address,
}

impl Weth {
    fn new() -> Self {
        let fixture: serde_json::Value = serde_json::from_str(include_str!("fixtures/weth9.json")).unwrap();
        let code = hex::decode(fixture["bytecode"].as_str().unwrap()).unwrap();
        let mut chain = Chain::new(&TokenParams::economy(), defchain_evm::base_registry(), &[]);
        let deployed = chain.run(user(9), Tx { tip: 0, gas: 3_000_000, ..Tx::create(0, code) });
        assert!(deployed.success);
        Self { chain, at: deployed.created.unwrap() }
    }

    fn send(&mut self, from: Address, value: u128, data: Vec<u8>) -> TxOutcome {
        self.chain.run(from, Tx { tip: 0, ..Tx::call(self.at, value, Bytes::from(data)) })
    }

    fn deposit(&mut self, from: Address, def: u128) {
        assert!(self.send(from, def * DEF, IWETH::depositCall {}.abi_encode()).success);
    }

    fn withdraw(&mut self, from: Address, amount: u128) -> TxOutcome {
        self.send(from, 0, IWETH::withdrawCall { amount: U256::from(amount) }.abi_encode())
    }

    fn ask<C: SolCall<Return = U256>>(&mut self, call: C) -> u128 {
        let outcome = self.send(user(8), 0, call.abi_encode());
        C::abi_decode_returns(&outcome.output).unwrap().to()
    }

    fn tokens(&mut self, of: Address) -> u128 {
        self.ask(IWETH::balanceOfCall { account: of })
    }

    fn days(&mut self, n: u64) {
        self.chain.next_block(n * self.chain.params.day_millis());
        // Whoever goes on acting needs money for gas.
        for n in 0..10 {
            self.chain.give(user(n), 1_000);
        }
    }
}

/// D17: the deposit is exact, its commission comes on top; a withdrawal pays its commission out of what arrives.
#[test]
fn wrapping_costs_five_percent_on_top_and_unwrapping_five_percent_of_what_arrives() {
    let mut weth = Weth::new();
    weth.deposit(user(0), 100);
    assert_eq!(weth.tokens(user(0)), 100 * DEF);
    assert_eq!(weth.chain.balance(weth.at), 100 * DEF);
    let before = weth.chain.balance(user(0));
    let outcome = weth.withdraw(user(0), 40 * DEF);
    assert!(outcome.success);
    assert_eq!(weth.chain.balance(user(0)), before + 38 * DEF - outcome.base_fee.wei());
    assert_eq!((weth.tokens(user(0)), weth.chain.balance(weth.at)), (60 * DEF, 60 * DEF));
}

/// Tokens move without commission and renew nothing: the DEF behind them goes on ageing.
#[test]
fn wrapped_tokens_move_for_free_and_renew_nothing() {
    let mut weth = Weth::new();
    weth.deposit(user(0), 100);
    weth.days(2);
    let data = IWETH::transferCall { to: user(1), amount: U256::from(100 * DEF) }.abi_encode();
    let outcome = weth.send(user(0), 0, data);
    assert!(outcome.success && weth.tokens(user(1)) == 100 * DEF);
    assert_eq!(weth.chain.balance(weth.at), 97 * DEF);
    weth.days(1);
    assert_eq!(weth.chain.balance(weth.at), 93 * DEF);
}

/// Its totalSupply is its balance, which decays; its balances do not. What it cannot pay, reverts.
#[test]
fn promises_outlive_the_money_and_the_last_to_leave_bears_the_loss() {
    let mut weth = Weth::new();
    weth.deposit(user(0), 100);
    weth.deposit(user(1), 100);
    weth.days(3);
    assert_eq!((weth.tokens(user(0)), weth.tokens(user(1))), (100 * DEF, 100 * DEF));
    assert_eq!(weth.ask(IWETH::totalSupplyCall {}), 186 * DEF, "93 % of 200");
    assert!(weth.withdraw(user(0), 100 * DEF).success, "the first is paid in full");
    let refused = weth.withdraw(user(1), 100 * DEF);
    assert!(!refused.success, "86 are left for 100 promised");
    assert_eq!(weth.tokens(user(1)), 100 * DEF, "a refused withdrawal keeps the tokens");
    assert!(weth.withdraw(user(1), 86 * DEF).success);
    assert_eq!((weth.tokens(user(1)), weth.chain.balance(weth.at)), (14 * DEF, 0));
    // Eight days after the last deposit nothing is behind the rest, until somebody deposits: the newcomer pays for it.
    weth.deposit(user(2), 20);
    assert!(weth.withdraw(user(1), 14 * DEF).success);
    assert!(!weth.withdraw(user(2), 20 * DEF).success);
    assert_eq!(weth.chain.balance(weth.at), 6 * DEF);
    weth.days(8);
    assert_eq!((weth.chain.balance(weth.at), weth.ask(IWETH::totalSupplyCall {})), (0, 0));
    assert_eq!(weth.tokens(user(2)), 20 * DEF);
}
