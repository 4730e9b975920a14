//! System addresses: native code inside the EVM's frames.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::result_large_err,
    reason = "tests"
)]

mod common;

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::{Revert, SolError};
use common::{
    BLOCK_GAS, Chain, Tx,
    code::{self, CALL, CALLCODE, DELEGATECALL, RETURN, REVERT, STATICCALL},
    contract, user,
};
use defchain_base::{
    CodecError, Decode, Encode, Reader, StateKey, StateRead, StateReadExt, StateWriteExt, Substore, system,
};
use defchain_evm::{
    Registry, SYSTEM_CODE, TxOutcome,
    native::{Function, Mutability, Role, SystemEntry},
    native::{Host as _, NativeCall, NativeError, NativeGas},
};
use defchain_token::TokenParams;

const DEF: u128 = 1_000_000_000_000_000_000;

/// Where the tests' own module stands.
const COUNTER: Address = system::LAST;

/// Its one value, in `def`, far from the EVM's state.
struct CountKey;
struct Count(u64);

impl StateKey for CountKey {
    type Value = Count;
    const SUBSTORE: Substore = Substore::Def;
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend(b"test/count");
    }
}

impl Encode for Count {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_be_bytes());
    }
}

impl Decode for Count {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.u64("count").map(Self)
    }
}

fn get(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let count = call.state().read(&CountKey)?.map_or(0, |c| c.0);
    Ok(U256::from(count).to_be_bytes::<32>().into())
}

fn increment(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let state = call.state();
    let count = state.read(&CountKey)?.map_or(0, |c| c.0) + 1;
    state.write(&CountKey, &Count(count))?;
    call.emit(vec![B256::repeat_byte(1)], U256::from(count).to_be_bytes::<32>().into())?;
    Ok(Bytes::new())
}

fn increment_and_fail(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    increment(call)?;
    Err(NativeError::revert("counted in vain"))
}

/// Writes though it says it only looks: what only the state trait can stop.
fn liar(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    call.state().write(&CountKey, &Count(99))?;
    Ok(Bytes::new())
}

fn spin(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    let rounds = usize::try_from(call.word(0)?).unwrap_or(usize::MAX);
    increment(call)?;
    call.elements(rounds)?;
    Ok(Bytes::new())
}

/// Ignores that its gas ran out.
fn stubborn(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    drop(call.state().write(&CountKey, &Count(7)));
    drop(call.elements(1_000_000));
    Ok(Bytes::new())
}

fn pay(call: &mut NativeCall<'_>) -> Result<Bytes, NativeError> {
    Ok(call.value.to_u256().to_be_bytes::<32>().into())
}

fn function(signature: &'static str, mutability: Mutability, run: defchain_base::native::NativeFn) -> Function {
    let selector = selector(signature);
    Function { signature, selector, mutability, gas: 1_000, releases: false, summary: "test", run }
}

fn selector(signature: &str) -> [u8; 4] {
    keccak256(signature)[..4].try_into().unwrap()
}

fn registry() -> Registry {
    let functions = vec![
        function("get()", Mutability::View, get),
        function("increment()", Mutability::Acting, increment),
        function("incrementAndFail()", Mutability::Acting, increment_and_fail),
        function("liar()", Mutability::View, liar),
        function("spin(uint256)", Mutability::Acting, spin),
        function("stubborn()", Mutability::Acting, stubborn),
        function("pay()", Mutability::Payable, pay),
    ];
    let functions: &'static [Function] = Box::leak(functions.into_boxed_slice());
    let entry = SystemEntry {
        address: COUNTER,
        name: "Counter",
        summary: "test",
        interface: "",
        role: Role::Active(functions),
        compact: None,
    };
    Registry::new(defchain_evm::base_registry().entries().copied().chain([entry]))
}

fn chain() -> Chain {
    let contracts = [
        (contract(0), code::relay(CALL, RETURN)),
        (contract(1), code::relay(CALL, REVERT)),
        (contract(2), code::relay(STATICCALL, RETURN)),
        (contract(3), code::relay(DELEGATECALL, RETURN)),
        (contract(4), code::relay(CALLCODE, RETURN)),
    ];
    Chain::new(&TokenParams::plain(), registry(), &contracts)
}

fn count(chain: &Chain) -> u64 {
    chain.state().read(&CountKey).unwrap().map_or(0, |c| c.0)
}

fn input(signature: &str, args: &[u8]) -> Vec<u8> {
    [&selector(signature)[..], args].concat()
}

fn reason(output: &[u8]) -> String {
    Revert::abi_decode(output).unwrap().reason
}

