//! Random transactions of every type: whatever they do, money is conserved (D4), and the executor's own comparison of
//! each balance with its portions never fails.
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
use alloy_primitives::{Address, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use common::{
    CHAIN_ID, Chain, GWEI, Tx,
    code::{self, CALL, CALLCODE, DELEGATECALL, RETURN, REVERT, STATICCALL},
    contract, user,
};
use defchain_base::system;
use defchain_evm::{ExecError, Tracer};
use defchain_token::{BlockHost, IToken, TokenParams, set_exempt};
use proptest::prelude::*;

const DEF: u128 = 1_000_000_000_000_000_000;
const HOUR: u64 = 3_600_000;

/// So many, unless PROPTEST_CASES says otherwise.
fn cases(usually: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(usually)
}

#[derive(Debug, Clone)]
enum Step {
    /// From user `from`, type `kind`, through `relays` to `target`, `value` in thousandths of a DEF.
    Send {
        from: u8,
        kind: u8,
        relays: Vec<u8>,
        target: u8,
        value: u16,
        gas: u32,
    },
    /// Init code that deploys, reverts, or destroys itself; directly or by a factory.
    Create {
        from: u8,
        by: u8,
        what: u8,
        value: u16,
    },
    /// User `from` delegates authority `key` to a contract.
    Delegate {
        from: u8,
        key: u8,
        to: u8,
        value: u16,
    },
    /// User `from` names user or contract `who` as referrer, directly or through a relay; or settles it.
    Token {
        from: u8,
        who: u8,
        relay: bool,
        settle: bool,
    },
    /// Governance puts a user or contract on the list of those who do not decay, or takes it off.
    Exempt {
        who: u8,
        on: bool,
    },
    Block(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let send = (0..10u8, 0..3u8, prop::collection::vec(0..5u8, 0..4), 0..24u8, any::<u16>(), 21_000..600_000u32)
        .prop_map(|(from, kind, relays, target, value, gas)| Step::Send { from, kind, relays, target, value, gas });
    prop_oneof![
        8 => send,
        3 => (0..10u8, 0..3u8, 0..6u8, any::<u16>())
            .prop_map(|(from, by, what, value)| Step::Create { from, by, what, value }),
        1 => (0..10u8, 0..3u8, 0..12u8, any::<u16>())
            .prop_map(|(from, key, to, value)| Step::Delegate { from, key, to, value }),
        2 => (0..10u8, 0..24u8, any::<bool>(), any::<bool>())
            .prop_map(|(from, who, relay, settle)| Step::Token { from, who, relay, settle }),
        1 => (0..20u8, any::<bool>()).prop_map(|(who, on)| Step::Exempt { who, on }),
        3 => (0..30 * HOUR).prop_map(Step::Block),
    ]
}

fn key(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[n + 1; 32]).unwrap()
}

fn target(n: u8) -> Address {
    match n {
        0..=9 => user(n),
        10..=19 => contract(n - 10),
        20 => system::STAKING,
        21 => system::EFFECTIVE_BALANCE,
        22 => key(0).address(),
        _ => Address::with_last_byte(4),
    }
}

fn chain(params: &TokenParams) -> Chain {
    let contracts = [
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::relay(CALL, REVERT)),
        (contract(2), code::relay(DELEGATECALL, RETURN)),
        (contract(3), code::relay(CALLCODE, RETURN)),
        (contract(4), code::relay(STATICCALL, RETURN)),
        (contract(5), code::COUNTER.to_vec()),
        (contract(6), code::BEQUEATH.to_vec()),
        (contract(7), code::factory(false)),
        (contract(8), code::factory(true)),
        (contract(9), code::create_and_call()),
    ];
    Chain::new(params, defchain_evm::base_registry(), &contracts)
}

fn milli(value: u16) -> u128 {
    u128::from(value) * DEF / 1_000
}

fn init(what: u8) -> Vec<u8> {
    match what {
        0 => code::init(code::COUNTER),
        1 => code::init(code::FRAGILE),
        2 => vec![0x30, 0xff],             // leaves all to itself
        3 => vec![0x32, 0xff],             // leaves all to the origin
        4 => vec![0x60, 0, 0x60, 0, 0xfd], // reverts
        _ => vec![],
    }
}

fn transaction(step: &Step, chain: &Chain) -> Option<(Address, Tx)> {
    Some(match step {
        Step::Send { from, kind, relays, target: to, value, gas } => {
            // The data names an heir, for those who leave everything to somebody.
            let heir = target(u8::try_from(gas % 24).unwrap());
            let (mut to, value, mut data) = (target(*to), milli(*value), heir.into_word().to_vec());
            for relay in relays {
                data = code::relay_input(to, value, &data);
                to = contract(*relay);
            }
            (user(*from), Tx::call(to, value, data).kind(*kind).gas(u64::from(*gas)))
        }
        Step::Create { from, by, what, value } => {
            let tx = match by {
                0 => Tx::create(milli(*value), init(*what)),
                by => Tx::call(contract(6 + by + u8::from(*what == 1)), milli(*value), init(*what)),
            };
            (user(*from), tx)
        }
        Step::Delegate { from, key: n, to, value } => {
            let signer = key(*n);
            let nonce = chain.account(signer.address()).nonce;
            let address = if *to == 11 { Address::ZERO } else { target(10 + to) };
            let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address, nonce };
            let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
            let mut tx = Tx::call(signer.address(), milli(*value), vec![]).kind(4);
            tx.authorizations = vec![authorization.into_signed(signature)];
            (user(*from), tx)
        }
        Step::Token { from, who, relay, settle } => {
            let data = if *settle {
                IToken::settleCall { account: target(*who) }.abi_encode()
            } else {
                IToken::setReferrerCall { referrer: target(*who) }.abi_encode()
            };
            let tx = if *relay {
                Tx::call(contract(0), 0, code::relay_input(system::TOKEN, 0, &data))
            } else {
                Tx::call(system::TOKEN, 0, data)
            };
            (user(*from), tx)
        }
        Step::Exempt { .. } | Step::Block(_) => return None,
    })
}

