//! The functions as the EVM calls them: metered, with a caller and value.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests"
)]

#[path = "../../staking/tests/common/mod.rs"]
mod common;

use alloy_primitives::Log;
use alloy_sol_types::{Revert, SolCall, SolError};
use common::{ALICE, BOB, TestHost, World, def};
use defchain_base::{
    Address, Amount, BlockEnv, Bytes, StateError, StateRead, StateWrite, U256,
    native::{Host, NativeCall, NativeError, NativeHost, SystemEntry},
    system::Pool,
};
use defchain_dividends::{self as dividends, abi::IDividendCalculator};
use defchain_staking::{
    self as staking, StakingParams,
    abi::{IPoDWeight, IStaking, IStakingPositions},
};

/// Lends the test's chain to a native call.
struct Lent<'a>(&'a mut TestHost);

impl NativeHost for Lent<'_> {
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
        Ok(Default::default())
    }

    fn log(&mut self, log: Log) {
        Host::emit(self.0, log).unwrap();
    }
}

struct Called {
    result: Result<Bytes, NativeError>,
    gas: u64,
}

impl Called {
    fn reason(&self) -> String {
        match &self.result {
            Err(NativeError::Revert(bytes)) => Revert::abi_decode(bytes).unwrap().reason,
            other => panic!("{other:?}"),
        }
    }
}

fn call(world: &mut World, entry: &SystemEntry, caller: Address, value: Amount, input: &[u8], gas: u64) -> Called {
    let checkpoint = world.host.state_mut().checkpoint();
    if !value.is_zero() {
        world.host.deposit(caller, Pool::Staking, value).unwrap();
    }
    let function = entry.functions().iter().find(|f| input.starts_with(&f.selector)).unwrap();
    let mut lent = Lent(&mut world.host);
    let mut call = NativeCall::new(&mut lent, gas, (entry.address, caller), value, &input[4..], false);
    let result = call.charge(function.gas).and_then(|()| (function.run)(&mut call));
    let (result, left) = call.finish(result);
    if result.is_err() {
        world.host.state_mut().revert(checkpoint);
    }
    Called { result, gas: gas - left }
}

fn begin(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::begin(host).map_err(|e| e.to_string())
}

fn end(host: &mut TestHost) -> Result<(), String> {
    dividends::lifecycle::end(host).map_err(|e| e.to_string())
}

fn act<C: SolCall>(world: &mut World, caller: Address, value: Amount, args: &C) -> Called {
    call(world, &dividends::ENTRY, caller, value, &args.abi_encode(), 2_000_000)
}

fn done<C: SolCall>(world: &mut World, caller: Address, value: Amount, args: &C) -> (C::Return, u64) {
    let called = act(world, caller, value, args);
    (C::abi_decode_returns(&called.result.unwrap()).unwrap(), called.gas)
}

fn view<C: SolCall>(world: &mut World, entry: &SystemEntry, args: &C) -> C::Return {
    let called = call(world, entry, BOB, Amount::ZERO, &args.abi_encode(), 2_000_000);
    C::abi_decode_returns(&called.result.unwrap()).unwrap()
}