/// Calls the counter through a relay; the relay's own success, the call's success, what it returned.
fn via(chain: &mut Chain, relay: u8, value: u128, data: &[u8]) -> (TxOutcome, bool, Vec<u8>) {
    let outcome = chain.run(user(0), Tx::call(contract(relay), value, code::relay_input(COUNTER, value, data)));
    let ok = outcome.output[..32] != [0; 32];
    let returned = outcome.output[32..].to_vec();
    (outcome, ok, returned)
}

#[test]
fn a_wallet_and_a_contract_call_native_functions_as_any_contract() {
    let mut chain = chain();
    let outcome = chain.run(user(0), Tx::call(COUNTER, 0, input("increment()", &[])));
    assert!(outcome.success);
    assert_eq!(outcome.logs.len(), 1);
    assert_eq!((outcome.logs[0].address, outcome.logs[0].topics()[0]), (COUNTER, B256::repeat_byte(1)));
    let (outcome, ok, _) = via(&mut chain, 0, 0, &input("increment()", &[]));
    assert!(ok && outcome.logs.len() == 1);
    let (_, ok, returned) = via(&mut chain, 2, 0, &input("get()", &[]));
    assert!(ok, "a view under STATICCALL");
    assert_eq!(U256::from_be_slice(&returned), U256::from(2));
}

#[test]
fn a_reverted_frame_undoes_native_state_logs_and_value_together() {
    let mut chain = chain();
    // The relay reverts after its call succeeded.
    let data = code::relay_input(COUNTER, 5, &input("pay()", &[]));
    let outcome = chain.run(user(0), Tx::call(contract(1), 5, data));
    assert!(!outcome.success);
    assert_eq!((chain.balance(COUNTER), chain.balance(contract(1))), (0, 0));
    let data = code::relay_input(COUNTER, 0, &input("increment()", &[]));
    let outcome = chain.run(user(0), Tx::call(contract(1), 0, data.clone()));
    assert!(!outcome.success && outcome.logs.is_empty());
    assert_eq!(count(&chain), 0);
    // The same one frame deeper: the outer frame lives, its own count stands, the inner is gone.
    let outcome = chain.run(user(0), Tx::call(contract(0), 0, code::relay_input(contract(1), 0, &data)));
    assert!(outcome.success && outcome.logs.is_empty());
    assert_eq!(count(&chain), 0);
    // A native function that fails after it wrote.
    let (outcome, ok, returned) = via(&mut chain, 0, 0, &input("incrementAndFail()", &[]));
    assert!(!ok && outcome.success && outcome.logs.is_empty());
    assert_eq!(reason(&returned), "counted in vain");
    assert_eq!(count(&chain), 0);
}

#[test]
fn acting_functions_are_reached_by_plain_call_only() {
    let mut chain = chain();
    for relay in [2, 3, 4] {
        let (_, ok, returned) = via(&mut chain, relay, 0, &input("increment()", &[]));
        assert!(!ok && reason(&returned).contains("plain CALL"), "relay {relay}");
    }
    // A plain CALL inside a frame that is static.
    let inner = code::relay_input(COUNTER, 0, &input("increment()", &[]));
    let outcome = chain.run(user(0), Tx::call(contract(2), 0, code::relay_input(contract(0), 0, &inner)));
    assert!(outcome.success);
    assert_eq!(U256::from_be_slice(&outcome.output[32..64]), U256::ZERO, "the inner call failed");
    assert_eq!(count(&chain), 0);
    // A view may be reached by any call.
    for relay in [0, 2, 3, 4] {
        assert!(via(&mut chain, relay, 0, &input("get()", &[])).1, "relay {relay}");
    }
}

#[test]
fn state_itself_refuses_a_write_under_a_static_call() {
    let mut chain = chain();
    let (_, ok, returned) = via(&mut chain, 2, 0, &input("liar()", &[]));
    assert!(!ok && returned.is_empty());
    assert_eq!(count(&chain), 0);
    // Afterwards writing works: the guard was taken back with the frame.
    assert!(via(&mut chain, 0, 0, &input("increment()", &[])).1);
    assert_eq!(count(&chain), 1);
}

#[test]
fn native_work_is_charged_by_the_gas_table() {
    let mut chain = chain();
    let base = 21_000 + 4 * 16;
    let gas = |chain: &mut Chain, data: Vec<u8>| chain.run(user(0), Tx::call(COUNTER, 0, data)).gas_used;
    let read_none = NativeGas::READ;
    assert_eq!(gas(&mut chain, input("get()", &[])), base + 1_000 + read_none);
    let log = NativeGas::LOG + NativeGas::LOG_TOPIC + 32 * NativeGas::LOG_BYTE;
    let write = NativeGas::WRITE + NativeGas::WRITE_WORD;
    assert_eq!(gas(&mut chain, input("increment()", &[])), base + 1_000 + read_none + write + log);
    let read = NativeGas::READ + NativeGas::READ_WORD;
    assert_eq!(gas(&mut chain, input("increment()", &[])), base + 1_000 + read + write + log);
    let spin = input("spin(uint256)", &U256::from(1_000).to_be_bytes::<32>());
    let words = 30 * 4 + 2 * 16;
    assert_eq!(gas(&mut chain, spin), base + words + 1_000 + read + write + log + 1_000 * NativeGas::ELEMENT);
}

