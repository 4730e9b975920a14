//! Transactions of type 100 (D10), calls that pay for themselves (D26a), and the wait for validators (D32), over a module
//! made for the purpose.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_primitives::{Address, Bytes, Signature, U256};
use alloy_sol_types::{SolCall, sol};
use common::{CHAIN_ID, Chain, GWEI, Tx, contract, user};
use defchain_base::{
    Amount, CodecError,
    native::{
        CompactCall, Function, Host, Mutability, NativeCall, NativeError, Registry, Role, SystemEntry, decode_args,
    },
    system::{self, Pool},
    tx::{self, NativeKind, NativeTx, RecoveredTx, TxError},
};
use defchain_evm::{
    CallRequest, ExecError, SimOptions, TxOutcome, demand, estimate_gas, limits, simulate, try_out,
    validity::{self, Demand, InvalidTx, Limits, MAX_SELF_PAID_GAS},
};
use defchain_token::{TokenParams, state::TokenWrite};

const DEF: u128 = 1_000_000_000_000_000_000;

sol! {
    /// Keeps what it is sent, and gives some of it to whoever asks.
    interface Vault {
        function put(uint256 note) external payable returns (uint256);
        function claim(uint256 amount) external;
    }
}

fn put(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<Vault::putCall>(call.args)?;
    Ok((args.note + call.value.to_u256()).to_be_bytes::<32>().into())
}

fn claim(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let args = decode_args::<Vault::claimCall>(call.args)?;
    let amount = Amount::try_from(args.amount).map_err(|e| NativeError::revert(e.to_string()))?;
    if amount.is_zero() {
        return Err(NativeError::revert("nothing to claim"));
    }
    let caller = call.caller;
    call.pay(Pool::Staking, caller, amount)?;
    Ok(Bytes::new())
}

/// Payload: 1 and an amount puts, 2 and an amount claims; 16 bytes each.
fn compact(payload: &[u8]) -> Result<CompactCall, CodecError> {
    let bad = |why: &str| CodecError::Invalid { what: "vault payload", why: why.to_owned() };
    let [code, amount @ ..] = payload else { return Err(bad("empty")) };
    let amount = Amount::from_wei(u128::from_be_bytes(amount.try_into().map_err(|_| bad("16 bytes of amount"))?));
    match code {
        1 => Ok(CompactCall { value: amount, input: Vault::putCall { note: U256::from(7) }.abi_encode().into() }),
        2 => {
            let input = Vault::claimCall { amount: amount.to_u256() }.abi_encode().into();
            Ok(CompactCall { value: Amount::ZERO, input })
        }
        _ => Err(bad("unknown code")),
    }
}

fn payload(code: u8, amount: u128) -> Bytes {
    [&[code][..], &amount.to_be_bytes()].concat().into()
}

const ENTRY: SystemEntry = SystemEntry {
    address: system::STAKING,
    name: "Vault",
    summary: "test",
    interface: "",
    role: Role::Active(&[
        Function {
            signature: Vault::putCall::SIGNATURE,
            selector: Vault::putCall::SELECTOR,
            mutability: Mutability::Payable,
            gas: 1_000,
            releases: false,
            summary: "",
            run: put,
        },
        Function {
            signature: Vault::claimCall::SIGNATURE,
            selector: Vault::claimCall::SELECTOR,
            mutability: Mutability::Acting,
            gas: 1_000,
            releases: true,
            summary: "",
            run: claim,
        },
    ]),
    compact: Some(compact),
};

fn chain() -> Chain {
    let registry = Registry::new(defchain_evm::base_registry().entries().copied().chain([ENTRY]));
    let mut chain = Chain::new(&TokenParams::economy(), registry, &[]);
    let overlay = chain.executor().overlay_mut();
    overlay.credit_pool(Pool::Staking, Amount::from_def(1_000)).unwrap();
    overlay.raise_supply(Amount::from_def(1_000)).unwrap();
    overlay.commit();
    chain
}

