//! The functions of 0x…0106: those of the interface, and they work through the EVM's surface.

use std::collections::BTreeSet;

use alloy_primitives::{B256, Log, U256};
use alloy_sol_types::{Revert, SolCall, SolError, SolInterface};
use defchain_base::{
    Address, Amount, BlockEnv, Bytes, StateError, StateRead, StateWrite,
    native::{Host, Mutability, NativeCall, NativeError, NativeHost},
    system::{self, Pool},
};

use super::world::{DAY, DELEGATED, STAKE, World, operator, pair, public};
use crate::{FUNCTIONS, INTERFACE, abi::ISlashing as I};

/// The EVM's part, over the test's chain.
struct Lent<'a>(&'a mut World);

impl NativeHost for Lent<'_> {
    fn state(&mut self) -> &mut dyn StateWrite {
        &mut self.0.host
    }

    fn state_ref(&self) -> &dyn StateRead {
        &self.0.host
    }

    fn env(&self) -> &BlockEnv {
        self.0.host.block()
    }

    fn balance(&mut self, address: Address) -> Result<(Amount, bool), StateError> {
        Ok((self.0.host.balance(address)?, true))
    }

    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<bool, StateError> {
        self.0.host.pay(from, to, amount).map(|()| true)
    }

    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError> {
        self.0.host.burn(from, amount)
    }

    fn settle(&mut self, _: Address) -> Result<(Amount, Amount), StateError> {
        Ok((Amount::ZERO, Amount::ZERO))
    }

    fn log(&mut self, log: Log) {
        self.0.host.emit(log).unwrap();
    }
}

fn send(w: &mut World, from: Address, input: &[u8]) -> Result<(Bytes, u64), String> {
    const GAS: u64 = 5_000_000;
    let function = FUNCTIONS.iter().find(|f| input.starts_with(&f.selector)).unwrap();
    let mut lent = Lent(w);
    let mut call = NativeCall::new(&mut lent, GAS, (system::VALIDATORS, from), Amount::ZERO, &input[4..], false);
    let result = (function.run)(&mut call);
    let (result, left) = call.finish(result);
    result.map(|data| (data, GAS - left)).map_err(|e| match e {
        NativeError::Revert(data) => Revert::abi_decode(&data).unwrap().reason().to_owned(),
        other => format!("{other:?}"),
    })
}

#[test]
fn the_functions_are_those_of_the_interface() {
    let selectors: BTreeSet<[u8; 4]> = FUNCTIONS.iter().map(|f| f.selector).collect();
    let declared: BTreeSet<[u8; 4]> = I::ISlashingCalls::selectors().collect();
    assert_eq!(selectors, declared);
    for f in FUNCTIONS {
        let name = f.signature.split('(').next().unwrap();
        let line = INTERFACE.lines().find(|l| l.trim().starts_with(&format!("function {name}("))).unwrap();
        assert_eq!(f.mutability == Mutability::View, line.contains(" view "), "{line}");
        assert!(alloy_primitives::keccak256(f.signature).starts_with(&f.selector), "{}", f.signature);
    }
}

#[test]
fn no_function_stands_in_the_way_of_the_validators_modules() {
    let theirs: BTreeSet<[u8; 4]> = defchain_validators::FUNCTIONS.iter().map(|f| f.selector).collect();
    assert!(FUNCTIONS.iter().all(|f| !theirs.contains(&f.selector)));
}

#[test]
fn everything_in_the_interface_is_documented() {
    let mut above = String::new();
    for line in INTERFACE.lines().map(str::trim) {
        if line.starts_with("///") {
            above.push_str(line);
            continue;
        }
        let item = ["function ", "event ", "struct ", "interface "].iter().any(|k| line.starts_with(k));
        assert!(!item || above.contains("@notice"), "{line}");
        above.clear();
    }
}

#[test]
fn anybody_reports_with_a_wallet_and_reads_what_came_of_it() {
    let mut w = World::new();
    let reporter = Address::repeat_byte(0x99);
    let (a, b) = pair(1, w.height());
    let submit = I::submitEvidenceCall { publicKey: B256::new(public(1)), voteA: a.into(), voteB: b.into() };
    let (id, gas) = send(&mut w, reporter, &submit.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&id), U256::ONE);
    assert!(gas > 10_000, "two signatures are not free: {gas}");
    let reward = Amount::from_def((STAKE + DELEGATED) / 100);
    assert_eq!(w.host.balance(reporter).unwrap(), reward);
    let (view, _) = send(&mut w, reporter, &I::evidenceAtCall { id: U256::ONE }.abi_encode()).unwrap();
    let view = I::evidenceAtCall::abi_decode_returns(&view).unwrap();
    assert_eq!((view.validator, view.kind, view.share, view.reward), (operator(1), 0, 500, reward.to_u256()));
    assert_eq!(view.burned + view.treasury + view.reward, view.slashed);
    let (count, _) = send(&mut w, reporter, &I::evidenceCountCall {}.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&count), U256::ONE);
    let of = I::evidenceOfCall { validator: operator(1), above: U256::ZERO, limit: U256::MAX };
    let (list, _) = send(&mut w, reporter, &of.abi_encode()).unwrap();
    assert_eq!(I::evidenceOfCall::abi_decode_returns(&list).unwrap(), [U256::ONE]);
    let penalty = I::penaltyOfCall { validator: operator(1), kind: 0 };
    let (next, _) = send(&mut w, reporter, &penalty.abi_encode()).unwrap();
    let next = I::penaltyOfCall::abi_decode_returns(&next).unwrap();
    assert_eq!((next.share, next.jail), (1_000, 60 * DAY), "a repeat");
    assert!(send(&mut w, reporter, &submit.abi_encode()).unwrap_err().contains("punished for it"));
}

#[test]
fn bad_calls_say_what_is_wrong() {
    let mut w = World::new();
    let who = Address::repeat_byte(0x99);
    let none = I::evidenceAtCall { id: U256::MAX }.abi_encode();
    assert!(send(&mut w, who, &none).unwrap_err().starts_with("there is no evidence 1157920892373"));
    let kind = I::penaltyOfCall { validator: operator(1), kind: 5 }.abi_encode();
    assert_eq!(send(&mut w, who, &kind).unwrap_err(), "5 is no kind of fault: 0 to 4");
    let submit = I::submitEvidenceCall { publicKey: B256::ZERO, voteA: Bytes::new(), voteB: Bytes::new() }.abi_encode();
    assert!(send(&mut w, who, &submit).unwrap_err().starts_with("vote A is no vote"));
    assert!(send(&mut w, who, &submit[..70]).unwrap_err().contains("do not decode"));
}