#[test]
fn out_of_gas_inside_native_work_takes_the_frame_s_gas_and_undoes_it() {
    let mut chain = chain();
    let spin = input("spin(uint256)", &U256::from(1_000_000_000).to_be_bytes::<32>());
    let outcome = chain.run(user(0), Tx::call(COUNTER, 0, spin.clone()).gas(500_000));
    assert_eq!((outcome.success, outcome.gas_used, outcome.output.len()), (false, 500_000, 0));
    assert_eq!(count(&chain), 0);
    // Whether it ran out in a loop or in state, and whether or not the function minds.
    for (signature, gas) in [("increment()", 25_000), ("stubborn()", 500_000)] {
        let outcome = chain.run(user(0), Tx::call(COUNTER, 0, input(signature, &[])).gas(gas));
        assert_eq!((outcome.success, outcome.gas_used, outcome.output.len()), (false, gas, 0), "{signature}");
        assert_eq!(count(&chain), 0);
    }
    // Inside a contract the caller keeps its 64th and goes on.
    let data = code::relay_input(COUNTER, 0, &spin);
    let outcome = chain.run(user(0), Tx::call(contract(0), 0, data).gas(500_000));
    assert!(outcome.success && outcome.logs.is_empty());
    assert_eq!(U256::from_be_slice(&outcome.output[..32]), U256::ZERO);
    assert_eq!(count(&chain), 0);
    // At every gas limit around what is needed: all or nothing.
    let needed = chain.run(user(0), Tx::call(COUNTER, 0, input("increment()", &[]))).gas_used;
    for (gas, expected) in [(needed - 1, false), (needed, true)] {
        let before = count(&chain);
        let outcome = chain.run(user(0), Tx::call(COUNTER, 0, input("increment()", &[])).gas(gas));
        // The first count was written, so reading it costs its word now.
        let short = gas < needed + NativeGas::READ_WORD;
        assert_eq!(outcome.success, expected && !short, "{gas}");
        assert_eq!(count(&chain), before + u64::from(outcome.success));
    }
}

#[test]
fn value_goes_to_payable_functions_only() {
    let mut chain = chain();
    let outcome = chain.run(user(0), Tx::call(COUNTER, 9, input("pay()", &[])));
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(9));
    assert_eq!(chain.balance(COUNTER), 9);
    for data in [input("get()", &[]), input("increment()", &[]), vec![], vec![1, 2, 3, 4]] {
        let outcome = chain.run(user(0), Tx::call(COUNTER, 9, data));
        assert!(!outcome.success);
        assert!(reason(&outcome.output).contains("Counter") || reason(&outcome.output).contains("takes no value"));
    }
    assert_eq!(chain.balance(COUNTER), 9);
}

#[test]
fn addresses_whose_module_comes_later_and_pools_refuse_every_call_and_all_value() {
    let mut chain = chain();
    let idle: Vec<SystemEntry> =
        chain.registry.entries().copied().filter(|e| matches!(e.role, Role::Reserved | Role::Pool)).collect();
    assert_eq!(idle.len(), 11 + 4);
    for entry in idle {
        for value in [0, 7] {
            let outcome = chain.run(user(0), Tx::call(entry.address, value, vec![]));
            assert!(!outcome.success);
            let reason = reason(&outcome.output);
            assert!(reason.contains(entry.name), "{reason}");
        }
        assert_eq!(chain.balance(entry.address), 0, "{}", entry.name);
        assert_eq!(chain.code(entry.address), SYSTEM_CODE);
    }
}

/// D4, D16: no function of theirs takes it, so nobody could ever account for it.
#[test]
fn what_selfdestruct_forces_on_a_system_address_burns() {
    let treasury = defchain_base::system::Pool::Treasury.address();
    let mut chain =
        Chain::new(&TokenParams::plain(), defchain_evm::base_registry(), &[(contract(0), code::BEQUEATH.to_vec())]);
    let outcome = chain.run(user(0), Tx::call(contract(0), 5, treasury.into_word().to_vec()));
    assert!(outcome.success);
    assert_eq!((chain.balance(treasury), outcome.shares.burned.wei()), (0, 5));
    let treasurer = defchain_base::system::TOKEN;
    chain.run(user(0), Tx::call(contract(0), 5, treasurer.into_word().to_vec()));
    assert_eq!((chain.balance(treasurer), chain.shares.burned.wei()), (0, 10));
}

