//! The Solidity interface: selectors, encodings, reverts.

use alloy_sol_types::{Revert, SolCall, SolError};
use defchain_base::{
    Address, Amount, BlockEnv, Bytes, StateError, StateRead, StateWrite, U256,
    native::{Host, NativeCall, NativeError, NativeHost, Reached},
    system::{self, Pool},
};
use defchain_validators::{ENTRY, IValidators as abi, TOTAL_POWER, state::ValidatorsRead};

use crate::world::{
    TestHost, VERIFIER, World, bls_secret, consensus_key, consensus_proof, def, first, sign, verifier_address, who,
};

/// The EVM's side of a native call, over the test's block host.
struct Frame<'a>(&'a mut TestHost, Vec<alloy_primitives::Log>);

impl NativeHost for Frame<'_> {
    fn state(&mut self) -> &mut dyn StateWrite {
        self.0
    }

    fn state_ref(&self) -> &dyn StateRead {
        self.0
    }

    fn env(&self) -> &BlockEnv {
        self.0.block()
    }

    fn balance(&mut self, address: Address) -> Result<(Amount, bool), StateError> {
        Ok((Host::balance(self.0, address)?, true))
    }

    fn pay(&mut self, from: Pool, to: Address, amount: Amount) -> Result<bool, StateError> {
        Host::pay(self.0, from, to, amount).map(|()| true)
    }

    fn burn(&mut self, from: Pool, amount: Amount) -> Result<(), StateError> {
        Host::burn(self.0, from, amount)
    }

    fn settle(&mut self, _: Address) -> Result<(Amount, Amount), StateError> {
        Ok((Amount::ZERO, Amount::ZERO))
    }

    fn log(&mut self, log: alloy_primitives::Log) {
        self.1.push(log);
    }
}

fn call<C: SolCall>(w: &mut World, caller: Address, value: Amount, args: &C) -> Result<C::Return, String> {
    let output = raw(w, caller, value, &args.abi_encode(), 10_000_000)?;
    Ok(C::abi_decode_returns(&output).unwrap())
}

fn raw(w: &mut World, caller: Address, value: Amount, input: &[u8], gas: u64) -> Result<Bytes, String> {
    let reason = |e: NativeError| match e {
        NativeError::Revert(data) => Revert::abi_decode(&data).unwrap().reason,
        other => format!("{other:?}"),
    };
    let reached = Reached { plain: true, is_static: false };
    let function = ENTRY.function(input, value, reached).map_err(reason)?;
    w.fund(Pool::Validators, value);
    let checkpoint = w.host.state_mut().checkpoint();
    let mut frame = Frame(&mut w.host, Vec::new());
    let mut native = NativeCall::new(&mut frame, gas, (system::VALIDATORS, caller), value, &input[4..], false);
    let result = native.charge(function.gas).and_then(|()| (function.run)(&mut native));
    let (result, _) = native.finish(result);
    if result.is_err() {
        w.host.state_mut().revert(checkpoint);
        Host::burn(&mut w.host, Pool::Validators, value).unwrap();
    }
    result.map_err(reason)
}

fn registration(w: &mut World, n: u8, code: &str) -> abi::registerCall {
    let attestation = w.attestation(who(n), code);
    abi::registerCall {
        registration: abi::Registration {
            moniker: "Door".to_owned(),
            attestation: abi::SignedAttestation {
                country: attestation.country.code().into(),
                verificationDate: attestation.verification_date,
                expirationDate: attestation.expiration_date,
                nonce: attestation.nonce,
                signature: sign(VERIFIER, &attestation).into(),
            },
            consensusKey: consensus_key(n.into()).into(),
            consensusProof: consensus_proof(n.into(), who(n)).into(),
            blsKey: bls_secret(n.into()).public().to_vec().into(),
            blsProof: bls_secret(n.into()).prove(crate::world::CHAIN, who(n)).to_vec().into(),
            commission: 500,
        },
    }
}

fn world() -> World {
    World::new(vec![first(1, "DE"), first(2, "FR"), first(3, "IT")])
}

#[test]
fn d10_a_wallet_registers_delegates_and_claims_by_calldata_alone() {
    let mut world = world();
    world.block(|w| {
        w.stake(who(9), def(10_000), 4);
        let input = registration(w, 9, "PL");
        assert!(!call(w, who(9), Amount::ZERO, &input).unwrap());
        let id = call(w, who(50), def(30), &abi::delegateCall { operator: who(9), term: U256::from(12) }).unwrap();
        assert_eq!(id, U256::ZERO);
        let queued = registration(w, 8, "PL");
        w.stake(who(8), def(10_000), 4);
        assert!(call(w, who(8), Amount::ZERO, &queued).unwrap());
    });
    world.boundary();
    world.block(|w| {
        w.reward(who(9), def(7));
        let claim = abi::claimRewardsCall { owner: who(50), position: U256::ZERO };
        let paid = call(w, who(51), Amount::ZERO, &claim).unwrap();
        assert_eq!(w.spendable(who(50)).to_u256(), paid, "anyone may call, the owner is paid");
        assert_eq!(w.spendable(who(51)), Amount::ZERO);
        let owed = call(w, who(9), Amount::ZERO, &abi::claimCommissionCall { operator: who(9) }).unwrap();
        assert_eq!(w.spendable(who(9)).to_u256(), owed);
        call(w, who(50), Amount::ZERO, &abi::unbindCall { position: U256::ZERO }).unwrap();
        let attest = abi::attestCall { attestation: registration(w, 9, "PL").registration.attestation };
        call(w, who(9), Amount::ZERO, &attest).unwrap();
        let rotate =
            abi::rotateKeyCall { newKey: consensus_key(109).into(), proof: consensus_proof(109, who(9)).into() };
        call(w, who(9), Amount::ZERO, &rotate).unwrap();
        call(w, who(9), Amount::ZERO, &abi::exitCall {}).unwrap();
    });
    assert!(world.record(who(9)).leaving);
}