fn native(chain: &Chain, from: Address, kind: NativeKind, gas_limit: u64, payload: Bytes) -> RecoveredTx {
    let signed = NativeTx {
        kind,
        chain_id: CHAIN_ID,
        nonce: chain.account(from).nonce,
        max_priority_fee_per_gas: 0,
        max_fee_per_gas: 2 * GWEI,
        gas_limit,
        payload,
    }
    .into_signed(Signature::new(U256::from(1), U256::from(1), false));
    RecoveredTx { tx: tx::decode(signed.encoded().into(), tx::MAX_TX_BYTES).unwrap(), sender: from }
}

fn execute(chain: &mut Chain, tx: &RecoveredTx) -> Result<TxOutcome, ExecError> {
    let outcome = chain.executor().execute(tx, common::BLOCK_GAS)?;
    chain.base_fees = chain.base_fees.checked_add(outcome.base_fee).unwrap();
    chain.tips = chain.tips.checked_add(outcome.tip).unwrap();
    chain.shares = chain.shares.plus(outcome.shares).unwrap();
    chain.check_sums();
    Ok(outcome)
}

fn refused(result: Result<TxOutcome, ExecError>) -> InvalidTx {
    let Err(ExecError::Invalid(e)) = result else { panic!("{result:?}") };
    e
}

/// D10: one handler serves both; type 100 debits the sender, and costs no commission.
#[test]
fn a_native_transaction_does_what_the_call_does() {
    let mut chain = chain();
    let tx = native(&chain, user(0), NativeKind::Staking, 100_000, payload(1, 5 * DEF));
    let outcome = execute(&mut chain, &tx).unwrap();
    assert!(outcome.success && outcome.shares.is_zero());
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(5 * DEF + 7));
    assert_eq!(chain.balance(system::STAKING), 1_005 * DEF);
    assert_eq!(chain.balance(user(0)), 995 * DEF - outcome.base_fee.wei());
    assert_eq!(chain.account(user(0)).nonce, 1);
    let data = Vault::putCall { note: U256::from(7) }.abi_encode();
    let called = chain.run(user(1), Tx { tip: 0, ..Tx::call(system::STAKING, 5 * DEF, data) });
    assert_eq!(called.output, outcome.output);
}

/// D8, EIP-7623: the gas of its own bytes is due before anything, and a limit below it is refused with both figures.
#[test]
fn the_intrinsic_gas_and_the_floor_are_of_the_payload_s_bytes() {
    let mut chain = chain();
    let tx = |chain: &Chain, gas, payload| native(chain, user(0), NativeKind::Staking, gas, payload);
    let bytes = payload(1, 5 * DEF);
    let zeros = bytes.iter().filter(|b| **b == 0).count() as u64;
    let tokens = zeros + 4 * (bytes.len() as u64 - zeros);
    let (intrinsic, floor) = (21_000 + 4 * tokens, 21_000 + 10 * tokens);
    let low = tx(&chain, intrinsic - 1, bytes.clone());
    assert_eq!(refused(execute(&mut chain, &low)), InvalidTx::IntrinsicGas { have: intrinsic - 1, want: intrinsic });
    let low = tx(&chain, floor - 1, bytes.clone());
    assert_eq!(refused(execute(&mut chain, &low)), InvalidTx::FloorGas { have: floor - 1, want: floor });
    let enough = tx(&chain, 100_000, bytes);
    let used = execute(&mut chain, &enough).unwrap().gas_used;
    assert!(used >= floor && used < 100_000, "{used}");
}