#[test]
fn address_0x100_answers_for_both_its_owners() {
    let params = TokenParams::economy();
    let relays = [(contract(2), code::relay(STATICCALL, RETURN))];
    let mut chain = Chain::new(&params, defchain_evm::base_registry(), &relays);
    let now = chain.env().time.seconds();
    let ask = |chain: &mut Chain, at: U256| {
        let data = input("getDeflationMultiplier(uint256)", &at.to_be_bytes::<32>());
        let data = code::relay_input(system::DEFLATION_MULTIPLIER, 0, &data);
        U256::from_be_slice(&chain.run(user(0), Tx::call(contract(2), 0, data)).output[32..])
    };
    let day = u64::from(params.day_seconds);
    for (age, percent) in [(0, 100), (day - 1, 100), (day, 99), (5 * day, 71), (8 * day, 0), (900 * day, 0)] {
        assert_eq!(ask(&mut chain, U256::from(now - age)), U256::from(percent * (DEF / 100)), "age {age}");
    }
    assert_eq!(ask(&mut chain, U256::MAX), U256::from(DEF), "the future has lost nothing");

    // EIP-7951: a signature of NIST's P-256, from the EIP's own reference vectors.
    let vector = hex!(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d\
         a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac\
         36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60\
         4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3\
         7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
    );
    let p256 =
        |chain: &mut Chain, data: &[u8]| chain.run(user(0), Tx::call(system::DEFLATION_MULTIPLIER, 0, data.to_vec()));
    let good = p256(&mut chain, &vector);
    assert_eq!(good.output.as_ref(), U256::from(1).to_be_bytes::<32>());
    let mut bad = vector;
    bad[159] ^= 1;
    let bad = p256(&mut chain, &bad);
    assert!(bad.success && bad.output.is_empty());
    // Our selector with another length is not ours.
    let odd = p256(&mut chain, &input("getDeflationMultiplier(uint256)", &[0; 31]));
    assert!(odd.success && odd.output.is_empty());
    // Neither takes value.
    let outcome = chain.run(user(0), Tx::call(system::DEFLATION_MULTIPLIER, 1, vector.to_vec()));
    assert!(!outcome.success);
}

#[test]
fn plain_money_has_a_multiplier_of_one() {
    let mut chain = Chain::plain();
    let data = input("getDeflationMultiplier(uint256)", &[0; 32]);
    let outcome = chain.run(user(0), Tx::call(system::DEFLATION_MULTIPLIER, 0, data));
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(DEF));
}

#[test]
fn the_effective_balance_includes_what_the_transaction_moved() {
    let params = TokenParams::economy();
    let mut chain = Chain::new(&params, defchain_evm::base_registry(), &[(contract(0), code::relay(CALL, RETURN))]);
    chain.next_block(2 * params.day_millis());
    let ask = |who: Address| input("getEffectiveBalance(address)", who.into_word().as_slice());
    let data = code::relay_input(system::EFFECTIVE_BALANCE, 0, &ask(user(3)));
    let outcome = chain.run(user(0), Tx::call(contract(0), 0, data));
    assert_eq!(U256::from_be_slice(&outcome.output[32..]), U256::from(970 * DEF));
    let data = code::relay_input(system::EFFECTIVE_BALANCE, 0, &ask(contract(0)));
    let outcome = chain.run(user(0), Tx::call(contract(0), 77, data));
    assert_eq!(U256::from_be_slice(&outcome.output[32..]), U256::from(77));
    let outcome =
        chain.run(user(0), Tx::call(system::EFFECTIVE_BALANCE, 0, input("getEffectiveBalance(address)", &[1; 32])));
    assert!(reason(&outcome.output).contains("no address"));
    let outcome =
        chain.run(user(0), Tx::call(system::EFFECTIVE_BALANCE, 0, input("getEffectiveBalance(address)", &[])));
    assert!(reason(&outcome.output).contains("missing"));
}

#[test]
fn a_transaction_that_is_refused_leaves_native_state_as_it_was() {
    let mut chain = chain();
    chain.run(user(0), Tx::call(COUNTER, 0, input("increment()", &[])));
    let before = chain.state().delta().clone();
    let late = Tx::call(COUNTER, 0, input("increment()", &[])).build(user(0), 9);
    assert!(chain.executor().execute(&late, BLOCK_GAS).is_err());
    assert_eq!(chain.state().delta(), &before);
    assert!(chain.state().get_raw(Substore::Def, b"test/count").unwrap().is_some());
}