#[test]
fn a_stake_lives_through_the_functions_of_its_interface() {
    let mut world = World::with(StakingParams::default(), begin, end);
    world.fund(ALICE, def(20_000));
    world.fill(Pool::Dividend, def(1_000));
    let (ids, gas) = done(&mut world, ALICE, def(10_000), &IStaking::stakeCall { numYears: U256::from(4) });
    assert_eq!((ids.id, ids.attentionId), (U256::ZERO, U256::ONE));
    assert!(gas < 200_000, "{gas}");
    let (ids, gas) = done(&mut world, ALICE, def(5_000), &IStaking::stakeCall { numYears: U256::from(12) });
    assert_eq!((ids.id, ids.attentionId), (U256::from(2), U256::MAX));
    assert!(gas < 120_000, "{gas}");

    let wei = |n: u64| def(n).to_u256();
    let weight = view(&mut world, &staking::POD_WEIGHT_ENTRY, &IPoDWeight::calculatePoDWeightCall { account: ALICE });
    assert_eq!(weight, wei(9_900 * 4 + 100 * 12 + 5_000 * 12));
    let positions =
        view(&mut world, &staking::POSITIONS_ENTRY, &IStakingPositions::getStakingPositionsCall { account: ALICE });
    assert_eq!(positions.len(), 3);
    let start = U256::from(world.env.time.seconds());
    assert_eq!((positions[1].amount, positions[1].year, positions[1].startTime), (wei(100), U256::from(12), start));
    let totals = view(&mut world, &dividends::ENTRY, &IStaking::totalsCall {});
    assert_eq!((totals.staked, totals.positions), (wei(15_000), U256::from(3)));
    assert_eq!((totals.beta, totals.betaPoD), (wei(9_900 * 4 + 5_100 * 20), weight));

    world.reach_month(202_603);
    let dividends =
        view(&mut world, &dividends::CALCULATOR_ENTRY, &IDividendCalculator::calculateDividendsCall { account: ALICE });
    let id = |n: u64| U256::from(n);
    let of = IStaking::dividendOfCall { owner: ALICE, id: id(2) };
    assert_eq!(view(&mut world, &dividends::ENTRY, &of), dividends[2]);
    let (paid, gas) = done(&mut world, ALICE, Amount::ZERO, &IStaking::claimDividendsCall { id: id(2) });
    assert_eq!(paid, dividends[2]);
    assert!(gas < 60_000, "{gas}");
    let (paid, _) = done(&mut world, BOB, Amount::ZERO, &IStaking::claimAllDividendsForCall { owner: ALICE });
    assert_eq!(paid, dividends[0] + dividends[1], "anyone may, and the owner is paid (D26a)");
    assert_eq!(world.balance(BOB), Amount::ZERO);
    let month = view(&mut world, &dividends::ENTRY, &IStaking::monthOfCall { month: U256::from(202_603) });
    assert_eq!((month.pool, month.claimed), (wei(1_000), dividends.iter().sum()));
    let (paid, gas) = done(&mut world, BOB, Amount::ZERO, &IStaking::withdrawForCall { owner: ALICE, id: id(0) });
    assert_eq!(paid, wei(9_900) / U256::from(48));
    assert!(gas < 100_000, "{gas}");
    let info = view(&mut world, &dividends::ENTRY, &IStaking::positionCall { owner: ALICE, id: id(0) });
    assert_eq!((info.claimedStaking, info.lastClaimed, info.withdrawable), (paid, U256::from(202_603), U256::ZERO));
    done(&mut world, ALICE, Amount::ZERO, &IStaking::extendCall { id: id(0), numYears: U256::from(8) });
    done(&mut world, ALICE, Amount::ZERO, &IStaking::setAutoCompoundCall { id: id(0), on: true });
    let ids = view(&mut world, &dividends::ENTRY, &IStaking::positionIdsCall { owner: ALICE });
    assert_eq!(ids, [id(0), id(1), id(2)]);
    world.check();
}

#[test]
fn refusals_carry_their_figures_and_write_nothing() {
    let mut world = World::with(StakingParams::default(), begin, end);
    world.fund(ALICE, def(10));
    let zero = Amount::ZERO;
    let stake = |years: u64| IStaking::stakeCall { numYears: U256::from(years) };
    let nothing = act(&mut world, ALICE, zero, &stake(4)).reason();
    assert_eq!(nothing, "0 wei is too little to stake: at least 1000000000000000000 wei");
    let long = act(&mut world, ALICE, def(5), &stake(13)).reason();
    assert_eq!(long, "a term of 13 years does not exist: 1 to 12");
    let huge = act(&mut world, ALICE, def(5), &IStaking::stakeCall { numYears: U256::MAX }).reason();
    assert_eq!(huge, format!("a term of {} years does not exist: 1 to 12", U256::MAX));
    let other = act(&mut world, BOB, zero, &IStaking::unlockCall { id: U256::MAX }).reason();
    assert!(other.ends_with(&format!("has no open position {}", U256::MAX)), "{other}");
    world.stake(BOB, def(48), 12);
    world.reach_month(202_602);
    let over = IStaking::withdrawPartCall { id: U256::ZERO, amount: U256::MAX };
    let over = act(&mut world, BOB, zero, &over).reason();
    assert_eq!(over, format!("the amount is {} wei: below 2^128", U256::MAX));
    let short = call(&mut world, &dividends::ENTRY, ALICE, zero, &IStaking::unlockCall::SELECTOR, 100_000).reason();
    assert!(short.contains("0 bytes of arguments"), "{short}");
    let poor = call(&mut world, &dividends::ENTRY, ALICE, def(5), &stake(4).abi_encode(), 60_000);
    assert_eq!((poor.result, poor.gas), (Err(NativeError::OutOfGas), 60_000));
    assert_eq!((world.balance(ALICE), world.pool(Pool::Staking)), (def(10), def(48)));
    world.check();
}