/// D8, D8b: what nobody serves, and what does not decode, is refused by name.
#[test]
fn payloads_and_types_that_nobody_reads_are_refused() {
    let mut chain = chain();
    for (kind, bytes, code) in [
        (NativeKind::Trading, payload(1, DEF), 106),
        (NativeKind::Compute, payload(1, DEF), 106),
        (NativeKind::Staking, Bytes::new(), 217),
        (NativeKind::Staking, payload(9, DEF), 217),
        (NativeKind::Staking, Bytes::from_static(&[1, 2]), 217),
    ] {
        let tx = native(&chain, user(0), kind, 100_000, bytes);
        let before = chain.state().delta().clone();
        assert_eq!(refused(execute(&mut chain, &tx)).code(), code, "{kind:?}");
        assert_eq!(chain.state().delta(), &before);
    }
    // A chain whose module has no compact form serves none.
    let mut plain = Chain::plain();
    let tx = native(&plain, user(0), NativeKind::Staking, 100_000, payload(1, DEF));
    assert_eq!(refused(execute(&mut plain, &tx)), TxError::NativeInactive(100).into());
}

/// D17: the value of a native transaction counts in the one judgement, although it stands in a payload.
#[test]
fn the_value_in_a_payload_must_be_payable() {
    let mut chain = chain();
    let gas = 100_000;
    let most = chain.balance(user(0)) - u128::from(gas) * 2 * GWEI;
    let tx = native(&chain, user(0), NativeKind::Staking, gas, payload(1, most + 1));
    let found = demand(chain.state(), &chain.env(), &chain.registry, &tx.tx, user(0)).unwrap();
    assert_eq!(found, Demand { value: U256::from(most + 1), on_top: U256::ZERO, releases: false });
    let InvalidTx::InsufficientFunds { have, want, .. } = refused(execute(&mut chain, &tx)) else { panic!() };
    assert_eq!(want - have, U256::from(1));
    let tx = native(&chain, user(0), NativeKind::Staking, gas, payload(1, most));
    assert!(execute(&mut chain, &tx).unwrap().success);
}

fn poor() -> Address {
    Address::repeat_byte(0xa7)
}

fn claim_call(amount: u128) -> Tx {
    Tx {
        tip: 0,
        gas: 200_000,
        ..Tx::call(system::STAKING, 0, Vault::claimCall { amount: U256::from(amount) }.abi_encode())
    }
}

/// D26a: gas may come out of what a call releases: as a transaction to the system address, and as type 100.
#[test]
fn who_has_nothing_can_claim_and_pays_out_of_the_claim() {
    let mut chain = chain();
    let outcome = chain.run(poor(), claim_call(DEF));
    assert!(outcome.success);
    assert_eq!(chain.balance(poor()), DEF - outcome.base_fee.wei());
    assert_eq!(chain.account(poor()).portions.as_slice().len(), 1, "one fresh portion");
    let other = Address::repeat_byte(0xa8);
    let tx = native(&chain, other, NativeKind::Staking, 200_000, payload(2, DEF));
    let outcome = execute(&mut chain, &tx).unwrap();
    assert!(outcome.success);
    assert_eq!((chain.balance(other), chain.account(other).nonce), (DEF - outcome.base_fee.wei(), 1));
    // With some money of its own, but too little: both pay.
    let third = Address::repeat_byte(0xa9);
    let some = chain.run(user(0), Tx { tip: 0, ..Tx::call(third, 20, vec![]) });
    assert!(some.success);
    let outcome = chain.run(third, claim_call(DEF));
    assert_eq!(chain.balance(third), DEF + 19 - outcome.base_fee.wei());
    chain.next_block(1_000);
}