/// What is no transaction.
fn between(chain: &mut Chain, step: &Step) {
    match step {
        Step::Block(millis) => chain.next_block(*millis),
        Step::Exempt { who, on } => {
            // As governance does: at the end of a block.
            chain.next_block(0);
            let env = chain.env();
            let overlay = chain.executor().overlay_mut();
            set_exempt(&mut BlockHost::new(&mut *overlay, env), target(*who), *on).unwrap();
            overlay.commit();
        }
        _ => {}
    }
}

fn run(params: &TokenParams, steps: &[Step]) -> Result<(usize, usize), TestCaseError> {
    let mut chain = chain(params);
    let mut ends = (0, 0);
    for step in steps {
        let Some((from, tx)) = transaction(step, &chain) else {
            between(&mut chain, step);
            chain.check_sums();
            continue;
        };
        let before = chain.state().delta().clone();
        let (supply, payer) = (chain.supply(), chain.balance(from));
        match chain.try_run(from, tx) {
            Ok(outcome) => {
                let gas = outcome.base_fee.wei() + outcome.tip.wei();
                prop_assert_eq!(gas, u128::from(outcome.gas_used) * outcome.effective_gas_price);
                prop_assert!(outcome.effective_gas_price >= GWEI);
                prop_assert_eq!(chain.supply(), supply, "the supply is written at the end of the block");
                if !outcome.success {
                    prop_assert_eq!(chain.balance(from), payer - gas, "a failure costs its gas and nothing else");
                    ends.1 += 1;
                }
                ends.0 += 1;
            }
            Err(ExecError::Invalid(_)) => prop_assert_eq!(chain.state().delta(), &before),
            Err(ExecError::State(e)) => prop_assert!(false, "{e}"),
        }
        chain.check_sums();
    }
    Ok(ends)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved_while_it_ages(steps in prop::collection::vec(step(), 1..60)) {
        run(&TokenParams::economy(), &steps)?;
    }

    #[test]
    fn plain_money_is_conserved(steps in prop::collection::vec(step(), 1..60)) {
        run(&TokenParams::plain(), &steps)?;
    }

    /// The order of a map never shows: the same steps give the same state.
    #[test]
    fn execution_is_a_function_of_its_input(steps in prop::collection::vec(step(), 1..30)) {
        let state = |steps: &[Step]| {
            let mut chain = chain(&TokenParams::economy());
            for step in steps {
                match transaction(step, &chain) {
                    Some((from, tx)) => drop(chain.try_run(from, tx)),
                    None => between(&mut chain, step),
                }
            }
            chain.state().delta().clone()
        };
        prop_assert_eq!(state(&steps), state(&steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(24), ..ProptestConfig::default() })]

    /// A transaction does the same whoever looks on: traces are of what a block does.
    #[test]
    fn looking_on_changes_nothing(steps in prop::collection::vec(step(), 1..30), which in 0..5usize) {
        let state = |tracer: Option<Tracer>| {
            let mut chain = chain(&TokenParams::economy());
            chain.tracer = tracer;
            let mut outcomes = Vec::new();
            for step in &steps {
                match transaction(step, &chain) {
                    Some((from, tx)) => outcomes.push(chain.try_run(from, tx)),
                    None => between(&mut chain, step),
                }
            }
            (outcomes, chain.state().delta().clone())
        };
        let names = ["", "callTracer", "prestateTracer", "4byteTracer", "flatCallTracer"];
        let mut options = serde_json::json!({"enableMemory": true, "enableReturnData": true});
        options["tracer"] = serde_json::json!(names[which]);
        let tracer = Tracer::new(serde_json::from_value(options).unwrap(), 1 << 30).unwrap();
        prop_assert_eq!(state(None), state(Some(tracer)));
    }
}

/// The generator must reach what it is meant to reach.
#[test]
fn random_steps_succeed_and_fail_in_good_measure() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut sum = (0, 0);
    for _ in 0..20 {
        let steps = prop::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        let (executed, failed) = run(&TokenParams::plain(), &steps).unwrap();
        sum = (sum.0 + executed, sum.1 + failed);
    }
    assert!(sum.0 > 300 && sum.1 > 50 && sum.1 * 4 < sum.0 * 3, "{sum:?}");
}