#[test]
fn views_show_what_state_holds() {
    let mut world = world();
    world.blocks(4);
    world.block(|w| {
        let found = call(w, who(50), Amount::ZERO, &abi::validatorCall { operator: who(1) }).unwrap();
        assert_eq!((found.country.0, found.status, found.seat, found.commission), (*b"DE", 1, true, 1_000));
        assert_eq!((found.ownStake, found.ownWeight), (def(10_000).to_u256(), def(40_000).to_u256()));
        assert_eq!(found.blsKey.as_ref(), bls_secret(1).public());
        let page = abi::operatorsCall { cursor: who(1), limit: U256::MAX };
        assert_eq!(call(w, who(50), Amount::ZERO, &page).unwrap(), [who(2), who(3)]);
        let seat = abi::seatOfCall { country: (*b"DE").into() };
        assert_eq!(call(w, who(50), Amount::ZERO, &seat).unwrap(), who(1));
        let hongkong = abi::seatOfCall { country: (*b"HK").into() };
        let refused = call(w, who(50), Amount::ZERO, &hongkong).unwrap_err();
        assert!(refused.contains("special administrative region of China"), "{refused}");
        let name = abi::jurisdictionCall { country: (*b"VA").into() };
        assert_eq!(call(w, who(50), Amount::ZERO, &name).unwrap(), "Holy See");
        let powers = call(w, who(50), Amount::ZERO, &abi::votingPowersCall {}).unwrap();
        assert_eq!(powers.powers.iter().sum::<u64>(), TOTAL_POWER);
        let epoch = call(w, who(50), Amount::ZERO, &abi::epochCall {}).unwrap();
        assert_eq!((epoch.number, epoch.start, epoch.end), (0, 1, 11));
        let open = call(w, who(50), Amount::ZERO, &abi::chainOpenCall {}).unwrap();
        assert!(open.open && open.threshold == 1);
        let done = call(w, who(50), Amount::ZERO, &abi::performanceCall { operator: who(1) }).unwrap();
        assert_eq!((done.proposed, done.signed, done.missed), (5, 4, 0));
        let verifier = abi::verifierCall { account: verifier_address(VERIFIER) };
        let verifier = call(w, who(50), Amount::ZERO, &verifier).unwrap();
        assert!(verifier.accredited && verifier.name == "Test");
        let nonce = abi::nonceUsedCall { account: verifier_address(VERIFIER), nonce: U256::from(1) };
        assert!(!call(w, who(50), Amount::ZERO, &nonce).unwrap());
        let domain = call(w, who(50), Amount::ZERO, &abi::attestationDomainCall {}).unwrap();
        assert_eq!(domain, defchain_geo::attestation::domain(crate::world::CHAIN).separator());
        let address = defchain_base::ConsensusAddress::of_ed25519(&consensus_key(1));
        let of = abi::operatorOfCall { consensusAddress: address.0.into() };
        assert_eq!(call(w, who(50), Amount::ZERO, &of).unwrap(), who(1));
        let queue = abi::queueOfCall { country: (*b"DE").into(), limit: U256::from(5) };
        assert!(call(w, who(50), Amount::ZERO, &queue).unwrap().is_empty());
        let rewards = abi::rewardsCall { owner: who(1), position: U256::ZERO };
        assert_eq!(call(w, who(50), Amount::ZERO, &rewards).unwrap(), U256::ZERO);
    });
}

#[test]
fn bad_calls_revert_with_their_reason() {
    let mut world = world();
    world.block(|w| {
        let nobody = call(w, who(50), Amount::ZERO, &abi::validatorCall { operator: who(50) }).unwrap_err();
        assert!(nobody.contains("is no validator's operator"), "{nobody}");
        let value = call(w, who(50), def(1), &abi::exitCall {}).err().unwrap();
        assert!(value.contains("takes no value"), "{value}");
        let short = raw(w, who(50), Amount::ZERO, &abi::bindCall::SELECTOR, 1_000_000).unwrap_err();
        assert!(short.contains("0 bytes of arguments do not decode"), "{short}");
        let huge = call(w, who(50), Amount::ZERO, &abi::unbindCall { position: U256::MAX }).err().unwrap();
        assert!(huge.contains("is no number of a position"), "{huge}");
        let term = call(w, who(50), def(1), &abi::delegateCall { operator: who(1), term: U256::MAX }).unwrap_err();
        assert!(term.contains("does not exist: 1 to 12"), "{term}");
        let mut spoiled = registration(w, 9, "PL");
        spoiled.registration.attestation.country = (*b"TW").into();
        let taiwan = call(w, who(9), Amount::ZERO, &spoiled).unwrap_err();
        assert!(taiwan.contains("Taiwan is neither a member nor an observer"), "{taiwan}");
        let spoiled = registration(w, 9, "PL");
        let poor = call(w, who(9), Amount::ZERO, &spoiled).unwrap_err();
        assert!(poor.contains("the minimum is 10000000000000000000000 wei"), "{poor}");
        // Somebody else sends what the verifier signed for the operator.
        let stolen = call(w, who(8), Amount::ZERO, &spoiled).unwrap_err();
        assert!(!stolen.is_empty());
        let gas = raw(w, who(9), Amount::ZERO, &spoiled.abi_encode(), 230_000).unwrap_err();
        assert_eq!(gas, "OutOfGas");
    });
    assert!(world.host.validator(who(9)).unwrap().is_none());
}