/// D26a: what does not pay for itself is invalid at its place, and undone.
#[test]
fn a_claim_that_does_not_cover_its_gas_is_undone() {
    let mut chain = chain();
    let before = chain.state().delta().clone();
    for (tx, code) in [
        // Less than its gas; nothing at all, so that it reverts.
        (claim_call(1_000), 219),
        (claim_call(0), 219),
        // Another function, value, or too much gas: judged as ever.
        (Tx { tip: 0, ..Tx::call(system::STAKING, 0, Vault::putCall { note: U256::ZERO }.abi_encode()) }, 204),
        (Tx { value: 1, ..claim_call(DEF) }, 204),
        (claim_call(DEF).gas(MAX_SELF_PAID_GAS + 1), 204),
        (Tx::call(user(1), 0, vec![]), 204),
    ] {
        let e = refused(chain.try_run(poor(), tx.clone()));
        assert_eq!(e.code(), code, "{tx:?}: {e}");
        assert_eq!(chain.state().delta(), &before);
    }
    // The least amount that pays leaves next to nothing; one wei less is refused.
    let pays = |chain: &Chain, amount: u128| {
        let signed = claim_call(amount).build(poor(), 0);
        let (env, registry) = (chain.env(), chain.registry.clone());
        try_out(&chain.state(), &env, &registry, &limits(&env), &signed).is_ok()
    };
    let (mut low, mut high) = (1_000, DEF);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if pays(&chain, middle) { high = middle } else { low = middle }
    }
    assert_eq!(refused(chain.try_run(poor(), claim_call(low))).code(), 219);
    let outcome = chain.run(poor(), claim_call(high));
    assert_eq!(chain.balance(poor()), high - outcome.base_fee.wei());
    assert!(chain.balance(poor()) < 100 * GWEI, "but for the gas of the amount's own bytes it is all");
}

/// The pool tries such a call on a throw-away copy; eth_call and estimates agree with the block.
#[test]
fn pool_call_and_estimate_agree_about_what_pays_for_itself() {
    let mut chain = chain();
    let (env, registry) = (chain.env(), chain.registry.clone());
    for (amount, pays) in [(DEF, true), (1_000, false)] {
        let signed = claim_call(amount).build(poor(), 0);
        let wanted = demand(chain.state(), &env, &registry, &signed.tx, poor()).unwrap();
        let sender = defchain_evm::sender(chain.state(), &env, poor()).unwrap();
        let judged = validity::check_payer(&signed.tx, poor(), &sender, &wanted, env.base_fee).unwrap_err();
        assert!(validity::may_pay_itself(&judged, &wanted, signed.tx.gas_limit()));
        let tried = try_out(&chain.state(), &env, &registry, &limits(&env), &signed);
        assert_eq!(tried.is_ok(), pays, "{tried:?}");
        let request = CallRequest {
            from: Some(poor()),
            to: Some(system::STAKING),
            gas: Some(200_000),
            max_fee_per_gas: Some(3 * GWEI),
            data: Vault::claimCall { amount: U256::from(amount) }.abi_encode().into(),
            ..CallRequest::default()
        };
        let called = simulate(chain.state(), env, &registry, &request, &SimOptions::default());
        assert_eq!(called.is_ok(), pays, "{called:?}");
        let estimated = estimate_gas(chain.state(), env, &registry, &request, &SimOptions::default());
        assert_eq!(estimated.is_ok(), pays, "{estimated:?}");
    }
    // A try leaves nothing behind.
    assert_eq!(chain.balance(poor()), 0);
    assert!(chain.run(poor(), claim_call(DEF)).success);
}

/// D32: until enough validators are active, only direct calls to the system addresses that make them are accepted.
#[test]
fn a_chain_that_waits_for_validators_takes_only_what_makes_them() {
    let mut chain = chain();
    chain.executor().set_latched(true);
    for tx in [Tx::call(user(1), 1, vec![]), Tx::create(0, vec![0]), Tx::call(contract(0), 0, vec![])] {
        let e = refused(chain.try_run(user(0), tx));
        assert!(e.code() == 218 && e.to_string().contains("(D32)"), "{e}");
    }
    assert!(chain.run(user(0), claim_call(DEF)).success);
    let tx = native(&chain, user(0), NativeKind::Staking, 100_000, payload(1, DEF));
    assert!(execute(&mut chain, &tx).unwrap().success);
    let waiting = Limits { latched: true, ..limits(&chain.env()) };
    let transfer = Tx::call(user(1), 1, vec![]).build(user(0), 0);
    assert_eq!(validity::check_static(&transfer.tx, &waiting).unwrap_err().code(), 218);
    chain.executor().set_latched(false);
    assert!(chain.run(user(0), Tx::call(user(1), 1, vec![])).success, "a latch that closed stays closed");
}
