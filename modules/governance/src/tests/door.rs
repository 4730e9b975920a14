//! The entry of 0x…0109: its functions are those of the interface, and they work through the EVM's surface.

use std::collections::BTreeSet;

use alloy_primitives::{Log, U256};
use alloy_sol_types::{Revert, SolCall, SolError, SolInterface};
use defchain_base::{
    Address, Amount, BlockEnv, Bytes, StateError, StateRead, StateWrite,
    native::{Host, Mutability, NativeCall, NativeError, NativeHost, Reached},
    system::{self, Pool},
};

use super::world::{App, DEPOSIT, World, who};
use crate::{abi::IGovernance as I, entry};

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

/// A call as the EVM makes it; what it used of its gas.
fn send(w: &mut World, from: Address, value: Amount, input: &[u8]) -> Result<(Bytes, u64), String> {
    const GAS: u64 = 5_000_000;
    let entry = entry::<App>();
    let how = Reached { plain: true, is_static: false };
    let said = |e: NativeError| match e {
        NativeError::Revert(data) => Revert::abi_decode(&data).unwrap().reason().to_owned(),
        other => format!("{other:?}"),
    };
    let function = entry.function(input, value, how).map_err(said)?;
    if !value.is_zero() {
        w.fund(from, value);
        w.host.deposit(from, Pool::Governance, value).unwrap();
    }
    let mut lent = Lent(w);
    let mut call = NativeCall::new(&mut lent, GAS, (system::GOVERNANCE, from), value, &input[4..], false);
    let result = (function.run)(&mut call);
    let (result, left) = call.finish(result);
    if result.is_err() && !value.is_zero() {
        w.host.pay(Pool::Governance, from, value).unwrap();
    }
    result.map(|data| (data, GAS - left)).map_err(said)
}

#[test]
fn the_functions_are_those_of_the_interface() {
    let entry = entry::<App>();
    let selectors: BTreeSet<[u8; 4]> = entry.functions().iter().map(|f| f.selector).collect();
    let declared: BTreeSet<[u8; 4]> = I::IGovernanceCalls::selectors().collect();
    assert_eq!(selectors, declared);
    assert_eq!(selectors.len(), entry.functions().len());
    for f in entry.functions() {
        let name = f.signature.split('(').next().unwrap();
        let line = entry.interface.lines().find(|l| l.trim().starts_with(&format!("function {name}("))).unwrap();
        let declared = match f.mutability {
            Mutability::View => line.contains(" view "),
            Mutability::Payable => line.contains(" payable "),
            Mutability::Acting => !line.contains(" view ") && !line.contains(" payable "),
        };
        assert!(declared, "{line}");
        assert!(alloy_primitives::keccak256(f.signature).starts_with(&f.selector), "{}", f.signature);
    }
}

#[test]
fn everything_in_the_interface_is_documented() {
    let mut above = String::new();
    for line in crate::INTERFACE.lines().map(str::trim) {
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
fn a_wallet_proposes_votes_and_reads() {
    let mut w = World::new();
    let propose = I::proposeParameterCall {
        module: "governance".to_owned(),
        key: "voting_days".to_owned(),
        value: U256::from(8),
        description: "a day more".to_owned(),
    };
    let (id, _) = send(&mut w, who(9), DEPOSIT, &propose.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&id), U256::ONE);
    let vote = I::voteCall { id: U256::ONE, choice: 1 };
    let (weight, gas) = send(&mut w, who(5), Amount::ZERO, &vote.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&weight), Amount::from_def(500).to_u256());
    assert!(gas < 100_000, "{gas}");
    let (view, _) = send(&mut w, who(9), Amount::ZERO, &I::proposalCall { id: U256::ONE }.abi_encode()).unwrap();
    let view = I::proposalCall::abi_decode_returns(&view).unwrap();
    assert_eq!((view.proposer, view.kind, view.status, view.yes), (who(9), 1, 0, Amount::from_def(500).to_u256()));
    assert_eq!((view.action.as_str(), view.description.as_str()), ("set governance.voting_days to 8", "a day more"));
    let of = I::voteOfCall { id: U256::ONE, voter: who(5) };
    let (found, _) = send(&mut w, who(9), Amount::ZERO, &of.abi_encode()).unwrap();
    assert_eq!(I::voteOfCall::abi_decode_returns(&found).unwrap().choice, 1);
    let (count, _) = send(&mut w, who(9), Amount::ZERO, &I::proposalCountCall {}.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&count), U256::ONE);
    let (deposit, _) = send(&mut w, who(9), Amount::ZERO, &I::depositAmountCall {}.abi_encode()).unwrap();
    assert_eq!(U256::from_be_slice(&deposit), DEPOSIT.to_u256());
    for call in [I::signersCall {}.abi_encode(), I::approvalsCall { id: U256::ONE }.abi_encode()] {
        assert!(send(&mut w, who(9), Amount::ZERO, &call).is_ok());
    }
    w.check();
}

#[test]
fn every_way_to_propose_makes_its_action() {
    let mut w = World::new();
    let d = || "why".to_owned();
    let calls: Vec<(Vec<u8>, &str)> = vec![
        (I::proposeTextCall { description: d() }.abi_encode(), "text"),
        (
            I::proposeBurnTableCall { preserved: [100, 90, 80, 70, 60, 50, 40, 10, 0], description: d() }.abi_encode(),
            "burn table [100, 90, 80, 70, 60, 50, 40, 10, 0]",
        ),
        (
            I::proposeLowerBurnCall { preserved: super::encodings::table(), description: d() }.abi_encode(),
            "emergency burn table [100, 99, 98, 95, 90, 80, 60, 30, 0]",
        ),
        (I::proposeExemptCall { account: who(7), exempt: true, description: d() }.abi_encode(), "exempt"),
        (
            I::proposeVerifierCall { verifier: who(7), name: "N".to_owned(), accredited: true, description: d() }
                .abi_encode(),
            "accredit verifier",
        ),
        (
            I::proposeSpendingCall { pool: 3, to: who(7), amount: U256::from(5), description: d() }.abi_encode(),
            "pay 5 wei of the treasury pool",
        ),
        (I::proposeSignersCall { signers: super::encodings::nine(), description: d() }.abi_encode(), "elect"),
        (
            I::proposeUpgradeCall { height: 900, appVersion: 2, name: "v2".to_owned(), description: d() }.abi_encode(),
            "upgrade \"v2\" to rules version 2 at block 900",
        ),
        (I::proposeCancelUpgradeCall { description: d() }.abi_encode(), "cancel the upgrade"),
    ];
    for (i, (input, says)) in calls.iter().enumerate() {
        send(&mut w, who(9), DEPOSIT, input).unwrap();
        let (proposal, _) = crate::GovernanceRead::proposal(&w.host, u64::try_from(i).unwrap() + 1).unwrap();
        assert!(proposal.action.to_string().starts_with(says), "{} is not {says}", proposal.action);
    }
    let slash = I::proposeSlashCall { validator: who(7), description: d() }.abi_encode();
    assert!(send(&mut w, who(9), DEPOSIT, &slash).unwrap_err().contains("operates no validator"));
    w.check();
}

#[test]
fn bad_calls_revert_with_figures_and_leave_no_deposit() {
    let mut w = World::new();
    let text = I::proposeTextCall { description: "x".to_owned() }.abi_encode();
    assert!(
        send(&mut w, who(9), Amount::from_def(1), &text).unwrap_err().contains("exactly 1000000000000000000000 wei")
    );
    assert!(send(&mut w, who(9), Amount::ZERO, &text).unwrap_err().contains("0 wei were sent"));
    let vote = I::voteCall { id: U256::MAX, choice: 1 }.abi_encode();
    assert!(send(&mut w, who(5), Amount::ZERO, &vote).unwrap_err().contains("there is no proposal "));
    assert!(send(&mut w, who(5), Amount::ONE_DEF, &vote).unwrap_err().contains("takes no value"));
    assert!(send(&mut w, who(5), Amount::ZERO, &vote[..40]).unwrap_err().contains("do not decode"));
    let huge = I::proposeParameterCall {
        module: "governance".to_owned(),
        key: "deposit".to_owned(),
        value: U256::from(1) << 128,
        description: "x".to_owned(),
    };
    assert!(send(&mut w, who(9), DEPOSIT, &huge.abi_encode()).unwrap_err().contains("below 2^128"));
    let pool = I::proposeSpendingCall { pool: 9, to: who(7), amount: U256::from(5), description: "x".to_owned() };
    assert!(send(&mut w, who(9), DEPOSIT, &pool.abi_encode()).unwrap_err().contains("no pool 9"));
    assert_eq!(w.pool(Pool::Governance), Amount::ZERO);
}

#[test]
fn proposals_are_made_by_plain_calls_alone() {
    let input = I::proposeTextCall { description: "x".to_owned() }.abi_encode();
    for how in [Reached { plain: false, is_static: false }, Reached { plain: true, is_static: true }] {
        assert!(entry::<App>().function(&input, DEPOSIT, how).is_err());
    }
    // Reads may come by any call.
    let view = I::signersCall {}.abi_encode();
    assert!(entry::<App>().function(&view, Amount::ZERO, Reached { plain: false, is_static: true }).is_ok());
}
